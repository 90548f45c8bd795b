#include "invoice/audit.h"

#include "invoice/critical.h"
#include "invoice/hint.h"
#include "invoice/totals.h"

#define MAX_SHIFT 3 /* SPEC §6: a power of ten from 1/1000 to 1000 */

static const struct decimal smallest_amount = { 1, 2 }; /* 0.01 */

static bool low_confidence(const struct invoice *inv, const struct thresholds *th)
{
	struct critical_field f[CRITICAL_FIELDS];

	critical_fields(inv, f);
	for (size_t i = 0; i < CRITICAL_FIELDS; i++)
		if (critical_field_below(&f[i], th->ocr_suspect_confidence))
			return true;
	return false;
}

/* |a - b| <= 1 % of |b| */
static bool within_one_percent(struct decimal a, struct decimal b)
{
	struct decimal difference, tolerance;

	return decimal_sub(a, b, &difference) &&
	       decimal_mul(decimal_abs(b), smallest_amount, &tolerance) &&
	       decimal_cmp(decimal_abs(difference), tolerance) <= 0;
}

static bool slipped(struct decimal stated, struct decimal computed)
{
	struct decimal power = { 1, 0 }, shifted;

	for (int k = 1; k <= MAX_SHIFT; k++) {
		power.coef *= 10;
		if (decimal_mul(computed, power, &shifted) && within_one_percent(stated, shifted))
			return true;
		/* stated / computed near 10^-k: bring stated up instead, so that nothing is divided
		 */
		if (decimal_mul(stated, power, &shifted) && within_one_percent(shifted, computed))
			return true;
	}
	return false;
}

/* How the delta compares to threshold * denominator, which is how the ratio does to threshold. */
static bool ratio_cmp(
    const struct audit *a, struct decimal denominator, int64_t threshold_e4, int *ret)
{
	struct decimal limit;

	if (!decimal_mul(decimal_from_e4(threshold_e4), denominator, &limit))
		return false;
	*ret = decimal_cmp(a->delta, limit);
	return true;
}

static bool delta_reaches(const struct audit *a, int64_t threshold_e4)
{
	return decimal_cmp(a->delta, decimal_from_e4(threshold_e4)) >= 0;
}

/* The table of SPEC §6; false when an amount is too large for it. */
static bool judge(struct audit *a, const struct thresholds *th, bool *ret_small)
{
	struct decimal denominator = decimal_abs(a->stated);
	int mismatch, severe, rounding;
	bool over;

	if (decimal_cmp(denominator, smallest_amount) < 0)
		denominator = smallest_amount;
	if (!decimal_sub(a->stated, a->computed, &a->delta))
		return false;
	a->delta = decimal_abs(a->delta);
	if (!decimal_div_round(a->delta, denominator, AUDIT_RATIO_DIGITS, &a->ratio) ||
	    !ratio_cmp(a, denominator, th->mismatch_ratio, &mismatch) ||
	    !ratio_cmp(a, denominator, th->severe_ratio, &severe) ||
	    !ratio_cmp(a, denominator, th->rounding_ratio, &rounding))
		return false;

	over = delta_reaches(a, th->mismatch_absolute);
	*ret_small = rounding < 0 && !delta_reaches(a, th->rounding_delta);
	if (decimal_is_zero(a->delta)) {
		a->outcome = AUDIT_EXACT;
	} else if (mismatch >= 0 || over) {
		a->outcome = AUDIT_MISMATCH;
		a->severity = (severe >= 0 && over) || delta_reaches(a, th->severe_absolute)
				  ? SEVERITY_S1
				  : SEVERITY_S2;
	} else {
		a->outcome = *ret_small ? AUDIT_ROUNDING : AUDIT_MINOR;
	}
	return true;
}

void audit_invoice(const struct invoice *inv, const struct thresholds *th, struct audit *ret)
{
	struct audit a = { .outcome = AUDIT_FAILED };
	struct totals t;
	bool small = false;

	totals_of(inv, &t);
	a.has_stated = t.has_stated;
	a.stated = t.stated;
	a.has_computed = t.has_computed;
	a.computed = t.computed;
	a.low_confidence = low_confidence(inv, th);
	if (a.has_stated && a.has_computed && !judge(&a, th, &small))
		a.delta = a.ratio = (struct decimal){ 0 };
	if (a.outcome == AUDIT_MISMATCH) {
		a.power_of_ten = slipped(a.stated, a.computed);
		a.ocr_suspect = a.low_confidence || a.power_of_ten;
		if (a.ocr_suspect)
			hint_verify_ocr(&a, &a.hint);
		else if (small)
			hint_accept_rounding(&a.hint);
		else
			hint_verify_logic(inv, &t, &a, &a.hint);
	}
	*ret = a;
}

const char *audit_outcome_name(enum audit_outcome o)
{
	static const char *const names[] = {
		[AUDIT_EXACT] = "exact",
		[AUDIT_MINOR] = "minor",
		[AUDIT_ROUNDING] = "rounding",
		[AUDIT_MISMATCH] = "mismatch",
		[AUDIT_FAILED] = "failed",
	};

	return names[o];
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = {
		[SEVERITY_NONE] = NULL,
		[SEVERITY_S1] = "S1",
		[SEVERITY_S2] = "S2",
		[SEVERITY_S3] = "S3",
	};

	return names[s];
}

const char *action_class_name(enum action_class a)
{
	static const char *const names[] = {
		[ACTION_NONE] = NULL,
		[ACTION_VERIFY_OCR] = "VERIFY_OCR",
		[ACTION_VERIFY_INVOICE_LOGIC] = "VERIFY_INVOICE_LOGIC",
		[ACTION_ACCEPT_ROUNDING_TOLERANCE] = "ACCEPT_ROUNDING_TOLERANCE",
	};

	return names[a];
}

const char *suspect_name(enum suspect s)
{
	static const char *const names[] = {
		[SUSPECT_NONE] = NULL,
		[SUSPECT_OCR_LOCALE] = "OCR_LOCALE_SUSPECT",
		[SUSPECT_ROUNDING] = "ROUNDING",
		[SUSPECT_INVOICE_LOGIC] = "INVOICE_LOGIC",
	};

	return names[s];
}
