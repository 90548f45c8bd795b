#include "unit/unit.h"

#include "invoice/decimal.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

#define NINES_38 "99999999999999999999999999999999999999"

static struct decimal dec(const char *text)
{
	struct decimal d = { 0 };

	CU_ASSERT_FATAL(decimal_parse(text, &d));
	return d;
}

static void check_decimal(struct decimal d, const char *want, unsigned line)
{
	char text[DECIMAL_TEXT];

	decimal_text(d, 0, text);
	CHECK_STR_ROW(text, want, line);
}

static void test_parse_and_text(void)
{
	/* text NULL: refused */
	static const struct {
		unsigned line;
		const char *in, *text;
	} cases[] = {
		{ __LINE__, "0", "0" },
		{ __LINE__, "-0", "0" },
		{ __LINE__, "-0.00", "0" },
		{ __LINE__, "007.50", "7.5" },
		{ __LINE__, "1234.56", "1234.56" },
		{ __LINE__, "-1234.56", "-1234.56" },
		{ __LINE__, "100", "100" },
		{ __LINE__, "0.000000000000000001", "0.000000000000000001" },
		{ __LINE__, NINES_38, NINES_38 },
		{ __LINE__, "-" NINES_38, "-" NINES_38 },
		{ __LINE__, "99999999999999999999.999999999999999999",
		    "99999999999999999999.999999999999999999" },
		{ __LINE__, "0000000000000000000000000000000000000000001", "1" },
		{ __LINE__, NINES_38 "9", NULL },
		{ __LINE__, "100000000000000000000000000000000000000", NULL },
		{ __LINE__, "123456789012345678901234567890123456789012345678901234567890", NULL },
		{ __LINE__, "0.0000000000000000000", NULL },
		{ __LINE__, "", NULL },
		{ __LINE__, "-", NULL },
		{ __LINE__, ".", NULL },
		{ __LINE__, ".5", NULL },
		{ __LINE__, "5.", NULL },
		{ __LINE__, "1.2.3", NULL },
		{ __LINE__, "--1", NULL },
		{ __LINE__, "+1", NULL },
		{ __LINE__, " 1", NULL },
		{ __LINE__, "1 ", NULL },
		{ __LINE__, "1,5", NULL },
		{ __LINE__, "1e5", NULL },
		{ __LINE__, "nan", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct decimal d = { 77, 3 };
		bool ok = decimal_parse(cases[i].in, &d);

		CHECK_ROW(ok == (cases[i].text != NULL), cases[i].line, cases[i].in);
		if (ok)
			check_decimal(d, cases[i].text, cases[i].line);
		else
			CHECK_ROW(d.coef == 77 && d.scale == 3, cases[i].line, "left untouched");
	}
	CU_ASSERT(!decimal_parse(NULL, &(struct decimal){ 0 }));
}

static void test_text_pads(void)
{
	char text[DECIMAL_TEXT];

	decimal_text(dec("1180"), 2, text);
	CHECK_STR(text, "1180.00");
	decimal_text(dec("0.1"), 4, text);
	CHECK_STR(text, "0.1000");
	decimal_text(dec("-0.125"), 2, text);
	CHECK_STR(text, "-0.125");
	decimal_text(dec("0"), 2, text);
	CHECK_STR(text, "0.00");
	decimal_text(dec("-" NINES_38), 99, text);
	CHECK_STR(text, "-" NINES_38 ".000000");
}

enum op { ADD, SUB, MUL };

static void test_arithmetic(void)
{
	/* result NULL: refused */
	static const struct {
		unsigned line;
		enum op op;
		const char *a, *b, *result;
	} cases[] = {
		{ __LINE__, ADD, "0.1", "0.2", "0.3" },
		{ __LINE__, ADD, "1", "0.001", "1.001" },
		{ __LINE__, ADD, "-5.50", "5.5", "0" },
		{ __LINE__, ADD, NINES_38, "0.00", NINES_38 },
		{ __LINE__, ADD, NINES_38, "1", NULL },
		{ __LINE__, ADD, NINES_38, NINES_38, NULL },
		{ __LINE__, ADD, "-" NINES_38, "-" NINES_38, NULL },
		{ __LINE__, ADD, NINES_38, "0.1", NULL },
		{ __LINE__, ADD, "0.1", NINES_38, NULL },
		{ __LINE__, SUB, "100", "100.01", "-0.01" },
		{ __LINE__, SUB, NINES_38, NINES_38, "0" },
		{ __LINE__, SUB, "-" NINES_38, "1", NULL },
		{ __LINE__, MUL, "1.5", "-2.25", "-3.375" },
		{ __LINE__, MUL, "-3", "-4", "12" },
		{ __LINE__, MUL, "0", NINES_38, "0" },
		{ __LINE__, MUL, "10000000000000000000", "1000000000000000000",
		    "10000000000000000000000000000000000000" },
		{ __LINE__, MUL, "10000000000000000000", "10000000000000000000", NULL },
		{ __LINE__, MUL, "0.000000001", "0.000000001", "0.000000000000000001" },
		{ __LINE__, MUL, "0.000000001000", "0.000000001000", "0.000000000000000001" },
		{ __LINE__, MUL, "0.0000000001", "0.000000001", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct decimal a = dec(cases[i].a), b = dec(cases[i].b), r = { 77, 3 };
		bool ok = cases[i].op == ADD   ? decimal_add(a, b, &r)
			  : cases[i].op == SUB ? decimal_sub(a, b, &r)
					       : decimal_mul(a, b, &r);

		CHECK_ROW(ok == (cases[i].result != NULL), cases[i].line, "accepted");
		if (ok)
			check_decimal(r, cases[i].result, cases[i].line);
		else
			CHECK_ROW(r.coef == 77 && r.scale == 3, cases[i].line, "left untouched");
	}
}

static void test_round(void)
{
	static const struct {
		unsigned line;
		const char *in;
		int digits;
		const char *want;
	} cases[] = {
		{ __LINE__, "1.005", 2, "1.01" },
		{ __LINE__, "1.0049999", 2, "1" },
		{ __LINE__, "-1.005", 2, "-1.01" },
		{ __LINE__, "-1.0049", 2, "-1" },
		{ __LINE__, "2.5", 0, "3" },
		{ __LINE__, "-2.5", 0, "-3" },
		{ __LINE__, "1.5", 2, "1.5" },
		{ __LINE__, "0.995", 2, "1" },
		{ __LINE__, "99999999999999999999.999999999999999999", 0, "100000000000000000000" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		check_decimal(
		    decimal_round(dec(cases[i].in), cases[i].digits), cases[i].want, cases[i].line);
}

static void test_div_round(void)
{
	static const struct {
		unsigned line;
		const char *a, *b;
		int digits;
		const char *want;
	} cases[] = {
		{ __LINE__, "1", "3", 4, "0.3333" },
		{ __LINE__, "2", "3", 4, "0.6667" },
		{ __LINE__, "-2", "3", 4, "-0.6667" },
		{ __LINE__, "1", "-8", 2, "-0.13" },
		{ __LINE__, "0.00005", "1", 4, "0.0001" },
		{ __LINE__, "0.00004999", "1", 4, "0" },
		{ __LINE__, "118", "0.01", 4, "11800" },
		{ __LINE__, "0.000000000000000001", "1000", 4, "0" },
		{ __LINE__, "0", "5", 4, "0" },
		{ __LINE__, NINES_38, NINES_38, 0, "1" },
		{ __LINE__, "5", "0", 4, NULL },
		{ __LINE__, "5", "0.00", 4, NULL },
		{ __LINE__, NINES_38, "1", 4, NULL },
		{ __LINE__, "0.000000000000000001", NINES_38, 0, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct decimal r = { 77, 3 };
		bool ok = decimal_div_round(dec(cases[i].a), dec(cases[i].b), cases[i].digits, &r);

		CHECK_ROW(ok == (cases[i].want != NULL), cases[i].line, "accepted");
		if (ok)
			check_decimal(r, cases[i].want, cases[i].line);
		else
			CHECK_ROW(r.coef == 77 && r.scale == 3, cases[i].line, "left untouched");
	}
}

static void test_compare(void)
{
	/* in ascending order */
	static const char *const order[] = { "-" NINES_38, "-1000", "-1.5", "-1", "-0.5",
		"-0.000000000000000001", "0", "0.000000000000000001", "0.01", "0.5", "0.51", "1",
		"1.000000000000000001", "1.5", "10", NINES_38 };

	for (size_t i = 0; i < COUNT(order); i++)
		for (size_t j = 0; j < COUNT(order); j++)
			CU_ASSERT_EQUAL(
			    decimal_cmp(dec(order[i]), dec(order[j])), (i > j) - (i < j));
	CU_ASSERT_EQUAL(decimal_cmp(dec("1.50"), dec("1.5")), 0);
	CU_ASSERT_EQUAL(decimal_cmp(dec("-0"), dec("0.00")), 0);
}

static void test_signs(void)
{
	CU_ASSERT_EQUAL(decimal_sign(dec("-0.01")), -1);
	CU_ASSERT_EQUAL(decimal_sign(dec("0.00")), 0);
	CU_ASSERT_EQUAL(decimal_sign(dec("0.01")), 1);
	CU_ASSERT(decimal_is_zero(dec("-0.00")));
	CU_ASSERT(!decimal_is_zero(dec("0.01")));
	check_decimal(decimal_abs(dec("-1.5")), "1.5", __LINE__);
	check_decimal(decimal_abs(dec("1.5")), "1.5", __LINE__);
	check_decimal(decimal_neg(dec("1.5")), "-1.5", __LINE__);
	check_decimal(decimal_from_e4(500), "0.05", __LINE__);
	check_decimal(decimal_from_e4(INT64_MIN), "-922337203685477.5808", __LINE__);
}

const struct unit_test unit_tests[] = {
	{ "parse and text", test_parse_and_text },
	{ "text pads", test_text_pads },
	{ "arithmetic is exact or refused", test_arithmetic },
	{ "round half-up", test_round },
	{ "division", test_div_round },
	{ "comparison", test_compare },
	{ "signs", test_signs },
	{ NULL, NULL },
};
