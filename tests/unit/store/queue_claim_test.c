#include "store/queue.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "unit/store/jobs.h"

static char tenant[DB_TENANT];
static struct config cfg;

static void start(void)
{
	jobs_reset();
	db_tenant(tenant);
	cfg = jobs_config();
}

static void test_claimed(void)
{
	char id[RANDOM_UUID_TEXT];
	struct queue_job *got = (struct queue_job *)tenant;
	struct queue_job job;
	size_t n = 7;

	start();
	jobs_sweep();
	CU_ASSERT(queue_claim(db_as(DB_WORKER), &cfg, "w", 5, &got, &n, NULL) == RC_OK);
	CU_ASSERT(n == 0 && got == NULL);
	jobs_add(tenant, id);
	CU_ASSERT(jobs_claim(&cfg, 0, &job) == 0);
	CU_ASSERT_FATAL(jobs_claim(&cfg, 5, &job) == 1);
	CHECK_STR(job.tenant_id, tenant);
	CHECK_STR(job.id, id);
	CHECK_STR(job.trace_id, "trace-1");
	CHECK_STR(job.reply_channel, "reply_1");
	CU_ASSERT(strlen(job.document_id) == 36 && strlen(job.lease_token) == 36);
	CU_ASSERT(!job.skipped && !job.probe && job.attempts == 0 && job.lost_leases == 0);
	CU_ASSERT(job.queue_ms >= 0 && job.queue_ms < 60000);
	CHECK_STR(db_value("select concat_ws('|', state, worker_id, lease_token = $2::uuid,"
			   " lease_until - started_at between '29.9 seconds' and '30.1 seconds')"
			   " from jobs where id = $1::uuid",
		      id, job.lease_token)
		      .text,
	    "RUNNING|worker-1|t|t");
	CU_ASSERT(jobs_claim(&cfg, 5, &job) == 0);
	jobs_reset();
}

/* Lost jobs first, then by the time they are due; what is not due stays. */
static void test_order(void)
{
	char id[5][RANDOM_UUID_TEXT];
	struct queue_job lost, job;

	start();
	lost = jobs_running(&cfg, tenant);
	jobs_expire(lost.id);
	for (size_t i = 0; i < 5; i++)
		jobs_add(tenant, id[i]);
	db_change("update jobs set run_at = clock_timestamp() - interval '1 hour'"
		  " where id = $1::uuid",
	    id[3], NULL);
	db_change("update jobs set run_at = clock_timestamp() + interval '1 hour'"
		  " where id = $1::uuid",
	    id[1], NULL);
	CU_ASSERT(jobs_claim(&cfg, 1, &job) == 1);
	CHECK_STR(job.id, lost.id);
	CU_ASSERT(strcmp(job.lease_token, lost.lease_token) != 0 && job.lost_leases == 1);
	for (size_t i = 0; i < 4; i++) {
		static const size_t want[] = { 3, 0, 2, 4 };

		CU_ASSERT(jobs_claim(&cfg, 1, &job) == 1);
		CHECK_STR(job.id, id[want[i]]);
		CU_ASSERT(job.lost_leases == 0);
	}
	CU_ASSERT(jobs_claim(&cfg, 9, &job) == 0);
	jobs_reset();
}

static void test_limit(void)
{
	char id[RANDOM_UUID_TEXT];
	struct queue_job jobs[10];

	start();
	for (int i = 0; i < 7; i++)
		jobs_add(tenant, id);
	CU_ASSERT(jobs_claim(&cfg, 3, jobs) == 3);
	jobs_expire(jobs[0].id);
	jobs_expire(jobs[1].id);
	CU_ASSERT(jobs_claim(&cfg, 3, jobs) == 3);
	CU_ASSERT(jobs_claim(&cfg, 10, jobs) == 3);
	jobs_reset();
}

enum { THREADS = 8, JOBS = 60 };
static atomic_int claimed;

static void *claim_all(void *arg)
{
	struct pg *pg = db_open(DB_WORKER);
	size_t n = 1;

	while (n > 0) {
		struct queue_job *got = NULL;

		if (queue_claim(pg, &cfg, arg, 3, &got, &n, NULL) != RC_OK)
			break;
		atomic_fetch_add(&claimed, (int)n);
		free(got);
	}
	pg_free(pg);
	return NULL;
}

/* Workers at once: each job is claimed once. */
static void test_at_once(void)
{
	pthread_t threads[THREADS];
	char id[RANDOM_UUID_TEXT], name[] = "worker";

	start();
	claimed = 0;
	for (int i = 0; i < JOBS; i++)
		jobs_add(tenant, id);
	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, claim_all, name) == 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	CU_ASSERT(claimed == JOBS);
	CU_ASSERT(db_number("select count(distinct lease_token) from jobs where tenant_id = $1"
			    " and state = 'RUNNING'",
		      tenant, NULL) == JOBS);
	jobs_reset();
}

