#include "ops/rules.h"

#include <stdio.h>
#include <string.h>

enum { ONE = 10000 }; /* thresholds are ten-thousandths */

#define ON_CALL  CHANNEL_SLACK_ALERTS
#define ON_PAGER (CHANNEL_SLACK_ALERTS | CHANNEL_PAGERDUTY)

static const struct rule table[] = {
	{ .name = "ready_503",
	    .title = "Not ready",
	    .kind = RULE_LASTS,
	    .part = "not ready",
	    .hold_s = 300,
	    .min_samples = 1,
	    .decision = DECISION_ROLLBACK,
	    .if_not_ours = DECISION_INVESTIGATE,
	    .owner = "on_call",
	    .channels = ON_PAGER,
	    .anchor = "ready-503" },
	{ .name = "queue_stuck",
	    .title = "Queue stuck",
	    .kind = RULE_LASTS,
	    .part = "nothing consumed while jobs came in",
	    .hold_s = 900,
	    .decision = DECISION_ROLLBACK,
	    .if_not_ours = DECISION_INVESTIGATE,
	    .owner = "on_call",
	    .channels = ON_PAGER,
	    .anchor = "queue-stuck" },
	{ .name = "error_5xx",
	    .title = "5xx answers",
	    .kind = RULE_OVER,
	    .part = "5xx",
	    .whole = "requests",
	    .threshold = 5 * ONE / 100,
	    .window_s = 600,
	    .min_samples = 20,
	    .decision = DECISION_ROLLBACK,
	    .if_not_ours = DECISION_INVESTIGATE,
	    .owner = "on_call",
	    .channels = ON_PAGER,
	    .anchor = "error-5xx" },
	{ .name = "s1_spike",
	    .title = "S1 spike",
	    .kind = RULE_OVER,
	    .part = "S1",
	    .whole = "incidents",
	    .threshold = 30 * ONE / 100,
	    .window_s = 3600,
	    .min_samples = 20,
	    .decision = DECISION_INVESTIGATE,
	    .after_s = 900,
	    .then = DECISION_STOP,
	    .owner = "on_call",
	    .channels = ON_CALL,
	    .anchor = "s1-spike" },
	{ .name = "latency_spike",
	    .title = "Latency spike",
	    .kind = RULE_OVER,
	    .part = "p95",
	    .whole = "ms of baseline",
	    .threshold = 2 * ONE,
	    .window_s = 1800,
	    .min_samples = 20,
	    .decision = DECISION_INVESTIGATE,
	    .after_s = 1800,
	    .owner = "on_call",
	    .channels = ON_CALL,
	    .anchor = "latency-spike" },
	{ .name = "feedback_drop",
	    .title = "Feedback coverage drop",
	    .kind = RULE_UNDER,
	    .part = "feedback",
	    .whole = "resolved incidents",
	    .threshold = 10 * ONE / 100,
	    .window_s = 7 * 86400,
	    .min_samples = 20,
	    .decision = DECISION_INVESTIGATE,
	    .owner = "product",
	    .channels = CHANNEL_SLACK_PRODUCT,
	    .anchor = "feedback-drop" },
};

const struct rule *rules(size_t *ret_n)
{
	*ret_n = sizeof table / sizeof table[0];
	return table;
}

const struct rule *rule_named(const char *name)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* Names are those of the tables' constraints (sql/0013). */
static const char *const decisions[] = { [DECISION_INVESTIGATE] = "INVESTIGATE",
	[DECISION_STOP] = "STOP",
	[DECISION_ROLLBACK] = "ROLLBACK" };
static const char *const states[] = {
	[ALERT_PENDING] = "pending", [ALERT_FIRING] = "firing", [ALERT_RESOLVED] = "resolved"
};
static const char *const events[] = { [EVENT_FIRING] = "firing",
	[EVENT_ESCALATED] = "escalated",
	[EVENT_REPEATED] = "repeated",
	[EVENT_RESOLVED] = "resolved" };
static const char *const channels[] = { "slack_alerts", "slack_product", "pagerduty" };

