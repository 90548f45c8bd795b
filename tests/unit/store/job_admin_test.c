#include "store/job_admin.h"

#include <pthread.h>
#include <string.h>

#include "store/pilot.h"
#include "store/tenant.h"
#include "unit/store/results.h"

static char tenant[DB_TENANT];
static struct config cfg;

static void start(void)
{
	jobs_reset();
	db_tenant(tenant);
	cfg = jobs_config();
}

/* One job of `in` cancelled or retried by "op"; out gets its row. */
static enum rc change(
    enum job_verb verb, const char *in, const char *id, struct buf *out, struct err *e)
{
	buf_init(out, 4000);
	return job_change(db_as(DB_ADMIN), verb, in, id, "op", 10, out, e);
}

static enum rc changed(enum job_verb verb, const char *in, const char *id, struct err *e)
{
	struct buf out;
	enum rc rc = change(verb, in, id, &out, e);

	buf_free(&out);
	return rc;
}

/* Whoever holds a cancelled job writes nothing, and is told by its next renewal. */
static void test_cancel_fences(void)
{
	static const struct queue_call call = { .outcome = "ok", .reply = "{}", .reply_len = 2 };
	struct queue_job job;
	const struct queue_job *list[1] = { &job };
	enum queue_lease lease = QUEUE_HELD;
	struct queue_result *r;
	struct ending e;
	struct buf row;

	start();
	job = jobs_running(&cfg, tenant);
	CU_ASSERT(change(JOB_CANCEL, tenant, job.id, &row, NULL) == RC_OK);
	CU_ASSERT(strstr(buf_str(&row), "\"status\" : \"CANCELLED\"") != NULL);
	CU_ASSERT(strstr(buf_str(&row), "cancelled by op") != NULL);
	buf_free(&row);
	CHECK_STR(db_value("select concat_ws('|', lease_token is null, lease_until is null,"
			   " finished_at is not null, error_code, error_detail) from jobs"
			   " where id = $1::uuid",
		      job.id, NULL)
		      .text,
	    "t|t|t|cancelled|cancelled by op");
	r = ending(&e, &job, NULL, "f1", "TOTALS");
	CU_ASSERT(queue_finish(db_as(DB_WORKER), &cfg, &r, 1, NULL) == RC_OK && !r->done);
	CU_ASSERT(queue_record_call(db_as(DB_WORKER), &job, &call, NULL) == RC_NOT_FOUND);
	CU_ASSERT(queue_release(db_as(DB_WORKER), &cfg, &job, &call, 0, "x", "y", true, NULL) ==
		  RC_NOT_FOUND);
	CU_ASSERT(queue_hand_back(db_as(DB_WORKER), list, 1, NULL) == RC_OK);
	CU_ASSERT(queue_renew(db_as(DB_WORKER), list, 1, 30, &lease, NULL) == RC_OK);
	CU_ASSERT(lease == QUEUE_CANCELLED);
	CHECK_STR(jobs_state(job.id).text, "CANCELLED");
	CU_ASSERT(
	    db_number("select count(*) from invoices where job_id = $1::uuid", job.id, NULL) == 0);
	CHECK_STR(db_value("select concat_ws('|', tenant_id = $2, actor, action,"
			   " detail->>'old_status') from audit_log where object = 'job ' || $1",
		      job.id, tenant)
		      .text,
	    "t|op|job.cancelled|RUNNING");
	ending_free(&e);
	jobs_reset();
}

