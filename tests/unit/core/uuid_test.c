#include "core/uuid.h"

#include "unit/unit.h"

static void test_valid(void)
{
	static const struct {
		unsigned line;
		const char *text;
		bool want;
	} cases[] = {
		{ __LINE__, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true },
		{ __LINE__, "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", true },
		{ __LINE__, "00000000-0000-0000-0000-000000000000", true },
		{ __LINE__, "", false },
		{ __LINE__, "f81d4fae-7dec-11d0-a765-00a0c91e6bf", false },
		{ __LINE__, "f81d4fae-7dec-11d0-a765-00a0c91e6bf60", false },
		{ __LINE__, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6\n", false },
		{ __LINE__, "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}", false },
		{ __LINE__, "f81d4fae7dec11d0a76500a0c91e6bf6", false },
		{ __LINE__, "f81d4fae-7dec-11d0-a765-00a0c91e6bg6", false },
		{ __LINE__, "f81d4fae-7dec-11d0-a765--0a0c91e6bf6", false },
		{ __LINE__, "f81d4fae07dec-11d0-a765-00a0c91e6bf6", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_ROW(uuid_valid(cases[i].text) == cases[i].want, cases[i].line, cases[i].text);
}

const struct unit_test unit_tests[] = {
	{ "what a UUID is", test_valid },
	{ NULL, NULL },
};
