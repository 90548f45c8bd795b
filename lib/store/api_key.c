#include "store/api_key.h"

#include <stdio.h>

static const char sql_find[] = "select name, role, tenant_id from api_key_find($1)";

enum rc api_key_find(
    struct pg *pg, const uint8_t sha256[SHA256_BYTES], struct api_key *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql_find,
		.expect = PG_EXPECT_OPTIONAL,
		.n = 1,
		.params = { PG_BYTES(sha256, SHA256_BYTES) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && pg_rows(res) == 0) {
		rc = err_set(e, RC_NOT_FOUND, "invalid_api_key", "the key is not known");
	} else if (rc == RC_OK) {
		(void)snprintf(ret->name, sizeof ret->name, "%s", pg_text(res, 0, 0));
		(void)snprintf(ret->role, sizeof ret->role, "%s", pg_text(res, 0, 1));
		(void)snprintf(ret->tenant_id, sizeof ret->tenant_id, "%s", pg_text(res, 0, 2));
	}
	pg_result_free(res);
	return rc;
}
