#include "store/queue.h"

#include <string.h>

#include "unit/store/jobs.h"

#define CALLS "select count(*) from provider_calls where job_id = $1::uuid"

static char tenant[DB_TENANT];
static struct config cfg;

static void start(void)
{
	jobs_reset();
	db_tenant(tenant);
	cfg = jobs_config();
}

static const struct queue_call call = { .outcome = "ok",
	.http_status = 200,
	.request_id = "req-1",
	.model = "m-1",
	.duration_ms = 1234,
	.prompt_tokens = 100,
	.completion_tokens = -1,
	.reply = "{\0}",
	.reply_len = 3 };

static enum rc release(const struct queue_job *job, int64_t delay_ms, bool uses_attempt)
{
	return queue_release(
	    db_as(DB_WORKER), &cfg, job, NULL, delay_ms, "code", "detail", uses_attempt, NULL);
}

static int64_t due_in_ms(const char *id)
{
	return db_number("select (extract(epoch from run_at - clock_timestamp()) * 1000)::bigint"
			 " from jobs where id = $1::uuid",
	    id, NULL);
}

static void test_release(void)
{
	struct queue_job job, again;

	start();
	job = jobs_running(&cfg, tenant);
	CU_ASSERT(queue_release(db_as(DB_WORKER), &cfg, &job, &call, 5000, "refusal", "it refused",
		      true, NULL) == RC_OK);
	CHECK_STR(
	    db_value("select concat_ws('|', state, attempts, retries, lost_leases, error_code,"
		     " error_detail, lease_token is null, lease_until is null)"
		     " from jobs where id = $1::uuid",
		job.id, NULL)
		.text,
	    "QUEUED|1|1|0|refusal|it refused|t|t");
	CU_ASSERT(due_in_ms(job.id) > 4000 && due_in_ms(job.id) <= 5000);
	CHECK_STR(
	    db_value("select concat_ws('|', outcome, http_status, request_id, model, duration_ms,"
		     " prompt_tokens, completion_tokens is null, encode(reply, 'hex'),"
		     " lease_token = $2::uuid) from provider_calls where job_id = $1::uuid",
		job.id, job.lease_token)
		.text,
	    "ok|200|req-1|m-1|1234|100|t|7b007d|t");
	CU_ASSERT(jobs_claim(&cfg, 1, &again) == 0);
	jobs_due(job.id);
	CU_ASSERT_FATAL(jobs_claim(&cfg, 1, &again) == 1);
	CU_ASSERT(again.attempts == 1 && again.lost_leases == 0);
	CU_ASSERT(release(&again, 0, false) == RC_OK);
	CHECK_STR(db_value("select concat_ws('|', attempts, retries) from jobs where id = $1::uuid",
		      job.id, NULL)
		      .text,
	    "1|2");
	jobs_reset();
}

/* Each wait doubles, less up to a quarter, until the cap. */
static void test_backoff(void)
{
	struct queue_job job;

	start();
	job = jobs_running(&cfg, tenant);
	for (int64_t i = 0, wait = 1000; i < 12; i++, wait *= 2) {
		int64_t most = wait < 60000 ? wait : 60000, due;

		CU_ASSERT_FATAL(release(&job, -1, false) == RC_OK);
		due = due_in_ms(job.id);
		CU_ASSERT(due <= most && due >= most * 3 / 4 - 500);
		jobs_due(job.id);
		CU_ASSERT_FATAL(jobs_claim(&cfg, 1, &job) == 1);
	}
	/* However often: no overflow. */
	db_change("update jobs set retries = 100000 where id = $1::uuid", job.id, NULL);
	CU_ASSERT(release(&job, -1, false) == RC_OK);
	CU_ASSERT(due_in_ms(job.id) <= 60000 && due_in_ms(job.id) >= 44000);
	jobs_reset();
}

/* Jitter: jobs released together do not come back together. */
static void test_jitter(void)
{
	enum { N = 12 };
	struct queue_job jobs[N];

	start();
	for (size_t i = 0; i < N; i++)
		jobs[i] = jobs_running(&cfg, tenant);
	db_change("update jobs set retries = 6 where tenant_id = $1", tenant, NULL);
	for (size_t i = 0; i < N; i++)
		CU_ASSERT(release(&jobs[i], -1, false) == RC_OK);
	CU_ASSERT(db_number("select (extract(epoch from max(run_at) - min(run_at)) * 1000)::bigint"
			    " from jobs where tenant_id = $1",
		      tenant, NULL) > 1000);
	jobs_reset();
}

