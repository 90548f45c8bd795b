/*
 * The store's functions against a real Postgres, with each allocation, libpq's own included, and
 * each call of libpq failing in turn: what comes back is right or nothing, the connection is in
 * step or given up, and the same once more brings it to its one end.
 */
#include <stdlib.h>
#include <string.h>

#include "pg/pool.h"
#include "store/job.h"
#include "store/pilot.h"
#include "store/readiness.h"
#include "unit/store/results.h"
#include "unit/torture/each.h"

enum { TIMEOUT_MS = 2000 };

/* What every case works with: one connection of the role that does it in production. */
struct work {
	const char *role;
	bool connected; /* before the calls are counted */
	struct pg *pg;
	struct config cfg;
	char tenant[DB_TENANT], id[RANDOM_UUID_TEXT], content[64];
	struct queue_job job;
	struct ending ending;
};

static void run_simple(struct pg *pg)
{
	struct pg_query q = { .sql = "select 1" };

	if (pg_run(pg, &q, 1, NULL, NULL) != RC_OK)
		abort();
}

static void open_work(void *arg)
{
	struct work *w = arg;

	w->pg = db_open_for(w->role, TIMEOUT_MS);
	if (w->connected)
		run_simple(w->pg);
}

static void close_work(void *arg)
{
	struct work *w = arg;

	pg_free(w->pg);
}

static enum verdict verdict_of(enum rc rc, bool right)
{
	if (rc == RC_OK)
		return right ? RIGHT : WRONG;
	return rc == RC_UNAVAILABLE ? REFUSED : WRONG;
}

/* Both classes of calls. */
static void check(const struct each_case *of, struct work *w, const char *name)
{
	char what[80];

	(void)snprintf(what, sizeof what, "%s (memory)", name);
	CHECK_ROW(each(FAIL_MEMORY, of, w, what) > 10, __LINE__, what);
	(void)snprintf(what, sizeof what, "%s (libpq)", name);
	CHECK_ROW(each(FAIL_LIBPQ, of, w, what) >= 5, __LINE__, what);
}

/* --- A new connection, and statements of every kind in one transaction */

static enum verdict run_three(void *arg)
{
	struct work *w = arg;
	struct pg_query q[3] = {
		{ .sql = "select $1::text, null::text",
		    .expect = PG_EXPECT_ONE,
		    .n = 1,
		    .params = { PG_TEXT("some text") } },
		{ .sql = "select repeat('x', n) from generate_series(1, 300) as n",
		    .tenant = w->tenant,
		    .expect = PG_EXPECT_ANY },
		{ .sql = "select current_setting('mizan.tenant_id')::bytea",
		    .tenant = w->tenant,
		    .binary_result = true },
	};
	struct pg_result *r[3] = { NULL, NULL, NULL };
	enum rc rc = pg_run(w->pg, q, 3, r, NULL);
	bool right = false;
	size_t len = 0;

	if (rc == RC_OK) {
		right = strcmp(pg_text(r[0], 0, 0), "some text") == 0 && pg_is_null(r[0], 0, 1) &&
			pg_rows(r[1]) == 300 && strlen(pg_text(r[1], 299, 0)) == 300 &&
			memcmp(pg_bytes(r[2], 0, 0, &len), w->tenant, strlen(w->tenant)) == 0 &&
			len == strlen(w->tenant);
	}
	for (size_t i = 0; i < 3; i++)
		pg_result_free(r[i]);
	return verdict_of(rc, right);
}

static void test_run(void)
{
	static const struct each_case of = {
		.open = open_work, .run = run_three, .close = close_work
	};
	struct work w = { .role = DB_APP };

	db_tenant(w.tenant);
	check(&of, &w, "connect and run");
	w.connected = true;
	check(&of, &w, "run");
}

/* --- A statement that is refused stays what it is, or becomes unavailable */

static enum verdict run_refused(void *arg)
{
	struct work *w = arg;
	struct pg_query q[2] = { { .sql = "select 1" },
		{ .sql = "select 1 / (n - 1) from (values (1)) v (n)" } };
	struct err e = { .rc = RC_OK };
	enum rc rc = pg_run(w->pg, q, 2, NULL, &e);

