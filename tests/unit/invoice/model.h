/* Invoices for tests, built from short texts without allocation. */
#ifndef MIZAN_TESTS_INVOICE_MODEL_H
#define MIZAN_TESTS_INVOICE_MODEL_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "invoice/invoice.h"
#include "thresholds.h"

#define MODEL_PARTS 8

struct model {
	struct invoice inv;
	struct invoice_line lines[MODEL_PARTS];
	struct invoice_allowance allowances[MODEL_PARTS], charges[MODEL_PARTS];
	struct invoice_tax taxes[MODEL_PARTS];
	char text[16384];
	size_t used;
};

/*
 * The figures of an invoice; NULL: not stated.  Lists are parted by blanks.  A line is its net
 * amount, or "quantity*price" without one, "quantity*price=net", "?" (a quantity only) or "#" (a
 * remark).  A tax is its amount or "base*rate=amount".
 */
struct figures {
	const char *lines, *allowances, *charges, *taxes, *withheld;
	const char *line_total, *tax_exclusive, *tax_total, *tax_inclusive;
	const char *withholding_total, *prepaid, *rounding, *payable;
};

static inline char *model_text(struct model *m, const char *s, size_t n)
{
	char *p = m->text + m->used;

	if (n >= sizeof m->text - m->used)
		abort();
	memcpy(p, s, n);
	p[n] = '\0';
	m->used += n + 1;
	return p;
}

/* Put value into the field with full confidence; NULL takes it off the document. */
static inline void model_set(struct model *m, struct invoice_field *f, const char *value)
{
	f->value = value != NULL ? model_text(m, value, strlen(value)) : NULL;
	f->confidence = value != NULL ? INVOICE_CONFIDENCE_ONE : 0;
}

/* The next word of *list, as "a*b=c" in its three parts, any of them NULL; false at the end. */
static inline bool model_word(
    struct model *m, const char **list, char **ret_a, char **ret_b, char **ret_c)
{
	const char *p, *end, *times, *equals;

	if (*list == NULL || **list == '\0')
		return false;
	p = *list;
	end = p + strcspn(p, " ");
	times = memchr(p, '*', (size_t)(end - p));
	equals = memchr(p, '=', (size_t)(end - p));
	*ret_a = *ret_b = *ret_c = NULL;
	if (times != NULL) {
		const char *b_end = equals != NULL ? equals : end;

		*ret_a = model_text(m, p, (size_t)(times - p));
		*ret_b = model_text(m, times + 1, (size_t)(b_end - times - 1));
	}
	if (times == NULL)
		*ret_c = model_text(m, p, (size_t)(end - p));
	else if (equals != NULL)
		*ret_c = model_text(m, equals + 1, (size_t)(end - equals - 1));
	*list = *end == ' ' ? end + 1 : end;
	return true;
}

static inline void model_parts(
    struct model *m, const char *list, struct invoice_allowance *parts, size_t *n)
{
	char *a, *b, *amount;

	while (model_word(m, &list, &a, &b, &amount))
		parts[(*n)++].amount = amount;
}

static inline void model_taxes(struct model *m, const char *list, bool withheld)
{
	struct invoice_tax *t = &m->taxes[m->inv.n_taxes];

	while (model_word(m, &list, &t->taxable_amount, &t->rate, &t->amount)) {
		t->withheld = withheld;
		t = &m->taxes[++m->inv.n_taxes];
	}
}

static inline void model_lines(struct model *m, const char *list)
{
	struct invoice_line *l = m->lines;

	for (; model_word(m, &list, &l->quantity, &l->unit_price, &l->net_amount); l++) {
		m->inv.n_lines++;
		if (l->net_amount != NULL && strcmp(l->net_amount, "?") == 0)
			l->quantity = model_text(m, "1", 1);
		if (l->net_amount != NULL && strchr("?#", l->net_amount[0]) != NULL)
			l->net_amount = NULL;
	}
}

/* An invoice with all of MISSING_FIELDS' fields and these figures. */
static inline struct invoice *model_build(struct model *m, const struct figures *f)
{
	struct invoice *inv = &m->inv;

	*m = (struct model){ .used = 0 };
	inv->lines = m->lines;
	inv->allowances = m->allowances;
	inv->charges = m->charges;
	inv->taxes = m->taxes;
	model_set(m, &inv->seller_name, "Kuzey Elektrik A.Ş.");
	model_set(m, &inv->invoice_number, "KZY2026000000042");
	model_set(m, &inv->issue_date, "2026-02-03");
	model_set(m, &inv->currency, "TRY");
	model_lines(m, f->lines);
	model_parts(m, f->allowances, m->allowances, &inv->n_allowances);
	model_parts(m, f->charges, m->charges, &inv->n_charges);
	model_taxes(m, f->taxes, false);
	model_taxes(m, f->withheld, true);
	model_set(m, &inv->line_total, f->line_total);
	model_set(m, &inv->tax_exclusive_amount, f->tax_exclusive);
	model_set(m, &inv->tax_total, f->tax_total);
	model_set(m, &inv->tax_inclusive_amount, f->tax_inclusive);
	model_set(m, &inv->withholding_total, f->withholding_total);
	model_set(m, &inv->prepaid_amount, f->prepaid);
	model_set(m, &inv->rounding_amount, f->rounding);
	model_set(m, &inv->payable_amount, f->payable);
	return inv;
}

#endif
