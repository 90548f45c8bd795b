/*
 * What the watchdog is made of.  One thread runs its tasks one after the other, each when it is
 * due; every wait of a task has a limit.
 */
#ifndef MIZAN_FCGI_WATCH_H
#define MIZAN_FCGI_WATCH_H

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
};

/* Do what there is to do; milliseconds until there may be more, 0: there is. */
typedef int64_t watch_fn(struct watchdog *w);

watch_fn watch_log;    /* watch_log.c: count what nginx has logged */
watch_fn watch_forget; /* watch_keep.c: remove what is past keeping */
watch_fn watch_sum_up; /* watch_keep.c: keep GET /metrics cheap */

#endif