	if (rc == RC_INTERNAL)
		return strcmp(e.msg, "sqlstate 22012") == 0 ? RIGHT : WRONG;
	return rc == RC_UNAVAILABLE ? REFUSED : WRONG;
}

static void test_refused(void)
{
	static const struct each_case of = {
		.open = open_work, .run = run_refused, .close = close_work
	};
	struct work w = { .role = DB_APP, .connected = true };

	check(&of, &w, "a statement in error");
}

/* --- Notifications: one that was sent arrives, or the connection tells that it is another */

static void open_listening(void *arg)
{
	struct work *w = arg;

	open_work(arg);
	if (queue_listen(w->pg, "mizan_torture", NULL) != RC_OK)
		abort();
	db_change("select null from pg_notify('mizan_torture', $1)", w->tenant, NULL);
}

static enum verdict run_notification(void *arg)
{
	struct work *w = arg;
	uint64_t generation = pg_generation(w->pg);
	int64_t deadline = clock_ms() + 200;
	char payload[64];

	while (clock_ms() < deadline)
		if (pg_notification(w->pg, payload, sizeof payload))
			return strcmp(payload, w->tenant) == 0 ? RIGHT : WRONG;
		else if (pg_generation(w->pg) != generation)
			return REFUSED;
	/* A hint: it may be lost, as long as somebody failed. */
	return fail_nth()->points[FAIL_LIBPQ].fired + fail_nth()->points[FAIL_MEMORY].fired > 0
		   ? REFUSED
		   : WRONG;
}

static void test_notification(void)
{
	static const struct each_case of = {
		.open = open_listening, .run = run_notification, .close = close_work
	};
	struct work w = { .role = DB_WORKER, .connected = true };

	db_tenant(w.tenant);
	(void)each(FAIL_MEMORY, &of, &w, "notification (memory)");
	(void)each(FAIL_LIBPQ, &of, &w, "notification (libpq)");
}

/* --- Upload: accepted once, whatever the client was told */

static void setup_accept(void *arg)
{
	struct work *w = arg;

	(void)snprintf(w->content, sizeof w->content, "%%PDF-");
	random_hex(w->content + 5, 16);
	random_uuid(w->id);
}

static enum rc accept_once(struct work *w, struct pg *pg)
{
	struct intake_answer answer = { .duplicate = false };
	int64_t retry_after = 0;
	struct intake in = { .tenant_id = w->tenant,
		.job_id = w->id,
		.content = w->content,
		.len = strlen(w->content),
		.media_type = "application/pdf",
		.filename = "a.pdf",
		.trace_id = "t",
		.idempotency_key = w->id };
	enum rc rc = intake_accept(pg, &in, &answer, &retry_after, NULL);

	return rc == RC_OK && strcmp(answer.job_id, w->id) != 0 ? RC_CONFLICT : rc;
}

static enum verdict run_accept(void *arg)
{
	struct work *w = arg;

	return verdict_of(accept_once(w, w->pg), true);
}

/* The client that was refused sends it again. */
static bool verify_accept(void *arg, enum verdict verdict)
{
	struct work *w = arg;
	static const char count[] =
	    "select count(*) from jobs where id = $1::uuid and tenant_id = $2";

	if (verdict == RIGHT && db_number(count, w->id, w->tenant) != 1)
		return false;
	return accept_once(w, db_as(DB_APP)) == RC_OK && db_number(count, w->id, w->tenant) == 1;
}

static void test_accept(void)
{
	static const struct each_case of = { .setup = setup_accept,
		.open = open_work,
		.run = run_accept,
		.close = close_work,
		.verify = verify_accept };
	struct work w = { .role = DB_APP, .connected = true };

	jobs_reset();
	db_tenant(w.tenant);
	check(&of, &w, "accept");
	jobs_reset();
}

/* --- A job as its client sees it, and the pilot's switch and readiness on the way */

static enum verdict run_load(void *arg)
{
	struct work *w = arg;
	char tenant[JOB_TENANT_TEXT];
	struct pilot_switch sw = { .enabled = false };
	struct readiness_facts facts = { .schema_version = 0 };
	struct job job = { 0 };
	enum rc rc = job_find_tenant(w->pg, w->id, tenant, NULL);
	bool right;

