#include "unit/unit.h"

#include "core/uuid.h"
#include "invoice/tax_id.h"
#include "invoice/validate.h"
#include "unit/invoice/model.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct model model;

static void test_dates(void)
{
	static const struct {
		unsigned line;
		const char *text;
		bool valid;
	} cases[] = {
		{ __LINE__, "2026-02-28", true },
		{ __LINE__, "2026-02-29", false },
		{ __LINE__, "2024-02-29", true },
		{ __LINE__, "2000-02-29", true },
		{ __LINE__, "1900-02-29", false },
		{ __LINE__, "2026-12-31", true },
		{ __LINE__, "2026-04-31", false },
		{ __LINE__, "2026-01-32", false },
		{ __LINE__, "2026-13-01", false },
		{ __LINE__, "2026-00-01", false },
		{ __LINE__, "2026-01-00", false },
		{ __LINE__, "1899-12-31", false },
		{ __LINE__, "2200-01-01", false },
		{ __LINE__, "2026-1-1", false },
		{ __LINE__, "03.02.2026", false },
		{ __LINE__, "2026-02-03T00:00", false },
		{ __LINE__, "2026-02-0", false },
		{ __LINE__, "", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK_ROW(
		    validate_date(cases[i].text) == cases[i].valid, cases[i].line, cases[i].text);
}

static void test_uuid(void)
{
	CU_ASSERT(uuid_valid("f47ac10b-58cc-4372-a567-0e02b2c3d479"));
	CU_ASSERT(uuid_valid("F47AC10B-58CC-4372-A567-0E02B2C3D479"));
	CU_ASSERT(!uuid_valid("f47ac10b58cc4372a5670e02b2c3d479"));
	CU_ASSERT(!uuid_valid("f47ac10b-58cc-4372-a567-0e02b2c3d47"));
	CU_ASSERT(!uuid_valid("f47ac10b-58cc-4372-a567-0e02b2c3d4790"));
	CU_ASSERT(!uuid_valid("g47ac10b-58cc-4372-a567-0e02b2c3d479"));
	CU_ASSERT(!uuid_valid(""));
}

static void test_check_digits(void)
{
	static const struct {
		unsigned line;
		const char *text;
		bool vkn, tckn;
	} cases[] = {
		{ __LINE__, "4840847211", true, false },
		{ __LINE__, "0730018000", true, false },
		{ __LINE__, "1288331521", false, false },
		{ __LINE__, "4840847212", false, false },
		{ __LINE__, "4840874211", false, false },
		{ __LINE__, "484084721", false, false },
		{ __LINE__, "484084721X", false, false },
		{ __LINE__, "10000000146", false, true },
		{ __LINE__, "10000000147", false, false },
		{ __LINE__, "10000000156", false, false },
		{ __LINE__, "00000000000", false, false },
		{ __LINE__, "1000000014", false, false },
		{ __LINE__, "", false, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		CHECK_ROW(tax_id_is_vkn(cases[i].text) == cases[i].vkn, cases[i].line, "VKN");
		CHECK_ROW(tax_id_is_tckn(cases[i].text) == cases[i].tckn, cases[i].line, "TCKN");
	}
}

static void test_tax_ids(void)
{
	static const struct {
		unsigned line;
		const char *text;
		bool turkish, others;
	} cases[] = {
		{ __LINE__, "4840847211", true, true },
		{ __LINE__, "484 084 7211", true, true },
		{ __LINE__, "TR4840847211", true, true },
		{ __LINE__, "10000000146", true, true },
		{ __LINE__, "4840847212", false, true },
		{ __LINE__, "123456789", false, true },
		{ __LINE__, "DE123456789", true, true },
		{ __LINE__, "201/113/40209", false, true },
		{ __LINE__, "IE1234567WA", true, true },
		{ __LINE__, "ie 1234567 wa", true, true },
		{ __LINE__, "CHE-123.456.789 MWST", true, true },
		{ __LINE__, "GD001", true, true },
		{ __LINE__, "1234", false, false },
		{ __LINE__, "ABCDE", false, false },
		{ __LINE__, "DE12", false, false },
		{ __LINE__, "DE123456789DE123456789DE1", false, false },
		{ __LINE__, "DE123456789?", false, false },
		{ __LINE__, "Büyük Mükellefler 4840847211", false, false },
		{ __LINE__, "-", false, false },
		{ __LINE__, "", false, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		CHECK_ROW(tax_id_plausible(cases[i].text, true) == cases[i].turkish, cases[i].line,
		    cases[i].text);
		CHECK_ROW(tax_id_plausible(cases[i].text, false) == cases[i].others, cases[i].line,
		    cases[i].text);
	}
}

static void test_warnings(void)
{
	static const struct {
		unsigned line;
		const char *issue, *due, *start, *end, *currency, *seller, *buyer, *ettn;
		unsigned warnings;
	} cases[] = {
		{ .line = __LINE__ },
		{ .line = __LINE__,
		    .issue = "2026-02-03",
		    .due = "2026-02-03",
		    .start = "2026-01-01",
		    .end = "2026-01-01",
		    .currency = "TRY",
		    .seller = "4840847211",
		    .buyer = "11111111111",
		    .ettn = "f47ac10b-58cc-4372-a567-0e02b2c3d479" },
		{ .line = __LINE__, .issue = "2026-02-30", .warnings = WARN_IMPOSSIBLE_DATE },
		{ .line = __LINE__, .due = "soon", .warnings = WARN_IMPOSSIBLE_DATE },
		{ .line = __LINE__, .start = "2026-02", .warnings = WARN_IMPOSSIBLE_DATE },
		{ .line = __LINE__, .end = "2026-02", .warnings = WARN_IMPOSSIBLE_DATE },
		{ .line = __LINE__,
		    .issue = "2026-02-03",
		    .due = "2026-02-02",
		    .warnings = WARN_DUE_BEFORE_ISSUE },
		{ .line = __LINE__,
		    .issue = "2026-02-03",
		    .due = "2025-99-02",
		    .warnings = WARN_IMPOSSIBLE_DATE },
		{ .line = __LINE__,
		    .start = "2026-02-01",
		    .end = "2026-01-31",
		    .warnings = WARN_PERIOD_REVERSED },
		{ .line = __LINE__, .currency = "TL", .warnings = WARN_UNKNOWN_CURRENCY },
		/* a Turkish invoice by currency, by ETTN, by the number itself */
		{ .line = __LINE__,
		    .currency = "TRY",
		    .seller = "4840847212",
		    .warnings = WARN_SELLER_TAX_ID },
		{ .line = __LINE__,
		    .ettn = "f47ac10b-58cc-4372-a567-0e02b2c3d479",
		    .seller = "4840847212",
		    .warnings = WARN_SELLER_TAX_ID },
		{ .line = __LINE__,
		    .currency = "EUR",
		    .seller = "TR4840847212",
		    .warnings = WARN_SELLER_TAX_ID },
		{ .line = __LINE__, .currency = "EUR", .seller = "4840847212" },
		{ .line = __LINE__,
		    .currency = "TRY",
		    .buyer = "4840847212",
		    .warnings = WARN_BUYER_TAX_ID },
		/* a placeholder stands for a buyer only */
		{ .line = __LINE__, .currency = "TRY", .buyer = "2222222222" },
		{ .line = __LINE__,
		    .currency = "TRY",
		    .seller = "11111111111",
		    .warnings = WARN_SELLER_TAX_ID },
		{ .line = __LINE__, .ettn = "no uuid", .warnings = WARN_ETTN },
		{ .line = __LINE__,
		    .currency = "?",
		    .ettn = "?",
		    .warnings = WARN_UNKNOWN_CURRENCY | WARN_ETTN },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct invoice *inv = model_build(&model, &(struct figures){ .lines = NULL });

		model_set(&model, &inv->issue_date, cases[i].issue);
		model_set(&model, &inv->due_date, cases[i].due);
		model_set(&model, &inv->period_start, cases[i].start);
		model_set(&model, &inv->period_end, cases[i].end);
		model_set(&model, &inv->currency, cases[i].currency);
		model_set(&model, &inv->seller_tax_id, cases[i].seller);
		model_set(&model, &inv->buyer_tax_id, cases[i].buyer);
		model_set(&model, &inv->ettn, cases[i].ettn);
		CHECK_ROW(validate_invoice(inv) == cases[i].warnings, cases[i].line, "warnings");
	}
}

static void test_texts(void)
{
	for (unsigned w = 1; w < WARN_END; w <<= 1)
		CU_ASSERT(validate_warning_text(w)[0] != '\0');
	CHECK_STR(validate_warning_text(WARN_END), "");
}

const struct unit_test unit_tests[] = {
	{ "dates", test_dates },
	{ "UUIDs", test_uuid },
	{ "check digits", test_check_digits },
	{ "tax ids", test_tax_ids },
	{ "warnings", test_warnings },
	{ "each warning has a text", test_texts },
	{ NULL, NULL },
};
