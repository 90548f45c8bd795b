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

enum { MAX_TEXT = 200 /* characters */ };

static const char *const states[] = { "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED",
	"CANCELLED", NULL };

bool job_state_valid(const char *state)
{
	for (size_t i = 0; states[i] != NULL; i++)
		if (strcmp(states[i], state) == 0)
			return true;
	return false;
}

enum rc admin_jobs_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	const char *query = cx->rq->query;
	char tenant[TENANT_ID_SIZE], text[4 * MAX_TEXT + 1];
	struct page page = { .cursor = "" };
	struct job_filter filter = {
		.tenant_id = tenant,
		.state = "",
		.text = text,
		.limit = page.limit,
		.cursor = page.cursor,
		.stuck_minutes = app->cfg.stuck_minutes,
	};
	struct pg *pg;
	enum rc rc = admin_scope(cx, tenant, e);

	if (rc == RC_OK)
		rc = query_choice(query, "status", states, &filter.state, e);
	if (rc == RC_OK)
		rc = query_bool(query, "stuck", &filter.stuck, e);
	if (rc == RC_OK)
		rc = query_text(query, "q", MAX_TEXT, text, e);
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
