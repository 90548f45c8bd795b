#include "http/prefer.h"

#include <limits.h>

#include "unit/unit.h"

static void test_parse(void)
{
	static const struct {
		unsigned line;
		const char *header;
		bool respond_async;
		int wait_s;
	} cases[] = {
		{ __LINE__, NULL, false, -1 },
		{ __LINE__, "", false, -1 },
		{ __LINE__, "respond-async", true, -1 },
		{ __LINE__, "Respond-ASYNC", true, -1 },
		{ __LINE__, "respond-async, wait=10", true, 10 },
		{ __LINE__, "wait=0,respond-async", true, 0 },
		{ __LINE__, " , respond-async ,, wait = \"7\" , ", true, 7 },
		{ __LINE__, "respond-async; a=b; c, wait=3;x=\"y,z\"", true, 3 },
		{ __LINE__, "return=minimal; foo=\"respond-async\", wait=5", false, 5 },
		{ __LINE__, "foo=\", respond-async\", wait=2", false, 2 },
		{ __LINE__, "respond-async=\"\"", true, -1 },
		{ __LINE__, "respond-async=no", false, -1 },
		{ __LINE__, "respond-async=no, respond-async", false, -1 },
		{ __LINE__, "wait=1, wait=2", false, 1 },
		{ __LINE__, "wait=99999999999999999999", false, INT_MAX },
		{ __LINE__, "wait=2147483647", false, INT_MAX },
		{ __LINE__, "wait=2147483648", false, INT_MAX },
		{ __LINE__, "wait=-1", false, -1 },
		{ __LINE__, "wait=1.5", false, -1 },
		{ __LINE__, "wait", false, -1 },
		{ __LINE__, "wait=", false, -1 },
		{ __LINE__, "respond-asynchronous", false, -1 },
		{ __LINE__, "respond-async foo", false, -1 },
		{ __LINE__, "respond-async; =, wait=4", false, 4 },
		{ __LINE__, "foo=\"unended, respond-async", false, -1 },
		{ __LINE__, "\xFF\x01, wait=6", false, 6 },
		{ __LINE__, "respond-async;", true, -1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct prefer p = prefer_parse(cases[i].header);

		CHECK_ROW(
		    p.respond_async == cases[i].respond_async, cases[i].line, "respond-async");
		CHECK_ROW(p.wait_s == cases[i].wait_s, cases[i].line, "wait");
	}
}

const struct unit_test unit_tests[] = {
	{ "preferences", test_parse },
	{ NULL, NULL },
};