/* The killed pilot's jobs end as SKIPPED, on top of the limit; others are not touched. */
static void test_pilot_off(void)
{
	for (int by_switch = 0; by_switch < 2; by_switch++) {
		char other[DB_TENANT], id[3][RANDOM_UUID_TEXT], mine[RANDOM_UUID_TEXT];
		struct queue_job jobs[8];
		size_t n, skipped = 0;

		start();
		db_tenant(other);
		cfg.pilot_tenant_id = tenant;
		cfg.pilot_enabled = by_switch != 0;
		if (by_switch)
			db_change("update pilot_switch set enabled = false", NULL, NULL);
		for (size_t i = 0; i < 3; i++)
			jobs_add(tenant, id[i]);
		db_change("update jobs set smoke = true where id = $1::uuid", id[2], NULL);
		jobs_add(other, mine);
		n = jobs_claim(&cfg, 2, jobs);
		CU_ASSERT(n == 4);
		for (size_t i = 0; i < n; i++) {
			skipped += jobs[i].skipped;
			CU_ASSERT(jobs[i].skipped == (jobs[i].lease_token[0] == '\0'));
			CU_ASSERT(!jobs[i].skipped || strcmp(jobs[i].tenant_id, tenant) == 0);
			CU_ASSERT(
			    !jobs[i].skipped || strcmp(jobs[i].reply_channel, "reply_1") == 0);
		}
		CU_ASSERT(skipped == 2);
		CHECK_STR(
		    db_value("select concat_ws('|', state, error_code, finished_at is not null)"
			     " from jobs where id = $1::uuid",
			id[0], NULL)
			.text,
		    "SKIPPED|pilot_disabled|t");
		CHECK_STR(jobs_state(id[2]).text, "RUNNING");
		CHECK_STR(jobs_state(mine).text, "RUNNING");
		CU_ASSERT(db_number("select count(*) from documents where tenant_id = $1", tenant,
			      NULL) == 3);
		jobs_reset();
	}
}

/* A pilot job whose worker died comes back to the queue, and there the killed pilot's are skipped.
 */
static void test_pilot_off_lost(void)
{
	struct queue_job lost, alive, jobs[4];

	start();
	cfg.pilot_tenant_id = tenant;
	lost = jobs_running(&cfg, tenant);
	alive = jobs_running(&cfg, tenant);
	jobs_expire(lost.id);
	db_change("update pilot_switch set enabled = false", NULL, NULL);
	CU_ASSERT_FATAL(jobs_claim(&cfg, 5, jobs) == 1);
	CU_ASSERT(jobs[0].skipped);
	CHECK_STR(jobs[0].id, lost.id);
	CHECK_STR(jobs_state(lost.id).text, "SKIPPED");
	CHECK_STR(jobs_state(alive.id).text, "RUNNING");
	jobs_reset();
}

static void backdate(const char *id, const char *ago)
{
	db_change("update jobs set run_at = clock_timestamp() - $2::interval where id = $1::uuid",
	    id, ago);
}

/* A claim looks from where the last one left off; a sweep finds the rest. */
static void test_where_claims_leave_off(void)
{
	char id[4][RANDOM_UUID_TEXT];
	struct queue_job lost, job;

	start();
	for (size_t i = 0; i < 4; i++)
		jobs_add(tenant, id[i]);
	backdate(id[0], "3 seconds");
	backdate(id[1], "2 seconds");
	/* As the limit was reached, what is due after it is still to come. */
	CU_ASSERT(jobs_claim(&cfg, 1, &job) == 1);
	CHECK_STR(job.id, id[0]);
	CU_ASSERT(jobs_claim_on(&cfg, 1, &job) == 1);
	CHECK_STR(job.id, id[1]);
	CU_ASSERT(jobs_claim_on(&cfg, 5, (struct queue_job[5]){ 0 }) == 2);
	/* Visible late by a moment: found at once.  By more: in a sweep, as are lost ones. */
	jobs_add(tenant, id[0]);
	backdate(id[0], "500 milliseconds");
	CU_ASSERT(jobs_claim_on(&cfg, 5, &job) == 1);
	lost = job;
	jobs_expire(lost.id);
	jobs_add(tenant, id[1]);
	backdate(id[1], "5 seconds");
	CU_ASSERT(jobs_claim_on(&cfg, 5, &job) == 0);
	CU_ASSERT(jobs_claim(&cfg, 1, &job) == 1);
	CHECK_STR(job.id, lost.id);
	/* Lost ones took all places of that sweep: it tells nothing about the queue. */
	CU_ASSERT(jobs_claim_on(&cfg, 1, &job) == 1);
	CHECK_STR(job.id, id[1]);
	jobs_reset();
}

