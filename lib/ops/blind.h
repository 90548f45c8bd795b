/*
 * The rule ready_503 while the rules cannot be evaluated, as when the database is away: the same
 * judgement, of the probes in memory, and the alert that comes of it.  Nothing of it is written
 * down, and nothing is carried out.
 */
#ifndef MIZAN_OPS_BLIND_H
#define MIZAN_OPS_BLIND_H

#include "core/clock.h"
#include "ops/probe.h"
#include "ops/rules.h"

/* All zero: nothing has been asked yet. */
struct blind {
	struct probe latest;
	int64_t samples;  /* not ready, on end; 0: the latest was ready */
	int64_t since_ms; /* the first of them, clock_ms() */
	int64_t ours_ms;  /* since then this build, and not the provider alone; 0: the provider */
	char build_id[sizeof((struct probe *)NULL)->build_id]; /* named last; "": none was */
	char since[CLOCK_TEXT];                                /* since_ms, RFC 3339 */

	bool fired;           /* as follows */
	unsigned told;        /* CHANNEL_ bits that know of it */
	unsigned told_before; /* that may know of it by a watchdog before this one */
	char alert_since[CLOCK_TEXT], alert_fired[CLOCK_TEXT];
	enum decision decision;
};

/* Another probe, asked at `now` (RFC 3339). */
void blind_probe(struct blind *b, const struct probe *p, const char *now);

/* What the rule makes of them. */
struct rule_verdict blind_judge(const struct blind *b);

/* From now on there is an alert. */
void blind_fire(struct blind *b, enum decision decision, const char *now);

struct blind_message {
	enum alert_event event; /* EVENT_FIRING or EVENT_RESOLVED */
	const char *now, *build_id, *config_hash;
	const char *installation; /* which of several that share a pager */
};

/*
 * A message's snapshot, as alert_message.h wants it.  Its alert_id is the installation's for good,
 * so that whichever watchdog sees the end resolves what any of them has triggered.
 */
void blind_snapshot(const struct blind *b, const struct blind_message *m, struct json_writer *w);

#endif
