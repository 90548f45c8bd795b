#include "store/intake.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "unit/store/jobs.h"

static struct intake upload(const char *tenant, const char *content)
{
	return (struct intake){ .tenant_id = tenant,
		.content = content,
		.len = strlen(content),
		.media_type = "image/png",
		.filename = "fatura ö.png",
		.trace_id = "trace-7",
		.reply_channel = "reply_7" };
}

static enum rc accept(struct intake in, struct intake_answer *ret, struct err *e)
{
	char id[RANDOM_UUID_TEXT];
	int64_t retry_after = 0;

	random_uuid(id);
	in.job_id = id;
	return intake_accept(db_as(DB_APP), &in, ret, &retry_after, e);
}

static int64_t documents(const char *tenant)
{
	return db_number("select count(*) from documents where tenant_id = $1", tenant, NULL);
}

static int64_t jobs(const char *tenant)
{
	return db_number("select count(*) from jobs where tenant_id = $1", tenant, NULL);
}

/* Document and job are there, with all that was told of them. */
static void test_accepted(void)
{
	static const char content[] = "\x89PNG\0\xff'\\ content";
	struct intake in;
	struct intake_answer answer = { .duplicate = true };
	char tenant[DB_TENANT], id[RANDOM_UUID_TEXT], hex[SHA256_TEXT];
	int64_t retry_after = 0;

	db_tenant(tenant);
	in = upload(tenant, "");
	in.content = content;
	in.len = sizeof content;
	random_uuid(id);
	in.job_id = id;
	CU_ASSERT_FATAL(intake_accept(db_as(DB_APP), &in, &answer, &retry_after, NULL) == RC_OK);
	CHECK_STR(answer.job_id, id);
	CU_ASSERT(!answer.duplicate);
	sha256_hex(content, sizeof content, hex);
	CHECK_STR(answer.sha256, hex);
	CHECK_STR(
	    db_value("select concat_ws('|', state, smoke, trace_id, reply_channel, attempts,"
		     " lost_leases, retries) from jobs where tenant_id = $1 and id = $2::uuid",
		tenant, id)
		.text,
	    "QUEUED|f|trace-7|reply_7|0|0|0");
	CHECK_STR(db_value("select concat_ws('|', d.media_type, d.bytes, d.filename, d.sha256 ="
			   " sha256(d.content), encode(d.sha256, 'hex') = $2) from documents d"
			   " join jobs j on j.document_id = d.id where d.tenant_id = $1",
		      tenant, hex)
		      .text,
	    "image/png|17|fatura ö.png|t|t");
}

/* Nobody waits: there is no channel. */
static void test_no_channel(void)
{
	char tenant[DB_TENANT];
	struct intake in;
	struct intake_answer answer;

	db_tenant(tenant);
	in = upload(tenant, "x");
	in.reply_channel = NULL;
	CU_ASSERT(accept(in, &answer, NULL) == RC_OK);
	CHECK_STR(
	    db_value("select reply_channel from jobs where tenant_id = $1", tenant, NULL).text,
	    "(null)");
}

static void test_duplicate(void)
{
	struct intake_answer first, again, forced, after, other;
	char tenant[DB_TENANT], tenant2[DB_TENANT];
	struct intake in;

	db_tenant(tenant);
	db_tenant(tenant2);
	in = upload(tenant, "the same bytes");
	CU_ASSERT(accept(in, &first, NULL) == RC_OK && !first.duplicate);
	in.filename = "another name.png";
	CU_ASSERT(accept(in, &again, NULL) == RC_OK && again.duplicate);
	CHECK_STR(again.job_id, first.job_id);
	CHECK_STR(again.sha256, first.sha256);
	CU_ASSERT(documents(tenant) == 1 && jobs(tenant) == 1);
	in.force = true;
	CU_ASSERT(accept(in, &forced, NULL) == RC_OK && !forced.duplicate);
	CU_ASSERT(strcmp(forced.job_id, first.job_id) != 0);
	CU_ASSERT(documents(tenant) == 1 && jobs(tenant) == 2);
	in.force = false;
	CU_ASSERT(accept(in, &after, NULL) == RC_OK && after.duplicate);
	CHECK_STR(after.job_id, forced.job_id); /* the latest one answers */
	in.tenant_id = tenant2;
	CU_ASSERT(accept(in, &other, NULL) == RC_OK && !other.duplicate);
	CU_ASSERT(documents(tenant2) == 1 && jobs(tenant2) == 1);
}

