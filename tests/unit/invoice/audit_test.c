#include "unit/unit.h"

#include "invoice/audit.h"
#include "unit/invoice/model.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct model model;

static struct audit audit_of(const struct figures *f)
{
	struct audit a;

	audit_invoice(model_build(&model, f), &model_thresholds, &a);
	return a;
}

/* The decimal as text; want NULL: it is not there. */
static void check_total(bool has, struct decimal d, int digits, const char *want, unsigned line)
{
	char text[DECIMAL_TEXT];

	decimal_text(d, digits, text);
	CHECK_STR_ROW(has ? text : NULL, want, line);
}

#define SAME_LINES "60.00 40.00"

static const struct {
	unsigned line;
	struct figures f;
	const char *stated, *computed;
} totals_cases[] = {
	/* what is stated */
	{ __LINE__, { .tax_inclusive = "118.00", .payable = "9" }, "118.00", NULL },
	{ __LINE__, { .payable = "118.00" }, "118.00", NULL },
	{ __LINE__, { .payable = "68.00", .prepaid = "50" }, "118.00", NULL },
	{ __LINE__, { .payable = "118.05", .rounding = "0.05" }, "118.00", NULL },
	{ __LINE__, { .payable = "117.95", .rounding = "-0.05" }, "118.00", NULL },
	{ __LINE__, { .payable = "109", .withholding_total = "9" }, "118.00", NULL },
	{ __LINE__, { .payable = "109", .withheld = "5 4" }, "118.00", NULL },
	{ __LINE__, { .payable = "109", .withheld = "5", .withholding_total = "9" }, "118.00",
	    NULL },
	{ __LINE__,
	    { .payable = "59.05", .prepaid = "50", .rounding = "0.05", .withholding_total = "9" },
	    "118.00", NULL },
	{ __LINE__, { .tax_inclusive = "118.004" }, "118.00", NULL },
	{ __LINE__, { .tax_inclusive = "118.005" }, "118.01", NULL },
	/* what the lines give */
	{ __LINE__, { .lines = SAME_LINES }, NULL, "100.00" },
	{ __LINE__, { .lines = "3*1.115" }, NULL, "3.35" },
	{ __LINE__, { .lines = "3*33.33=100" }, NULL, "100.00" },
	{ __LINE__, { .lines = "60.00 # 40.00" }, NULL, "100.00" },
	{ __LINE__, { .lines = "0.004 0.004" }, NULL, "0.01" },
	{ __LINE__, { .lines = SAME_LINES, .line_total = "999", .tax_exclusive = "999" }, NULL,
	    "100.00" },
	{ __LINE__, { .lines = SAME_LINES, .allowances = "5 2.50", .charges = "1 0.50" }, NULL,
	    "94.00" },
	{ __LINE__, { .lines = SAME_LINES, .taxes = "18 2" }, NULL, "120.00" },
	{ __LINE__, { .lines = SAME_LINES, .taxes = "18", .withheld = "9" }, NULL, "118.00" },
	{ __LINE__, { .lines = SAME_LINES, .tax_total = "18" }, NULL, "118.00" },
	{ __LINE__, { .lines = SAME_LINES, .taxes = "18", .tax_total = "20" }, NULL, "118.00" },
	{ __LINE__, { .lines = SAME_LINES, .withheld = "9", .tax_total = "18" }, NULL, "118.00" },
	/* what stands in for them */
	{ __LINE__, { .line_total = "100", .allowances = "5", .taxes = "17.10" }, NULL, "112.10" },
	{ __LINE__, { .lines = "60 ?", .line_total = "100" }, NULL, "100.00" },
	{ __LINE__, { .lines = "#", .line_total = "100" }, NULL, "100.00" },
	{ __LINE__, { .tax_exclusive = "95", .allowances = "5", .charges = "3", .taxes = "17.10" },
	    NULL, "112.10" },
	{ __LINE__,
	    { .lines = "?", .tax_exclusive = "95", .allowances = "5", .tax_total = "17.10" }, NULL,
	    "112.10" },
	{ __LINE__, { .lines = "60 ?" }, NULL, NULL },
	{ __LINE__, { .taxes = "18" }, NULL, NULL },
	{ __LINE__, { .tax_total = "18" }, NULL, NULL },
	/* a printed minus that says "less" */
	{ __LINE__, { .lines = "202.70", .charges = "5.80", .allowances = "-1.00 -13.73" }, NULL,
	    "193.77" },
	{ __LINE__, { .lines = "100", .allowances = "10 -2" }, NULL, "92.00" },
	{ __LINE__, { .lines = "100", .payable = "50", .prepaid = "-50" }, "100.00", "100.00" },
	{ __LINE__, { .line_total = "100", .payable = "50", .prepaid = "-50" }, "100.00",
	    "100.00" },
	{ __LINE__, { .tax_exclusive = "100", .payable = "91", .withheld = "-9" }, "100.00",
	    "100.00" },
	{ __LINE__, { .lines = "100", .payable = "-20", .prepaid = "120" }, "100.00", "100.00" },
	/* credit notes */
	{ __LINE__, { .lines = "-60 -40", .taxes = "-18", .tax_inclusive = "-118" }, "-118.00",
	    "-118.00" },
	{ __LINE__, { .lines = "-2*50", .allowances = "-10" }, NULL, "-90.00" },
	{ __LINE__, { .lines = "-100", .allowances = "10" }, NULL, "-90.00" },
	{ __LINE__, { .lines = "-100", .payable = "-60", .prepaid = "-40" }, "-100.00", "-100.00" },
};

