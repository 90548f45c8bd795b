#include "store/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/build_id.h"

#define NUMBER_TEXT 24

static const char sql_claim[] =
    "select tenant_id, job_id, document_id, state, lease_token, attempts, lost_leases, queue_ms,"
    " trace_id, reply_channel, probe from claim_jobs($1, $2::integer, $3::integer, $4, $5::boolean)";

static const char sql_document[] =
    "select content, convert_to(media_type, 'UTF8'), convert_to(encode(sha256, 'hex'), 'UTF8')"
    " from documents where tenant_id = $1 and id = $2::uuid";

static const char sql_renew[] =
    "select token, cancelled from keep_leases($1::text[], $2::uuid[], $3::uuid[], $4::integer)";

static const char sql_release[] =
    "select release_job($1, $2::uuid, $3::uuid, $4::bigint, $5::bigint, $6::bigint, $7, $8, $9::integer)";

static const char sql_hand_back[] = "select hand_back_job($1, $2::uuid, $3::uuid)";

static const char sql_abandon[] = "select abandon_job($1, $2::uuid, $3::uuid, $4, $5)";

static const char sql_call[] =
    "select record_call($1, $2::uuid, $3::uuid, $4, $5::integer, $6, $7, $8::bigint, $9::bigint,"
    " $10::bigint, $11)";

static const char sql_finish[] =
    "select done, incident_action, incident, pipeline_total_ms from finish_job($1, $2::uuid, $3::uuid,"
    " $4, $5, $6, $7, $8::json, $9::json, $10::json, $11::json, $12::integer, $13::boolean)";

/* Its own transaction, and not waited for on disk: NOTIFY serialises commits. */
static const char sql_async[] = "select set_config('synchronous_commit', 'off', true)";
static const char sql_notify[] =
    "select pg_notify(c, p) from unnest($1::text[], $2::text[]) as n (c, p)";
static const char sql_announce[] = "select pg_notify('" QUEUE_CHANNEL "', '')";
static const char sql_listen[] = "select listen_on($1)";

static const char sql_provider[] =
    "select provider_report($1::uuid, $2, $3::bigint, $4::bigint, $5::bigint, $6::bigint)";

static const char sql_heartbeat[] =
    "select heartbeat($1, $2, $3::integer, $4, $5, $6::boolean, $7::integer)";

static const char sql_sign_off[] = "select sign_off($1)";

static const char *number(char text[NUMBER_TEXT], int64_t n)
{
	(void)snprintf(text, NUMBER_TEXT, "%lld", (long long)n);
	return text;
}

static void copy(char *to, size_t size, const struct pg_result *res, size_t row, int col)
{
	(void)snprintf(to, size, "%s", pg_text(res, row, col));
}

static void read_claimed(const struct pg_result *res, size_t row, struct queue_job *job)
{
	copy(job->tenant_id, sizeof job->tenant_id, res, row, 0);
	copy(job->id, sizeof job->id, res, row, 1);
	copy(job->document_id, sizeof job->document_id, res, row, 2);
	job->skipped = strcmp(pg_text(res, row, 3), "SKIPPED") == 0;
	copy(job->lease_token, sizeof job->lease_token, res, row, 4);
	job->attempts = pg_int(res, row, 5);
	job->lost_leases = pg_int(res, row, 6);
	job->queue_ms = pg_int(res, row, 7);
	copy(job->trace_id, sizeof job->trace_id, res, row, 8);
	copy(job->reply_channel, sizeof job->reply_channel, res, row, 9);
	job->probe = pg_bool(res, row, 10);
}

enum rc queue_claim(struct pg *pg, const struct config *cfg, const char *worker_id, size_t limit,
    struct queue_job **ret, size_t *ret_n, struct err *e)
{
	char n[NUMBER_TEXT], lease[NUMBER_TEXT];
	struct pg_query q = {
		.sql = sql_claim,
		.n = 5,
		.params = { PG_TEXT(worker_id), PG_TEXT(number(n, (int64_t)limit)),
		    PG_TEXT(number(lease, cfg->job_lease_seconds)), PG_TEXT(cfg->pilot_tenant_id),
		    PG_TEXT(cfg->pilot_enabled ? "true" : "false") },
	};
	struct pg_result *res = NULL;
	struct queue_job *jobs = NULL;
	size_t rows = 0;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc != RC_OK)
		return rc;
	rows = pg_rows(res);
	if (rows > 0 && (jobs = calloc(rows, sizeof *jobs)) == NULL) {
		rc = err_no_memory(e); /* the leases end by themselves */
	} else {
		for (size_t i = 0; i < rows; i++)
			read_claimed(res, i, &jobs[i]);
		*ret = jobs;
		*ret_n = rows;
	}
	pg_result_free(res);
	return rc;
}

