/* Number forms as documents print them, and as a model may hand them on. */
#ifndef MIZAN_INVOICE_NUMBER_H
#define MIZAN_INVOICE_NUMBER_H

#include "core/err.h"
#include "invoice/decimal.h"

#define NUMBER_MAX_BYTES 128 /* a longer text is no number */

/*
 * Turn text into what decimal_parse() takes.  The digits after the point stay as written
 * ("1.180,00" is "1180.00"), so that a canonical text comes back as it is; only zeros beyond
 * DECIMAL_MAX_SCALE are dropped.  "-0" is "0".
 *
 * Around the digits: blanks; one '+' or minus (ASCII, U+2212 or a dash) before them or one
 * minus behind, or parentheses for a negative; at most two of a currency symbol, an ISO 4217
 * code, "TL" or '%'.
 *
 * Within: groups of three, all parted by the same of '.' ',' blank (also NBSP, thin, narrow,
 * figure) or apostrophe, the first group not starting with 0.  Of '.' and ',':
 *  - both occur: the one that comes last is the decimal separator, the other parts groups;
 *  - one kind, more than once: it parts groups ("1.234.567");
 *  - one kind, once: it is the decimal separator, whatever follows ("1.234" and "1,234" are
 *    both 1.234).  SPEC §5 has amounts come with a decimal point, and a lone comma is the
 *    decimal comma of Turkish and most European documents.  Where the guess is wrong, the total
 *    is off by a power of ten, which the audit reports as OCR_LOCALE_SUSPECT (SPEC §6).
 *
 * RC_INVALID "invalid_number": anything else, such as an exponent, NaN, other letters, more than
 * DECIMAL_MAX_DIGITS digits or DECIMAL_MAX_SCALE of them behind the point.
 */
enum rc number_normalize(const char *text, char out[DECIMAL_TEXT], struct err *e) MUST_CHECK;

#endif
