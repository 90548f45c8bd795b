#include "ops/watch.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CHANGES = 64 << 10, ONE = 10000 };

unsigned watch_channels(const struct config *cfg)
{
	return (cfg->slack_alerts_webhook != NULL ? CHANNEL_SLACK_ALERTS : 0U) |
	       (cfg->slack_product_webhook != NULL ? CHANNEL_SLACK_PRODUCT : 0U) |
	       (cfg->pagerduty_routing_key != NULL ? CHANNEL_PAGERDUTY : 0U);
}

void watch_channels_text(const struct config *cfg, char out[WATCH_CHANNELS_TEXT])
{
	unsigned has = watch_channels(cfg);
	struct buf b;
	const char *between = "";

	buf_init_fixed(&b, out, WATCH_CHANNELS_TEXT);
	buf_adds(&b, "{");
	for (size_t i = 0; channel_name(i) != NULL; i++) {
		if ((has & 1U << i) == 0)
			continue;
		buf_addf(&b, "%s%s", between, channel_name(i));
		between = ",";
	}
	buf_adds(&b, "}");
}

void watch_why(
    const struct rule *r, const struct watch_sight *s, int64_t now, char *out, size_t size)
{
	char value[RULE_NUMBER], threshold[RULE_NUMBER];

	if (r->kind == RULE_LASTS) {
		(void)snprintf(out, size, "%s: %s for %lld s (> %lld s)", r->name, r->part,
		    (long long)(s->part / RULES_SECOND), (long long)r->hold_s);
		return;
	}
	rule_number(s->part, s->whole, value);
	rule_number(rule_threshold(r), ONE, threshold);
	(void)snprintf(out, size, "%s: %s %lld of %lld %s (%s %c %s) in %lld min", r->name, r->part,
	    (long long)s->part, (long long)s->whole, r->whole, value,
	    r->kind == RULE_OVER ? '>' : '<', threshold,
	    (long long)((now - s->since + 30 * RULES_SECOND) / (60 * RULES_SECOND)));
}

void watch_write_inputs(struct json_writer *w, const struct rule *r, const struct watch_sight *s)
{
	char number[RULE_NUMBER];

	json_write_object(w, "inputs");
	rule_number(s->part, s->whole, number);
	json_write_raw(w, "value", number);
	rule_number(rule_threshold(r), ONE, number);
	json_write_raw(w, "threshold", number);
	json_write_int(w, "n", s->n);
	json_write_int(w, "min_samples", r->min_samples);
	json_write_int(w, "window_seconds", r->kind == RULE_LASTS ? r->hold_s : r->window_s);
	json_write_text(w, "from", s->from[0] != '\0' ? s->from : NULL);
	json_write_text(w, "to", s->until);
	json_write_raw(w, NULL, s->details);
	json_write_object_end(w);
}

static void write_time(struct json_writer *w, const char *name, int64_t us)
{
	if (us != 0)
		json_write_int(w, name, us);
	else
		json_write_null(w, name);
}

static void write_channels(struct json_writer *w, unsigned channels)
{
	json_write_list(w, "channels");
	for (size_t i = 0; channel_name(i) != NULL; i++)
		if ((channels & 1U << i) != 0)
			json_write_text(w, NULL, channel_name(i));
	json_write_list_end(w);
}

static void write_alert(struct json_writer *w, const struct alert *a)
{
	json_write_text(w, "state", alert_state_name(a->state));
	json_write_text(w, "decision", decision_name(a->decision));
	write_time(w, "pending_at", a->pending_at);
	write_time(w, "fired_at", a->fired_at);
	write_time(w, "escalated_at", a->escalated_at);
	write_time(w, "clear_since", a->clear_since);
	write_time(w, "notified_at", a->notified_at);
}

/* A member of p_changes, see watch_record() in sql/0021. */
static void write_change(struct json_writer *w, const struct watch_change *c,
    const struct watch_sight *s, unsigned has_channels)
{
	json_write_object(w, NULL);
	json_write_text(w, "rule", c->rule->name);
	json_write_text(w, "id", s->alert_id[0] != '\0' ? s->alert_id : NULL);
	json_write_text(w, "owner", c->rule->owner);
	write_alert(w, &c->step.after);
	watch_write_inputs(w, c->rule, s);
	json_write_text(w, "resolved_reason", c->step.reason);
	json_write_bool(w, "decide", c->step.decide != DECISION_NONE);
	json_write_text(w, "reason", c->why);
	json_write_text(w, "event", alert_event_name(c->step.event));
	write_channels(w, c->rule->channels & has_channels);
	json_write_object_end(w);
}

static struct alert alert_of(const struct watch_sight *s)
{
	return (struct alert){
		.state = alert_state_named(s->state),
		.decision = decision_named(s->decision),
		.pending_at = s->pending_at,
		.fired_at = s->fired_at,
		.escalated_at = s->escalated_at,
		.clear_since = s->clear_since,
		.notified_at = s->notified_at,
	};
}

static struct rule_verdict judge(const struct rule *r, const struct watch_sight *s)
{
	struct rule_measure m = { .n = s->n, .part = s->part, .whole = s->whole, .ours = s->ours };

	return rule_judge(r, &m);
}

