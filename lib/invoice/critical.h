/* The fields whose confidence decides (SPEC §5, "Critical fields"). */
#ifndef MIZAN_INVOICE_CRITICAL_H
#define MIZAN_INVOICE_CRITICAL_H

#include <stdbool.h>
#include <stdint.h>

#include "invoice/invoice.h"

#define CRITICAL_FIELDS 7

struct critical_field {
	const char *name; /* as in the extraction */
	const struct invoice_field *field;
};

/* All of them in SPEC §5's order, present on the document or not. */
void critical_fields(const struct invoice *inv, struct critical_field out[CRITICAL_FIELDS]);

/* Whether the field is on the document with a confidence under a threshold in ten-thousandths. */
bool critical_field_below(const struct critical_field *f, int64_t threshold_e4);

#endif
