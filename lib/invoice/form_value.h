/* Single values of the form, from text as a reader may have left it to canonical text. */
#ifndef MIZAN_INVOICE_FORM_VALUE_H
#define MIZAN_INVOICE_FORM_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#define FORM_DATE_TEXT     11 /* YYYY-MM-DD and NUL */
#define FORM_CURRENCY_TEXT 4

/*
 * A day of the Gregorian calendar, years 1 to 9999: YYYY-MM-DD, or day first as printed in
 * Turkey: DD.MM.YYYY, DD/MM/YYYY, DD-MM-YYYY, where day and month may have one digit.
 * False: it is none, out is untouched.
 */
bool form_date(const char *text, char out[FORM_DATE_TEXT]);

/* Three letters, of either case, or TL, ₺, €, $.  False: neither, out is untouched. */
bool form_currency(const char *text, char out[FORM_CURRENCY_TEXT]);

/*
 * A JSON number within [0,1] in millionths, rounded down, computed on its digits: 0.7 is
 * 700000.  False: not a number, or outside; *ret is untouched.
 */
bool form_confidence(const char *number, int *ret);

/*
 * Copy n bytes of UTF-8 to a new string: control characters other than newline and tab
 * become spaces, white space before it goes, what remains is cut after max characters, and
 * white space at the end of that goes too.  Idempotent.  NULL: out of memory.
 */
char *form_text(const char *bytes, size_t n, size_t max);

#endif
