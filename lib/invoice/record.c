#include "invoice/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_write.h"
#include "invoice/audit.h"
#include "invoice/fingerprint.h"
#include "invoice/invoice_json.h"

#define MAX_RECORD ((size_t)1 << 30) /* far beyond the lists and texts of the longest invoice */

enum { MINOR_UNITS = 2, USUAL_ROW = 2 << 10, USUAL_EXTRACTION = 8 << 10 };

/*
 * A JSON number with exactly the decimal's own digits.  Always with a point, as some readers of
 * JSON take a whole number beyond 64 bits for another.
 */
static void write_amount(
    struct json_writer *w, const char *name, bool known, struct decimal d, int digits)
{
	char s[DECIMAL_TEXT];

	if (known)
		decimal_text(decimal_round(d, digits), digits, s);
	json_write_raw(w, name, known ? s : NULL);
}

static void write_figures(struct json_writer *w, const struct audit *a)
{
	bool compared = a->outcome != AUDIT_FAILED;

	write_amount(w, "stated", a->has_stated, a->stated, MINOR_UNITS);
	write_amount(w, "computed", a->has_computed, a->computed, MINOR_UNITS);
	write_amount(w, "delta", compared, a->delta, MINOR_UNITS);
	write_amount(w, "ratio", compared, a->ratio, AUDIT_RATIO_DIGITS);
}

static void write_hint(struct json_writer *w, const struct action_hint *h)
{
	if (h->action_class == ACTION_NONE) {
		json_write_null(w, "action_hint");
		return;
	}
	json_write_object(w, "action_hint");
	json_write_text(w, "action_class", action_class_name(h->action_class));
	json_write_text(w, "primary_suspect", suspect_name(h->primary_suspect));
	json_write_list(w, "recommended_checks");
	for (size_t i = 0; i < h->n_checks; i++)
		json_write_text(w, NULL, h->recommended_checks[i]);
	json_write_list_end(w);
	json_write_text(w, "confidence_note", h->confidence_note);
	json_write_object_end(w);
}

/* The member `audit` of the result (SPEC §3). */
static void write_audit(struct json_writer *w, const struct audit *a)
{
	json_write_object(w, "audit");
	json_write_text(w, "outcome", audit_outcome_name(a->outcome));
	write_figures(w, a);
	json_write_text(w, "severity", severity_name(a->severity));
	json_write_text(
	    w, "suspect_reason", a->ocr_suspect ? suspect_name(SUSPECT_OCR_LOCALE) : NULL);
	write_hint(w, &a->hint);
	json_write_object_end(w);
}

/* The member `quality` of the result (SPEC §3). */
static void write_quality(struct json_writer *w, const struct quality *q)
{
	json_write_object(w, "quality");
	json_write_int(w, "score", q->score);
	json_write_text(w, "grade", quality_grade_name(q->grade));
	json_write_list(w, "flags");
	for (size_t i = 0; i < q->n_flags; i++)
		json_write_text(w, NULL, quality_code_name(q->flags[i].code));
	json_write_list_end(w);
	json_write_list(w, "flag_details");
	for (size_t i = 0; i < q->n_flags; i++) {
		const struct quality_flag *f = &q->flags[i];

		json_write_object(w, NULL);
		json_write_text(w, "code", quality_code_name(f->code));
		json_write_text(w, "severity", severity_name(f->severity));
		json_write_text(w, "message", f->message);
		json_write_int(w, "deduction", f->deduction);
		json_write_object_end(w);
	}
	json_write_list_end(w);
	json_write_object_end(w);
}

static void write_incident(
    struct json_writer *w, const struct quality *q, const struct audit *a, const char *fingerprint)
{
	if (!q->incident_due) {
		json_write_null(w, "incident");
		return;
	}
	json_write_object(w, "incident");
	json_write_text(w, "category", incident_category_name(q->incident_category));
	json_write_text(w, "severity", severity_name(q->incident_severity));
	json_write_text(w, "primary_flag", quality_code_name(q->flags[0].code));
	json_write_list(w, "secondary_flags");
	for (size_t i = 1; i < q->n_flags; i++)
		if (q->flags[i].severity != SEVERITY_S3)
			json_write_text(w, NULL, quality_code_name(q->flags[i].code));
	json_write_list_end(w);
	json_write_text(w, "fingerprint", fingerprint);
	json_write_text(w, "action_class", action_class_name(a->hint.action_class));
	json_write_object_end(w);
}

static void begin(struct json_writer *w, struct buf *text, size_t usual)
{
	*w = (struct json_writer){ .out = text };
	buf_init(text, MAX_RECORD);
	(void)buf_reserve(text, usual);
}

