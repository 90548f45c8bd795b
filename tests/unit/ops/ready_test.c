#include "ops/ready.h"

#include <stdlib.h>
#include <string.h>

#include "core/json_read.h"
#include "unit/unit.h"

#define UNTIL "2026-01-17T15:05:00Z"

static char production[] = "production", development[] = "development", staging[] = "staging";
static char pilot_tenant[] = "pilot";

static struct config cfg;
static struct readiness_facts facts;
static struct ready_input in;

/* All is well: what the seed's §2.4 shows. */
static void fine(void)
{
	cfg = (struct config){ .env = production,
		.pilot_enabled = true,
		.pilot_tenant_id = pilot_tenant,
		.pilot_max_invoices_per_hour = 50,
		.queue_depth_alarm = 50 };
	facts = (struct readiness_facts){ .schema_version = 5,
		.provider_state = "ok",
		.key_configured = true,
		.workers = 2,
		.pilot_switched_on = true,
		.pilot_used = 5,
		.last_incident_at = "2026-01-17T14:55:00Z" };
	in = (struct ready_input){ .cfg = &cfg,
		.config_hash = "sha256:7f3a2b1c",
		.build_id = "git:abc1234",
		.schema_version = 5,
		.timestamp = "2026-01-17T15:00:00Z",
		.facts = &facts,
		.db_latency_ms = 5 };
}

