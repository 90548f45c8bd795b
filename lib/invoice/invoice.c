#include "invoice/invoice.h"

#include <stdlib.h>
#include <string.h>

#include "invoice/form.h"

static void release(const struct form *form, char *base);

static void release_list(const struct form_member *m, char *base)
{
	char *elements;
	size_t n;

	memcpy(&elements, base + m->offset, sizeof elements);
	memcpy(&n, base + m->count_offset, sizeof n);
	for (size_t i = 0; elements != NULL && i < n; i++)
		release(m->of, elements + i * m->of->size);
	free(elements);
}

static void release(const struct form *form, char *base)
{
	for (size_t i = 0; i < form->n; i++) {
		const struct form_member *m = &form->members[i];
		char *text;

		switch (m->type) {
		case FORM_OBJECT:
			release(m->of, base + m->offset);
			break;
		case FORM_LIST:
			release_list(m, base);
			break;
		case FORM_FLAG:
		case FORM_CONFIDENCE:
			break;
		case FORM_TEXT:
		case FORM_EVIDENCE:
		case FORM_DECIMAL:
		case FORM_DATE:
		case FORM_CURRENCY:
			memcpy(&text, base + m->offset, sizeof text);
			free(text);
			break;
		}
	}
}

void invoice_clear(struct invoice *inv)
{
	release(&invoice_form, (char *)inv);
	*inv = (struct invoice){ 0 };
}
