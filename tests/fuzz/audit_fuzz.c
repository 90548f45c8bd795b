/*
 * Invoices that are sound in form and hostile in content, through the audit to what is kept of
 * them.  The input's lines are the values of the form in its order: a text or number each, a
 * digit for a confidence, the number of elements for a list.  What does not fit its place
 * becomes NULL, or 1 where there is no NULL.
 */
#include <json-c/json.h>

#include "core/buf.h"
#include "core/json_read.h"
#include "fuzz/fuzz.h"
#include "invoice/fingerprint.h"
#include "invoice/form.h"
#include "invoice/form_value.h"
#include "invoice/number.h"
#include "invoice/record.h"
#include "thresholds.h"

enum { MAX_ELEMENTS = 4, RECORD_EVERY = 16 };

struct input {
	const uint8_t *p, *end;
};

static void fill(struct input *in, const struct form *form, char *base);

/* Each byte that is no part of a character as U+FFFD: what is read from JSON is UTF-8. */
static void clean_text(struct buf *out, const char *s)
{
	const char *end = s + strlen(s);

	while (s < end) {
		uint32_t c;
		size_t length = utf8_decode(s, (size_t)(end - s), &c);

		if (length > 0)
			buf_add(out, s, length);
		else
			buf_adds(out, UTF8_REPLACEMENT);
		s += length > 0 ? length : 1;
	}
}

/* What a reader keeps of the text: see invoice_from_json(). */
static char *value_of(const struct form_member *m, const char *line)
{
	char number[DECIMAL_TEXT], date[FORM_DATE_TEXT], currency[FORM_CURRENCY_TEXT];
	const char *value = m->nullable ? NULL : "1";
	struct buf clean;

	if (m->type == FORM_TEXT) {
		char *text;

		buf_init(&clean, SIZE_MAX / 2);
		clean_text(&clean, line);
		text = form_text(buf_str(&clean), clean.len, INVOICE_MAX_TEXT);
		buf_free(&clean);
		if (text[0] != '\0' || !m->nullable)
			return text;
		free(text);
		return NULL;
	}
	if (m->type == FORM_DECIMAL && number_normalize(line, number, NULL) == RC_OK)
		value = number;
	else if (m->type == FORM_DATE && form_date(line, date))
		value = date;
	else if (m->type == FORM_CURRENCY && form_currency(line, currency))
		value = currency;
	return value != NULL ? strdup(value) : NULL;
}

static void fill_list(
    struct input *in, const struct form_member *m, char count, char *base, const char **ret)
{
	size_t n = (size_t)(unsigned char)count % MAX_ELEMENTS;
	char *elements = n > 0 ? calloc(n, m->of->size) : NULL;

	memcpy(base + m->count_offset, &n, sizeof n);
	for (size_t i = 0; i < n; i++)
		fill(in, m->of, elements + i * m->of->size);
	*ret = elements;
}

static void fill_member(struct input *in, const struct form_member *m, char *base)
{
	const char *text;
	char *line;
	int confidence;
	bool flag;

	if (m->type == FORM_OBJECT) {
		fill(in, m->of, base + m->offset);
		return;
	}
	line = m->type != FORM_EVIDENCE ? fuzz_line(&in->p, in->end) : NULL;
	if (m->type == FORM_FLAG) {
		flag = line[0] == '1';
		memcpy(base + m->offset, &flag, sizeof flag);
	} else if (m->type == FORM_CONFIDENCE) {
		confidence = line[0] >= '0' && line[0] <= '8'
				 ? (line[0] - '0') * (INVOICE_CONFIDENCE_ONE / 9)
				 : INVOICE_CONFIDENCE_ONE;
		memcpy(base + m->offset, &confidence, sizeof confidence);
	} else {
		if (m->type == FORM_LIST)
			fill_list(in, m, line[0], base, &text);
		else
			text = m->type == FORM_EVIDENCE ? strdup("") : value_of(m, line);
		memcpy(base + m->offset, &text, sizeof text);
	}
	free(line);
}

static void fill(struct input *in, const struct form *form, char *base)
{
	for (size_t i = 0; i < form->n; i++)
		fill_member(in, &form->members[i], base);
}

static void check_audit(const struct audit *a)
{
	bool mismatch = a->outcome == AUDIT_MISMATCH;

	INVARIANT(decimal_sign(a->delta) >= 0 && decimal_sign(a->ratio) >= 0);
	INVARIANT(mismatch == (a->severity != SEVERITY_NONE));
	INVARIANT(mismatch == (a->hint.action_class != ACTION_NONE));
	INVARIANT(mismatch || (!a->ocr_suspect && !a->power_of_ten));
	INVARIANT(a->hint.n_checks <= AUDIT_MAX_CHECKS && (a->hint.n_checks > 0) == mismatch);
	if (a->outcome != AUDIT_FAILED) {
		INVARIANT(a->has_stated && a->has_computed);
		INVARIANT(decimal_is_zero(a->delta) == (a->outcome == AUDIT_EXACT));
		INVARIANT(decimal_cmp(a->stated, a->computed) != 0 || decimal_is_zero(a->delta));
	}
}

static void check_quality(const struct invoice *inv, const struct audit *a, bool duplicate)
{
	struct quality q;

	quality_evaluate(inv, a, &model_thresholds, duplicate, &q);
	INVARIANT(q.score >= 0 && q.score <= 100 && q.n_flags <= FLAG_COUNT);
	INVARIANT(q.incident_due == (q.incident_severity != SEVERITY_NONE));
	INVARIANT(q.incident_due == (q.incident_category != CATEGORY_NONE));
	INVARIANT(!duplicate || q.n_flags > 0);
	for (size_t i = 0; i < q.n_flags; i++) {
		fuzz_check_utf8(q.flags[i].message, FUZZ_NO_CONTROLS);
		INVARIANT(i == 0 || q.flags[i - 1].priority <= q.flags[i].priority);
	}
}

/* One JSON object, as strict as what comes from outside must be. */
static void check_json(const char *text)
{
	struct json_object *json;

	INVARIANT(json_read(text, strlen(text), &json, NULL) == RC_OK);
	json_object_put(json);
}

static void check_record(const struct invoice *inv)
{
	const struct record_source from = { .document_sha256 = "00", .model = "m" };
	struct record record;

	INVARIANT(record_read(inv, &model_thresholds, &from, &record, NULL) == RC_OK);
	INVARIANT(record.lock[0] != '\0');
	check_json(record.invoice_json);
	check_json(record.extraction_json);
	check_json(record.verdict_json);
	check_json(record.if_duplicate_json);
	record_clear(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	char identity[SHA256_TEXT], fingerprint[SHA256_TEXT];
	unsigned sum = 0;
	struct invoice inv;
	struct audit a;

	memset(&inv, 0, sizeof inv);
	fill(&in, &invoice_form, (char *)&inv);
	audit_invoice(&inv, &model_thresholds, &a);
	check_audit(&a);
	check_quality(&inv, &a, false);
	check_quality(&inv, &a, true);
	if (invoice_identity(&inv, identity))
		INVARIANT(invoice_fingerprint(&inv, fingerprint));
	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + data[i];
	if (sum % RECORD_EVERY == 0) /* it is slow */
		check_record(&inv);
	invoice_clear(&inv);
	return 0;
}
