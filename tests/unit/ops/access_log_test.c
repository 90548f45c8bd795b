#include "ops/access_log.h"

#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

#define LINE(time, event, route, tenant, status, took)                                             \
	"{\"time\":\"" time "\",\"event\":\"" event "\",\"trace_id\":\"t\",\"route\":\"" route     \
	"\",\"tenant_id\":\"" tenant "\",\"status\":" status ",\"bytes_in\":1,\"request_time\":"   \
	"" took ",\"upstream_time\":null}"
#define AT        "2026-01-17T15:04:59Z"
#define GOOD(...) LINE(AT, "access", __VA_ARGS__)

static const struct {
	unsigned line;
	const char *text;
	int64_t minute; /* since 1970; -1: refused */
	const char *route, *tenant;
	int status_class;
	int64_t ms;
} cases[] = {
	{ __LINE__, GOOD("/health", "", "200", "0.005"), 29477704, "/health", "", 2, 5 },
	{ __LINE__, GOOD("/jobs/{id}", "pilot", "404", "12.345"), 29477704, "/jobs/{id}", "pilot",
	    4, 12345 },
	{ __LINE__, GOOD("/full-process", "a", "502", "0.000"), 29477704, "/full-process", "a", 5,
	    0 },
	{ __LINE__, GOOD("/invented", "a", "413", "1.000"), 29477704, "other", "a", 4, 1000 },
	{ __LINE__, GOOD("/HEALTH", "-a", "101", "1.000"), 29477704, "other", "", 1, 1000 },
	{ __LINE__, GOOD("other", "A b", "599", "1.000"), 29477704, "other", "", 5, 1000 },
	{ __LINE__, GOOD("other", "", "499", "1.000"), 29477704, "other", "", 0, 1000 },
	{ __LINE__, GOOD("other", "", "0", "1.000"), 29477704, "other", "", 0, 1000 },

	{ __LINE__, LINE("1970-01-01T00:00:00Z", "access", "other", "", "200", "0.001"), 0, "other",
	    "", 2, 1 },
	{ __LINE__, LINE("2024-02-29T23:59:60+00:00", "access", "other", "", "200", "0.001"),
	    28487519, "other", "", 2, 1 },
	{ __LINE__, LINE("2000-03-01T02:30:00+03:00", "access", "other", "", "200", "0.001"),
	    15864450, "other", "", 2, 1 },
	{ __LINE__, LINE("1999-12-31T20:00:00-04:30", "access", "other", "", "200", "0.001"),
	    15778110, "other", "", 2, 1 },

	{ __LINE__, "", -1, NULL, NULL, 0, 0 },
	{ __LINE__, "{}", -1, NULL, NULL, 0, 0 },
	{ __LINE__, "[]", -1, NULL, NULL, 0, 0 },
	{ __LINE__, "127.0.0.1 - - [17/Jan/2026]", -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "1.000") "x", -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "1.000") GOOD("other", "", "200", "1.000"), -1, NULL,
	    NULL, 0, 0 },
	{ __LINE__, LINE(AT, "start", "other", "", "200", "1.000"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "99", "1.000"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "600", "1.000"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "-200", "1.000"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "18446744073709551616", "1.000"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "\"200\"", "1.000"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "1"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "1.0"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "-1.000"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "1e3"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "1.000e9"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "9999999999.000"), -1, NULL, NULL, 0, 0 },
	{ __LINE__, GOOD("other", "", "200", "\"1.000\""), -1, NULL, NULL, 0, 0 },
	{ __LINE__, LINE("2026-01-17 15:04:59Z", "access", "other", "", "200", "1.000"), -1, NULL,
	    NULL, 0, 0 },
	{ __LINE__, LINE("2026-01-17T15:04:59", "access", "other", "", "200", "1.000"), -1, NULL,
	    NULL, 0, 0 },
	{ __LINE__, LINE("2026-02-29T15:04:59Z", "access", "other", "", "200", "1.000"), -1, NULL,
	    NULL, 0, 0 },
	{ __LINE__, LINE("2026-13-01T15:04:59Z", "access", "other", "", "200", "1.000"), -1, NULL,
	    NULL, 0, 0 },
	{ __LINE__, LINE("2026-00-01T15:04:59Z", "access", "other", "", "200", "1.000"), -1, NULL,
	    NULL, 0, 0 },
	{ __LINE__, LINE("2026-01-17T24:00:00Z", "access", "other", "", "200", "1.000"), -1, NULL,
	    NULL, 0, 0 },
	{ __LINE__, LINE("1969-12-31T23:59:59Z", "access", "other", "", "200", "1.000"), -1, NULL,
	    NULL, 0, 0 },
	{ __LINE__, LINE("2026-01-17T15:04:59+0300", "access", "other", "", "200", "1.000"), -1,
	    NULL, NULL, 0, 0 },
};

