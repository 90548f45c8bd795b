/*
 * POST /full-process, and POST /admin/upload for operators: guards in SPEC §3's order, durable
 * acceptance, then the wait for the result.  Requires a client key, or an admin key of no viewer.
 */
#include <string.h>

#include "admin_scope.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "full_process.h"
#include "http/idempotency.h"
#include "http/media_type.h"
#include "http/multipart.h"
#include "http/prefer.h"
#include "http/query.h"
#include "http/tenant.h"
#include "job_json.h"
#include "store/intake.h"
#include "store/job.h"
#include "store/pilot.h"

enum { LOOK_MS = 1000 /* how often a waiter looks by itself */ };

struct upload {
	struct full_process *fp;
	struct route_context *cx;
	char tenant_id[TENANT_ID_SIZE];
	bool is_pilot;
	struct multipart_part file;
	const struct media_type *type;
	char idempotency_key[IDEMPOTENCY_KEY_SIZE]; /* "": none */
	bool force;
	int64_t wait_ms;
	char job_id[RANDOM_UUID_TEXT];
	struct intake_answer accepted;
};

static enum rc pilot_is_on(struct upload *u, struct err *e)
{
	struct pilot_switch sw = { .enabled = false };
	struct pg *pg;
	enum rc rc = RC_OK;

	if (!u->is_pilot)
		return RC_OK;
	if (u->fp->app.cfg.pilot_enabled) {
		rc = pool_get(u->fp->app.pool, &pg, e);
		if (rc != RC_OK)
			return rc;
		rc = pilot_get(pg, &sw, e);
		pool_put(u->fp->app.pool, pg);
	}
	if (rc == RC_OK && !sw.enabled)
		rc = err_set(e, RC_INVALID, "pilot_disabled", "the pilot is switched off");
	return rc;
}

static enum rc find_file(struct upload *u, struct err *e)
{
	const struct http_request *rq = u->cx->rq;
	int64_t max = u->fp->app.cfg.max_upload_bytes;
	char boundary[MULTIPART_BOUNDARY_SIZE];
	enum rc rc = multipart_boundary(http_header(rq, "Content-Type"), boundary, e);

	if (rc != RC_OK)
		return rc;
	if (rq->body == NULL)
		return err_set(e, RC_INVALID, "no_file", "the request has no body");
	rc = multipart_find_file(rq->body, rq->body_len, boundary, "file", &u->file, e);
	if (rc != RC_OK)
		return rc;
	if (u->file.len == 0)
		return err_set(e, RC_INVALID, "empty_file", "the file holds no bytes");
	if (u->file.len > (size_t)max)
		return err_set(
		    e, RC_INVALID, "file_too_large", "the file is over %lld bytes", (long long)max);
	u->type = media_type_sniff(u->file.data, u->file.len);
	if (u->type == NULL)
		return err_set(e, RC_INVALID, "unsupported_file_type",
		    "the file is not a PDF, PNG, JPEG or WebP");
	return RC_OK;
}

/* How the client wants it: Prefer, Idempotency-Key, ?force=. */
static enum rc read_wishes(struct upload *u, struct err *e)
{
	const struct http_request *rq = u->cx->rq;
	struct prefer prefer = prefer_parse(http_header(rq, "Prefer"));
	enum rc rc =
	    idempotency_key_parse(http_header(rq, "Idempotency-Key"), u->idempotency_key, e);

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	u->wait_ms = prefer.respond_async ? 0 : u->fp->app.cfg.sync_wait_ms;
	if (prefer.respond_async)
		http_response_header(u->cx->rs, "Preference-Applied", "respond-async");
	if (prefer.wait_s >= 0 && (int64_t)prefer.wait_s * 1000 < u->wait_ms)
		u->wait_ms = (int64_t)prefer.wait_s * 1000;
	if (hub_crowded(u->fp->hub))
		u->wait_ms = 0;
	return query_bool(rq->query, "force", &u->force, e);
}

static bool by_operator(const struct upload *u)
{
	return u->cx->principal.kind == PRINCIPAL_ADMIN;
}

static enum rc guards(struct upload *u, struct err *e)
{
	const struct config *cfg = &u->fp->app.cfg;
	enum rc rc = by_operator(u) ? admin_tenant(u->cx, u->tenant_id, e)
				    : tenant_for_principal(
					  &u->cx->principal, u->cx->rq->query, u->tenant_id, e);

	u->is_pilot = rc == RC_OK && strcmp(u->tenant_id, cfg->pilot_tenant_id) == 0;
	if (rc == RC_OK)
		http_response_header(u->cx->rs, TENANT_HEADER, "%s", u->tenant_id);
	if (rc == RC_OK)
		rc = pilot_is_on(u, e);
	if (rc == RC_OK)
		rc = find_file(u, e);
	if (rc == RC_OK)
		rc = read_wishes(u, e);
	return rc;
}