/* Every so often a claim is a sweep by itself: a third of the lease, here. */
static void test_sweep(void)
{
	char id[RANDOM_UUID_TEXT];
	struct queue_job job;
	int tries = 0;

	start();
	cfg.job_lease_seconds = 1;
	CU_ASSERT(jobs_claim(&cfg, 1, &job) == 0);
	jobs_add(tenant, id);
	backdate(id, "1 minute");
	while (jobs_claim_on(&cfg, 1, &job) == 0 && tries++ < 300)
		(void)poll(NULL, 0, 10);
	CU_ASSERT(tries > 0 && tries < 300);
	CHECK_STR(job.id, id);
	jobs_reset();
}

static void mark(const char *sql)
{
	struct pg_query q = { .sql = sql };

	if (pg_run(db_as(DB_WORKER), &q, 1, NULL, NULL) != RC_OK)
		abort();
}

/* Marks from the future are of before the server's clock was set back: by much, or by a little. */
static void test_clock_set_back(void)
{
	static const char much[] =
	    "select set_config('mizan.next_sweep', (now() + '1 hour')::text, false),"
	    " set_config('mizan.due_since', (now() + '1 hour')::text, false)";
	static const char little[] =
	    "select set_config('mizan.next_sweep', (now() + '1 minute')::text, false),"
	    " set_config('mizan.due_since', (now() + '1 minute')::text, false)";
	char id[RANDOM_UUID_TEXT];
	struct queue_job job;

	start();
	jobs_add(tenant, id);
	backdate(id, "1 minute");
	mark(much);
	CU_ASSERT(jobs_claim_on(&cfg, 1, &job) == 1);
	jobs_add(tenant, id);
	mark(little);
	CU_ASSERT(jobs_claim_on(&cfg, 1, &job) == 1);
	jobs_reset();
}

/* A sweep that cannot be ended in time holds up nothing that came lately. */
static void test_sweep_given_up(void)
{
	struct pg *pg = db_open_for(DB_WORKER, 500);
	char id[RANDOM_UUID_TEXT];
	struct queue_job lost, *got = NULL;
	size_t n = 0;

	start();
	db_change("create function slow() returns trigger language plpgsql as"
		  " 'begin perform pg_sleep(20); return new; end'",
	    NULL, NULL);
	db_change("create trigger slow before update on jobs for each row"
		  " when (new.lost_leases > old.lost_leases) execute function slow()",
	    NULL, NULL);
	lost = jobs_running(&cfg, tenant);
	jobs_expire(lost.id);
	jobs_add(tenant, id);
	CU_ASSERT(queue_claim(pg, &cfg, "w", 5, &got, &n, NULL) == RC_OK);
	CU_ASSERT_FATAL(n == 1);
	CHECK_STR(got[0].id, id);
	free(got);
	got = NULL;
	/* Nor is it tried again at once. */
	CU_ASSERT(queue_claim(pg, &cfg, "w", 5, &got, &n, NULL) == RC_OK && n == 0);
	free(got);
	db_change("drop function slow() cascade", NULL, NULL);
	CU_ASSERT(jobs_claim(&cfg, 1, &lost) == 1 && lost.lost_leases == 1);
	pg_free(pg);
	jobs_reset();
}

static void test_documents(void)
{
	char other[DB_TENANT], id[RANDOM_UUID_TEXT];
	struct queue_job jobs[2];
	const struct queue_job *const both[] = { &jobs[0], &jobs[1] };
	struct queue_document docs[2] = { { .rows = NULL } };
	struct err e = { .code = "" };

	start();
	db_tenant(other);
	CU_ASSERT_FATAL(jobs_accept(db_as(DB_APP), tenant, "first", 0, id, NULL) == RC_OK);
	CU_ASSERT_FATAL(jobs_accept(db_as(DB_APP), other, "second one", 0, id, NULL) == RC_OK);
	CU_ASSERT_FATAL(jobs_claim(&cfg, 1, &jobs[0]) == 1 && jobs_claim(&cfg, 1, &jobs[1]) == 1);
	CU_ASSERT_FATAL(queue_documents(db_as(DB_WORKER), both, 2, docs, NULL) == RC_OK);
	CU_ASSERT(docs[0].len == 5 && memcmp(docs[0].bytes, "first", 5) == 0);
	CU_ASSERT(docs[1].len == 10 && memcmp(docs[1].bytes, "second one", 10) == 0);
	CHECK_STR(docs[0].media_type, "application/pdf");
	CHECK_STR(docs[1].sha256,
	    db_value("select encode(sha256($1::bytea), 'hex')", "second one", NULL).text);
	queue_document_free(&docs[0]);
	queue_document_free(&docs[1]);
	queue_document_free(&docs[1]);
	/* Under another tenant there is no such document; then none is given. */
	(void)snprintf(jobs[0].tenant_id, sizeof jobs[0].tenant_id, "%s", other);
	CU_ASSERT(queue_documents(db_as(DB_WORKER), both, 2, docs, &e) == RC_INTERNAL);
	CHECK_STR(e.code, "unexpected_rows");
	CU_ASSERT(docs[0].rows == NULL && docs[1].rows == NULL);
	jobs_reset();
}

