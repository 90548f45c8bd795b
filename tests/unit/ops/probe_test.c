#include "ops/probe.h"

#include <string.h>

#include "unit/unit.h"

#define NAME_OF_25 "abcdefghijklmnopqrstuvwxy"

static void test_read(void)
{
	static const struct {
		unsigned line;
		int status;
		const char *body;
		bool ready;
		const char *checks, *build;
	} rows[] = {
		{ __LINE__, 200, "{\"status\":\"ready\",\"build_id\":\"git:abc1234\"}", true, "[]",
		    "git:abc1234" },
		{ __LINE__, 503,
		    "{\"status\":\"not_ready\",\"build_id\":\"b\",\"failing_checks\":[\"database\",\"queue\"]}",
		    false, "[\"database\",\"queue\"]", "b" },
		/* contradictions, and what is none of ours */
		{ __LINE__, 503, "{\"status\":\"ready\"}", false, "[]", "" },
		{ __LINE__, 200, "{\"status\":\"not_ready\",\"failing_checks\":[\"config\"]}",
		    false, "[\"config\"]", "" },
		{ __LINE__, 200, "<html>ready</html>", false, "[]", "" },
		{ __LINE__, 502, "", false, "[]", "" },
		{ __LINE__, 301, "{}", false, "[]", "" },
		{ __LINE__, 503, "{\"status\":1,\"build_id\":[],\"failing_checks\":{}}", false,
		    "[]", "" },
		{ __LINE__, 503,
		    "{\"failing_checks\":[1,null,\"\",\"a b\",\"A\",\"" NAME_OF_25 "\",\"queue\"]}",
		    false, "[\"queue\"]", "" },
		{ __LINE__, 503,
		    "{\"failing_checks\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
		    false, "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]", "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct probe p;

		probe_read(rows[i].status, rows[i].body, strlen(rows[i].body), &p);
		CHECK_ROW(p.ready == rows[i].ready, rows[i].line, "ready");
		CHECK_ROW(p.http_status == rows[i].status, rows[i].line, "status");
		CHECK_STR_ROW(p.failing_checks, rows[i].checks, rows[i].line);
		CHECK_STR_ROW(p.build_id, rows[i].build, rows[i].line);
	}
}

static void test_write(void)
{
	struct probe p = { .asked_ms = 100, .latency_ms = 7, .failing_checks = "[\"queue\"]" };
	struct buf b;
	struct json_writer w = { .out = &b };

	buf_init(&b, 1024);
	probe_write(&w, &p, 150);
	CHECK_STR(buf_str(&b),
	    "{\"age_ms\":50,\"http_status\":0,\"ready\":false,\"failing_checks\":[\"queue\"],"
	    "\"build_id\":null,\"latency_ms\":7}");
	buf_free(&b);
}

static void test_ask(void)
{
	static char nowhere[] = "http://127.0.0.1:1/health/ready", no_url[] = "not a url";
	struct config cfg = { .ready_url = nowhere };
	struct web *web = NULL;
	struct probe p = { .ready = true };

	CU_ASSERT_FATAL(web_new(&web, NULL) == RC_OK);
	CU_ASSERT(probe_ask(web, &cfg, NULL, &p, NULL) == RC_OK);
	CU_ASSERT(!p.ready && p.http_status == 0 && p.asked_ms > 0);
	CHECK_STR(p.failing_checks, "[]");
	cfg.ready_url = no_url;
	CU_ASSERT(probe_ask(web, &cfg, NULL, &p, NULL) == RC_INVALID);
	web_free(web);
}

const struct unit_test unit_tests[] = {
	{ "what an answer says", test_read },
	{ "as it goes to the database", test_write },
	{ "asking where nobody answers", test_ask },
	{ NULL, NULL },
};