/* A forced upload of what was never seen is an upload; a smoke run answers nobody. */
static void test_duplicate_of_nothing(void)
{
	struct intake_answer answer, again;
	char tenant[DB_TENANT];
	struct intake in;

	db_tenant(tenant);
	in = upload(tenant, "new");
	in.force = true;
	CU_ASSERT(accept(in, &answer, NULL) == RC_OK && !answer.duplicate);
	in.force = false;
	db_change("update jobs set smoke = true where tenant_id = $1", tenant, NULL);
	CU_ASSERT(accept(in, &again, NULL) == RC_OK && !again.duplicate);
	CU_ASSERT(strcmp(again.job_id, answer.job_id) != 0 && documents(tenant) == 1);
}

static void test_idempotency(void)
{
	struct intake_answer first, again, forced;
	struct err e = { .code = "" };
	char tenant[DB_TENANT], tenant2[DB_TENANT];
	struct intake in, other;

	db_tenant(tenant);
	db_tenant(tenant2);
	in = upload(tenant, "document one");
	in.idempotency_key = "key-1";
	CU_ASSERT(accept(in, &first, NULL) == RC_OK && !first.duplicate);
	CU_ASSERT(accept(in, &again, NULL) == RC_OK && again.duplicate);
	CHECK_STR(again.job_id, first.job_id);
	/* The key says "the same request", so force or not. */
	in.force = true;
	CU_ASSERT(accept(in, &forced, NULL) == RC_OK && forced.duplicate);
	CHECK_STR(forced.job_id, first.job_id);
	CU_ASSERT(jobs(tenant) == 1);
	other = upload(tenant, "document two");
	other.idempotency_key = "key-1";
	CU_ASSERT(accept(other, &again, &e) == RC_INVALID);
	CHECK_STR(e.code, "idempotency_key_reused");
	CU_ASSERT(documents(tenant) == 1 && jobs(tenant) == 1);
	other.tenant_id = tenant2;
	CU_ASSERT(accept(other, &again, NULL) == RC_OK && !again.duplicate);
	in.idempotency_key = "key-2";
	in.force = false;
	CU_ASSERT(accept(in, &again, NULL) == RC_OK && again.duplicate);
	CHECK_STR(again.job_id, first.job_id);
}

struct crowd {
	char tenant[DB_TENANT];
	const char *key;     /* NULL: none */
	const char *content; /* NULL: each its own */
	int64_t limit;
	pthread_barrier_t ready; /* all are connected */
	atomic_int accepted, duplicates, refused, other, bad_wait;
};

enum { THREADS = 16, EACH = 4 };

static void *upload_all(void *arg)
{
	struct crowd *c = arg;
	struct pg *pg = db_open(DB_APP);
	struct pg_query q = { .sql = "select 1" };

	if (pg_run(pg, &q, 1, NULL, NULL) != RC_OK)
		atomic_fetch_add(&c->other, 1);
	(void)pthread_barrier_wait(&c->ready);
	for (int i = 0; i < EACH; i++) {
		char content[33], id[RANDOM_UUID_TEXT];
		struct intake_answer answer;
		int64_t retry_after = 0;
		struct intake in;
		enum rc rc;

		random_hex(content, 16);
		random_uuid(id);
		in = upload(c->tenant, c->content != NULL ? c->content : content);
		in.job_id = id;
		in.pilot_limit = c->limit;
		in.idempotency_key = c->key;
		rc = intake_accept(pg, &in, &answer, &retry_after, NULL);
		atomic_fetch_add(rc == RC_OK && answer.duplicate ? &c->duplicates
				 : rc == RC_OK                   ? &c->accepted
				 : rc == RC_LIMITED              ? &c->refused
								 : &c->other,
		    1);
		if (rc == RC_LIMITED && (retry_after < 3540 || retry_after > 3600))
			atomic_fetch_add(&c->bad_wait, 1);
	}
	pg_free(pg);
	return NULL;
}

static void run_crowd(struct crowd *c)
{
	pthread_t threads[THREADS];

	(void)pthread_barrier_init(&c->ready, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, upload_all, c) == 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	(void)pthread_barrier_destroy(&c->ready);
}

/*
 * SPEC 11: 51 simultaneous uploads admit 50; the refused leave nothing behind.  The crowd comes
 * when few places are left, so that all of it is after the same ones.
 */
