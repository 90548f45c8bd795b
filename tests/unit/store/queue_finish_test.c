#include "store/queue.h"

#include <pthread.h>
#include <string.h>

#include "store/job.h"
#include "unit/store/results.h"

static char tenant[DB_TENANT];
static struct config cfg;

static void start(void)
{
	jobs_reset();
	db_tenant(tenant);
	cfg = jobs_config();
}

static enum rc finish(struct queue_result *results[], size_t n, struct err *e)
{
	return queue_finish(db_as(DB_WORKER), &cfg, results, n, e);
}

/* Job, invoice and call are there, as the client sees them, too. */
static void test_succeeded(void)
{
	static const struct queue_call call = { .outcome = "ok",
		.http_status = 200,
		.duration_ms = 70,
		.prompt_tokens = 1,
		.completion_tokens = 2,
		.reply = "{}",
		.reply_len = 2 };
	struct queue_job running;
	struct queue_result *r;
	struct ending e;
	struct job job;

	start();
	running = jobs_running(&cfg, tenant);
	r = ending(&e, &running, NULL, "f1", NULL);
	r->call = &call;
	CU_ASSERT_FATAL(finish(&r, 1, NULL) == RC_OK && r->done);
	CHECK_STR(r->incident_action, "");
	CHECK_STR(r->incident_id, "");
	CU_ASSERT(r->pipeline_total_ms >= running.queue_ms && r->pipeline_total_ms < 60000);
	CHECK_STR(db_value("select concat_ws('|', state, attempts, lease_token is null,"
			   " finished_at is not null, error_code is null) from jobs"
			   " where id = $1::uuid",
		      running.id, NULL)
		      .text,
	    "SUCCEEDED|0|t|t|t");
	CHECK_STR(
	    db_value("select concat_ws('|', outcome, severity, ocr_suspect, action_class, stated,"
		     " computed, delta, ratio, score, grade, issue_date, fingerprint, smoke,"
		     " extraction_ms, model, document_id = $2::uuid) from invoices"
		     " where job_id = $1::uuid",
		running.id, running.document_id)
		.text,
	    "mismatch|S2|t|VERIFY_OCR|118.5|-0.1|118.6|1.0008|75|CHECK|2026-02-03|f1|f|77|m-1|t");
	CU_ASSERT(db_number("select count(*) from provider_calls where job_id = $1::uuid",
		      running.id, NULL) == 1);
	CU_ASSERT_FATAL(job_load(db_as(DB_APP), tenant, running.id, &job, NULL) == RC_OK);
	CU_ASSERT(job.has_invoice && job_ended(&job) && job.incident_json == NULL);
	CHECK_STR(job.extraction_json, "{\"x\":[1.10]}"); /* byte for byte: json, not jsonb */
	CHECK_STR(job.audit_json, "{\"a\":1}");
	CHECK_STR(job.model, "m-1");
	CU_ASSERT(job.extraction_ms == 77 && job.queue_ms == running.queue_ms);
	CU_ASSERT(job.pipeline_total_ms == r->pipeline_total_ms);
	job_free(&job);
	/* Its answer was lost on the way: the same once more is done, and writes nothing. */
	CU_ASSERT(finish(&r, 1, NULL) == RC_OK && r->done);
	CU_ASSERT(r->pipeline_total_ms == db_number("select pipeline_total_ms from invoices"
						    " where job_id = $1::uuid",
					      running.id, NULL));
	CU_ASSERT(db_number("select count(*) from invoices where job_id = $1::uuid", running.id,
		      NULL) == 1);
	ending_free(&e);
	jobs_reset();
}

static void test_failed(void)
{
	struct queue_job running;
	struct queue_result *r;
	struct ending e;

	start();
	running = jobs_running(&cfg, tenant);
	r = ending(&e, &running, NULL, "f1", "EXTRACTION");
	r->error_code = "refusal";
	r->error_detail = "it refused";
	CU_ASSERT_FATAL(finish(&r, 1, NULL) == RC_OK && r->done);
	CHECK_STR(r->incident_action, "opened");
	CHECK_STR(
	    db_value("select concat_ws('|', state, attempts, error_code, error_detail) from jobs"
		     " where id = $1::uuid",
		running.id, NULL)
		.text,
	    "FAILED|1|refusal|it refused");
	ending_free(&e);
	jobs_reset();
}