	if (rc == RC_OK)
		rc = pilot_get(w->pg, &sw, NULL);
	if (rc == RC_OK)
		rc = readiness_load(w->pg, "pilot", 10, 30, &facts, NULL);
	if (rc == RC_OK)
		rc = job_load(w->pg, tenant, w->id, &job, NULL);
	right = rc == RC_OK && sw.enabled && facts.schema_version > 0 &&
		strcmp(job.id, w->id) == 0 && strcmp(job.tenant_id, w->tenant) == 0 &&
		strcmp(job.state, "QUEUED") == 0 && strcmp(job.filename, "a.pdf") == 0 &&
		!job.has_invoice && job.audit_json == NULL;
	job_free(&job);
	return verdict_of(rc, right);
}

static void test_load(void)
{
	static const struct each_case of = {
		.open = open_work, .run = run_load, .close = close_work
	};
	struct work w = { .role = DB_APP, .connected = true };

	jobs_reset();
	db_tenant(w.tenant);
	jobs_add(w.tenant, w.id);
	check(&of, &w, "load");
	jobs_reset();
}

/* --- Claim: the job is leased to us, or it comes back when its lease has ended */

static void setup_claim(void *arg)
{
	struct work *w = arg;

	jobs_reset();
	jobs_add(w->tenant, w->id);
}

static enum verdict run_claim(void *arg)
{
	struct work *w = arg;
	struct queue_job *jobs = NULL;
	struct queue_document doc = { 0 };
	const struct queue_job *first;
	size_t n = 0;
	enum rc rc = queue_claim(w->pg, &w->cfg, "torture", 4, &jobs, &n, NULL);
	bool right = rc == RC_OK && n == 1 && strcmp(jobs[0].id, w->id) == 0 &&
		     strcmp(jobs[0].trace_id, "trace-1") == 0 && jobs[0].lost_leases == 0;

	first = jobs;
	if (right)
		rc = queue_documents(w->pg, &first, 1, &doc, NULL);
	right = right && (rc != RC_OK || (doc.len == 5 + 32 && memcmp(doc.bytes, "%PDF-", 5) == 0 &&
					     strcmp(doc.media_type, "application/pdf") == 0));
	if (rc == RC_OK)
		queue_document_free(&doc);
	free(jobs);
	return verdict_of(rc, right);
}

static bool verify_claim(void *arg, enum verdict verdict)
{
	struct work *w = arg;
	struct queue_job again;
	int64_t deadline = clock_ms() + 5000;

	(void)verdict;
	/* A server whose client has gone may still be at it. */
	while (clock_ms() < deadline) {
		db_change("update jobs set lease_until = clock_timestamp() - interval '1 second'"
			  " where id = $1::uuid and state = 'RUNNING'",
		    w->id, NULL);
		if (jobs_claim(&w->cfg, 1, &again) == 1)
			return strcmp(again.id, w->id) == 0;
	}
	return false;
}

static void test_claim(void)
{
	static const struct each_case of = { .setup = setup_claim,
		.open = open_work,
		.run = run_claim,
		.close = close_work,
		.verify = verify_claim };
	struct work w = { .role = DB_WORKER, .connected = true, .cfg = jobs_config() };

	db_tenant(w.tenant);
	check(&of, &w, "claim");
	jobs_reset();
}

/* --- Finish: one result and one incident, whatever was seen of the commit */

static void setup_finish(void *arg)
{
	struct work *w = arg;

	jobs_reset();
	w->job = jobs_running(&w->cfg, w->tenant);
	(void)ending(&w->ending, &w->job, NULL, w->job.id, "TOTALS");
}

static enum rc finish_once(struct work *w, struct pg *pg)
{
	static const struct queue_call call = { .outcome = "ok",
		.http_status = 200,
		.duration_ms = 70,
		.prompt_tokens = 1,
		.completion_tokens = 2,
		.reply = "{}",
		.reply_len = 2 };
	const struct queue_job *job = &w->job;
	struct queue_result *r = &w->ending.result;
	enum rc rc;

	r->call = &call;
	rc = queue_finish(pg, &w->cfg, &r, 1, NULL);
	if (rc == RC_OK && (!r->done || strcmp(r->incident_action, "opened") != 0))
		return RC_CONFLICT;
	return rc == RC_OK ? queue_notify(pg, &job, 1, NULL) : rc;
}