static void test_totals(void)
{
	for (size_t i = 0; i < COUNT(totals_cases); i++) {
		struct audit a = audit_of(&totals_cases[i].f);

		check_total(
		    a.has_stated, a.stated, 2, totals_cases[i].stated, totals_cases[i].line);
		check_total(
		    a.has_computed, a.computed, 2, totals_cases[i].computed, totals_cases[i].line);
	}
}

/* An electricity bill: energy, distribution, BTV (municipal tax), KDV with part of it withheld. */
static void test_electricity_invoice(void)
{
	struct figures f = {
		.lines = "1000*2.1500=2150.00 1000*0.8543=854.30",
		.taxes = "2150.00*5=107.50 3111.80*20=622.36",
		.withheld = "622.36*50=311.18",
		.payable = "3422.98",
	};
	struct audit a = audit_of(&f);

	CHECK_STR(audit_outcome_name(a.outcome), "exact");
	check_total(a.has_stated, a.stated, 2, "3734.16", __LINE__);
	f.tax_inclusive = "3734.16";
	a = audit_of(&f);
	CHECK_STR(audit_outcome_name(a.outcome), "exact");
	f.tax_inclusive = "3422.98"; /* a total that is net of the withheld tax is no such total */
	a = audit_of(&f);
	CHECK_STR(audit_outcome_name(a.outcome), "mismatch");
	CU_ASSERT_PTR_NOT_NULL_FATAL(a.hint.recommended_checks[0]);
	CU_ASSERT_PTR_NOT_NULL(strstr(a.hint.recommended_checks[0], "withheld"));
}