/* 0, each list's "none", where no name fits. */
static size_t place(const char *const names[], size_t n, const char *name)
{
	for (size_t i = 1; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 0;
}

const char *decision_name(enum decision d)
{
	return decisions[d];
}

enum decision decision_named(const char *name)
{
	return (enum decision)place(decisions, sizeof decisions / sizeof decisions[0], name);
}

const char *alert_state_name(enum alert_state s)
{
	return states[s];
}

enum alert_state alert_state_named(const char *name)
{
	return (enum alert_state)place(states, sizeof states / sizeof states[0], name);
}

const char *alert_event_name(enum alert_event ev)
{
	return events[ev];
}

const char *channel_name(size_t i)
{
	return i < sizeof channels / sizeof channels[0] ? channels[i] : NULL;
}

void rule_number(int64_t part, int64_t whole, char out[RULE_NUMBER])
{
	int64_t q, r;
	size_t len;

	if (whole <= 0) {
		(void)snprintf(out, RULE_NUMBER, "null");
		return;
	}
	q = part / whole;
	r = ((part % whole) * ONE * 2 + whole) / (2 * whole);
	q += r / ONE;
	r %= ONE;
	(void)snprintf(out, RULE_NUMBER, "%lld.%04lld", (long long)q, (long long)r);
	len = strlen(out);
	while (out[len - 1] == '0')
		out[--len] = '\0';
	if (out[len - 1] == '.')
		out[--len] = '\0';
}

int64_t rule_threshold(const struct rule *r)
{
	return r->kind == RULE_LASTS ? r->hold_s * ONE : r->threshold;
}

/* Fractions are compared as fractions: no rounding moves a threshold. */
static bool over(int64_t part, int64_t whole, int64_t threshold)
{
	return part * ONE > threshold * whole;
}

struct rule_verdict rule_judge(const struct rule *r, const struct rule_measure *m)
{
	int64_t threshold = rule_threshold(r);
	struct rule_verdict v = { .enough = m->n >= r->min_samples, .decision = r->decision };

	if (!v.enough || m->whole <= 0)
		return v;
	switch (r->kind) {
	case RULE_LASTS:
		v.holds = true; /* else it had no value */
		v.due = over(m->part, m->whole, threshold);
		break;
	case RULE_OVER:
		v.holds = v.due = over(m->part, m->whole, threshold);
		break;
	case RULE_UNDER:
		v.holds = v.due = m->part * ONE < threshold * m->whole;
		break;
	}
	if (r->if_not_ours != DECISION_NONE && !over(m->ours, m->whole, threshold))
		v.decision = r->if_not_ours;
	return v;
}

static void not_ahead(int64_t *t, int64_t now)
{
	if (*t > now)
		*t = now;
}

static void decide(struct alert_step *s, enum decision d)
{
	s->after.decision = d;
	s->decide = d;
}

static void fire(struct alert_step *s, const struct rule_verdict *v, int64_t now)
{
	s->after.state = ALERT_FIRING;
	s->after.fired_at = now;
	decide(s, v->decision);
}

static void resolve(struct alert_step *s, const char *reason)
{
	s->after.state = ALERT_RESOLVED;
	s->reason = reason;
	if (s->after.notified_at != 0)
		s->event = EVENT_RESOLVED;
}

static void goes_on(
    struct alert_step *s, const struct rule *r, const struct rule_verdict *v, int64_t now)
{
	struct alert *a = &s->after;
	bool unmended =
	    r->after_s > 0 && a->escalated_at == 0 && now - a->fired_at > r->after_s * RULES_SECOND;
	enum decision d = v->decision > a->decision ? v->decision : a->decision;

	a->clear_since = 0;
	if (unmended && r->then > d)
		d = r->then;
	if (unmended || d > a->decision) {
		a->escalated_at = now;
		decide(s, d);
	}
}

static void clears(struct alert_step *s, const struct rule_verdict *v, int64_t now)
{
	struct alert *a = &s->after;

	if (a->clear_since == 0)
		a->clear_since = now;
	else if (now - a->clear_since >= ALERT_CLEAR_US)
		resolve(s, v->enough ? "clear" : "too_few_samples");
}

/* What is not told yet, or was told too long ago; nothing while it may be over. */
static void tell(struct alert_step *s, int64_t now, const struct alert_telling *t)
{
	struct alert *a = &s->after;
	bool done = t->done_from != DECISION_NONE && s->decide >= t->done_from;

	if (a->state != ALERT_FIRING || a->clear_since != 0 || (t->silenced && !done))
		return;
	if (a->notified_at == 0)
		s->event = EVENT_FIRING;
	else if (a->escalated_at > a->notified_at)
		s->event = EVENT_ESCALATED;
	else if (now - a->notified_at >= t->repeat_us)
		s->event = EVENT_REPEATED;
	if (s->event != EVENT_NONE)
		a->notified_at = now;
}

struct alert_step alert_step(const struct rule *r, const struct alert *before,
    const struct rule_verdict *v, int64_t now, int64_t since, const struct alert_telling *t)
{
	struct alert_step s = { .after = *before };
	struct alert *a = &s.after;

	not_ahead(&a->pending_at, now);
	not_ahead(&a->fired_at, now);
	not_ahead(&a->escalated_at, now);
	not_ahead(&a->clear_since, now);
	not_ahead(&a->notified_at, now);
	switch (before->state) {
	case ALERT_NONE:
	case ALERT_RESOLVED:
		if (!v->holds)
			return (struct alert_step){ .after = { .state = ALERT_NONE } };
		*a = (struct alert){ .state = ALERT_PENDING };
		a->pending_at = since > 0 && since < now ? since : now;
		if (r->kind != RULE_LASTS)
			fire(&s, v, now);
		break;
	case ALERT_PENDING:
		if (!v->holds)
			resolve(&s, "never_fired");
		else if (v->due)
			fire(&s, v, now);
		break;
	case ALERT_FIRING:
		if (v->holds)
			goes_on(&s, r, v, now);
		else
			clears(&s, v, now);
		break;
	}
	tell(&s, now, t);
	return s;
}
