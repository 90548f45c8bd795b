#include "invoice/quality.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "invoice/critical.h"
#include "invoice/totals.h"
#include "invoice/validate.h"

#define FULL_SCORE  100
#define OK_SCORE    80
#define CHECK_SCORE 50

/* SPEC §6's table, a row for each of enum quality_code in its order. */
static const struct {
	const char *name;
	enum severity severity; /* INVOICE_TOTAL_MISMATCH takes the audit's instead */
	int deduction, priority;
	enum incident_category category; /* of the incident whose primary flag it is */
} specs[FLAG_COUNT] = {
	{ "EXTRACTION_FAILED", SEVERITY_S1, 50, 5, CATEGORY_EXTRACTION },
	{ "TOTAL_MISSING", SEVERITY_S1, 50, 10, CATEGORY_COMPLETENESS },
	{ "INVOICE_TOTAL_MISMATCH", SEVERITY_S2, 25, 35, CATEGORY_TOTALS },
	{ "DUPLICATE_INVOICE", SEVERITY_S2, 25, 38, CATEGORY_DUPLICATE },
	{ "MISSING_FIELDS", SEVERITY_S2, 20, 40, CATEGORY_COMPLETENESS },
	{ "TAX_MISMATCH", SEVERITY_S2, 15, 60, CATEGORY_TAX },
	{ "LINE_MISMATCH", SEVERITY_S3, 10, 70, CATEGORY_NONE },
	{ "LOW_CONFIDENCE", SEVERITY_S3, 10, 80, CATEGORY_NONE },
	{ "VALIDATION_WARNINGS", SEVERITY_S3, 5, 90, CATEGORY_NONE },
};

/* Called in the order of enum quality_code, which is that of the priorities. */
static struct quality_flag *raise_flag(struct quality *q, enum quality_code code)
{
	struct quality_flag *f = &q->flags[q->n_flags++];

	f->code = code;
	f->severity = specs[code].severity;
	f->priority = specs[code].priority;
	f->deduction = specs[code].deduction;
	f->message[0] = '\0';
	return f;
}

/* Add to the flag's message; what does not fit is cut. */
static void say(struct quality_flag *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct quality_flag *f, const char *fmt, ...)
{
	size_t n = strlen(f->message);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->message + n, sizeof f->message - n, fmt, ap);
	va_end(ap);
}

/* Add `item` to a list that stands behind `head`. */
static void say_item(struct quality_flag *f, const char *head, const char *item)
{
	say(f, "%s%s", f->message[0] == '\0' ? head : ", ", item);
}

static void conclude(struct quality *q)
{
	q->score = FULL_SCORE;
	for (size_t i = 0; i < q->n_flags; i++)
		q->score -= q->flags[i].deduction;
	if (q->score < 0)
		q->score = 0;
	q->grade = q->score >= OK_SCORE      ? GRADE_OK
		   : q->score >= CHECK_SCORE ? GRADE_CHECK
					     : GRADE_BAD;
	if (q->n_flags == 0 || q->flags[0].severity == SEVERITY_S3)
		return;
	q->incident_due = true;
	q->incident_severity = q->flags[0].severity;
	q->incident_category = specs[q->flags[0].code].category;
}

static void check_total(const struct audit *a, struct quality *q)
{
	char stated[DECIMAL_TEXT], computed[DECIMAL_TEXT], delta[DECIMAL_TEXT], ratio[DECIMAL_TEXT];
	struct quality_flag *f;

	if (!a->has_stated)
		say(raise_flag(q, FLAG_TOTAL_MISSING), "the invoice states no total");
	if (a->outcome != AUDIT_MISMATCH)
		return;
	decimal_text(a->stated, MINOR_UNIT_DIGITS, stated);
	decimal_text(a->computed, MINOR_UNIT_DIGITS, computed);
	decimal_text(a->delta, MINOR_UNIT_DIGITS, delta);
	decimal_text(a->ratio, AUDIT_RATIO_DIGITS, ratio);
	f = raise_flag(q, FLAG_INVOICE_TOTAL_MISMATCH);
	f->severity = a->severity;
	say(f, "stated %s, computed %s, difference %s, ratio %s", stated, computed, delta, ratio);
}

static bool missing(const struct invoice_field *f)
{
	return f->value == NULL || f->value[strspn(f->value, " \t\r\n")] == '\0';
}

static void check_presence(const struct invoice *inv, struct quality *q)
{
	const struct {
		const char *name;
		bool missing;
	} fields[] = {
		{ "seller", missing(&inv->seller_name) && missing(&inv->seller_tax_id) },
		{ "invoice_number", missing(&inv->invoice_number) },
		{ "issue_date", missing(&inv->issue_date) },
		{ "currency", missing(&inv->currency) },
	};
	struct quality_flag *f = NULL;

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if (!fields[i].missing)
			continue;
		if (f == NULL)
			f = raise_flag(q, FLAG_MISSING_FIELDS);
		say_item(f, "missing: ", fields[i].name);
	}
}

/* Whether |a - b| <= limit; amounts too large to compare count as equal. */
static bool near(struct decimal a, struct decimal b, struct decimal limit)
{
	struct decimal d;

	return !decimal_sub(a, b, &d) || decimal_cmp(decimal_abs(d), limit) <= 0;
}

