#include "unit/unit.h"

#include <string.h>

#include "invoice/currency.h"
#include "invoice/number.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* want NULL: refused */
static const struct {
	unsigned line;
	const char *in, *want;
} cases[] = {
	/* plain, and digits kept as written */
	{ __LINE__, "0", "0" },
	{ __LINE__, "1234.56", "1234.56" },
	{ __LINE__, "1180.00", "1180.00" },
	{ __LINE__, "-1234.56", "-1234.56" },
	{ __LINE__, "007", "7" },
	{ __LINE__, "000.50", "0.50" },
	{ __LINE__, ".5", "0.5" },
	{ __LINE__, ",5", "0.5" },
	{ __LINE__, "-0", "0" },
	{ __LINE__, "-0,00", "0.00" },
	{ __LINE__, "-0.01", "-0.01" },
	/* both separators */
	{ __LINE__, "1.234,56", "1234.56" },
	{ __LINE__, "1,234.56", "1234.56" },
	{ __LINE__, "12.345.678,90", "12345678.90" },
	{ __LINE__, "12,345,678.90", "12345678.90" },
	{ __LINE__, "1.234,5678", "1234.5678" },
	/* one kind, more than once: groups */
	{ __LINE__, "1.234.567", "1234567" },
	{ __LINE__, "1,234,567", "1234567" },
	/* one kind, once: the decimal separator */
	{ __LINE__, "1.234", "1.234" },
	{ __LINE__, "1,234", "1.234" },
	{ __LINE__, "123456,7", "123456.7" },
	{ __LINE__, "0,005", "0.005" },
	/* groups by blanks and apostrophes */
	{ __LINE__, "1 234,56", "1234.56" },
	{ __LINE__, "1 234.56", "1234.56" },
	{ __LINE__, "1 234 567", "1234567" },
	{ __LINE__, "1\u00a0234,56", "1234.56" },
	{ __LINE__, "1\u2009234,56", "1234.56" },
	{ __LINE__, "1\u202f234,56", "1234.56" },
	{ __LINE__, "1\u2007234,56", "1234.56" },
	{ __LINE__, "1'234.56", "1234.56" },
	{ __LINE__, "1\u2019234\u2019567,89", "1234567.89" },
	/* signs */
	{ __LINE__, "+5", "5" },
	{ __LINE__, "- 5", "-5" },
	{ __LINE__, "5-", "-5" },
	{ __LINE__, "1.234,56 -", "-1234.56" },
	{ __LINE__, "\u22125,5", "-5.5" },
	{ __LINE__, "\u20135,5", "-5.5" },
	{ __LINE__, "(1.234,56)", "-1234.56" },
	{ __LINE__, "( 5 )", "-5" },
	{ __LINE__, "(0)", "0" },
	/* currencies and percent */
	{ __LINE__, "₺1.234,56", "1234.56" },
	{ __LINE__, "1.234,56 ₺", "1234.56" },
	{ __LINE__, "1.234,56 TL", "1234.56" },
	{ __LINE__, "1.234,56TL", "1234.56" },
	{ __LINE__, "tl 5", "5" },
	{ __LINE__, "TRY 1234.56", "1234.56" },
	{ __LINE__, "-€1,50", "-1.50" },
	{ __LINE__, "€-1,50", "-1.50" },
	{ __LINE__, "$1,234.56", "1234.56" },
	{ __LINE__, "$5 USD", "5" },
	{ __LINE__, "£12", "12" },
	{ __LINE__, "¥12", "12" },
	{ __LINE__, "12,50 eur", "12.50" },
	{ __LINE__, "(EUR 5)", "-5" },
	{ __LINE__, "% 18", "18" },
	{ __LINE__, "%18", "18" },
	{ __LINE__, "18 %", "18" },
	{ __LINE__, "\t7.5%\n", "7.5" },
	/* size */
	{ __LINE__, "99999999999999999999999999999999999999",
	    "99999999999999999999999999999999999999" },
	{ __LINE__, "-12345678901234567890.123456789012345678",
	    "-12345678901234567890.123456789012345678" },
	{ __LINE__, "1.50000000000000000000000", "1.500000000000000000" },
	{ __LINE__, "0000000000000000000000000000000000000000000000000005", "5" },
	{ __LINE__, "999999999999999999999999999999999999999", NULL },
	{ __LINE__, "123456789012345678901.123456789012345678", NULL },
	{ __LINE__, "123456789012345678901234567890123456789012345678901234567890", NULL },
	{ __LINE__, "0.0000000000000000001", NULL },
	/* what is no number */
	{ __LINE__, "", NULL },
	{ __LINE__, " ", NULL },
	{ __LINE__, "-", NULL },
	{ __LINE__, "()", NULL },
	{ __LINE__, "€", NULL },
	{ __LINE__, "TL", NULL },
	{ __LINE__, ".", NULL },
	{ __LINE__, "5.", NULL },
	{ __LINE__, "5,", NULL },
	{ __LINE__, "100,-", NULL },
	{ __LINE__, "1e5", NULL },
	{ __LINE__, "1E5", NULL },
	{ __LINE__, "0x10", NULL },
	{ __LINE__, "NaN", NULL },
	{ __LINE__, "inf", NULL },
	{ __LINE__, "-Infinity", NULL },
	{ __LINE__, "abc", NULL },
	{ __LINE__, "5 kWh", NULL },
	{ __LINE__, "12 34", NULL },
	{ __LINE__, "1,23,456", NULL },
	{ __LINE__, "1.23.456", NULL },
	{ __LINE__, "1.234.56", NULL },
	{ __LINE__, "1234.567.890", NULL },
	{ __LINE__, "0.123.456", NULL },
	{ __LINE__, ".123.456", NULL },
	{ __LINE__, "1.234,567,890", NULL },
	{ __LINE__, "1,234.567.890,1", NULL },
	{ __LINE__, "1 234.567,89", NULL },
	{ __LINE__, "1'234 567", NULL },
	{ __LINE__, "1.234 567", NULL },
	{ __LINE__, "1..5", NULL },
	{ __LINE__, "01.02.2026", NULL },
	{ __LINE__, "2026-02-01", NULL },
	{ __LINE__, "5-3", NULL },
	{ __LINE__, "--5", NULL },
	{ __LINE__, "-5-", NULL },
	{ __LINE__, "+-5", NULL },
	{ __LINE__, "(-5)", NULL },
	{ __LINE__, "-(5)", NULL },
	{ __LINE__, "((5))", NULL },
	{ __LINE__, "(5", NULL },
	{ __LINE__, "5)", NULL },
	{ __LINE__, "(5))", NULL },
	{ __LINE__, "5+", NULL },
	{ __LINE__, "$$$5", NULL },
	{ __LINE__, "5%%%", NULL },
	{ __LINE__, "USD EUR TRY 5", NULL },
	{ __LINE__, "5 EURO", NULL },
	{ __LINE__, "5\u2030", NULL },
	{ __LINE__, "\u0665", NULL },
	/* broken UTF-8 is not taken for a part of a known character */
	{ __LINE__, "1\240234", NULL },
	{ __LINE__, "1\342\200234", NULL },
	{ __LINE__, "5\xe2\x80", NULL },
	{ __LINE__, "5\xcc\x81", NULL },
	{ __LINE__, "\2405", NULL },
	{ __LINE__, "\xff", NULL },
};

