#include "core/text.h"

#include <string.h>

#include "unit/unit.h"

#define TEXT(s) (s), sizeof(s) - 1

static void test_fits(void)
{
	static const struct {
		unsigned line;
		const char *text;
		size_t n, max;
		bool fits;
	} cases[] = {
		{ __LINE__, TEXT(""), 0, true },
		{ __LINE__, TEXT("a"), 0, false },
		{ __LINE__, TEXT("abc"), 3, true },
		{ __LINE__, TEXT("abcd"), 3, false },
		{ __LINE__, TEXT("şçğ"), 3, true }, /* characters, not bytes */
		{ __LINE__, TEXT("şçğı"), 3, false },
		{ __LINE__, TEXT("\U0001F9FE\U0001F9FE"), 2, true },
		{ __LINE__, TEXT("a\n\tb"), 4, true },
		{ __LINE__, TEXT("<script>\"'\\\u202E"), 40, true },
		{ __LINE__, TEXT("a\0b"), 9, false },
		{ __LINE__, TEXT("a\rb"), 9, false },
		{ __LINE__, TEXT("\x1B[31m"), 9, false },
		{ __LINE__, TEXT("\x7F"), 9, false },
		{ __LINE__, TEXT("\xC2\x85"), 9, false }, /* U+0085 */
		{ __LINE__, TEXT("\xFF"), 9, false },
		{ __LINE__, TEXT("a\xC5"), 9, false },
		{ __LINE__, TEXT("\xED\xA0\x80"), 9, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_ROW(text_fits(cases[i].text, cases[i].n, cases[i].max) == cases[i].fits,
		    cases[i].line, cases[i].text);
}

const struct unit_test unit_tests[] = {
	{ "length and characters", test_fits },
	{ NULL, NULL },
};
