/* GET /admin/config: exactly the bytes that the config hash covers.  Requires an admin key. */
#include "admin.h"

enum rc admin_config_get(struct route_context *cx, struct err *e)
{
	const struct app *app = cx->app;

	(void)e;
	buf_adds(&cx->rs->body, app->config_json);
	return RC_OK;
}
