#include "http/disposition.h"

#include <string.h>

#include "unit/unit.h"

#define INLINE "inline; filename*=UTF-8''"

static void test_names(void)
{
	static const struct {
		unsigned line;
		const char *name, *want;
	} cases[] = {
		{ __LINE__, "fatura.pdf", INLINE "fatura.pdf" },
		{ __LINE__, "a b.pdf", INLINE "a%20b.pdf" },
		{ __LINE__, "ş.pdf", INLINE "%C5%9F.pdf" },
		{ __LINE__, "\U0001F9FE", INLINE "%F0%9F%A7%BE" },
		{ __LINE__, "100%.pdf", INLINE "100%25.pdf" },
		{ __LINE__, "a\"b'c*d;e,f\\g", INLINE "a%22b%27c%2Ad%3Be%2Cf%5Cg" },
		{ __LINE__, "!#$&+-.^_`|~09AZaz", INLINE "!#$&+-.^_`|~09AZaz" },
		{ __LINE__, "a\r\nSet-Cookie: b", INLINE "a%0D%0ASet-Cookie%3A%20b" },
		{ __LINE__, "", INLINE },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[DISPOSITION_SIZE];

		disposition_inline(cases[i].name, out);
		CHECK_STR_ROW(out, cases[i].want, cases[i].line);
	}
}

static void test_longest(void)
{
	char name[2 * FILENAME_SIZE], out[DISPOSITION_SIZE];

	memset(name, '%', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	disposition_inline(name, out);
	CU_ASSERT(strlen(out) == strlen(INLINE) + (size_t)3 * (FILENAME_SIZE - 1));
}

const struct unit_test unit_tests[] = {
	{ "names in headers", test_names },
	{ "the longest name", test_longest },
	{ NULL, NULL },
};