static bool next_payload(struct pg *pg, char *payload, size_t size)
{
	for (int i = 0; i < 40; i++) {
		struct pollfd p = { .fd = pg_fd(pg), .events = POLLIN };

		if (pg_notification(pg, payload, size))
			return true;
		(void)poll(&p, 1, 50);
	}
	return false;
}

static void test_notify(void)
{
	struct pg *worker = db_open(DB_WORKER), *app = db_open(DB_APP);
	struct queue_job jobs[2] = { { .reply_channel = "Unit Test \"1\"", .id = "id-1" },
		{ .reply_channel = "Unit Test \"1\"", .id = "id-2" } };
	const struct queue_job *list[2] = { &jobs[0], &jobs[1] };
	char payload[40] = "x", channel[] = "reply_0123456789abcdef";

	start();
	CU_ASSERT_FATAL(queue_listen(worker, QUEUE_CHANNEL, NULL) == RC_OK);
	CU_ASSERT(queue_announce(app, NULL) == RC_OK);
	CU_ASSERT(next_payload(worker, payload, sizeof payload));
	CHECK_STR(payload, "");
	/* A channel's name is quoted, whatever is in it. */
	CU_ASSERT_FATAL(queue_listen(app, jobs[0].reply_channel, NULL) == RC_OK);
	(void)snprintf(jobs[0].reply_channel, sizeof jobs[0].reply_channel, "%s", channel);
	(void)snprintf(jobs[1].reply_channel, sizeof jobs[1].reply_channel, "%s", channel);
	CU_ASSERT_FATAL(queue_listen(app, channel, NULL) == RC_OK);
	CU_ASSERT(queue_notify(worker, list, 2, NULL) == RC_OK);
	CU_ASSERT(next_payload(app, payload, sizeof payload));
	CHECK_STR(payload, "id-1");
	CU_ASSERT(next_payload(app, payload, sizeof payload));
	CHECK_STR(payload, "id-2");
	pg_free(worker);
	pg_free(app);
}

/* The worker's claim says that work is consumed; without a claim it does not. */
static void test_claimed_at(void)
{
	static const char sql[] = "select claimed_at is not null from worker_heartbeats";
	const struct queue_worker w = { .id = "worker-1", .host = "h", .config_hash = "c" };
	char id[RANDOM_UUID_TEXT];
	struct queue_job job;

	start();
	CU_ASSERT(queue_heartbeat(db_as(DB_WORKER), &w, NULL) == RC_OK);
	CU_ASSERT(jobs_claim(&cfg, 1, &job) == 0);
	CHECK_STR(db_value(sql, NULL, NULL).text, "f");
	jobs_add(tenant, id);
	CU_ASSERT(jobs_claim(&cfg, 1, &job) == 1);
	CHECK_STR(db_value(sql, NULL, NULL).text, "t");
	CU_ASSERT(queue_heartbeat(db_as(DB_WORKER), &w, NULL) == RC_OK);
	CHECK_STR(db_value(sql, NULL, NULL).text, "t");
	jobs_reset();
}

const struct unit_test unit_tests[] = {
	{ "a claim", test_claimed },
	{ "the order of claims", test_order },
	{ "the limit", test_limit },
	{ "workers at once", test_at_once },
	{ "the pilot is off", test_pilot_off },
	{ "the pilot is off and a worker died", test_pilot_off_lost },
	{ "where claims leave off", test_where_claims_leave_off },
	{ "a sweep", test_sweep },
	{ "the clock is set back", test_clock_set_back },
	{ "a sweep that is given up", test_sweep_given_up },
	{ "documents", test_documents },
	{ "announce, listen, notify", test_notify },
	{ "a claim is noted", test_claimed_at },
	{ NULL, NULL },
};
