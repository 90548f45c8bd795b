/*
 * What an alert says in a chat and to a pager.  Pure: made of the snapshot alone, which was taken
 * with the decision (alert_deliveries.snapshot), so that a late message tells what was.
 *
 * The snapshot may hold text of strangers (names of failing checks as a proxy sent them): it is
 * cut to size, escaped, and on one line.
 */
#ifndef MIZAN_OPS_ALERT_MESSAGE_H
#define MIZAN_OPS_ALERT_MESSAGE_H

#include "core/buf.h"
#include "core/err.h"

/* Slack's and PagerDuty's own limits, in characters; ours are in bytes, and so never larger. */
enum {
	SLACK_MAX_SECTION = 3000,
	PAGERDUTY_MAX_SUMMARY = 1024,
	PAGERDUTY_MAX_DEDUP_KEY = 255,
};

struct alert_message {
	const char *snapshot;     /* JSON; "note" (optional): one more line */
	const char *public_url;   /* of the pages; NULL: no link */
	const char *runbook_url;  /* NULL: the file is named */
	const char *pilot_tenant; /* for the commands */
};

/*
 * The body of a POST to an incoming webhook, added to out.
 * RC_INVALID "invalid_snapshot": there is no message in it.  RC_UNAVAILABLE: out of memory.
 */
enum rc alert_message_slack(
    const struct alert_message *m, struct buf *out, struct err *e) MUST_CHECK;

/*
 * Likewise of the Events API v2: a trigger, or once it is resolved a resolve, both with the
 * dedup_key "mizan-RULE-ALERT".  It holds the routing key, a secret.
 */
enum rc alert_message_pagerduty(const struct alert_message *m, const char *routing_key,
    struct buf *out, struct err *e) MUST_CHECK;

#endif
