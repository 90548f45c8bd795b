/*
 * GET and PUT /admin/pilot: the run-time kill switch, and what was used and skipped of the pilot's
 * hour (SPEC §11).  Requires an admin key that reaches the pilot's tenant; a viewer may look but
 * not flip.  If-Match is optional: a stop must not fail for what somebody else did.
 */
#include <inttypes.h>

#include "admin.h"
#include "admin_body.h"
#include "admin_scope.h"
#include "core/log.h"
#include "store/pilot.h"

enum { MAX_BODY = 8192, WINDOW_SECONDS = 3600 };

struct pilot_state {
	struct pilot_switch sw;
	struct pilot_hour hour;
};

static void write_budget(struct json_writer *w, const char *name, int64_t used, int64_t limit)
{
	json_write_object(w, name);
	json_write_int(w, "used", used);
	json_write_int(w, "limit", limit);
	json_write_int(w, "remaining", used < limit ? limit - used : 0);
	json_write_int(w, "window_seconds", WINDOW_SECONDS);
	json_write_object_end(w);
}

static void respond(
    struct http_response *rs, const struct config *cfg, const struct pilot_state *state)
{
	const struct pilot_switch *sw = &state->sw;
	const struct pilot_hour *hour = &state->hour;
	struct json_writer w = http_json(rs, 200);

	http_response_header(rs, "ETag", "\"%" PRId64 "\"", sw->revision);
	json_write_object(&w, NULL);
	json_write_bool(&w, "enabled", cfg->pilot_enabled && sw->enabled);
	json_write_text(&w, "tenant_id", cfg->pilot_tenant_id);
	json_write_bool(&w, "environment_enabled", cfg->pilot_enabled);
	json_write_bool(&w, "switch_enabled", sw->enabled);
	json_write_text(&w, "reason", sw->reason);
	json_write_text(&w, "changed_by", sw->changed_by);
	json_write_text(&w, "changed_at", sw->changed_at);
	json_write_int(&w, "revision", sw->revision);
	write_budget(&w, "invoices", hour->invoices, cfg->pilot_max_invoices_per_hour);
	write_budget(&w, "incidents", hour->incidents, cfg->pilot_max_incidents_per_hour);
	json_write_object(&w, "skipped");
	json_write_int(&w, "jobs", hour->skipped_jobs);
	json_write_int(&w, "incident_budget", hour->skipped_incident_budget);
	json_write_int(&w, "pilot_disabled", hour->skipped_pilot_disabled);
	json_write_object_end(&w);
	json_write_object_end(&w);
}

enum rc admin_pilot_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct pilot_state state;
	struct pg *pg;
	enum rc rc = admin_pilot_scope(cx, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = pilot_get(pg, &state.sw, e);
	if (rc == RC_OK)
		rc = pilot_hour(pg, app->cfg.pilot_tenant_id, &state.hour, e);
	pool_put(app->pool, pg);
	if (rc == RC_OK)
		respond(cx->rs, &app->cfg, &state);
	return rc;
}

static enum rc invalid(struct err *e, const char *why)
{
	return err_set(e, RC_INVALID, "invalid_pilot_switch", "%s", why);
}

/* {"enabled": bool, "reason": text}: both, and nothing else. */
static enum rc read_switch(
    struct json_object *body, bool *enabled, const char **reason, struct err *e)
{
	struct json_object *on, *why;

	if (json_object_object_length(body) != 2 ||
	    !json_object_object_get_ex(body, "enabled", &on) ||
	    !json_object_object_get_ex(body, "reason", &why))
		return invalid(
		    e, "the body must be {\"enabled\": true or false, \"reason\": \"...\"}");
	if (!json_object_is_type(on, json_type_boolean))
		return invalid(e, "enabled must be true or false");
	if (!admin_reason(why, reason))
		return invalid(e, "reason must be a text of 1 to 500 characters");
	*enabled = json_object_get_boolean(on);
	return RC_OK;
}

static enum rc flip(struct route_context *cx, bool enabled, const char *reason, struct err *e)
{
	struct app *app = cx->app;
	struct pilot_flip wanted = {
		.enabled = enabled,
		.reason = reason,
		.who = cx->principal.name,
		.tenant_id = app->cfg.pilot_tenant_id,
	};
	const struct log_field fields[] = {
		LOG_TEXT("trace_id", cx->rq->trace_id),
		LOG_TEXT("principal", cx->principal.name),
		LOG_TEXT("reason", reason),
		{ 0 },
	};
	char room[ADMIN_REVISIONS_SIZE];
	struct pilot_state state;
	struct pg *pg;
	enum rc rc = admin_if_match(cx->rq, room, &wanted.revisions, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = pilot_set(pg, &wanted, &state.sw, e);
	if (rc == RC_OK) {
		log_event(LOG_WARN_LEVEL, "pilot.switch", fields, "pilot switched %s",
		    enabled ? "on" : "off");
		rc = pilot_hour(pg, app->cfg.pilot_tenant_id, &state.hour, e);
	}
	pool_put(app->pool, pg);
	if (rc == RC_OK)
		respond(cx->rs, &app->cfg, &state);
	return rc;
}

enum rc admin_pilot_put(struct route_context *cx, struct err *e)
{
	struct json_object *body = NULL;
	const char *reason = "";
	bool enabled = false;
	enum rc rc = admin_pilot_scope(cx, e);

	if (rc == RC_OK)
		rc = admin_body(cx->rq, MAX_BODY, "invalid_pilot_switch",
		    "the body must be a small JSON object", &body, e);
	if (rc == RC_OK)
		rc = read_switch(body, &enabled, &reason, e);
	if (rc == RC_OK)
		rc = flip(cx, enabled, reason, e);
	(void)json_object_put(body);
	return rc;
}
