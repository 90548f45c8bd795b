#include "store/metrics.h"

#include <string.h>

#include "unit/database.h"

static struct buf answer;

static void fresh(void)
{
	buf_free(&answer);
	buf_init(&answer, 1 << 20);
}

static void test_system_health(void)
{
	char tenant[DB_TENANT];

	db_tenant(tenant);
	fresh();
	CU_ASSERT(metrics_system_health(
		      db_as(DB_ADMIN), tenant, "2026-03-01", 2, 10, &answer, NULL) == RC_OK);
	CHECK_STR(
	    db_value(
		"select concat_ws(' ', j->>'tenant_id', j->'current_period'->>'start_date',"
		" j->'current_period'->>'end_date', j->'previous_period'->>'start_date',"
		" json_array_length(j->'metrics')) = $2 || ' 2026-02-28 2026-03-01 2026-02-26 8'"
		" from (select $1::json) a (j)",
		buf_str(&answer), tenant)
		.text,
	    "t");
}

static void test_feedback_stats(void)
{
	char tenant[DB_TENANT];

	db_tenant(tenant);
	fresh();
	CU_ASSERT(
	    metrics_feedback_stats(db_as(DB_ADMIN), tenant, NULL, NULL, &answer, NULL) == RC_OK);
	CHECK_STR(db_value("select $1::json->>'resolved_total'", buf_str(&answer), NULL).text, "0");
	fresh();
	CU_ASSERT(metrics_feedback_stats(
		      db_as(DB_ADMIN), tenant, "2026-01-01", "2026-01-31", &answer, NULL) == RC_OK);
	CHECK_STR(
	    db_value("select $1::json->>'feedback_coverage'", buf_str(&answer), NULL).text, "0");
}

static size_t lines(void)
{
	size_t n = 0;

	for (const char *p = buf_str(&answer); (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

/* Three days of which the last is still to come. */
static void test_run_summary(void)
{
	struct db_text first = db_value("select (now() at time zone 'UTC')::date - 1", NULL, NULL);
	struct db_text last = db_value("select (now() at time zone 'UTC')::date + 1", NULL, NULL);
	char tenant[DB_TENANT];
	struct pg *pg = db_as(DB_ADMIN);

	db_tenant(tenant);
	fresh();
	CU_ASSERT(metrics_run_summary(
		      pg, tenant, first.text, last.text, RUN_SUMMARY_JSON, &answer, NULL) == RC_OK);
	CHECK_STR(
	    db_value("select json_array_length($1::json->'run_summaries')", buf_str(&answer), NULL)
		.text,
	    "2");
	fresh();
	CU_ASSERT(metrics_run_summary(pg, tenant, first.text, last.text, RUN_SUMMARY_JSONL, &answer,
		      NULL) == RC_OK);
	CU_ASSERT(lines() == 2);
	fresh();
	CU_ASSERT(metrics_run_summary(
		      pg, tenant, first.text, last.text, RUN_SUMMARY_CSV, &answer, NULL) == RC_OK);
	CU_ASSERT(lines() == 3);
	fresh();
	CU_ASSERT(metrics_run_summary(
		      pg, tenant, last.text, last.text, RUN_SUMMARY_JSONL, &answer, NULL) == RC_OK);
	CHECK_STR(buf_str(&answer), "");
}

/* Nobody else sees them. */
static void test_rights(void)
{
	struct err e = { .msg = "" };

	fresh();
	CU_ASSERT(metrics_system_health(
		      db_as(DB_APP), "default", "2026-03-01", 1, 10, &answer, &e) == RC_INTERNAL);
	CHECK_STR(e.msg, "sqlstate 42501");
	CU_ASSERT(answer.len == 0);
	buf_free(&answer);
}

const struct unit_test unit_tests[] = {
	{ "system health", test_system_health },
	{ "feedback statistics", test_feedback_stats },
	{ "run summaries in each form", test_run_summary },
	{ "rights", test_rights },
	{ NULL, NULL },
};
