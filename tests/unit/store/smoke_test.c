#include "store/smoke.h"

#include "unit/store/jobs.h"

#define JOBS                                                                                       \
	"select count(*) || ' of ' || count(distinct document_id) from jobs where smoke and "      \
	"tenant_id = $1"

static void accept_run(const char *tenant, const char *id)
{
	const struct smoke_job job = { .tenant_id = tenant,
		.job_id = id,
		.trace_id = "trace-1",
		.actor = tenant,
		.filename = "smoke.pdf",
		.content = "%PDF-1.4",
		.len = 8 };

	CU_ASSERT_FATAL(smoke_accept(db_as(DB_ADMIN), &job, NULL) == RC_OK);
}

static struct smoke_look look(const char *tenant, const char *id)
{
	struct smoke_look l = { .state = "" };

	CU_ASSERT_FATAL(smoke_look(db_as(DB_ADMIN), tenant, id, 30, &l, NULL) == RC_OK);
	return l;
}

static void test_accept(void)
{
	char tenant[DB_TENANT], a[37], b[37];
	struct smoke_look l;
	struct err e = { .code = "" };

	jobs_reset();
	db_tenant(tenant);
	random_uuid(a);
	random_uuid(b);
	CU_ASSERT(smoke_look(db_as(DB_ADMIN), tenant, a, 30, &l, &e) == RC_NOT_FOUND);
	CHECK_STR(e.code, "job_not_found");
	accept_run(tenant, a);
	accept_run(tenant, a);
	CHECK_STR(db_value(JOBS, tenant, NULL).text, "1 of 1");
	accept_run(tenant, b);
	CHECK_STR(db_value(JOBS, tenant, NULL).text, "2 of 1");
	CHECK_STR(
	    db_value("select string_agg(action || ' ' || (object = 'job ' || $2), ',' order by id)"
		     " from audit_log where actor = $1",
		tenant, a)
		.text,
	    "smoke.run true,smoke.run false");
	l = look(tenant, a);
	CHECK_STR(l.state, "QUEUED");
	CU_ASSERT(!l.claimed && l.queue_ms >= 0 && l.running_ms == -1 && l.extraction_ms == -1);
	CU_ASSERT(l.workers == 0 && l.due_in_ms <= 0);
	CHECK_STR(l.outcome, "");
	CHECK_STR(l.provider_state, "");
}

static void test_provider(void)
{
	char tenant[DB_TENANT], id[37];
	struct smoke_look l;

	jobs_reset();
	db_tenant(tenant);
	random_uuid(id);
	accept_run(tenant, id);
	db_change("update provider_state set state = 'quota_exhausted',"
		  " blocked_until = clock_timestamp() + interval '100 seconds'",
	    NULL, NULL);
	l = look(tenant, id);
	CHECK_STR(l.provider_state, "quota_exhausted");
	CU_ASSERT(l.provider_in_ms > 90000 && l.provider_in_ms <= 100000);
	CHECK_STR(l.provider_until,
	    db_value("select rfc3339(blocked_until) from provider_state", NULL, NULL).text);
	jobs_reset();
}

static void test_give_up(void)
{
	char tenant[DB_TENANT], id[37], client[37];
	struct config cfg = jobs_config();
	struct queue_job *claimed = NULL;
	struct smoke_look l;
	size_t n = 0;

	jobs_reset();
	db_tenant(tenant);
	random_uuid(id);
	accept_run(tenant, id);
	CU_ASSERT_FATAL(queue_claim(db_as(DB_WORKER), &cfg, "w", 1, &claimed, &n, NULL) == RC_OK);
	CU_ASSERT_FATAL(n == 1);
	l = look(tenant, id);
	CHECK_STR(l.state, "RUNNING");
	CU_ASSERT(l.claimed && l.running_ms >= 0);
	CU_ASSERT(smoke_give_up(db_as(DB_ADMIN), tenant, id, "why", NULL) == RC_OK);
	l = look(tenant, id);
	CHECK_STR(l.state, "CANCELLED");
	CHECK_STR(l.error_code, "smoke_timeout");
	CHECK_STR(l.error_detail, "why");
	/* The worker that has it cannot write any more. */
	CU_ASSERT(queue_release(db_as(DB_WORKER), &cfg, claimed, NULL, -1, "x", "x", false, NULL) ==
		  RC_NOT_FOUND);
	free(claimed);
	CU_ASSERT(smoke_give_up(db_as(DB_ADMIN), tenant, id, "again", NULL) == RC_OK);
	CHECK_STR(look(tenant, id).error_detail, "why");

	CU_ASSERT_FATAL(jobs_accept(db_as(DB_APP), tenant, tenant, 0, client, NULL) == RC_OK);
	CU_ASSERT(smoke_give_up(db_as(DB_ADMIN), tenant, client, "why", NULL) == RC_OK);
	CHECK_STR(look(tenant, client).state, "QUEUED");
	jobs_reset();
}

const struct unit_test unit_tests[] = {
	{ "accepted once", test_accept },
	{ "the provider", test_provider },
	{ "given up", test_give_up },
	{ NULL, NULL },
};
