/*
 * Incidents for operators (SPEC §6, §7).  A tenant of "" is every tenant; answers are JSON, added
 * to `out` as the database puts them together.
 */
#ifndef MIZAN_STORE_INCIDENT_H
#define MIZAN_STORE_INCIDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "pg/pg.h"

/* "": not narrowed by that; texts are compared without minding upper and lower case. */
struct incident_filter {
	const char *tenant_id, *status, *severity, *category;
	const char *flag;   /* primary or secondary */
	const char *seller; /* a part of the name or tax id */
	const char *q;      /* a part of seller, tax id, number, file name; or how the id begins */
	const char *limit;  /* digits */
	const char *cursor; /* microseconds, a dot, a UUID */
};

enum rc incident_list(
    struct pg *pg, const struct incident_filter *f, struct buf *out, struct err *e) MUST_CHECK;

/*
 * The detail, and its revision in *ret_revision.  id is a UUID.
 * RC_NOT_FOUND "incident_not_found": not in this tenant.
 */
enum rc incident_get(struct pg *pg, const char *tenant_id, const char *id, struct buf *out,
    int64_t *ret_revision, struct err *e) MUST_CHECK;

/* Who changes which incident, and the revisions that it may have for that. */
struct incident_target {
	const char *tenant_id, *id, *actor;
	const char *revisions; /* "{1,2}"; NULL: any */
};

/*
 * A new status, and with set_note a new note (NULL: none).  RC_OK: the detail afterwards.
 * RC_NOT_FOUND "incident_not_found"; RC_CONFLICT "precondition_failed" (none of the revisions)
 * and "invalid_transition", whose messages name who made the last change and when.
 */
enum rc incident_change(struct pg *pg, const struct incident_target *t, const char *status,
    bool set_note, const char *note, struct buf *out, int64_t *ret_revision,
    struct err *e) MUST_CHECK;

struct incident_feedback {
	const char *action_taken;
	const char *actual_root_cause; /* NULL: none */
	bool was_hint_correct;
	int64_t resolution_time_seconds;
};

/*
 * Feedback, in the place of any that was given before.  As incident_change(), but instead of
 * "invalid_transition" RC_INVALID "incident_not_resolved".
 */
enum rc incident_give_feedback(struct pg *pg, const struct incident_target *t,
    const struct incident_feedback *f, struct buf *out, int64_t *ret_revision,
    struct err *e) MUST_CHECK;

#endif
