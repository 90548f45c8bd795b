#include "store/samples.h"

static const char sql_samples[] = "select name, label, sublabel, value from metric_samples($1)"
				  " union all"
				  " select name, label, sublabel, value from alert_samples()"
				  " order by name, label, sublabel";
static const char sql_sum_up[] = "select metrics_sum_up()";

enum rc samples_load(struct pg *pg, const char *pilot_tenant, struct samples *ret, struct err *e)
{
	struct pg_query q = { .sql = sql_samples, .n = 1, .params = { PG_TEXT(pilot_tenant) } };
	struct pg_result *rows = NULL;
	enum rc rc = pg_run(pg, &q, 1, &rows, e);

	if (rc == RC_OK)
		*ret = (struct samples){ .rows = rows, .n = pg_rows(rows) };
	return rc;
}

struct sample samples_at(const struct samples *s, size_t i)
{
	return (struct sample){
		.name = pg_text(s->rows, i, 0),
		.label = pg_text(s->rows, i, 1),
		.sublabel = pg_text(s->rows, i, 2),
		.value = pg_text(s->rows, i, 3),
	};
}

void samples_free(struct samples *s)
{
	pg_result_free(s->rows);
	*s = (struct samples){ .n = 0 };
}

enum rc samples_sum_up(struct pg *pg, bool *ret_more, struct err *e)
{
	struct pg_query q = { .sql = sql_sum_up, .expect = PG_EXPECT_ONE };
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK)
		*ret_more = pg_bool(res, 0, 0);
	pg_result_free(res);
	return rc;
}