static void test_opened(void)
{
	struct queue_job running;
	struct queue_result *r;
	struct ending e;
	struct job job;

	start();
	running = jobs_running(&cfg, tenant);
	r = ending(&e, &running, NULL, "f1", "TOTALS");
	CU_ASSERT_FATAL(finish(&r, 1, NULL) == RC_OK && r->done);
	CHECK_STR(r->incident_action, "opened");
	CHECK_STR(db_value("select concat_ws('|', category, severity, status, primary_flag,"
			   " secondary_flags, fingerprint, action_class, occurrence_count,"
			   " job_id = $2::uuid) from incidents where id = $1::uuid",
		      r->incident_id, running.id)
		      .text,
	    "TOTALS|S2|OPEN|INVOICE_TOTAL_MISMATCH|{TAX_MISMATCH,LOW_CONFIDENCE}|f1|VERIFY_OCR|1|t");
	CHECK_STR(db_value("select concat_ws('|', incident_id = $2::uuid, incident_skipped is null)"
			   " from invoices where job_id = $1::uuid",
		      running.id, r->incident_id)
		      .text,
	    "t|t");
	CHECK_STR(db_value("select concat_ws('|', actor, action, detail->>'category',"
			   " detail->>'severity', detail->>'job' = $2) from audit_log"
			   " where object = 'incident ' || $1",
		      r->incident_id, running.id)
		      .text,
	    "worker|incident.opened|TOTALS|S2|t");
	CU_ASSERT_FATAL(job_load(db_as(DB_APP), tenant, running.id, &job, NULL) == RC_OK);
	CU_ASSERT(job.incident_json != NULL && strstr(job.incident_json, r->incident_id) != NULL);
	job_free(&job);
	ending_free(&e);
	jobs_reset();
}

/* Within a day and not resolved, the same incident is counted; else it is a new one. */
static void test_repeated(void)
{
	static const char count[] =
	    "select string_agg(occurrence_count::text, ' ' order by created_at)"
	    " from incidents where tenant_id = $1";
	char other[DB_TENANT];

	start();
	db_tenant(other);
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TOTALS").text, "opened");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TOTALS").text, "repeated");
	db_change("update incidents set status = 'ACK' where tenant_id = $1", tenant, NULL);
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TOTALS").text, "repeated");
	CHECK_STR(db_value(count, tenant, NULL).text, "3");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f2", "TOTALS").text, "opened");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TAX").text, "opened");
	CHECK_STR(finish_new(&cfg, other, NULL, "f1", "TOTALS").text, "opened");
	CHECK_STR(db_value(count, tenant, NULL).text, "3 1 1");
	CU_ASSERT(db_number("select count(*) from invoices where tenant_id = $1"
			    " and incident_id is not null",
		      tenant, NULL) == 5);
	CU_ASSERT(db_number("select count(*) from audit_log where tenant_id = $1"
			    " and action = 'incident.repeated'",
		      tenant, NULL) == 2);
	db_change("update incidents set status = 'RESOLVED' where tenant_id = $1", tenant, NULL);
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TOTALS").text, "opened");
	db_change("update incidents set created_at = clock_timestamp() -"
		  " interval '23 hours 59 minutes' where tenant_id = $1",
	    tenant, NULL);
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TOTALS").text, "repeated");
	db_change("update incidents set created_at = clock_timestamp() - interval '24 hours'"
		  " where tenant_id = $1",
	    tenant, NULL);
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TOTALS").text, "opened");
	jobs_reset();
}

/* Over the pilot's budget an incident is skipped, but one that is open is still counted. */
static void test_budget(void)
{
	char other[DB_TENANT];

	start();
	db_tenant(other);
	cfg.pilot_tenant_id = tenant;
	cfg.pilot_max_incidents_per_hour = 2;
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f1", "TOTALS").text, "opened");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f2", "TOTALS").text, "opened");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f3", "TOTALS").text, "incident_budget");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f2", "TOTALS").text, "repeated");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f4", NULL).text, "");
	CHECK_STR(
	    db_value("select string_agg(coalesce(incident_skipped, '-'), ' ' order by created_at)"
		     " from invoices where tenant_id = $1",
		tenant, NULL)
		.text,
	    "- - incident_budget - -");
	for (int i = 0; i < 3; i++) {
		char fingerprint[16];

		(void)snprintf(fingerprint, sizeof fingerprint, "o%d", i);
		CHECK_STR(finish_new(&cfg, other, NULL, fingerprint, "TOTALS").text, "opened");
	}
	db_change("update incidents set created_at = clock_timestamp() - interval '61 minutes'"
		  " where tenant_id = $1 and fingerprint = 'f1'",
	    tenant, NULL);
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f5", "TOTALS").text, "opened");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f6", "TOTALS").text, "incident_budget");
	jobs_reset();
}

