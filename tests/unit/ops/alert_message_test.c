#include "ops/alert_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_read.h"
#include "ops/alert_words.h"
#include "ops/rules.h"
#include "unit/unit.h"

#define KEY "R0UTINGKEY0123456789abcdef012345"
#define ID  "0b0e7a3e-6d53-4c57-9b53-6f0a5f6f8a10"

#define S1                                                                                         \
	"{\"value\":0.4091,\"threshold\":0.3,\"n\":22,\"min_samples\":20,\"window_seconds\":"      \
	"3600,"                                                                                    \
	"\"s1\":9,\"incidents\":22}"

/* A snapshot of that rule, event, decision, what else, and inputs. */
#define SNAPSHOT(rule, event, decision, more, inputs)                                              \
	"{\"alert_id\":\"" ID "\",\"rule\":\"" rule "\",\"state\":\"firing\",\"event\":\"" event   \
	"\","                                                                                      \
	"\"decision\":\"" decision "\",\"pending_at\":\"2026-01-17T15:00:00.000Z\","               \
	"\"fired_at\":\"2026-01-17T15:05:00.000Z\",\"at\":\"2026-01-17T15:05:01.000Z\","           \
	"\"build_id\":\"git:abc1234\",\"config_hash\":\"sha256:7f3a2b1c\"," more                   \
	"\"inputs\":" inputs "}"

static struct alert_message message(const char *snapshot)
{
	return (struct alert_message){ .snapshot = snapshot,
		.public_url = "https://mizan.example.com/",
		.runbook_url = "https://wiki.example.com/runbook?a&b",
		.pilot_tenant = "pilot" };
}

typedef enum rc make_fn(const struct alert_message *m, struct buf *out, struct err *e);

static enum rc pager(const struct alert_message *m, struct buf *out, struct err *e)
{
	return alert_message_pagerduty(m, KEY, out, e);
}

/* The message as JSON, for json_object_put(). */
static struct json_object *made(make_fn *make, const struct alert_message *m)
{
	struct json_object *o = NULL;
	struct err e = { 0 };
	struct buf out;

	buf_init(&out, 64 << 10);
	CHECK_ROW(make(m, &out, &e) == RC_OK, __LINE__, e.msg);
	CU_ASSERT_FATAL(json_read(buf_str(&out), out.len, &o, NULL) == RC_OK);
	buf_free(&out);
	return o;
}

/* The text at a path of members and places. */
static const char *at(struct json_object *o, const char *const path[])
{
	for (; *path != NULL && o != NULL; path++)
		o = **path >= '0' && **path <= '9'
			? json_object_array_get_idx(o, (size_t)(**path - '0'))
			: json_object_object_get(o, *path);
	return o != NULL ? json_object_get_string(o) : NULL;
}
#define AT(o, ...) at((o), (const char *const[]){ __VA_ARGS__, NULL })

static void a_chat_reads_all_of_it(void)
{
	struct alert_message m =
	    message(SNAPSHOT("s1_spike", "escalated", "STOP", "\"carried_out\":\"advised\",", S1));
	struct json_object *o = made(alert_message_slack, &m);

	CHECK_STR(AT(o, "blocks", "0", "type"), "section");
	CHECK_STR(AT(o, "blocks", "0", "text", "type"), "mrkdwn");
	CHECK_STR(AT(o, "text"),
	    "ESCALATED: S1 spike: 9 of 22 incidents are S1: 40.91 % in 60 min (limit 30 %)");
	CHECK_STR(AT(o, "blocks", "0", "text", "text"),
	    "*ESCALATED: S1 spike*\n"
	    "9 of 22 incidents are S1: 40.91 % in 60 min (limit 30 %)\n"
	    "Since 2026-01-17T15:00:00.000Z, firing since 2026-01-17T15:05:00.000Z\n"
	    "Decision: STOP: for a person to do\n"
	    "```curl -sS -H @&lt;(echo \"X-Admin-Key: $ADMIN_API_KEY\") \"$MIZAN_URL/admin/pilot\""
	    " -X PUT -H 'Content-Type: application/json'"
	    " -d '{\"enabled\": false, \"reason\": \"s1_spike\"}'```\n"
	    "Build git:abc1234, configuration sha256:7f3a2b1c\n"
	    "<https://mizan.example.com/admin/alerts/" ID "|Alert>, "
	    "<https://wiki.example.com/runbook?a&amp;b#s1-spike|runbook>");
	(void)json_object_put(o);
}

