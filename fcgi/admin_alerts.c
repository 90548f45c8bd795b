/*
 * GET /admin/alerts and /admin/alerts/{id}: what the watchdog has found, decided and said (SPEC
 * §10).  POST /admin/alerts/silences and .../{id}/end: hold a rule's messages back for a while.
 * Require an admin key that reaches the pilot's tenant; a viewer may look but not silence.
 */
#include <inttypes.h>
#include <string.h>

#include "admin.h"
#include "admin_body.h"
#include "admin_scope.h"
#include "core/log.h"
#include "http/page.h"
#include "http/query.h"
#include "ops/alert_words.h"
#include "ops/rules.h"
#include "store/alert.h"

enum { MAX_BODY = 8192, MAX_MINUTES = 1440, MAX_RULES = 32 << 10 };

static void write_channels(struct json_writer *w, const struct rule *r)
{
	json_write_list(w, "channels");
	for (size_t i = 0; channel_name(i) != NULL; i++)
		if (r->channels & 1U << i)
			json_write_text(w, NULL, channel_name(i));
	json_write_list_end(w);
}

static void write_commands(struct json_writer *w, const struct rule *r, const struct config *cfg)
{
	json_write_object(w, "commands");
	for (enum alert_todo todo = TODO_INVESTIGATE; todo < TODO__MAX; todo++) {
		char room[400];
		struct buf command;

		buf_init_fixed(&command, room, sizeof room);
		alert_command(&command, r->name, todo, cfg->pilot_tenant_id);
		json_write_text(w, alert_todo_name(todo), buf_str(&command));
	}
	json_write_object_end(w);
}

static void write_runbook(struct json_writer *w, const struct rule *r, const struct config *cfg)
{
	struct buf place;

	buf_init(&place, MAX_RULES);
	buf_addf(&place, "%s#%s", cfg->runbook_url != NULL ? cfg->runbook_url : "docs/runbook.md",
	    r->anchor);
	json_write_text(w, "runbook", buf_str(&place));
	w->out->broken = w->out->broken || buf_broken(&place);
	buf_free(&place);
}

static void write_rule(struct json_writer *w, const struct rule *r, const struct config *cfg)
{
	char threshold[RULE_NUMBER];

	rule_number(rule_threshold(r), CONFIG_DECIMAL_ONE, threshold);
	json_write_object(w, NULL);
	json_write_text(w, "rule", r->name);
	json_write_text(w, "title", r->title);
	json_write_text(w, "decision", decision_name(r->decision));
	json_write_text(w, "then", decision_name(r->then));
	if (r->after_s > 0)
		json_write_int(w, "after_seconds", r->after_s);
	else
		json_write_null(w, "after_seconds");
	json_write_int(w, "window_seconds", r->window_s);
	json_write_int(w, "hold_seconds", r->hold_s);
	json_write_int(w, "min_samples", r->min_samples);
	json_write_raw(w, "threshold", threshold);
	json_write_text(w, "owner", r->owner);
	write_channels(w, r);
	write_runbook(w, r, cfg);
	write_commands(w, r, cfg);
	json_write_object_end(w);
}

static void write_rules(struct buf *out, const struct config *cfg)
{
	struct json_writer w = { .out = out };
	size_t n;
	const struct rule *all = rules(&n);

	json_write_list(&w, NULL);
	for (size_t i = 0; i < n; i++)
		write_rule(&w, &all[i], cfg);
	json_write_list_end(&w);
}

/* The parameter rule: "" where it is absent. */
static enum rc read_rule(const char *query, const char **ret, struct err *e)
{
	char name[64];
	const struct rule *rule;
	enum rc rc = query_get(query, "rule", name, sizeof name, e);

	if (rc == RC_NOT_FOUND || (rc == RC_OK && name[0] == '\0'))
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	rule = rule_named(name);
	if (rule == NULL)
		return err_set(e, RC_INVALID, "invalid_query", "there is no such rule");
	*ret = rule->name;
	return RC_OK;
}

enum rc admin_alerts_get(struct route_context *cx, struct err *e)
{
	static const char *const states[] = { "pending", "firing", "resolved", "current", NULL };
	struct app *app = cx->app;
	struct page page;
	struct alert_filter filter = {
		.state = "", .rule = "", .limit = page.limit, .cursor = page.cursor
	};
	struct buf list;
	struct pg *pg;
	enum rc rc = admin_pilot_scope(cx, e);

