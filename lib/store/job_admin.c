#include "store/job_admin.h"

#include <stdio.h>
#include <string.h>

#include "store/answer.h"

#define NUMBER_TEXT 24

static const char sql_list[] =
    "select job_list(nullif($1, ''), nullif($2, ''), $3::boolean, nullif($4, ''), $5::integer,"
    " nullif($6, ''), $7::integer)";

static const char sql_counts[] = "select job_counts(nullif($1, ''), $2::integer)";

static const char sql_detail[] = "select job_detail(nullif($1, ''), $2::uuid, $3::integer)";

static const char sql_change[] =
    "select code from change_jobs($1, nullif($2, ''), array[$3::uuid], $4)";

static const char sql_summary[] =
    "select job_summary(j, job_is_stuck(j, $3::integer, queue_is_consumed($3::integer)))"
    " from jobs j where id = $2::uuid and tenant_id = coalesce(nullif($1, ''), tenant_id)";

static const char sql_change_many[] =
    "select change_many_jobs($1, nullif($2, ''), $3::uuid[], $4, $5)";

static const char *const verbs[] = { [JOB_CANCEL] = "cancel", [JOB_RETRY] = "retry" };

static const char *number(char text[NUMBER_TEXT], int64_t n)
{
	(void)snprintf(text, NUMBER_TEXT, "%lld", (long long)n);
	return text;
}

enum rc job_list(struct pg *pg, const struct job_filter *f, struct buf *out, struct err *e)
{
	char stuck[NUMBER_TEXT];
	struct pg_query q = {
		.sql = sql_list,
		.n = 7,
		.params = { PG_TEXT(f->tenant_id), PG_TEXT(f->state),
		    PG_TEXT(f->stuck ? "true" : "false"), PG_TEXT(f->text), PG_TEXT(f->limit),
		    PG_TEXT(f->cursor), PG_TEXT(number(stuck, f->stuck_minutes)) },
	};

	return store_answer(pg, &q, out, e);
}

enum rc job_counts(
    struct pg *pg, const char *tenant_id, int64_t stuck_minutes, struct buf *out, struct err *e)
{
	char stuck[NUMBER_TEXT];
	struct pg_query q = {
		.sql = sql_counts,
		.n = 2,
		.params = { PG_TEXT(tenant_id), PG_TEXT(number(stuck, stuck_minutes)) },
	};

	return store_answer(pg, &q, out, e);
}

static enum rc not_found(struct err *e)
{
	return err_set(e, RC_NOT_FOUND, "job_not_found", "there is no such job");
}

enum rc job_detail(struct pg *pg, const char *tenant_id, const char *id, int64_t stuck_minutes,
    struct buf *out, struct err *e)
{
	char stuck[NUMBER_TEXT];
	struct pg_query q = {
		.sql = sql_detail,
		.n = 3,
		.params = { PG_TEXT(tenant_id), PG_TEXT(id),
		    PG_TEXT(number(stuck, stuck_minutes)) },
	};
	enum rc rc = store_answer(pg, &q, out, e);

	return rc == RC_NOT_FOUND ? not_found(e) : rc;
}

static enum rc refused(const char *code, enum job_verb verb, struct err *e)
{
	if (strcmp(code, "job_not_found") == 0)
		return not_found(e);
	if (strcmp(code, "document_expired") == 0)
		return err_set(e, RC_CONFLICT, code,
		    "the document was kept for as long as it had to be; upload it again to have it read");
	return err_set(e, RC_CONFLICT, code, "%s",
	    verb == JOB_CANCEL ? "the job has ended already"
			       : "only jobs that failed, were skipped or cancelled can be retried");
}

enum rc job_change(struct pg *pg, enum job_verb verb, const char *tenant_id, const char *id,
    const char *actor, int64_t stuck_minutes, struct buf *out, struct err *e)
{
	char stuck[NUMBER_TEXT];
	struct pg_query q[2] = {
		{ .sql = sql_change,
		    .expect = PG_EXPECT_ONE,
		    .n = 4,
		    .params = { PG_TEXT(verbs[verb]), PG_TEXT(tenant_id), PG_TEXT(id),
			PG_TEXT(actor) } },
		{ .sql = sql_summary,
		    .expect = PG_EXPECT_OPTIONAL,
		    .n = 3,
		    .params = { PG_TEXT(tenant_id), PG_TEXT(id),
			PG_TEXT(number(stuck, stuck_minutes)) } },
	};
	struct pg_result *res[2] = { NULL, NULL };
	enum rc rc = pg_run(pg, q, 2, res, e);

	if (rc == RC_OK && !pg_is_null(res[0], 0, 0))
		rc = refused(pg_text(res[0], 0, 0), verb, e);
	if (rc == RC_OK)
		buf_adds(out, pg_text(res[1], 0, 0));
	pg_result_free(res[0]);
	pg_result_free(res[1]);
	return rc;
}

enum rc job_change_many(struct pg *pg, enum job_verb verb, const char *tenant_id, const char *ids,
    const char *state, const char *actor, struct buf *out, struct err *e)
{
	struct pg_query q = {
		.sql = sql_change_many,
		.n = 5,
		.params = { PG_TEXT(verbs[verb]), PG_TEXT(tenant_id), PG_TEXT(ids), PG_TEXT(state),
		    PG_TEXT(actor) },
	};

	return store_answer(pg, &q, out, e);
}
