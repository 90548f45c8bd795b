#include "invoice/critical.h"

#include <string.h>

#include "core/config.h"

void critical_fields(const struct invoice *inv, struct critical_field out[CRITICAL_FIELDS])
{
	const struct critical_field fields[CRITICAL_FIELDS] = {
		{ "invoice_number", &inv->invoice_number },
		{ "issue_date", &inv->issue_date },
		{ "currency", &inv->currency },
		{ "tax_exclusive_amount", &inv->tax_exclusive_amount },
		{ "tax_total", &inv->tax_total },
		{ "tax_inclusive_amount", &inv->tax_inclusive_amount },
		{ "payable_amount", &inv->payable_amount },
	};

	memcpy(out, fields, sizeof fields);
}

bool critical_field_below(const struct critical_field *f, int64_t threshold_e4)
{
	return f->field->value != NULL &&
	       f->field->confidence < threshold_e4 * (INVOICE_CONFIDENCE_ONE / CONFIG_DECIMAL_ONE);
}
