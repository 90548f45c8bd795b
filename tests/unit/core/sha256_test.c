#include "core/sha256.h"

#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

/* FIPS 180-4's examples, as NIST publishes them. */
static void test_known(void)
{
	static const struct {
		unsigned line;
		const char *text, *want;
	} cases[] = {
		{ __LINE__, "",
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ __LINE__, "abc",
		    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ __LINE__, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t digest[SHA256_BYTES];
		char hex[SHA256_TEXT], again[SHA256_TEXT];

		sha256_hex(cases[i].text, strlen(cases[i].text), hex);
		CHECK_STR_ROW(hex, cases[i].want, cases[i].line);
		sha256(cases[i].text, strlen(cases[i].text), digest);
		hex_encode(digest, sizeof digest, again);
		CHECK_STR_ROW(again, cases[i].want, cases[i].line);
	}
}

static void test_million(void)
{
	char *a = malloc(1000000), hex[SHA256_TEXT];

	CU_ASSERT_FATAL(a != NULL);
	memset(a, 'a', 1000000);
	sha256_hex(a, 1000000, hex);
	CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(a);
}

static void test_hex(void)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0x0f, 0x10, 0x7f, 0x80, 0xab, 0xff };
	char out[17];

	hex_encode(bytes, sizeof bytes, out);
	CHECK_STR(out, "00010f107f80abff");
	hex_encode(bytes, 0, out);
	CHECK_STR(out, "");
}

const struct unit_test unit_tests[] = {
	{ "published examples", test_known },
	{ "a million letters", test_million },
	{ "hex digits", test_hex },
	{ NULL, NULL },
};