static void copy_bytes(char *to, size_t size, const struct pg_result *res, int col)
{
	size_t len;
	const char *from = pg_bytes(res, 0, col, &len);

	(void)snprintf(to, size, "%.*s", (int)len, from);
}

enum rc queue_documents(struct pg *pg, const struct queue_job *const jobs[], size_t n,
    struct queue_document ret[], struct err *e)
{
	struct pg_query q[QUEUE_DOCUMENTS] = { 0 };
	struct pg_result *res[QUEUE_DOCUMENTS] = { NULL };
	enum rc rc;

	for (size_t i = 0; i < n; i++)
		q[i] = (struct pg_query){
			.sql = sql_document,
			.tenant = jobs[i]->tenant_id,
			.expect = PG_EXPECT_ONE,
			.binary_result = true,
			.n = 2,
			.params = { PG_TEXT(jobs[i]->tenant_id), PG_TEXT(jobs[i]->document_id) },
		};
	rc = pg_run(pg, q, n, res, e);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct queue_document *d = &ret[i];
		d->rows = res[i];
		d->bytes = pg_bytes(d->rows, 0, 0, &d->len);
		copy_bytes(d->media_type, sizeof d->media_type, d->rows, 1);
		copy_bytes(d->sha256, sizeof d->sha256, d->rows, 2);
	}
	return rc;
}

void queue_document_free(struct queue_document *d)
{
	pg_result_free(d->rows);
	*d = (struct queue_document){ 0 };
}

/* {"a","b","c"}: the members are UUIDs, tenant ids and channel names, with nothing to escape. */
static void array(struct buf *b, const struct queue_job *const jobs[], size_t n, size_t offset)
{
	buf_init(b, n * 80 + 3);
	buf_adds(b, "{");
	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%s\"%s\"", i > 0 ? "," : "", (const char *)jobs[i] + offset);
	buf_adds(b, "}");
}

/* res has the tokens of the leases that no longer hold. */
static enum queue_lease lease_of(const struct queue_job *job, const struct pg_result *res)
{
	for (size_t row = 0; row < pg_rows(res); row++)
		if (strcmp(pg_text(res, row, 0), job->lease_token) == 0)
			return pg_bool(res, row, 1) ? QUEUE_CANCELLED : QUEUE_LOST;
	return QUEUE_HELD;
}

enum rc queue_renew(struct pg *pg, const struct queue_job *const jobs[], size_t n,
    int64_t lease_seconds, enum queue_lease ret[], struct err *e)
{
	char lease[NUMBER_TEXT];
	struct buf tenants, ids, tokens;
	struct pg_result *res = NULL;
	enum rc rc;

	array(&tenants, jobs, n, offsetof(struct queue_job, tenant_id));
	array(&ids, jobs, n, offsetof(struct queue_job, id));
	array(&tokens, jobs, n, offsetof(struct queue_job, lease_token));
	if (buf_broken(&tenants) || buf_broken(&ids) || buf_broken(&tokens)) {
		rc = err_no_memory(e);
	} else {
		struct pg_query q = {
			.sql = sql_renew,
			.n = 4,
			.params = { PG_TEXT(tenants.p), PG_TEXT(ids.p), PG_TEXT(tokens.p),
			    PG_TEXT(number(lease, lease_seconds)) },
		};
		rc = pg_run(pg, &q, 1, &res, e);
	}
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		ret[i] = lease_of(jobs[i], res);
	pg_result_free(res);
	buf_free(&tenants);
	buf_free(&ids);
	buf_free(&tokens);
	return rc;
}

struct call_text {
	char status[NUMBER_TEXT], duration[NUMBER_TEXT], prompt[NUMBER_TEXT],
	    completion[NUMBER_TEXT];
};

static const char *known(char text[NUMBER_TEXT], int64_t n, int64_t unknown)
{
	return n == unknown ? NULL : number(text, n);
}

static struct pg_query call_query(
    const struct queue_job *job, const struct queue_call *c, struct call_text *t)
{
	return (struct pg_query){
		.sql = sql_call,
		.tenant = job->tenant_id,
		.expect = PG_EXPECT_ONE,
		.n = 11,
		.params = { PG_TEXT(job->tenant_id), PG_TEXT(job->id), PG_TEXT(job->lease_token),
		    PG_TEXT(c->outcome), PG_TEXT(known(t->status, c->http_status, 0)),
		    PG_TEXT(c->request_id), PG_TEXT(c->model),
		    PG_TEXT(number(t->duration, c->duration_ms)),
		    PG_TEXT(known(t->prompt, c->prompt_tokens, -1)),
		    PG_TEXT(known(t->completion, c->completion_tokens, -1)),
		    PG_BYTES(c->reply_len > 0 ? c->reply : NULL, c->reply_len) },
	};
}

