#include "core/json_read.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "unit/unit.h"

#define TWICE   "an object has a key twice"
#define BYTE(n) "not a JSON object, from byte " #n

static void texts(void)
{
	static const struct {
		unsigned line;
		const char *text;
		const char *want; /* message; NULL: it is fine */
	} rows[] = {
		{ __LINE__, "{}", NULL },
		{ __LINE__, " {\"a\" : [ 1 , 2 ] , \"b\":{\"a\":null}}\r\n\t", NULL },
		{ __LINE__, "{\"a\":[],\"b\":[true,false,{}]}", NULL },
		{ __LINE__, "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e7\\u0000\"}", NULL },
		{ __LINE__, "{\"a\":\"\\ud83d\\ude00 \\ud83d\"}", NULL },
		{ __LINE__, "{\"a\":[0,-0,1.5,-1e5,1E+05,1e-7,12345678901234567890123]}", NULL },
		{ __LINE__, "{\"º\":\"Ü€😀\"}", NULL },
		{ __LINE__, "{\"\":1}", NULL },
		{ __LINE__, "", BYTE(0) },
		{ __LINE__, "[]", BYTE(0) },
		{ __LINE__, "\"{}\"", BYTE(0) },
		{ __LINE__, "1", BYTE(0) },
		{ __LINE__, "<html>", BYTE(0) },
		{ __LINE__, "\xef\xbb\xbf{}", BYTE(0) },
		{ __LINE__, "{", BYTE(1) },
		{ __LINE__, "{}x", BYTE(2) },
		{ __LINE__, "{}{}", BYTE(2) },
		{ __LINE__, "{\"a\":1,}", BYTE(7) },
		{ __LINE__, "{\"a\":[1,]}", BYTE(8) },
		{ __LINE__, "{a:1}", BYTE(1) },
		{ __LINE__, "{'a':1}", BYTE(1) },
		{ __LINE__, "{\"a\"}", BYTE(4) },
		{ __LINE__, "{\"a\":}", BYTE(5) },
		{ __LINE__, "{\"a\":1 \"b\":2}", BYTE(7) },
		{ __LINE__, "{\"a\":[1}", BYTE(7) },
		{ __LINE__, "{\"a\":NaN}", BYTE(5) },
		{ __LINE__, "{\"a\":nan}", BYTE(5) },
		{ __LINE__, "{\"a\":Infinity}", BYTE(5) },
		{ __LINE__, "{\"a\":-Infinity}", BYTE(6) },
		{ __LINE__, "{\"a\":TRUE}", BYTE(5) },
		{ __LINE__, "{\"a\":nul}", BYTE(5) },
		{ __LINE__, "{\"a\":01}", BYTE(6) },
		{ __LINE__, "{\"a\":+1}", BYTE(5) },
		{ __LINE__, "{\"a\":.5}", BYTE(5) },
		{ __LINE__, "{\"a\":1.}", BYTE(7) },
		{ __LINE__, "{\"a\":1e}", BYTE(7) },
		{ __LINE__, "{\"a\":0x10}", BYTE(6) },
		{ __LINE__, "{\"a\":1/*c*/}", BYTE(6) },
		{ __LINE__, "{\"a\":\"x}", BYTE(8) },
		{ __LINE__, "{\"a\":\"x\ny\"}", BYTE(7) },
		{ __LINE__, "{\"a\":\"\\x41\"}", BYTE(7) },
		{ __LINE__, "{\"a\":\"\\u12\"}", BYTE(10) },
		{ __LINE__, "{\"a\":\"\\u12", BYTE(8) },
		{ __LINE__, "{\"a\":\"\\", BYTE(7) },
		{ __LINE__, "{\"a\\u0000b\":1}", BYTE(5) },
		/* RFC 3629: overlong, surrogate, beyond U+10FFFF, stray and missing bytes */
		{ __LINE__, "{\"a\":\"\xc0\x80\"}", BYTE(6) },
		{ __LINE__, "{\"a\":\"\xe0\x80\x80\"}", BYTE(6) },
		{ __LINE__, "{\"a\":\"\xed\xa0\x80\"}", BYTE(6) },
		{ __LINE__, "{\"a\":\"\xf4\x90\x80\x80\"}", BYTE(6) },
		{ __LINE__, "{\"a\":\"\xf5\x80\x80\x80\"}", BYTE(6) },
		{ __LINE__, "{\"a\":\"\x80\"}", BYTE(6) },
		{ __LINE__, "{\"a\":\"\xff\"}", BYTE(6) },
		{ __LINE__, "{\"a\":\"\xe2\x82\"}", BYTE(6) },
		{ __LINE__, "{\"a\":\"\xe2\x82", BYTE(6) },
		{ __LINE__, "{\"a\":1,\"a\":1}", TWICE },
		{ __LINE__, "{\"a\":1,\"\\u0061\":2}", TWICE },
		{ __LINE__, "{\"b\":[{\"c\":{\"a\":1,\"x\":0,\"a\":2}}]}", TWICE },
		/* what the first of two held must not even out the count */
		{ __LINE__, "{\"a\":{\"b\":1},\"a\":{\"b\":1,\"c\":2}}", TWICE },
		{ __LINE__, "{\"a\":1,\"a\":{\"b\":1}}", TWICE },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct json_object *json = NULL;
		struct err e = { .msg = "" };
		enum rc rc = json_read(rows[i].text, strlen(rows[i].text), &json, &e);

		CHECK_ROW(rc == (rows[i].want == NULL ? RC_OK : RC_INVALID), rows[i].line, e.msg);
		CHECK_STR_ROW(e.msg, rows[i].want == NULL ? "" : rows[i].want, rows[i].line);
		CHECK_ROW((json != NULL) == (rc == RC_OK), rows[i].line, "output");
		json_object_put(json);
	}
}

