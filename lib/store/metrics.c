#include "store/metrics.h"

#include <stdio.h>

#include "store/answer.h"

static const char sql_system_health[] =
    "select system_health($1, $2::date, $3::integer, $4::integer)";

static const char sql_feedback_stats[] = "select feedback_stats($1, $2::date, $3::date)";

static const char *const sql_run_summary[] = {
	[RUN_SUMMARY_JSON] = "select '{\"run_summaries\":['"
			     " || coalesce(string_agg(line, ',' order by day), '') || ']}'"
			     " from run_summary($1, $2::date, $3::date)",
	[RUN_SUMMARY_JSONL] = "select coalesce(string_agg(line || E'\\n', '' order by day), '')"
			      " from run_summary($1, $2::date, $3::date)",
	[RUN_SUMMARY_CSV] = "select run_summary_csv($1, $2::date, $3::date)",
};

enum rc metrics_system_health(struct pg *pg, const char *tenant, const char *reference,
    int64_t period_days, int64_t stuck_minutes, struct buf *out, struct err *e)
{
	char days[24], stuck[24];
	struct pg_query q = {
		.sql = sql_system_health,
		.n = 4,
		.params = { PG_TEXT(tenant), PG_TEXT(reference), PG_TEXT(days), PG_TEXT(stuck) },
	};

	(void)snprintf(days, sizeof days, "%lld", (long long)period_days);
	(void)snprintf(stuck, sizeof stuck, "%lld", (long long)stuck_minutes);
	return store_answer(pg, &q, out, e);
}

enum rc metrics_feedback_stats(struct pg *pg, const char *tenant, const char *from, const char *to,
    struct buf *out, struct err *e)
{
	struct pg_query q = {
		.sql = sql_feedback_stats,
		.n = 3,
		.params = { PG_TEXT(tenant), PG_TEXT(from), PG_TEXT(to) },
	};

	return store_answer(pg, &q, out, e);
}

enum rc metrics_run_summary(struct pg *pg, const char *tenant, const char *from, const char *to,
    enum run_summary_format format, struct buf *out, struct err *e)
{
	struct pg_query q = {
		.sql = sql_run_summary[format],
		.n = 3,
		.params = { PG_TEXT(tenant), PG_TEXT(from), PG_TEXT(to) },
	};

	return store_answer(pg, &q, out, e);
}
