#include "store/session.h"

#include <string.h>

#include "unit/database.h"

enum { HOUR_S = 3600 };

/* A new operator's key: its name, which is the text that is hashed, too. */
static void make_key(const char *role, char name[DB_TENANT], uint8_t hash[SHA256_BYTES])
{
	db_tenant(name);
	sha256(name, strlen(name), hash);
	db_change("insert into api_keys (name, role, tenant_id, key_sha256)"
		  " values ($1, $2, 'acme', sha256(convert_to($1, 'UTF8')))",
	    name, role);
}

static enum rc open_session(const char *name, const uint8_t hash[SHA256_BYTES], char id[37])
{
	char expires[CLOCK_TEXT];

	random_uuid(id);
	return session_open(db_as(DB_ADMIN), id, hash, HOUR_S, name, "acme", expires, NULL);
}

static void test_secret(void)
{
	uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
	char hex[SHA256_TEXT];

	CU_ASSERT_FATAL(session_secret(db_as(DB_ADMIN), a, NULL) == RC_OK);
	CU_ASSERT_FATAL(session_secret(db_as(DB_APP), b, NULL) == RC_OK);
	CU_ASSERT(memcmp(a, b, sizeof a) == 0);
	hex_encode(a, sizeof a, hex);
	CHECK_STR(
	    db_value("select encode(secret, 'hex') from session_secret", NULL, NULL).text, hex);
	CU_ASSERT(session_secret(db_as(DB_WORKER), a, NULL) == RC_INTERNAL);
}

static void test_life(void)
{
	char name[DB_TENANT], id[37], expires[CLOCK_TEXT] = "";
	uint8_t hash[SHA256_BYTES];
	struct session s;

	make_key("operator", name, hash);
	random_uuid(id);
	CU_ASSERT(session_find(db_as(DB_APP), id, NULL, &s, NULL) == RC_NOT_FOUND);
	CU_ASSERT_FATAL(
	    session_open(db_as(DB_ADMIN), id, hash, HOUR_S, name, "acme", expires, NULL) == RC_OK);
	CU_ASSERT_FATAL(session_find(db_as(DB_APP), id, NULL, &s, NULL) == RC_OK);
	CHECK_STR(s.owner.name, name);
	CHECK_STR(s.owner.role, "operator");
	CHECK_STR(s.owner.tenant_id, "acme");
	CHECK_STR(s.expires_at, expires);
	CHECK_STR(
	    db_value("select rfc3339(expires_at) from sessions where id = $1::uuid", id, NULL).text,
	    expires);
	for (int i = 0; i < 2; i++)
		CU_ASSERT(session_close(db_as(DB_ADMIN), id, name, "acme", NULL) == RC_OK);
	CU_ASSERT(session_find(db_as(DB_APP), id, NULL, &s, NULL) == RC_NOT_FOUND);
	CHECK_STR(db_value("select string_agg(action || ' ' || tenant_id, ',' order by id)"
			   " from audit_log where actor = $1",
		      name, NULL)
		      .text,
	    "session.opened acme,session.closed acme");
}

/* Each way in which a session ends by itself. */
static void test_end(void)
{
	static const struct {
		unsigned line;
		const char *role, *sql; /* $1: the name, $2: the session */
	} cases[] = {
		{ __LINE__, "viewer",
		    "update api_keys set revoked_at = now() where name = $1 and $2 <> ''" },
		{ __LINE__, "viewer", "delete from api_keys where name = $1 and $2 <> ''" },
		{ __LINE__, "viewer",
		    "update api_keys set role = 'client' where name = $1 and $2 <> ''" },
		{ __LINE__, "admin",
		    "update sessions set expires_at = now() where $1 <> '' and id = $2::uuid" },
		{ __LINE__, "admin",
		    "update sessions set ended_at = now() where $1 <> '' and id = $2::uuid" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char name[DB_TENANT], id[37];
		uint8_t hash[SHA256_BYTES];
		struct session s;

		make_key(cases[i].role, name, hash);
		CHECK_ROW(open_session(name, hash, id) == RC_OK, cases[i].line, "opened");
		CHECK_ROW(session_find(db_as(DB_ADMIN), id, NULL, &s, NULL) == RC_OK, cases[i].line,
		    "found");
		db_change(cases[i].sql, name, id);
		CHECK_ROW(session_find(db_as(DB_ADMIN), id, NULL, &s, NULL) == RC_NOT_FOUND,
		    cases[i].line, "ended");
	}
}

/* The environment's key is in no table: who calls says what it is. */
static void test_environment(void)
{
	char id[37];
	uint8_t own[SHA256_BYTES], other[SHA256_BYTES];
	struct session s;

	sha256("own", 3, own);
	sha256("other", 5, other);
	CU_ASSERT_FATAL(open_session("admin", own, id) == RC_OK);
	CU_ASSERT(session_find(db_as(DB_ADMIN), id, NULL, &s, NULL) == RC_NOT_FOUND);
	CU_ASSERT(session_find(db_as(DB_ADMIN), id, other, &s, NULL) == RC_NOT_FOUND);
	CU_ASSERT_FATAL(session_find(db_as(DB_ADMIN), id, own, &s, NULL) == RC_OK);
	CHECK_STR(s.owner.name, "admin");
	CHECK_STR(s.owner.role, "admin");
	CHECK_STR(s.owner.tenant_id, "");
}

static void test_rights(void)
{
	char id[37], expires[CLOCK_TEXT];
	uint8_t hash[SHA256_BYTES] = { 0 };

	random_uuid(id);
	CU_ASSERT(
	    session_open(db_as(DB_APP), id, hash, HOUR_S, "x", "", expires, NULL) == RC_INTERNAL);
	CU_ASSERT(session_close(db_as(DB_APP), id, "x", "", NULL) == RC_INTERNAL);
	CU_ASSERT(session_login_failed(db_as(DB_APP), "192.0.2.1", NULL) == RC_INTERNAL);
	CU_ASSERT(session_login_failed(db_as(DB_ADMIN), "192.0.2.1", NULL) == RC_OK);
}

const struct unit_test unit_tests[] = {
	{ "the secret", test_secret },
	{ "open, find, close", test_life },
	{ "ends", test_end },
	{ "the environment's key", test_environment },
	{ "rights", test_rights },
	{ NULL, NULL },
};