/* watch_record() in sql/0021 carries it out: stops the pilot, or has it rolled back as well. */
static enum decision done_from(const struct config *cfg)
{
	if (cfg->auto_stop)
		return DECISION_STOP;
	return cfg->auto_rollback ? DECISION_ROLLBACK : DECISION_NONE;
}

static struct watch_change change_of(
    const struct config *cfg, const struct rule *r, const struct watch_sight *s, int64_t now)
{
	struct rule_verdict v = judge(r, s);
	struct watch_change c = { .rule = r, .before = alert_of(s) };
	const struct alert_telling t = {
		.repeat_us = cfg->alert_repeat_minutes * 60 * RULES_SECOND,
		.silenced = s->silenced,
		.done_from = done_from(cfg),
	};

	c.step = alert_step(r, &c.before, &v, now, r->kind == RULE_LASTS ? s->since : 0, &t);
	watch_why(r, s, now, c.why, sizeof c.why);
	return c;
}

static enum rc look(struct pg *pg, const struct config *cfg, const char *now, bool keep_baseline,
    struct watch_sight sights[WATCH_RULES], size_t *ret_n, int64_t *ret_us, struct err *e)
{
	struct watch_question q = {
		.now = now,
		.pilot_tenant = cfg->pilot_tenant_id,
		.first_day = strcmp(cfg->latency_baseline, "first_day") == 0,
		.baseline_ms = cfg->latency_baseline_ms,
		.keep_baseline = keep_baseline,
	};

	return watch_look(pg, &q, sights, ret_n, ret_us, e);
}

static enum rc put(struct pg *pg, const struct watch_who *who, const char *now, const char *json,
    struct watch_outcome *out, struct err *e)
{
	const struct config *cfg = who->cfg;
	struct watch_record record = {
		.holder = who->holder,
		.now = now,
		.build_id = who->build_id,
		.config_hash = who->config_hash,
		.auto_stop = cfg->auto_stop,
		.auto_rollback = cfg->auto_rollback,
		.pilot_tenant = cfg->pilot_tenant_id,
		.changes_json = json,
	};
	struct watch_done done[WATCH_RULES];
	size_t n = 0;
	enum rc rc = watch_put(pg, &record, done, &n, e);

	for (size_t i = 0; rc == RC_OK && i < n && i < out->n; i++)
		out->changes[i].done = done[i]; /* in the order in which they were written */
	return rc;
}

enum rc watch_evaluate(struct pg *pg, const struct watch_who *who, const char *now,
    struct watch_outcome *ret, struct err *e)
{
	struct watch_sight sights[WATCH_RULES];
	struct watch_outcome out = { .n = 0 };
	struct buf json;
	struct json_writer w = { .out = &json };
	size_t n = 0;
	int64_t us = 0;
	enum rc rc = look(pg, who->cfg, now, true, sights, &n, &us, e);

	if (rc != RC_OK)
		return rc;
	buf_init(&json, MAX_CHANGES);
	json_write_list(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = rule_named(sights[i].rule);
		struct watch_change c;

		if (r == NULL)
			continue;
		c = change_of(who->cfg, r, &sights[i], us);
		if (c.step.after.state == ALERT_NONE)
			continue;
		write_change(&w, &c, &sights[i], watch_channels(who->cfg));
		out.pending = out.pending || c.step.after.state == ALERT_PENDING;
		out.changes[out.n++] = c;
	}
	json_write_list_end(&w);
	if (buf_broken(&json))
		rc = err_no_memory(e);
	else
		rc = put(pg, who, now, buf_str(&json), &out, e);
	buf_free(&json);
	if (rc == RC_OK)
		*ret = out;
	return rc;
}

static void explain(struct json_writer *w, const struct config *cfg, const struct watch_sight *s,
    const struct rule *r, int64_t now)
{
	struct rule_verdict v = judge(r, s);
	struct watch_change c = change_of(cfg, r, s, now);

	json_write_object(w, NULL);
	json_write_text(w, "rule", r->name);
	json_write_text(w, "why", c.why);
	watch_write_inputs(w, r, s);
	json_write_bool(w, "enough_samples", v.enough);
	json_write_bool(w, "holds", v.holds);
	json_write_bool(w, "due", v.due);
	json_write_bool(w, "silenced", s->silenced);
	json_write_text(w, "alert", alert_state_name(c.before.state));
	json_write_object(w, "would");
	json_write_text(w, "state", alert_state_name(c.step.after.state));
	json_write_text(w, "decide", decision_name(c.step.decide));
	json_write_text(w, "tell", alert_event_name(c.step.event));
	json_write_object_end(w);
	json_write_object_end(w);
}

enum rc watch_explain(
    struct pg *pg, const struct config *cfg, const char *now, struct json_writer *w, struct err *e)
{
	struct watch_sight sights[WATCH_RULES];
	size_t n = 0;
	int64_t us = 0;
	enum rc rc = look(pg, cfg, now, false, sights, &n, &us, e);

	if (rc != RC_OK)
		return rc;
	json_write_list(w, NULL);
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = rule_named(sights[i].rule);

		if (r != NULL)
			explain(w, cfg, &sights[i], r, us);
	}
	json_write_list_end(w);
	return RC_OK;
}
