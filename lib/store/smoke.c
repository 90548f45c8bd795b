#include "store/smoke.h"

#include <stdio.h>

#include "core/sha256.h"

static const char sql_accept[] = "select smoke_accept($1, $2::uuid, $3, $4, $5, $6, $7, $8)";
static const char sql_give_up[] = "select smoke_give_up($1, $2::uuid, $3)";
static const char sql_look[] =
    "select state, claimed, queue_ms, running_ms, extraction_ms, audit_ms, store_ms, outcome, stated,"
    " error_code, error_detail, due_in_ms, workers, provider_state, provider_until, provider_in_ms"
    " from smoke_look($1, $2::uuid, $3::integer)";

/* The columns of sql_look, in its order. */
enum {
	STATE,
	CLAIMED,
	QUEUE_MS,
	RUNNING_MS,
	EXTRACTION_MS,
	AUDIT_MS,
	STORE_MS,
	OUTCOME,
	STATED,
	ERROR_CODE,
	ERROR_DETAIL,
	DUE_IN_MS,
	WORKERS,
	PROVIDER_STATE,
	PROVIDER_UNTIL,
	PROVIDER_IN_MS,
};

enum rc smoke_accept(struct pg *pg, const struct smoke_job *job, struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	struct pg_query q = {
		.sql = sql_accept,
		.n = 8,
		.params = { PG_TEXT(job->tenant_id), PG_TEXT(job->job_id),
		    PG_BYTES(digest, sizeof digest), PG_TEXT(job->filename),
		    PG_BYTES(job->content, job->len), PG_TEXT(job->trace_id),
		    PG_TEXT(job->reply_channel), PG_TEXT(job->actor) },
	};

	sha256(job->content, job->len, digest);
	return pg_run(pg, &q, 1, NULL, e);
}

#define COPY(field, col) (void)snprintf((field), sizeof(field), "%s", pg_text(res, 0, (col)))

static int64_t ms(const struct pg_result *res, int col)
{
	return pg_is_null(res, 0, col) ? -1 : pg_int(res, 0, col);
}

static void read_look(const struct pg_result *res, struct smoke_look *ret)
{
	COPY(ret->state, STATE);
	ret->claimed = pg_bool(res, 0, CLAIMED);
	ret->queue_ms = ms(res, QUEUE_MS);
	ret->running_ms = ms(res, RUNNING_MS);
	ret->extraction_ms = ms(res, EXTRACTION_MS);
	ret->audit_ms = ms(res, AUDIT_MS);
	ret->store_ms = ms(res, STORE_MS);
	COPY(ret->outcome, OUTCOME);
	COPY(ret->stated, STATED);
	COPY(ret->error_code, ERROR_CODE);
	COPY(ret->error_detail, ERROR_DETAIL);
	ret->due_in_ms = pg_int(res, 0, DUE_IN_MS);
	ret->workers = pg_int(res, 0, WORKERS);
	COPY(ret->provider_state, PROVIDER_STATE);
	COPY(ret->provider_until, PROVIDER_UNTIL);
	ret->provider_in_ms = pg_int(res, 0, PROVIDER_IN_MS);
}

enum rc smoke_look(struct pg *pg, const char *tenant_id, const char *job_id, int64_t alive_seconds,
    struct smoke_look *ret, struct err *e)
{
	char alive[24];
	struct pg_query q = {
		.sql = sql_look,
		.expect = PG_EXPECT_OPTIONAL,
		.n = 3,
		.params = { PG_TEXT(tenant_id), PG_TEXT(job_id), PG_TEXT(alive) },
	};
	struct pg_result *res = NULL;
	enum rc rc;

	(void)snprintf(alive, sizeof alive, "%lld", (long long)alive_seconds);
	rc = pg_run(pg, &q, 1, &res, e);
	if (rc == RC_OK && pg_rows(res) == 0)
		rc = err_set(e, RC_NOT_FOUND, "job_not_found", "the smoke run's job is gone");
	else if (rc == RC_OK)
		read_look(res, ret);
	pg_result_free(res);
	return rc;
}

enum rc smoke_give_up(
    struct pg *pg, const char *tenant_id, const char *job_id, const char *detail, struct err *e)
{
	struct pg_query q = {
		.sql = sql_give_up,
		.n = 3,
		.params = { PG_TEXT(tenant_id), PG_TEXT(job_id), PG_TEXT(detail) },
	};

	return pg_run(pg, &q, 1, NULL, e);
}
