#include "core/buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static void test_empty(void)
{
	struct buf b;

	buf_init(&b, 10);
	CU_ASSERT(b.p == NULL && b.len == 0 && b.cap == 0 && !buf_broken(&b));
	CHECK_STR(buf_str(&b), "");
	buf_add(&b, "abc", 0);
	buf_adds(&b, "");
	buf_addf(&b, "%s", "");
	CHECK_STR(buf_str(&b), "");
	CU_ASSERT(!buf_broken(&b) && b.len == 0);
	CU_ASSERT(buf_detach(&b) == NULL);
	buf_free(&b);
	buf_free(&b);
	b = (struct buf){ 0 };
	buf_free(&b);
}

/* What fits is kept whole, what does not is left out whole, and nothing comes after it. */
static void test_maximum(void)
{
	static const struct {
		unsigned line;
		size_t max;
		const char *first, *second, *third;
		const char *want;
		bool broken;
	} cases[] = {
		{ __LINE__, 6, "abc", "def", "", "abcdef", false },
		{ __LINE__, 5, "abc", "def", "", "abc", true },
		{ __LINE__, 5, "abc", "def", "g", "abc", true },
		{ __LINE__, 3, "abc", "", "", "abc", false },
		{ __LINE__, 2, "abc", "", "", "", true },
		{ __LINE__, 0, "a", "", "", "", true },
		{ __LINE__, 0, "", "", "", "", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (int formatted = 0; formatted < 2; formatted++) {
			const char *const parts[] = { cases[i].first, cases[i].second,
				cases[i].third };
			struct buf b;

			buf_init(&b, cases[i].max);
			for (size_t k = 0; k < 3; k++)
				if (formatted)
					buf_addf(&b, "%s", parts[k]);
				else
					buf_adds(&b, parts[k]);
			CHECK_STR_ROW(buf_str(&b), cases[i].want, cases[i].line);
			CHECK_ROW(buf_broken(&b) == cases[i].broken, cases[i].line, "broken");
			CHECK_ROW(b.len == strlen(cases[i].want), cases[i].line, "length");
			CHECK_ROW(b.cap <= cases[i].max + 1, cases[i].line, "capacity");
			buf_free(&b);
		}
	}
}

static void test_growth(void)
{
	enum { MAX = 5000 };
	struct buf b;

	buf_init(&b, MAX);
	for (int i = 0; i < MAX; i++) {
		buf_add(&b, &"0123456789"[i % 10], 1);
		CU_ASSERT_FATAL(b.cap > b.len && b.cap <= MAX + 1 && b.p[b.len] == '\0');
	}
	CU_ASSERT(!buf_broken(&b) && b.len == MAX);
	for (int i = 0; i < MAX; i++)
		CU_ASSERT_FATAL(b.p[i] == '0' + i % 10);
	buf_add(&b, "x", 1);
	CU_ASSERT(buf_broken(&b) && b.len == MAX);
	buf_free(&b);
	buf_init(&b, SIZE_MAX / 2);
	buf_add(&b, "a\0b", 3);
	CU_ASSERT(b.len == 3 && memcmp(b.p, "a\0b", 4) == 0);
	buf_free(&b);
}

static void test_reserve(void)
{
	struct buf b;
	char *room;

	buf_init(&b, 8);
	room = buf_reserve(&b, 8);
	CU_ASSERT_FATAL(room != NULL && b.len == 0 && room[8] == '\0');
	memcpy(room, "12345", 5);
	b.len += 5;
	CU_ASSERT(buf_reserve(&b, 3) == b.p + 5);
	CU_ASSERT(buf_reserve(&b, 4) == NULL && buf_broken(&b));
	CU_ASSERT(buf_reserve(&b, 1) == NULL);
	buf_free(&b);
	buf_init(&b, 8);
	CU_ASSERT(buf_reserve(&b, SIZE_MAX) == NULL && buf_broken(&b));
	buf_free(&b);
}

static void test_clear_and_detach(void)
{
	struct buf b;
	char *p;

	buf_init(&b, 4);
	buf_adds(&b, "12345");
	CU_ASSERT(buf_broken(&b) && buf_detach(&b) == NULL);
	CU_ASSERT(!buf_broken(&b) && b.p == NULL && b.max == 4);
	buf_adds(&b, "123");
	buf_adds(&b, "45");
	CU_ASSERT(buf_broken(&b));
	buf_clear(&b);
	CHECK_STR(buf_str(&b), "");
	CU_ASSERT(!buf_broken(&b) && b.max == 4 && b.cap > 0);
	buf_adds(&b, "1234");
	p = buf_detach(&b);
	CHECK_STR(p, "1234");
	CU_ASSERT(b.p == NULL && b.len == 0 && b.max == 4);
	free(p);
	buf_clear(&b);
	buf_free(&b);
}

const struct unit_test unit_tests[] = {
	{ "empty", test_empty },
	{ "the maximum, at and over", test_maximum },
	{ "growth to the maximum, byte by byte", test_growth },
	{ "room to fill", test_reserve },
	{ "clear and detach", test_clear_and_detach },
	{ NULL, NULL },
};