/* Whoever has lost the lease writes nothing: not with an old token, not after the end. */
static void test_fencing(void)
{
	struct queue_job old, job;
	const struct queue_job *list[1] = { &old };
	struct queue_result result = { .job = &old,
		.call = &call,
		.lock = "l",
		.invoice_json = "{}",
		.verdict_json = "{\"incident\":null}",
		.if_duplicate_json = "{}",
		.done = true };
	struct queue_result *results[] = { &result };
	struct db_text before;
	struct err e = { .code = "" };
	enum queue_lease lease = QUEUE_HELD;
	static const char row[] = "select jobs::text from jobs where id = $1::uuid";

	start();
	old = jobs_running(&cfg, tenant);
	jobs_expire(old.id);
	CU_ASSERT_FATAL(jobs_claim(&cfg, 1, &job) == 1 && job.lost_leases == 1);
	before = db_value(row, old.id, NULL);
	CU_ASSERT(queue_release(db_as(DB_WORKER), &cfg, &old, &call, 0, "x", "y", true, &e) ==
		  RC_NOT_FOUND);
	CHECK_STR(e.code, "lease_lost");
	CU_ASSERT(queue_finish(db_as(DB_WORKER), &cfg, results, 1, NULL) == RC_OK);
	CU_ASSERT(!result.done && result.incident_action[0] == '\0');
	CU_ASSERT(queue_hand_back(db_as(DB_WORKER), list, 1, NULL) == RC_OK);
	CU_ASSERT(queue_renew(db_as(DB_WORKER), list, 1, 3600, &lease, NULL) == RC_OK);
	CU_ASSERT(lease == QUEUE_LOST);
	CU_ASSERT(queue_record_call(db_as(DB_WORKER), &old, &call, NULL) == RC_NOT_FOUND);
	CU_ASSERT(queue_abandon(db_as(DB_WORKER), &old, "x", "y", NULL) == RC_NOT_FOUND);
	CHECK_STR(db_value(row, old.id, NULL).text, before.text);
	CHECK_STR(db_value(CALLS, old.id, NULL).text, "0");
	CHECK_STR(
	    db_value("select count(*) from invoices where job_id = $1::uuid", old.id, NULL).text,
	    "0");
	/* The one that holds it can. */
	CU_ASSERT(queue_record_call(db_as(DB_WORKER), &job, &call, NULL) == RC_OK);
	CHECK_STR(db_value(CALLS, old.id, NULL).text, "1");
	CU_ASSERT(release(&job, 0, false) == RC_OK);
	CU_ASSERT(release(&job, 0, false) == RC_NOT_FOUND);
	jobs_reset();
}

/* A lease that ended but was not claimed by anyone is still good: the work is not done twice. */
static void test_late_but_alone(void)
{
	struct queue_job job;

	start();
	job = jobs_running(&cfg, tenant);
	jobs_expire(job.id);
	CU_ASSERT(release(&job, 0, false) == RC_OK);
	CHECK_STR(jobs_state(job.id).text, "QUEUED");
	jobs_reset();
}

static void test_renew(void)
{
	struct queue_job jobs[3], none;
	const struct queue_job *list[3] = { &jobs[0], &jobs[1], &jobs[2] };
	enum queue_lease leases[3] = { QUEUE_LOST, QUEUE_HELD, QUEUE_LOST };
	static const char left[] =
	    "select extract(epoch from lease_until - clock_timestamp())::bigint"
	    " from jobs where id = $1::uuid";

	start();
	for (size_t i = 0; i < 3; i++)
		jobs[i] = jobs_running(&cfg, tenant);
	CU_ASSERT(release(&jobs[1], 0, false) == RC_OK);
	CU_ASSERT(queue_renew(db_as(DB_WORKER), list, 3, 600, leases, NULL) == RC_OK);
	CU_ASSERT(leases[0] == QUEUE_HELD && leases[1] == QUEUE_LOST && leases[2] == QUEUE_HELD);
	CU_ASSERT(db_number(left, jobs[0].id, NULL) > 590);
	CU_ASSERT(db_number(left, jobs[2].id, NULL) > 590);
	CHECK_STR(jobs_state(jobs[1].id).text, "QUEUED");
	CU_ASSERT(queue_renew(db_as(DB_WORKER), list, 0, 600, leases, NULL) == RC_OK);
	/* A renewed lease is not claimed. */
	jobs_expire(jobs[0].id);
	CU_ASSERT(queue_renew(db_as(DB_WORKER), list, 1, 30, leases, NULL) == RC_OK);
	jobs_due(jobs[1].id);
	CU_ASSERT(jobs_claim(&cfg, 1, &none) == 1 && strcmp(none.id, jobs[1].id) == 0);
	jobs_reset();
}