	if (rc == RC_OK)
		rc = query_choice(cx->rq->query, "state", states, &filter.state, e);
	if (rc == RC_OK)
		rc = read_rule(cx->rq->query, &filter.rule, e);
	if (rc == RC_OK)
		rc = page_from_query(cx->rq->query, true, &page, e);
	if (rc != RC_OK)
		return rc;
	buf_init(&list, MAX_RULES);
	write_rules(&list, &app->cfg);
	filter.rules = buf_str(&list);
	rc = buf_broken(&list) ? err_no_memory(e) : pool_get(app->pool, &pg, e);
	if (rc == RC_OK) {
		rc = alert_list(pg, &filter, &cx->rs->body, e);
		pool_put(app->pool, pg);
	}
	buf_free(&list);
	return rc;
}

enum rc admin_alert_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct pg *pg;
	enum rc rc = admin_pilot_scope(cx, e);

	if (rc == RC_OK)
		rc = admin_id(cx, "alert_not_found", e);
	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = alert_get(pg, cx->id, &cx->rs->body, e);
	pool_put(app->pool, pg);
	return rc;
}

static void log_silence(
    const struct route_context *cx, const char *event, const char *name, const char *value)
{
	const struct log_field fields[] = {
		LOG_TEXT("trace_id", cx->rq->trace_id),
		LOG_TEXT("principal", cx->principal.name),
		LOG_TEXT(name, value),
		{ 0 },
	};

	log_event(LOG_WARN_LEVEL, event, fields, "%s",
	    strcmp(event, "alert.silence") == 0 ? "a rule's messages are held back"
						: "a silence was ended");
}

struct silence {
	const char *rule, *reason;
	int64_t minutes;
};

static enum rc invalid(struct err *e, const char *why)
{
	return err_set(e, RC_INVALID, "invalid_silence", "%s", why);
}

/* {"rule": name, "minutes": 1 to 1440, "reason": text}: all three, and nothing else. */
static enum rc read_silence(struct json_object *body, struct silence *s, struct err *e)
{
	struct json_object *rule, *minutes, *reason;
	const struct rule *known;

	if (json_object_object_length(body) != 3 ||
	    !json_object_object_get_ex(body, "rule", &rule) ||
	    !json_object_object_get_ex(body, "minutes", &minutes) ||
	    !json_object_object_get_ex(body, "reason", &reason))
		return invalid(
		    e, "the body must be {\"rule\": \"...\", \"minutes\": n, \"reason\": \"...\"}");
	known = json_object_is_type(rule, json_type_string)
		    ? rule_named(json_object_get_string(rule))
		    : NULL;
	if (known == NULL)
		return invalid(e, "rule must be the name of one");
	s->rule = known->name;
	s->minutes = json_object_get_int64(minutes);
	if (!json_object_is_type(minutes, json_type_int) || s->minutes < 1 ||
	    s->minutes > MAX_MINUTES)
		return invalid(e, "minutes must be a whole number from 1 to 1440");
	if (!admin_reason(reason, &s->reason))
		return invalid(e, "reason must be a text of 1 to 500 characters");
	return RC_OK;
}

enum rc admin_silences_post(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct json_object *body = NULL;
	struct silence s = { .rule = NULL };
	struct pg *pg;
	enum rc rc = admin_pilot_scope(cx, e);

	if (rc == RC_OK)
		rc = admin_body(cx->rq, MAX_BODY, "invalid_silence",
		    "the body must be a small JSON object", &body, e);
	if (rc == RC_OK)
		rc = read_silence(body, &s, e);
	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc == RC_OK) {
		rc = alert_silence(
		    pg, s.rule, s.minutes, s.reason, cx->principal.name, &cx->rs->body, e);
		pool_put(app->pool, pg);
	}
	if (rc == RC_OK) {
		cx->rs->status = 201;
		log_silence(cx, "alert.silence", "rule", s.rule);
	}
	(void)json_object_put(body);
	return rc;
}

enum rc admin_silence_end_post(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct pg *pg;
	enum rc rc = admin_pilot_scope(cx, e);

	if (rc == RC_OK)
		rc = admin_id(cx, "silence_not_found", e);
	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = alert_silence_end(pg, cx->id, cx->principal.name, &cx->rs->body, e);
	pool_put(app->pool, pg);
	if (rc == RC_OK)
		log_silence(cx, "alert.silence_end", "silence", cx->id);
	return rc;
}
