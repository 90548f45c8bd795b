/* GET /jobs/{id}: a job's state, and its result when it has one.  Requires a client key. */
#include "full_process.h"

#include "core/uuid.h"
#include "http/principal.h"
#include "http/tenant.h"
#include "job_json.h"

static enum rc load(struct pg *pg, const struct route_context *cx, struct job *job, struct err *e)
{
	char tenant[JOB_TENANT_TEXT];
	enum rc rc;

	if (cx->principal.tenant_id[0] != '\0')
		return job_load(pg, cx->principal.tenant_id, cx->id, job, e);
	rc = job_find_tenant(pg, cx->id, tenant, e);
	return rc == RC_OK ? job_load(pg, tenant, cx->id, job, e) : rc;
}

enum rc job_get(struct route_context *cx, struct err *e)
{
	const char *tenant = cx->principal.tenant_id; /* whose the answer is, an error's as well */
	struct app *app = cx->app;
	struct job job = { 0 };
	struct json_writer w;
	struct pg *pg;
	enum rc rc;

	if (tenant[0] != '\0')
		http_response_header(cx->rs, TENANT_HEADER, "%s", tenant);
	if (!uuid_valid(cx->id))
		return err_set(e, RC_NOT_FOUND, "job_not_found", "there is no such job");
	rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = load(pg, cx, &job, e);
	pool_put(app->pool, pg);
	if (rc != RC_OK)
		return rc;
	if (tenant[0] == '\0')
		http_response_header(cx->rs, TENANT_HEADER, "%s", job.tenant_id);
	if (!job_ended(&job))
		http_response_header(cx->rs, "Retry-After", "1");
	w = http_json(cx->rs, 200);
	job_json(&w, &job, false);
	job_free(&job);
	return RC_OK;
}
