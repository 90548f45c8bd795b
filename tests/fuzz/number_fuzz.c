/*
 * Single values as a reader hands them on.  Whatever text comes in, number_normalize() either
 * refuses it or yields what decimal_parse() takes, and what it yields again when given its own
 * answer; dates, currencies, confidences, tax ids and texts likewise.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "invoice/form_value.h"
#include "invoice/number.h"
#include "invoice/tax_id.h"

static void check_number(const char *text)
{
	char out[DECIMAL_TEXT], again[DECIMAL_TEXT];
	struct decimal d;

	if (number_normalize(text, out, NULL) != RC_OK)
		return;
	INVARIANT(decimal_parse(out, &d));
	INVARIANT(number_normalize(out, again, NULL) == RC_OK);
	INVARIANT(strcmp(out, again) == 0);
}

static void check_form_values(const char *text)
{
	char date[FORM_DATE_TEXT], currency[FORM_CURRENCY_TEXT];
	char again[FORM_DATE_TEXT];
	int millionths = -1;

	if (form_date(text, date))
		INVARIANT(form_date(date, again) && strcmp(date, again) == 0);
	if (form_currency(text, currency))
		INVARIANT(form_currency(currency, again) && strcmp(currency, again) == 0);
	if (form_confidence(text, &millionths))
		INVARIANT(millionths >= 0 && millionths <= 1000000);
	else
		INVARIANT(millionths == -1);
}

static void check_tax_id(const char *text)
{
	char id[TAX_ID_TEXT], again[TAX_ID_TEXT];

	INVARIANT(!(tax_id_is_vkn(text) && tax_id_is_tckn(text)));
	(void)tax_id_plausible(text, true);
	(void)tax_id_plausible(text, false);
	(void)tax_id_is_placeholder(text);
	if (!tax_id_compact(text, id))
		return;
	INVARIANT(id[0] != '\0' && strlen(id) < sizeof id);
	for (const char *p = id; *p != '\0'; p++)
		INVARIANT((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z'));
	INVARIANT(tax_id_compact(id, again));
}

static void check_text(const char *text, size_t size)
{
	char *once = form_text(text, size, 20), *twice;

	INVARIANT(once != NULL && strlen(once) <= size);
	twice = form_text(once, strlen(once), 20);
	INVARIANT(twice != NULL && strcmp(once, twice) == 0);
	free(once);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_number(text);
	check_form_values(text);
	check_tax_id(text);
	check_text(text, size);
	free(text);
	return 0;
}