static void test_outcomes(void)
{
	static const struct {
		unsigned line;
		const char *stated, *computed, *outcome, *severity, *delta, *ratio;
	} cases[] = {
		{ __LINE__, "118.00", "118", "exact", NULL, "0.00", "0.0000" },
		{ __LINE__, "0", "0", "exact", NULL, "0.00", "0.0000" },
		/* ratio 0.05, also where the rounded ratio would say otherwise */
		{ __LINE__, "100", "95", "mismatch", "S2", "5.00", "0.0500" },
		{ __LINE__, "100", "105", "mismatch", "S2", "5.00", "0.0500" },
		{ __LINE__, "100", "94.99", "mismatch", "S2", "5.01", "0.0501" },
		{ __LINE__, "100", "95.01", "minor", NULL, "4.99", "0.0499" },
		{ __LINE__, "999.99", "950.00", "minor", NULL, "49.99", "0.0500" },
		{ __LINE__, "-100", "-95", "mismatch", "S2", "5.00", "0.0500" },
		{ __LINE__, "-100", "-95.01", "minor", NULL, "4.99", "0.0499" },
		/* delta 50 */
		{ __LINE__, "10000", "9950", "mismatch", "S2", "50.00", "0.0050" },
		{ __LINE__, "10000", "9949.99", "mismatch", "S2", "50.01", "0.0050" },
		{ __LINE__, "10000", "9950.01", "minor", NULL, "49.99", "0.0050" },
		/* S1: ratio 0.20 and delta 50 */
		{ __LINE__, "250", "200", "mismatch", "S1", "50.00", "0.2000" },
		{ __LINE__, "250", "199.99", "mismatch", "S1", "50.01", "0.2000" },
		{ __LINE__, "249.95", "199.96", "mismatch", "S2", "49.99", "0.2000" },
		{ __LINE__, "250.05", "200.05", "mismatch", "S2", "50.00", "0.2000" },
		{ __LINE__, "249.95", "199.95", "mismatch", "S1", "50.00", "0.2000" },
		{ __LINE__, "-250", "-200", "mismatch", "S1", "50.00", "0.2000" },
		{ __LINE__, "10", "20", "mismatch", "S2", "10.00", "1.0000" },
		/* S1: delta 500 */
		{ __LINE__, "100000", "99500", "mismatch", "S1", "500.00", "0.0050" },
		{ __LINE__, "100000", "99499.99", "mismatch", "S1", "500.01", "0.0050" },
		{ __LINE__, "100000", "99500.01", "mismatch", "S2", "499.99", "0.0050" },
		/* rounding: delta under 10 */
		{ __LINE__, "10000", "9990.01", "rounding", NULL, "9.99", "0.0010" },
		{ __LINE__, "10000", "9990", "minor", NULL, "10.00", "0.0010" },
		{ __LINE__, "10000", "9989.99", "minor", NULL, "10.01", "0.0010" },
		{ __LINE__, "118", "118.01", "rounding", NULL, "0.01", "0.0001" },
		/* rounding: ratio under 0.005 */
		{ __LINE__, "1000", "995.01", "rounding", NULL, "4.99", "0.0050" },
		{ __LINE__, "1000", "995", "minor", NULL, "5.00", "0.0050" },
		{ __LINE__, "1000", "994.99", "minor", NULL, "5.01", "0.0050" },
		/* the denominator is 0.01 at the least */
		{ __LINE__, "0", "0.01", "mismatch", "S2", "0.01", "1.0000" },
		{ __LINE__, "0", "50", "mismatch", "S1", "50.00", "5000.0000" },
		{ __LINE__, "0.004", "0.005", "mismatch", "S2", "0.01", "1.0000" },
		/* the sign counts */
		{ __LINE__, "-118", "118", "mismatch", "S1", "236.00", "2.0000" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct figures f = { .tax_inclusive = cases[i].stated,
			.lines = cases[i].computed };
		struct audit a = audit_of(&f);

		CHECK_STR_ROW(audit_outcome_name(a.outcome), cases[i].outcome, cases[i].line);
		CHECK_STR_ROW(severity_name(a.severity), cases[i].severity, cases[i].line);
		check_total(true, a.delta, 2, cases[i].delta, cases[i].line);
		check_total(true, a.ratio, 4, cases[i].ratio, cases[i].line);
		CHECK_ROW((a.hint.action_class != ACTION_NONE) == (a.outcome == AUDIT_MISMATCH),
		    cases[i].line, "a hint only for a mismatch");
	}
}

static void test_thresholds_are_configurable(void)
{
	const struct figures f = { .tax_inclusive = "100", .lines = "98" };
	struct thresholds th = model_thresholds;
	struct audit a;

	th.mismatch_ratio = 200;
	audit_invoice(model_build(&model, &f), &th, &a);
	CU_ASSERT_EQUAL(a.severity, SEVERITY_S2);
	th.mismatch_absolute = 20000;
	th.severe_ratio = 200;
	audit_invoice(model_build(&model, &f), &th, &a);
	CU_ASSERT_EQUAL(a.severity, SEVERITY_S1);
	th.mismatch_ratio = 201;
	th.mismatch_absolute = 20001;
	audit_invoice(model_build(&model, &f), &th, &a);
	CHECK_STR(audit_outcome_name(a.outcome), "minor");
}

static void test_failed(void)
{
	static const char huge[] = "99999999999999999999999999999999999999";
	const struct {
		unsigned line;
		struct figures f;
		bool has_stated, has_computed;
	} cases[] = {
		{ __LINE__, { .lines = NULL }, false, false },
		{ __LINE__, { .lines = "100" }, false, true },
		{ __LINE__, { .tax_inclusive = "100" }, true, false },
		/* too large to compare, to add up, to state */
		{ __LINE__, { .tax_inclusive = huge, .lines = "-1" }, true, true },
		{ __LINE__, { .tax_inclusive = "0", .lines = huge }, true, true },
		{ __LINE__, { .tax_inclusive = "0", .lines = huge, .taxes = "1" }, true, false },
		{ __LINE__, { .payable = huge, .prepaid = "1", .lines = "1" }, false, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct audit a = audit_of(&cases[i].f);

		CHECK_ROW(a.outcome == AUDIT_FAILED, cases[i].line, "outcome");
		CHECK_ROW(a.has_stated == cases[i].has_stated, cases[i].line, "stated");
		CHECK_ROW(a.has_computed == cases[i].has_computed, cases[i].line, "computed");
		CHECK_ROW(decimal_is_zero(a.delta) && decimal_is_zero(a.ratio), cases[i].line,
		    "no delta");
		CHECK_ROW(a.severity == SEVERITY_NONE && a.hint.n_checks == 0, cases[i].line,
		    "no consequence");
	}
}

static void test_sums_too_large(void)
{
	static const char huge[] = "99999999999999999999999999999999999999 1";
	const struct {
		unsigned line;
		struct figures f;
	} cases[] = {
		{ __LINE__, { .tax_inclusive = "1", .lines = huge } },
		{ __LINE__, { .tax_inclusive = "1",
				.lines = "99999999999999999999999999999999999999 1 "
					 "-99999999999999999999999999999999999999" } },
		/* no subtotal stands in for lines that are there */
		{ __LINE__, { .tax_inclusive = "1", .lines = huge, .line_total = "1" } },
		{ __LINE__, { .tax_inclusive = "1", .lines = huge, .tax_exclusive = "1" } },
		{ __LINE__, { .tax_inclusive = "1",
				.lines = "99999999999999999999*99999999999999999999",
				.line_total = "1" } },
		{ __LINE__, { .tax_inclusive = "1", .lines = "1", .allowances = huge } },
		{ __LINE__, { .tax_inclusive = "1", .lines = "1", .charges = huge } },
		{ __LINE__, { .tax_inclusive = "1", .lines = "1", .taxes = huge } },
		{ __LINE__, { .tax_inclusive = "1", .lines = "1", .withheld = huge } },
		{ __LINE__, { .tax_inclusive = "1",
				.lines = "99999999999999999999*99999999999999999999" } },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK_ROW(audit_of(&cases[i].f).outcome == AUDIT_FAILED, cases[i].line, "failed");
}

static void test_power_of_ten(void)
{
	static const struct {
		unsigned line;
		const char *stated, *computed;
		bool suspect;
	} cases[] = {
		{ __LINE__, "1000", "100", true },
		{ __LINE__, "10000", "100", true },
		{ __LINE__, "100000", "100", true },
		{ __LINE__, "1000000", "100", false },
		{ __LINE__, "100", "1000", true },
		{ __LINE__, "100", "10000", true },
		{ __LINE__, "100", "100000", true },
		{ __LINE__, "100", "1000000", false },
		{ __LINE__, "-1000", "-100", true },
		{ __LINE__, "-1000", "100", false },
		/* within 1 %, the limit in */
		{ __LINE__, "1010", "100", true },
		{ __LINE__, "1010.01", "100", false },
		{ __LINE__, "1009.99", "100", true },
		{ __LINE__, "990", "100", true },
		{ __LINE__, "989.99", "100", false },
		{ __LINE__, "101", "1000", true },
		{ __LINE__, "101.01", "1000", false },
		{ __LINE__, "99", "1000", true },
		{ __LINE__, "98.99", "1000", false },
		{ __LINE__, "1.01", "1000", true },
		{ __LINE__, "1.02", "1000", false },
		/* 1 is not such a power, and nothing is one of zero */
		{ __LINE__, "100", "94", false },
		{ __LINE__, "100", "0", false },
		{ __LINE__, "0", "100", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct figures f = { .tax_inclusive = cases[i].stated,
			.lines = cases[i].computed };
		struct audit a = audit_of(&f);

		CHECK_ROW(a.outcome == AUDIT_MISMATCH, cases[i].line, "mismatch");
		CHECK_ROW(a.power_of_ten == cases[i].suspect, cases[i].line, "power of ten");
		CHECK_ROW(a.ocr_suspect == cases[i].suspect, cases[i].line, "suspect");
		CHECK_ROW(a.hint.action_class ==
			      (cases[i].suspect ? ACTION_VERIFY_OCR : ACTION_VERIFY_INVOICE_LOGIC),
		    cases[i].line, "action");
	}
}

static void test_least_confidence(void)
{
	const struct figures f = { .lines = "150",
		.tax_exclusive = "100",
		.tax_total = "20",
		.tax_inclusive = "120",
		.payable = "120",
		.line_total = "100" };
	struct invoice *inv = &model.inv;
	struct invoice_field *const critical[] = { &inv->invoice_number, &inv->issue_date,
		&inv->currency, &inv->tax_exclusive_amount, &inv->tax_total,
		&inv->tax_inclusive_amount, &inv->payable_amount };
	static const int confidences[] = { 0, 699999, 700000, 700001 };
	struct audit a = audit_of(&f);

	CU_ASSERT(a.outcome == AUDIT_MISMATCH && !a.ocr_suspect);
	for (size_t i = 0; i < COUNT(critical); i++) {
		for (size_t j = 0; j < COUNT(confidences); j++) {
			model_build(&model, &f);
			critical[i]->confidence = confidences[j];
			audit_invoice(inv, &model_thresholds, &a);
			CU_ASSERT_EQUAL(a.low_confidence, confidences[j] < 700000);
			CU_ASSERT_EQUAL(a.ocr_suspect, a.low_confidence);
		}
	}
	/* neither a field that is not critical nor one that is not on the document counts */
	model_build(&model, &f);
	model.inv.line_total.confidence = 0;
	model.inv.seller_name.confidence = 0;
	model_set(&model, &model.inv.payable_amount, NULL);
	audit_invoice(&model.inv, &model_thresholds, &a);
	CU_ASSERT(!a.low_confidence && !a.ocr_suspect);
	/* and without a mismatch there is no suspect */
	model_build(&model, &f);
	model_set(&model, &model.inv.tax_inclusive_amount, "170");
	model.inv.currency.confidence = 0;
	audit_invoice(&model.inv, &model_thresholds, &a);
	CU_ASSERT(a.outcome == AUDIT_EXACT && a.low_confidence && !a.ocr_suspect);
}

static void check_hint(const struct audit *a, const char *action, const char *suspect,
    const char *first, const char *note, unsigned line)
{
	const struct action_hint *h = &a->hint;

	CHECK_STR_ROW(action_class_name(h->action_class), action, line);
	CHECK_STR_ROW(suspect_name(h->primary_suspect), suspect, line);
	CHECK_ROW(h->n_checks >= 3 && h->n_checks <= AUDIT_MAX_CHECKS, line, "number of checks");
	for (size_t i = 0; i < h->n_checks; i++)
		for (size_t j = 0; j < i; j++)
			CHECK_ROW(h->recommended_checks[i] != h->recommended_checks[j], line,
			    "no check twice");
	CHECK_ROW(h->n_checks > 0 && strstr(h->recommended_checks[0], first) != NULL, line,
	    h->n_checks > 0 ? h->recommended_checks[0] : "no checks");
	CHECK_ROW(strstr(h->confidence_note, note) != NULL, line, h->confidence_note);
}

static void test_hint_verify_logic(void)
{
	static const struct {
		unsigned line;
		struct figures f;
		const char *first;
	} cases[] = {
		{ __LINE__, { .lines = "118", .taxes = "18", .tax_inclusive = "118" },
		    "already include tax" },
		{ __LINE__,
		    { .lines = "100", .taxes = "18", .withheld = "9", .tax_inclusive = "109" },
		    "withheld tax" },
		{ __LINE__, { .lines = "100", .prepaid = "50", .tax_inclusive = "50" },
		    "net of the prepayment" },
		{ __LINE__, { .lines = "100", .allowances = "20", .tax_inclusive = "100" },
		    "allowances were left out" },
		{ __LINE__, { .lines = "100", .allowances = "20", .tax_inclusive = "60" },
		    "deducted twice" },
		{ __LINE__, { .lines = "100", .charges = "20", .tax_inclusive = "100" },
		    "charges were left out" },
		{ __LINE__, { .lines = "100 42*1", .tax_inclusive = "100" }, "one line's amount" },
		{ __LINE__, { .lines = "100 42", .line_total = "131", .tax_inclusive = "131" },
		    "lines do not add up" },
		{ __LINE__,
		    { .lines = "100 42", .taxes = "8", .tax_total = "9", .tax_inclusive = "190" },
		    "taxes do not add up" },
		{ __LINE__, { .lines = "100 42", .tax_inclusive = "131" }, "Add up the lines" },
		{ __LINE__, { .tax_exclusive = "142", .tax_inclusive = "131" },
		    "Add up the lines" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct audit a = audit_of(&cases[i].f);

		check_hint(&a, "VERIFY_INVOICE_LOGIC", "INVOICE_LOGIC", cases[i].first,
		    "sufficient confidence", cases[i].line);
		CHECK_ROW(a.hint.n_checks == AUDIT_MAX_CHECKS, cases[i].line, "five checks");
	}
}

static void test_hint_verify_ocr(void)
{
	struct figures f = { .lines = "1000", .tax_inclusive = "100" };
	struct audit a = audit_of(&f);

	check_hint(&a, "VERIFY_OCR", "OCR_LOCALE_SUSPECT", "separators", "power of ten although",
	    __LINE__);
	model.inv.currency.confidence = 0;
	audit_invoice(&model.inv, &model_thresholds, &a);
	check_hint(
	    &a, "VERIFY_OCR", "OCR_LOCALE_SUSPECT", "separators", "low confidence, and", __LINE__);
	f.lines = "142";
	model_build(&model, &f);
	model.inv.currency.confidence = 0;
	audit_invoice(&model.inv, &model_thresholds, &a);
	check_hint(&a, "VERIFY_OCR", "OCR_LOCALE_SUSPECT", "lowest confidence", "low confidence.",
	    __LINE__);
}

/* Thresholds that keep invariants I3 and I4 never get here; SPEC §6 defines it all the same. */
static void test_hint_accept_rounding(void)
{
	const struct figures f = { .lines = "1000", .tax_inclusive = "1001" };
	struct thresholds th = model_thresholds;
	struct audit a;

	th.mismatch_absolute = 10000;
	audit_invoice(model_build(&model, &f), &th, &a);
	check_hint(&a, "ACCEPT_ROUNDING_TOLERANCE", "ROUNDING", "rounds tax",
	    "sufficient confidence", __LINE__);
}

static void test_names(void)
{
	CHECK_STR(audit_outcome_name(AUDIT_MINOR), "minor");
	CHECK_STR(audit_outcome_name(AUDIT_ROUNDING), "rounding");
	CHECK_STR(audit_outcome_name(AUDIT_FAILED), "failed");
	CHECK_STR(severity_name(SEVERITY_NONE), NULL);
	CHECK_STR(severity_name(SEVERITY_S3), "S3");
	CHECK_STR(action_class_name(ACTION_NONE), NULL);
	CHECK_STR(suspect_name(SUSPECT_NONE), NULL);
}

const struct unit_test unit_tests[] = {
	{ "stated and computed", test_totals },
	{ "electricity invoice", test_electricity_invoice },
	{ "outcomes at their thresholds", test_outcomes },
	{ "thresholds are configurable", test_thresholds_are_configurable },
	{ "failed", test_failed },
	{ "sums too large", test_sums_too_large },
	{ "power of ten", test_power_of_ten },
	{ "least confidence", test_least_confidence },
	{ "hint: verify logic", test_hint_verify_logic },
	{ "hint: verify OCR", test_hint_verify_ocr },
	{ "hint: accept rounding", test_hint_accept_rounding },
	{ "names", test_names },
	{ NULL, NULL },
};
