/*
 * The rules of SPEC 10 (the seed's 6 and 8.1): one table, and what follows from it.  Pure: what a
 * rule sees comes from the database (store/watch.h), time is a parameter, and nothing is done here.
 *
 * Times are microseconds since 1970 of the database's clock, 0: never.
 */
#ifndef MIZAN_OPS_RULES_H
#define MIZAN_OPS_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_SECOND INT64_C(1000000)

/* In the order of their gravity: a decision only ever becomes a graver one. */
enum decision { DECISION_NONE, DECISION_INVESTIGATE, DECISION_STOP, DECISION_ROLLBACK };

enum rule_kind {
	RULE_LASTS, /* a state that has lasted for more than hold_s */
	RULE_OVER,  /* a share or a multiple over the threshold */
	RULE_UNDER, /* a share under it */
};

enum { CHANNEL_SLACK_ALERTS = 1 << 0, CHANNEL_SLACK_PRODUCT = 1 << 1, CHANNEL_PAGERDUTY = 1 << 2 };

struct rule {
	const char *name, *title;
	enum rule_kind kind;
	const char *part, *whole;  /* what its value is made of, in words; RULE_LASTS: what lasts */
	int64_t threshold;         /* in ten-thousandths; RULE_LASTS: 0 */
	int64_t window_s, hold_s;  /* how far back it looks; how long it must last */
	int64_t min_samples;       /* with fewer it says nothing */
	enum decision decision;    /* at first */
	enum decision if_not_ours; /* instead, where leaving this build cannot mend it; or NONE */
	int64_t after_s;           /* unmended for more than that: */
	enum decision then;        /* this; NONE: the first decision stands */
	const char *owner;         /* "on_call" or "product" */
	unsigned channels;         /* CHANNEL_ */
	const char *anchor;        /* its section in the runbook */
};

const struct rule *rules(size_t *ret_n);
const struct rule *rule_named(const char *name); /* NULL: there is none */

/* The threshold of what it measures, in ten-thousandths: of RULE_LASTS that is hold_s. */
int64_t rule_threshold(const struct rule *r);

const char *decision_name(enum decision d); /* "INVESTIGATE", ...; NULL for NONE */
enum decision decision_named(const char *name);

/* The names of the bits of `channels`: the one at i, NULL past the last. */
const char *channel_name(size_t i);

#define RULE_NUMBER 32
/* part / whole as inputs show it: at most four decimals, rounded half up; "null" over 0. */
void rule_number(int64_t part, int64_t whole, char out[RULE_NUMBER]);

/* --- What a rule makes of what it sees */

struct rule_measure {
	int64_t n;           /* samples */
	int64_t part, whole; /* the value, as a fraction; RULE_LASTS: microseconds of a second */
	int64_t ours;        /* that of part which is this build's fault; where if_not_ours */
};

struct rule_verdict {
	bool enough; /* samples to say anything */
	bool holds;  /* the condition, or the first sign of it */
	bool due;    /* it holds, and has for long enough */
	enum decision decision;
};

struct rule_verdict rule_judge(const struct rule *r, const struct rule_measure *m);

/* --- An alert's way from first sign to resolution */

enum alert_state { ALERT_NONE, ALERT_PENDING, ALERT_FIRING, ALERT_RESOLVED };
enum alert_event { EVENT_NONE, EVENT_FIRING, EVENT_ESCALATED, EVENT_REPEATED, EVENT_RESOLVED };

struct alert {
	enum alert_state state;
	enum decision decision;
	int64_t pending_at, fired_at, escalated_at;
	int64_t clear_since; /* 0: the condition holds */
	int64_t notified_at; /* latest message; 0: none yet */
};

struct alert_step {
	struct alert after;
	enum decision decide;   /* decided just now, to be put down with its inputs; or NONE */
	enum alert_event event; /* to be told; EVENT_NONE: nothing */
	const char *reason;     /* ALERT_RESOLVED: "clear", "too_few_samples" or "never_fired" */
};

/* A firing alert is over when its condition has not held for so long on end. */
#define ALERT_CLEAR_US (120 * RULES_SECOND)

const char *alert_state_name(enum alert_state s); /* NULL for ALERT_NONE */
enum alert_state alert_state_named(const char *name);
const char *alert_event_name(enum alert_event ev); /* NULL for EVENT_NONE */

struct alert_telling {
	int64_t repeat_us; /* between two messages of what goes on */
	bool silenced;     /* nothing is told but what is done, and the end of what was told */
	enum decision done_from; /* a decision as grave as that is carried out; NONE: none is */
};

/*
 * What becomes of the rule's current alert (ALERT_NONE: there is none).  since: when the condition
 * began, as far as the rows tell; 0: not.
 *
 * What has to last is pending at one evaluation before it fires at another, so that a clock that
 * was set forward decides nothing.  Times ahead of `now`, from before it was set back, count as
 * now.
 */
struct alert_step alert_step(const struct rule *r, const struct alert *before,
    const struct rule_verdict *v, int64_t now, int64_t since, const struct alert_telling *t);

#endif
