/* The pilot's run-time kill switch (SPEC §11): one row, seen by every process at once. */
#ifndef MIZAN_STORE_PILOT_H
#define MIZAN_STORE_PILOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"
#include "pg/pg.h"

struct pilot_switch {
	bool enabled;
	char reason[4 * TEXT_MAX_REASON + 1];
	char changed_by[64];
	char changed_at[32]; /* RFC 3339 UTC */
	int64_t revision;    /* another after every change */
};

enum rc pilot_get(struct pg *pg, struct pilot_switch *ret, struct err *e) MUST_CHECK;

struct pilot_flip {
	bool enabled;
	const char *reason, *who;
	const char *tenant_id; /* the pilot's: whose audit log tells of it */
	const char *revisions; /* NULL, or "{1,2}": only if its revision is one of these */
};

/*
 * Flip it; the audit log gets its row in the same transaction.  *ret is the switch after.
 * RC_CONFLICT "precondition_failed": its revision is another; the message says who changed it, and
 * nothing is.
 */
enum rc pilot_set(struct pg *pg, const struct pilot_flip *flip, struct pilot_switch *ret,
    struct err *e) MUST_CHECK;

/* What the pilot used and skipped within the hour, counted as its guards count (SPEC §11). */
struct pilot_hour {
	int64_t invoices, incidents; /* used of the two limits */
	int64_t skipped_jobs;
	int64_t skipped_incident_budget, skipped_pilot_disabled; /* incidents that were due */
};

enum rc pilot_hour(
    struct pg *pg, const char *tenant_id, struct pilot_hour *ret, struct err *e) MUST_CHECK;

#endif
