#include "ops/ready.h"

#include <string.h>

enum level { OK, WARNING, ERROR };

static const char *const level_names[] = { [OK] = "ok", [WARNING] = "warning", [ERROR] = "error" };

static void add(struct json_object *to, const char *name, struct json_object *value)
{
	(void)json_object_object_add(to, name, value);
}

static struct json_object *text(const char *s)
{
	return s != NULL && s[0] != '\0' ? json_object_new_string(s) : NULL;
}

static struct json_object *number(int64_t n)
{
	return json_object_new_int64(n);
}

/* Add one check: its status first, then what the caller adds to the object returned. */
static struct json_object *check(
    struct json_object *checks, struct json_object *failing, const char *name, enum level level)
{
	struct json_object *o = json_object_new_object();

	add(o, "status", text(level_names[level]));
	add(checks, name, o);
	if (level == ERROR)
		(void)json_object_array_add(failing, text(name));
	return o;
}

static void check_database(
    const struct ready_input *in, struct json_object *checks, struct json_object *failing)
{
	bool old_schema = in->facts != NULL && in->facts->schema_version < in->schema_version;
	bool read_only = in->facts != NULL && in->facts->read_only;
	enum level level =
	    in->facts == NULL || old_schema || read_only || in->db_latency_ms > READY_DB_ERROR_MS
		? ERROR
	    : in->db_latency_ms > READY_DB_WARNING_MS ? WARNING
						      : OK;
	struct json_object *o = check(checks, failing, "database", level);

	add(o, "latency_ms", in->facts != NULL ? number(in->db_latency_ms) : NULL);
	add(o, "schema_version", in->facts != NULL ? number(in->facts->schema_version) : NULL);
	if (in->facts == NULL)
		add(o, "reason", text("unreachable"));
	else if (old_schema)
		add(o, "reason", text("schema_outdated"));
	else if (read_only)
		add(o, "reason", text("read_only"));
	else if (level != OK)
		add(o, "reason", text("slow"));
}

static void check_openai(
    const struct ready_input *in, struct json_object *checks, struct json_object *failing)
{
	const struct readiness_facts *f = in->facts;
	bool key = f != NULL && f->key_configured;
	bool refused = f != NULL && strcmp(f->provider_state, "ok") != 0;
	bool development = strcmp(in->cfg->env, "development") == 0;
	enum level level = f == NULL     ? WARNING
			   : refused     ? ERROR
			   : key         ? OK
			   : development ? WARNING
					 : ERROR;
	struct json_object *o = check(checks, failing, "openai_api", level);

	add(o, "key_configured", f != NULL ? json_object_new_boolean(key) : NULL);
	if (f == NULL) {
		add(o, "reason", text("unknown"));
	} else if (refused) {
		add(o, "reason", text(f->provider_state));
		add(o, "until", text(f->provider_until));
	} else if (!key) {
		add(o, "reason", text("no_key"));
	}
}

static void check_queue(
    const struct ready_input *in, struct json_object *checks, struct json_object *failing)
{
	const struct readiness_facts *f = in->facts;
	bool deep = f != NULL && f->queue_depth > in->cfg->queue_depth_alarm;
	enum level level = f == NULL                    ? WARNING
			   : f->workers == 0            ? ERROR
			   : f->stuck_count > 0 || deep ? WARNING
							: OK;
	struct json_object *o = check(checks, failing, "queue", level);

	add(o, "depth", f != NULL ? number(f->queue_depth) : NULL);
	add(o, "stuck_count", f != NULL ? number(f->stuck_count) : NULL);
	add(o, "workers", f != NULL ? number(f->workers) : NULL);
	if (level != OK)
		add(o, "reason",
		    text(f == NULL            ? "unknown"
			 : f->workers == 0    ? "no_worker"
			 : f->stuck_count > 0 ? "stuck"
					      : "deep"));
}

static struct json_object *pilot(const struct ready_input *in)
{
	const struct readiness_facts *f = in->facts;
	struct json_object *o = json_object_new_object(), *limit = json_object_new_object();
	int64_t max = in->cfg->pilot_max_invoices_per_hour;
	int64_t left = f != NULL && f->pilot_used < max ? max - f->pilot_used : 0;

	/* Unknown is not on: while the database is away nothing is admitted. */
	add(o, "enabled",
	    json_object_new_boolean(in->cfg->pilot_enabled && f != NULL && f->pilot_switched_on));
	add(o, "tenant_id", text(in->cfg->pilot_tenant_id));
	add(limit, "current", f != NULL ? number(f->pilot_used) : NULL);
	add(limit, "limit", number(max));
	add(limit, "remaining", f != NULL ? number(left) : NULL);
	add(limit, "window_seconds", number(READY_PILOT_WINDOW));
	add(o, "rate_limit", limit);
	return o;
}

struct json_object *ready_report(const struct ready_input *in, bool *ret_ready)
{
	struct json_object *o = json_object_new_object(), *checks = json_object_new_object();
	struct json_object *failing = json_object_new_array(), *activity = json_object_new_object();
	struct json_object *config = check(checks, failing, "config", OK);

	add(config, "validated", json_object_new_boolean(1));
	check_database(in, checks, failing);
	check_openai(in, checks, failing);
	check_queue(in, checks, failing);
	*ret_ready = json_object_array_length(failing) == 0;
	add(o, "status", text(*ret_ready ? "ready" : "not_ready"));
	add(o, "timestamp", text(in->timestamp));
	add(o, "build_id", text(in->build_id));
	add(o, "config_hash", text(in->config_hash));
	add(o, "checks", checks);
	if (*ret_ready)
		(void)json_object_put(failing);
	else
		add(o, "failing_checks", failing);
	add(o, "pilot", pilot(in));
	add(activity, "last_incident_at",
	    in->facts != NULL ? text(in->facts->last_incident_at) : NULL);
	add(o, "last_activity", activity);
	return o;
}
