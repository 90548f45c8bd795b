/* GET /admin/system-health (SPEC §8).  Requires an admin key that reaches the tenant. */
#include "admin.h"
#include "admin_scope.h"
#include "core/date.h"
#include "http/query.h"
#include "store/metrics.h"

enum { DEFAULT_DAYS = 7, MAX_DAYS = 90 };

enum rc admin_system_health_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	const char *query = cx->rq->query;
	char tenant[TENANT_ID_SIZE], reference[DATE_TEXT];
	int64_t days = DEFAULT_DAYS, last = date_today();
	struct pg *pg;
	enum rc rc = admin_tenant(cx, tenant, e);

	if (rc == RC_OK)
		rc = query_int(query, "period_days", 1, MAX_DAYS, &days, e);
	if (rc == RC_OK)
		rc = query_date(query, "reference_date", &last, e);
	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	date_format(last, reference);
	rc = metrics_system_health(
	    pg, tenant, reference, days, app->cfg.stuck_minutes, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}
