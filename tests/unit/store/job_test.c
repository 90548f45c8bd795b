#include "store/job.h"

#include <string.h>

#include "store/api_key.h"
#include "unit/store/jobs.h"

static void test_fresh(void)
{
	char tenant[DB_TENANT], id[RANDOM_UUID_TEXT];
	struct job job;

	db_tenant(tenant);
	CU_ASSERT_FATAL(jobs_accept(db_as(DB_APP), tenant, "%PDF-x", 0, id, NULL) == RC_OK);
	CU_ASSERT_FATAL(job_load(db_as(DB_APP), tenant, id, &job, NULL) == RC_OK);
	CHECK_STR(job.id, id);
	CHECK_STR(job.tenant_id, tenant);
	CHECK_STR(job.state, "QUEUED");
	CHECK_STR(job.trace_id, "trace-1");
	CHECK_STR(job.media_type, "application/pdf");
	CHECK_STR(job.filename, "a.pdf");
	CU_ASSERT(job.bytes == 6 && strlen(job.sha256) == 64);
	CU_ASSERT(!job.has_invoice && !job_ended(&job));
	CU_ASSERT(job.error_code == NULL && job.error_detail == NULL && job.model == NULL);
	CU_ASSERT(job.extraction_json == NULL && job.audit_json == NULL);
	CU_ASSERT(job.quality_json == NULL && job.incident_json == NULL);
	CU_ASSERT(job.incident_skipped == NULL);
	job_free(&job);
	CU_ASSERT(job.rows == NULL);
	job_free(&job);
}

/* Not there, and in another tenant, look alike. */
static void test_not_found(void)
{
	char tenant[DB_TENANT], other[DB_TENANT], id[RANDOM_UUID_TEXT], none[RANDOM_UUID_TEXT];
	char found[JOB_TENANT_TEXT] = "before";
	struct err e1 = { .code = "" }, e2 = { .code = "" };
	struct job job = { .bytes = -1 };

	db_tenant(tenant);
	db_tenant(other);
	jobs_add(tenant, id);
	random_uuid(none);
	CU_ASSERT(job_load(db_as(DB_APP), tenant, none, &job, &e1) == RC_NOT_FOUND);
	CU_ASSERT(job_load(db_as(DB_APP), other, id, &job, &e2) == RC_NOT_FOUND);
	CHECK_STR(e1.code, "job_not_found");
	CHECK_STR(e2.code, "job_not_found");
	CHECK_STR(e2.msg, e1.msg);
	CU_ASSERT(job.bytes == -1);
	CU_ASSERT(job_find_tenant(db_as(DB_APP), none, found, &e1) == RC_NOT_FOUND);
	CHECK_STR(found, "before");
	CU_ASSERT(job_find_tenant(db_as(DB_APP), id, found, NULL) == RC_OK);
	CHECK_STR(found, tenant);
	CU_ASSERT(job_load(db_as(DB_APP), tenant, "no uuid", &job, &e1) == RC_INTERNAL);
	CU_ASSERT(job_find_tenant(db_as(DB_APP), "no uuid", found, &e1) == RC_INTERNAL);
}

static void test_states(void)
{
	static const struct {
		unsigned line;
		const char *state;
		bool ended;
	} cases[] = {
		{ __LINE__, "QUEUED", false },
		{ __LINE__, "RUNNING", false },
		{ __LINE__, "SUCCEEDED", true },
		{ __LINE__, "FAILED", true },
		{ __LINE__, "SKIPPED", true },
		{ __LINE__, "CANCELLED", true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct job job = { .state = cases[i].state };

		CHECK_ROW(job_ended(&job) == cases[i].ended, cases[i].line, cases[i].state);
	}
}

static void add_key(const char *name, const char *tenant, const uint8_t digest[SHA256_BYTES])
{
	struct pg_query q = {
		.sql = "insert into api_keys (name, role, tenant_id, key_sha256)"
		       " values ($1, 'operator', $2, $3)",
		.n = 3,
		.params = { PG_TEXT(name), PG_TEXT(tenant), PG_BYTES(digest, SHA256_BYTES) },
	};

	CU_ASSERT_FATAL(pg_run(db_as(DB_OWNER), &q, 1, NULL, NULL) == RC_OK);
}

static void test_api_key(void)
{
	static const char *const roles[] = { DB_APP, DB_ADMIN };
	char name[DB_TENANT], every[DB_TENANT];
	uint8_t digest[SHA256_BYTES], digest2[SHA256_BYTES];

	db_tenant(name);
	db_tenant(every);
	sha256(name, strlen(name), digest);
	sha256(every, strlen(every), digest2);
	add_key(name, "acme", digest);
	add_key(every, NULL, digest2);
	for (size_t i = 0; i < 2; i++) {
		struct api_key key = { .name = "before" };
		struct err e = { .code = "" };

		CU_ASSERT(api_key_find(db_as(roles[i]), digest, &key, NULL) == RC_OK);
		CHECK_STR(key.name, name);
		CHECK_STR(key.role, "operator");
		CHECK_STR(key.tenant_id, "acme");
		CU_ASSERT(api_key_find(db_as(roles[i]), digest2, &key, NULL) == RC_OK);
		CHECK_STR(key.tenant_id, "");
		digest[0] ^= 1;
		(void)snprintf(key.name, sizeof key.name, "before");
		CU_ASSERT(api_key_find(db_as(roles[i]), digest, &key, &e) == RC_NOT_FOUND);
		CHECK_STR(e.code, "invalid_api_key");
		CHECK_STR(key.name, "before");
		digest[0] ^= 1;
	}
	db_change("update api_keys set revoked_at = now() where name = $1", name, NULL);
	for (size_t i = 0; i < 2; i++) {
		struct api_key key;

		CU_ASSERT(api_key_find(db_as(roles[i]), digest, &key, NULL) == RC_NOT_FOUND);
		CU_ASSERT(api_key_find(db_as(roles[i]), digest2, &key, NULL) == RC_OK);
	}
	db_change("delete from api_keys where name in ($1, $2)", name, every);
}

const struct unit_test unit_tests[] = {
	{ "a fresh job", test_fresh },
	{ "not found, and not in this tenant", test_not_found },
	{ "states that are ends", test_states },
	{ "API keys, valid and revoked", test_api_key },
	{ NULL, NULL },
};
