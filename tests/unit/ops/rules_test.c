#include "ops/rules.h"

#include <string.h>

#include "unit/unit.h"

#define S        RULES_SECOND
#define NOW      (INT64_C(1800000000) * S)
#define REPEAT   (3600 * S)
#define LASTS(s) .n = 5, .whole = S, .part = (s), .ours = (s)

/* SPEC 10 and the seed's 6 and 8.1, once more and by hand. */
static void test_table(void)
{
	static const struct {
		unsigned line;
		const char *name;
		int64_t threshold, window_s, hold_s, min_samples;
		enum decision first;
		int64_t after_s;
		enum decision then;
		const char *owner;
		unsigned channels;
	} rows[] = {
		{ __LINE__, "ready_503", 3000000, 0, 300, 1, DECISION_ROLLBACK, 0, 0, "on_call",
		    CHANNEL_SLACK_ALERTS | CHANNEL_PAGERDUTY },
		{ __LINE__, "queue_stuck", 9000000, 0, 900, 0, DECISION_ROLLBACK, 0, 0, "on_call",
		    CHANNEL_SLACK_ALERTS | CHANNEL_PAGERDUTY },
		{ __LINE__, "error_5xx", 500, 600, 0, 20, DECISION_ROLLBACK, 0, 0, "on_call",
		    CHANNEL_SLACK_ALERTS | CHANNEL_PAGERDUTY },
		{ __LINE__, "s1_spike", 3000, 3600, 0, 20, DECISION_INVESTIGATE, 900, DECISION_STOP,
		    "on_call", CHANNEL_SLACK_ALERTS },
		{ __LINE__, "latency_spike", 20000, 1800, 0, 20, DECISION_INVESTIGATE, 1800, 0,
		    "on_call", CHANNEL_SLACK_ALERTS },
		{ __LINE__, "feedback_drop", 1000, 604800, 0, 20, DECISION_INVESTIGATE, 0, 0,
		    "product", CHANNEL_SLACK_PRODUCT },
	};
	size_t n;

	(void)rules(&n);
	CU_ASSERT(n == sizeof rows / sizeof rows[0]);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct rule *r = rule_named(rows[i].name);

		CU_ASSERT_PTR_NOT_NULL_FATAL(r);
		CHECK_ROW(rule_threshold(r) == rows[i].threshold &&
			      r->window_s == rows[i].window_s && r->hold_s == rows[i].hold_s &&
			      r->min_samples == rows[i].min_samples,
		    rows[i].line, "threshold, window, hold, samples");
		CHECK_ROW(r->decision == rows[i].first && r->after_s == rows[i].after_s &&
			      r->then == rows[i].then,
		    rows[i].line, "decisions");
		CHECK_STR_ROW(r->owner, rows[i].owner, rows[i].line);
		CHECK_ROW(r->channels == rows[i].channels, rows[i].line, "channels");
	}
	CU_ASSERT_PTR_NULL(rule_named("no_such_rule"));
}

