#include "invoice/totals.h"

/* A sum that remembers when a term did not fit. */
struct sum {
	struct decimal value;
	bool broken;
};

static void sum_add(struct sum *s, struct decimal d)
{
	if (!decimal_add(s->value, d, &s->value))
		s->broken = true;
}

static void sum_sub(struct sum *s, struct decimal d)
{
	sum_add(s, decimal_neg(d));
}

static struct decimal amount_or_zero(const char *text)
{
	struct decimal d = { 0 };

	(void)!decimal_parse(text, &d); /* leaves d alone when there is none */
	return d;
}

bool totals_line_product(const struct invoice_line *line, struct decimal *ret)
{
	struct decimal quantity, price, product;

	if (!decimal_parse(line->quantity, &quantity) || !decimal_parse(line->unit_price, &price))
		return false;
	if (!decimal_mul(quantity, price, &product))
		return false;
	*ret = decimal_round(product, MINOR_UNIT_DIGITS);
	return true;
}

enum line_amount totals_line_amount(const struct invoice_line *line, struct decimal *ret)
{
	if (line->net_amount == NULL && line->quantity == NULL && line->unit_price == NULL)
		return LINE_REMARK;
	if (decimal_parse(line->net_amount, ret) || totals_line_product(line, ret))
		return LINE_AMOUNT;
	return line->quantity != NULL && line->unit_price != NULL ? LINE_TOO_LARGE
								  : LINE_INCOMPLETE;
}

/*
 * False when there is no line to add up, or one that has no amount.  What does not fit makes
 * *fit false: such lines are there all the same, and no other figure may stand in for them.
 */
static bool sum_lines(const struct invoice *inv, struct decimal *ret, bool *fit)
{
	struct sum s = { 0 };
	bool any = false;

	for (size_t i = 0; i < inv->n_lines; i++) {
		struct decimal d;

		switch (totals_line_amount(&inv->lines[i], &d)) {
		case LINE_REMARK:
			break;
		case LINE_INCOMPLETE:
			return false;
		case LINE_TOO_LARGE:
			s.broken = true;
			any = true;
			break;
		case LINE_AMOUNT:
			sum_add(&s, d);
			any = true;
			break;
		}
	}
	*fit = !s.broken;
	if (!any || s.broken)
		return false;
	*ret = s.value;
	return true;
}

static bool sum_parts(const struct invoice_allowance *parts, size_t n, struct decimal *ret)
{
	struct sum s = { 0 };

	for (size_t i = 0; i < n; i++)
		sum_add(&s, amount_or_zero(parts[i].amount));
	*ret = s.value;
	return !s.broken;
}

static bool sum_taxes(const struct invoice *inv, bool withheld, bool *any, struct decimal *ret)
{
	struct sum s = { 0 };

	*any = false;
	for (size_t i = 0; i < inv->n_taxes; i++) {
		if (inv->taxes[i].withheld != withheld)
			continue;
		sum_add(&s, amount_or_zero(inv->taxes[i].amount));
		*any = true;
	}
	*ret = s.value;
	return !s.broken;
}

/* A deduction, free of the minus that only says "less" on a document of this sign. */
static struct decimal deduction(struct decimal d, int document_sign)
{
	return document_sign * decimal_sign(d) < 0 ? decimal_neg(d) : d;
}

static bool compute(const struct invoice *inv, const struct totals *t, struct decimal *ret)
{
	struct sum s = { 0 };

	if (t->has_lines || decimal_parse(inv->line_total.value, &s.value)) {
		if (t->has_lines)
			s.value = t->lines;
		sum_sub(&s, t->allowances);
		sum_add(&s, t->charges);
	} else if (!decimal_parse(inv->tax_exclusive_amount.value, &s.value)) {
		return false;
	}
	sum_add(&s, t->taxes);
	*ret = decimal_round(s.value, MINOR_UNIT_DIGITS);
	return !s.broken;
}

static bool state(const struct invoice *inv, const struct totals *t, struct decimal *ret)
{
	struct sum s = { 0 };

	if (!decimal_parse(inv->tax_inclusive_amount.value, &s.value)) {
		if (!decimal_parse(inv->payable_amount.value, &s.value))
			return false;
		sum_add(&s, t->prepaid);
		sum_sub(&s, amount_or_zero(inv->rounding_amount.value));
		sum_add(&s, t->withheld);
	}
	*ret = decimal_round(s.value, MINOR_UNIT_DIGITS);
	return !s.broken;
}

static int document_sign(const struct invoice *inv, const struct totals *t)
{
	struct decimal d;

	if (t->has_lines)
		return decimal_sign(t->lines);
	if (decimal_parse(inv->line_total.value, &d) ||
	    decimal_parse(inv->tax_exclusive_amount.value, &d))
		return decimal_sign(d);
	return 0;
}

void totals_of(const struct invoice *inv, struct totals *ret)
{
	struct totals t = { 0 };
	bool any_tax, any_withheld, fit, lines_fit = true;
	int sign;

	t.has_lines = sum_lines(inv, &t.lines, &lines_fit);
	sign = document_sign(inv, &t);
	fit = sum_parts(inv->allowances, inv->n_allowances, &t.allowances);
	fit = sum_parts(inv->charges, inv->n_charges, &t.charges) && fit;
	fit = sum_taxes(inv, false, &any_tax, &t.taxes) && fit;
	fit = sum_taxes(inv, true, &any_withheld, &t.withheld) && fit;
	if (!any_tax)
		t.taxes = amount_or_zero(inv->tax_total.value);
	if (inv->withholding_total.value != NULL)
		t.withheld = amount_or_zero(inv->withholding_total.value);
	t.allowances = deduction(t.allowances, sign);
	t.withheld = deduction(t.withheld, sign);
	t.prepaid = deduction(amount_or_zero(inv->prepaid_amount.value), sign);
	t.has_computed = fit && lines_fit && compute(inv, &t, &t.computed);
	t.has_stated = fit && state(inv, &t, &t.stated);
	*ret = t;
}
