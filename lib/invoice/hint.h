/*
 * What an operator should check about a mismatch, likeliest cause first (SPEC §6).  audit.c
 * decides which of the three classes it is; these fill the hint.  All text is static and names no
 * content of the invoice.
 */
#ifndef MIZAN_INVOICE_HINT_H
#define MIZAN_INVOICE_HINT_H

#include "invoice/audit.h"
#include "invoice/invoice.h"
#include "invoice/totals.h"

/* The reading is suspect: a->low_confidence, a->power_of_ten or both say why. */
void hint_verify_ocr(const struct audit *a, struct action_hint *ret);

void hint_accept_rounding(struct action_hint *ret);

/*
 * The reading is trusted, the arithmetic is not.  Causes that the figures point to come first
 * (the difference equals the taxes, a line, the prepaid amount ...), general checks after.
 */
void hint_verify_logic(const struct invoice *inv, const struct totals *t, const struct audit *a,
    struct action_hint *ret);

#endif