static void without_addresses_files_are_named(void)
{
	struct alert_message m = message(
	    "{\"alert_id\":\"blind-2026\",\"rule\":\"ready_503\",\"event\":\"firing\",\"note\":\"from "
	    "memory\",\"inputs\":{}}");
	struct json_object *o;

	o = made(alert_message_slack, &m);
	CU_ASSERT_PTR_NOT_NULL(strstr(AT(o, "blocks", "0", "text", "text"),
	    "<https://mizan.example.com/admin/alerts|Alert>"));
	(void)json_object_put(o);
	m.snapshot = SNAPSHOT("s1_spike", "resolved", "INVESTIGATE",
	    "\"resolved_at\":\"2026-01-17T16:00:00.000Z\",\"resolved_reason\":\"clear\",", S1);
	m.public_url = m.runbook_url = NULL;
	o = made(alert_message_slack, &m);
	CHECK_STR(AT(o, "blocks", "0", "text", "text"),
	    "*RESOLVED: S1 spike*\n"
	    "9 of 22 incidents are S1: 40.91 % in 60 min (limit 30 %)\n"
	    "Over since 2026-01-17T16:00:00.000Z: the condition no longer holds\n"
	    "Build git:abc1234, configuration sha256:7f3a2b1c\n"
	    "runbook: docs/runbook.md#s1-spike");
	(void)json_object_put(o);
}

static void a_pager_is_triggered_and_resolved_by_one_key(void)
{
	char first[300], second[300];
	struct alert_message m = message(SNAPSHOT("ready_503", "firing", "ROLLBACK",
	    "\"carried_out\":\"ordered\",\"rollback\":{\"build_id\":\"git:abc1234\"},",
	    "{\"value\":310,\"threshold\":300,\"n\":31,\"http_status\":503,"
	    "\"failing_checks\":[\"database\",\"workers\"],\"provider_alone\":false}"));
	struct json_object *o = made(pager, &m);

	CHECK_STR(AT(o, "routing_key"), KEY);
	CHECK_STR(AT(o, "event_action"), "trigger");
	CHECK_STR(AT(o, "payload", "summary"),
	    "FIRING: Not ready: not ready for 5 min 10 s on end (limit 5 min), HTTP 503, "
	    "failing: database, workers");
	CHECK_STR(AT(o, "payload", "severity"), "critical");
	CHECK_STR(AT(o, "payload", "source"), "https://mizan.example.com/");
	CHECK_STR(AT(o, "payload", "timestamp"), "2026-01-17T15:05:01.000Z");
	CHECK_STR(AT(o, "payload", "class"), "ready_503");
	CHECK_STR(AT(o, "payload", "custom_details", "decision"),
	    "Decision: ROLLBACK, ordered by the watchdog; ROLLBACK_COMMAND, away from build "
	    "git:abc1234: it has not ended yet");
	CHECK_STR(
	    AT(o, "payload", "custom_details", "next"), "scripts/post_deploy_check.py --wait 300");
	CHECK_STR(AT(o, "links", "0", "href"), "https://mizan.example.com/admin/alerts/" ID);
	CHECK_STR(AT(o, "links", "1", "href"), "https://wiki.example.com/runbook?a&b#ready-503");
	(void)snprintf(first, sizeof first, "%s", AT(o, "dedup_key"));
	(void)json_object_put(o);

	m = message(SNAPSHOT("ready_503", "resolved", "ROLLBACK", "", "{}"));
	o = made(pager, &m);
	CHECK_STR(AT(o, "event_action"), "resolve");
	CU_ASSERT_PTR_NULL(AT(o, "payload"));
	(void)snprintf(second, sizeof second, "%s", AT(o, "dedup_key"));
	CHECK_STR(first, "mizan-ready_503-" ID);
	CHECK_STR(second, first);
	(void)json_object_put(o);
}

#define ENDED(status)                                                                              \
	"\"rollback\":{\"build_id\":\"git:b\",\"finished_at\":\"2026-01-17T15:06:00.000Z\","       \
	"\"exit_status\":" status "},"