/* A pilot that was killed while its job ran writes the invoice and no incident. */
static void test_pilot_disabled(void)
{
	for (int by_switch = 0; by_switch < 2; by_switch++) {
		struct queue_job jobs[2];
		struct ending e[2];
		struct queue_result *r[2];
		char other[DB_TENANT];

		start();
		db_tenant(other);
		cfg.pilot_tenant_id = tenant;
		jobs[0] = jobs_running(&cfg, tenant);
		jobs[1] = jobs_running(&cfg, other);
		cfg.pilot_enabled = by_switch != 0;
		if (by_switch)
			db_change("update pilot_switch set enabled = false", NULL, NULL);
		r[0] = ending(&e[0], &jobs[0], NULL, "f1", "TOTALS");
		r[1] = ending(&e[1], &jobs[1], NULL, "f1", "TOTALS");
		CU_ASSERT(finish(r, 2, NULL) == RC_OK && r[0]->done && r[1]->done);
		CHECK_STR(r[0]->incident_action, "pilot_disabled");
		CHECK_STR(r[0]->incident_id, "");
		CHECK_STR(r[1]->incident_action, "opened");
		CHECK_STR(db_value("select incident_skipped from invoices where job_id = $1::uuid",
			      jobs[0].id, NULL)
			      .text,
		    "pilot_disabled");
		ending_free(&e[0]);
		ending_free(&e[1]);
		jobs_reset();
	}
}

static void test_smoke(void)
{
	struct queue_job job;
	struct queue_result *r;
	struct ending e;

	start();
	job = jobs_running(&cfg, tenant);
	db_change("update jobs set smoke = true where id = $1::uuid", job.id, NULL);
	r = ending(&e, &job, "i1", "f1", "TOTALS");
	CU_ASSERT(finish(&r, 1, NULL) == RC_OK && r->done);
	CHECK_STR(r->incident_action, "");
	CHECK_STR(db_value("select concat_ws('|', smoke, incident_skipped is null) from invoices"
			   " where job_id = $1::uuid",
		      job.id, NULL)
		      .text,
	    "t|t");
	/* Nor does it make a later invoice a duplicate. */
	CHECK_STR(finish_new(&cfg, tenant, "i1", "f1", NULL).text, "");
	ending_free(&e);
	jobs_reset();
}

/* The variant for duplicates is for another document with the same seller and number only. */
static void test_duplicate(void)
{
	static const char grades[] =
	    "select string_agg(grade, ' ' order by created_at) from invoices"
	    " where tenant_id = $1";
	char other[DB_TENANT];
	struct queue_job job;
	struct queue_result *r;
	struct ending e;

	start();
	db_tenant(other);
	CHECK_STR(finish_new(&cfg, tenant, "i1", "f1", NULL).text, "");
	CHECK_STR(finish_new(&cfg, tenant, "i2", "f2", NULL).text, "");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f2", NULL).text, "");
	CHECK_STR(finish_new(&cfg, tenant, NULL, "f2", NULL).text, "");
	CHECK_STR(finish_new(&cfg, other, "i1", "f1", NULL).text, "");
	CHECK_STR(finish_new(&cfg, tenant, "i1", "f3", NULL).text, "opened");
	CHECK_STR(db_value(grades, tenant, NULL).text, "CHECK CHECK CHECK CHECK BAD");
	CHECK_STR(db_value(grades, other, NULL).text, "CHECK");
	CHECK_STR(
	    db_value("select category from incidents where tenant_id = $1", tenant, NULL).text,
	    "DUPLICATE");
	/* The same document once more (force) is no duplicate of itself. */
	CHECK_STR(finish_new(&cfg, tenant, "i9", "f9", NULL).text, "");
	db_change(
	    "insert into jobs (tenant_id, document_id, trace_id) select tenant_id, document_id, 't'"
	    " from invoices where tenant_id = $1 and identity = 'i9'",
	    tenant, NULL);
	CU_ASSERT_FATAL(jobs_claim(&cfg, 1, &job) == 1);
	r = ending(&e, &job, "i9", "f9", NULL);
	CU_ASSERT(finish(&r, 1, NULL) == RC_OK && r->done && r->incident_action[0] == '\0');
	ending_free(&e);
	jobs_reset();
}

