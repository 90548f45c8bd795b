/*
 * While the database is away, or too slow for the rules, they see nothing: that clients find Mizan
 * not ready is told from memory then, once, and taken back when they are evaluated again.
 */
#include "core/build_id.h"
#include "core/log.h"
#include "ops/deliver.h"
#include "ops/watch.h"
#include "stop_signal.h"
#include "watch.h"

enum { MAX_SNAPSHOT = 8 << 10 };

static bool deliver_to(struct watchdog *w, size_t channel, const char *snapshot)
{
	struct delivery_outcome o =
	    deliver(w->web, &w->app.cfg, channel_name(channel), snapshot, 1, stop_signal_came);
	const struct log_field fields[] = { LOG_TEXT("rule", "ready_503"),
		LOG_TEXT("channel", channel_name(channel)), { 0 } };

	if (o.end == DELIVERY_DONE)
		log_event(LOG_INFO_LEVEL, "alert.delivered", fields, "delivered from memory");
	else
		log_event(LOG_WARN_LEVEL, "alert.undelivered", fields, "%s", o.why);
	return o.end == DELIVERY_DONE || o.end == DELIVERY_REFUSED;
}

/* Those of the channels that are through with it. */
static unsigned tell(struct watchdog *w, unsigned channels, enum alert_event event, const char *now)
{
	const char *url = w->app.cfg.public_url;
	const struct blind_message m = {
		.event = event,
		.now = now,
		.build_id =
		    w->blind.latest.build_id[0] != '\0' ? w->blind.latest.build_id : build_id(),
		.config_hash = w->app.config_hash,
		.installation = url != NULL ? url : "mizan",
	};
	struct buf snapshot;
	struct json_writer writer = { .out = &snapshot };
	unsigned done = 0;

	buf_init(&snapshot, MAX_SNAPSHOT);
	blind_snapshot(&w->blind, &m, &writer);
	for (size_t i = 0; !buf_broken(&snapshot) && channel_name(i) != NULL; i++)
		if ((channels & 1U << i) != 0 && deliver_to(w, i, buf_str(&snapshot)))
			done |= 1U << i;
	buf_free(&snapshot);
	return done;
}

static void fire(struct watchdog *w, enum decision decision, const char *now)
{
	const struct log_field fields[] = { LOG_TEXT("rule", "ready_503"),
		LOG_TEXT("decision", decision_name(decision)), LOG_TEXT("carried_out", "advised"),
		{ 0 } };

	blind_fire(&w->blind, decision, now);
	log_event(LOG_ERROR_LEVEL, "alert.firing", fields,
	    "not ready since %s, and the rules cannot be evaluated", w->blind.since);
}

void watch_blind_over(struct watchdog *w)
{
	struct blind *b = &w->blind;
	unsigned done = 0;
	char now[CLOCK_TEXT];

	clock_rfc3339(now);
	if ((b->told | b->told_before) != 0)
		done = tell(w, b->told | b->told_before, EVENT_RESOLVED, now);
	b->told &= ~done;
	b->told_before &= ~done;
	b->fired = b->told != 0;
}

void watch_blind(struct watchdog *w, const struct probe *p, bool blind)
{
	unsigned channels = rule_named("ready_503")->channels & watch_channels(&w->app.cfg);
	struct blind *b = &w->blind;
	struct rule_verdict v;
	char now[CLOCK_TEXT];

	clock_rfc3339(now);
	blind_probe(b, p, now);
	v = blind_judge(b);
	if (!blind) {
		watch_blind_over(w);
	} else if (v.due && !w->not_ready_fires) {
		if (!b->fired)
			fire(w, v.decision, now);
		b->told |= tell(w, channels & ~b->told, EVENT_FIRING, now);
	}
}
