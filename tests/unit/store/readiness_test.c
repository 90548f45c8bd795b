#include "store/readiness.h"

#include <string.h>

#include "core/build_id.h"
#include "unit/store/jobs.h"

static struct readiness_facts load(const char *pilot_tenant)
{
	struct readiness_facts f = { .workers = -1 };
	struct err e = { .msg = "" };

	if (readiness_load(db_as(DB_APP), pilot_tenant, 10, 30, &f, &e) != RC_OK)
		CHECK_STR(e.msg, "");
	return f;
}

static void beat(const char *id, bool key)
{
	const struct queue_worker w = { .id = id,
		.host = "host",
		.config_hash = "sha256:0",
		.key_configured = key,
		.in_flight = 3 };

	CU_ASSERT_FATAL(queue_heartbeat(db_as(DB_WORKER), &w, NULL) == RC_OK);
}

static void test_quiet(void)
{
	struct readiness_facts f;

	jobs_reset();
	f = load("nobody");
	CU_ASSERT(f.schema_version == build_schema_version());
	CHECK_STR(f.provider_state, "ok");
	CHECK_STR(f.provider_until, "");
	CU_ASSERT(!f.key_configured && f.queue_depth == 0 && f.stuck_count == 0 && f.workers == 0);
	CU_ASSERT(f.pilot_switched_on && f.pilot_used == 0);
	CHECK_STR(f.last_incident_at, "");
}

static void test_workers(void)
{
	struct readiness_facts f;

	jobs_reset();
	beat("w1", true);
	f = load("nobody");
	CU_ASSERT(f.workers == 1 && f.key_configured);
	beat("w2", false);
	beat("w2", false);
	f = load("nobody");
	CU_ASSERT(f.workers == 2 && !f.key_configured);
	/* The key is that of the worker heard of last; a worker is alive for 30 seconds. */
	db_change("update worker_heartbeats set seen_at = clock_timestamp() - interval '29 seconds'"
		  " where worker_id = 'w2'",
	    NULL, NULL);
	f = load("nobody");
	CU_ASSERT(f.workers == 2 && f.key_configured);
	db_change(
	    "update worker_heartbeats set seen_at = clock_timestamp() - interval '31 seconds'",
	    NULL, NULL);
	CU_ASSERT(load("nobody").workers == 0);
	CHECK_STR(db_value("select concat_ws('|', host, config_hash, in_flight, pid > 0) from"
			   " worker_heartbeats where worker_id = 'w1'",
		      NULL, NULL)
		      .text,
	    "host|sha256:0|3|t");
	/* One that stopped in good order is not waited for. */
	beat("w2", false);
	CU_ASSERT(load("nobody").workers == 1);
	CU_ASSERT(queue_sign_off(db_as(DB_WORKER), "w2", NULL) == RC_OK);
	CU_ASSERT(load("nobody").workers == 0);
	/* Those of yesterday go. */
	db_change("update worker_heartbeats set seen_at = clock_timestamp() - interval '25 hours'"
		  " where worker_id = 'w1'",
	    NULL, NULL);
	beat("w3", true);
	CHECK_STR(db_value("select string_agg(worker_id, ' ' order by worker_id)"
			   " from worker_heartbeats",
		      NULL, NULL)
		      .text,
	    "w2 w3");
	jobs_reset();
}

