#include "store/queue.h"

#include <pthread.h>
#include <stdatomic.h>
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

/* Report under job; the provider's state after it. */
static struct db_text report(const struct queue_job *job, const char *state, int64_t wait_ms)
{
	struct db_text ret = { "(failed)" };

	if (queue_provider_report(db_as(DB_WORKER), &cfg, job, state, wait_ms, ret.text, NULL) !=
	    RC_OK)
		(void)snprintf(ret.text, sizeof ret.text, "(failed)");
	return ret;
}

static struct db_text state(void)
{
	return db_value("select concat_ws('|', state, consecutive, probe_token is not null)"
			" from provider_state",
	    NULL, NULL);
}

static int64_t blocked_ms(void)
{
	return db_number(
	    "select (extract(epoch from blocked_until - clock_timestamp()) * 1000)::bigint"
	    " from provider_state",
	    NULL, NULL);
}

static void wait_is_over(void)
{
	db_change("update provider_state set blocked_until = clock_timestamp()", NULL, NULL);
}

static void add(int n)
{
	char id[RANDOM_UUID_TEXT];

	while (n-- > 0)
		jobs_add(tenant, id);
}

/*
 * Each refusal closes the queue: a limit for the wait that it names, if that is longer than the
 * backoff; the others until the next look at them.
 */
