/*
 * The invoice as it was read: SPEC §5's extraction, field for field.  Names follow EN 16931
 * and UBL.  The model holds text as the reader gave it, with amounts, quantities and rates
 * already in canonical form (number_normalize()), so that a value that is present is one
 * that decimal_parse() takes.
 */
#ifndef MIZAN_INVOICE_INVOICE_H
#define MIZAN_INVOICE_INVOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

#define INVOICE_CONFIDENCE_ONE 1000000 /* a confidence of 1; all are in millionths */
#define INVOICE_MAX_EVIDENCE   120     /* characters, SPEC §5 */
#define INVOICE_MAX_TEXT       500     /* characters of any other text; ours */
#define INVOICE_MAX_LINES      2000    /* ours: far beyond an invoice that fits the token budget */
#define INVOICE_MAX_PARTS      200     /* allowances, charges, taxes, each; ours */

/* A value with the reader's confidence and the text it was read from. */
struct invoice_field {
	char *value;    /* NULL: not on the document */
	int confidence; /* millionths, rounded down: 0 to INVOICE_CONFIDENCE_ONE */
	char *evidence; /* never NULL once parsed */
};

/* BG-25 invoice line */
struct invoice_line {
	char *description;
	char *quantity;   /* BT-129; NULL: not stated, likewise below */
	char *unit;       /* BT-130 */
	char *unit_price; /* BT-146 */
	char *net_amount; /* BT-131 */
	char *tax_rate;   /* BT-152, percent */
	int confidence;
	char *evidence;
};

/* BG-20 document level allowance, BG-21 document level charge */
struct invoice_allowance {
	char *reason;
	char *amount; /* never NULL once parsed */
};

/* BG-23 VAT breakdown, and taxes other than VAT (BTV, OTV, TRT, stamp duty) */
struct invoice_tax {
	char *name;
	char *taxable_amount; /* BT-116 */
	char *rate;           /* BT-119, percent */
	char *amount;         /* BT-117; never NULL once parsed */
	bool withheld;        /* tevkifat, stopaj: not part of the tax inclusive amount */
	int confidence;
};

struct invoice {
	struct invoice_field seller_name;    /* BT-27 */
	struct invoice_field seller_tax_id;  /* BT-31, BT-32; VKN or TCKN in Turkey */
	struct invoice_field buyer_name;     /* BT-44 */
	struct invoice_field buyer_tax_id;   /* BT-48 */
	struct invoice_field invoice_number; /* BT-1 */
	struct invoice_field ettn;           /* UUID of a Turkish e-invoice */
	struct invoice_field issue_date;     /* BT-2; dates are YYYY-MM-DD */
	struct invoice_field due_date;       /* BT-9 */
	struct invoice_field period_start;   /* BT-73 */
	struct invoice_field period_end;     /* BT-74 */
	struct invoice_field currency;       /* BT-5, ISO 4217 */
	struct invoice_line *lines;
	size_t n_lines;
	struct invoice_allowance *allowances;
	size_t n_allowances;
	struct invoice_allowance *charges;
	size_t n_charges;
	struct invoice_tax *taxes;
	size_t n_taxes;
	struct invoice_field line_total;           /* BT-106 */
	struct invoice_field tax_exclusive_amount; /* BT-109 */
	struct invoice_field tax_total;            /* BT-110 */
	struct invoice_field tax_inclusive_amount; /* BT-112 */
	struct invoice_field withholding_total; /* BT-113's Turkish counterpart: withheld taxes */
	struct invoice_field prepaid_amount;    /* BT-113 */
	struct invoice_field rounding_amount;   /* BT-114 */
	struct invoice_field payable_amount;    /* BT-115 */
};

/* Release all that *inv holds, not inv itself; it is zeroed.  Safe on a zeroed struct. */
void invoice_clear(struct invoice *inv);

#endif