/* n at the minimum and beside it; the value just under, at and just over the threshold. */
static void test_judge(void)
{
	static const struct {
		unsigned line;
		const char *rule;
		struct rule_measure m;
		bool enough, holds, due;
	} rows[] = {
		{ __LINE__, "s1_spike", { .n = 19, .part = 19, .whole = 19 }, false, false, false },
		{ __LINE__, "s1_spike", { .n = 20, .part = 6, .whole = 20 }, true, false, false },
		{ __LINE__, "s1_spike", { .n = 20, .part = 7, .whole = 20 }, true, true, true },
		{ __LINE__, "s1_spike", { .n = 21, .part = 6, .whole = 21 }, true, false, false },
		{ __LINE__, "s1_spike", { .n = 21, .part = 7, .whole = 21 }, true, true, true },
		{ __LINE__, "s1_spike", { .n = 100000, .part = 30000, .whole = 100000 }, true,
		    false, false },
		{ __LINE__, "s1_spike", { .n = 100000, .part = 30001, .whole = 100000 }, true, true,
		    true },
		{ __LINE__, "s1_spike", { .n = 0 }, false, false, false },
		{ __LINE__, "error_5xx", { .n = 19, .part = 19, .whole = 19 }, false, false,
		    false },
		{ __LINE__, "error_5xx", { .n = 20, .part = 1, .whole = 20 }, true, false, false },
		{ __LINE__, "error_5xx", { .n = 20, .part = 2, .whole = 20 }, true, true, true },
		{ __LINE__, "error_5xx", { .n = 21, .part = 2, .whole = 21 }, true, true, true },
		{ __LINE__, "error_5xx", { .n = 1000, .part = 50, .whole = 1000 }, true, false,
		    false },
		{ __LINE__, "error_5xx", { .n = 1000, .part = 51, .whole = 1000 }, true, true,
		    true },
		{ __LINE__, "latency_spike", { .n = 19, .part = 99999, .whole = 3000 }, false,
		    false, false },
		{ __LINE__, "latency_spike", { .n = 20, .part = 5999, .whole = 3000 }, true, false,
		    false },
		{ __LINE__, "latency_spike", { .n = 20, .part = 6000, .whole = 3000 }, true, false,
		    false },
		{ __LINE__, "latency_spike", { .n = 21, .part = 6001, .whole = 3000 }, true, true,
		    true },
		{ __LINE__, "feedback_drop", { .n = 19, .part = 0, .whole = 19 }, false, false,
		    false },
		{ __LINE__, "feedback_drop", { .n = 20, .part = 1, .whole = 20 }, true, true,
		    true },
		{ __LINE__, "feedback_drop", { .n = 20, .part = 2, .whole = 20 }, true, false,
		    false },
		{ __LINE__, "feedback_drop", { .n = 21, .part = 2, .whole = 21 }, true, true,
		    true },
		{ __LINE__, "feedback_drop", { .n = 21, .part = 3, .whole = 21 }, true, false,
		    false },
		{ __LINE__, "ready_503", { .n = 1 }, true, false, false },
		{ __LINE__, "ready_503", { .n = 0 }, false, false, false },
		{ __LINE__, "ready_503", { LASTS(1) }, true, true, false },
		{ __LINE__, "ready_503", { LASTS(300 * S - 1) }, true, true, false },
		{ __LINE__, "ready_503", { LASTS(300 * S) }, true, true, false },
		{ __LINE__, "ready_503", { LASTS(300 * S + 1) }, true, true, true },
		{ __LINE__, "queue_stuck", { .n = 0 }, true, false, false },
		{ __LINE__, "queue_stuck", { LASTS(900 * S) }, true, true, false },
		{ __LINE__, "queue_stuck", { LASTS(900 * S + 1) }, true, true, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rule_verdict v = rule_judge(rule_named(rows[i].rule), &rows[i].m);

		CHECK_ROW(v.enough == rows[i].enough, rows[i].line, "enough");
		CHECK_ROW(v.holds == rows[i].holds, rows[i].line, "holds");
		CHECK_ROW(v.due == rows[i].due, rows[i].line, "due");
	}
}

/* Going back mends no provider: only what has been ours for long enough is rolled back. */
static void test_not_ours(void)
{
	const struct rule *r = rule_named("ready_503");
	struct rule_measure m = { LASTS(900 * S) };

	CU_ASSERT(rule_judge(r, &m).decision == DECISION_ROLLBACK);
	m.ours = 0;
	CU_ASSERT(rule_judge(r, &m).due && rule_judge(r, &m).decision == DECISION_INVESTIGATE);
	m.ours = 300 * S;
	CU_ASSERT(rule_judge(r, &m).decision == DECISION_INVESTIGATE);
	m.ours = 300 * S + 1;
	CU_ASSERT(rule_judge(r, &m).decision == DECISION_ROLLBACK);
}

/* Nor does it mend the 5xx of a build that ran before: it is this build's that count. */
static void test_not_this_build(void)
{
	const struct rule *r = rule_named("error_5xx");
	struct rule_measure m = { .n = 100, .part = 30, .whole = 100, .ours = 5 };

	CU_ASSERT(rule_judge(r, &m).due && rule_judge(r, &m).decision == DECISION_INVESTIGATE);
	m.ours = 6;
	CU_ASSERT(rule_judge(r, &m).decision == DECISION_ROLLBACK);
}

static void test_number(void)
{
	static const struct {
		unsigned line;
		int64_t part, whole;
		const char *want;
	} rows[] = {
		{ __LINE__, 9, 22, "0.4091" },
		{ __LINE__, 1, 2, "0.5" },
		{ __LINE__, 0, 20, "0" },
		{ __LINE__, 20, 20, "1" },
		{ __LINE__, 1, 3, "0.3333" },
		{ __LINE__, 2, 3, "0.6667" },
		{ __LINE__, 99999, 100000, "1" },
		{ __LINE__, 6001, 3000, "2.0003" },
		{ __LINE__, 300 * S + 1, S, "300" },
		{ __LINE__, 312 * S + 45200, S, "312.0452" },
		{ __LINE__, 3000000, 10000, "300" },
		{ __LINE__, 5, 0, "null" },
	};
	char got[RULE_NUMBER];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		rule_number(rows[i].part, rows[i].whole, got);
		CHECK_STR_ROW(got, rows[i].want, rows[i].line);
	}
}

