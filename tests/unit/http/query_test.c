#include "http/query.h"

#include <string.h>

#include "unit/unit.h"

static void test_get(void)
{
	static const struct {
		unsigned line;
		const char *query;
		enum rc rc;
		const char *want; /* of parameter "p", in 8 bytes */
	} cases[] = {
		{ __LINE__, "p=abc", RC_OK, "abc" },
		{ __LINE__, "a=1&p=abc&b=2", RC_OK, "abc" },
		{ __LINE__, "p", RC_OK, "" },
		{ __LINE__, "p=", RC_OK, "" },
		{ __LINE__, "p&a", RC_OK, "" },
		{ __LINE__, "&&p=1&&", RC_OK, "1" },
		{ __LINE__, "p=a=b", RC_OK, "a=b" },
		{ __LINE__, "p=a;q=b", RC_OK, "a;q=b" },
		{ __LINE__, "p=a+b%20c", RC_OK, "a b c" },
		{ __LINE__, "p=%2B%26%3d", RC_OK, "+&=" },
		{ __LINE__, "%70=x", RC_OK, "x" },
		{ __LINE__, "p=%C3%BC", RC_OK, "\xC3\xBC" },
		{ __LINE__, "p=\xC3\xBC", RC_OK, "\xC3\xBC" },
		{ __LINE__, "p=\xC3%BC", RC_OK, "\xC3\xBC" },
		{ __LINE__, "p=1234567", RC_OK, "1234567" },
		{ __LINE__, "p=12345%36%37", RC_OK, "1234567" },
		{ __LINE__, "q=%zz&p=1", RC_OK, "1" },
		{ __LINE__, "", RC_NOT_FOUND, NULL },
		{ __LINE__, "=p", RC_NOT_FOUND, NULL },
		{ __LINE__, "P=1", RC_NOT_FOUND, NULL },
		{ __LINE__, "pp=1&q=p", RC_NOT_FOUND, NULL },
		{ __LINE__, "p=12345678", RC_INVALID, NULL },
		{ __LINE__, "p=1&p=1", RC_INVALID, NULL },
		{ __LINE__, "p=1&%70=2", RC_INVALID, NULL },
		{ __LINE__, "p&p", RC_INVALID, NULL },
		{ __LINE__, "p=%", RC_INVALID, NULL },
		{ __LINE__, "p=%4", RC_INVALID, NULL },
		{ __LINE__, "p=%4&a=1", RC_INVALID, NULL },
		{ __LINE__, "p=%4g", RC_INVALID, NULL },
		{ __LINE__, "p=%g4", RC_INVALID, NULL },
		{ __LINE__, "p=%-1", RC_INVALID, NULL },
		{ __LINE__, "p=%00", RC_INVALID, NULL },
		{ __LINE__, "p=a%0Ab", RC_INVALID, NULL },
		{ __LINE__, "p=%7f", RC_INVALID, NULL },
		{ __LINE__, "p=\t", RC_INVALID, NULL },
		{ __LINE__, "p=%C2%85", RC_INVALID, NULL },
		{ __LINE__, "p=%ff", RC_INVALID, NULL },
		{ __LINE__, "p=%C3", RC_INVALID, NULL },
		{ __LINE__, "p=%C3&a=%BC", RC_INVALID, NULL },
		{ __LINE__, "p=%C0%80", RC_INVALID, NULL },
		{ __LINE__, "p=%ED%A0%80", RC_INVALID, NULL },
		{ __LINE__, "%zz=1&p=1", RC_INVALID, NULL },
		{ __LINE__, "p=1&a%00=1", RC_INVALID, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[8] = "before";
		struct err e = { .rc = RC_OK };
		enum rc rc = query_get(cases[i].query, "p", out, sizeof out, &e);

		CHECK_ROW(rc == cases[i].rc, cases[i].line, cases[i].query);
		CHECK_STR_ROW(out, cases[i].want != NULL ? cases[i].want : "before", cases[i].line);
		CHECK_STR_ROW(e.code, rc == RC_INVALID ? "invalid_query" : "", cases[i].line);
	}
}

static void test_long_name(void)
{
	char query[600], out[8];
	struct err e;

	memset(query, 'a', sizeof query);
	memcpy(query + sizeof query - 5, "&p=1", 5);
	CU_ASSERT(query_get(query, "p", out, sizeof out, &e) == RC_INVALID);
	CU_ASSERT(query_get(query + 400, "p", out, sizeof out, &e) == RC_OK);
	CU_ASSERT(query_get("p", "p", out, 0, &e) == RC_INVALID);
}

static void test_bool(void)
{
	static const struct {
		unsigned line;
		const char *query;
		bool before;
		enum rc rc;
		bool after;
	} cases[] = {
		{ __LINE__, "", false, RC_OK, false },
		{ __LINE__, "", true, RC_OK, true },
		{ __LINE__, "b=true", false, RC_OK, true },
		{ __LINE__, "b=1", false, RC_OK, true },
		{ __LINE__, "b=false", true, RC_OK, false },
		{ __LINE__, "b=0", true, RC_OK, false },
		{ __LINE__, "b=", true, RC_INVALID, true },
		{ __LINE__, "b=TRUE", false, RC_INVALID, false },
		{ __LINE__, "b=yes", false, RC_INVALID, false },
		{ __LINE__, "b=truetrue", false, RC_INVALID, false },
		{ __LINE__, "b=1&b=0", false, RC_INVALID, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bool out = cases[i].before;
		struct err e;

		CHECK_ROW(query_bool(cases[i].query, "b", &out, &e) == cases[i].rc, cases[i].line,
		    cases[i].query);
		CHECK_ROW(out == cases[i].after, cases[i].line, "value");
	}
}

static void test_int(void)
{
	static const struct {
		unsigned line;
		const char *query;
		int64_t min, max;
		enum rc rc;
		int64_t want; /* 5 before */
	} cases[] = {
		{ __LINE__, "", 1, 100, RC_OK, 5 },
		{ __LINE__, "n=1", 1, 100, RC_OK, 1 },
		{ __LINE__, "n=100", 1, 100, RC_OK, 100 },
		{ __LINE__, "n=007", 1, 100, RC_OK, 7 },
		{ __LINE__, "n=-3", -3, 3, RC_OK, -3 },
		{ __LINE__, "n=9223372036854775807", 0, INT64_MAX, RC_OK, INT64_MAX },
		{ __LINE__, "n=-9223372036854775808", INT64_MIN, 0, RC_OK, INT64_MIN },
		{ __LINE__, "n=0", 1, 100, RC_INVALID, 5 },
		{ __LINE__, "n=101", 1, 100, RC_INVALID, 5 },
		{ __LINE__, "n=9223372036854775808", INT64_MIN, INT64_MAX, RC_INVALID, 5 },
		{ __LINE__, "n=-9223372036854775809", INT64_MIN, INT64_MAX, RC_INVALID, 5 },
		{ __LINE__, "n=99999999999999999999999999", 0, INT64_MAX, RC_INVALID, 5 },
		{ __LINE__, "n=", 0, 100, RC_INVALID, 5 },
		{ __LINE__, "n=-", 0, 100, RC_INVALID, 5 },
		{ __LINE__, "n=%2B7", 0, 100, RC_INVALID, 5 },
		{ __LINE__, "n=+7", 0, 100, RC_INVALID, 5 },
		{ __LINE__, "n=7.0", 0, 100, RC_INVALID, 5 },
		{ __LINE__, "n=0x7", 0, 100, RC_INVALID, 5 },
		{ __LINE__, "n=1e1", 0, 100, RC_INVALID, 5 },
		{ __LINE__, "n=--7", -10, 100, RC_INVALID, 5 },
		{ __LINE__, "n=7&n=7", 0, 100, RC_INVALID, 5 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t out = 5;
		struct err e;

		CHECK_ROW(query_int(cases[i].query, "n", cases[i].min, cases[i].max, &out, &e) ==
			      cases[i].rc,
		    cases[i].line, cases[i].query);
		CHECK_ROW(out == cases[i].want, cases[i].line, "value");
	}
}

static void test_date(void)
{
	static const struct {
		unsigned line;
		const char *query;
		enum rc rc;
		int64_t want;
	} cases[] = {
		{ __LINE__, "", RC_OK, 7 },
		{ __LINE__, "d=1970-01-03", RC_OK, 2 },
		{ __LINE__, "d=1970%2D01-03", RC_OK, 2 },
		{ __LINE__, "d=", RC_INVALID, 7 },
		{ __LINE__, "d=1970-02-30", RC_INVALID, 7 },
		{ __LINE__, "d=1970-01-03T00:00:00Z", RC_INVALID, 7 },
		{ __LINE__, "d=1970-01-03&d=1970-01-03", RC_INVALID, 7 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t out = 7;
		struct err e;

		CHECK_ROW(query_date(cases[i].query, "d", &out, &e) == cases[i].rc, cases[i].line,
		    cases[i].query);
		CHECK_ROW(out == cases[i].want, cases[i].line, "value");
		if (cases[i].rc == RC_INVALID)
			CHECK_STR_ROW(e.code, "invalid_query", cases[i].line);
	}
}

static void test_choice(void)
{
	static const char *const choices[] = { "OPEN", "ACK", NULL };
	static const struct {
		unsigned line;
		const char *query;
		enum rc rc;
		const char *want;
	} cases[] = {
		{ __LINE__, "", RC_OK, "default" },
		{ __LINE__, "c=", RC_OK, "default" },
		{ __LINE__, "c=ACK", RC_OK, "ACK" },
		{ __LINE__, "c=%41CK", RC_OK, "ACK" },
		{ __LINE__, "c=ack", RC_INVALID, "default" },
		{ __LINE__, "c=ACK,OPEN", RC_INVALID, "default" },
		{ __LINE__, "c=ACK&c=OPEN", RC_INVALID, "default" },
		{ __LINE__, "c=ACK%00", RC_INVALID, "default" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *out = "default";
		struct err e;

		CHECK_ROW(query_choice(cases[i].query, "c", choices, &out, &e) == cases[i].rc,
		    cases[i].line, cases[i].query);
		CHECK_STR_ROW(out, cases[i].want, cases[i].line);
		if (cases[i].rc == RC_INVALID)
			CHECK_STR_ROW(e.code, "invalid_query", cases[i].line);
	}
}

static void test_text(void)
{
	static const struct {
		unsigned line;
		const char *query;
		enum rc rc;
		const char *want;
	} cases[] = {
		{ __LINE__, "", RC_OK, "" },
		{ __LINE__, "t=", RC_OK, "" },
		{ __LINE__, "t=a+b", RC_OK, "a b" },
		{ __LINE__, "t=%C5%9F%C5%9F%C5%9F", RC_OK, "şşş" },
		{ __LINE__, "t=abcd", RC_INVALID, NULL },
		{ __LINE__, "t=%C5%9F%C5%9F%C5%9F%C5%9F", RC_INVALID, NULL },
		{ __LINE__, "t=abcdefghijklmnopq", RC_INVALID, NULL },
		{ __LINE__, "t=%0A", RC_INVALID, NULL },
		{ __LINE__, "t=a&t=b", RC_INVALID, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[4 * 3 + 1] = "before";
		struct err e;

		CHECK_ROW(query_text(cases[i].query, "t", 3, out, &e) == cases[i].rc, cases[i].line,
		    cases[i].query);
		if (cases[i].rc == RC_OK)
			CHECK_STR_ROW(out, cases[i].want, cases[i].line);
		else
			CHECK_STR_ROW(e.code, "invalid_query", cases[i].line);
	}
}

const struct unit_test unit_tests[] = {
	{ "one parameter, strictly", test_get },
	{ "names and sizes at their limits", test_long_name },
	{ "booleans", test_bool },
	{ "integers", test_int },
	{ "dates", test_date },
	{ "one of several names", test_choice },
	{ "text by its characters", test_text },
	{ NULL, NULL },
};
