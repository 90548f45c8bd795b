#include "unit/unit.h"

#include "invoice/quality.h"
#include "unit/invoice/model.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct model model;

static struct quality judge(bool duplicate)
{
	struct audit a;
	struct quality q;

	audit_invoice(&model.inv, &model_thresholds, &a);
	quality_evaluate(&model.inv, &a, &model_thresholds, duplicate, &q);
	return q;
}

static struct quality quality_of(const struct figures *f)
{
	(void)model_build(&model, f);
	return judge(false);
}

static const struct quality_flag *find(const struct quality *q, enum quality_code code)
{
	for (size_t i = 0; i < q->n_flags; i++)
		if (q->flags[i].code == code)
			return &q->flags[i];
	return NULL;
}

/* The names of the flags, parted by blanks. */
static const char *names(const struct quality *q)
{
	static char text[512];

	text[0] = '\0';
	for (size_t i = 0; i < q->n_flags; i++) {
		(void)strncat(text, i > 0 ? " " : "", sizeof text - strlen(text) - 1);
		(void)strncat(
		    text, quality_code_name(q->flags[i].code), sizeof text - strlen(text) - 1);
	}
	return text;
}

static const struct figures good = { .lines = "2*50=100",
	.taxes = "100*20=20",
	.tax_exclusive = "100",
	.tax_inclusive = "120",
	.payable = "120" };

static void test_clean(void)
{
	struct quality q = quality_of(&good);

	CHECK_STR(names(&q), "");
	CU_ASSERT_EQUAL(q.score, 100);
	CHECK_STR(quality_grade_name(q.grade), "OK");
	CU_ASSERT(!q.incident_due);
	CHECK_STR(severity_name(q.incident_severity), NULL);
	CHECK_STR(incident_category_name(q.incident_category), NULL);
}

static const struct {
	unsigned line;
	struct figures f;
	bool duplicate, no_number, low, bad_currency;
	const char *flag, *severity;
	int deduction, priority;
	const char *category, *message;
} each_flag_cases[] = {
	{ .line = __LINE__,
	    .f = { .lines = "100" },
	    .flag = "TOTAL_MISSING",
	    .severity = "S1",
	    .deduction = 50,
	    .priority = 10,
	    .category = "COMPLETENESS",
	    .message = "the invoice states no total" },
	{ .line = __LINE__,
	    .f = { .lines = "100", .tax_inclusive = "94" },
	    .flag = "INVOICE_TOTAL_MISMATCH",
	    .severity = "S2",
	    .deduction = 25,
	    .priority = 35,
	    .category = "TOTALS",
	    .message = "stated 94.00, computed 100.00, difference 6.00, ratio 0.0638" },
	{ .line = __LINE__,
	    .f = { .lines = "1000", .tax_inclusive = "94" },
	    .flag = "INVOICE_TOTAL_MISMATCH",
	    .severity = "S1",
	    .deduction = 25,
	    .priority = 35,
	    .category = "TOTALS",
	    .message = "stated 94.00, computed 1000.00, difference 906.00, ratio 9.6383" },
	{ .line = __LINE__,
	    .f = { .lines = "100", .tax_inclusive = "100" },
	    .duplicate = true,
	    .flag = "DUPLICATE_INVOICE",
	    .severity = "S2",
	    .deduction = 25,
	    .priority = 38,
	    .category = "DUPLICATE",
	    .message = "another document has the same seller and invoice number" },
	{ .line = __LINE__,
	    .f = { .lines = "100", .tax_inclusive = "100" },
	    .no_number = true,
	    .flag = "MISSING_FIELDS",
	    .severity = "S2",
	    .deduction = 20,
	    .priority = 40,
	    .category = "COMPLETENESS",
	    .message = "missing: invoice_number" },
	{ .line = __LINE__,
	    .f = { .lines = "100", .taxes = "100*20=20.06", .tax_inclusive = "120.06" },
	    .flag = "TAX_MISMATCH",
	    .severity = "S2",
	    .deduction = 15,
	    .priority = 60,
	    .category = "TAX",
	    .message = "1 of 1 taxes differ from base times rate, the first is tax 1" },
	{ .line = __LINE__,
	    .f = { .lines = "1*1=1 2*60=100", .tax_inclusive = "101" },
	    .flag = "LINE_MISMATCH",
	    .severity = "S3",
	    .deduction = 10,
	    .priority = 70,
	    .message = "1 of 2 lines differ from quantity times unit price, the first is "
		       "line 2" },
	{ .line = __LINE__,
	    .f = { .lines = "100", .tax_inclusive = "100" },
	    .low = true,
	    .flag = "LOW_CONFIDENCE",
	    .severity = "S3",
	    .deduction = 10,
	    .priority = 80,
	    .message = "read with low confidence: issue_date, currency" },
	{ .line = __LINE__,
	    .f = { .lines = "100", .tax_inclusive = "100" },
	    .bad_currency = true,
	    .flag = "VALIDATION_WARNINGS",
	    .severity = "S3",
	    .deduction = 5,
	    .priority = 90,
	    .message = "unknown currency" },
	{ .line = __LINE__,
	    .f = { .tax_inclusive = "100" },
	    .flag = "VALIDATION_WARNINGS",
	    .severity = "S3",
	    .deduction = 5,
	    .priority = 90,
	    .message = "the total could not be checked: no parts add up to one" },
};

