/* GET /admin/tenants: the tenants that the operator can choose from.  Requires an admin key. */
#include "admin.h"
#include "store/tenant.h"

enum rc admin_tenants_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct pg *pg;
	enum rc rc = pool_get(app->pool, &pg, e);

	if (rc != RC_OK)
		return rc;
	rc = tenant_list(pg, cx->principal.tenant_id, app->cfg.pilot_tenant_id, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}
