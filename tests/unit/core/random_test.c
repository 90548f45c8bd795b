#include "core/random.h"

#include <string.h>

#include "unit/unit.h"

static void test_bytes(void)
{
	uint8_t a[300] = { 0 }, b[300] = { 0 };
	unsigned ones = 0;

	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	CU_ASSERT(memcmp(a, b, sizeof a) != 0);
	for (size_t i = 0; i < sizeof a; i++)
		for (unsigned bit = 0; bit < 8; bit++)
			ones += ((unsigned)a[i] >> bit) & 1U;
	CU_ASSERT(ones > 1000 && ones < 1400); /* 1200 expected, deviation 25 */
	random_bytes(a, 0);
}

/* Stays within the range, and reaches all of it. */
static void test_below(void)
{
	bool seen[6] = { false };

	for (int i = 0; i < 1000; i++) {
		uint64_t n = random_below(6);
		CU_ASSERT_FATAL(n < 6);
		seen[n] = true;
	}
	for (size_t i = 0; i < 6; i++)
		CU_ASSERT(seen[i]);
	CU_ASSERT(random_below(1) == 0);
}

static void test_hex(void)
{
	char a[65], b[65];

	random_hex(a, 32);
	random_hex(b, 32);
	CU_ASSERT(strlen(a) == 64 && strspn(a, "0123456789abcdef") == 64);
	CU_ASSERT(strcmp(a, b) != 0);
	random_hex(a, 1);
	CU_ASSERT(strlen(a) == 2);
	random_hex(a, 0);
	CHECK_STR(a, "");
	random_hex(a, 33);
	CU_ASSERT(strlen(a) == 64);
}

static void test_uuid(void)
{
	char a[RANDOM_UUID_TEXT], b[RANDOM_UUID_TEXT];

	for (int i = 0; i < 100; i++) {
		random_uuid(a);
		CU_ASSERT_FATAL(strlen(a) == 36);
		for (size_t k = 0; k < 36; k++) {
			bool dash = k == 8 || k == 13 || k == 18 || k == 23;
			CU_ASSERT((a[k] == '-') == dash);
			CU_ASSERT(dash || strchr("0123456789abcdef", a[k]) != NULL);
		}
		CU_ASSERT(a[14] == '4');
		CU_ASSERT(strchr("89ab", a[19]) != NULL);
	}
	random_uuid(b);
	CU_ASSERT(strcmp(a, b) != 0);
}

static void test_uuid_from_hex(void)
{
	static const struct {
		unsigned line;
		const char *hex, *want;
	} cases[] = {
		{ __LINE__, "00000000000000000000000000000000",
		    "00000000-0000-4000-8000-000000000000" },
		{ __LINE__, "ffffffffffffffffffffffffffffffff",
		    "ffffffff-ffff-4fff-afff-ffffffffffff" },
		{ __LINE__, "0123456789abcdef0123456789abcdef",
		    "01234567-89ab-4def-8123-456789abcdef" },
		{ __LINE__, "", "" },
		{ __LINE__, "0123456789abcdef0123456789abcde", "" },
		{ __LINE__, "0123456789abcdef0123456789abcdef0", "" },
		{ __LINE__, "0123456789ABCDEF0123456789abcdef", "" },
		{ __LINE__, "0123456789abcdeg0123456789abcdef", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char uuid[RANDOM_UUID_TEXT] = "";

		CHECK_ROW(uuid_from_hex(cases[i].hex, uuid) == (cases[i].want[0] != '\0'),
		    cases[i].line, "accepted");
		CHECK_STR_ROW(uuid, cases[i].want, cases[i].line);
	}
}

const struct unit_test unit_tests[] = {
	{ "UUIDs from a request's id", test_uuid_from_hex },
	{ "bytes", test_bytes },
	{ "numbers below", test_below },
	{ "hex digits", test_hex },
	{ "UUIDs of version 4", test_uuid },
	{ NULL, NULL },
};