/* Whether a tax states base, rate and amount that contradict each other. */
static bool tax_is_off(const struct invoice_tax *tax, size_t n_lines)
{
	static const struct decimal percent = { 1, 2 };
	const struct decimal half_unit_per_line = { 5 * (__int128)n_lines, 3 };
	struct decimal base, rate, amount, expected, tolerance = { 5, 2 };

	if (tax->withheld || !decimal_parse(tax->taxable_amount, &base) ||
	    !decimal_parse(tax->rate, &rate) || !decimal_parse(tax->amount, &amount) ||
	    !decimal_mul(base, rate, &expected) || !decimal_mul(expected, percent, &expected))
		return false;
	if (decimal_cmp(half_unit_per_line, tolerance) > 0)
		tolerance = half_unit_per_line;
	return !near(expected, amount, tolerance);
}

static void check_taxes(const struct invoice *inv, struct quality *q)
{
	size_t off = 0, first = 0;

	for (size_t i = 0; i < inv->n_taxes; i++) {
		if (!tax_is_off(&inv->taxes[i], inv->n_lines))
			continue;
		if (off++ == 0)
			first = i + 1;
	}
	if (off > 0)
		say(raise_flag(q, FLAG_TAX_MISMATCH),
		    "%zu of %zu taxes differ from base times rate, the first is tax %zu", off,
		    inv->n_taxes, first);
}

static bool line_is_off(const struct invoice_line *line, struct decimal tolerance)
{
	struct decimal net, product, limit;

	if (!decimal_parse(line->net_amount, &net) || !totals_line_product(line, &product) ||
	    !decimal_mul(decimal_abs(net), tolerance, &limit))
		return false;
	return !near(product, net, limit);
}

static void check_lines(const struct invoice *inv, const struct thresholds *th, struct quality *q)
{
	const struct decimal tolerance = decimal_from_e4(th->line_tolerance);
	size_t off = 0, first = 0;

	for (size_t i = 0; i < inv->n_lines; i++) {
		if (!line_is_off(&inv->lines[i], tolerance))
			continue;
		if (off++ == 0)
			first = i + 1;
	}
	if (off > 0)
		say(raise_flag(q, FLAG_LINE_MISMATCH),
		    "%zu of %zu lines differ from quantity times unit price, the first is line %zu",
		    off, inv->n_lines, first);
}

static void check_confidence(
    const struct invoice *inv, const struct thresholds *th, struct quality *q)
{
	struct critical_field fields[CRITICAL_FIELDS];
	struct quality_flag *f = NULL;

	critical_fields(inv, fields);
	for (size_t i = 0; i < CRITICAL_FIELDS; i++) {
		if (!critical_field_below(&fields[i], th->low_confidence))
			continue;
		if (f == NULL)
			f = raise_flag(q, FLAG_LOW_CONFIDENCE);
		say_item(f, "read with low confidence: ", fields[i].name);
	}
}

static void check_validity(const struct invoice *inv, const struct audit *a, struct quality *q)
{
	const unsigned warnings = validate_invoice(inv);
	const bool unchecked = a->has_stated && a->outcome == AUDIT_FAILED;
	struct quality_flag *f;

	if (warnings == 0 && !unchecked)
		return;
	f = raise_flag(q, FLAG_VALIDATION_WARNINGS);
	for (unsigned w = 1; w < WARN_END; w <<= 1)
		if (warnings & w)
			say_item(f, "", validate_warning_text(w));
	if (unchecked)
		say_item(f, "", "the total could not be checked: no parts add up to one");
}

void quality_evaluate(const struct invoice *inv, const struct audit *a, const struct thresholds *th,
    bool duplicate, struct quality *ret)
{
	struct quality q = { 0 };

	check_total(a, &q);
	if (duplicate)
		say(raise_flag(&q, FLAG_DUPLICATE_INVOICE),
		    "another document has the same seller and invoice number");
	check_presence(inv, &q);
	check_taxes(inv, &q);
	check_lines(inv, th, &q);
	check_confidence(inv, th, &q);
	check_validity(inv, a, &q);
	conclude(&q);
	*ret = q;
}

void quality_extraction_failed(const char *reason, struct quality *ret)
{
	struct quality q = { 0 };
	struct quality_flag *f = raise_flag(&q, FLAG_EXTRACTION_FAILED);

	say(f, "the document could not be read");
	if (reason != NULL)
		say(f, " (%s)", reason);
	conclude(&q);
	*ret = q;
}

const char *quality_code_name(enum quality_code c)
{
	return specs[c].name;
}

const char *quality_grade_name(enum quality_grade g)
{
	static const char *const names[] = {
		[GRADE_OK] = "OK",
		[GRADE_CHECK] = "CHECK",
		[GRADE_BAD] = "BAD",
	};

	return names[g];
}

const char *incident_category_name(enum incident_category c)
{
	static const char *const names[] = {
		[CATEGORY_NONE] = NULL,
		[CATEGORY_EXTRACTION] = "EXTRACTION",
		[CATEGORY_COMPLETENESS] = "COMPLETENESS",
		[CATEGORY_TOTALS] = "TOTALS",
		[CATEGORY_DUPLICATE] = "DUPLICATE",
		[CATEGORY_TAX] = "TAX",
	};

	return names[c];
}