static void test_names(void)
{
	for (int d = DECISION_INVESTIGATE; d <= DECISION_ROLLBACK; d++)
		CU_ASSERT((int)decision_named(decision_name((enum decision)d)) == d);
	for (int s = ALERT_PENDING; s <= ALERT_RESOLVED; s++)
		CU_ASSERT((int)alert_state_named(alert_state_name((enum alert_state)s)) == s);
	CU_ASSERT(decision_named("") == DECISION_NONE && decision_name(DECISION_NONE) == NULL);
	CU_ASSERT(alert_state_named("") == ALERT_NONE);
	CHECK_STR(channel_name(2), "pagerduty");
	CU_ASSERT_PTR_NULL(channel_name(3));
}

/* --- One alert, step by step */

static const struct rule *rule;
static struct alert a;
static struct alert_telling telling;

static struct alert_step go(int64_t at, struct rule_measure m)
{
	struct rule_verdict v = rule_judge(rule, &m);
	struct alert_step s =
	    alert_step(rule, &a, &v, NOW + at * S, NOW + at * S - m.part, &telling);

	a = s.after;
	if (a.state == ALERT_RESOLVED)
		a = (struct alert){ .state = ALERT_NONE };
	return s;
}

static void begin(const char *name)
{
	rule = rule_named(name);
	a = (struct alert){ .state = ALERT_NONE };
	telling = (struct alert_telling){ .repeat_us = REPEAT };
}

#define GOOD                                                                                       \
	(struct rule_measure)                                                                      \
	{                                                                                          \
		.n = 20, .part = 0, .whole = 20                                                    \
	}
#define BAD                                                                                        \
	(struct rule_measure)                                                                      \
	{                                                                                          \
		.n = 20, .part = 9, .whole = 20                                                    \
	}
#define FEW                                                                                        \
	(struct rule_measure)                                                                      \
	{                                                                                          \
		.n = 19, .part = 9, .whole = 19                                                    \
	}
#define DOWN(s)                                                                                    \
	(struct rule_measure)                                                                      \
	{                                                                                          \
		LASTS((s)*S)                                                                       \
	}
#define UP                                                                                         \
	(struct rule_measure)                                                                      \
	{                                                                                          \
		.n = 1                                                                             \
	}

static void is(struct alert_step s, enum alert_state state, enum alert_event event,
    enum decision decide, unsigned line)
{
	CHECK_ROW(s.after.state == state, line, "state");
	CHECK_ROW(s.event == event, line, "event");
	CHECK_ROW(s.decide == decide, line, "decision");
}
#define IS(step, state, event, decide) is(step, state, event, decide, __LINE__)