static enum rc accept_file(struct upload *u, struct err *e)
{
	const struct intake in = {
		.tenant_id = u->tenant_id,
		.job_id = u->job_id,
		.content = u->file.data,
		.len = u->file.len,
		.media_type = u->type->name,
		.filename = u->file.filename,
		.trace_id = u->cx->rq->trace_id,
		.reply_channel = u->wait_ms > 0 ? hub_channel(u->fp->hub) : NULL,
		.idempotency_key = u->idempotency_key[0] != '\0' ? u->idempotency_key : NULL,
		.force = u->force,
		.pilot_limit = u->is_pilot ? u->fp->app.cfg.pilot_max_invoices_per_hour : 0,
	};
	int64_t retry_after = 0;
	struct pg *pg;
	enum rc rc = pool_get(u->fp->app.pool, &pg, e);

	if (rc != RC_OK)
		return rc;
	rc = intake_accept(pg, &in, &u->accepted, &retry_after, e);
	pool_put(u->fp->app.pool, pg);
	if (rc == RC_LIMITED)
		http_response_header(u->cx->rs, "Retry-After", "%lld", (long long)retry_after);
	if (rc != RC_OK)
		return rc;
	const struct log_field fields[] = {
		LOG_TEXT("trace_id", in.trace_id),
		LOG_TEXT("tenant_id", u->tenant_id),
		LOG_TEXT("job_id", u->accepted.job_id),
		LOG_TEXT("principal", u->cx->principal.name),
		LOG_TEXT("media_type", in.media_type),
		LOG_NUM("bytes", in.len),
		{ 0 },
	};
	log_event(LOG_INFO_LEVEL, u->accepted.duplicate ? "upload.duplicate" : "upload.accepted",
	    fields, "%s", u->accepted.duplicate ? "known document" : "accepted");
	if (!u->accepted.duplicate)
		hub_announce(u->fp->hub);
	return RC_OK;
}

static enum rc load(struct upload *u, struct job *job, struct err *e)
{
	struct pg *pg;
	enum rc rc = pool_get(u->fp->app.pool, &pg, e);

	if (rc != RC_OK)
		return rc;
	rc = job_load(pg, u->tenant_id, u->accepted.job_id, job, e);
	pool_put(u->fp->app.pool, pg);
	return rc;
}

/* What is known of a job that was just accepted, without asking. */
static struct job accepted_job(const struct upload *u)
{
	return (struct job){
		.id = u->accepted.job_id,
		.tenant_id = u->tenant_id,
		.state = "QUEUED",
		.trace_id = u->cx->rq->trace_id,
		.sha256 = u->accepted.sha256,
		.media_type = u->type->name,
		.filename = u->file.filename,
		.bytes = (int64_t)u->file.len,
	};
}

/*
 * The job after waiting for its end, with no connection held, or for the client's going.  A look
 * that fails does not end the wait: the job is safe, only its answer is late.
 */
static enum rc wait_for_end(struct upload *u, struct hub_waiter *w, struct job *job, struct err *e)
{
	const struct http_request *rq = u->cx->rq;
	int64_t deadline = clock_ms() + u->wait_ms, left = u->wait_ms;
	bool more = true;

	*job = accepted_job(u);
	if (u->accepted.duplicate) {
		enum rc rc = load(u, job, e);
		if (rc != RC_OK)
			return rc;
	}
	while (!job_ended(job) && more && left > 0) {
		int64_t look = LOOK_MS / 2 + (int64_t)random_below(LOOK_MS);
		struct job now = { 0 };
		more = hub_wait(u->fp->hub, w, look < left ? look : left);
		if (load(u, &now, NULL) == RC_OK) {
			job_free(job);
			*job = now;
		}
		left = rq->gone != NULL && rq->gone(rq->connection) ? 0 : deadline - clock_ms();
	}
	return RC_OK;
}

/* 200 with the result, or 202 with where it will be. */
static void respond(struct upload *u, const struct job *job)
{
	struct http_response *rs = u->cx->rs;
	bool ended = job_ended(job);
	struct json_writer w;

	http_response_header(rs, "Location", "%s/jobs/%s", by_operator(u) ? "/admin" : "", job->id);
	if (!ended)
		http_response_header(rs, "Retry-After", "1");
	w = http_json(rs, ended ? 200 : 202);
	job_json(&w, job, u->accepted.duplicate);
}

enum rc upload_post(struct route_context *cx, struct err *e)
{
	struct upload u = { .fp = cx->app, .cx = cx };
	struct hub_waiter w;
	struct job job = { 0 };
	enum rc rc = guards(&u, e);

	if (rc != RC_OK)
		return rc;
	http_request_uuid(cx->rq, u.job_id);
	hub_enter(u.fp->hub, &w, u.job_id);
	rc = accept_file(&u, e);
	if (rc == RC_OK && u.accepted.duplicate) {
		/* It is the other job's end that wakes us. */
		hub_leave(u.fp->hub, &w);
		hub_enter(u.fp->hub, &w, u.accepted.job_id);
	}
	if (rc == RC_OK)
		rc = wait_for_end(&u, &w, &job, e);
	hub_leave(u.fp->hub, &w);
	if (rc == RC_OK)
		respond(&u, &job);
	job_free(&job);
	return rc;
}
