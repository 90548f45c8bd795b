#include "core/utf8.h"

#include <string.h>

#include "unit/unit.h"

static void test_decode(void)
{
	static const struct {
		unsigned line;
		const char *bytes;
		size_t length;
		uint32_t code_point;
	} cases[] = {
		{ __LINE__, "A", 1, 'A' },
		{ __LINE__, "\x7F", 1, 0x7F },
		{ __LINE__, "\xC2\x80", 2, 0x80 },
		{ __LINE__, "\xDF\xBF", 2, 0x7FF },
		{ __LINE__, "\xE0\xA0\x80", 3, 0x800 },
		{ __LINE__, "\xED\x9F\xBF", 3, 0xD7FF },
		{ __LINE__, "\xEF\xBF\xBF", 3, 0xFFFF },
		{ __LINE__, "\xF0\x90\x80\x80", 4, 0x10000 },
		{ __LINE__, "\xF4\x8F\xBF\xBF", 4, 0x10FFFF },
		{ __LINE__, "\xC5\x9Fx", 2, 0x15F },
		{ __LINE__, "\x80", 0, 0 },
		{ __LINE__, "\xC0\x80", 0, 0 },
		{ __LINE__, "\xC1\xBF", 0, 0 },
		{ __LINE__, "\xE0\x9F\xBF", 0, 0 },
		{ __LINE__, "\xED\xA0\x80", 0, 0 },
		{ __LINE__, "\xF0\x8F\xBF\xBF", 0, 0 },
		{ __LINE__, "\xF4\x90\x80\x80", 0, 0 },
		{ __LINE__, "\xF5\x80\x80\x80", 0, 0 },
		{ __LINE__, "\xC5", 0, 0 },
		{ __LINE__, "\xC5x", 0, 0 },
		{ __LINE__, "\xE2\x82", 0, 0 },
		{ __LINE__, "\xE2\x82\xC2", 0, 0 },
		{ __LINE__, "\xFF", 0, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t c = 0;

		CHECK_ROW(
		    utf8_decode(cases[i].bytes, strlen(cases[i].bytes), &c) == cases[i].length,
		    cases[i].line, "length");
		CHECK_ROW(c == cases[i].code_point, cases[i].line, "code point");
	}
	CU_ASSERT(utf8_is_control(0) && utf8_is_control(0x1F) && utf8_is_control(0x7F));
	CU_ASSERT(utf8_is_control(0x9F) && !utf8_is_control(' ') && !utf8_is_control(0xA0));
}

const struct unit_test unit_tests[] = {
	{ "characters", test_decode },
	{ NULL, NULL },
};