static void test_spike(void)
{
	struct alert_step s;

	begin("s1_spike");
	IS(go(0, GOOD), ALERT_NONE, EVENT_NONE, DECISION_NONE);
	IS(go(30, FEW), ALERT_NONE, EVENT_NONE, DECISION_NONE);
	IS(go(60, BAD), ALERT_FIRING, EVENT_FIRING, DECISION_INVESTIGATE);
	IS(go(90, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	IS(go(960, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE); /* 15 minutes to the second */
	IS(go(961, BAD), ALERT_FIRING, EVENT_ESCALATED, DECISION_STOP);
	IS(go(991, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	IS(go(961 + 3599, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	IS(go(961 + 3600, BAD), ALERT_FIRING, EVENT_REPEATED, DECISION_NONE);
	IS(go(5000, GOOD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	IS(go(5119, GOOD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	s = go(5120, GOOD);
	IS(s, ALERT_RESOLVED, EVENT_RESOLVED, DECISION_NONE);
	CHECK_STR(s.reason, "clear");
	IS(go(5150, BAD), ALERT_FIRING, EVENT_FIRING, DECISION_INVESTIGATE); /* a new one */
}

/* Up and down within two minutes is one alert, told once; time to mend it goes on. */
static void test_flapping(void)
{
	struct alert_step s;

	begin("s1_spike");
	(void)go(0, BAD);
	for (int at = 60; at < 840; at += 120) {
		IS(go(at, GOOD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
		IS(go(at + 60, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	}
	IS(go(910, GOOD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	IS(go(940, BAD), ALERT_FIRING, EVENT_ESCALATED, DECISION_STOP);
	/* what it saw is gone, which does not make it good */
	(void)go(970, FEW);
	s = go(1090, FEW);
	IS(s, ALERT_RESOLVED, EVENT_RESOLVED, DECISION_NONE);
	CHECK_STR(s.reason, "too_few_samples");
}

static void test_pending(void)
{
	struct alert_step s;

	begin("ready_503");
	IS(go(0, UP), ALERT_NONE, EVENT_NONE, DECISION_NONE);
	s = go(10, DOWN(5));
	IS(s, ALERT_PENDING, EVENT_NONE, DECISION_NONE);
	CU_ASSERT(s.after.pending_at == NOW + 5 * S);
	s = go(20, UP);
	IS(s, ALERT_RESOLVED, EVENT_NONE, DECISION_NONE); /* nobody was told anything */
	CHECK_STR(s.reason, "never_fired");
	IS(go(30, DOWN(0)), ALERT_PENDING, EVENT_NONE, DECISION_NONE);
	IS(go(330, DOWN(300)), ALERT_PENDING, EVENT_NONE, DECISION_NONE);
	IS(go(331, DOWN(301)), ALERT_FIRING, EVENT_FIRING, DECISION_ROLLBACK);
	/* A gap in the samples begins the time anew, but it is not ready still. */
	IS(go(500, DOWN(10)), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	(void)go(510, UP);
	(void)go(600, UP);
	IS(go(620, DOWN(0)), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	(void)go(630, UP);
	IS(go(750, UP), ALERT_RESOLVED, EVENT_RESOLVED, DECISION_NONE);
}

/* What lasts is seen twice before it fires: a clock set forward makes anything last. */
static void test_clock_forward(void)
{
	begin("queue_stuck");
	IS(go(0, DOWN(7200)), ALERT_PENDING, EVENT_NONE, DECISION_NONE);
	IS(go(10, UP), ALERT_RESOLVED, EVENT_NONE, DECISION_NONE);
	IS(go(20, DOWN(7220)), ALERT_PENDING, EVENT_NONE, DECISION_NONE);
	IS(go(30, DOWN(7230)), ALERT_FIRING, EVENT_FIRING, DECISION_ROLLBACK);
}

static void test_clock_back(void)
{
	begin("s1_spike");
	(void)go(0, BAD);
	IS(go(-7200, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	CU_ASSERT(a.fired_at == NOW - 7200 * S && a.notified_at == NOW - 7200 * S);
	CU_ASSERT(a.pending_at == NOW - 7200 * S);
	IS(go(-7200 + 901, BAD), ALERT_FIRING, EVENT_ESCALATED, DECISION_STOP);
	(void)go(0, GOOD);
	IS(go(-3600, GOOD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	IS(go(-3600 + 120, GOOD), ALERT_RESOLVED, EVENT_RESOLVED, DECISION_NONE);
}

/* A decision becomes graver, never milder. */
static void test_graver(void)
{
	struct rule_measure provider = DOWN(400), both = DOWN(800);

	provider.ours = 0;
	begin("ready_503");
	(void)go(0, provider);
	IS(go(10, provider), ALERT_FIRING, EVENT_FIRING, DECISION_INVESTIGATE);
	both.ours = 301 * S;
	IS(go(400, both), ALERT_FIRING, EVENT_ESCALATED, DECISION_ROLLBACK);
	IS(go(410, provider), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	CU_ASSERT(a.decision == DECISION_ROLLBACK);
}

static void test_latency_is_told_again(void)
{
	static const struct rule_measure slow = { .n = 20, .part = 7000, .whole = 3000 };

	begin("latency_spike");
	IS(go(0, slow), ALERT_FIRING, EVENT_FIRING, DECISION_INVESTIGATE);
	IS(go(1800, slow), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	IS(go(1801, slow), ALERT_FIRING, EVENT_ESCALATED, DECISION_INVESTIGATE);
	IS(go(3700, slow), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
}

/* Decided all the same; told when the silence is over, and its end only to who knew of it. */
static void test_silenced(void)
{
	begin("s1_spike");
	telling.silenced = true;
	IS(go(0, BAD), ALERT_FIRING, EVENT_NONE, DECISION_INVESTIGATE);
	IS(go(901, BAD), ALERT_FIRING, EVENT_NONE, DECISION_STOP);
	telling.silenced = false;
	IS(go(930, BAD), ALERT_FIRING, EVENT_FIRING, DECISION_NONE);
	telling.silenced = true;
	IS(go(930 + 3600, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	telling.silenced = false;
	IS(go(930 + 3630, BAD), ALERT_FIRING, EVENT_REPEATED, DECISION_NONE);
	telling.silenced = true;
	(void)go(5000, GOOD);
	IS(go(5120, GOOD), ALERT_RESOLVED, EVENT_RESOLVED, DECISION_NONE);
	(void)go(6000, BAD);
	(void)go(6030, GOOD);
	IS(go(6150, GOOD), ALERT_RESOLVED, EVENT_NONE, DECISION_NONE);

	/* An escalation that was held back is told as one. */
	begin("s1_spike");
	(void)go(0, BAD);
	telling.silenced = true;
	IS(go(901, BAD), ALERT_FIRING, EVENT_NONE, DECISION_STOP);
	telling.silenced = false;
	IS(go(931, GOOD), ALERT_FIRING, EVENT_NONE, DECISION_NONE); /* it may be over */
	IS(go(961, BAD), ALERT_FIRING, EVENT_ESCALATED, DECISION_NONE);
}

/* What is carried out is told, silenced or not: by the time that somebody asks it was long ago. */
static void test_silenced_and_done(void)
{
	begin("s1_spike");
	telling.silenced = true;
	telling.done_from = DECISION_STOP;
	IS(go(0, BAD), ALERT_FIRING, EVENT_NONE, DECISION_INVESTIGATE);
	IS(go(901, BAD), ALERT_FIRING, EVENT_FIRING, DECISION_STOP);
	IS(go(931, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	IS(go(901 + 3600, BAD), ALERT_FIRING, EVENT_NONE, DECISION_NONE);
	/* A stop alone is not carried out where only rollbacks are. */
	begin("s1_spike");
	telling.silenced = true;
	telling.done_from = DECISION_ROLLBACK;
	(void)go(0, BAD);
	IS(go(901, BAD), ALERT_FIRING, EVENT_NONE, DECISION_STOP);
}

const struct unit_test unit_tests[] = {
	{ "the table is the specification's", test_table },
	{ "samples and thresholds, at the boundary and beside it", test_judge },
	{ "a fault that is not ours", test_not_ours },
	{ "a fault that is not this build's", test_not_this_build },
	{ "numbers as inputs show them", test_number },
	{ "names there and back", test_names },
	{ "a spike, from first sign to resolution", test_spike },
	{ "flapping", test_flapping },
	{ "what has to last is pending first", test_pending },
	{ "a clock that was set forward", test_clock_forward },
	{ "a clock that was set back", test_clock_back },
	{ "decisions become graver, never milder", test_graver },
	{ "latency is told again after half an hour", test_latency_is_told_again },
	{ "silenced", test_silenced },
	{ "silenced, and carried out", test_silenced_and_done },
	{ NULL, NULL },
};
