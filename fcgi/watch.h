/*
 * What the watchdog is made of.  One thread runs its tasks one after the other, each when it is
 * due; every wait of a task has a limit.
 */
#ifndef MIZAN_FCGI_WATCH_H
#define MIZAN_FCGI_WATCH_H

#include <sys/types.h>

#include "app.h"
#include "core/random.h"
#include "ops/blind.h"
#include "ops/probe.h"
#include "ops/tail.h"

enum {
	WATCH_TICKS = 3,    /* an interval between two evaluations has so many */
	WATCH_PROBES = 360, /* kept in memory at most: an hour of them */
};

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
	int64_t caught_up_ms; /* clock_ms() of when that was last said */

	char summary_call[RANDOM_UUID_TEXT]; /* watch_summary.c; "": the latest was answered */

	/* watch_rules.c */
	char holder[300]; /* host:pid */
	int64_t tick_ms;
	bool leads; /* it evaluates, and asks READY_URL */
	bool pending;
	int ticks;                /* since the latest evaluation */
	struct err rules_trouble; /* what keeps it from watching; rc RC_OK: nothing */
	bool has_asked;           /* who leads: at least once */
	bool has_watched;         /* without trouble: at least once */
	bool not_ready_fires;     /* the alert is there, as of the latest evaluation */

	/* watch_ready.c */
	struct web *web;
	bool probe_failed;                 /* READY_URL is of no use */
	struct probe probes[WATCH_PROBES]; /* that the database does not have yet, oldest first */
	size_t probes_n;
	struct blind blind; /* watch_blind.c */

	pid_t rollback_pid; /* watch_rollback.c: the runner that it started, 0: none */

	struct deliverer *deliverer; /* watch_deliver.c */
};

/*
 * watch_deliver.c: alerts on their way to people, in a thread of its own until the process is asked
 * to stop (stop_signal.h).  cfg outlives it.  To be started when nothing else is about to use
 * libcurl for the first time.
 */
struct deliverer;
enum rc watch_deliver_start(
    const struct config *cfg, struct deliverer **ret, struct err *e) MUST_CHECK;
void watch_deliver_stop(struct deliverer *d); /* waits for its end; NULL is fine */

/* Do what there is to do; milliseconds until there may be more, 0: there is. */
typedef int64_t watch_fn(struct watchdog *w);

watch_fn watch_log;       /* watch_log.c: count what nginx has logged */
watch_fn watch_forget;    /* watch_keep.c: remove what is past keeping */
watch_fn watch_sum_up;    /* watch_keep.c: keep GET /metrics cheap */
watch_fn watch_ready;     /* watch_ready.c: ask what clients ask */
watch_fn watch_rules;     /* watch_rules.c: lead or follow; evaluate the rules */
watch_fn watch_summary;   /* watch_summary.c: the run summaries of days that are over */
watch_fn watch_keep_days; /* watch_summary.c: keep what GET /admin/system-health adds up */

/* watch_explain.c: print what the rules see at `time`; the exit status. */
int watch_explain_main(const char *time);

/* watch_blind.c: another probe; blind: nothing is evaluated, so tell from memory what would be. */
void watch_blind(struct watchdog *w, const struct probe *p, bool blind);
/* The rules are evaluated again, by this one or another: take back what was told of it. */
void watch_blind_over(struct watchdog *w);

/* At the end: let another one lead. */
void watch_rules_stop(struct watchdog *w);

watch_fn watch_retention; /* watch_retention.c: empty what was kept for long enough */

watch_fn watch_rollback; /* watch_rollback.c: have ROLLBACK_COMMAND run when that was decided */

#define ROLLBACK_RUN_OPTION "--run-rollback" /* BUILD: for watch_rollback.c alone */

/* rollback_run.c: main's part where that option is given; the exit status. */
int rollback_run(const char *build_id);

#endif
