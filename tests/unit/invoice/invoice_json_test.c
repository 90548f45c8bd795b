#include "invoice/invoice_json.h"

#include <stddef.h>

#include "unit/invoice/sample.h"
#include "unit/unit.h"

/* invoice_from_json() over JSON text. */
static enum rc read_text(const char *text, struct invoice *ret, struct err *e)
{
	struct json_object *json = json_tokener_parse(text);
	enum rc rc = invoice_from_json(json, ret, e);

	json_object_put(json);
	return rc;
}

static void sample_is_read(void)
{
	struct invoice inv = { 0 };
	struct err e = { .rc = RC_OK };

	CU_ASSERT_FATAL(read_text(SAMPLE, &inv, &e) == RC_OK);
	CHECK_STR(inv.seller_name.value, "Örnek A.Ş.");
	CHECK_STR(inv.buyer_tax_id.value, NULL);
	CHECK_STR(inv.buyer_tax_id.evidence, "");
	CHECK_STR(inv.issue_date.value, "2026-02-03");
	CHECK_STR(inv.issue_date.evidence, "03.02.2026");
	CU_ASSERT_EQUAL(inv.currency.confidence, INVOICE_CONFIDENCE_ONE);
	CU_ASSERT_EQUAL(inv.tax_total.confidence, 700000);
	CU_ASSERT_EQUAL(inv.tax_inclusive_amount.confidence, 123456);
	CU_ASSERT_EQUAL_FATAL(inv.n_lines, 1);
	CHECK_STR(inv.lines[0].unit, "adet");
	CHECK_STR(inv.lines[0].net_amount, "1000.00");
	CU_ASSERT_EQUAL(inv.lines[0].confidence, 980000);
	CU_ASSERT_EQUAL(inv.n_allowances, 0);
	CU_ASSERT_EQUAL_FATAL(inv.n_charges, 1);
	CHECK_STR(inv.charges[0].reason, "Kargo");
	CU_ASSERT_EQUAL_FATAL(inv.n_taxes, 1);
	CHECK_STR(inv.taxes[0].amount, "180.00");
	CU_ASSERT_FALSE(inv.taxes[0].withheld);
	CHECK_STR(inv.payable_amount.value, "1180.00");
	invoice_clear(&inv);
	CHECK_STR(inv.payable_amount.value, NULL);
	CU_ASSERT_EQUAL(inv.n_lines, 0);
	invoice_clear(&inv);
}

/* free() it. */
static char *to_text(const struct invoice *inv)
{
	struct buf b;
	struct json_writer w = { .out = &b };

	buf_init(&b, 1 << 16);
	invoice_to_json(&w, NULL, inv);
	return buf_detach(&b);
}

static void round_trip_is_byte_exact(void)
{
	struct invoice inv = { 0 };
	char *withheld = sample_replace(SAMPLE, "\"withheld\":false", "\"withheld\":true"), *text;

	CU_ASSERT_FATAL(read_text(withheld, &inv, NULL) == RC_OK);
	text = to_text(&inv);
	CHECK_STR(text, withheld);
	free(text);
	invoice_clear(&inv);
	free(withheld);
}

/* The form holds even where nothing was filled in. */
static void zeroed_invoice_is_written_in_form(void)
{
	struct invoice_line line = { .confidence = 1 };
	struct invoice inv = { .lines = &line, .n_lines = 1 }, back = { 0 };
	struct err e = { .rc = RC_OK };
	char *text = to_text(&inv);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"confidence\":0.000001,\"evidence\":\"\""));
	CU_ASSERT_EQUAL(read_text(text, &back, &e), RC_OK);
	CHECK_STR(e.msg, "");
	CHECK_STR(back.lines[0].description, "");
	CHECK_STR(back.lines[0].quantity, NULL);
	CHECK_STR(back.seller_name.value, NULL);
	CU_ASSERT_EQUAL(back.n_taxes, 0);
	free(text);
	invoice_clear(&back);
}

#define AT(field) offsetof(struct invoice, field)

