#include "invoice/hint.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* What a test for a cause looks at. */
struct evidence {
	const struct invoice *inv;
	const struct totals *t;
	struct decimal delta; /* > 0 */
};

static const char confident[] = "All critical fields were read with sufficient confidence.";

static void add_check(struct action_hint *h, const char *check)
{
	if (h->n_checks < AUDIT_MAX_CHECKS)
		h->recommended_checks[h->n_checks++] = check;
}

void hint_verify_ocr(const struct audit *a, struct action_hint *ret)
{
	static const char separators[] =
	    "Compare the decimal and thousands separators of the total and the lines with the "
	    "document: 1.234,56 against 1,234.56.";
	static const char fields[] =
	    "Re-read the fields with the lowest confidence on the document.";
	struct action_hint h = {
		.action_class = ACTION_VERIFY_OCR,
		.primary_suspect = SUSPECT_OCR_LOCALE,
	};

	if (a->power_of_ten) {
		add_check(&h, separators);
		add_check(&h, "Check the total for a missing or an extra digit.");
	}
	if (a->low_confidence)
		add_check(&h, fields);
	if (!a->power_of_ten)
		add_check(&h, separators);
	add_check(&h, "Check the quantity, price and amount of each line for swapped columns.");
	add_check(&h, "Ask for the original PDF or a sharper scan if digits cannot be made out.");
	if (a->low_confidence && a->power_of_ten)
		h.confidence_note = "A critical field was read with low confidence, and the totals "
				    "differ by a power of ten.";
	else if (a->low_confidence)
		h.confidence_note = "A critical field was read with low confidence.";
	else
		h.confidence_note = "The totals differ by a power of ten although all critical "
				    "fields were read with sufficient confidence.";
	*ret = h;
}

void hint_accept_rounding(struct action_hint *ret)
{
	struct action_hint h = {
		.action_class = ACTION_ACCEPT_ROUNDING_TOLERANCE,
		.primary_suspect = SUSPECT_ROUNDING,
		.confidence_note = confident,
	};

	add_check(&h, "Check whether the supplier rounds tax per line or once per invoice.");
	add_check(&h, "Look for a printed rounding amount that was not read.");
	add_check(&h, "Accept the difference if one of these explains it.");
	*ret = h;
}

static bool delta_is(const struct evidence *ev, struct decimal part)
{
	return decimal_cmp(ev->delta, decimal_round(decimal_abs(part), MINOR_UNIT_DIGITS)) == 0;
}

static bool delta_is_taxes(const struct evidence *ev)
{
	return delta_is(ev, ev->t->taxes);
}

static bool delta_is_withheld(const struct evidence *ev)
{
	return delta_is(ev, ev->t->withheld);
}

static bool delta_is_prepaid(const struct evidence *ev)
{
	return delta_is(ev, ev->t->prepaid);
}

static bool delta_is_allowances(const struct evidence *ev)
{
	struct decimal twice;

	return delta_is(ev, ev->t->allowances) ||
	       (decimal_add(ev->t->allowances, ev->t->allowances, &twice) && delta_is(ev, twice));
}

static bool delta_is_charges(const struct evidence *ev)
{
	return delta_is(ev, ev->t->charges);
}

static bool delta_is_a_line(const struct evidence *ev)
{
	struct decimal d;

	for (size_t i = 0; i < ev->inv->n_lines; i++)
		if (totals_line_amount(&ev->inv->lines[i], &d) == LINE_AMOUNT && delta_is(ev, d))
			return true;
	return false;
}

/* Whether a sum of ours contradicts the one that the document prints. */
static bool contradicts(struct decimal sum, const struct invoice_field *printed)
{
	struct decimal d;

	return decimal_parse(printed->value, &d) && decimal_cmp(sum, d) != 0;
}

static bool lines_contradict(const struct evidence *ev)
{
	return ev->t->has_lines && contradicts(ev->t->lines, &ev->inv->line_total);
}

static bool taxes_contradict(const struct evidence *ev)
{
	return contradicts(ev->t->taxes, &ev->inv->tax_total);
}

static const char taxes_differ[] =
    "Check whether the line amounts already include tax, or the stated total leaves it out: the "
    "difference equals the taxes.";
static const char withheld_differs[] =
    "Check whether the stated total is already net of withheld tax: the difference equals the "
    "withheld amount.";
static const char prepaid_differs[] =
    "Check whether the stated total is already net of the prepayment: the difference equals the "
    "prepaid amount.";
static const char allowances_differ[] =
    "Check whether allowances were left out or deducted twice: the difference equals their sum "
    "or its double.";
static const char charges_differ[] =
    "Check whether charges were left out or added twice: the difference equals their sum.";
static const char line_differs[] =
    "Look for a line that was left out or counted twice: the difference equals one line's amount.";
static const char lines_differ[] =
    "Compare each line with the document: the lines do not add up to the printed line total.";
static const char taxes_do_not_add_up[] =
    "Compare each tax with the document: the taxes do not add up to the printed tax total.";

static const struct {
	bool (*applies)(const struct evidence *ev);
	const char *check;
} causes[] = {
	{ delta_is_taxes, taxes_differ },
	{ delta_is_withheld, withheld_differs },
	{ delta_is_prepaid, prepaid_differs },
	{ delta_is_allowances, allowances_differ },
	{ delta_is_charges, charges_differ },
	{ delta_is_a_line, line_differs },
	{ lines_contradict, lines_differ },
	{ taxes_contradict, taxes_do_not_add_up },
};

static const char *const general_checks[] = {
	"Add up the lines and compare the sum with the printed subtotal.",
	"Look for allowances, charges or deposits that are printed outside the lines.",
	"Recalculate each tax from its base and rate.",
	"Check whether withheld tax or a prepayment is part of the stated total.",
	"Ask the supplier for a corrected invoice if the document itself does not add up.",
};

void hint_verify_logic(const struct invoice *inv, const struct totals *t, const struct audit *a,
    struct action_hint *ret)
{
	const struct evidence ev = { inv, t, a->delta };
	struct action_hint h = {
		.action_class = ACTION_VERIFY_INVOICE_LOGIC,
		.primary_suspect = SUSPECT_INVOICE_LOGIC,
		.confidence_note = confident,
	};

	for (size_t i = 0; i < COUNT(causes); i++)
		if (causes[i].applies(&ev))
			add_check(&h, causes[i].check);
	for (size_t i = 0; i < COUNT(general_checks); i++)
		add_check(&h, general_checks[i]);
	*ret = h;
}
