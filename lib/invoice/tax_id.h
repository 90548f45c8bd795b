/* Tax identifiers: how they are written, and whether one can exist. */
#ifndef MIZAN_INVOICE_TAX_ID_H
#define MIZAN_INVOICE_TAX_ID_H

#include <stdbool.h>
#include <stddef.h>

#define TAX_ID_TEXT 25 /* the longest that is plausible, and a NUL */

/*
 * The identifier itself: ASCII letters in capitals and digits, without the blanks, points,
 * slashes and dashes it is printed with, and without the "TR" before a Turkish number.  False, and
 * out untouched, when text is blank, too long or holds any other character.
 */
bool tax_id_compact(const char *text, char out[TAX_ID_TEXT]);

/*
 * Turkish numbers by their check digits: VKN of 10 digits (legal persons), TCKN of 11 (natural
 * persons).  False for any other text.
 */
bool tax_id_is_vkn(const char *digits);
bool tax_id_is_tckn(const char *digits);

/*
 * Whether text can be a tax identifier at all.  turkish: the invoice is a Turkish one, so that a
 * number of digits only must be a VKN or TCKN; anything else, and any identifier on other
 * invoices, need only have a length and characters that some country uses.
 */
bool tax_id_plausible(const char *text, bool turkish);

/* The numbers that Turkish invoices bear for a buyer without one: 11111111111, 2222222222. */
bool tax_id_is_placeholder(const char *text);

#endif