/* A second finish has a row of its own to insert: the first one's is gone. */
static void test_retry(void)
{
	struct queue_job job, again;
	struct queue_result *r;
	struct ending e;
	struct buf row;

	start();
	job = jobs_running(&cfg, tenant);
	r = ending(&e, &job, NULL, "f1", "EXTRACTION");
	r->error_code = "refusal";
	CU_ASSERT_FATAL(queue_finish(db_as(DB_WORKER), &cfg, &r, 1, NULL) == RC_OK && r->done);
	CU_ASSERT(change(JOB_RETRY, "", job.id, &row, NULL) == RC_OK);
	CU_ASSERT(strstr(buf_str(&row), "\"status\" : \"QUEUED\"") != NULL);
	buf_free(&row);
	CHECK_STR(db_value("select concat_ws('|', attempts, retries, lost_leases, run_at <= now(),"
			   " num_nulls(finished_at, finished_token, error_code, error_detail))"
			   " from jobs where id = $1::uuid",
		      job.id, NULL)
		      .text,
	    "0|0|0|t|4");
	CU_ASSERT(
	    db_number("select count(*) from incidents where job_id = $1::uuid", job.id, NULL) == 1);
	CU_ASSERT_FATAL(jobs_claim(&cfg, 1, &again) == 1 && strcmp(again.id, job.id) == 0);
	r->job = &again;
	r->error_code = NULL;
	CU_ASSERT(queue_finish(db_as(DB_WORKER), &cfg, &r, 1, NULL) == RC_OK && r->done);
	CHECK_STR(jobs_state(job.id).text, "SUCCEEDED");
	CU_ASSERT(
	    db_number("select count(*) from invoices where job_id = $1::uuid", job.id, NULL) == 1);
	ending_free(&e);
	jobs_reset();
}

static void test_states(void)
{
	static const struct {
		unsigned line;
		const char *state;
		const char *cancel, *retry; /* codes; NULL: done */
	} cases[] = {
		{ __LINE__, "QUEUED", NULL, "job_not_retryable" },
		{ __LINE__, "SUCCEEDED", "job_ended", "job_not_retryable" },
		{ __LINE__, "FAILED", "job_ended", NULL },
		{ __LINE__, "SKIPPED", "job_ended", NULL },
		{ __LINE__, "CANCELLED", "job_ended", NULL },
	};

	start();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *const codes[] = { cases[i].cancel, cases[i].retry };

		for (enum job_verb verb = JOB_CANCEL; verb <= JOB_RETRY; verb++) {
			struct err e = { .code = "" };
			char id[RANDOM_UUID_TEXT];
			enum rc rc;

			jobs_add(tenant, id);
			db_change("update jobs set state = $2, finished_at = case when $2 <>"
				  " 'QUEUED' then clock_timestamp() end where id = $1::uuid",
			    id, cases[i].state);
			rc = changed(verb, tenant, id, &e);
			CHECK_ROW(rc == (codes[verb] == NULL ? RC_OK : RC_CONFLICT), cases[i].line,
			    cases[i].state);
			CHECK_STR_ROW(
			    e.code, codes[verb] == NULL ? "" : codes[verb], cases[i].line);
		}
	}
	jobs_reset();
}

/* Another tenant's job, and none, look alike; only the operators' role may. */
static void test_who(void)
{
	struct err e = { .code = "" };
	char id[RANDOM_UUID_TEXT], none[RANDOM_UUID_TEXT], other[DB_TENANT];
	struct buf out;

	start();
	db_tenant(other);
	random_uuid(none);
	jobs_add(tenant, id);
	CU_ASSERT(changed(JOB_CANCEL, other, id, &e) == RC_NOT_FOUND);
	CHECK_STR(e.code, "job_not_found");
	CU_ASSERT(changed(JOB_CANCEL, "", none, &e) == RC_NOT_FOUND);
	buf_init(&out, 4000);
	CU_ASSERT(job_detail(db_as(DB_ADMIN), other, id, 10, &out, &e) == RC_NOT_FOUND);
	CU_ASSERT(out.len == 0);
	CU_ASSERT(job_detail(db_as(DB_ADMIN), tenant, id, 10, &out, &e) == RC_OK);
	CU_ASSERT(
	    job_change(db_as(DB_APP), JOB_CANCEL, tenant, id, "x", 10, &out, &e) == RC_INTERNAL);
	CHECK_STR(e.msg, "sqlstate 42501");
	CU_ASSERT(job_change_many(db_as(DB_WORKER), JOB_CANCEL, tenant, NULL, "QUEUED", "x", &out,
		      &e) == RC_INTERNAL);
	CHECK_STR(jobs_state(id).text, "QUEUED");
	buf_free(&out);
	jobs_reset();
}

enum { THREADS = 6, JOBS = 40 };

static struct buf all_ids; /* "{a,b}" */