/* What was carried out, how far, and what the pilot has of it. */
static void decisions(void)
{
	static const struct {
		unsigned line;
		const char *snapshot, *want, *next;
	} rows[] = {
		{ __LINE__,
		    SNAPSHOT("s1_spike", "escalated", "STOP",
			"\"carried_out\":\"done\",\"stopped\":true,", S1),
		    "Decision: STOP, done by the watchdog; the pilot is off", "curl" },
		{ __LINE__,
		    SNAPSHOT("ready_503", "firing", "ROLLBACK",
			"\"carried_out\":\"advised\",\"stopped\":true,", "{}"),
		    "Decision: ROLLBACK: for a person to do; the pilot is off",
		    "scripts/rollback" },
		{ __LINE__,
		    SNAPSHOT("ready_503", "repeated", "ROLLBACK",
			"\"carried_out\":\"done\"," ENDED("0"), "{}"),
		    "Decision: ROLLBACK, done by the watchdog; ROLLBACK_COMMAND, away from build "
		    "git:b: exit status 0",
		    "scripts/post_deploy_check.py --wait 300" },
		{ __LINE__,
		    SNAPSHOT("ready_503", "escalated", "ROLLBACK",
			"\"carried_out\":\"failed\"," ENDED("143"), "{}"),
		    "Decision: ROLLBACK, tried by the watchdog and FAILED: for a person to do; "
		    "ROLLBACK_COMMAND, away from build git:b: exit status 143",
		    "scripts/rollback" },
		{ __LINE__,
		    SNAPSHOT("ready_503", "escalated", "ROLLBACK",
			"\"carried_out\":\"failed\"," ENDED("null"), "{}"),
		    "Decision: ROLLBACK, tried by the watchdog and FAILED: for a person to do; "
		    "ROLLBACK_COMMAND, away from build git:b: it was not run, or nobody knows to "
		    "what end",
		    "scripts/rollback" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct alert_message m = message(rows[i].snapshot);
		struct json_object *o = made(pager, &m);

		CHECK_STR_ROW(
		    AT(o, "payload", "custom_details", "decision"), rows[i].want, rows[i].line);
		CHECK_ROW(strncmp(AT(o, "payload", "custom_details", "next"), rows[i].next,
			      strlen(rows[i].next)) == 0,
		    rows[i].line, "next");
		(void)json_object_put(o);
	}
}

static void what_is_over_may_leave_the_pilot_off(void)
{
	struct alert_message m = message(SNAPSHOT("s1_spike", "resolved", "STOP",
	    "\"resolved_at\":\"2026-01-17T16:00:00.000Z\",\"resolved_reason\":\"clear\","
	    "\"carried_out\":\"done\",\"stopped\":true,",
	    S1));
	struct json_object *o = made(alert_message_slack, &m);

	CU_ASSERT_PTR_NOT_NULL(strstr(AT(o, "blocks", "0", "text", "text"),
	    "the condition no longer holds\n"
	    "It stopped the pilot, which is off still. To switch it on:\n"
	    "```curl -sS -H @&lt;(echo \"X-Admin-Key: $ADMIN_API_KEY\") \"$MIZAN_URL/admin/pilot\" -X PUT"
	    " -H 'Content-Type: application/json'"
	    " -d '{\"enabled\": true, \"reason\": \"s1_spike is over\"}'```\n"));
	(void)json_object_put(o);
}

/* Each rule's measure, from inputs as the contract of alerts.inputs has them. */
static void measures(void)
{
	static const struct {
		unsigned line;
		const char *rule, *inputs, *want;
	} rows[] = {
		{ __LINE__, "ready_503",
		    "{\"value\":3661,\"threshold\":300,\"http_status\":0,\"failing_checks\":[],"
		    "\"provider_alone\":false}",
		    "not ready for 61 min 1 s on end (limit 5 min), no answer" },
		{ __LINE__, "ready_503",
		    "{\"value\":301,\"threshold\":300,\"http_status\":503,\"failing_checks\":["
		    "\"openai_api\"],\"provider_alone\":true}",
		    "not ready for 5 min 1 s on end (limit 5 min), HTTP 503, failing: openai_api; "
		    "it is the provider's doing, which an older build cannot mend" },
		{ __LINE__, "queue_stuck",
		    "{\"value\":930,\"threshold\":900,\"depth\":40,\"depth_before\":12,"
		    "\"oldest_due_seconds\":925,\"provider_state\":\"ok\"}",
		    "40 jobs wait, none was finished for 15 min 30 s on end (limit 15 min); the "
		    "oldest is due for 15 min 25 s" },
		{ __LINE__, "queue_stuck",
		    "{\"value\":null,\"threshold\":900,\"depth\":3,\"oldest_due_seconds\":null,"
		    "\"provider_alone\":true}",
		    "3 jobs wait; it is the provider's doing, which an older build cannot mend" },
		{ __LINE__, "ready_503",
		    "{\"value\":null,\"threshold\":300,\"not_ready_since\":null,\"http_status\":"
		    "null,\"failing_checks\":[]}",
		    "ready" },
		{ __LINE__, "error_5xx",
		    "{\"value\":0.05,\"threshold\":0.05,\"errors\":1,\"requests\":20,"
		    "\"window_seconds\":600,\"from\":\"2026-01-17T14:21:00.000Z\",\"to\":"
		    "\"2026-01-17T15:00:12.345Z\"}",
		    "1 of 20 requests answered with 5xx: 5 % in 39 min (limit 5 %)" },
		{ __LINE__, "ready_503",
		    "{\"value\":310,\"threshold\":300,\"http_status\":503,\"failing_checks\":[],"
		    "\"build_since\":\"2026-01-17T15:00:00.000Z\"}",
		    "not ready for 5 min 10 s on end (limit 5 min), HTTP 503; this build runs since "
		    "2026-01-17T15:00:00.000Z" },
		{ __LINE__, "error_5xx",
		    "{\"value\":null,\"threshold\":0.05,\"errors\":0,\"requests\":0,"
		    "\"window_seconds\":600}",
		    "0 of 0 requests answered with 5xx in 10 min (limit 5 %)" },
		{ __LINE__, "error_5xx",
		    "{\"value\":0.075,\"threshold\":0.05,\"errors\":15,\"requests\":200,\"window_"
		    "seconds\":600}",
		    "15 of 200 requests answered with 5xx: 7.5 % in 10 min (limit 5 %)" },
		{ __LINE__, "latency_spike",
		    "{\"value\":3.1,\"threshold\":2,\"n\":25,\"p95_ms\":9300,\"baseline_ms\":3000,"
		    "\"baseline\":\"fixed\",\"window_seconds\":1800}",
		    "p95 9300 ms of 25 invoices in 30 min (limit 2 times the baseline of 3000 ms, "
		    "fixed)" },
		{ __LINE__, "feedback_drop",
		    "{\"value\":0.04,\"threshold\":0.1,\"resolved_with_feedback\":1,\"resolved\":"
		    "25,\"window_seconds\":604800}",
		    "1 of 25 resolved incidents have feedback: 4 % in 7 d (at least 10 %)" },
		{ __LINE__, "of_tomorrow", "{\"value\":2.5,\"threshold\":2,\"n\":7}",
		    "2.5 (limit 2, n 7)" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct json_object *in = NULL;
		struct buf out;

		CU_ASSERT_FATAL(
		    json_read(rows[i].inputs, strlen(rows[i].inputs), &in, NULL) == RC_OK);
		buf_init(&out, 4096);
		alert_measure(&out, rows[i].rule, in);
		CHECK_STR_ROW(buf_str(&out), rows[i].want, rows[i].line);
		buf_free(&out);
		(void)json_object_put(in);
	}
}

/* Whatever is missing of the inputs, every rule has words, and nothing else happens. */
static void nothing_is_needed(void)
{
	size_t n;
	const struct rule *all = rules(&n);

	for (size_t i = 0; i < n; i++) {
		struct buf out;

		buf_init(&out, 4096);
		alert_measure(&out, all[i].name, NULL);
		CHECK_ROW(out.len > 0, __LINE__, all[i].name);
		buf_free(&out);
	}
}

static void what_to_do_next(void)
{
	static const struct {
		unsigned line;
		const char *rule, *decision, *carried_out;
		bool escalated;
		enum alert_todo want;
	} rows[] = {
		{ __LINE__, "ready_503", "ROLLBACK", "advised", false, TODO_ROLLBACK },
		{ __LINE__, "ready_503", "ROLLBACK", "ordered", false, TODO_VERIFY },
		{ __LINE__, "ready_503", "ROLLBACK", "done", false, TODO_VERIFY },
		{ __LINE__, "ready_503", "ROLLBACK", "failed", false, TODO_ROLLBACK },
		{ __LINE__, "ready_503", "INVESTIGATE", "advised", false, TODO_INVESTIGATE },
		{ __LINE__, "s1_spike", "INVESTIGATE", "", false, TODO_INVESTIGATE },
		{ __LINE__, "s1_spike", "STOP", "advised", true, TODO_STOP },
		{ __LINE__, "s1_spike", "STOP", "done", true, TODO_INVESTIGATE },
		{ __LINE__, "latency_spike", "INVESTIGATE", "advised", false, TODO_INVESTIGATE },
		{ __LINE__, "latency_spike", "INVESTIGATE", "advised", true, TODO_ROLLBACK },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		CHECK_ROW(alert_next(rows[i].rule, rows[i].decision, rows[i].carried_out,
			      rows[i].escalated) == rows[i].want,
		    rows[i].line, rows[i].decision);
}

/* Text of strangers in every place that can hold it, and as much of it as there can be. */
static char *hostile(const char *piece, size_t n)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_adds(&b, "{\"alert_id\":\"");
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, piece);
	buf_adds(&b, "\",\"rule\":\"ready_503\",\"event\":\"firing\",\"decision\":\"");
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, piece);
	buf_adds(&b, "\",\"build_id\":\"");
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, piece);
	buf_adds(&b, "\",\"note\":\"");
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, piece);
	buf_adds(&b, "\",\"pending_at\":\"");
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, piece);
	buf_adds(&b, "\",\"inputs\":{\"value\":310,\"threshold\":300,\"failing_checks\":[");
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s\"%s\"", i > 0 ? "," : "", piece);
	buf_adds(&b, "]}}");
	return buf_detach(&b);
}