/* As if the claim had never been. */
static void test_hand_back(void)
{
	struct queue_job jobs[2], again;
	const struct queue_job *list[2] = { &jobs[0], &jobs[1] };

	start();
	jobs[0] = jobs_running(&cfg, tenant);
	jobs[1] = jobs_running(&cfg, tenant);
	db_change("update jobs set attempts = 2, retries = 5, lost_leases = 1 where tenant_id = $1",
	    tenant, NULL);
	CU_ASSERT(release(&jobs[1], 60000, true) == RC_OK);
	CU_ASSERT(queue_hand_back(db_as(DB_WORKER), list, 2, NULL) == RC_OK);
	CHECK_STR(db_value("select concat_ws('|', state, attempts, retries, lost_leases,"
			   " run_at <= clock_timestamp(), lease_token is null, error_code is null)"
			   " from jobs where id = $1::uuid",
		      jobs[0].id, NULL)
		      .text,
	    "QUEUED|2|5|1|t|t|t");
	CHECK_STR(db_value("select concat_ws('|', attempts, retries) from jobs where id = $1::uuid",
		      jobs[1].id, NULL)
		      .text,
	    "3|6");
	CU_ASSERT_FATAL(jobs_claim(&cfg, 2, &again) == 1);
	CHECK_STR(again.id, jobs[0].id);
	CU_ASSERT(again.attempts == 2 && again.lost_leases == 1);
	CU_ASSERT(queue_hand_back(db_as(DB_WORKER), list, 0, NULL) == RC_OK);
	jobs_reset();
}

/* What is not known is null, not 0. */
static void test_unknown_call(void)
{
	static const struct queue_call nothing = {
		.outcome = "timeout", .duration_ms = 5, .prompt_tokens = -1, .completion_tokens = -1
	};
	struct queue_job job;

	start();
	job = jobs_running(&cfg, tenant);
	CU_ASSERT(queue_record_call(db_as(DB_WORKER), &job, &nothing, NULL) == RC_OK);
	CHECK_STR(
	    db_value("select concat_ws('|', outcome, http_status is null, request_id is null,"
		     " model is null, prompt_tokens is null, completion_tokens is null,"
		     " reply is null, duration_ms) from provider_calls where job_id = $1::uuid",
		job.id, NULL)
		.text,
	    "timeout|t|t|t|t|t|t|5");
	jobs_reset();
}

/* The last resort: FAILED without a result, under the lease alone. */
static void test_abandon(void)
{
	struct queue_job job;

	start();
	job = jobs_running(&cfg, tenant);
	CU_ASSERT(queue_abandon(db_as(DB_WORKER), &job, "internal_error", "why", NULL) == RC_OK);
	CHECK_STR(db_value("select concat_ws('|', state, error_code, error_detail,"
			   " finished_at is not null) from jobs where id = $1::uuid",
		      job.id, NULL)
		      .text,
	    "FAILED|internal_error|why|t");
	CU_ASSERT(queue_abandon(db_as(DB_WORKER), &job, "x", "y", NULL) == RC_NOT_FOUND);
	jobs_reset();
}

/* A tenant may well be called what SQL calls nothing. */
static void test_renew_tenant_null(void)
{
	struct queue_job job;
	const struct queue_job *list[1] = { &job };
	enum queue_lease lease = QUEUE_LOST;

	start();
	job = jobs_running(&cfg, "null");
	jobs_expire(job.id);
	CU_ASSERT(queue_renew(db_as(DB_WORKER), list, 1, 600, &lease, NULL) == RC_OK);
	CU_ASSERT(lease == QUEUE_HELD);
	CHECK_STR(db_value("select lease_until > clock_timestamp() from jobs where id = $1::uuid",
		      job.id, NULL)
		      .text,
	    "t");
	jobs_reset();
}

const struct unit_test unit_tests[] = {
	{ "abandon", test_abandon },
	{ "release", test_release },
	{ "backoff and its cap", test_backoff },
	{ "jitter", test_jitter },
	{ "a lost lease writes nothing", test_fencing },
	{ "late, but nobody took it", test_late_but_alone },
	{ "renew", test_renew },
	{ "renew for a tenant named null", test_renew_tenant_null },
	{ "hand back", test_hand_back },
	{ "a call without an answer", test_unknown_call },
	{ NULL, NULL },
};