static void values_are_mended(void)
{
	static const struct {
		unsigned line;
		const char *from, *to;
		size_t at;
		const char *want;
	} rows[] = {
		{ __LINE__, "\"2026-02-03\"", "\"03.02.2026\"", AT(issue_date.value),
		    "2026-02-03" },
		{ __LINE__, "\"2026-02-03\"", "\" 3/2/2026 \"", AT(issue_date.value),
		    "2026-02-03" },
		{ __LINE__, "\"TRY\"", "\"TL\"", AT(currency.value), "TRY" },
		{ __LINE__, "\"TRY\"", "\"usd\"", AT(currency.value), "USD" },
		{ __LINE__, "\"TRY\"", "\"\"", AT(currency.value), NULL },
		{ __LINE__, "\"1180.00\"", "\"1.180,00\"", AT(tax_inclusive_amount.value),
		    "1180.00" },
		{ __LINE__, "\"1180.00\"", "\"-1180.00\"", AT(tax_inclusive_amount.value),
		    "-1180.00" },
		{ __LINE__, "\"1180.00\"", "\" \"", AT(tax_inclusive_amount.value), NULL },
		{ __LINE__, "\"180.00\",\"confidence\":0.7", "\"180,5\",\"confidence\":1.0",
		    AT(tax_total.value), "180.5" },
		{ __LINE__, "\"Örnek A.Ş.\"", "\"Örnek\\u0000A\\r\\u0085\"", AT(seller_name.value),
		    "Örnek A" },
		{ __LINE__, "\"ABC2026000000001\"", "\"\\t\"", AT(invoice_number.value), NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = sample_replace(SAMPLE, rows[i].from, rows[i].to);
		struct invoice inv = { 0 };
		struct err e = { .msg = "" };
		const char *got;

		CHECK_ROW(read_text(text, &inv, &e) == RC_OK, rows[i].line, e.msg);
		memcpy(&got, (char *)&inv + rows[i].at, sizeof got);
		CHECK_STR_ROW(got, rows[i].want, rows[i].line);
		invoice_clear(&inv);
		free(text);
	}
}

#define DIGITS_60 "123456789012345678901234567890123456789012345678901234567890"

static void breaches_are_named(void)
{
	static const struct {
		unsigned line;
		const char *from, *to, *want;
	} rows[] = {
		{ __LINE__, "\"ettn\":" F_NULL ",", "", "ettn is missing" },
		{ __LINE__, "\"buyer\":{", "\"buyer\":{\"x\":1,", "buyer has an unknown property" },
		{ __LINE__, "{\"seller\"", "{\"total\":1,\"seller\"",
		    "the answer has an unknown property" },
		{ __LINE__, ",\"evidence\":\"Örnek A.Ş.\"", "", "seller.name.evidence is missing" },
		{ __LINE__, "\"evidence\":\"Örnek A.Ş.\"", "\"evidence\":null",
		    "seller.name.evidence is not a string" },
		{ __LINE__, "\"Örnek A.Ş.\"", "7",
		    "seller.name.value is neither a string nor null" },
		{ __LINE__, "\"Örnek A.Ş.\"", "[]",
		    "seller.name.value is neither a string nor null" },
		{ __LINE__, "\"ettn\":" F_NULL, "\"ettn\":null", "ettn is not an object" },
		{ __LINE__, "\"allowances\":[]", "\"allowances\":null",
		    "allowances is not a list" },
		{ __LINE__, "\"allowances\":[]", "\"allowances\":{}", "allowances is not a list" },
		{ __LINE__, "\"allowances\":[]", "\"allowances\":[3]",
		    "allowances[0] is not an object" },
		{ __LINE__, "\"amount\":\"0.00\"", "\"amount\":\"\"",
		    "charges[0].amount is not a decimal" },
		{ __LINE__, "\"amount\":\"0.00\"", "\"amount\":null",
		    "charges[0].amount is not a string" },
		{ __LINE__, "\"net_amount\":\"1000.00\"", "\"net_amount\":1000.00",
		    "lines[0].net_amount is neither a string nor null" },
		{ __LINE__, "\"net_amount\":\"1000.00\"", "\"net_amount\":\"bin lira\"",
		    "lines[0].net_amount is not a decimal" },
		{ __LINE__, "\"net_amount\":\"1000.00\"", "\"net_amount\":\"" DIGITS_60 "\"",
		    "lines[0].net_amount is not a decimal" },
		{ __LINE__, "\"net_amount\":\"1000.00\"", "\"net_amount\":\"NaN\"",
		    "lines[0].net_amount is not a decimal" },
		{ __LINE__, "\"withheld\":false", "\"withheld\":\"false\"",
		    "taxes[0].withheld is not a boolean" },
		{ __LINE__, "\"2026-02-03\"", "\"31.02.2026\"", "issue_date.value is not a date" },
		{ __LINE__, "\"TRY\"", "\"lira\"", "currency.value is not a currency" },
		{ __LINE__, "0.123456", "7",
		    "tax_inclusive_amount.confidence is not within 0 and 1" },
		{ __LINE__, "0.123456", "-0.1",
		    "tax_inclusive_amount.confidence is not within 0 and 1" },
		{ __LINE__, "0.123456", "1e999",
		    "tax_inclusive_amount.confidence is not within 0 and 1" },
		{ __LINE__, "0.123456", "NaN",
		    "tax_inclusive_amount.confidence is not within 0 and 1" },
		{ __LINE__, "0.123456", "\"0.9\"",
		    "tax_inclusive_amount.confidence is not a number" },
		{ __LINE__, "0.123456", "null", "tax_inclusive_amount.confidence is not a number" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = sample_replace(SAMPLE, rows[i].from, rows[i].to);
		struct invoice inv = { .n_lines = 77 };
		struct err e = { .msg = "" };

		CHECK_ROW(read_text(text, &inv, &e) == RC_INVALID, rows[i].line, rows[i].want);
		CHECK_STR_ROW(e.msg, rows[i].want, rows[i].line);
		CHECK_STR_ROW(e.code, "invalid_extraction", rows[i].line);
		CHECK_ROW(inv.n_lines == 77, rows[i].line, "the output was touched");
		free(text);
	}
	CU_ASSERT_EQUAL(invoice_from_json(NULL, NULL, NULL), RC_INVALID);
}

/* Read SAMPLE with n lines in it. */
static enum rc read_lines(size_t n, struct invoice *ret, struct err *e)
{
	char *lines = sample_repeat(SAMPLE_LINE, n),
	     *text = sample_replace(SAMPLE, SAMPLE_LINE, lines);
	enum rc rc = read_text(text, ret, e);

	free(lines);
	free(text);
	return rc;
}

static void lists_are_bounded(void)
{
	struct invoice inv = { 0 };
	struct err e = { .msg = "" };

	CU_ASSERT_EQUAL(read_lines(INVOICE_MAX_LINES, &inv, &e), RC_OK);
	CU_ASSERT_EQUAL(inv.n_lines, INVOICE_MAX_LINES);
	invoice_clear(&inv);
	CU_ASSERT_EQUAL(read_lines(INVOICE_MAX_LINES + 1, &inv, &e), RC_INVALID);
	CHECK_STR(e.msg, "lines has too many elements");
	CU_ASSERT_EQUAL(read_lines(10000, &inv, &e), RC_INVALID);
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void long_texts_are_cut(void)
{
	char *longer = sample_repeat("ğ", 400), *value, *text;
	struct invoice inv = { 0 };

	value = sample_replace(SAMPLE, "\"evidence\":\"Örnek A.Ş.\"", "\"evidence\":\"@\"");
	text = sample_replace(value, "@", longer);
	CU_ASSERT_FATAL(read_text(text, &inv, NULL) == RC_OK);
	CU_ASSERT_EQUAL(characters(inv.seller_name.evidence), INVOICE_MAX_EVIDENCE);
	invoice_clear(&inv);
	free(text);
	text = sample_replace(SAMPLE, "Örnek A.Ş.", longer);
	CU_ASSERT_FATAL(read_text(text, &inv, NULL) == RC_OK);
	CU_ASSERT_EQUAL(characters(inv.seller_name.value), INVOICE_MAX_TEXT);
	invoice_clear(&inv);
	free(text);
	/* a cut amount would be another amount */
	text = sample_replace(SAMPLE, "1180.00", longer);
	CU_ASSERT_EQUAL(read_text(text, &inv, NULL), RC_INVALID);
	free(text);
	free(value);
	free(longer);
}

const struct unit_test unit_tests[] = {
	{ "the sample is read", sample_is_read },
	{ "round trip", round_trip_is_byte_exact },
	{ "zeroed invoice", zeroed_invoice_is_written_in_form },
	{ "values are mended", values_are_mended },
	{ "breaches are named", breaches_are_named },
	{ "lists are bounded", lists_are_bounded },
	{ "long texts are cut", long_texts_are_cut },
	{ NULL, NULL },
};
