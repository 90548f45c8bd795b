#include "http/idempotency.h"

#include <string.h>

#include "unit/unit.h"

static void test_parse(void)
{
	static const struct {
		unsigned line;
		const char *header;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ __LINE__, "8e03978e-40d5-43dd-bc93-6894a57f9324",
		    "8e03978e-40d5-43dd-bc93-6894a57f9324" },
		{ __LINE__, "\"8e03978e-40d5\"", "8e03978e-40d5" },
		{ __LINE__, "a", "a" },
		{ __LINE__, "!~", "!~" },
		{ __LINE__, "a\\b", "a\\b" },
		{ __LINE__, "\"a\\\\b\"", "a\\b" },
		{ __LINE__, "\"a\\\"b\"", "a\"b" },
		{ __LINE__, "", NULL },
		{ __LINE__, "\"\"", NULL },
		{ __LINE__, "\"", NULL },
		{ __LINE__, "\"a", NULL },
		{ __LINE__, "a\"", NULL },
		{ __LINE__, "a\"b", NULL },
		{ __LINE__, "\"a\"b\"", NULL },
		{ __LINE__, "\"a\\\"", NULL },
		{ __LINE__, "\"a\\b\"", NULL },
		{ __LINE__, "\"a\";p=1", NULL },
		{ __LINE__, "a b", NULL },
		{ __LINE__, "\"a b\"", NULL },
		{ __LINE__, " a", NULL },
		{ __LINE__, "a\t", NULL },
		{ __LINE__, "a\n", NULL },
		{ __LINE__, "a\x7F", NULL },
		{ __LINE__, "\xC5\x9F", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[IDEMPOTENCY_KEY_SIZE] = "before";
		struct err e = { .rc = RC_OK };
		enum rc rc = idempotency_key_parse(cases[i].header, out, &e);
		bool ok = cases[i].want != NULL;

		CHECK_ROW(rc == (ok ? RC_OK : RC_INVALID), cases[i].line, cases[i].header);
		CHECK_STR_ROW(out, ok ? cases[i].want : "before", cases[i].line);
		CHECK_STR_ROW(e.code, ok ? "" : "invalid_idempotency_key", cases[i].line);
	}
}

static void test_bounds(void)
{
	char header[300], out[IDEMPOTENCY_KEY_SIZE];
	struct err e = { .rc = RC_OK };

	CU_ASSERT(idempotency_key_parse(NULL, out, &e) == RC_NOT_FOUND);
	CU_ASSERT(e.rc == RC_OK);
	memset(header, 'k', sizeof header);
	header[256] = '\0';
	CU_ASSERT(idempotency_key_parse(header, out, &e) == RC_INVALID);
	CU_ASSERT(idempotency_key_parse(header + 1, out, &e) == RC_OK);
	CU_ASSERT(strlen(out) == 255);
	header[0] = header[256] = '"';
	header[257] = '\0';
	CU_ASSERT(idempotency_key_parse(header, out, &e) == RC_OK);
	CU_ASSERT(strlen(out) == 255);
}

const struct unit_test unit_tests[] = {
	{ "keys, bare and quoted", test_parse },
	{ "absent, and the length's bounds", test_bounds },
	{ NULL, NULL },
};
