#include "http/etag.h"

#include <stdio.h>

#include "unit/unit.h"

static void test_parse(void)
{
	static const struct {
		unsigned line;
		const char *value;
		bool ok, strong, weak; /* has it the tag "a1", compared strongly, weakly? */
	} cases[] = {
		{ __LINE__, "*", true, true, true },
		{ __LINE__, " * ", true, true, true },
		{ __LINE__, "\"a1\"", true, true, true },
		{ __LINE__, "\t\"a1\" ", true, true, true },
		{ __LINE__, "W/\"a1\"", true, false, true },
		{ __LINE__, "\"x\", \"a1\"", true, true, true },
		{ __LINE__, ",, \"x\" ,W/\"a1\",", true, false, true },
		{ __LINE__, "W/\"a1\",\"a1\"", true, true, true },
		{ __LINE__, "\"\"", true, false, false },
		{ __LINE__, "\"a\"", true, false, false },
		{ __LINE__, "\"a12\"", true, false, false },
		{ __LINE__, "\"A1\"", true, false, false },
		{ __LINE__, "\"x,\\\",\"a1\"", true, true,
		    true }, /* no escapes, commas are plain */
		{ __LINE__, "\"\xC5\x9F\"", true, false, false },
		{ __LINE__, "", false, false, false },
		{ __LINE__, " , ", false, false, false },
		{ __LINE__, "a1", false, false, false },
		{ __LINE__, "\"a1", false, false, false },
		{ __LINE__, "a1\"", false, false, false },
		{ __LINE__, "w/\"a1\"", false, false, false },
		{ __LINE__, "W/a1", false, false, false },
		{ __LINE__, "W/ \"a1\"", false, false, false },
		{ __LINE__, "W", false, false, false },
		{ __LINE__, "\"a 1\"", false, false, false },
		{ __LINE__, "\"a\x7F\"", false, false, false },
		{ __LINE__, "\"a1\" \"a1\"", false, false, false },
		{ __LINE__, "\"a1\"\"a1\"", false, false, false },
		{ __LINE__, "*, \"a1\"", false, false, false },
		{ __LINE__, "\"a1\", *", false, false, false },
		{ __LINE__, "**", false, false, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct etags list = { .any = false };
		struct err e = { .code = "" };
		enum rc rc = etags_parse(cases[i].value, &list, &e);

		CHECK_ROW(rc == (cases[i].ok ? RC_OK : RC_INVALID), cases[i].line, cases[i].value);
		CHECK_STR_ROW(e.code, cases[i].ok ? "" : "invalid_precondition", cases[i].line);
		CHECK_ROW(
		    etags_have(&list, "a1", false) == cases[i].strong, cases[i].line, "strong");
		CHECK_ROW(etags_have(&list, "a1", true) == cases[i].weak, cases[i].line, "weak");
	}
}

static void test_maximum(void)
{
	static const char sixteen[] = "\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\","
				      "\"9\",\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"";
	char seventeen[sizeof sixteen + 4];
	struct etags list;

	CU_ASSERT(etags_parse(sixteen, &list, NULL) == RC_OK && list.n == ETAG_MAX);
	CU_ASSERT(etags_have(&list, "f", false) && !etags_have(&list, "g", false));
	(void)snprintf(seventeen, sizeof seventeen, "%s,\"g\"", sixteen);
	CU_ASSERT(etags_parse(seventeen, &list, NULL) == RC_INVALID);
}

const struct unit_test unit_tests[] = {
	{ "lists of tags", test_parse },
	{ "as many as there may be", test_maximum },
	{ NULL, NULL },
};
