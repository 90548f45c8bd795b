/*
 * GET /admin/incidents/{id}/document and /admin/jobs/{id}/document: the file as it was uploaded,
 * to be shown within our own page (nginx's headers let it run nothing).  Viewers may look.
 */
#include "admin.h"
#include "admin_scope.h"
#include "http/disposition.h"
#include "http/etag.h"
#include "http/media_type.h"
#include "store/document.h"

static enum rc answer(struct route_context *cx, const struct document *d, struct err *e)
{
	const char *condition = http_header(cx->rq, "If-None-Match");
	const struct media_type *type = media_type_named(d->media_type);
	char disposition[DISPOSITION_SIZE];
	struct etags known = { .any = false };
	enum rc rc = condition != NULL ? etags_parse(condition, &known, e) : RC_OK;

	if (rc != RC_OK)
		return rc;
	http_response_header(cx->rs, "ETag", "\"%s\"", d->sha256);
	if (condition != NULL && etags_have(&known, d->sha256, true)) {
		cx->rs->status = 304;
		return RC_OK;
	}
	disposition_inline(d->filename, disposition);
	http_response_header(cx->rs, "Content-Disposition", "%s", disposition);
	cx->rs->content_type = type != NULL ? type->name : "application/octet-stream";
	buf_add(&cx->rs->body, d->bytes, d->len);
	return RC_OK;
}

typedef enum rc find_fn(
    struct pg *pg, const char *tenant_id, const char *id, struct document *ret, struct err *e);

static enum rc serve(struct route_context *cx, find_fn *find, const char *missing, struct err *e)
{
	struct app *app = cx->app;
	struct document d = { 0 };
	struct pg *pg;
	enum rc rc = admin_id(cx, missing, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = find(pg, cx->principal.tenant_id, cx->id, &d, e);
	pool_put(app->pool, pg);
	if (rc == RC_OK)
		rc = answer(cx, &d, e);
	document_free(&d);
	return rc;
}

enum rc admin_incident_document_get(struct route_context *cx, struct err *e)
{
	return serve(cx, document_of_incident, "incident_not_found", e);
}

enum rc admin_job_document_get(struct route_context *cx, struct err *e)
{
	return serve(cx, document_of_job, "job_not_found", e);
}