static void test_pilot_limit(void)
{
	for (int taken = 0; taken <= 49; taken += 7) {
		struct crowd c = { .limit = 50 };
		char id[RANDOM_UUID_TEXT];
		int left = 50 - taken;

		db_tenant(c.tenant);
		for (int i = 0; i < taken; i++)
			jobs_add(c.tenant, id);
		run_crowd(&c);
		CU_ASSERT(c.accepted == left && c.refused == THREADS * EACH - left);
		CU_ASSERT(c.other == 0 && c.duplicates == 0 && c.bad_wait == 0);
		CU_ASSERT(documents(c.tenant) == 50 && jobs(c.tenant) == 50);
	}
}

static void test_same_at_once(void)
{
	struct crowd c = { .content = "all send this" };

	db_tenant(c.tenant);
	run_crowd(&c);
	CU_ASSERT(c.accepted + c.duplicates == THREADS * EACH && c.other == 0);
	CU_ASSERT(documents(c.tenant) == 1);
	CU_ASSERT(jobs(c.tenant) == 1);
	CU_ASSERT(c.accepted == 1);
}

static void test_same_key_at_once(void)
{
	struct crowd c = { .content = "all send this", .key = "one key" };

	db_tenant(c.tenant);
	run_crowd(&c);
	CU_ASSERT(c.accepted == 1 && c.duplicates == THREADS * EACH - 1);
	CU_ASSERT(documents(c.tenant) == 1 && jobs(c.tenant) == 1);
}

/* The limit, its message, what counts, and when a place is free. */
static void test_limit_details(void)
{
	char tenant[DB_TENANT], id[RANDOM_UUID_TEXT];
	struct intake_answer answer;
	struct err e = { .code = "" };
	int64_t retry_after = -1;
	struct intake in;

	db_tenant(tenant);
	in = upload(tenant, "one");
	in.pilot_limit = 1;
	CU_ASSERT(accept(in, &answer, NULL) == RC_OK);
	in.content = "two";
	in.job_id = id;
	in.idempotency_key = "kept for later";
	random_uuid(id);
	db_change(
	    "update jobs set created_at = clock_timestamp() - interval '59 minutes 30 seconds'"
	    " where tenant_id = $1",
	    tenant, NULL);
	CU_ASSERT(intake_accept(db_as(DB_APP), &in, &answer, &retry_after, &e) == RC_LIMITED);
	CHECK_STR(e.code, "pilot_rate_limited");
	CHECK_STR(e.msg, "the pilot takes 1 invoices an hour");
	CU_ASSERT(retry_after >= 25 && retry_after <= 30);
	CU_ASSERT(documents(tenant) == 1);
	/* A known document costs no place. */
	in.content = "one";
	in.idempotency_key = NULL;
	CU_ASSERT(accept(in, &answer, NULL) == RC_OK && answer.duplicate);
	db_change("update jobs set created_at = clock_timestamp() - interval '1 hour'"
		  " where tenant_id = $1",
	    tenant, NULL);
	in.content = "two";
	in.idempotency_key = "kept for later";
	CU_ASSERT(accept(in, &answer, NULL) == RC_OK && !answer.duplicate);
	/* Neither does a smoke run. */
	db_change("update jobs set smoke = true where tenant_id = $1", tenant, NULL);
	in.content = "six";
	in.idempotency_key = NULL;
	CU_ASSERT(accept(in, &answer, NULL) == RC_OK && !answer.duplicate);
}

static void test_refused_by_the_database(void)
{
	struct intake_answer answer;
	struct err e = { .code = "" };
	char tenant[DB_TENANT];
	struct intake in;

	db_tenant(tenant);
	in = upload(tenant, "x");
	in.media_type = "text/html";
	CU_ASSERT(accept(in, &answer, &e) == RC_INTERNAL);
	CHECK_STR(e.code, "database_error");
	CU_ASSERT(accept(in, &answer, NULL) == RC_INTERNAL);
	in = upload("Not A Tenant", "x");
	CU_ASSERT(accept(in, &answer, &e) == RC_INTERNAL);
	CU_ASSERT(documents(tenant) == 0);
}

const struct unit_test unit_tests[] = {
	{ "accepted", test_accepted },
	{ "nobody waits", test_no_channel },
	{ "duplicates and force", test_duplicate },
	{ "nothing to be a duplicate of", test_duplicate_of_nothing },
	{ "Idempotency-Key", test_idempotency },
	{ "the pilot's limit, exactly", test_pilot_limit },
	{ "one document from all sides at once", test_same_at_once },
	{ "one key from all sides at once", test_same_key_at_once },
	{ "what counts for the limit", test_limit_details },
	{ "what the database refuses", test_refused_by_the_database },
	{ NULL, NULL },
};
