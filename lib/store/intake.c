#include "store/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sql_accept[] =
    "select outcome, job_id from accept_document($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9::boolean, $10, $11::integer)";

static enum rc read_answer(const struct pg_result *res, struct intake_answer *ret, struct err *e)
{
	const char *outcome = pg_text(res, 0, 0);

	if (strcmp(outcome, "idempotency_key_reused") == 0)
		return err_set(e, RC_INVALID, "idempotency_key_reused",
		    "this Idempotency-Key was used with another document");
	ret->duplicate = strcmp(outcome, "duplicate") == 0;
	(void)snprintf(ret->job_id, sizeof ret->job_id, "%s", pg_text(res, 0, 1));
	return RC_OK;
}

enum rc intake_accept(struct pg *pg, const struct intake *in, struct intake_answer *ret,
    int64_t *ret_retry_after, struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	char limit[24];
	struct pg_result *res = NULL;
	struct err why = { 0 };
	enum rc rc;

	sha256(in->content, in->len, digest);
	(void)snprintf(limit, sizeof limit, "%lld", (long long)in->pilot_limit);
	struct pg_query q = {
		.sql = sql_accept,
		.tenant = in->tenant_id,
		.expect = PG_EXPECT_ONE,
		.n = 11,
		.params = { PG_TEXT(in->tenant_id), PG_TEXT(in->job_id),
		    PG_BYTES(digest, sizeof digest), PG_TEXT(in->media_type), PG_TEXT(in->filename),
		    PG_BYTES(in->content, in->len), PG_TEXT(in->trace_id),
		    PG_TEXT(in->reply_channel), PG_TEXT(in->force ? "true" : "false"),
		    PG_TEXT(in->idempotency_key), PG_TEXT(in->pilot_limit > 0 ? limit : NULL) },
	};
	hex_encode(digest, sizeof digest, ret->sha256);
	rc = pg_run(pg, &q, 1, &res, &why);
	if (rc == RC_OK) {
		rc = read_answer(res, ret, e);
	} else if (rc == RC_LIMITED) {
		*ret_retry_after = strtoll(why.msg, NULL, 10);
		rc = err_set(
		    e, rc, "pilot_rate_limited", "the pilot takes %s invoices an hour", limit);
	} else if (e != NULL) {
		*e = why;
	}
	pg_result_free(res);
	return rc;
}
