/* GET /admin/audit-log: who changed what, newest first.  Viewers may look. */
#include "admin.h"
#include "admin_scope.h"
#include "http/page.h"
#include "http/query.h"
#include "store/audit_log.h"

enum { MAX_NAME = 200 /* characters of a filter */, NAME_SIZE = 4 * MAX_NAME + 1 };

enum rc admin_audit_log_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	const char *query = cx->rq->query;
	char tenant[TENANT_ID_SIZE], actor[NAME_SIZE], action[NAME_SIZE], object[NAME_SIZE];
	struct page page;
	const struct audit_log_filter filter = { tenant, actor, action, object, page.limit,
		page.cursor };
	struct pg *pg;
	enum rc rc = admin_scope(cx, tenant, e);

	if (rc == RC_OK)
		rc = query_text(query, "actor", MAX_NAME, actor, e);
	if (rc == RC_OK)
		rc = query_text(query, "action", MAX_NAME, action, e);
	if (rc == RC_OK)
		rc = query_text(query, "object", MAX_NAME, object, e);
	if (rc == RC_OK)
		rc = page_from_query(query, false, &page, e);
	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = audit_log_list(pg, &filter, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}
