/*
 * The watchdog's statements (sql/0014, 0021): who evaluates, what the rules see, what came of it.
 *
 * Times are microseconds since 1970, 0: none.  `now` is the database's own text of its clock, as
 * watch_lead() gave it, or any time that Postgres can read.
 */
#ifndef MIZAN_STORE_WATCH_H
#define MIZAN_STORE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "pg/pg.h"

#define WATCH_RULES   16 /* at most so many */
#define WATCH_DETAILS 1024
#define WATCH_TIME    40

struct watch_candidate {
	const char *holder;   /* host:pid */
	const char *channels; /* that it has an address for: a Postgres array, "{pagerduty}" */
	bool auto_stop, auto_rollback;
};

/*
 * RC_OK: *ret_leads: this watchdog evaluates for the next 20 seconds, as the one before has not
 * been heard of for that long, or is this one; and the time.
 */
enum rc watch_lead(struct pg *pg, const struct watch_candidate *c, bool *ret_leads,
    char ret_now[WATCH_TIME], struct err *e) MUST_CHECK;
/* Lead no more; another may at once. */
enum rc watch_resign(struct pg *pg, const char *holder, struct err *e) MUST_CHECK;

/* Keep samples of readiness: a JSON list of {"age_ms", "http_status", "ready", "failing_checks",
 * "build_id", "latency_ms"}. */
enum rc watch_sample(struct pg *pg, const char *samples_json, struct err *e) MUST_CHECK;
/* Remove some of the samples that are past keeping; *ret_more: there may be others. */
enum rc watch_forget_samples(struct pg *pg, bool *ret_more, struct err *e) MUST_CHECK;

/* What one rule sees, and its current alert. */
struct watch_sight {
	char rule[24];
	int64_t n, part, whole, ours; /* as struct rule_measure */
	int64_t since;                /* its window's or its state's begin; 0: none */
	char from[32], until[32];     /* RFC 3339; "" for none */
	char details[WATCH_DETAILS];  /* members of a JSON object */
	char alert_id[40];            /* "": there is none, and nothing of what follows */
	char state[12], decision[12];
	int64_t pending_at, fired_at, escalated_at, clear_since, notified_at;
	bool silenced;
};

struct watch_question {
	const char *now, *pilot_tenant;
	bool first_day; /* the baseline is the first day's, once known; else baseline_ms */
	int64_t baseline_ms;
	bool keep_baseline; /* that of the first day, now that it is over, if it is not kept yet */
};

/* RC_OK: ret holds *ret_n sights, one for each rule; *ret_now: now.  Changes nothing else. */
enum rc watch_look(struct pg *pg, const struct watch_question *q,
    struct watch_sight ret[WATCH_RULES], size_t *ret_n, int64_t *ret_now, struct err *e) MUST_CHECK;

struct watch_record {
	const char *holder, *now, *build_id, *config_hash, *pilot_tenant;
	bool auto_stop, auto_rollback;
	const char *changes_json; /* see watch_record() in sql/0021 */
};

struct watch_done {
	char rule[24], alert_id[40];
	char carried_out[8]; /* "advised", "ordered", "done"; "": nothing was decided */
	bool stopped;        /* the pilot was switched off */
	bool nowhere;        /* nothing to tell it on */
};

/*
 * Put down what an evaluation came to, with all that follows from it: all or nothing.
 * RC_CONFLICT: not_leading: another watchdog leads by now; nothing was put down.
 */
enum rc watch_put(struct pg *pg, const struct watch_record *r, struct watch_done ret[WATCH_RULES],
    size_t *ret_n, struct err *e) MUST_CHECK;

#endif