static enum verdict run_finish(void *arg)
{
	struct work *w = arg;

	return verdict_of(finish_once(w, w->pg), true);
}

/* Also where the commit is still under way while it is made again. */
static bool verify_finish(void *arg, enum verdict verdict)
{
	struct work *w = arg;
	static const char sql[] =
	    "select concat_ws('|', j.state, (select count(*) from invoices where job_id = j.id),"
	    " (select count(*) from incidents where job_id = j.id),"
	    " (select count(*) from provider_calls where job_id = j.id)) from jobs j"
	    " where j.id = $1::uuid";
	struct queue_result *r = &w->ending.result;
	bool ok;

	(void)verdict;
	ok = queue_finish(db_as(DB_WORKER), &w->cfg, &r, 1, NULL) == RC_OK && r->done &&
	     strcmp(db_value(sql, w->job.id, NULL).text, "SUCCEEDED|1|1|1") == 0;
	ending_free(&w->ending);
	return ok;
}

static void test_finish(void)
{
	static const struct each_case of = { .setup = setup_finish,
		.open = open_work,
		.run = run_finish,
		.close = close_work,
		.verify = verify_finish };
	struct work w = { .role = DB_WORKER, .connected = true, .cfg = jobs_config() };

	db_tenant(w.tenant);
	check(&of, &w, "finish");
	jobs_reset();
}

/* --- The rest of a worker's writing */

static enum verdict run_keep(void *arg)
{
	struct work *w = arg;
	const struct queue_worker me = { .id = "torture", .host = "h", .config_hash = "c" };
	const struct queue_job *job = &w->job;
	char state[QUEUE_STATE_TEXT];
	enum queue_lease lease;
	enum rc rc = queue_heartbeat(w->pg, &me, NULL);

	if (rc == RC_OK)
		rc = queue_renew(w->pg, &job, 1, JOB_LEASE, &lease, NULL);
	if (rc == RC_OK)
		rc = queue_provider_report(w->pg, &w->cfg, job, "ok", -1, state, NULL);
	if (rc == RC_OK)
		rc = queue_hand_back(w->pg, &job, 1, NULL);
	return verdict_of(rc, true);
}

static void setup_keep(void *arg)
{
	struct work *w = arg;

	jobs_reset();
	w->job = jobs_running(&w->cfg, w->tenant);
}

static bool verify_keep(void *arg, enum verdict verdict)
{
	struct work *w = arg;
	const char *state =
	    db_value("select state from jobs where id = $1::uuid", w->job.id, NULL).text;

	return strcmp(state, "QUEUED") == 0 ||
	       (verdict == REFUSED && strcmp(state, "RUNNING") == 0);
}

static void test_keep(void)
{
	static const struct each_case of = { .setup = setup_keep,
		.open = open_work,
		.run = run_keep,
		.close = close_work,
		.verify = verify_keep };
	struct work w = { .role = DB_WORKER, .connected = true, .cfg = jobs_config() };

	db_tenant(w.tenant);
	check(&of, &w, "heartbeat, renewal and return");
	jobs_reset();
}

/* --- The pool */

static enum verdict run_pool(void *arg)
{
	struct pool *pool = NULL;
	struct pg *pg;
	enum rc rc = pool_new(&pool, getenv(DB_APP), "torture", 3, TIMEOUT_MS, NULL);

	(void)arg;
	if (rc == RC_OK)
		rc = pool_get(pool, &pg, NULL);
	if (rc == RC_OK)
		pool_put(pool, pg);
	pool_free(pool);
	return verdict_of(rc, true);
}

static void test_pool(void)
{
	static const struct each_case of = { .run = run_pool };

	CU_ASSERT(each(FAIL_MEMORY, &of, NULL, "pool") >= 12);
}

const struct unit_test unit_tests[] = {
	{ "statements", test_run },
	{ "a statement in error", test_refused },
	{ "notifications", test_notification },
	{ "an upload", test_accept },
	{ "a job's state", test_load },
	{ "a claim", test_claim },
	{ "a result", test_finish },
	{ "heartbeat, renewal and return", test_keep },
	{ "the pool", test_pool },
	{ NULL, NULL },
};
