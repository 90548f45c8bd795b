#include "invoice/validate.h"

#include <string.h>

#include "core/uuid.h"
#include "invoice/currency.h"
#include "invoice/tax_id.h"

static const struct {
	unsigned warning;
	const char *text;
} texts[] = {
	{ WARN_IMPOSSIBLE_DATE, "impossible date" },
	{ WARN_DUE_BEFORE_ISSUE, "due date before issue date" },
	{ WARN_PERIOD_REVERSED, "period ends before it starts" },
	{ WARN_UNKNOWN_CURRENCY, "unknown currency" },
	{ WARN_SELLER_TAX_ID, "impossible tax id of the seller" },
	{ WARN_BUYER_TAX_ID, "impossible tax id of the buyer" },
	{ WARN_ETTN, "ETTN is not a UUID" },
};

/* Whether text has the form: '9' is a digit, the rest itself. */
static bool matches(const char *text, const char *form)
{
	for (; *form != '\0'; form++, text++)
		if (*form == '9' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return *text == '\0';
}

static int number_at(const char *text, int n)
{
	int v = 0;

	while (n-- > 0)
		v = v * 10 + (*text++ - '0');
	return v;
}

bool validate_date(const char *text)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day;
	bool leap;

	if (!matches(text, "9999-99-99"))
		return false;
	year = number_at(text, 4);
	month = number_at(text + 5, 2);
	day = number_at(text + 8, 2);
	if (year < 1900 || year > 2199 || month < 1 || month > 12 || day < 1)
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day <= days[month - 1] + (month == 2 && leap);
}

static bool impossible_date(const struct invoice_field *f)
{
	return f->value != NULL && !validate_date(f->value);
}

/* Both are dates, and the first is the later one.  The form sorts as text. */
static bool out_of_order(const struct invoice_field *a, const struct invoice_field *b)
{
	return a->value != NULL && b->value != NULL && validate_date(a->value) &&
	       validate_date(b->value) && strcmp(a->value, b->value) > 0;
}

static bool impossible_tax_id(const struct invoice *inv, const struct invoice_field *f)
{
	bool turkish;

	if (f->value == NULL)
		return false;
	turkish = inv->ettn.value != NULL || strncmp(f->value, "TR", 2) == 0 ||
		  (inv->currency.value != NULL && strcmp(inv->currency.value, "TRY") == 0);
	return !tax_id_plausible(f->value, turkish);
}

unsigned validate_invoice(const struct invoice *inv)
{
	unsigned w = 0;

	if (impossible_date(&inv->issue_date) || impossible_date(&inv->due_date) ||
	    impossible_date(&inv->period_start) || impossible_date(&inv->period_end))
		w |= WARN_IMPOSSIBLE_DATE;
	if (out_of_order(&inv->issue_date, &inv->due_date))
		w |= WARN_DUE_BEFORE_ISSUE;
	if (out_of_order(&inv->period_start, &inv->period_end))
		w |= WARN_PERIOD_REVERSED;
	if (inv->currency.value != NULL && !currency_known(inv->currency.value))
		w |= WARN_UNKNOWN_CURRENCY;
	if (impossible_tax_id(inv, &inv->seller_tax_id))
		w |= WARN_SELLER_TAX_ID;
	if (impossible_tax_id(inv, &inv->buyer_tax_id) &&
	    !tax_id_is_placeholder(inv->buyer_tax_id.value))
		w |= WARN_BUYER_TAX_ID;
	if (inv->ettn.value != NULL && !uuid_valid(inv->ettn.value))
		w |= WARN_ETTN;
	return w;
}

const char *validate_warning_text(unsigned warning)
{
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (texts[i].warning == warning)
			return texts[i].text;
	return "";
}
