/*
 * An invoice's two totals: the one it states, and the one its parts add up to (SPEC §6).
 *
 * stated: tax_inclusive_amount (BT-112); where only the payable amount (BT-115) is printed,
 *	payable + prepaid (BT-113) - rounding (BT-114) + withheld taxes.
 *	EN 16931 BR-CO-16 says BT-115 = BT-112 - BT-113 + BT-114.  EN 16931 knows no withholding;
 *	in UBL-TR (WithholdingTaxTotal) the whole tax is part of TaxInclusiveAmount while
 *	PayableAmount is smaller by what the buyer withholds (tevkifat, stopaj), so it is added
 *	back.  withholding_total, or else the taxes marked `withheld`, tell how much.
 *
 * computed: base + taxes that are not withheld (BR-CO-15), where base is
 *	1. sum of lines - allowances + charges (BR-CO-13), when every line has an amount;
 *	2. line_total (BT-106) - allowances + charges;
 *	3. tax_exclusive_amount (BT-109), which is after allowances and charges already.
 *	A line's amount is net_amount (BT-131), else quantity x unit price rounded half-up to minor
 *	units.  A line with neither amount nor quantity nor price is a remark and counts for
 *nothing. tax_total (BT-110) stands in when no tax is itemised but withheld ones; without it there
 *is no tax.
 *
 * Signs: everything is summed as given, but documents often print what is deducted with a
 * minus ("Discount -14.73", "Prepaid -50.00").  So where the sum of the allowances, the prepaid or
 * the withheld amount has the sign that would make it an addition, the printed minus is taken for
 * "less".  The sign of the document is that of lines, line_total or tax_exclusive_amount; credit
 * notes are negative.
 */
#ifndef MIZAN_INVOICE_TOTALS_H
#define MIZAN_INVOICE_TOTALS_H

#include <stdbool.h>

#include "invoice/decimal.h"
#include "invoice/invoice.h"

#define MINOR_UNIT_DIGITS 2

struct totals {
	bool has_stated, has_computed;
	struct decimal stated, computed; /* rounded half-up to minor units, as they are shown */

	/* the parts, as they count; 0 where the document has none */
	bool has_lines; /* every line that is not a remark has an amount, and there is one */
	struct decimal lines;
	struct decimal allowances, charges;
	struct decimal taxes; /* not withheld */
	struct decimal withheld, prepaid;
};

/*
 * Fill *ret.  A total that cannot be told, because parts are missing or do not fit a decimal,
 * has its has_ flag false and is 0.
 */
void totals_of(const struct invoice *inv, struct totals *ret);

enum line_amount { LINE_REMARK, LINE_INCOMPLETE, LINE_TOO_LARGE, LINE_AMOUNT };

/* A line's amount as above.  *ret is set for LINE_AMOUNT only. */
enum line_amount totals_line_amount(const struct invoice_line *line, struct decimal *ret);

/* quantity x unit price rounded half-up to minor units; false when either is missing. */
bool totals_line_product(const struct invoice_line *line, struct decimal *ret) MUST_CHECK;

#endif
