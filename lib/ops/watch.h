/*
 * One evaluation of all rules: look, judge, put down.  What follows from it (alerts, decisions, the
 * pilot's switch, an order to roll back, messages) is one transaction, or nothing at all, so that
 * it may be cut off anywhere and the next evaluation goes on from what is there.
 */
#ifndef MIZAN_OPS_WATCH_H
#define MIZAN_OPS_WATCH_H

#include "core/config.h"
#include "core/json_write.h"
#include "ops/rules.h"
#include "store/watch.h"

struct watch_who {
	const struct config *cfg;
	const char *holder, *build_id, *config_hash;
};

/* What became of one rule's alert; of those that there was something to put down for. */
struct watch_change {
	const struct rule *rule;
	struct alert before;
	struct alert_step step;
	struct watch_done done;
	char why[256]; /* what it saw, in words */
};

struct watch_outcome {
	struct watch_change changes[WATCH_RULES];
	size_t n;
	bool pending; /* something may fire soon */
};

/* The channels that cfg has an address for, as CHANNEL_ bits. */
unsigned watch_channels(const struct config *cfg);

#define WATCH_CHANNELS_TEXT 64
/* The same as a Postgres array. */
void watch_channels_text(const struct config *cfg, char out[WATCH_CHANNELS_TEXT]);

/*
 * Evaluate as of `now` and put down what comes of it.
 * RC_CONFLICT: not_leading: another watchdog leads by now; nothing was put down.
 */
enum rc watch_evaluate(struct pg *pg, const struct watch_who *who, const char *now,
    struct watch_outcome *ret, struct err *e) MUST_CHECK;

/*
 * What an evaluation as of `now` sees and would come to, as a list of {"rule", "why", "inputs",
 * "enough_samples", "holds", "due", "silenced", "alert", "would": {"state", "decide", "tell"}}.
 * Changes nothing.
 */
enum rc watch_explain(struct pg *pg, const struct config *cfg, const char *now,
    struct json_writer *w, struct err *e) MUST_CHECK;

/* The member "inputs": all that a rule saw, from which its value can be computed again. */
void watch_write_inputs(struct json_writer *w, const struct rule *r, const struct watch_sight *s);

/* What a rule saw, in words: "s1_spike: S1 9 of 22 incidents (0.4091 > 0.3) in 60 min". */
void watch_why(
    const struct rule *r, const struct watch_sight *s, int64_t now, char *out, size_t size);

#endif