static void *flip_all(void *arg)
{
	struct pg *pg = db_open(DB_ADMIN);
	int *broken = arg;

	for (int i = 0; i < 10; i++) {
		struct buf out;

		buf_init(&out, 64 << 10);
		*broken += job_change_many(pg, i % 2 == 0 ? JOB_CANCEL : JOB_RETRY, "",
			       buf_str(&all_ids), NULL, "op", &out, NULL) != RC_OK;
		buf_free(&out);
	}
	pg_free(pg);
	return NULL;
}

/* Many operators and a worker at the same jobs: nobody waits for somebody who waits for him. */
static void test_at_once(void)
{
	pthread_t threads[THREADS];
	int broken[THREADS] = { 0 };

	start();
	buf_init(&all_ids, 64 << 10);
	for (int i = 0; i < JOBS; i++) {
		char id[RANDOM_UUID_TEXT];

		jobs_add(tenant, id);
		buf_addf(&all_ids, "%s%s", i > 0 ? "," : "{", id);
	}
	buf_adds(&all_ids, "}");
	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, flip_all, &broken[i]) == 0);
	for (int i = 0; i < 10; i++) {
		struct queue_job jobs[JOBS];
		size_t n = jobs_claim(&cfg, JOBS, jobs);
		const struct queue_job *list[JOBS];
		enum queue_lease leases[JOBS];

		for (size_t j = 0; j < n; j++)
			list[j] = &jobs[n - 1 - j];
		CU_ASSERT(queue_renew(db_as(DB_WORKER), list, n, 30, leases, NULL) == RC_OK);
		CU_ASSERT(queue_hand_back(db_as(DB_WORKER), list, n, NULL) == RC_OK);
	}
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
		CU_ASSERT(broken[i] == 0);
	}
	buf_free(&all_ids);
	jobs_reset();
}

static void test_tenants(void)
{
	char id[RANDOM_UUID_TEXT];
	struct buf out;

	start();
	jobs_add(tenant, id);
	buf_init(&out, 1 << 20);
	CU_ASSERT(tenant_list(db_as(DB_ADMIN), "", "zz-pilot", &out, NULL) == RC_OK);
	CU_ASSERT(strstr(buf_str(&out), tenant) != NULL);
	CU_ASSERT(strstr(buf_str(&out), "\"zz-pilot\"]") != NULL);
	buf_clear(&out);
	CU_ASSERT(tenant_list(db_as(DB_ADMIN), "just-me", "zz-pilot", &out, NULL) == RC_OK);
	CHECK_STR(buf_str(&out), "[\"just-me\"]");
	buf_free(&out);
	jobs_reset();
}

/* Counted as pilot_retry_after() and open_incident() count. */
static void test_pilot_hour(void)
{
	struct pilot_hour hour;

	start();
	CU_ASSERT(pilot_hour(db_as(DB_ADMIN), tenant, &hour, NULL) == RC_OK);
	CU_ASSERT(hour.invoices == 0 && hour.incidents == 0 && hour.skipped_jobs == 0);
	cfg.pilot_tenant_id = tenant;
	cfg.pilot_max_incidents_per_hour = 1;
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TOTALS").text, "opened");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f2", "TOTALS").text, "incident_budget");
	cfg.pilot_enabled = false;
	CU_ASSERT(pilot_hour(db_as(DB_ADMIN), tenant, &hour, NULL) == RC_OK);
	CU_ASSERT(hour.invoices == 2 && hour.incidents == 1);
	CU_ASSERT(hour.skipped_incident_budget == 1 && hour.skipped_pilot_disabled == 0);
	db_change(
	    "update jobs set created_at = created_at - interval '1 hour' where tenant_id = $1",
	    tenant, NULL);
	CU_ASSERT(pilot_hour(db_as(DB_ADMIN), tenant, &hour, NULL) == RC_OK && hour.invoices == 0);
	jobs_reset();
}

const struct unit_test unit_tests[] = {
	{ "cancel fences the worker", test_cancel_fences },
	{ "retry", test_retry },
	{ "states", test_states },
	{ "who may", test_who },
	{ "many at once", test_at_once },
	{ "tenants", test_tenants },
	{ "the pilot's hour", test_pilot_hour },
	{ NULL, NULL },
};
