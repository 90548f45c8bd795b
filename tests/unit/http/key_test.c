#include "http/key.h"

#include <string.h>

#include "unit/unit.h"

static void test_equal(void)
{
	static const struct {
		unsigned line;
		const char *given, *expected;
		bool want;
	} cases[] = {
		{ __LINE__, "0123456789abcdef", "0123456789abcdef", true },
		{ __LINE__, "0123456789abcdef", "0123456789abcdeF", false },
		{ __LINE__, "0123456789abcde", "0123456789abcdef", false },
		{ __LINE__, "0123456789abcdef0", "0123456789abcdef", false },
		{ __LINE__, "", "0123456789abcdef", false },
		{ __LINE__, "", "", false },
		{ __LINE__, NULL, "0123456789abcdef", false },
		{ __LINE__, "0123456789abcdef", NULL, false },
		{ __LINE__, NULL, NULL, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_ROW(key_equal(cases[i].given, cases[i].expected) == cases[i].want,
		    cases[i].line, "equal");
}

static void test_hash(void)
{
	static const uint8_t abc[KEY_HASH_SIZE] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
		0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad }; /* FIPS 180-4 */
	uint8_t got[KEY_HASH_SIZE];

	key_hash("abc", got);
	CU_ASSERT(memcmp(got, abc, sizeof abc) == 0);
}

const struct unit_test unit_tests[] = {
	{ "equality", test_equal },
	{ "hash", test_hash },
	{ NULL, NULL },
};
