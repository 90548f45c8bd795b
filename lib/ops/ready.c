#include "ops/ready.h"

#include <string.h>

enum level { OK, WARNING, ERROR };

static const char *const level_names[] = { [OK] = "ok", [WARNING] = "warning", [ERROR] = "error" };

/* null where the database did not answer, as what it would say is not known. */
static void known_int(struct json_writer *w, const char *name, bool known, int64_t n)
{
	if (known)
		json_write_int(w, name, n);
	else
		json_write_null(w, name);
}

static void text_or_null(struct json_writer *w, const char *name, const char *s)
{
	json_write_text(w, name, s != NULL && s[0] != '\0' ? s : NULL);
}

/* Each check has its level, which decides readiness, and then writes what it found. */

static enum level config_level(const struct ready_input *in)
{
	(void)in;
	return OK;
}

static void config_report(struct json_writer *w, const struct ready_input *in, enum level level)
{
	(void)in, (void)level;
	json_write_bool(w, "validated", true);
}

static bool old_schema(const struct ready_input *in)
{
	return in->facts != NULL && in->facts->schema_version < in->schema_version;
}

static enum level database_level(const struct ready_input *in)
{
	if (in->facts == NULL || old_schema(in) || in->facts->read_only ||
	    in->db_latency_ms > READY_DB_ERROR_MS)
		return ERROR;
	return in->db_latency_ms > READY_DB_WARNING_MS ? WARNING : OK;
}

static void database_report(struct json_writer *w, const struct ready_input *in, enum level level)
{
	const struct readiness_facts *f = in->facts;

	known_int(w, "latency_ms", f != NULL, in->db_latency_ms);
	known_int(w, "schema_version", f != NULL, f != NULL ? f->schema_version : 0);
	if (f == NULL)
		json_write_text(w, "reason", "unreachable");
	else if (old_schema(in))
		json_write_text(w, "reason", "schema_outdated");
	else if (f->read_only)
		json_write_text(w, "reason", "read_only");
	else if (level != OK)
		json_write_text(w, "reason", "slow");
}

static bool refused(const struct readiness_facts *f)
{
	return strcmp(f->provider_state, "ok") != 0;
}

static enum level openai_level(const struct ready_input *in)
{
	if (in->facts == NULL)
		return WARNING;
	if (refused(in->facts))
		return ERROR;
	if (in->facts->key_configured)
		return OK;
	return strcmp(in->cfg->env, "development") == 0 ? WARNING : ERROR;
}

static void openai_report(struct json_writer *w, const struct ready_input *in, enum level level)
{
	const struct readiness_facts *f = in->facts;

	(void)level;
	if (f == NULL) {
		json_write_null(w, "key_configured");
		json_write_text(w, "reason", "unknown");
		return;
	}
	json_write_bool(w, "key_configured", f->key_configured);
	if (refused(f)) {
		text_or_null(w, "reason", f->provider_state);
		text_or_null(w, "until", f->provider_until);
	} else if (!f->key_configured) {
		json_write_text(w, "reason", "no_key");
	}
}

static bool deep(const struct ready_input *in)
{
	return in->facts->queue_depth > in->cfg->queue_depth_alarm;
}

static enum level queue_level(const struct ready_input *in)
{
	if (in->facts == NULL)
		return WARNING;
	if (in->facts->workers == 0)
		return ERROR;
	return in->facts->stuck_count > 0 || deep(in) ? WARNING : OK;
}

static void queue_report(struct json_writer *w, const struct ready_input *in, enum level level)
{
	const struct readiness_facts *f = in->facts;

	known_int(w, "depth", f != NULL, f != NULL ? f->queue_depth : 0);
	known_int(w, "stuck_count", f != NULL, f != NULL ? f->stuck_count : 0);
	known_int(w, "workers", f != NULL, f != NULL ? f->workers : 0);
	if (level != OK)
		json_write_text(w, "reason",
		    f == NULL            ? "unknown"
		    : f->workers == 0    ? "no_worker"
		    : f->stuck_count > 0 ? "stuck"
					 : "deep");
}

static const struct {
	const char *name;
	enum level (*level)(const struct ready_input *in);
	void (*report)(struct json_writer *w, const struct ready_input *in, enum level level);
} checks[] = {
	{ "config", config_level, config_report },
	{ "database", database_level, database_report },
	{ "openai_api", openai_level, openai_report },
	{ "queue", queue_level, queue_report },
};
enum { CHECKS = sizeof checks / sizeof checks[0] };

static void write_checks(
    struct json_writer *w, const struct ready_input *in, const enum level levels[CHECKS])
{
	json_write_object(w, "checks");
	for (size_t i = 0; i < CHECKS; i++) {
		json_write_object(w, checks[i].name);
		json_write_text(w, "status", level_names[levels[i]]);
		checks[i].report(w, in, levels[i]);
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

static void write_failing(struct json_writer *w, const enum level levels[CHECKS])
{
	json_write_list(w, "failing_checks");
	for (size_t i = 0; i < CHECKS; i++)
		if (levels[i] == ERROR)
			json_write_text(w, NULL, checks[i].name);
	json_write_list_end(w);
}

static void write_pilot(struct json_writer *w, const struct ready_input *in)
{
	const struct readiness_facts *f = in->facts;
	int64_t max = in->cfg->pilot_max_invoices_per_hour;
	int64_t used = f != NULL ? f->pilot_used : 0;

	json_write_object(w, "pilot");
	/* Unknown is not on: while the database is away nothing is admitted. */
	json_write_bool(w, "enabled", in->cfg->pilot_enabled && f != NULL && f->pilot_switched_on);
	json_write_text(w, "tenant_id", in->cfg->pilot_tenant_id);
	json_write_object(w, "rate_limit");
	known_int(w, "current", f != NULL, used);
	json_write_int(w, "limit", max);
	known_int(w, "remaining", f != NULL, used < max ? max - used : 0);
	json_write_int(w, "window_seconds", READY_PILOT_WINDOW);
	json_write_object_end(w);
	json_write_object_end(w);
}

bool ready_report(struct json_writer *w, const struct ready_input *in)
{
	enum level levels[CHECKS];
	bool ready = true;

	for (size_t i = 0; i < CHECKS; i++) {
		levels[i] = checks[i].level(in);
		ready = ready && levels[i] != ERROR;
	}
	json_write_object(w, NULL);
	json_write_text(w, "status", ready ? "ready" : "not_ready");
	json_write_text(w, "timestamp", in->timestamp);
	json_write_text(w, "build_id", in->build_id);
	json_write_text(w, "config_hash", in->config_hash);
	write_checks(w, in, levels);
	if (!ready)
		write_failing(w, levels);
	write_pilot(w, in);
	json_write_object(w, "last_activity");
	text_or_null(w, "last_incident_at", in->facts != NULL ? in->facts->last_incident_at : NULL);
	json_write_object_end(w);
	json_write_object_end(w);
	return ready;
}