/* SPEC §6's table, row by row: each flag on its own. */
static void test_each_flag(void)
{
	for (size_t i = 0; i < COUNT(each_flag_cases); i++) {
		const unsigned line = each_flag_cases[i].line;
		struct invoice *inv = model_build(&model, &each_flag_cases[i].f);
		struct quality q;

		if (each_flag_cases[i].no_number)
			model_set(&model, &inv->invoice_number, NULL);
		if (each_flag_cases[i].bad_currency)
			model_set(&model, &inv->currency, "TL");
		if (each_flag_cases[i].low)
			inv->issue_date.confidence = inv->currency.confidence = 599999;
		q = judge(each_flag_cases[i].duplicate);
		CHECK_STR_ROW(names(&q), each_flag_cases[i].flag, line);
		CHECK_STR_ROW(
		    severity_name(q.flags[0].severity), each_flag_cases[i].severity, line);
		CHECK_STR_ROW(q.flags[0].message, each_flag_cases[i].message, line);
		CHECK_ROW(q.flags[0].deduction == each_flag_cases[i].deduction, line, "deduction");
		CHECK_ROW(q.flags[0].priority == each_flag_cases[i].priority, line, "priority");
		CHECK_ROW(q.score == 100 - each_flag_cases[i].deduction, line, "score");
		CHECK_STR_ROW(
		    incident_category_name(q.incident_category), each_flag_cases[i].category, line);
		CHECK_ROW(
		    q.incident_due == (each_flag_cases[i].category != NULL), line, "incident");
		CHECK_STR_ROW(severity_name(q.incident_severity),
		    each_flag_cases[i].category != NULL ? each_flag_cases[i].severity : NULL, line);
	}
}

static void test_extraction_failed(void)
{
	struct quality q;

	quality_extraction_failed("refusal", &q);
	CHECK_STR(names(&q), "EXTRACTION_FAILED");
	CHECK_STR(q.flags[0].message, "the document could not be read (refusal)");
	CU_ASSERT_EQUAL(q.flags[0].priority, 5);
	CU_ASSERT_EQUAL(q.score, 50);
	CHECK_STR(quality_grade_name(q.grade), "CHECK");
	CU_ASSERT(q.incident_due);
	CHECK_STR(severity_name(q.incident_severity), "S1");
	CHECK_STR(incident_category_name(q.incident_category), "EXTRACTION");
	quality_extraction_failed(NULL, &q);
	CHECK_STR(q.flags[0].message, "the document could not be read");
}

static void test_all_at_once(void)
{
	const struct figures f = {
		.lines = "1*9=100", .taxes = "100*20=30", .tax_inclusive = "200"
	};
	struct invoice *inv = model_build(&model, &f);
	struct quality q;

	model_set(&model, &inv->seller_name, " \t");
	model_set(&model, &inv->invoice_number, "");
	model_set(&model, &inv->issue_date, NULL);
	model_set(&model, &inv->currency, "TL");
	inv->currency.confidence = 0;
	q = judge(true);
	CHECK_STR(names(&q), "INVOICE_TOTAL_MISMATCH DUPLICATE_INVOICE MISSING_FIELDS TAX_MISMATCH "
			     "LINE_MISMATCH LOW_CONFIDENCE VALIDATION_WARNINGS");
	CU_ASSERT_EQUAL(q.score, 0);
	CHECK_STR(quality_grade_name(q.grade), "BAD");
	CHECK_STR(incident_category_name(q.incident_category), "TOTALS");
	CHECK_STR(severity_name(q.incident_severity), "S1");
	CHECK_STR(
	    find(&q, FLAG_MISSING_FIELDS)->message, "missing: seller, invoice_number, issue_date");
	for (size_t i = 1; i < q.n_flags; i++)
		CU_ASSERT(q.flags[i - 1].priority < q.flags[i].priority);
	/* the score does not fall under 0 */
	model_set(&model, &inv->tax_inclusive_amount, NULL);
	q = judge(true);
	CU_ASSERT_EQUAL(q.score, 0);
	CHECK_STR(incident_category_name(q.incident_category), "COMPLETENESS");
}

