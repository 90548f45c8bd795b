#include "store/rollback.h"

#include <stdio.h>

static const char sql_due[] =
    "select build_id from rollbacks where started_at is null and finished_at is null"
    " order by created_at limit 1";

/* Again after a commit whose answer was lost: a row that is this runner's is claimed. */
static const char sql_claim[] =
    "update rollbacks set started_at = coalesce(started_at, clock_timestamp()), runner = $2"
    " where build_id = $1 and finished_at is null"
    "  and (runner = $2 or started_at is null)"
    " returning build_id";

static const char sql_finish[] = "update rollbacks set finished_at = clock_timestamp(),"
				 " exit_status = nullif($3, '')::integer, output = $4"
				 " where build_id = $1 and runner = $2 and finished_at is null";

static const char sql_give_up[] =
    "select build_id, output from rollback_give_up(make_interval(secs => $1::float8))";

enum rc rollback_due(struct pg *pg, char build_id[ROLLBACK_BUILD_ID], struct err *e)
{
	struct pg_query q = { .sql = sql_due, .expect = PG_EXPECT_OPTIONAL };
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && pg_rows(res) == 0)
		rc = err_set(e, RC_NOT_FOUND, "no_rollback", "no rollback was asked for");
	else if (rc == RC_OK)
		(void)snprintf(build_id, ROLLBACK_BUILD_ID, "%s", pg_text(res, 0, 0));
	pg_result_free(res);
	return rc;
}

enum rc rollback_claim(struct pg *pg, const char *build_id, const char *runner, struct err *e)
{
	struct pg_query q = {
		.sql = sql_claim,
		.expect = PG_EXPECT_OPTIONAL,
		.n = 2,
		.params = { PG_TEXT(build_id), PG_TEXT(runner) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && pg_rows(res) == 0)
		rc = err_set(e, RC_NOT_FOUND, "no_rollback", "the rollback is another's");
	pg_result_free(res);
	return rc;
}

enum rc rollback_finish(struct pg *pg, const char *build_id, const char *runner, const char *status,
    const char *output, struct err *e)
{
	struct pg_query q = {
		.sql = sql_finish,
		.n = 4,
		.params = { PG_TEXT(build_id), PG_TEXT(runner), PG_TEXT(status), PG_TEXT(output) },
	};

	return pg_run(pg, &q, 1, NULL, e);
}

enum rc rollback_give_up(struct pg *pg, int64_t seconds, rollback_given_up_fn *each, struct err *e)
{
	char text[24];
	struct pg_query q = { .sql = sql_give_up, .n = 1, .params = { PG_TEXT(text) } };
	struct pg_result *res = NULL;
	enum rc rc;

	(void)snprintf(text, sizeof text, "%lld", (long long)seconds);
	rc = pg_run(pg, &q, 1, &res, e);
	for (size_t i = 0; rc == RC_OK && i < pg_rows(res); i++)
		each(pg_text(res, i, 0), pg_text(res, i, 1));
	pg_result_free(res);
	return rc;
}