/* {"a":[[[…]]]}, depth deep in all */
static enum rc parse_nested(int depth)
{
	struct json_object *json = NULL;
	struct buf b;
	enum rc rc;

	buf_init(&b, (size_t)1 << 22);
	buf_adds(&b, "{\"a\":");
	for (int i = 1; i < depth; i++)
		buf_adds(&b, "[");
	for (int i = 1; i < depth; i++)
		buf_adds(&b, "]");
	buf_adds(&b, depth == 1 ? "1}" : "}");
	rc = json_read(buf_str(&b), b.len, &json, NULL);
	json_object_put(json);
	buf_free(&b);
	return rc;
}

static void depth_is_bounded(void)
{
	CU_ASSERT_EQUAL(parse_nested(1), RC_OK);
	CU_ASSERT_EQUAL(parse_nested(JSON_READ_MAX_DEPTH), RC_OK);
	CU_ASSERT_EQUAL(parse_nested(JSON_READ_MAX_DEPTH + 1), RC_INVALID);
	CU_ASSERT_EQUAL(parse_nested(1000000), RC_INVALID);
}

static void raw_nul_is_no_json(void)
{
	static const char inside[] = "{\"a\":\"x\0y\"}", after[] = "{}\0";
	struct json_object *json = NULL;

	CU_ASSERT_EQUAL(json_read(inside, sizeof inside - 1, &json, NULL), RC_INVALID);
	CU_ASSERT_EQUAL(json_read(after, sizeof after - 1, &json, NULL), RC_INVALID);
	CU_ASSERT_PTR_NULL(json);
}

/* What comes out, written again by json-c. */
static void values(void)
{
	static const struct {
		unsigned line;
		const char *text, *want;
	} rows[] = {
		{ __LINE__, "{ }", "{}" },
		{ __LINE__, "{\"a\" : [ ] , \"b\":{\"c\":null}}", "{\"a\":[],\"b\":{\"c\":null}}" },
		{ __LINE__, "{\"a\":[true,false,null]}", "{\"a\":[true,false,null]}" },
		{ __LINE__, "{\"a\":[0,-0,7,-12]}", "{\"a\":[0,0,7,-12]}" },
		{ __LINE__, "{\"a\":[9223372036854775807,-9223372036854775808]}",
		    "{\"a\":[9223372036854775807,-9223372036854775808]}" },
		/* the digits as they stood */
		{ __LINE__, "{\"a\":[1.50,-1e5,1E+05,9223372036854775808,0.10000000000000000001]}",
		    "{\"a\":[1.50,-1e5,1E+05,9223372036854775808,0.10000000000000000001]}" },
		{ __LINE__, "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
		    "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}" },
		{ __LINE__, "{\"a\":\"\\u00e7\\u00C7\\u20ac\\u0041\"}", "{\"a\":\"çÇ€A\"}" },
		{ __LINE__, "{\"\\u00fc\":\"\\ud83d\\uDE00\"}", "{\"ü\":\"😀\"}" },
		{ __LINE__, "{\"a\":\"\\ud83d!\\ude00\\ud83d\\u0041\\ud83d\\ud83d\\ude00\"}",
		    "{\"a\":\"\xEF\xBF\xBD!\xEF\xBF\xBD\xEF\xBF\xBD"
		    "A\xEF\xBF\xBD😀\"}" },
		{ __LINE__, "{\"a\":\"x\\u0000y\"}", "{\"a\":\"x\\u0000y\"}" },
		/* more members than json-c makes room for at first */
		{ __LINE__,
		    "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,"
		    "\"j\":10,\"k\":11,\"l\":12,\"m\":13}",
		    "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,"
		    "\"j\":10,\"k\":11,\"l\":12,\"m\":13}" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct json_object *json = NULL;
		struct err e = { .msg = "" };

		CHECK_ROW(json_read(rows[i].text, strlen(rows[i].text), &json, &e) == RC_OK,
		    rows[i].line, e.msg);
		CHECK_STR_ROW(json_object_to_json_string_ext(
				  json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		    rows[i].want, rows[i].line);
		json_object_put(json);
	}
}

const struct unit_test unit_tests[] = {
	{ "texts", texts },
	{ "depth is bounded", depth_is_bounded },
	{ "raw NUL is no JSON", raw_nul_is_no_json },
	{ "values", values },
	{ NULL, NULL },
};
