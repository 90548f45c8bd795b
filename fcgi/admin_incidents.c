/* GET /admin/incidents and /admin/incidents/{id}: list and detail (SPEC §6).  Viewers may. */
#include <inttypes.h>

#include "admin.h"
#include "admin_scope.h"
#include "http/page.h"
#include "http/query.h"
#include "store/incident.h"

enum { MAX_SEARCH = 200 /* characters */ };

static const char *const statuses[] = { "OPEN", "ACK", "RESOLVED", NULL };
static const char *const severities[] = { "S1", "S2", NULL };
static const char *const categories[] = { "EXTRACTION", "COMPLETENESS", "TOTALS", "DUPLICATE",
	"TAX", NULL };
/* SPEC §6: those that open incidents. */
static const char *const flags[] = { "EXTRACTION_FAILED", "TOTAL_MISSING", "INVOICE_TOTAL_MISMATCH",
	"DUPLICATE_INVOICE", "MISSING_FIELDS", "TAX_MISMATCH", NULL };

struct search {
	char tenant[TENANT_ID_SIZE];
	char seller[4 * MAX_SEARCH + 1], q[4 * MAX_SEARCH + 1];
	struct page page;
	struct incident_filter filter; /* points into the others */
};

static enum rc read_search(struct route_context *cx, struct search *s, struct err *e)
{
	const char *query = cx->rq->query;
	struct incident_filter *f = &s->filter;
	enum rc rc = admin_scope(cx, s->tenant, e);

	*f = (struct incident_filter){
		.tenant_id = s->tenant,
		.status = "",
		.severity = "",
		.category = "",
		.flag = "",
		.seller = s->seller,
		.q = s->q,
		.limit = s->page.limit,
		.cursor = s->page.cursor,
	};
	if (rc == RC_OK)
		rc = query_choice(query, "status", statuses, &f->status, e);
	if (rc == RC_OK)
		rc = query_choice(query, "severity", severities, &f->severity, e);
	if (rc == RC_OK)
		rc = query_choice(query, "category", categories, &f->category, e);
	if (rc == RC_OK)
		rc = query_choice(query, "flag", flags, &f->flag, e);
	if (rc == RC_OK)
		rc = query_text(query, "seller", MAX_SEARCH, s->seller, e);
	if (rc == RC_OK)
		rc = query_text(query, "q", MAX_SEARCH, s->q, e);
	return rc == RC_OK ? page_from_query(query, true, &s->page, e) : rc;
}

enum rc admin_incidents_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct search s;
	struct pg *pg;
	enum rc rc = read_search(cx, &s, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = incident_list(pg, &s.filter, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}

enum rc admin_incident_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	int64_t revision = 0;
	struct pg *pg;
	enum rc rc = admin_id(cx, "incident_not_found", e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = incident_get(pg, cx->principal.tenant_id, cx->id, &cx->rs->body, &revision, e);
	pool_put(app->pool, pg);
	if (rc == RC_OK)
		http_response_header(cx->rs, "ETag", "\"%" PRId64 "\"", revision);
	return rc;
}