static void test_grades(void)
{
	struct invoice *inv = model_build(&model, &good);
	struct quality q;

	model_set(&model, &inv->currency, NULL); /* 20 */
	q = judge(false);
	CU_ASSERT_EQUAL(q.score, 80);
	CHECK_STR(quality_grade_name(q.grade), "OK");
	q = judge(true); /* and 25 */
	CU_ASSERT_EQUAL(q.score, 55);
	CHECK_STR(quality_grade_name(q.grade), "CHECK");
	model_set(&model, &inv->ettn, "x"); /* and 5 */
	q = judge(true);
	CU_ASSERT_EQUAL(q.score, 50);
	CHECK_STR(quality_grade_name(q.grade), "CHECK");
	model_set(&model, &inv->currency, "TRY");
	inv->currency.confidence = 0;
	model_set(&model, &inv->tax_inclusive_amount, "60"); /* 25 + 25 + 10 + 5 */
	q = judge(true);
	CU_ASSERT_EQUAL(q.score, 35);
	CHECK_STR(quality_grade_name(q.grade), "BAD");
	model_build(&model, &good);
	model_set(&model, &inv->ettn, "x");
	inv->currency.confidence = 0;
	q = judge(false);
	CU_ASSERT_EQUAL(q.score, 85);
	CHECK_STR(quality_grade_name(q.grade), "OK");
	CU_ASSERT(!q.incident_due);
}

static void test_seller_by_tax_id(void)
{
	struct invoice *inv = model_build(&model, &good);
	struct quality q;

	model_set(&model, &inv->seller_name, NULL);
	model_set(&model, &inv->seller_tax_id, "4840847211");
	q = judge(false);
	CHECK_STR(names(&q), "");
}