/* The report's document as text; or of one check alone, with whether it made us not ready. */
static char *report(const char *check, bool *ret_ready)
{
	struct json_object *doc = NULL, *at;
	struct buf b;
	struct json_writer w = { .out = &b };
	char *text;

	buf_init(&b, 1 << 14);
	*ret_ready = ready_report(&w, &in);
	CU_ASSERT_FATAL(json_read(buf_str(&b), b.len, &doc, NULL) == RC_OK);
	buf_free(&b);
	at = doc;

	if (check != NULL) {
		(void)json_object_object_get_ex(doc, "checks", &at);
		(void)json_object_object_get_ex(at, check, &at);
	}
	text = strdup(json_object_to_json_string_ext(
	    at, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	(void)json_object_put(doc);
	return text;
}

static void check_report(const char *check, const char *want, bool want_ready, unsigned line)
{
	bool ready = !want_ready;
	char *text = report(check, &ready);

	CHECK_STR_ROW(text, want, line);
	CHECK_ROW(ready == want_ready, line, "ready");
	free(text);
}

static void test_ready(void)
{
	fine();
	check_report(NULL,
	    "{\"status\":\"ready\",\"timestamp\":\"2026-01-17T15:00:00Z\","
	    "\"build_id\":\"git:abc1234\",\"config_hash\":\"sha256:7f3a2b1c\",\"checks\":{"
	    "\"config\":{\"status\":\"ok\",\"validated\":true},"
	    "\"database\":{\"status\":\"ok\",\"latency_ms\":5,\"schema_version\":5},"
	    "\"openai_api\":{\"status\":\"ok\",\"key_configured\":true},"
	    "\"queue\":{\"status\":\"ok\",\"depth\":0,\"stuck_count\":0,\"workers\":2}},"
	    "\"pilot\":{\"enabled\":true,\"tenant_id\":\"pilot\",\"rate_limit\":{\"current\":5,"
	    "\"limit\":50,\"remaining\":45,\"window_seconds\":3600}},"
	    "\"last_activity\":{\"last_incident_at\":\"2026-01-17T14:55:00Z\"}}",
	    true, __LINE__);
}

/* The database is away: that alone is the error, what we cannot know is null. */
static void test_database_away(void)
{
	fine();
	in.facts = NULL;
	check_report(NULL,
	    "{\"status\":\"not_ready\",\"timestamp\":\"2026-01-17T15:00:00Z\","
	    "\"build_id\":\"git:abc1234\",\"config_hash\":\"sha256:7f3a2b1c\",\"checks\":{"
	    "\"config\":{\"status\":\"ok\",\"validated\":true},"
	    "\"database\":{\"status\":\"error\",\"latency_ms\":null,\"schema_version\":null,"
	    "\"reason\":\"unreachable\"},"
	    "\"openai_api\":{\"status\":\"warning\",\"key_configured\":null,\"reason\":\"unknown\"},"
	    "\"queue\":{\"status\":\"warning\",\"depth\":null,\"stuck_count\":null,\"workers\":null,"
	    "\"reason\":\"unknown\"}},\"failing_checks\":[\"database\"],"
	    "\"pilot\":{\"enabled\":false,\"tenant_id\":\"pilot\",\"rate_limit\":{\"current\":null,"
	    "\"limit\":50,\"remaining\":null,\"window_seconds\":3600}},"
	    "\"last_activity\":{\"last_incident_at\":null}}",
	    false, __LINE__);
}

#define DB(level, ms, schema, reason)                                                              \
	"{\"status\":\"" level "\",\"latency_ms\":" ms ",\"schema_version\":" schema reason "}"

#define REASON(why) ",\"reason\":\"" why "\""

static void test_database(void)
{
	static const struct {
		unsigned line;
		int64_t ms, schema;
		bool read_only, ready;
		const char *want;
	} cases[] = {
		{ __LINE__, 0, 5, false, true, DB("ok", "0", "5", "") },
		{ __LINE__, 100, 5, false, true, DB("ok", "100", "5", "") },
		{ __LINE__, 101, 5, false, true, DB("warning", "101", "5", REASON("slow")) },
		{ __LINE__, 500, 5, false, true, DB("warning", "500", "5", REASON("slow")) },
		{ __LINE__, 501, 5, false, false, DB("error", "501", "5", REASON("slow")) },
		{ __LINE__, 5, 4, true, false, DB("error", "5", "4", REASON("schema_outdated")) },
		{ __LINE__, 501, 0, false, false,
		    DB("error", "501", "0", REASON("schema_outdated")) },
		{ __LINE__, 5, 6, false, true, DB("ok", "5", "6", "") },
		{ __LINE__, 5, 5, true, false, DB("error", "5", "5", REASON("read_only")) },
		{ __LINE__, 501, 5, true, false, DB("error", "501", "5", REASON("read_only")) },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fine();
		in.db_latency_ms = cases[i].ms;
		facts.schema_version = cases[i].schema;
		facts.read_only = cases[i].read_only;
		check_report("database", cases[i].want, cases[i].ready, cases[i].line);
	}
}

#define KEY(level, key, more) "{\"status\":\"" level "\",\"key_configured\":" key more "}"
#define REFUSED(key, why)     KEY("error", key, ",\"reason\":\"" why "\",\"until\":\"" UNTIL "\"")

static void test_openai(void)
{
	static const struct {
		unsigned line;
		char *env;
		bool key;
		const char *state;
		bool ready;
		const char *want;
	} cases[] = {
		{ __LINE__, production, true, "ok", true, KEY("ok", "true", "") },
		{ __LINE__, production, false, "ok", false,
		    KEY("error", "false", ",\"reason\":\"no_key\"") },
		{ __LINE__, staging, false, "ok", false,
		    KEY("error", "false", ",\"reason\":\"no_key\"") },
		{ __LINE__, development, false, "ok", true,
		    KEY("warning", "false", ",\"reason\":\"no_key\"") },
		{ __LINE__, development, true, "ok", true, KEY("ok", "true", "") },
		{ __LINE__, production, true, "rate_limited", false,
		    REFUSED("true", "rate_limited") },
		{ __LINE__, staging, true, "unauthorized", false, REFUSED("true", "unauthorized") },
		{ __LINE__, development, true, "quota_exhausted", false,
		    REFUSED("true", "quota_exhausted") },
		{ __LINE__, development, false, "unauthorized", false,
		    REFUSED("false", "unauthorized") },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fine();
		cfg.env = cases[i].env;
		facts.key_configured = cases[i].key;
		(void)snprintf(
		    facts.provider_state, sizeof facts.provider_state, "%s", cases[i].state);
		(void)snprintf(facts.provider_until, sizeof facts.provider_until, "%s", UNTIL);
		check_report("openai_api", cases[i].want, cases[i].ready, cases[i].line);
	}
}

#define Q(level, depth, stuck, workers, reason)                                                    \
	"{\"status\":\"" level "\",\"depth\":" depth ",\"stuck_count\":" stuck                     \
	",\"workers\":" workers reason "}"

static void test_queue(void)
{
	static const struct {
		unsigned line;
		int64_t depth, stuck, workers;
		bool ready;
		const char *want;
	} cases[] = {
		{ __LINE__, 0, 0, 1, true, Q("ok", "0", "0", "1", "") },
		{ __LINE__, 50, 0, 1, true, Q("ok", "50", "0", "1", "") },
		{ __LINE__, 51, 0, 1, true, Q("warning", "51", "0", "1", ",\"reason\":\"deep\"") },
		{ __LINE__, 0, 1, 1, true, Q("warning", "0", "1", "1", ",\"reason\":\"stuck\"") },
		{ __LINE__, 51, 1, 1, true, Q("warning", "51", "1", "1", ",\"reason\":\"stuck\"") },
		{ __LINE__, 0, 0, 0, false,
		    Q("error", "0", "0", "0", ",\"reason\":\"no_worker\"") },
		{ __LINE__, 51, 1, 0, false,
		    Q("error", "51", "1", "0", ",\"reason\":\"no_worker\"") },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fine();
		facts.queue_depth = cases[i].depth;
		facts.stuck_count = cases[i].stuck;
		facts.workers = cases[i].workers;
		check_report("queue", cases[i].want, cases[i].ready, cases[i].line);
	}
}

/* Every check that fails is named, in the order of the checks. */
static void test_failing_checks(void)
{
	bool ready = true;
	char *text;

	fine();
	in.db_latency_ms = 501;
	facts.key_configured = false;
	facts.workers = 0;
	text = report(NULL, &ready);
	CU_ASSERT(!ready);
	CU_ASSERT(
	    strstr(text, "\"failing_checks\":[\"database\",\"openai_api\",\"queue\"]") != NULL);
	CU_ASSERT(strncmp(text, "{\"status\":\"not_ready\",", 22) == 0);
	free(text);
}

#define PILOT(on, used, left)                                                                      \
	"\"pilot\":{\"enabled\":" on ",\"tenant_id\":\"pilot\",\"rate_limit\":{\"current\":" used  \
	",\"limit\":50,\"remaining\":" left ",\"window_seconds\":3600}}"

/* A killed pilot leaves the service ready; what remains is never below 0. */
static void test_pilot(void)
{
	static const struct {
		unsigned line;
		bool configured, switched_on;
		int64_t used;
		const char *want;
	} cases[] = {
		{ __LINE__, true, true, 0, PILOT("true", "0", "50") },
		{ __LINE__, true, true, 49, PILOT("true", "49", "1") },
		{ __LINE__, true, true, 50, PILOT("true", "50", "0") },
		{ __LINE__, true, true, 51, PILOT("true", "51", "0") },
		{ __LINE__, false, true, 0, PILOT("false", "0", "50") },
		{ __LINE__, true, false, 0, PILOT("false", "0", "50") },
		{ __LINE__, false, false, 0, PILOT("false", "0", "50") },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bool ready = false;
		char *text;

		fine();
		cfg.pilot_enabled = cases[i].configured;
		facts.pilot_switched_on = cases[i].switched_on;
		facts.pilot_used = cases[i].used;
		text = report(NULL, &ready);
		CHECK_ROW(ready, cases[i].line, "ready");
		CHECK_ROW(strstr(text, cases[i].want) != NULL, cases[i].line, text);
		free(text);
	}
}

static void test_no_incident_yet(void)
{
	bool ready;
	char *text;

	fine();
	facts.last_incident_at[0] = '\0';
	text = report(NULL, &ready);
	CU_ASSERT(strstr(text, "\"last_activity\":{\"last_incident_at\":null}}") != NULL);
	free(text);
}

const struct unit_test unit_tests[] = {
	{ "ready", test_ready },
	{ "the database is away", test_database_away },
	{ "database", test_database },
	{ "openai_api", test_openai },
	{ "queue", test_queue },
	{ "failing checks", test_failing_checks },
	{ "pilot", test_pilot },
	{ "no incident yet", test_no_incident_yet },
	{ NULL, NULL },
};
