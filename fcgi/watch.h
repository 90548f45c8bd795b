/*
 * What the watchdog is made of.  One thread runs its tasks one after the other, each when it is
 * due; every wait of a task has a limit.
 */
#ifndef MIZAN_FCGI_WATCH_H
#define MIZAN_FCGI_WATCH_H

#include <sys/types.h>

#include "app.h"
#include "ops/tail.h"

struct watchdog {
	struct app app;
	struct pg *pg;

	/* watch_log.c; log NULL: nothing is to be counted */
	struct tail *log;
	char host[256];
	struct log_place place;
	bool place_known;
	struct err trouble; /* what keeps it from counting; rc RC_OK: nothing */
	int64_t backoff_ms;

	pid_t rollback_pid; /* watch_rollback.c: the runner that it started, 0: none */
};

/* Do what there is to do; milliseconds until there may be more, 0: there is. */
typedef int64_t watch_fn(struct watchdog *w);

watch_fn watch_log;    /* watch_log.c: count what nginx has logged */
watch_fn watch_forget; /* watch_keep.c: remove what is past keeping */
watch_fn watch_sum_up; /* watch_keep.c: keep GET /metrics cheap */

watch_fn watch_rollback; /* watch_rollback.c: have ROLLBACK_COMMAND run when that was decided */

#define ROLLBACK_RUN_OPTION "--run-rollback" /* BUILD: for watch_rollback.c alone */

/* rollback_run.c: main's part where that option is given; the exit status. */
int rollback_run(const char *build_id);

#endif
