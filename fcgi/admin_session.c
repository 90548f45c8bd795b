/*
 * POST, GET and DELETE /admin/session: an operator logs in with a key, asks who he is, logs out.
 * The key comes in the body and goes nowhere else; the cookie is all that a browser keeps.
 */
#include <string.h>

#include "admin.h"
#include "admin_body.h"
#include "core/build_id.h"
#include "core/log.h"
#include "http/session.h"
#include "store/session.h"

enum { MAX_BODY = 4096 };

/* Who somebody is, and what the pages' frame shows of the installation. */
static enum rc respond(struct route_context *cx, struct pg *pg, struct err *e)
{
	const struct app *app = cx->app;
	const struct principal *p = &cx->principal;
	struct json_writer w = http_json(cx->rs, 200);
	enum rc rc;

	json_write_object(&w, NULL);
	json_write_text(&w, "name", p->name);
	json_write_text(&w, "role", p->role);
	json_write_text(&w, "tenant_id", p->tenant_id[0] != '\0' ? p->tenant_id : NULL);
	json_write_text(
	    &w, "expires_at", p->session_expires_at[0] != '\0' ? p->session_expires_at : NULL);
	rc = admin_add_tenants(cx, pg, &w, e);
	json_write_text(&w, "pilot_tenant_id", app->cfg.pilot_tenant_id);
	json_write_text(&w, "environment", app->cfg.env);
	json_write_text(&w, "build_id", build_id());
	json_write_text(&w, "config_hash", app->config_hash);
	json_write_int(&w, "max_upload_bytes", app->cfg.max_upload_bytes);
	json_write_object_end(&w);
	return rc;
}

enum rc admin_session_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct pg *pg;
	enum rc rc = pool_get(app->pool, &pg, e);

	if (rc != RC_OK)
		return rc;
	rc = respond(cx, pg, e);
	pool_put(app->pool, pg);
	return rc;
}

static enum rc invalid(struct err *e, const char *why)
{
	return err_set(e, RC_INVALID, "invalid_login", "%s", why);
}

/* {"key": text} and nothing else; *key lives as long as *ret. */
static enum rc read_key(
    const struct http_request *rq, struct json_object **ret, const char **key, struct err *e)
{
	struct json_object *text;
	enum rc rc = admin_body(
	    rq, MAX_BODY, "invalid_login", "the body must be a small JSON object", ret, e);

	if (rc != RC_OK)
		return rc;
	if (json_object_object_length(*ret) != 1 ||
	    !json_object_object_get_ex(*ret, "key", &text) ||
	    !json_object_is_type(text, json_type_string))
		return invalid(e, "the body must be {\"key\": \"...\"}");
	*key = json_object_get_string(text);
	if ((*key)[0] == '\0' || strlen(*key) != (size_t)json_object_get_string_len(text))
		return invalid(e, "key must be an operator's key");
	return RC_OK;
}

static void note_failure(struct route_context *cx)
{
	struct app *app = cx->app;
	struct pg *pg;
	struct err e = { .rc = RC_OK };
	enum rc rc = pool_get(app->pool, &pg, &e);

	if (rc == RC_OK) {
		rc = session_login_failed(pg, cx->rq->remote_addr, &e);
		pool_put(app->pool, pg);
	}
	if (rc != RC_OK)
		log_warn("session.uncounted", "a refused login was not counted: %s", e.msg);
}

/* The principal is known by its key: make the session, and answer. */
static enum rc open_session(struct route_context *cx, const char *key, struct err *e)
{
	struct app *app = cx->app;
	struct principal *p = &cx->principal;
	uint8_t secret[SESSION_SECRET_SIZE], hash[KEY_HASH_SIZE];
	char id[RANDOM_UUID_TEXT], value[SESSION_VALUE_SIZE];
	struct pg *pg;
	enum rc rc = app_session_secret(app, secret, e);

	if (rc != RC_OK)
		return rc;
	random_uuid(id);
	key_hash(key, hash);
	if (!session_sign(secret, id, value))
		return err_no_memory(e);
	rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = session_open(
	    pg, id, hash, SESSION_SECONDS, p->name, p->tenant_id, p->session_expires_at, e);
	if (rc == RC_OK)
		rc = respond(cx, pg, e);
	pool_put(app->pool, pg);
	if (rc == RC_OK)
		session_set_cookie(cx->rs, value);
	return rc;
}

enum rc admin_session_post(struct route_context *cx, struct err *e)
{
	struct json_object *body = NULL;
	const char *key = "";
	enum rc rc = read_key(cx->rq, &body, &key, e);

	if (rc == RC_OK) {
		rc = route_recognise(cx, key, PRINCIPAL_ADMIN, "the body");
		if (rc == RC_INVALID)
			note_failure(cx);
		if (rc == RC_OK)
			rc = open_session(cx, key, e);
	}
	(void)json_object_put(body);
	return rc;
}

/* With a key there is no session to end, and no harm in saying so. */
enum rc admin_session_delete(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	const struct principal *p = &cx->principal;
	struct pg *pg;
	enum rc rc = pool_get(app->pool, &pg, e);

	if (rc != RC_OK)
		return rc;
	if (p->session_id[0] != '\0')
		rc = session_close(pg, p->session_id, p->name, p->tenant_id, e);
	pool_put(app->pool, pg);
	if (rc != RC_OK)
		return rc;
	session_set_cookie(cx->rs, NULL);
	cx->rs->status = 204;
	return RC_OK;
}
