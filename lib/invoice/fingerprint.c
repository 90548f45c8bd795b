#include "invoice/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "invoice/tax_id.h"
#include "invoice/totals.h"

#define MAX_UTF8   4
#define FIELD_TEXT (INVOICE_MAX_TEXT * MAX_UTF8 + 1)
#define SEPARATOR  "\x1f" /* folded text holds no control character */

#define COMBINING_DOT_ABOVE 0x307  /* what lower case makes of U+0130 in some systems */
#define OTHER               0xfffd /* a byte that is left as it is */

/* The code point at p and its length.  Of longer and broken sequences each byte is an OTHER. */
static unsigned decode(const unsigned char *p, size_t *ret_n)
{
	*ret_n = 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf && (p[1] & 0xc0) == 0x80) {
		*ret_n = 2;
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	}
	if ((p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
		*ret_n = 3;
		return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	}
	return p[0] < 0x80 ? p[0] : OTHER;
}

static bool is_blank(unsigned c)
{
	return c <= ' ' || c == 0x7f || c == 0xa0 || (c >= 0x2000 && c <= 0x200b) || c == 0x202f;
}

/* Lower case of code points under U+0180; the i's all become 'i'. */
static unsigned lower(unsigned c)
{
	if (c == 'I' || c == 0x130 || c == 0x131)
		return 'i';
	if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7))
		return c + 0x20;
	if (c == 0x178)
		return 0xff;
	if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177))
		return c | 1;
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
		return c + (c & 1);
	return c;
}

void fingerprint_fold(const char *text, enum fold_blanks blanks, char *out, size_t cap)
{
	const unsigned char *p = (const unsigned char *)text;
	bool pending = false;
	size_t n = 0, len;

	for (; *p != '\0'; p += len) {
		unsigned char letter[2];
		const unsigned char *from = p;
		unsigned c = decode(p, &len);
		size_t size = len;

		if (is_blank(c)) {
			pending = blanks == FOLD_KEEP_BLANKS && n > 0;
			continue;
		}
		if (c == COMBINING_DOT_ABOVE)
			continue;
		if (c < 0x180) {
			c = lower(c);
			size = c < 0x80 ? 1 : 2;
			letter[0] = (unsigned char)(c < 0x80 ? c : 0xc0 | c >> 6);
			letter[1] = (unsigned char)(0x80 | (c & 0x3f));
			from = letter;
		}
		if (n + pending + size >= cap)
			break;
		if (pending)
			out[n++] = ' ';
		pending = false;
		memcpy(out + n, from, size);
		n += size;
	}
	out[n] = '\0';
}

static void fold_field(const struct invoice_field *f, enum fold_blanks blanks, char out[FIELD_TEXT])
{
	fingerprint_fold(f->value != NULL ? f->value : "", blanks, out, FIELD_TEXT);
}

/* The seller in folded form, or "". */
static void seller_text(const struct invoice *inv, char out[FIELD_TEXT])
{
	const char *tax_id = inv->seller_tax_id.value;
	char compact[TAX_ID_TEXT];

	if (tax_id != NULL && tax_id_compact(tax_id, compact)) {
		fingerprint_fold(compact, FOLD_DROP_BLANKS, out, FIELD_TEXT);
		return;
	}
	fold_field(&inv->seller_tax_id, FOLD_DROP_BLANKS, out);
	if (out[0] == '\0')
		fold_field(&inv->seller_name, FOLD_KEEP_BLANKS, out);
}

bool invoice_identity(const struct invoice *inv, char out[SHA256_TEXT])
{
	char seller[FIELD_TEXT], number[FIELD_TEXT], text[2 * FIELD_TEXT];
	int n;

	seller_text(inv, seller);
	fold_field(&inv->invoice_number, FOLD_DROP_BLANKS, number);
	if (seller[0] == '\0' || number[0] == '\0')
		return false;
	n = snprintf(text, sizeof text, "%s" SEPARATOR "%s", seller, number);
	sha256_hex(text, (size_t)n, out);
	return true;
}

bool invoice_fingerprint(const struct invoice *inv, char out[SHA256_TEXT])
{
	char seller[FIELD_TEXT], number[FIELD_TEXT], start[FIELD_TEXT], end[FIELD_TEXT];
	char text[5 * FIELD_TEXT], total[DECIMAL_TEXT] = "";
	struct totals t;
	int n;

	seller_text(inv, seller);
	fold_field(&inv->invoice_number, FOLD_DROP_BLANKS, number);
	if (seller[0] == '\0' && number[0] == '\0')
		return false;
	fold_field(&inv->period_start, FOLD_DROP_BLANKS, start);
	fold_field(&inv->period_end, FOLD_DROP_BLANKS, end);
	totals_of(inv, &t);
	if (t.has_stated)
		decimal_text(t.stated, 0, total);
	n = snprintf(text, sizeof text,
	    "%s" SEPARATOR "%s" SEPARATOR "%s" SEPARATOR "%s" SEPARATOR "%s", seller, number, start,
	    end, total);
	sha256_hex(text, (size_t)n, out);
	return true;
}