static void strangers_break_out_of_nothing(void)
{
	static const char *const pieces[] = { "&", "<!channel>", "*`|", "x\\u0000", "\\n",
		"\\u202e", "\\ud83d\\ude00", "<http://evil|x>", "\\\"}],\\\"" };

	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		char *snapshot = hostile(pieces[i], 500);
		struct alert_message m = message(snapshot);
		struct json_object *o = made(alert_message_slack, &m);
		const char *text = AT(o, "blocks", "0", "text", "text");

		CHECK_ROW(strlen(text) <= SLACK_MAX_SECTION, __LINE__, pieces[i]);
		CHECK_ROW(strncmp(text, "*FIRING: Not ready*\nnot ready for", 33) == 0, __LINE__,
		    pieces[i]);
		CHECK_ROW(strstr(text, "<!") == NULL && strstr(text, "<http://evil") == NULL,
		    __LINE__, pieces[i]);
		CHECK_ROW(strstr(text, "|runbook>") != NULL, __LINE__, pieces[i]);
		(void)json_object_put(o);
		o = made(pager, &m);
		CHECK_ROW(strlen(AT(o, "payload", "summary")) <= PAGERDUTY_MAX_SUMMARY, __LINE__,
		    pieces[i]);
		CHECK_ROW(
		    strlen(AT(o, "dedup_key")) <= PAGERDUTY_MAX_DEDUP_KEY, __LINE__, pieces[i]);
		CHECK_ROW(strchr(AT(o, "payload", "summary"), '\n') == NULL, __LINE__, pieces[i]);
		(void)json_object_put(o);
		free(snapshot);
	}
}

