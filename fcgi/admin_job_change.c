/*
 * POST /admin/jobs/{id}/cancel and .../retry, and in bulk POST /admin/jobs/cancel and
 * /admin/jobs/retry.  Require an admin key of no viewer; one that is bound to a tenant changes
 * that tenant's jobs.
 */
#include <string.h>

#include "admin.h"
#include "admin_body.h"
#include "admin_jobs.h"
#include "core/log.h"
#include "core/tenant_id.h"
#include "core/uuid.h"
#include "http/principal.h"
#include "store/job_admin.h"

enum { MAX_BODY = 32 << 10, MAX_IDS = 500, MAX_IDS_TEXT = MAX_IDS * 37 + 2 };

/* The audit log has each job; this is for who reads the process's own. */
static void log_change(const struct route_context *cx, enum job_verb verb, const char *what)
{
	const struct log_field fields[] = {
		LOG_TEXT("trace_id", cx->rq->trace_id),
		LOG_TEXT("principal", cx->principal.name),
		{ 0 },
	};

	log_event(LOG_INFO_LEVEL, verb == JOB_CANCEL ? "job.cancelled" : "job.retried", fields,
	    "%s", what);
}

static enum rc change_one(struct route_context *cx, enum job_verb verb, struct err *e)
{
	struct app *app = cx->app;
	struct pg *pg;
	enum rc rc = job_id_check(cx, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = job_change(pg, verb, cx->principal.tenant_id, cx->id, cx->principal.name,
	    app->cfg.stuck_minutes, &cx->rs->body, e);
	pool_put(app->pool, pg);
	if (rc == RC_OK)
		log_change(cx, verb, cx->id);
	return rc;
}

enum rc admin_job_cancel_post(struct route_context *cx, struct err *e)
{
	return change_one(cx, JOB_CANCEL, e);
}

enum rc admin_job_retry_post(struct route_context *cx, struct err *e)
{
	return change_one(cx, JOB_RETRY, e);
}

/* Which jobs: ids (state NULL), or all in state. */
struct selection {
	struct buf ids; /* "{a,b}" */
	const char *state;
	char tenant_id[TENANT_ID_SIZE]; /* "": every tenant */
};

static enum rc invalid(struct err *e, const char *why)
{
	return err_set(e, RC_INVALID, "invalid_job_selection", "%s", why);
}

static enum rc read_ids(struct json_object *ids, struct selection *s, struct err *e)
{
	size_t n = json_object_is_type(ids, json_type_array) ? json_object_array_length(ids) : 0;

	if (n == 0 || n > MAX_IDS)
		return invalid(e, "ids must be a list of 1 to 500 ids of jobs");
	buf_adds(&s->ids, "{");
	for (size_t i = 0; i < n; i++) {
		struct json_object *id = json_object_array_get_idx(ids, i);

		if (!json_object_is_type(id, json_type_string) ||
		    !uuid_valid(json_object_get_string(id)))
			return invalid(e, "ids must be a list of 1 to 500 ids of jobs");
		buf_addf(&s->ids, "%s%s", i > 0 ? "," : "", json_object_get_string(id));
	}
	buf_adds(&s->ids, "}");
	return buf_broken(&s->ids) ? err_no_memory(e) : RC_OK;
}

/* null and nothing mean the same: every tenant that the principal reaches. */
static enum rc read_tenant(
    const struct principal *p, struct json_object *tenant, struct selection *s, struct err *e)
{
	const char *name = json_object_get_string(tenant);

	if (tenant == NULL)
		return RC_OK;
	if (!json_object_is_type(tenant, json_type_string) || !tenant_id_valid(name))
		return err_set(e, RC_INVALID, "invalid_tenant_id", "tenant_id is no tenant's name");
	if (!principal_may(p, name))
		return err_set(e, RC_INVALID, "wrong_tenant", "this key is not for that tenant");
	memcpy(s->tenant_id, name, strlen(name) + 1);
	return RC_OK;
}

static enum rc read_state(
    struct json_object *state, enum job_verb verb, struct selection *s, struct err *e)
{
	const char *name = json_object_get_string(state);
	bool live = false;

	if (!json_object_is_type(state, json_type_string) || !job_state_valid(name))
		return invalid(e, "status must be the name of a state");
	live = strcmp(name, "QUEUED") == 0 || strcmp(name, "RUNNING") == 0;
	if (live != (verb == JOB_CANCEL) || strcmp(name, "SUCCEEDED") == 0)
		return invalid(e, verb == JOB_CANCEL
				      ? "status must be QUEUED or RUNNING"
				      : "status must be FAILED, SKIPPED or CANCELLED");
	s->state = name;
	return RC_OK;
}

/* {"ids": [...]} or {"tenant_id": name or null, "status": state}, and nothing else. */
static enum rc read_selection(const struct route_context *cx, struct json_object *body,
    enum job_verb verb, struct selection *s, struct err *e)
{
	struct json_object *ids, *state, *tenant = NULL;
	int members = json_object_object_length(body);
	enum rc rc;

	memcpy(s->tenant_id, cx->principal.tenant_id, sizeof s->tenant_id);
	if (members == 1 && json_object_object_get_ex(body, "ids", &ids))
		return read_ids(ids, s, e);
	if (!json_object_object_get_ex(body, "status", &state) ||
	    members != 1 + json_object_object_get_ex(body, "tenant_id", &tenant))
		return invalid(e, "the body must be {\"ids\": [...]} or {\"tenant_id\": \"...\", "
				  "\"status\": \"...\"}");
	rc = read_tenant(&cx->principal, tenant, s, e);
	return rc == RC_OK ? read_state(state, verb, s, e) : rc;
}

static enum rc change_many(struct route_context *cx, enum job_verb verb, struct err *e)
{
	struct app *app = cx->app;
	struct selection s = { .state = NULL };
	struct json_object *body = NULL;
	struct pg *pg;
	enum rc rc = admin_body(cx->rq, MAX_BODY, "invalid_job_selection",
	    "the body must be a JSON object of at most 32 KiB", &body, e);

	buf_init(&s.ids, MAX_IDS_TEXT);
	if (rc == RC_OK)
		rc = read_selection(cx, body, verb, &s, e);
	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc == RC_OK) {
		rc =
		    job_change_many(pg, verb, s.tenant_id, s.state == NULL ? buf_str(&s.ids) : NULL,
			s.state, cx->principal.name, &cx->rs->body, e);
		pool_put(app->pool, pg);
	}
	if (rc == RC_OK)
		log_change(cx, verb, s.state == NULL ? "those named" : s.state);
	buf_free(&s.ids);
	(void)json_object_put(body);
	return rc;
}

enum rc admin_jobs_cancel_post(struct route_context *cx, struct err *e)
{
	return change_many(cx, JOB_CANCEL, e);
}

enum rc admin_jobs_retry_post(struct route_context *cx, struct err *e)
{
	return change_many(cx, JOB_RETRY, e);
}
