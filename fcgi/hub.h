/*
 * Where requests wait for their jobs without a database connection each: one connection of the
 * process listens on its reply channel, and wakes whoever waits for the job that it names.  It
 * also announces new jobs to the workers, many with one NOTIFY.  Both are hints (ARCHITECTURE):
 * a waiter looks by itself from time to time, and so do the workers.
 */
#ifndef MIZAN_FCGI_HUB_H
#define MIZAN_FCGI_HUB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/err.h"
#include "core/random.h"

struct hub;

/* One waiting request.  Lives on the waiter's stack between hub_enter() and hub_leave(). */
struct hub_waiter {
	struct hub_waiter *next, **link;
	pthread_cond_t cond;
	char job_id[RANDOM_UUID_TEXT];
	bool woken;
};

/* Starts the hub's thread. */
enum rc hub_start(struct hub **ret, const struct config *cfg, struct err *e) MUST_CHECK;

/* The channel that jobs of this process name as theirs. */
const char *hub_channel(const struct hub *hub);

/* From now on a notification for job_id wakes w. */
void hub_enter(struct hub *hub, struct hub_waiter *w, const char *job_id);
void hub_leave(struct hub *hub, struct hub_waiter *w);

/* Wait until w is woken, at most ms; false when hub_stop() was called: do not wait again. */
bool hub_wait(struct hub *hub, struct hub_waiter *w, int64_t ms);

/*
 * Do so many wait that those who only want to look, or to upload, could be left without a
 * thread?  Then do not wait: three quarters of FCGI_THREADS are for waiting.
 */
bool hub_crowded(struct hub *hub);

/* Tell the workers, soon, that there are new jobs.  Never blocks. */
void hub_announce(struct hub *hub);

/* End every wait, now and later. */
void hub_stop(struct hub *hub);

/* After hub_stop(), when nobody waits any more. */
void hub_free(struct hub *hub);

#endif