static void test_refusals(void)
{
	static const struct {
		unsigned line;
		const char *state;
		int64_t wait_ms, least, most;
	} cases[] = {
		{ __LINE__, "rate_limited", 5000, 4000, 5000 },
		{ __LINE__, "rate_limited", -1, 600, 1000 },
		{ __LINE__, "unauthorized", 300000, 299000, 300000 },
		{ __LINE__, "quota_exhausted", 300000, 299000, 300000 },
		{ __LINE__, "quota_exhausted", -1, 299000, 300000 },
		{ __LINE__, "rate_limited", 0, 600, 1000 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct queue_job job, other;

		start();
		job = jobs_running(&cfg, tenant);
		add(2);
		CHECK_STR_ROW(report(&job, cases[i].state, cases[i].wait_ms).text, cases[i].state,
		    cases[i].line);
		CHECK_ROW(blocked_ms() <= cases[i].most && blocked_ms() >= cases[i].least,
		    cases[i].line, "wait");
		CHECK_ROW(jobs_claim(&cfg, 5, &other) == 0, cases[i].line, "claim");
		jobs_reset();
	}
}

static void test_fine(void)
{
	struct queue_job job, jobs[3];

	start();
	job = jobs_running(&cfg, tenant);
	CHECK_STR(report(&job, "ok", -1).text, "ok");
	CHECK_STR(report(&job, "unavailable", 60000).text, "ok");
	CHECK_STR(state().text, "ok|0|f");
	add(3);
	CU_ASSERT(jobs_claim(&cfg, 3, jobs) == 3 && !jobs[0].probe);
	CHECK_STR(report(&job, "nonsense", -1).text, "(failed)");
	CHECK_STR(state().text, "ok|0|f");
	jobs_reset();
}

/* After the wait one job goes out, and its success opens the queue again. */
static void test_probe_succeeds(void)
{
	struct queue_job job, probe, jobs[5];

	start();
	job = jobs_running(&cfg, tenant);
	CHECK_STR(report(&job, "rate_limited", 60000).text, "rate_limited");
	add(4);
	CU_ASSERT(jobs_claim(&cfg, 5, jobs) == 0);
	wait_is_over();
	CU_ASSERT(jobs_claim(&cfg, 0, jobs) == 0);
	CU_ASSERT_FATAL(jobs_claim(&cfg, 5, &probe) == 1 && probe.probe);
	CHECK_STR(state().text, "rate_limited|1|t");
	CU_ASSERT(jobs_claim(&cfg, 5, jobs) == 0);
	/* The success of a call from before the refusal says nothing. */
	CHECK_STR(report(&job, "ok", -1).text, "rate_limited");
	CHECK_STR(state().text, "rate_limited|1|t");
	CU_ASSERT(jobs_claim(&cfg, 5, jobs) == 0);
	CHECK_STR(report(&probe, "ok", -1).text, "ok");
	CHECK_STR(state().text, "ok|0|f");
	CHECK_STR(db_value("select blocked_until from provider_state", NULL, NULL).text, "(null)");
	CU_ASSERT(jobs_claim(&cfg, 5, jobs) == 3 && !jobs[0].probe);
	jobs_reset();
}

/* Each probe that is refused doubles the wait; a wait that was asked for replaces it. */
static void test_probe_is_refused(void)
{
	struct queue_job probe;

	start();
	probe = jobs_running(&cfg, tenant);
	CHECK_STR(report(&probe, "rate_limited", -1).text, "rate_limited");
	for (int64_t n = 2, wait = 2000; n < 9; n++, wait *= 2) {
		int64_t most = wait < cfg.retry_max_ms ? wait : cfg.retry_max_ms;
		char want[40];

		add(1);
		wait_is_over();
		CU_ASSERT_FATAL(jobs_claim(&cfg, 5, &probe) == 1 && probe.probe);
		CHECK_STR(report(&probe, "rate_limited", -1).text, "rate_limited");
		CU_ASSERT(blocked_ms() <= most && blocked_ms() >= most * 3 / 4 - 500);
		(void)snprintf(want, sizeof want, "rate_limited|%d|f", (int)n);
		CHECK_STR(state().text, want);
	}
	add(1);
	wait_is_over();
	CU_ASSERT_FATAL(jobs_claim(&cfg, 5, &probe) == 1);
	CHECK_STR(report(&probe, "quota_exhausted", 3000).text, "quota_exhausted");
	CU_ASSERT(blocked_ms() > 299000 && blocked_ms() <= 300000);
	jobs_reset();
}

/* Calls that were under way when the first refusal came are one refusal, with the longest wait. */
static void test_many_refused_at_once(void)
{
	struct queue_job jobs[3];

	start();
	for (size_t i = 0; i < 3; i++)
		jobs[i] = jobs_running(&cfg, tenant);
	CHECK_STR(report(&jobs[0], "rate_limited", 2000).text, "rate_limited");
	CHECK_STR(report(&jobs[1], "rate_limited", 9000).text, "rate_limited");
	CHECK_STR(report(&jobs[2], "rate_limited", 1000).text, "rate_limited");
	CHECK_STR(state().text, "rate_limited|1|f");
	CU_ASSERT(blocked_ms() > 8000 && blocked_ms() <= 9000);
	jobs_reset();
}

/* The provider is down while we probe: still refused, for another wait; otherwise no news. */
static void test_unavailable(void)
{
	struct queue_job job, probe, none;

	start();
	job = jobs_running(&cfg, tenant);
	CHECK_STR(report(&job, "unauthorized", 1000).text, "unauthorized");
	wait_is_over();
	CHECK_STR(report(&job, "unavailable", 60000).text, "unauthorized");
	CHECK_STR(report(&job, "rate_limited", 60000).text, "unauthorized"); /* a straggler */
	CU_ASSERT(blocked_ms() <= 0);
	add(2);
	wait_is_over();
	CU_ASSERT_FATAL(jobs_claim(&cfg, 1, &probe) == 1 && probe.probe);
	CHECK_STR(report(&probe, "unavailable", 4000).text, "unauthorized");
	CHECK_STR(state().text, "unauthorized|2|f");
	CU_ASSERT(blocked_ms() > 299000 && jobs_claim(&cfg, 1, &none) == 0);
	jobs_reset();
}

/* A probe ends with its lease, however that ends, and another takes its place. */
static void test_probe_is_lost(void)
{
	static const struct {
		unsigned line;
		bool dies, hands_back, releases;
	} cases[] = {
		{ __LINE__, .dies = true },
		{ __LINE__, .hands_back = true },
		{ __LINE__, .releases = true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct queue_job job, probe, next;
		const struct queue_job *list[1] = { &probe };

		start();
		job = jobs_running(&cfg, tenant);
		(void)report(&job, "rate_limited", 1000);
		add(2);
		wait_is_over();
		CU_ASSERT_FATAL(jobs_claim(&cfg, 5, &probe) == 1);
		CHECK_ROW(jobs_claim(&cfg, 5, &next) == 0, cases[i].line, "while it lives");
		if (cases[i].dies)
			jobs_expire(probe.id);
		if (cases[i].hands_back)
			CU_ASSERT(queue_hand_back(db_as(DB_WORKER), list, 1, NULL) == RC_OK);
		if (cases[i].releases)
			CU_ASSERT(queue_release(db_as(DB_WORKER), &cfg, &probe, NULL, 60000, "x",
				      "y", false, NULL) == RC_OK);
		CHECK_ROW(jobs_claim(&cfg, 5, &next) == 1 && next.probe, cases[i].line, "after");
		/* The old probe's word counts no more. */
		CHECK_STR_ROW(report(&probe, "ok", -1).text, "rate_limited", cases[i].line);
		CHECK_STR_ROW(report(&next, "ok", -1).text, "ok", cases[i].line);
		jobs_reset();
	}
}

enum { THREADS = 12 };
static atomic_int claimed, probes;

static void *claim_some(void *arg)
{
	struct pg *pg = db_open(DB_WORKER);

	(void)arg;
	for (int i = 0; i < 5; i++) {
		struct queue_job *got = NULL;
		size_t n = 0;

		if (queue_claim(pg, &cfg, "w", 4, &got, &n, NULL) != RC_OK)
			break;
		atomic_fetch_add(&claimed, (int)n);
		atomic_fetch_add(&probes, n == 1 && got[0].probe);
		free(got);
	}
	pg_free(pg);
	return NULL;
}

/* Of all workers, one probes. */
static void test_one_probe(void)
{
	pthread_t threads[THREADS];
	struct queue_job job;

	start();
	claimed = probes = 0;
	job = jobs_running(&cfg, tenant);
	(void)report(&job, "rate_limited", 1000);
	add(30);
	wait_is_over();
	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, claim_some, NULL) == 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	CU_ASSERT(claimed == 1 && probes == 1);
	jobs_reset();
}

/* A worker that comes with a key lets a refused one be looked at at once; a used-up quota not. */
static void test_new_key(void)
{
	struct queue_worker w = { .id = "new", .host = "h", .config_hash = "sha256:0" };
	struct queue_job job, probe;

	start();
	job = jobs_running(&cfg, tenant);
	CHECK_STR(report(&job, "unauthorized", -1).text, "unauthorized");
	add(2);
	CU_ASSERT(queue_heartbeat(db_as(DB_WORKER), &w, NULL) == RC_OK);
	CU_ASSERT(jobs_claim(&cfg, 1, &probe) == 0);
	w.id = "newer";
	w.key_configured = true;
	CU_ASSERT(queue_heartbeat(db_as(DB_WORKER), &w, NULL) == RC_OK);
	CU_ASSERT(jobs_claim(&cfg, 1, &probe) == 1 && probe.probe);
	CHECK_STR(report(&probe, "quota_exhausted", -1).text, "quota_exhausted");
	w.id = "newest";
	CU_ASSERT(queue_heartbeat(db_as(DB_WORKER), &w, NULL) == RC_OK);
	CU_ASSERT(jobs_claim(&cfg, 1, &probe) == 0);
	db_change("delete from worker_heartbeats", NULL, NULL);
	jobs_reset();
}

const struct unit_test unit_tests[] = {
	{ "a worker comes with a key", test_new_key },
	{ "refusals", test_refusals },
	{ "all is well", test_fine },
	{ "a probe succeeds", test_probe_succeeds },
	{ "a probe is refused", test_probe_is_refused },
	{ "many are refused at once", test_many_refused_at_once },
	{ "unavailable", test_unavailable },
	{ "a probe is lost", test_probe_is_lost },
	{ "one probe among many workers", test_one_probe },
	{ NULL, NULL },
};
