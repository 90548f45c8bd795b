/* The invoice that a smoke run sends through the pipeline: a one-page PDF that adds up. */
#ifndef MIZAN_OPS_SMOKE_INVOICE_H
#define MIZAN_OPS_SMOKE_INVOICE_H

#include <stddef.h>

/* What it states as its tax inclusive amount, as the database prints it. */
#define SMOKE_INVOICE_TOTAL "120.00"

extern const char smoke_invoice[]; /* ends with a NUL that is no part of it */
extern const size_t smoke_invoice_len;

#endif
