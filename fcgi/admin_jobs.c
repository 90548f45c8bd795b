/*
 * GET /admin/jobs, /admin/jobs/counts and /admin/jobs/{id}: the queue and what came out of it.
 * Require an admin key; one that is bound to a tenant sees that tenant's jobs.
 */
#include <string.h>

#include "admin.h"
#include "admin_jobs.h"
#include "admin_scope.h"
#include "core/uuid.h"
#include "http/page.h"
#include "http/query.h"
#include "store/job_admin.h"

enum { MAX_TEXT = 200 };

bool job_state_valid(const char *state)
{
	static const char *const states[] = { "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED",
		"CANCELLED" };

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (strcmp(states[i], state) == 0)
			return true;
	return false;
}

/* A parameter that may be missing: "" then. */
static enum rc optional_text(
    const char *query, const char *name, char *out, size_t size, struct err *e)
{
	enum rc rc = query_get(query, name, out, size, e);

	if (rc == RC_NOT_FOUND)
		out[0] = '\0';
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc read_state(const char *query, char out[JOB_STATE_SIZE], struct err *e)
{
	enum rc rc = optional_text(query, "status", out, JOB_STATE_SIZE, e);

	if (rc != RC_OK || out[0] == '\0' || job_state_valid(out))
		return rc;
	return err_set(e, RC_INVALID, "invalid_query",
	    "status is not QUEUED, RUNNING, SUCCEEDED, FAILED, SKIPPED or CANCELLED");
}

enum rc admin_jobs_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	const char *query = cx->rq->query;
	char tenant[TENANT_ID_SIZE], state[JOB_STATE_SIZE], text[MAX_TEXT + 1];
	struct page page = { .cursor = "" };
	struct job_filter filter = {
		.tenant_id = tenant,
		.state = state,
		.text = text,
		.limit = page.limit,
		.cursor = page.cursor,
		.stuck_minutes = app->cfg.stuck_minutes,
	};
	struct pg *pg;
	enum rc rc = admin_scope(cx, tenant, e);

	if (rc == RC_OK)
		rc = read_state(query, state, e);
	if (rc == RC_OK)
		rc = query_bool(query, "stuck", &filter.stuck, e);
	if (rc == RC_OK)
		rc = optional_text(query, "q", text, sizeof text, e);
	if (rc == RC_OK)
		rc = page_from_query(query, true, &page, e);
	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = job_list(pg, &filter, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}

enum rc admin_job_counts_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	char tenant[TENANT_ID_SIZE];
	struct pg *pg;
	enum rc rc = admin_scope(cx, tenant, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = job_counts(pg, tenant, app->cfg.stuck_minutes, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}

enum rc job_id_check(const struct route_context *cx, struct err *e)
{
	if (uuid_valid(cx->id))
		return RC_OK;
	return err_set(e, RC_NOT_FOUND, "job_not_found", "there is no such job");
}

enum rc admin_job_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct pg *pg;
	enum rc rc = job_id_check(cx, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = job_detail(
	    pg, cx->principal.tenant_id, cx->id, app->cfg.stuck_minutes, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}
