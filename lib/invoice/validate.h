/* Values that cannot be right, whatever the totals say: the VALIDATION_WARNINGS of SPEC §6. */
#ifndef MIZAN_INVOICE_VALIDATE_H
#define MIZAN_INVOICE_VALIDATE_H

#include <stdbool.h>

#include "invoice/invoice.h"

/* Each is a bit of validate_invoice()'s result. */
enum validation_warning {
	WARN_IMPOSSIBLE_DATE = 1 << 0, /* a date that is not YYYY-MM-DD or not in the calendar */
	WARN_DUE_BEFORE_ISSUE = 1 << 1,
	WARN_PERIOD_REVERSED = 1 << 2,  /* period_end before period_start */
	WARN_UNKNOWN_CURRENCY = 1 << 3, /* not a code of ISO 4217 */
	WARN_SELLER_TAX_ID = 1 << 4,    /* tax_id_plausible() says no */
	WARN_BUYER_TAX_ID = 1 << 5,     /* likewise, placeholders excepted */
	WARN_ETTN = 1 << 6,             /* not a UUID */
	WARN_END = 1 << 7,
};

/*
 * All warnings of inv, 0 for none.  Missing values warn of nothing.  An invoice counts as
 * Turkish (VKN and TCKN check digits apply) when its currency is TRY, it has an ETTN, or the
 * identifier itself begins with "TR".
 */
unsigned validate_invoice(const struct invoice *inv);

/* One warning (a single bit) in words, without content of the invoice. */
const char *validate_warning_text(unsigned warning);

/* YYYY-MM-DD in the Gregorian calendar, year 1900 to 2199. */
bool validate_date(const char *text);

#endif
