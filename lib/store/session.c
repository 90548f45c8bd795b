#include "store/session.h"

#include <stdio.h>
#include <string.h>

static const char sql_secret[] = "select session_secret()";
static const char sql_find[] =
    "select name, role, tenant_id, expires_at from session_find($1::uuid, $2)";
static const char sql_open[] = "select session_open($1::uuid, $2, $3::integer, $4, nullif($5, ''))";
static const char sql_close[] = "select session_close($1::uuid, $2, nullif($3, ''))";
static const char sql_failed[] = "select login_failed($1)";

enum rc session_secret(struct pg *pg, uint8_t ret[SHA256_BYTES], struct err *e)
{
	struct pg_query q = { .sql = sql_secret, .expect = PG_EXPECT_ONE, .binary_result = true };
	struct pg_result *res = NULL;
	size_t n = 0;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK) {
		const void *secret = pg_bytes(res, 0, 0, &n);

		if (n == SHA256_BYTES)
			memcpy(ret, secret, n);
		else
			rc = err_set(e, RC_INTERNAL, "no_session_secret",
			    "session_secret holds %zu bytes", n);
	}
	pg_result_free(res);
	return rc;
}

enum rc session_find(
    struct pg *pg, const char *id, const uint8_t *admin_key, struct session *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql_find,
		.expect = PG_EXPECT_OPTIONAL,
		.n = 2,
		.params = { PG_TEXT(id), PG_BYTES(admin_key, SHA256_BYTES) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && pg_rows(res) == 0) {
		rc = RC_NOT_FOUND;
	} else if (rc == RC_OK) {
		struct api_key *owner = &ret->owner;

		(void)snprintf(owner->name, sizeof owner->name, "%s", pg_text(res, 0, 0));
		(void)snprintf(owner->role, sizeof owner->role, "%s", pg_text(res, 0, 1));
		(void)snprintf(owner->tenant_id, sizeof owner->tenant_id, "%s", pg_text(res, 0, 2));
		(void)snprintf(ret->expires_at, sizeof ret->expires_at, "%s", pg_text(res, 0, 3));
	}
	pg_result_free(res);
	return rc;
}

enum rc session_open(struct pg *pg, const char *id, const uint8_t key[SHA256_BYTES],
    int64_t seconds, const char *name, const char *tenant, char ret_expires_at[CLOCK_TEXT],
    struct err *e)
{
	char duration[24];
	struct pg_query q = {
		.sql = sql_open,
		.expect = PG_EXPECT_ONE,
		.n = 5,
		.params = { PG_TEXT(id), PG_BYTES(key, SHA256_BYTES), PG_TEXT(duration),
		    PG_TEXT(name), PG_TEXT(tenant) },
	};
	struct pg_result *res = NULL;
	enum rc rc;

	(void)snprintf(duration, sizeof duration, "%lld", (long long)seconds);
	rc = pg_run(pg, &q, 1, &res, e);
	if (rc == RC_OK)
		(void)snprintf(ret_expires_at, CLOCK_TEXT, "%s", pg_text(res, 0, 0));
	pg_result_free(res);
	return rc;
}

enum rc session_close(
    struct pg *pg, const char *id, const char *name, const char *tenant, struct err *e)
{
	struct pg_query q = {
		.sql = sql_close,
		.n = 3,
		.params = { PG_TEXT(id), PG_TEXT(name), PG_TEXT(tenant) },
	};

	return pg_run(pg, &q, 1, NULL, e);
}

enum rc session_login_failed(struct pg *pg, const char *address, struct err *e)
{
	struct pg_query q = { .sql = sql_failed, .n = 1, .params = { PG_TEXT(address) } };

	return pg_run(pg, &q, 1, NULL, e);
}
