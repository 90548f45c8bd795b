#include "ops/blind.h"

#include <string.h>

#include "core/json_read.h"
#include "unit/unit.h"

#define SINCE "2026-01-17T15:00:00.000Z"
#define LATER "2026-01-17T15:05:10.000Z"

static struct blind b;
static const char *build = "";

static struct rule_verdict ask(int64_t seconds, bool ready, const char *checks)
{
	struct probe p = {
		.asked_ms = 1000000 + seconds * 1000, .ready = ready, .http_status = 503
	};

	(void)snprintf(p.build_id, sizeof p.build_id, "%s", build);
	(void)snprintf(p.failing_checks, sizeof p.failing_checks, "%s", checks);
	blind_probe(&b, &p, SINCE);
	return blind_judge(&b);
}

static struct rule_verdict ask_on_end(int64_t from, int64_t to, const char *checks)
{
	struct rule_verdict v = { .due = false };

	for (; from <= to; from += 10)
		v = ask(from, false, checks);
	return v;
}

static void test_judge(void)
{
	b = (struct blind){ .samples = 0 };
	CU_ASSERT(!blind_judge(&b).enough);
	CU_ASSERT(!ask(0, true, "[]").holds);
	CU_ASSERT(!ask_on_end(10, 310, "[\"database\"]").due); /* five minutes, and not more */
	CU_ASSERT(ask(311, false, "[]").due && blind_judge(&b).decision == DECISION_ROLLBACK);
	CU_ASSERT(!ask(320, true, "[]").holds);
	/* nobody asked for more than a minute */
	(void)ask_on_end(330, 530, "[]");
	CU_ASSERT(ask_on_end(590, 640, "[]").due);
	(void)ask_on_end(800, 1000, "[]");
	CU_ASSERT(!ask_on_end(1061, 1121, "[]").due && b.since_ms == 1000000 + 1061000);
}

static void test_provider(void)
{
	b = (struct blind){ .samples = 0 };
	CU_ASSERT(ask_on_end(0, 400, "[\"openai_api\"]").decision == DECISION_INVESTIGATE);
	CU_ASSERT(
	    ask_on_end(410, 710, "[\"database\",\"openai_api\"]").decision == DECISION_INVESTIGATE);
	CU_ASSERT(ask(711, false, "[]").decision == DECISION_ROLLBACK);
}

static struct json_object *snapshot(enum alert_event event)
{
	const struct blind_message m = { .event = event,
		.now = LATER,
		.build_id = "git:abc",
		.config_hash = "sha256:c",
		.installation = "https://mizan.example.com" };
	struct json_object *doc = NULL;
	struct buf out;
	struct json_writer w = { .out = &out };

	buf_init(&out, 1 << 14);
	blind_snapshot(&b, &m, &w);
	CU_ASSERT_FATAL(json_read(buf_str(&out), out.len, &doc, NULL) == RC_OK);
	buf_free(&out);
	return doc;
}

static const char *member(struct json_object *doc, const char *name)
{
	struct json_object *value = NULL;

	CU_ASSERT(json_object_object_get_ex(doc, name, &value));
	return json_object_get_string(value);
}

/* The time that counts against a build is its own; which does not make it the provider's. */
static void test_build(void)
{
	struct json_object *doc, *inputs = NULL;

	b = (struct blind){ .samples = 0 };
	build = "git:a";
	(void)ask_on_end(0, 295, "[\"database\"]");
	build = "";
	(void)ask(300, false, "[]");
	build = "git:b";
	CU_ASSERT(ask_on_end(305, 605, "[\"database\"]").due);
	CU_ASSERT(blind_judge(&b).decision == DECISION_INVESTIGATE);
	blind_fire(&b, DECISION_INVESTIGATE, LATER);
	doc = snapshot(EVENT_FIRING);
	CU_ASSERT(json_object_object_get_ex(doc, "inputs", &inputs));
	CHECK_STR(member(inputs, "provider_alone"), "false");
	json_object_put(doc);
	CU_ASSERT(ask(606, false, "[\"database\"]").decision == DECISION_ROLLBACK);
	build = "";
}

static void test_snapshot(void)
{
	struct json_object *doc, *inputs = NULL;

	b = (struct blind){ .samples = 0 };
	(void)ask_on_end(0, 310, "[\"database\"]");
	blind_fire(&b, DECISION_ROLLBACK, LATER);
	doc = snapshot(EVENT_FIRING);
	CHECK_STR(member(doc, "alert_id"), "blind-https://mizan.example.com");
	CHECK_STR(member(doc, "event"), "firing");
	CHECK_STR(member(doc, "decision"), "ROLLBACK");
	CHECK_STR(member(doc, "carried_out"), "advised");
	CHECK_STR(member(doc, "pending_at"), SINCE);
	CHECK_STR(member(doc, "resolved_at"), NULL);
	CU_ASSERT(json_object_object_get_ex(doc, "inputs", &inputs));
	CHECK_STR(member(inputs, "value"), "310");
	CHECK_STR(member(inputs, "threshold"), "300");
	CHECK_STR(member(inputs, "samples"), "32");
	CHECK_STR(member(inputs, "not_ready_since"), SINCE);
	json_object_put(doc);
	/* The same alert, whatever has been seen since, and by whom. */
	(void)ask(320, true, "[]");
	doc = snapshot(EVENT_RESOLVED);
	CHECK_STR(member(doc, "alert_id"), "blind-https://mizan.example.com");
	CHECK_STR(member(doc, "state"), "resolved");
	CHECK_STR(member(doc, "resolved_at"), LATER);
	json_object_put(doc);
}

const struct unit_test unit_tests[] = {
	{ "how long on end", test_judge },
	{ "the provider alone", test_provider },
	{ "another build", test_build },
	{ "what is told", test_snapshot },
	{ NULL, NULL },
};