/* One result that cannot be written takes the others with it; the leases stay. */
static void test_all_or_nothing(void)
{
	static const struct queue_call call = {
		.outcome = "ok", .prompt_tokens = -1, .completion_tokens = -1
	};
	struct queue_job jobs[3];
	struct queue_result *r[3];
	struct ending e[3];
	struct err err = { .code = "" };

	start();
	for (size_t i = 0; i < 3; i++) {
		jobs[i] = jobs_running(&cfg, tenant);
		r[i] = ending(&e[i], &jobs[i], NULL, "f1", "TOTALS");
		r[i]->call = i == 1 ? NULL : &call;
	}
	r[2]->invoice_json = "{\"outcome\":\"guessed\"}";
	CU_ASSERT(finish(r, 3, &err) == RC_INTERNAL);
	CHECK_STR(err.code, "database_error");
	for (size_t i = 0; i < 3; i++)
		CHECK_STR(jobs_state(jobs[i].id).text, "RUNNING");
	CU_ASSERT(db_number("select (select count(*) from invoices where tenant_id = $1) + (select"
			    " count(*) from incidents where tenant_id = $1) + (select count(*)"
			    " from provider_calls where tenant_id = $1)",
		      tenant, NULL) == 0);
	/* One that lost its lease is left out, and its call; the others are written. */
	r[2]->invoice_json = buf_str(&e[2].row);
	jobs_expire(jobs[0].id);
	CU_ASSERT(jobs_claim(&cfg, 1, &(struct queue_job){ .probe = false }) == 1);
	CU_ASSERT(finish(r, 3, &err) == RC_OK);
	CU_ASSERT(!r[0]->done && r[1]->done && r[2]->done);
	CHECK_STR(r[1]->incident_action, "opened");
	CHECK_STR(r[2]->incident_action, "repeated");
	CHECK_STR(r[2]->incident_id, r[1]->incident_id);
	CU_ASSERT(db_number("select count(*) from provider_calls where tenant_id = $1", tenant,
		      NULL) == 1);
	CU_ASSERT(finish(r, 0, NULL) == RC_OK);
	for (size_t i = 0; i < 3; i++)
		ending_free(&e[i]);
	jobs_reset();
}

enum { THREADS = 10 };
struct finisher {
	struct queue_job job;
	const char *identity;
	char fingerprint[8];
	char action[24];
};

static void *finish_one(void *arg)
{
	struct finisher *f = arg;
	struct pg *pg = db_open(DB_WORKER);
	struct ending e;
	struct queue_result *r = ending(&e, &f->job, f->identity, f->fingerprint, "TOTALS");

	if (queue_finish(pg, &cfg, &r, 1, NULL) == RC_OK && r->done)
		(void)snprintf(f->action, sizeof f->action, "%s", r->incident_action);
	ending_free(&e);
	pg_free(pg);
	return NULL;
}

static size_t finish_at_once(const char *identity, bool same_fingerprint, const char *action)
{
	struct finisher f[THREADS];
	pthread_t threads[THREADS];
	size_t n = 0;

	for (size_t i = 0; i < THREADS; i++) {
		f[i] = (struct finisher){ .identity = identity, .job = jobs_running(&cfg, tenant) };
		(void)snprintf(
		    f[i].fingerprint, sizeof f[i].fingerprint, "f%zu", same_fingerprint ? 0 : i);
	}
	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, finish_one, &f[i]) == 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	for (size_t i = 0; i < THREADS; i++)
		n += strcmp(f[i].action, action) == 0;
	return n;
}

/* Ten documents of one invoice at once: one is first, nine are duplicates, two incidents. */
static void test_same_at_once(void)
{
	start();
	CU_ASSERT(finish_at_once("i1", true, "repeated") == THREADS - 2);
	CHECK_STR(db_value("select concat_ws('|', count(*) filter (where grade = 'BAD'), count(*))"
			   " from invoices where tenant_id = $1",
		      tenant, NULL)
		      .text,
	    "9|10");
	CHECK_STR(db_value("select string_agg(category || occurrence_count, ' ' order by category)"
			   " from incidents where tenant_id = $1",
		      tenant, NULL)
		      .text,
	    "DUPLICATE9 TOTALS1");
	jobs_reset();
}

/* The budget is exact, however many workers finish at once. */
static void test_budget_at_once(void)
{
	start();
	cfg.pilot_tenant_id = tenant;
	cfg.pilot_max_incidents_per_hour = 3;
	CU_ASSERT(finish_at_once(NULL, false, "opened") == 3);
	CU_ASSERT(
	    db_number("select count(*) from incidents where tenant_id = $1", tenant, NULL) == 3);
	CU_ASSERT(db_number("select count(*) from invoices where tenant_id = $1 and"
			    " incident_skipped = 'incident_budget'",
		      tenant, NULL) == THREADS - 3);
	jobs_reset();
}

const struct unit_test unit_tests[] = {
	{ "succeeded", test_succeeded },
	{ "failed", test_failed },
	{ "an incident opens", test_opened },
	{ "an incident repeats", test_repeated },
	{ "the pilot's budget of incidents", test_budget },
	{ "the pilot is off", test_pilot_disabled },
	{ "a smoke run", test_smoke },
	{ "duplicates", test_duplicate },
	{ "a batch is all or nothing", test_all_or_nothing },
	{ "one invoice from all sides at once", test_same_at_once },
	{ "the budget, at once", test_budget_at_once },
	{ NULL, NULL },
};