enum rc queue_release(struct pg *pg, const struct config *cfg, const struct queue_job *job,
    const struct queue_call *call, int64_t delay_ms, const char *code, const char *detail,
    bool uses_attempt, struct err *e)
{
	char delay[NUMBER_TEXT], base[NUMBER_TEXT], max[NUMBER_TEXT];
	struct call_text text;
	struct pg_result *res[2] = { NULL, NULL };
	struct pg_query q[2];
	size_t n = 0;
	enum rc rc;

	if (call != NULL)
		q[n++] = call_query(job, call, &text);
	q[n++] = (struct pg_query){
		.sql = sql_release,
		.tenant = job->tenant_id,
		.expect = PG_EXPECT_ONE,
		.n = 9,
		.params = { PG_TEXT(job->tenant_id), PG_TEXT(job->id), PG_TEXT(job->lease_token),
		    PG_TEXT(known(delay, delay_ms, -1)), PG_TEXT(number(base, cfg->retry_base_ms)),
		    PG_TEXT(number(max, cfg->retry_max_ms)), PG_TEXT(code), PG_TEXT(detail),
		    PG_TEXT(uses_attempt ? "1" : "0") },
	};
	rc = pg_run(pg, q, n, res, e);
	if (rc == RC_OK && !pg_bool(res[n - 1], 0, 0))
		rc = err_set(e, RC_NOT_FOUND, "lease_lost", "the lease was lost");
	pg_result_free(res[0]);
	pg_result_free(res[1]);
	return rc;
}

enum rc queue_hand_back(
    struct pg *pg, const struct queue_job *const jobs[], size_t n, struct err *e)
{
	struct pg_query *q = calloc(n + 1, sizeof *q);
	enum rc rc;

	if (q == NULL)
		return err_no_memory(e);
	for (size_t i = 0; i < n; i++)
		q[i] = (struct pg_query){
			.sql = sql_hand_back,
			.tenant = jobs[i]->tenant_id,
			.expect = PG_EXPECT_ONE,
			.n = 3,
			.params = { PG_TEXT(jobs[i]->tenant_id), PG_TEXT(jobs[i]->id),
			    PG_TEXT(jobs[i]->lease_token) },
		};
	rc = pg_run(pg, q, n, NULL, e);
	free(q);
	return rc;
}

/* One statement that says whether the lease still held. */
static enum rc run_fenced(struct pg *pg, const struct pg_query *q, struct err *e)
{
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, q, 1, &res, e);

	if (rc == RC_OK && !pg_bool(res, 0, 0))
		rc = err_set(e, RC_NOT_FOUND, "lease_lost", "the lease was lost");
	pg_result_free(res);
	return rc;
}

enum rc queue_record_call(
    struct pg *pg, const struct queue_job *job, const struct queue_call *call, struct err *e)
{
	struct call_text text;
	struct pg_query q = call_query(job, call, &text);

	return run_fenced(pg, &q, e);
}

enum rc queue_abandon(
    struct pg *pg, const struct queue_job *job, const char *code, const char *detail, struct err *e)
{
	struct pg_query q = {
		.sql = sql_abandon,
		.tenant = job->tenant_id,
		.expect = PG_EXPECT_ONE,
		.n = 5,
		.params = { PG_TEXT(job->tenant_id), PG_TEXT(job->id), PG_TEXT(job->lease_token),
		    PG_TEXT(code), PG_TEXT(detail) },
	};

	return run_fenced(pg, &q, e);
}

static struct pg_query finish_query(
    const struct config *cfg, const struct queue_result *r, char limit[NUMBER_TEXT])
{
	bool pilot = strcmp(r->job->tenant_id, cfg->pilot_tenant_id) == 0;

	return (struct pg_query){
		.sql = sql_finish,
		.tenant = r->job->tenant_id,
		.expect = PG_EXPECT_ONE,
		.n = 13,
		.params = { PG_TEXT(r->job->tenant_id), PG_TEXT(r->job->id),
		    PG_TEXT(r->job->lease_token),
		    PG_TEXT(r->error_code == NULL ? "SUCCEEDED" : "FAILED"), PG_TEXT(r->error_code),
		    PG_TEXT(r->error_detail), PG_TEXT(r->lock), PG_TEXT(r->invoice_json),
		    PG_TEXT(r->extraction_json), PG_TEXT(r->verdict_json),
		    PG_TEXT(r->if_duplicate_json),
		    PG_TEXT(pilot ? number(limit, cfg->pilot_max_incidents_per_hour) : NULL),
		    PG_TEXT(cfg->pilot_enabled ? "true" : "false") },
	};
}

