#include "invoice/record.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "invoice/fingerprint.h"
#include "unit/invoice/model.h"
#include "unit/unit.h"

#define DOCUMENT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct record_source source = {
	.document_sha256 = DOCUMENT, .model = "m-1", .extraction_ms = 1234
};

static struct model m;

/* A member of the row as JSON text, "(missing)" where there is none; lives until the next call. */
static const char *member(const char *row, const char *name)
{
	static char text[4096];
	struct json_object *doc = json_tokener_parse(row), *v = NULL;

	CU_ASSERT_FATAL(doc != NULL);
	if (json_object_object_get_ex(doc, name, &v))
		(void)snprintf(text, sizeof text, "%s",
		    json_object_to_json_string_ext(
			v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		(void)snprintf(text, sizeof text, "(missing)");
	(void)json_object_put(doc);
	return text;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static struct record read_invoice(const struct invoice *inv)
{
	struct record r;

	CU_ASSERT_FATAL(record_read(inv, &model_thresholds, &source, &r, NULL) == RC_OK);
	return r;
}

/* Every name of SPEC §3 in its order, every figure in its form. */
static void test_mismatch(void)
{
	static const struct figures figures = {
		.lines = "1000.00", .taxes = "180.00", .tax_inclusive = "1280"
	};
	struct record r = read_invoice(model_build(&m, &figures));
	const char *audit, *quality;

	CU_ASSERT(r.outcome == AUDIT_MISMATCH && r.severity == SEVERITY_S2 && r.score == 75);
	audit = member(r.invoice_json, "audit");
	CU_ASSERT(begins(audit,
	    "{\"outcome\":\"mismatch\",\"stated\":1280.00,\"computed\":1180.00,\"delta\":100.00,"
	    "\"ratio\":0.0781,\"severity\":\"S2\",\"suspect_reason\":null,\"action_hint\":{"
	    "\"action_class\":\"VERIFY_INVOICE_LOGIC\",\"primary_suspect\":\"INVOICE_LOGIC\","
	    "\"recommended_checks\":[\""));
	CU_ASSERT(strstr(audit, "],\"confidence_note\":\"") != NULL);
	quality = member(r.verdict_json, "quality");
	CHECK_STR(quality,
	    "{\"score\":75,\"grade\":\"CHECK\",\"flags\":[\"INVOICE_TOTAL_MISMATCH\"],"
	    "\"flag_details\":[{\"code\":\"INVOICE_TOTAL_MISMATCH\",\"severity\":\"S2\","
	    "\"message\":\"stated 1280.00, computed 1180.00, difference 100.00, ratio 0.0781\","
	    "\"deduction\":25}]}");
	record_clear(&r);
	CU_ASSERT(r.invoice_json == NULL && r.extraction_json == NULL && r.verdict_json == NULL &&
		  r.if_duplicate_json == NULL);
	record_clear(&r);
}

/* The row's own columns repeat what the audit and the quality say. */
static void test_columns(void)
{
	static const struct figures figures = {
		.lines = "1000.00", .taxes = "180.00", .tax_inclusive = "1280"
	};
	static const struct {
		unsigned line;
		const char *name, *want;
	} cases[] = {
		{ __LINE__, "outcome", "\"mismatch\"" },
		{ __LINE__, "severity", "\"S2\"" },
		{ __LINE__, "ocr_suspect", "false" },
		{ __LINE__, "action_class", "\"VERIFY_INVOICE_LOGIC\"" },
		{ __LINE__, "stated", "1280.00" },
		{ __LINE__, "computed", "1180.00" },
		{ __LINE__, "delta", "100.00" },
		{ __LINE__, "ratio", "0.0781" },
		{ __LINE__, "score", "(missing)" },
		{ __LINE__, "extraction", "(missing)" },
		{ __LINE__, "model", "\"m-1\"" },
		{ __LINE__, "extraction_ms", "1234" },
		{ __LINE__, "seller_name", "\"Kuzey Elektrik A.Ş.\"" },
		{ __LINE__, "seller_tax_id", "null" },
		{ __LINE__, "invoice_number", "\"KZY2026000000042\"" },
		{ __LINE__, "issue_date", "\"2026-02-03\"" },
		{ __LINE__, "currency", "\"TRY\"" },
		{ __LINE__, "tenant_id", "(missing)" },
		{ __LINE__, "smoke", "(missing)" },
	};
	struct record r = read_invoice(model_build(&m, &figures));
	char identity[SHA256_TEXT], fingerprint[SHA256_TEXT], quoted[SHA256_TEXT + 2];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_STR_ROW(member(r.invoice_json, cases[i].name), cases[i].want, cases[i].line);
	CHECK_STR(member(r.verdict_json, "score"), "75");
	CHECK_STR(member(r.verdict_json, "grade"), "\"CHECK\"");
	CHECK_STR(member(r.verdict_json, "outcome"), "(missing)");
	CHECK_STR(member(r.if_duplicate_json, "score"), "50");
	CHECK_STR(member(r.if_duplicate_json, "grade"), "\"CHECK\"");
	CU_ASSERT(invoice_identity(&m.inv, identity) && invoice_fingerprint(&m.inv, fingerprint));
	(void)snprintf(quoted, sizeof quoted, "\"%s\"", identity);
	CHECK_STR(member(r.invoice_json, "identity"), quoted);
	CHECK_STR(r.lock, identity);
	(void)snprintf(quoted, sizeof quoted, "\"%s\"", fingerprint);
	CHECK_STR(member(r.invoice_json, "fingerprint"), quoted);
	CU_ASSERT(begins(r.extraction_json, "{\"seller\":{\"name\":{\"value\":"));
	record_clear(&r);
}

/* Money has two decimals and the ratio four, as exact text: no binary fractions. */
static void test_numbers(void)
{
	static const struct {
		unsigned line;
		struct figures figures;
		const char *stated, *computed, *delta, *ratio, *outcome;
	} cases[] = {
		{ __LINE__, { .lines = "100.10", .tax_inclusive = "100.10" }, "100.10", "100.10",
		    "0.00", "0.0000", "\"exact\"" },
		{ __LINE__, { .lines = "0.1 0.2", .tax_inclusive = "0.30" }, "0.30", "0.30", "0.00",
		    "0.0000", "\"exact\"" },
		{ __LINE__, { .lines = "100.00", .tax_inclusive = "100.01" }, "100.01", "100.00",
		    "0.01", "0.0001", "\"rounding\"" },
		{ __LINE__, { .lines = "99.995", .tax_inclusive = "100.00" }, "100.00", "100.00",
		    "0.00", "0.0000", "\"exact\"" },
		{ __LINE__, { .lines = "-118.07", .tax_inclusive = "-118.07" }, "-118.07",
		    "-118.07", "0.00", "0.0000", "\"exact\"" },
		{ __LINE__, { .lines = "99999999999999.99", .tax_inclusive = "99999999999999.98" },
		    "99999999999999.98", "99999999999999.99", "0.01", "0.0000", "\"rounding\"" },
		{ __LINE__, { .lines = "1.15", .tax_inclusive = "0" }, "0.00", "1.15", "1.15",
		    "115.0000", "\"mismatch\"" },
		{ __LINE__, { .lines = "2.00", .tax_inclusive = "3.00" }, "3.00", "2.00", "1.00",
		    "0.3333", "\"mismatch\"" },
		{ __LINE__, { .lines = "970", .tax_inclusive = "1000" }, "1000.00", "970.00",
		    "30.00", "0.0300", "\"minor\"" },
		{ __LINE__, { .tax_inclusive = "1000.5" }, "1000.50", "null", "null", "null",
		    "\"failed\"" },
		{ __LINE__, { .lines = "7" }, "null", "7.00", "null", "null", "\"failed\"" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct record r = read_invoice(model_build(&m, &cases[i].figures));

		CHECK_STR_ROW(member(r.invoice_json, "stated"), cases[i].stated, cases[i].line);
		CHECK_STR_ROW(member(r.invoice_json, "computed"), cases[i].computed, cases[i].line);
		CHECK_STR_ROW(member(r.invoice_json, "delta"), cases[i].delta, cases[i].line);
		CHECK_STR_ROW(member(r.invoice_json, "ratio"), cases[i].ratio, cases[i].line);
		CHECK_STR_ROW(member(r.invoice_json, "outcome"), cases[i].outcome, cases[i].line);
		record_clear(&r);
	}
}

/* An invoice without a flaw: nulls where there is nothing to say. */
static void test_exact(void)
{
	static const struct figures figures = {
		.lines = "1000.00", .taxes = "180.00", .tax_inclusive = "1180.00"
	};
	struct record r = read_invoice(model_build(&m, &figures));

	CHECK_STR(member(r.invoice_json, "audit"),
	    "{\"outcome\":\"exact\",\"stated\":1180.00,\"computed\":1180.00,\"delta\":0.00,\"ratio\":0.0000,"
	    "\"severity\":null,\"suspect_reason\":null,\"action_hint\":null}");
	CHECK_STR(member(r.verdict_json, "quality"),
	    "{\"score\":100,\"grade\":\"OK\",\"flags\":[],\"flag_details\":[]}");
	CHECK_STR(member(r.verdict_json, "incident"), "null");
	CHECK_STR(member(r.invoice_json, "severity"), "null");
	CHECK_STR(member(r.invoice_json, "action_class"), "null");
	CU_ASSERT(r.score == 100 && r.severity == SEVERITY_NONE);
	/* The same as a duplicate: a flag more, and an incident. */
	CHECK_STR(member(r.if_duplicate_json, "quality"),
	    "{\"score\":75,\"grade\":\"CHECK\",\"flags\":[\"DUPLICATE_INVOICE\"],\"flag_details\":["
	    "{\"code\":\"DUPLICATE_INVOICE\",\"severity\":\"S2\",\"message\":\"another document has "
	    "the same seller and invoice number\",\"deduction\":25}]}");
	CU_ASSERT(begins(member(r.if_duplicate_json, "incident"),
	    "{\"category\":\"DUPLICATE\",\"severity\":\"S2\",\"primary_flag\":"
	    "\"DUPLICATE_INVOICE\",\"secondary_flags\":[],\"fingerprint\":\""));
	record_clear(&r);
}

/* The misread total: suspect, and the incident with its S1 and S2 flags in their order. */
static void test_incident(void)
{
	static const struct figures figures = {
		.lines = "1000.00", .taxes = "180.00", .tax_inclusive = "11800.00"
	};
	char want[600], fingerprint[SHA256_TEXT];
	struct invoice *inv = model_build(&m, &figures);
	struct record r;

	model_set(&m, &inv->currency, NULL);
	inv->tax_inclusive_amount.confidence = 500000;
	r = read_invoice(inv);
	CU_ASSERT(invoice_fingerprint(inv, fingerprint));
	(void)snprintf(want, sizeof want,
	    "{\"category\":\"TOTALS\",\"severity\":\"S1\",\"primary_flag\":\"INVOICE_TOTAL_MISMATCH\","
	    "\"secondary_flags\":[\"MISSING_FIELDS\"],\"fingerprint\":\"%s\","
	    "\"action_class\":\"VERIFY_OCR\"}",
	    fingerprint);
	CHECK_STR(member(r.verdict_json, "incident"), want);
	(void)snprintf(want, sizeof want,
	    "{\"category\":\"TOTALS\",\"severity\":\"S1\",\"primary_flag\":\"INVOICE_TOTAL_MISMATCH\","
	    "\"secondary_flags\":[\"DUPLICATE_INVOICE\",\"MISSING_FIELDS\"],"
	    "\"fingerprint\":\"%s\",\"action_class\":\"VERIFY_OCR\"}",
	    fingerprint);
	CHECK_STR(member(r.if_duplicate_json, "incident"), want);
	CHECK_STR(member(r.invoice_json, "ocr_suspect"), "true");
	CU_ASSERT(strstr(member(r.invoice_json, "audit"),
		      "\"suspect_reason\":\"OCR_LOCALE_SUSPECT\",\"action_hint\":{\"action_class\":"
		      "\"VERIFY_OCR\",\"primary_suspect\":\"OCR_LOCALE_SUSPECT\"") != NULL);
	CU_ASSERT(r.severity == SEVERITY_S1);
	record_clear(&r);
}

/* What is written one after the other: by seller and number, else fingerprint, else bytes. */
static void test_lock(void)
{
	static const struct {
		unsigned line;
		const char *seller, *number;
		bool by_identity, by_document;
	} cases[] = {
		{ __LINE__, "Kuzey", "N1", true, false },
		{ __LINE__, "Kuzey", NULL, false, false },
		{ __LINE__, NULL, "N1", false, false },
		{ __LINE__, NULL, NULL, false, true },
		{ __LINE__, " ", "\t", false, true },
	};
	static const struct figures figures = { .lines = "10", .tax_inclusive = "10" };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char identity[SHA256_TEXT] = "", fingerprint[SHA256_TEXT] = DOCUMENT, want[80];
		struct invoice *inv = model_build(&m, &figures);
		struct record r;

		model_set(&m, &inv->seller_name, cases[i].seller);
		model_set(&m, &inv->invoice_number, cases[i].number);
		r = read_invoice(inv);
		CHECK_ROW(invoice_identity(inv, identity) == cases[i].by_identity, cases[i].line,
		    "identity");
		CHECK_ROW(invoice_fingerprint(inv, fingerprint) != cases[i].by_document,
		    cases[i].line, "fingerprint");
		CHECK_STR_ROW(r.lock, cases[i].by_identity ? identity : fingerprint, cases[i].line);
		(void)snprintf(want, sizeof want, "\"%s\"", fingerprint);
		CHECK_STR_ROW(member(r.invoice_json, "fingerprint"), want, cases[i].line);
		CHECK_ROW((strcmp(member(r.invoice_json, "identity"), "null") != 0) ==
			      cases[i].by_identity,
		    cases[i].line, "identity in the row");
		record_clear(&r);
	}
}

static void test_failed(void)
{
	struct record r;
	const struct record_source from = { .document_sha256 = DOCUMENT, .extraction_ms = 5 };

	CU_ASSERT_FATAL(record_failed("refusal", &from, &r, NULL) == RC_OK);
	CU_ASSERT(r.outcome == AUDIT_FAILED && r.severity == SEVERITY_NONE && r.score == 50);
	CHECK_STR(r.lock, DOCUMENT);
	CHECK_STR(r.if_duplicate_json, r.verdict_json);
	CHECK_STR(member(r.invoice_json, "audit"),
	    "{\"outcome\":\"failed\",\"stated\":null,\"computed\":null,\"delta\":null,\"ratio\":null,"
	    "\"severity\":null,\"suspect_reason\":null,\"action_hint\":null}");
	CHECK_STR(member(r.verdict_json, "quality"),
	    "{\"score\":50,\"grade\":\"CHECK\",\"flags\":[\"EXTRACTION_FAILED\"],\"flag_details\":["
	    "{\"code\":\"EXTRACTION_FAILED\",\"severity\":\"S1\",\"message\":\"the document could "
	    "not be read (refusal)\",\"deduction\":50}]}");
	CHECK_STR(member(r.verdict_json, "incident"),
	    "{\"category\":\"EXTRACTION\",\"severity\":\"S1\",\"primary_flag\":\"EXTRACTION_FAILED\","
	    "\"secondary_flags\":[],\"fingerprint\":\"" DOCUMENT "\",\"action_class\":null}");
	CHECK_STR(member(r.invoice_json, "model"), "null");
	CU_ASSERT(r.extraction_json == NULL);
	CHECK_STR(member(r.invoice_json, "extraction_ms"), "5");
	CHECK_STR(member(r.invoice_json, "ocr_suspect"), "false");
	CHECK_STR(member(r.invoice_json, "fingerprint"), "\"" DOCUMENT "\"");
	record_clear(&r);
}

const struct unit_test unit_tests[] = {
	{ "a mismatch", test_mismatch },
	{ "the row's columns", test_columns },
	{ "exact numbers", test_numbers },
	{ "nothing to say", test_exact },
	{ "the incident", test_incident },
	{ "lock and fingerprint", test_lock },
	{ "a document that could not be read", test_failed },
	{ NULL, NULL },
};
