#include "core/json_write.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "unit/unit.h"

static void write_all(struct json_writer *w)
{
	json_write_object(w, NULL);
	json_write_text(w, "text", "x");
	json_write_text(w, "none", NULL);
	json_write_int(w, "least", INT64_MIN);
	json_write_bool(w, "yes", true);
	json_write_bool(w, "no", false);
	json_write_null(w, "null");
	json_write_raw(w, "digits", "12.50");
	json_write_raw(w, "nothing", NULL);
	json_write_list(w, "empty");
	json_write_list_end(w);
	json_write_list(w, "list");
	json_write_int(w, NULL, 1);
	json_write_object(w, NULL);
	json_write_object_end(w);
	json_write_list(w, NULL);
	json_write_null(w, NULL);
	json_write_list_end(w);
	json_write_object(w, NULL);
	json_write_raw(w, "a", "[0]");
	json_write_object_end(w);
	json_write_list_end(w);
	json_write_int(w, "last", -1);
	json_write_object_end(w);
}

static void check(bool spaced, const char *want)
{
	struct buf b;
	struct json_writer w = { .out = &b, .spaced = spaced };

	buf_init(&b, 1000);
	write_all(&w);
	CHECK_STR(buf_str(&b), want);
	buf_free(&b);
}

static void test_forms(void)
{
	check(false, "{\"text\":\"x\",\"none\":null,\"least\":-9223372036854775808,\"yes\":true,"
		     "\"no\":false,\"null\":null,\"digits\":12.50,\"nothing\":null,\"empty\":[],"
		     "\"list\":[1,{},[null],{\"a\":[0]}],\"last\":-1}");
	check(true, "{ \"text\": \"x\", \"none\": null, \"least\": -9223372036854775808, "
		    "\"yes\": true, \"no\": false, \"null\": null, \"digits\": 12.50, "
		    "\"nothing\": null, \"empty\": [ ], \"list\": [ 1, { }, [ null ], "
		    "{ \"a\": [0] } ], \"last\": -1 }");
}

static void test_strings(void)
{
	static const struct {
		unsigned line;
		const char *text, *want;
	} cases[] = {
		{ __LINE__, "", "\"\"" },
		{ __LINE__, "plain / text", "\"plain / text\"" },
		{ __LINE__, "\"\\", "\"\\\"\\\\\"" },
		{ __LINE__, "\b\t\n\v\f\r", "\"\\b\\t\\n\\u000b\\f\\r\"" },
		{ __LINE__, "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
		{ __LINE__, "ölçü ₺ 😀", "\"ölçü ₺ 😀\"" },
		{ __LINE__, "\xff", "\"\xEF\xBF\xBD\"" },
		{ __LINE__, "a\xc3", "\"a\xEF\xBF\xBD\"" },
		{ __LINE__, "plain\n", "\"plain\\n\"" },
		{ __LINE__,
		    "a\xfe\xff"
		    "b",
		    "\"a" UTF8_REPLACEMENT UTF8_REPLACEMENT "b\"" },
		{ __LINE__, "cut \xc3", "\"cut " UTF8_REPLACEMENT "\"" },
		{ __LINE__, "\xc3x", "\"" UTF8_REPLACEMENT "x\"" },
		{ __LINE__, "\xe2\x82", "\"" UTF8_REPLACEMENT UTF8_REPLACEMENT "\"" },
		{ __LINE__, "\xc0\xaf", "\"" UTF8_REPLACEMENT UTF8_REPLACEMENT "\"" },
		{ __LINE__, "\xc0\xaf\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\\\"\"" },
		{ __LINE__, "\xed\xa0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b;
		struct json_writer w = { .out = &b };

		buf_init(&b, 1000);
		json_write_text(&w, NULL, cases[i].text);
		CHECK_STR_ROW(buf_str(&b), cases[i].want, cases[i].line);
		CHECK_ROW(!buf_broken(&b), cases[i].line, "fits");
		buf_free(&b);
	}
}

/* However little fits, the buffer says so, and none overflows. */
static void test_too_small(void)
{
	char whole[1000], room[1000];
	struct buf b;
	struct json_writer w = { .out = &b };
	size_t len;

	buf_init_fixed(&b, whole, sizeof whole);
	write_all(&w);
	len = b.len;
	CU_ASSERT_FATAL(!buf_broken(&b) && len > 100);
	for (size_t size = 1; size <= len; size++) {
		w = (struct json_writer){ .out = &b };
		memset(room, '#', sizeof room);
		buf_init_fixed(&b, room, size);
		write_all(&w);
		CU_ASSERT(buf_broken(&b) && room[size] == '#');
	}
	w = (struct json_writer){ .out = &b };
	buf_init_fixed(&b, room, len + 1);
	write_all(&w);
	CU_ASSERT(!buf_broken(&b));
	CHECK_STR(room, whole);
}

const struct unit_test unit_tests[] = {
	{ "every kind of value", test_forms },
	{ "strings", test_strings },
	{ "too small a buffer", test_too_small },
	{ NULL, NULL },
};