static void what_is_no_snapshot(void)
{
	static const char *const snapshots[] = { "", "null", "[]", "{}", "{\"rule\":\"s1_spike\"}",
		"{\"rule\":1,\"alert_id\":\"a\",\"event\":\"firing\"}" };

	for (size_t i = 0; i < sizeof snapshots / sizeof snapshots[0]; i++) {
		struct alert_message m = message(snapshots[i]);
		struct err e = { 0 };
		struct buf out;

		buf_init(&out, 4096);
		CHECK_ROW(alert_message_slack(&m, &out, &e) == RC_INVALID, __LINE__, snapshots[i]);
		CHECK_STR(e.code, "invalid_snapshot");
		CHECK_ROW(alert_message_pagerduty(&m, KEY, &out, &e) == RC_INVALID, __LINE__,
		    snapshots[i]);
		CU_ASSERT_EQUAL(out.len, 0);
		buf_free(&out);
	}
}

const struct unit_test unit_tests[] = {
	{ "a chat reads all of it", a_chat_reads_all_of_it },
	{ "without addresses files are named", without_addresses_files_are_named },
	{ "a pager is triggered and resolved by one key",
	    a_pager_is_triggered_and_resolved_by_one_key },
	{ "decisions", decisions },
	{ "what is over may leave the pilot off", what_is_over_may_leave_the_pilot_off },
	{ "measures", measures },
	{ "nothing is needed", nothing_is_needed },
	{ "what to do next", what_to_do_next },
	{ "strangers break out of nothing", strangers_break_out_of_nothing },
	{ "what is no snapshot", what_is_no_snapshot },
	{ NULL, NULL },
};
