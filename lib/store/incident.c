#include "store/incident.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/answer.h"

static const char sql_list[] =
    "select incident_list(nullif($1, ''), nullif($2, ''), nullif($3, ''), nullif($4, ''),"
    " nullif($5, ''), nullif($6, ''), nullif($7, ''), $8::integer, nullif($9, ''))";

#define ANSWER                                                                                     \
	"select a.outcome, a.status, a.revision, a.changed_by, a.changed_at, a.incident from "

static const char sql_get[] =
    "select i.revision, incident_detail(i.tenant_id, i.id) from incidents i"
    " where i.id = $2::uuid and ($1 = '' or i.tenant_id = $1)";
static const char sql_change[] =
    ANSWER "change_incident(nullif($1, ''), $2::uuid, $3::integer[], $4, $5::boolean, $6, $7) a";
static const char sql_feedback[] = ANSWER
    "give_feedback(nullif($1, ''), $2::uuid, $3::integer[], $4, $5::boolean, $6, $7::bigint, $8) a";

enum { OUTCOME, STATUS, REVISION, CHANGED_BY, CHANGED_AT, INCIDENT };

enum rc incident_list(
    struct pg *pg, const struct incident_filter *f, struct buf *out, struct err *e)
{
	struct pg_query q = {
		.sql = sql_list,
		.n = 9,
		.params = { PG_TEXT(f->tenant_id), PG_TEXT(f->status), PG_TEXT(f->severity),
		    PG_TEXT(f->category), PG_TEXT(f->flag), PG_TEXT(f->seller), PG_TEXT(f->q),
		    PG_TEXT(f->limit), PG_TEXT(f->cursor) },
	};

	return store_answer(pg, &q, out, e);
}

static enum rc not_found(struct err *e)
{
	return err_set(e, RC_NOT_FOUND, "incident_not_found", "there is no such incident");
}

enum rc incident_get(struct pg *pg, const char *tenant_id, const char *id, struct buf *out,
    int64_t *ret_revision, struct err *e)
{
	struct pg_query q = {
		.sql = sql_get,
		.expect = PG_EXPECT_OPTIONAL,
		.n = 2,
		.params = { PG_TEXT(tenant_id), PG_TEXT(id) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && pg_rows(res) == 0) {
		rc = not_found(e);
	} else if (rc == RC_OK) {
		*ret_revision = pg_int(res, 0, 0);
		buf_adds(out, pg_text(res, 0, 1));
	}
	pg_result_free(res);
	return rc;
}

static enum rc refused(const struct pg_result *res, const char *wanted, struct err *e)
{
	const char *code = pg_text(res, 0, OUTCOME);
	const char *status = pg_text(res, 0, STATUS);
	char who[120] = "nobody has changed it yet";

	if (strcmp(code, "incident_not_found") == 0)
		return not_found(e);
	if (strcmp(code, "incident_not_resolved") == 0)
		return err_set(e, RC_INVALID, code,
		    "feedback is for RESOLVED incidents; this one is %s", status);
	if (!pg_is_null(res, 0, CHANGED_BY))
		(void)snprintf(who, sizeof who, "%s changed it last, at %s",
		    pg_text(res, 0, CHANGED_BY), pg_text(res, 0, CHANGED_AT));
	if (strcmp(code, "precondition_failed") == 0)
		return err_set(e, RC_CONFLICT, code,
		    "the incident is %s at revision %" PRId64 ": %s", status,
		    pg_int(res, 0, REVISION), who);
	if (strcmp(status, wanted) == 0)
		return err_set(e, RC_CONFLICT, code, "the incident is %s already: %s", status, who);
	return err_set(e, RC_CONFLICT, code, "an incident that is %s cannot become %s: %s", status,
	    wanted, who);
}

/* Run a change and take its answer apart; wanted: the status it is to have. */
static enum rc change(struct pg *pg, struct pg_query *q, const char *wanted, struct buf *out,
    int64_t *ret_revision, struct err *e)
{
	struct pg_result *res = NULL;
	enum rc rc;

	q->expect = PG_EXPECT_ONE;
	rc = pg_run(pg, q, 1, &res, e);
	if (rc == RC_OK && pg_is_null(res, 0, INCIDENT)) {
		rc = refused(res, wanted, e);
	} else if (rc == RC_OK) {
		*ret_revision = pg_int(res, 0, REVISION);
		buf_adds(out, pg_text(res, 0, INCIDENT));
	}
	pg_result_free(res);
	return rc;
}

enum rc incident_change(struct pg *pg, const struct incident_target *t, const char *status,
    bool set_note, const char *note, struct buf *out, int64_t *ret_revision, struct err *e)
{
	struct pg_query q = {
		.sql = sql_change,
		.n = 7,
		.params = { PG_TEXT(t->tenant_id), PG_TEXT(t->id), PG_TEXT(t->revisions),
		    PG_TEXT(status), PG_TEXT(set_note ? "true" : "false"), PG_TEXT(note),
		    PG_TEXT(t->actor) },
	};

	return change(pg, &q, status, out, ret_revision, e);
}

enum rc incident_give_feedback(struct pg *pg, const struct incident_target *t,
    const struct incident_feedback *f, struct buf *out, int64_t *ret_revision, struct err *e)
{
	char seconds[24];
	struct pg_query q = {
		.sql = sql_feedback,
		.n = 8,
		.params = { PG_TEXT(t->tenant_id), PG_TEXT(t->id), PG_TEXT(t->revisions),
		    PG_TEXT(f->action_taken), PG_TEXT(f->was_hint_correct ? "true" : "false"),
		    PG_TEXT(f->actual_root_cause), PG_TEXT(seconds), PG_TEXT(t->actor) },
	};

	(void)snprintf(seconds, sizeof seconds, "%" PRId64, f->resolution_time_seconds);
	return change(pg, &q, "", out, ret_revision, e);
}
