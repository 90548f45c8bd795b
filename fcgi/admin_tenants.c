/* GET /admin/tenants: the tenants that the operator can choose from.  Requires an admin key. */
#include "admin.h"
#include "store/tenant.h"

enum { MAX_LIST = 4 << 20 };

enum rc admin_add_tenants(
    const struct route_context *cx, struct pg *pg, struct json_writer *w, struct err *e)
{
	const struct app *app = cx->app;
	struct buf list;
	enum rc rc;

	buf_init(&list, MAX_LIST);
	rc = tenant_list(pg, cx->principal.tenant_id, app->cfg.pilot_tenant_id, &list, e);
	if (rc == RC_OK && buf_broken(&list))
		rc = err_no_memory(e);
	if (rc == RC_OK)
		json_write_raw(w, "tenants", buf_str(&list));
	buf_free(&list);
	return rc;
}

enum rc admin_tenants_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct json_writer w = http_json(cx->rs, 200);
	struct pg *pg;
	enum rc rc = pool_get(app->pool, &pg, e);

	if (rc != RC_OK)
		return rc;
	json_write_object(&w, NULL);
	rc = admin_add_tenants(cx, pg, &w, e);
	json_write_object_end(&w);
	pool_put(app->pool, pg);
	return rc;
}
