#include "ops/blind.h"

#include <stdio.h>
#include <string.h>

#include "ops/watch.h"

enum { GAP_MS = 60 * 1000, MS = 1000 }; /* sql/0021, watch_ready() */

static const struct rule *rule(void)
{
	return rule_named("ready_503");
}

void blind_probe(struct blind *b, const struct probe *p, const char *now)
{
	bool gap = p->asked_ms - b->latest.asked_ms > GAP_MS;
	bool other_build = b->build_id[0] != '\0' && p->build_id[0] != '\0' &&
			   strcmp(b->build_id, p->build_id) != 0;

	if (p->build_id[0] != '\0')
		(void)snprintf(b->build_id, sizeof b->build_id, "%s", p->build_id);
	if (p->ready || gap)
		b->samples = 0;
	b->latest = *p;
	if (p->ready)
		return;
	if (b->samples++ == 0) {
		b->since_ms = p->asked_ms;
		b->ours_ms = 0;
		(void)snprintf(b->since, sizeof b->since, "%s", now);
	}
	if (strcmp(p->failing_checks, "[\"openai_api\"]") == 0)
		b->ours_ms = 0;
	else if (b->ours_ms == 0 || other_build)
		b->ours_ms = p->asked_ms;
}

static struct rule_measure measure(const struct blind *b)
{
	struct rule_measure m = { .n = b->latest.asked_ms != 0 ? 1 : 0 };

	if (b->samples == 0)
		return m;
	m.n = b->samples;
	m.whole = RULES_SECOND;
	m.part = (b->latest.asked_ms - b->since_ms) * MS;
	m.ours = b->ours_ms != 0 ? (b->latest.asked_ms - b->ours_ms) * MS : 0;
	return m;
}

struct rule_verdict blind_judge(const struct blind *b)
{
	struct rule_measure m = measure(b);

	return rule_judge(rule(), &m);
}

void blind_fire(struct blind *b, enum decision decision, const char *now)
{
	b->fired = true;
	b->decision = decision;
	(void)snprintf(b->alert_since, sizeof b->alert_since, "%s", b->since);
	(void)snprintf(b->alert_fired, sizeof b->alert_fired, "%s", now);
}

static void write_inputs(const struct blind *b, const char *now, struct json_writer *w)
{
	struct rule_measure m = measure(b);
	struct watch_sight s = { .n = m.n, .part = m.part, .whole = m.whole };
	struct buf room;
	struct json_writer details = { .out = &room };

	(void)snprintf(s.from, sizeof s.from, "%s", b->alert_since);
	(void)snprintf(s.until, sizeof s.until, "%s", now);
	buf_init_fixed(&room, s.details, sizeof s.details);
	json_write_text(&details, "not_ready_since", b->alert_since);
	json_write_int(&details, "samples", b->samples);
	json_write_raw(&details, "failing_checks", b->latest.failing_checks);
	json_write_bool(&details, "provider_alone", b->ours_ms == 0);
	json_write_int(&details, "http_status", b->latest.http_status);
	watch_write_inputs(w, rule(), &s);
}

void blind_snapshot(const struct blind *b, const struct blind_message *m, struct json_writer *w)
{
	bool over = m->event == EVENT_RESOLVED;
	char id[256];

	(void)snprintf(id, sizeof id, "blind-%s", m->installation);
	json_write_object(w, NULL);
	json_write_text(w, "alert_id", id);
	json_write_text(w, "rule", rule()->name);
	json_write_text(w, "state", alert_state_name(over ? ALERT_RESOLVED : ALERT_FIRING));
	json_write_text(w, "event", alert_event_name(m->event));
	json_write_text(w, "decision", decision_name(b->decision));
	json_write_text(w, "carried_out", "advised");
	json_write_text(w, "owner", rule()->owner);
	json_write_text(w, "pending_at", b->alert_since);
	json_write_text(w, "fired_at", b->alert_fired);
	json_write_null(w, "escalated_at");
	json_write_text(w, "resolved_at", over ? m->now : NULL);
	json_write_text(w, "resolved_reason", over ? "clear" : NULL);
	json_write_text(w, "at", m->now);
	json_write_text(w, "build_id", m->build_id);
	json_write_text(w, "config_hash", m->config_hash);
	write_inputs(b, m->now, w);
	json_write_null(w, "rollback");
	json_write_text(w, "note",
	    over
		? "The rules are evaluated again; what is still wrong is told as an alert of its "
		  "own."
		: "The rules cannot be evaluated, as the database does not answer in time: this is "
		  "from memory, and nothing is stopped or rolled back by itself.");
	json_write_object_end(w);
}