static void test_lines(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct access_line got = { .minute = -1 };
		struct err e = { .rc = RC_OK };
		enum rc rc = access_log_parse(cases[i].text, strlen(cases[i].text), &got, &e);

		CHECK_ROW(got.minute == cases[i].minute, cases[i].line, "minute");
		if (cases[i].minute < 0) {
			CHECK_ROW(rc == RC_INVALID, cases[i].line, "refused");
			CHECK_STR_ROW(e.code, "invalid_line", cases[i].line);
			continue;
		}
		CHECK_ROW(rc == RC_OK, cases[i].line, "taken");
		CHECK_STR_ROW(got.route, cases[i].route, cases[i].line);
		CHECK_STR_ROW(got.tenant_id, cases[i].tenant, cases[i].line);
		CHECK_ROW(got.status_class == cases[i].status_class, cases[i].line, "class");
		CHECK_ROW(got.ms == cases[i].ms, cases[i].line, "ms");
	}
}

static void test_long_line(void)
{
	static const char start[] = GOOD("other", "", "200", "1.000");
	char line[ACCESS_LOG_MAX_LINE + 1];
	struct access_line got;

	memset(line, ' ', sizeof line); /* white space after the object is JSON */
	memcpy(line, start, sizeof start - 1);
	CU_ASSERT(access_log_parse(line, sizeof line - 1, &got, NULL) == RC_OK);
	CU_ASSERT(access_log_parse(line, sizeof line, &got, NULL) == RC_INVALID);
}

#define ONE                                                                                        \
	"{\"minute\":29477704,\"route\":\"/health\",\"tenant_id\":\"\",\"status_class\":2,\"ms\":5}"
#define A_ONE GOOD("/health", "", "200", "0.005") "\n"

static const struct {
	unsigned line;
	const char *text, *want;
	size_t skipped;
} chunks[] = {
	{ __LINE__, "", "[]", 0 },
	{ __LINE__, "\n", "[]", 1 },
	{ __LINE__, A_ONE, "[" ONE "]", 0 },
	{ __LINE__, A_ONE A_ONE, "[" ONE "," ONE "]", 0 },
	{ __LINE__, "garbage\n" A_ONE "{\n" A_ONE "\n", "[" ONE "," ONE "]", 3 },
};

static void test_chunks(void)
{
	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		struct buf out;
		struct json_writer w = { .out = &out };
		size_t skipped = 99;

		buf_init(&out, 4000);
		CHECK_ROW(access_log_lines(
			      chunks[i].text, strlen(chunks[i].text), &w, &skipped, NULL) == RC_OK,
		    chunks[i].line, "rc");
		CHECK_STR_ROW(buf_str(&out), chunks[i].want, chunks[i].line);
		CHECK_ROW(skipped == chunks[i].skipped, chunks[i].line, "skipped");
		buf_free(&out);
	}
}

static void test_no_room(void)
{
	struct buf out;
	struct json_writer w = { .out = &out };
	size_t skipped = 99;

	buf_init(&out, 20);
	CU_ASSERT(access_log_lines(A_ONE, strlen(A_ONE), &w, &skipped, NULL) == RC_UNAVAILABLE);
	CU_ASSERT(skipped == 99);
	buf_free(&out);
}

static void test_routes(void)
{
	size_t n;
	const char *const *routes = access_log_routes(&n);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			CU_ASSERT(strcmp(routes[i], routes[j]) != 0);
	CHECK_STR(routes[n - 1], "other");
}

const struct unit_test unit_tests[] = {
	{ "lines", test_lines },
	{ "a line that is too long", test_long_line },
	{ "chunks", test_chunks },
	{ "no room", test_no_room },
	{ "routes", test_routes },
	{ NULL, NULL },
};
