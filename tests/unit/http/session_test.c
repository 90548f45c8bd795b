#include "http/session.h"

#include <string.h>

#include "unit/unit.h"

#define ID    "123e4567-e89b-42d3-a456-426614174000"
#define OTHER "123e4567-e89b-42d3-a456-426614174001"
/* printf %s $ID | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f */
#define MAC     "73dcc7d31ba28d3cb463ef747f54c73411a489f2588199e821a64f9adb298490"
#define VALUE   ID "." MAC
#define OURS    "__Host-mizan_session=" VALUE
#define LONG(x) x x x x x x x x x x x x x x x x

static const uint8_t secret[SESSION_SECRET_SIZE] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };

static void test_sign(void)
{
	char value[SESSION_VALUE_SIZE], id[RANDOM_UUID_TEXT] = "";

	CU_ASSERT_FATAL(session_sign(secret, ID, value));
	CHECK_STR(value, VALUE);
	CU_ASSERT(session_verify(secret, value, id));
	CHECK_STR(id, ID);
	CU_ASSERT(session_verify(secret, value, NULL));
}

static void test_forged(void)
{
	static const struct {
		unsigned line;
		const char *value;
	} cases[] = {
		{ __LINE__, "" },
		{ __LINE__, "." },
		{ __LINE__, ID },
		{ __LINE__, ID "." },
		{ __LINE__, VALUE "0" },
		{ __LINE__, ID MAC "." },
		{ __LINE__, ID "-" MAC },
		{ __LINE__, OTHER "." MAC },
		{ __LINE__, "123E4567-e89b-42d3-a456-426614174000." MAC },
		{ __LINE__, MAC "." ID },
		{ __LINE__, "'or '1'='1' --                      ." MAC },
	};
	uint8_t another[SESSION_SECRET_SIZE];
	char value[] = VALUE, id[RANDOM_UUID_TEXT] = "untouched";

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_ROW(!session_verify(secret, cases[i].value, id), cases[i].line, "forged");
	for (size_t i = 0; i < sizeof value - 1; i++) {
		value[i] ^= 1;
		CU_ASSERT(!session_verify(secret, value, id));
		value[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof another; i++) {
		memcpy(another, secret, sizeof another);
		another[i] ^= 0x80;
		CU_ASSERT(!session_verify(another, VALUE, id));
	}
	CHECK_STR(id, "untouched");
}

static void test_cookie(void)
{
	static const struct {
		unsigned line;
		const char *cookies;
		enum rc rc;
	} cases[] = {
		{ __LINE__, NULL, RC_NOT_FOUND },
		{ __LINE__, "", RC_NOT_FOUND },
		{ __LINE__, ";", RC_NOT_FOUND },
		{ __LINE__, " ; ;;", RC_NOT_FOUND },
		{ __LINE__, "a=b", RC_NOT_FOUND },
		{ __LINE__, "mizan_session=" VALUE, RC_NOT_FOUND },
		{ __LINE__, "__host-mizan_session=" VALUE, RC_NOT_FOUND },
		{ __LINE__, "x__Host-mizan_session=" VALUE, RC_NOT_FOUND },
		{ __LINE__, "x=" OURS, RC_NOT_FOUND },
		{ __LINE__, "__Host-mizan_session2=" VALUE, RC_NOT_FOUND },
		{ __LINE__, "__Host-mizan_session", RC_NOT_FOUND },
		{ __LINE__, "__Host-mizan_session =" VALUE, RC_NOT_FOUND },
		{ __LINE__, OURS, RC_OK },
		{ __LINE__, OURS ";", RC_OK },
		{ __LINE__, "a=b; " OURS, RC_OK },
		{ __LINE__, "a=b;" OURS ";c=d", RC_OK },
		{ __LINE__, " \t" OURS " \t; c=d", RC_OK },
		{ __LINE__, "a; b=; =c; " OURS, RC_OK },
		{ __LINE__, LONG(LONG("theme=dark; ")) OURS, RC_OK },
		{ __LINE__, OURS "; " OURS, RC_INVALID },
		{ __LINE__, OURS "; __Host-mizan_session=", RC_INVALID },
		{ __LINE__, "__Host-mizan_session=x; " OURS, RC_INVALID },
		{ __LINE__, "__Host-mizan_session=", RC_INVALID },
		{ __LINE__, OURS "0", RC_INVALID },
		{ __LINE__, OURS ",", RC_INVALID },
		{ __LINE__, "__Host-mizan_session=\"" VALUE "\"", RC_INVALID },
		{ __LINE__, "__Host-mizan_session= " VALUE, RC_INVALID },
		{ __LINE__, "__Host-mizan_session=" LONG(LONG("0123456789abcdef")), RC_INVALID },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char value[SESSION_VALUE_SIZE] = "";

		CHECK_ROW(
		    session_cookie(cases[i].cookies, value) == cases[i].rc, cases[i].line, "code");
		CHECK_STR_ROW(value, cases[i].rc == RC_OK ? VALUE : "", cases[i].line);
	}
}

static void test_set_cookie(void)
{
	struct http_response rs;

	http_response_init(&rs);
	session_set_cookie(&rs, VALUE);
	session_set_cookie(&rs, NULL);
	CU_ASSERT_FATAL(rs.n_headers == 2);
	CHECK_STR(rs.headers[0].name, "Set-Cookie");
	CHECK_STR(
	    rs.headers[0].value, OURS "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200");
	CHECK_STR(rs.headers[1].value,
	    "__Host-mizan_session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
	http_response_free(&rs);
}

const struct unit_test unit_tests[] = {
	{ "signature", test_sign },
	{ "forged values", test_forged },
	{ "Cookie", test_cookie },
	{ "Set-Cookie", test_set_cookie },
	{ NULL, NULL },
};
