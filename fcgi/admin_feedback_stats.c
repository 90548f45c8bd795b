/* GET /admin/feedback-stats (SPEC §7).  Requires an admin key that reaches the tenant. */
#include "admin.h"
#include "admin_scope.h"
#include "core/date.h"
#include "http/query.h"
#include "store/metrics.h"

enum rc admin_feedback_stats_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	const char *query = cx->rq->query;
	char tenant[TENANT_ID_SIZE], start[DATE_TEXT], end[DATE_TEXT];
	int64_t first = INT64_MIN, last = INT64_MAX;
	struct pg *pg;
	enum rc rc = admin_tenant(cx, tenant, e);

	if (rc == RC_OK)
		rc = query_date(query, "start_date", &first, e);
	if (rc == RC_OK)
		rc = query_date(query, "end_date", &last, e);
	if (rc == RC_OK && first > last)
		rc = err_set(e, RC_INVALID, "invalid_query", "start_date is after end_date");
	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	if (first != INT64_MIN)
		date_format(first, start);
	if (last != INT64_MAX)
		date_format(last, end);
	rc = metrics_feedback_stats(pg, tenant, first != INT64_MIN ? start : NULL,
	    last != INT64_MAX ? end : NULL, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}
