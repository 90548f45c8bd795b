#include "store/days.h"

enum { MAX_TEXT = 64 << 20 };

static const char sql_summaries[] =
    "select moved, lines, uncounted from run_summaries_next(clock_timestamp(), $1::uuid)";
static const char sql_keep[] = "select daily_figures_keep()";

enum rc days_write_summaries(
    struct pg *pg, const char call[RANDOM_UUID_TEXT], struct days_written *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql_summaries,
		.expect = PG_EXPECT_ONE,
		.n = 1,
		.params = { PG_TEXT(call) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc != RC_OK)
		return rc;
	*ret = (struct days_written){ .moved = pg_bool(res, 0, 0) };
	buf_init(&ret->lines, MAX_TEXT);
	buf_init(&ret->uncounted, MAX_TEXT);
	buf_adds(&ret->lines, pg_text(res, 0, 1));
	buf_adds(&ret->uncounted, pg_text(res, 0, 2));
	pg_result_free(res);
	if (buf_broken(&ret->lines) || buf_broken(&ret->uncounted)) {
		days_written_free(ret);
		return err_no_memory(e);
	}
	return RC_OK;
}

void days_written_free(struct days_written *d)
{
	buf_free(&d->lines);
	buf_free(&d->uncounted);
}

enum rc days_keep_figures(struct pg *pg, bool *ret_more, struct err *e)
{
	struct pg_query q = { .sql = sql_keep, .expect = PG_EXPECT_ONE };
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK)
		*ret_more = pg_bool(res, 0, 0);
	pg_result_free(res);
	return rc;
}
