/* Alerts: their messages on the way out, and what operators see and silence (SPEC §10). */
#ifndef MIZAN_STORE_ALERT_H
#define MIZAN_STORE_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "pg/pg.h"

/* A message on its way out.  The texts live in rows. */
struct alert_delivery {
	const char *id, *alert_id, *rule;
	const char *channel, *event;
	const char *snapshot; /* JSON: the alert as it was */
	int64_t attempts;     /* this one included */
	struct pg_result *rows;
};

/*
 * Lease the next message that is due on one of these channels ("{slack_alerts,pagerduty}").
 * RC_OK: *ret is the caller's to alert_delivery_free(), and to end within the lease with one of
 * the three functions below; else it is leased again, by whoever asks.
 * RC_NOT_FOUND: none is due; *e is not filled.
 */
enum rc alert_delivery_claim(struct pg *pg, const char *channels, int64_t lease_seconds,
    struct alert_delivery *ret, struct err *e) MUST_CHECK;
void alert_delivery_free(struct alert_delivery *d);

/* The other side has it. */
enum rc alert_delivery_done(
    struct pg *pg, const struct alert_delivery *d, struct err *e) MUST_CHECK;

/* Try it again in wait_ms; whole_channel: and nothing else on its channel before that. */
enum rc alert_delivery_failed(struct pg *pg, const struct alert_delivery *d, const char *why,
    int64_t wait_ms, bool whole_channel, struct err *e) MUST_CHECK;

/* Never again. */
enum rc alert_delivery_refused(
    struct pg *pg, const struct alert_delivery *d, const char *why, struct err *e) MUST_CHECK;

/* What was given up, as `each` is told it; snapshot is NULL. */
typedef void alert_given_up_fn(const struct alert_delivery *d);

/* Give up the messages that nobody took for a day, whatever their channel. */
enum rc alert_deliveries_give_up(struct pg *pg, alert_given_up_fn *each, struct err *e) MUST_CHECK;

struct alert_filter {
	const char *rules; /* JSON list of what to tell of each rule: {"rule": name, ...} */
	const char *state; /* pending, firing, resolved, current (both former) or "": all */
	const char *rule;  /* "": all */
	const char *limit, *cursor;
};

/* Answers as JSON, added to out.  RC_NOT_FOUND: "alert_not_found", "silence_not_found". */
enum rc alert_list(
    struct pg *pg, const struct alert_filter *f, struct buf *out, struct err *e) MUST_CHECK;
enum rc alert_get(struct pg *pg, const char *id, struct buf *out, struct err *e) MUST_CHECK;
enum rc alert_silence(struct pg *pg, const char *rule, int64_t minutes, const char *reason,
    const char *who, struct buf *out, struct err *e) MUST_CHECK;
enum rc alert_silence_end(
    struct pg *pg, const char *id, const char *who, struct buf *out, struct err *e) MUST_CHECK;

#endif
