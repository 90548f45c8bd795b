/* Jobs as operators see and change them: JSON that the database puts together (sql/0012). */
#ifndef MIZAN_STORE_JOB_ADMIN_H
#define MIZAN_STORE_JOB_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "pg/pg.h"

/* "" for a tenant is every tenant, here and below; for any other text no filter. */
struct job_filter {
	const char *tenant_id, *state, *text;
	bool stuck;
	const char *limit, *cursor; /* of lib/http/page.h; cursor with its UUID */
	int64_t stuck_minutes;
};

/* A page of jobs, newest first: {"jobs":[...],"next_cursor":...}. */
enum rc job_list(
    struct pg *pg, const struct job_filter *filter, struct buf *out, struct err *e) MUST_CHECK;

/* {"queued":n,...}: how many are in which state. */
enum rc job_counts(struct pg *pg, const char *tenant_id, int64_t stuck_minutes, struct buf *out,
    struct err *e) MUST_CHECK;

/* The result of a job, and what the list says of it.  RC_NOT_FOUND "job_not_found". */
enum rc job_detail(struct pg *pg, const char *tenant_id, const char *id, int64_t stuck_minutes,
    struct buf *out, struct err *e) MUST_CHECK;

enum job_verb { JOB_CANCEL, JOB_RETRY };

/*
 * Cancel or retry one job, with its row of the audit log; out gets its row of the list.
 * RC_NOT_FOUND "job_not_found".  RC_CONFLICT "job_ended" or "job_not_retryable": its state does
 * not allow it, nothing was changed.
 */
enum rc job_change(struct pg *pg, enum job_verb verb, const char *tenant_id, const char *id,
    const char *actor, int64_t stuck_minutes, struct buf *out, struct err *e) MUST_CHECK;

/*
 * Cancel or retry those jobs whose ids are in the array literal `ids` ("{a,b}"), or where that is
 * NULL the oldest 500 in `state`: {"done":[ids],"refused":[{"id","code"}],"remaining":n}.
 */
enum rc job_change_many(struct pg *pg, enum job_verb verb, const char *tenant_id, const char *ids,
    const char *state, const char *actor, struct buf *out, struct err *e) MUST_CHECK;

#endif
