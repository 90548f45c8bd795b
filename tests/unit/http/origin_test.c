#include "http/origin.h"

#include "unit/http/environment.h"
#include "unit/unit.h"

#define HOST(h)   "HTTP_HOST=" h
#define ORIGIN(o) "HTTP_ORIGIN=" o
#define SITE(s)   "HTTP_SEC_FETCH_SITE=" s

static void test_origin(void)
{
	static const struct {
		unsigned line;
		const char *env[ENV_MAX];
		bool must_tell, ok;
	} cases[] = {
		{ __LINE__, { HOST("m.example") }, false, true },
		{ __LINE__, { HOST("m.example") }, true, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("https://m.example") }, true, true },
		{ __LINE__, { HOST("M.example"), ORIGIN("https://m.EXAMPLE") }, true, true },
		{ __LINE__, { HOST("m.example:8443"), ORIGIN("https://m.example:8443") }, true,
		    true },
		{ __LINE__, { HOST("m.example:8443"), ORIGIN("https://m.example") }, true, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("https://m.example:8443") }, false, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("http://m.example") }, false, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("m.example") }, false, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("null") }, false, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("") }, false, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("https://") }, false, false },
		{ __LINE__, { HOST(""), ORIGIN("https://evil.example") }, false, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("https://m.example.evil.example") }, false,
		    false },
		{ __LINE__, { HOST("m.example"), ORIGIN("https://evil.example/m.example") }, false,
		    false },
		{ __LINE__, { ORIGIN("https://m.example") }, false, false },
		{ __LINE__, { HOST("m.example"), SITE("same-origin") }, true, true },
		{ __LINE__, { HOST("m.example"), SITE("none") }, true, true },
		{ __LINE__, { HOST("m.example"), SITE("same-site") }, false, false },
		{ __LINE__, { HOST("m.example"), SITE("cross-site") }, false, false },
		{ __LINE__, { HOST("m.example"), SITE("Same-Origin") }, false, false },
		{ __LINE__, { HOST("m.example"), SITE("") }, false, false },
		{ __LINE__, { HOST("m.example"), ORIGIN("https://m.example"), SITE("same-origin") },
		    true, true },
		{ __LINE__, { HOST("m.example"), ORIGIN("https://m.example"), SITE("cross-site") },
		    true, false },
		{ __LINE__,
		    { HOST("m.example"), ORIGIN("https://evil.example"), SITE("same-origin") },
		    true, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct environment env;
		const struct http_request rq = { .env = environment(&env, cases[i].env) };
		struct err e = { .rc = RC_OK };
		enum rc rc = origin_check(&rq, cases[i].must_tell, &e);

		CHECK_ROW(
		    rc == (cases[i].ok ? RC_OK : RC_INVALID), cases[i].line, "let through or not");
		CHECK_STR_ROW(e.code, cases[i].ok ? "" : "foreign_origin", cases[i].line);
	}
}

const struct unit_test unit_tests[] = {
	{ "Origin and Sec-Fetch-Site", test_origin },
	{ NULL, NULL },
};
