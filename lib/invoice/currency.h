/* ISO 4217 currency codes. */
#ifndef MIZAN_INVOICE_CURRENCY_H
#define MIZAN_INVOICE_CURRENCY_H

#include <stdbool.h>

/*
 * Whether code is an alphabetic ISO 4217 code of money, in capitals: the active list and those
 * retired since 2018 (BGN, HRK, SLL, ANG, ...), which older invoices bear.  Metals, test codes and
 * units of account that nobody invoices in (XAU, XTS, XDR) are not money.
 */
bool currency_known(const char *code);

#endif