/* Stuck is either a lease long gone, or work long due that nobody takes. */
static void test_stuck(void)
{
	static const struct {
		unsigned line;
		const char *lease_ended; /* of the running job, ago */
		const char *due;         /* of the queued job, ago */
		const char *claimed;     /* last claim of any worker, ago; NULL: never */
		int64_t stuck;
	} cases[] = {
		{ __LINE__, "-1 minute", "0 minutes", NULL, 0 },
		{ __LINE__, "9 minutes 50 seconds", "0 minutes", NULL, 0 },
		{ __LINE__, "10 minutes 10 seconds", "0 minutes", NULL, 1 },
		{ __LINE__, "10 minutes 10 seconds", "0 minutes", "1 second", 1 },
		{ __LINE__, "-1 minute", "9 minutes 50 seconds", NULL, 0 },
		{ __LINE__, "-1 minute", "10 minutes 10 seconds", NULL, 1 },
		{ __LINE__, "-1 minute", "10 minutes 10 seconds", "10 minutes 10 seconds", 1 },
		{ __LINE__, "-1 minute", "10 minutes 10 seconds", "9 minutes 50 seconds", 0 },
		{ __LINE__, "11 minutes", "11 minutes", "11 minutes", 2 },
		{ __LINE__, "11 minutes", "-1 minute", "11 minutes", 1 },
	};
	const struct config cfg = jobs_config();
	char tenant[DB_TENANT], queued[RANDOM_UUID_TEXT];
	struct queue_job running;

	jobs_reset();
	db_tenant(tenant);
	beat("w1", true);
	running = jobs_running(&cfg, tenant);
	jobs_add(tenant, queued);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct readiness_facts f;

		db_change("update jobs set lease_until = clock_timestamp() - $2::interval"
			  " where id = $1::uuid",
		    running.id, cases[i].lease_ended);
		db_change("update jobs set run_at = clock_timestamp() - $2::interval"
			  " where id = $1::uuid",
		    queued, cases[i].due);
		db_change("update worker_heartbeats set claimed_at = clock_timestamp() -"
			  " nullif($1, '')::interval",
		    cases[i].claimed != NULL ? cases[i].claimed : "", NULL);
		f = load(tenant);
		CHECK_ROW(f.stuck_count == cases[i].stuck, cases[i].line, "stuck");
		CHECK_ROW(f.queue_depth == 1, cases[i].line, "depth");
	}
	jobs_reset();
}

static void test_pilot(void)
{
	char tenant[DB_TENANT], other[DB_TENANT], id[RANDOM_UUID_TEXT];
	struct readiness_facts f;

	jobs_reset();
	db_tenant(tenant);
	db_tenant(other);
	for (int i = 0; i < 4; i++)
		jobs_add(tenant, id);
	db_change("update jobs set created_at = clock_timestamp() - interval '61 minutes'"
		  " where id = $1::uuid",
	    id, NULL);
	jobs_add(other, id);
	jobs_add(tenant, id);
	db_change("update jobs set smoke = true where id = $1::uuid", id, NULL);
	db_change("insert into incidents (tenant_id, job_id, category, severity, primary_flag,"
		  " fingerprint, created_at) values ($1, $2::uuid, 'TOTALS', 'S1', 'X', 'f',"
		  " '2026-01-17 14:55:00Z')",
	    tenant, id);
	db_change("update pilot_switch set enabled = false", NULL, NULL);
	f = load(tenant);
	CU_ASSERT(f.pilot_used == 3 && !f.pilot_switched_on && f.queue_depth == 5);
	CHECK_STR(f.last_incident_at, "2026-01-17T14:55:00Z");
	CHECK_STR(load(other).last_incident_at, "");
	jobs_reset();
}

/* A refusal counts while its wait lasts, and after it while there is a job to probe with. */
static void test_provider(void)
{
	char tenant[DB_TENANT], id[RANDOM_UUID_TEXT];
	struct readiness_facts f;

	jobs_reset();
	db_tenant(tenant);
	db_change("update provider_state set state = 'rate_limited',"
		  " blocked_until = '2126-01-17 14:55:00Z'",
	    NULL, NULL);
	f = load(tenant);
	CHECK_STR(f.provider_state, "rate_limited");
	CHECK_STR(f.provider_until, "2126-01-17T14:55:00Z");
	db_change("update provider_state set state = 'quota_exhausted',"
		  " blocked_until = '2026-01-17 14:55:00Z'",
	    NULL, NULL);
	f = load(tenant);
	CHECK_STR(f.provider_state, "ok");
	CHECK_STR(f.provider_until, "");
	jobs_add(tenant, id);
	f = load(tenant);
	CHECK_STR(f.provider_state, "quota_exhausted");
	CHECK_STR(f.provider_until, "2026-01-17T14:55:00Z");
	jobs_reset();
}

const struct unit_test unit_tests[] = {
	{ "nothing going on", test_quiet },
	{ "workers alive, and their key", test_workers },
	{ "stuck, in both forms", test_stuck },
	{ "the pilot", test_pilot },
	{ "the provider", test_provider },
	{ NULL, NULL },
};