static void test_forms(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[DECIMAL_TEXT] = "untouched", again[DECIMAL_TEXT];
		struct err e = { .rc = RC_OK };
		enum rc rc = number_normalize(cases[i].in, out, &e);
		struct decimal d;

		if (cases[i].want == NULL) {
			CHECK_ROW(rc == RC_INVALID, cases[i].line, cases[i].in);
			CHECK_STR_ROW(e.code, "invalid_number", cases[i].line);
			CHECK_STR_ROW(out, "untouched", cases[i].line);
			continue;
		}
		CHECK_ROW(rc == RC_OK && e.rc == RC_OK, cases[i].line, cases[i].in);
		CHECK_STR_ROW(out, cases[i].want, cases[i].line);
		CHECK_ROW(decimal_parse(out, &d), cases[i].line, "parses");
		CHECK_ROW(number_normalize(out, again, NULL) == RC_OK, cases[i].line, "again");
		CHECK_STR_ROW(again, out, cases[i].line);
	}
}

static void test_length_is_bounded(void)
{
	char text[NUMBER_MAX_BYTES + 2], out[DECIMAL_TEXT];

	memset(text, ' ', sizeof text);
	text[NUMBER_MAX_BYTES - 1] = '7';
	text[NUMBER_MAX_BYTES] = '\0';
	CU_ASSERT_EQUAL(number_normalize(text, out, NULL), RC_OK);
	CHECK_STR(out, "7");
	text[NUMBER_MAX_BYTES] = ' ';
	text[NUMBER_MAX_BYTES + 1] = '\0';
	CU_ASSERT_EQUAL(number_normalize(text, out, NULL), RC_INVALID);
}

static void test_currency(void)
{
	static const struct {
		unsigned line;
		const char *code;
		bool known;
	} codes[] = {
		{ __LINE__, "TRY", true },
		{ __LINE__, "EUR", true },
		{ __LINE__, "AED", true },
		{ __LINE__, "ZWL", true },
		{ __LINE__, "HRK", true },
		{ __LINE__, "TL", false },
		{ __LINE__, "try", false },
		{ __LINE__, "XXX", false },
		{ __LINE__, "XAU", false },
		{ __LINE__, "EURO", false },
		{ __LINE__, "", false },
	};

	for (size_t i = 0; i < COUNT(codes); i++)
		CHECK_ROW(
		    currency_known(codes[i].code) == codes[i].known, codes[i].line, codes[i].code);
}

const struct unit_test unit_tests[] = {
	{ "number forms", test_forms },
	{ "the length is bounded", test_length_is_bounded },
	{ "currencies", test_currency },
	{ NULL, NULL },
};
