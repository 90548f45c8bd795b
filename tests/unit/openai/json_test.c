#include "openai/json.h"

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
		enum rc rc = openai_json_parse(rows[i].text, strlen(rows[i].text), &json, &e);

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
	rc = openai_json_parse(buf_str(&b), b.len, &json, NULL);
	json_object_put(json);
	buf_free(&b);
	return rc;
}

static void depth_is_bounded(void)
{
	CU_ASSERT_EQUAL(parse_nested(1), RC_OK);
	CU_ASSERT_EQUAL(parse_nested(OPENAI_JSON_MAX_DEPTH), RC_OK);
	CU_ASSERT_EQUAL(parse_nested(OPENAI_JSON_MAX_DEPTH + 1), RC_INVALID);
	CU_ASSERT_EQUAL(parse_nested(1000000), RC_INVALID);
}

static void raw_nul_is_no_json(void)
{
	static const char inside[] = "{\"a\":\"x\0y\"}", after[] = "{}\0";
	struct json_object *json = NULL;

	CU_ASSERT_EQUAL(openai_json_parse(inside, sizeof inside - 1, &json, NULL), RC_INVALID);
	CU_ASSERT_EQUAL(openai_json_parse(after, sizeof after - 1, &json, NULL), RC_INVALID);
	CU_ASSERT_PTR_NULL(json);
}

static void add_takes_what_it_is_given(void)
{
	struct json_object *object = json_object_new_object();

	CU_ASSERT_TRUE(openai_json_add(object, "a", json_object_new_int(1)));
	CU_ASSERT_FALSE(openai_json_add(object, "b", NULL));
	CU_ASSERT_FALSE(openai_json_add(NULL, "c", json_object_new_int(1)));
	CHECK_STR(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN), "{\"a\":1}");
	json_object_put(object);
}

const struct unit_test unit_tests[] = {
	{ "texts", texts },
	{ "depth is bounded", depth_is_bounded },
	{ "raw NUL is no JSON", raw_nul_is_no_json },
	{ "add takes what it is given", add_takes_what_it_is_given },
	{ NULL, NULL },
};
