/*
 * Evaluates the rules of SPEC 10: of several watchdogs the one that leads.  All that it decides is
 * in the database before it is told to anyone.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/build_id.h"
#include "core/log.h"
#include "ops/watch.h"
#include "watch.h"

static void in_trouble(struct watchdog *w, const struct err *e)
{
	if (strcmp(w->rules_trouble.code, e->code) != 0)
		log_warn("watch.trouble", "not watching: %s", e->msg);
	w->rules_trouble = *e;
	/* It may have begun before this process, and the one before may have told the pager. */
	if (!w->has_watched)
		w->blind.told_before = CHANNEL_PAGERDUTY & watch_channels(&w->app.cfg);
}

static void out_of_trouble(struct watchdog *w)
{
	if (w->rules_trouble.rc != RC_OK)
		log_info("watch.again", "watching again after: %s", w->rules_trouble.msg);
	w->rules_trouble = (struct err){ .rc = RC_OK };
	w->has_watched = true;
}

static void say_state(const struct watch_change *c, const struct log_field *fields)
{
	switch (c->step.after.state) {
	case ALERT_NONE:
		break;
	case ALERT_PENDING:
		log_event(LOG_INFO_LEVEL, "alert.pending", fields, "%s", c->why);
		break;
	case ALERT_FIRING:
		log_event(LOG_ERROR_LEVEL, "alert.firing", fields, "%s", c->why);
		break;
	case ALERT_RESOLVED:
		log_event(LOG_INFO_LEVEL, "alert.resolved", fields, "%s", c->why);
		break;
	}
}

static void say_change(const struct watch_change *c)
{
	const struct alert_step *s = &c->step;
	const char *decision = decision_name(s->after.decision);
	const struct log_field fields[] = {
		LOG_TEXT("rule", c->rule->name),
		LOG_TEXT("alert_id", c->done.alert_id),
		LOG_TEXT("decision", decision),
		LOG_TEXT("carried_out", c->done.carried_out),
		LOG_TEXT("reason", s->reason),
		{ 0 },
	};

	if (c->before.state != s->after.state)
		say_state(c, fields);
	else if (s->decide != DECISION_NONE)
		log_event(LOG_ERROR_LEVEL, "alert.escalated", fields, "%s", c->why);
	if (c->done.stopped)
		log_event(LOG_ERROR_LEVEL, "pilot.stopped", fields, "the pilot is off: %s", c->why);
	if (strcmp(c->done.carried_out, "ordered") == 0)
		log_event(
		    LOG_ERROR_LEVEL, "rollback.ordered", fields, "to be rolled back: %s", c->why);
	if (c->done.nowhere && s->event == EVENT_FIRING)
		log_event(LOG_WARN_LEVEL, "alert.nowhere", fields,
		    "nobody is told: no channel that this alert goes to has an address");
}

static enum rc evaluate(struct watchdog *w, const char *now, struct err *e)
{
	const struct watch_who who = {
		.cfg = &w->app.cfg,
		.holder = w->holder,
		.build_id = build_id(),
		.config_hash = w->app.config_hash,
	};
	struct watch_outcome out;
	enum rc rc = watch_evaluate(w->pg, &who, now, &out, e);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < out.n; i++)
		say_change(&out.changes[i]);
	w->not_ready_fires = false;
	for (size_t i = 0; i < out.n; i++)
		if (strcmp(out.changes[i].rule->name, "ready_503") == 0)
			w->not_ready_fires = out.changes[i].step.after.state == ALERT_FIRING;
	w->pending = out.pending;
	w->ticks = 0;
	return RC_OK;
}

static enum rc lead(struct watchdog *w, char now[WATCH_TIME], struct err *e)
{
	const struct config *cfg = &w->app.cfg;
	char channels[WATCH_CHANNELS_TEXT];
	const struct watch_candidate me = {
		.holder = w->holder,
		.channels = channels,
		.auto_stop = cfg->auto_stop,
		.auto_rollback = cfg->auto_rollback,
	};
	bool leads = false;
	enum rc rc;

	watch_channels_text(cfg, channels);
	rc = watch_lead(w->pg, &me, &leads, now, e);
	if (rc != RC_OK) {
		/* As long as nobody can say who leads, it is rather told twice than by none. */
		w->leads = w->leads || !w->has_asked;
		return rc;
	}
	if (leads && (!w->leads || !w->has_asked)) {
		log_info("watch.leading", "this watchdog evaluates the rules");
		w->ticks = WATCH_TICKS; /* at once */
	} else if (!leads && w->leads) {
		log_info("watch.following", "another watchdog evaluates the rules");
	}
	w->has_asked = true;
	w->leads = leads;
	return RC_OK;
}

int64_t watch_rules(struct watchdog *w)
{
	struct err e = { 0 };
	char now[WATCH_TIME] = "";
	enum rc rc = lead(w, now, &e);

	if (rc == RC_OK && w->leads && (++w->ticks >= WATCH_TICKS || w->pending))
		rc = evaluate(w, now, &e);
	if (rc == RC_CONFLICT)
		w->leads = false;
	else if (rc != RC_OK)
		in_trouble(w, &e);
	else
		out_of_trouble(w);
	return w->tick_ms;
}

/* Another one need not wait until this one is missed. */
void watch_rules_stop(struct watchdog *w)
{
	if (w->leads && watch_resign(w->pg, w->holder, NULL) == RC_OK)
		w->leads = false;
}
