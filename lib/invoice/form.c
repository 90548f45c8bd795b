#include "invoice/form.h"

#include "invoice/invoice.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define FORM_OF(name, type_)                                                                       \
	static const struct form name = {                                                          \
		.members = name##_members,                                                         \
		.n = COUNT(name##_members),                                                        \
		.size = sizeof(type_),                                                             \
	}

#define LEAF(struct_, field_, type_, nullable_, meaning_)                                          \
	{                                                                                          \
		.name = #field_, .meaning = meaning_, .type = type_, .nullable = nullable_,        \
		.offset = offsetof(struct struct_, field_),                                        \
	}
#define CONFIDENCE_OF(struct_)                                                                     \
	LEAF(struct_, confidence, FORM_CONFIDENCE, false,                                          \
	    "How sure the reading is: 0 to 1; below 0.7 when a digit is doubtful")
#define EVIDENCE_OF(struct_)                                                                       \
	LEAF(struct_, evidence, FORM_EVIDENCE, false,                                              \
	    "The printed text it was read from, verbatim, at most 120 characters; empty if none")

/* F of SPEC §5, once for each type of value */
#define FIELD_FORM(name, type_, meaning_)                                                          \
	static const struct form_member name##_members[] = {                                       \
		LEAF(invoice_field, value, type_, true, meaning_),                                 \
		CONFIDENCE_OF(invoice_field),                                                      \
		EVIDENCE_OF(invoice_field),                                                        \
	};                                                                                         \
	FORM_OF(name, struct invoice_field)

FIELD_FORM(text_field, FORM_TEXT, "As printed; null if not printed");
FIELD_FORM(decimal_field, FORM_DECIMAL,
    "Decimal string with a point and no thousands separator, such as 1234.56; null if not printed");
FIELD_FORM(date_field, FORM_DATE, "YYYY-MM-DD; null if not printed");
FIELD_FORM(currency_field, FORM_CURRENCY, "ISO 4217 code; TL is TRY; null if not printed");

static const struct form_member line_members[] = {
	LEAF(invoice_line, description, FORM_TEXT, false, "Item name (BT-153)"),
	LEAF(invoice_line, quantity, FORM_DECIMAL, true, "Invoiced quantity (BT-129), miktar"),
	LEAF(invoice_line, unit, FORM_TEXT, true, "Unit of measure (BT-130), birim"),
	LEAF(invoice_line, unit_price, FORM_DECIMAL, true, "Net price of one unit (BT-146)"),
	LEAF(invoice_line, net_amount, FORM_DECIMAL, true,
	    "Line total without tax, after discounts of the line (BT-131), mal hizmet tutarı"),
	LEAF(invoice_line, tax_rate, FORM_DECIMAL, true, "VAT rate in percent (BT-152), KDV oranı"),
	CONFIDENCE_OF(invoice_line),
	EVIDENCE_OF(invoice_line),
};
FORM_OF(line, struct invoice_line);

static const struct form_member allowance_members[] = {
	LEAF(invoice_allowance, reason, FORM_TEXT, false, "What it is for"),
	LEAF(invoice_allowance, amount, FORM_DECIMAL, false, "Decimal string, positive"),
};
FORM_OF(allowance, struct invoice_allowance);

static const struct form_member tax_members[] = {
	LEAF(invoice_tax, name, FORM_TEXT, false, "As printed: KDV, ÖTV, VAT"),
	LEAF(invoice_tax, taxable_amount, FORM_DECIMAL, true, "Its base (BT-116), matrah"),
	LEAF(invoice_tax, rate, FORM_DECIMAL, true, "Percent (BT-119)"),
	LEAF(invoice_tax, amount, FORM_DECIMAL, false, "The tax itself (BT-117)"),
	LEAF(invoice_tax, withheld, FORM_FLAG, false,
	    "True for tax that the buyer withholds: tevkifat, stopaj"),
	CONFIDENCE_OF(invoice_tax),
};
FORM_OF(tax, struct invoice_tax);

#define PART(name_, field_, of_, meaning_)                                                         \
	{                                                                                          \
		.name = name_, .meaning = meaning_, .type = FORM_OBJECT,                           \
		.offset = offsetof(struct invoice, field_), .of = &of_,                            \
	}
#define FIELD(field_, of_, meaning_) PART(#field_, field_, of_, meaning_)
#define LIST(field_, of_, max_, meaning_)                                                          \
	{                                                                                          \
		.name = #field_, .meaning = meaning_, .type = FORM_LIST,                           \
		.offset = offsetof(struct invoice, field_), .of = &of_,                            \
		.count_offset = offsetof(struct invoice, n_##field_), .max = max_,                 \
	}

/* The parties' fields lie in struct invoice itself. */
static const struct form_member seller_members[] = {
	PART("name", seller_name, text_field, "Seller name (BT-27), satıcı"),
	PART("tax_id", seller_tax_id, text_field, "Seller tax number (BT-31), VKN or TCKN"),
};
FORM_OF(seller, struct invoice);

static const struct form_member buyer_members[] = {
	PART("name", buyer_name, text_field, "Buyer name (BT-44), alıcı, sayın"),
	PART("tax_id", buyer_tax_id, text_field, "Buyer tax number (BT-48), VKN or TCKN"),
};
FORM_OF(buyer, struct invoice);

static const struct form_member invoice_members[] = {
	{ .name = "seller", .type = FORM_OBJECT, .of = &seller },
	{ .name = "buyer", .type = FORM_OBJECT, .of = &buyer },
	FIELD(invoice_number, text_field, "Invoice number (BT-1), fatura no"),
	FIELD(ettn, text_field, "ETTN, the UUID of a Turkish e-invoice"),
	FIELD(issue_date, date_field, "Issue date (BT-2), fatura tarihi"),
	FIELD(due_date, date_field, "Payment due date (BT-9), son ödeme tarihi, vade"),
	FIELD(period_start, date_field, "Invoicing period start (BT-73), dönem başı"),
	FIELD(period_end, date_field, "Invoicing period end (BT-74), dönem sonu"),
	FIELD(currency, currency_field, "Invoice currency (BT-5)"),
	LIST(lines, line, INVOICE_MAX_LINES, "Every printed invoice line (BG-25), in order"),
	LIST(allowances, allowance, INVOICE_MAX_PARTS,
	    "Discounts on the whole document (BG-20), toplam iskonto; not those within a line"),
	LIST(charges, allowance, INVOICE_MAX_PARTS, "Charges on the whole document (BG-21)"),
	LIST(taxes, tax, INVOICE_MAX_PARTS,
	    "Printed tax subtotals (BG-23), one for each tax and rate"),
	FIELD(line_total, decimal_field,
	    "Sum of line net amounts (BT-106), mal hizmet toplam tutarı"),
	FIELD(tax_exclusive_amount, decimal_field, "Total without tax (BT-109), matrah"),
	FIELD(tax_total, decimal_field, "Total tax (BT-110), hesaplanan KDV"),
	FIELD(tax_inclusive_amount, decimal_field,
	    "Total with tax (BT-112), vergiler dahil toplam tutar"),
	FIELD(withholding_total, decimal_field, "Total of withheld taxes, tevkifat tutarı"),
	FIELD(prepaid_amount, decimal_field, "Paid in advance (BT-113), avans"),
	FIELD(rounding_amount, decimal_field, "Rounding (BT-114), yuvarlama"),
	FIELD(payable_amount, decimal_field, "Amount due (BT-115), ödenecek tutar"),
};

const struct form invoice_form = {
	.members = invoice_members,
	.n = COUNT(invoice_members),
	.size = sizeof(struct invoice),
};