static void test_tax_tolerance(void)
{
	static const char eight_lines[] = "1 1 1 1 1 1 1 1";
	static const struct {
		unsigned line;
		const char *lines, *taxes, *withheld;
		bool off;
	} cases[] = {
		{ __LINE__, "100", "100*20=20", NULL, false },
		{ __LINE__, "100", "100*20=20.05", NULL, false },
		{ __LINE__, "100", "100*20=19.95", NULL, false },
		{ __LINE__, "100", "100*20=20.051", NULL, true },
		{ __LINE__, "100", "100*20=20.06", NULL, true },
		{ __LINE__, "100", "100*20=19.94", NULL, true },
		{ __LINE__, "100", "-100*20=-20", NULL, false },
		{ __LINE__, "100", "-100*20=20", NULL, true },
		{ __LINE__, "100", "100*0=0", NULL, false },
		{ __LINE__, "100", "20", NULL, false },
		{ __LINE__, "100", "100*20=20 50*10=6", NULL, true },
		{ __LINE__, eight_lines, "8*20=1.65", NULL, false },
		{ __LINE__, eight_lines, "8*20=1.66", NULL, true },
		{ __LINE__, "100", "100*20=20", "100*90=18", false },
		{ __LINE__, "100", "99999999999999999999999999999999999999*20=20", NULL, false },
		{ __LINE__, "100",
		    "99999999999999999999999999999999999*100=-99999999999999999999999999999999999999",
		    NULL, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct figures f = { .lines = cases[i].lines,
			.taxes = cases[i].taxes,
			.withheld = cases[i].withheld };
		struct quality q = quality_of(&f);

		CHECK_ROW((find(&q, FLAG_TAX_MISMATCH) != NULL) == cases[i].off, cases[i].line,
		    cases[i].taxes);
	}
}

/* Tax that was rounded on each of many lines may be off by half a minor unit for each. */
static void test_tax_tolerance_grows_with_lines(void)
{
	static struct invoice_line lines[40];
	static const struct {
		unsigned line;
		size_t n_lines;
		const char *taxes;
		bool off;
	} cases[] = {
		{ __LINE__, 10, "100*20=20.05", false },
		{ __LINE__, 10, "100*20=20.06", true },
		{ __LINE__, 12, "100*20=20.06", false },
		{ __LINE__, 40, "100*20=20.20", false },
		{ __LINE__, 40, "100*20=20.21", true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct figures f = { .taxes = cases[i].taxes };
		struct invoice *inv = model_build(&model, &f);
		struct quality q;

		inv->lines = lines;
		inv->n_lines = cases[i].n_lines;
		q = judge(false);
		CHECK_ROW((find(&q, FLAG_TAX_MISMATCH) != NULL) == cases[i].off, cases[i].line,
		    cases[i].taxes);
	}
}

static void test_line_tolerance(void)
{
	static const struct {
		unsigned line;
		const char *lines;
		bool off;
	} cases[] = {
		{ __LINE__, "1*102=100", false },
		{ __LINE__, "1*102.01=100", true },
		{ __LINE__, "1*101.99=100", false },
		{ __LINE__, "1*98=100", false },
		{ __LINE__, "1*97.99=100", true },
		{ __LINE__, "-1*102=-100", false },
		{ __LINE__, "-1*102.01=-100", true },
		{ __LINE__, "1*100=-100", true },
		{ __LINE__, "3*0.004=0.01", false },
		{ __LINE__, "1*5=0", true },
		{ __LINE__, "0*5=0", false },
		{ __LINE__, "100 ? # 1*5", false },
		{ __LINE__, "1*100=100 1*50=20", true },
		{ __LINE__, "2*99999999999999999999999999999999999999=1", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct figures f = { .lines = cases[i].lines };
		struct quality q = quality_of(&f);

		CHECK_ROW((find(&q, FLAG_LINE_MISMATCH) != NULL) == cases[i].off, cases[i].line,
		    cases[i].lines);
	}
}

static void test_low_confidence(void)
{
	static const struct {
		unsigned line;
		int confidence;
		bool low;
	} cases[] = {
		{ __LINE__, 599999, true },
		{ __LINE__, 600000, false },
		{ __LINE__, 600001, false },
		{ __LINE__, 0, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct quality q;

		(void)model_build(&model, &good);
		model.inv.payable_amount.confidence = cases[i].confidence;
		model.inv.seller_name.confidence = 0;
		q = judge(false);
		CHECK_STR_ROW(names(&q), cases[i].low ? "LOW_CONFIDENCE" : "", cases[i].line);
	}
}

/* The longest messages there are still fit. */
static void test_messages_fit(void)
{
	struct invoice *inv = model_build(&model, &(struct figures){ .tax_inclusive = "1" });
	const struct quality_flag *f;
	struct quality q;

	model_set(&model, &inv->issue_date, "2026-02-30");
	model_set(&model, &inv->currency, "??");
	model_set(&model, &inv->ettn, "?");
	model_set(&model, &inv->seller_tax_id, "?");
	model_set(&model, &inv->buyer_tax_id, "?");
	model_set(&model, &inv->period_start, "2026-02-02");
	model_set(&model, &inv->period_end, "2026-02-01");
	q = judge(false);
	f = find(&q, FLAG_VALIDATION_WARNINGS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_STR(f->message, "impossible date, period ends before it starts, unknown currency, "
			      "impossible tax id of the seller, impossible tax id of the buyer, "
			      "ETTN is not a UUID, the total could not be checked: no parts add "
			      "up to one");
}

const struct unit_test unit_tests[] = {
	{ "a clean invoice", test_clean },
	{ "each flag", test_each_flag },
	{ "extraction failed", test_extraction_failed },
	{ "all at once", test_all_at_once },
	{ "grades", test_grades },
	{ "seller by tax id", test_seller_by_tax_id },
	{ "tax tolerance", test_tax_tolerance },
	{ "tax tolerance grows with lines", test_tax_tolerance_grows_with_lines },
	{ "line tolerance", test_line_tolerance },
	{ "low confidence", test_low_confidence },
	{ "messages fit", test_messages_fit },
	{ NULL, NULL },
};