static char *verdict(const struct quality *q, const struct audit *a, const char *fingerprint)
{
	struct json_writer w;
	struct buf text;

	begin(&w, &text, USUAL_ROW);
	json_write_object(&w, NULL);
	json_write_int(&w, "score", q->score);
	json_write_text(&w, "grade", quality_grade_name(q->grade));
	write_quality(&w, q);
	write_incident(&w, q, a, fingerprint);
	json_write_object_end(&w);
	return buf_detach(&text);
}

/* The columns that every record has. */
static void write_row(struct json_writer *w, const struct audit *a,
    const struct record_source *from, const char *fingerprint)
{
	json_write_text(w, "outcome", audit_outcome_name(a->outcome));
	json_write_text(w, "severity", severity_name(a->severity));
	json_write_bool(w, "ocr_suspect", a->ocr_suspect);
	json_write_text(w, "action_class", action_class_name(a->hint.action_class));
	write_figures(w, a);
	write_audit(w, a);
	json_write_text(w, "model", from->model);
	json_write_int(w, "extraction_ms", from->extraction_ms);
	json_write_text(w, "fingerprint", fingerprint);
}

static char *read_row(const struct invoice *inv, const struct audit *a,
    const struct record_source *from, const char *identity, const char *fingerprint)
{
	struct json_writer w;
	struct buf text;

	begin(&w, &text, USUAL_ROW);
	json_write_object(&w, NULL);
	write_row(&w, a, from, fingerprint);
	json_write_text(&w, "seller_name", inv->seller_name.value);
	json_write_text(&w, "seller_tax_id", inv->seller_tax_id.value);
	json_write_text(&w, "invoice_number", inv->invoice_number.value);
	json_write_text(&w, "issue_date", inv->issue_date.value);
	json_write_text(&w, "currency", inv->currency.value);
	json_write_text(&w, "identity", identity);
	json_write_object_end(&w);
	return buf_detach(&text);
}

static char *failed_row(
    const struct audit *a, const struct record_source *from, const char *fingerprint)
{
	struct json_writer w;
	struct buf text;

	begin(&w, &text, USUAL_ROW);
	json_write_object(&w, NULL);
	write_row(&w, a, from, fingerprint);
	json_write_object_end(&w);
	return buf_detach(&text);
}

static char *extraction(const struct invoice *inv)
{
	struct json_writer w;
	struct buf text;

	begin(&w, &text, USUAL_EXTRACTION);
	invoice_to_json(&w, NULL, inv);
	return buf_detach(&text);
}

static enum rc complete(struct record *r, bool was_read, struct err *e)
{
	if (r->invoice_json != NULL && r->verdict_json != NULL && r->if_duplicate_json != NULL &&
	    (r->extraction_json != NULL || !was_read))
		return RC_OK;
	record_clear(r);
	return err_no_memory(e);
}

enum rc record_read(const struct invoice *inv, const struct thresholds *th,
    const struct record_source *from, struct record *ret, struct err *e)
{
	char identity[SHA256_TEXT], fingerprint[SHA256_TEXT];
	bool identified = invoice_identity(inv, identity);
	struct audit a;
	struct quality q, if_duplicate;

	*ret = (struct record){ 0 };
	/* A document that tells nothing of itself is known by its bytes. */
	if (!invoice_fingerprint(inv, fingerprint))
		(void)snprintf(fingerprint, sizeof fingerprint, "%s", from->document_sha256);
	(void)snprintf(ret->lock, sizeof ret->lock, "%s", identified ? identity : fingerprint);
	audit_invoice(inv, th, &a);
	quality_evaluate(inv, &a, th, false, &q);
	quality_evaluate(inv, &a, th, true, &if_duplicate);
	ret->outcome = a.outcome;
	ret->severity = a.severity;
	ret->score = q.score;
	ret->invoice_json = read_row(inv, &a, from, identified ? identity : NULL, fingerprint);
	ret->extraction_json = extraction(inv);
	ret->verdict_json = verdict(&q, &a, fingerprint);
	ret->if_duplicate_json = verdict(&if_duplicate, &a, fingerprint);
	return complete(ret, true, e);
}

enum rc record_failed(
    const char *reason, const struct record_source *from, struct record *ret, struct err *e)
{
	const struct audit a = { .outcome = AUDIT_FAILED };
	struct quality q;

	*ret = (struct record){ .outcome = AUDIT_FAILED };
	(void)snprintf(ret->lock, sizeof ret->lock, "%s", from->document_sha256);
	quality_extraction_failed(reason, &q);
	ret->score = q.score;
	ret->invoice_json = failed_row(&a, from, ret->lock);
	ret->verdict_json = verdict(&q, &a, ret->lock);
	ret->if_duplicate_json = verdict(&q, &a, ret->lock);
	return complete(ret, false, e);
}

void record_clear(struct record *r)
{
	free(r->invoice_json);
	free(r->extraction_json);
	free(r->verdict_json);
	free(r->if_duplicate_json);
	*r = (struct record){ 0 };
}
