/*
 * GET /admin/config: exactly the bytes that the config hash covers.  GET /admin/config/keys: the
 * same, each value beside its default.  Both require an admin key.
 */
#include "admin.h"
#include "core/build_id.h"

enum rc admin_config_get(struct route_context *cx, struct err *e)
{
	const struct app *app = cx->app;

	(void)e;
	buf_adds(&cx->rs->body, app->config_json);
	return RC_OK;
}

enum rc admin_config_keys_get(struct route_context *cx, struct err *e)
{
	const struct app *app = cx->app;
	struct json_writer w = http_json(cx->rs, 200);
	enum rc rc;

	json_write_object(&w, NULL);
	json_write_text(&w, "config_hash", app->config_hash);
	json_write_text(&w, "build_id", build_id());
	rc = config_write_keys(&app->cfg, &w, "keys", e);
	json_write_object_end(&w);
	return rc;
}