static void read_finished(const struct pg_result *res, struct queue_result *r)
{
	r->done = pg_bool(res, 0, 0);
	copy(r->incident_action, sizeof r->incident_action, res, 0, 1);
	copy(r->incident_id, sizeof r->incident_id, res, 0, 2);
	r->pipeline_total_ms = pg_int(res, 0, 3);
}

enum rc queue_finish(struct pg *pg, const struct config *cfg, struct queue_result *results[],
    size_t n, struct err *e)
{
	struct finish {
		struct call_text text;
		char limit[NUMBER_TEXT];
	} *f = calloc(n + 1, sizeof *f);
	struct pg_query *q = calloc(2 * n + 1, sizeof *q);
	struct pg_result **res = calloc(2 * n + 1, sizeof *res);
	size_t n_q = 0;
	enum rc rc = RC_INTERNAL;

	if (f == NULL || q == NULL || res == NULL) {
		rc = err_no_memory(e);
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		if (results[i]->call != NULL)
			q[n_q++] = call_query(results[i]->job, results[i]->call, &f[i].text);
		q[n_q++] = finish_query(cfg, results[i], f[i].limit);
	}
	rc = pg_run(pg, q, n_q, res, e);
	for (size_t i = 0, at = 0; rc == RC_OK && i < n; i++) {
		at += results[i]->call != NULL;
		read_finished(res[at++], results[i]);
	}
	for (size_t i = 0; i < n_q; i++)
		pg_result_free(res[i]);
out:
	free(f);
	free(q);
	free(res);
	return rc;
}

enum rc queue_notify(struct pg *pg, const struct queue_job *const jobs[], size_t n, struct err *e)
{
	struct buf channels, ids;
	enum rc rc;

	array(&channels, jobs, n, offsetof(struct queue_job, reply_channel));
	array(&ids, jobs, n, offsetof(struct queue_job, id));
	if (buf_broken(&channels) || buf_broken(&ids)) {
		rc = err_no_memory(e);
	} else {
		struct pg_query q[2] = {
			{ .sql = sql_async },
			{ .sql = sql_notify,
			    .n = 2,
			    .params = { PG_TEXT(channels.p), PG_TEXT(ids.p) } },
		};
		rc = pg_run(pg, q, 2, NULL, e);
	}
	buf_free(&channels);
	buf_free(&ids);
	return rc;
}

enum rc queue_announce(struct pg *pg, struct err *e)
{
	struct pg_query q[2] = { { .sql = sql_async }, { .sql = sql_announce } };

	return pg_run(pg, q, 2, NULL, e);
}

enum rc queue_listen(struct pg *pg, const char *channel, struct err *e)
{
	struct pg_query q = { .sql = sql_listen, .n = 1, .params = { PG_TEXT(channel) } };

	return pg_run(pg, &q, 1, NULL, e);
}

enum rc queue_provider_report(struct pg *pg, const struct config *cfg, const struct queue_job *job,
    const char *state, int64_t wait_ms, char ret_state[QUEUE_STATE_TEXT], struct err *e)
{
	char wait[NUMBER_TEXT], base[NUMBER_TEXT], max[NUMBER_TEXT], quota[NUMBER_TEXT];
	struct pg_query q = {
		.sql = sql_provider,
		.expect = PG_EXPECT_ONE,
		.n = 6,
		.params = { PG_TEXT(job->lease_token), PG_TEXT(state),
		    PG_TEXT(known(wait, wait_ms, -1)), PG_TEXT(number(base, cfg->retry_base_ms)),
		    PG_TEXT(number(max, cfg->retry_max_ms)),
		    PG_TEXT(number(quota, cfg->quota_probe_seconds * 1000)) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK)
		copy(ret_state, QUEUE_STATE_TEXT, res, 0, 0);
	pg_result_free(res);
	return rc;
}

enum rc queue_heartbeat(struct pg *pg, const struct queue_worker *w, struct err *e)
{
	char pid[NUMBER_TEXT], in_flight[NUMBER_TEXT];
	struct pg_query q = {
		.sql = sql_heartbeat,
		.n = 7,
		.params = { PG_TEXT(w->id), PG_TEXT(w->host), PG_TEXT(number(pid, getpid())),
		    PG_TEXT(build_id()), PG_TEXT(w->config_hash),
		    PG_TEXT(w->key_configured ? "true" : "false"),
		    PG_TEXT(number(in_flight, (int64_t)w->in_flight)) },
	};

	return pg_run(pg, &q, 1, NULL, e);
}

enum rc queue_sign_off(struct pg *pg, const char *worker_id, struct err *e)
{
	struct pg_query q = { .sql = sql_sign_off, .n = 1, .params = { PG_TEXT(worker_id) } };

	return pg_run(pg, &q, 1, NULL, e);
}
