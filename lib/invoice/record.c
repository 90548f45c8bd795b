#include "invoice/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "invoice/audit.h"
#include "invoice/fingerprint.h"
#include "invoice/invoice_json.h"

enum { MINOR_UNITS = 2 };

static void add(struct json_object *to, const char *name, struct json_object *value)
{
	(void)json_object_object_add(to, name, value);
}

static struct json_object *text(const char *s)
{
	return s != NULL ? json_object_new_string(s) : NULL;
}

/*
 * A JSON number with exactly the decimal's own digits: the double beside them is not printed.
 * Always with a point, as json-c reads a whole number beyond 64 bits wrong.
 */
static struct json_object *amount(bool known, struct decimal d, int digits)
{
	char s[DECIMAL_TEXT];

	if (!known)
		return NULL;
	decimal_text(decimal_round(d, digits), digits, s);
	return json_object_new_double_s(0, s);
}

static struct json_object *hint_json(const struct action_hint *h)
{
	struct json_object *o, *checks;

	if (h->action_class == ACTION_NONE)
		return NULL;
	o = json_object_new_object();
	checks = json_object_new_array();
	for (size_t i = 0; i < h->n_checks; i++)
		(void)json_object_array_add(checks, text(h->recommended_checks[i]));
	add(o, "action_class", text(action_class_name(h->action_class)));
	add(o, "primary_suspect", text(suspect_name(h->primary_suspect)));
	add(o, "recommended_checks", checks);
	add(o, "confidence_note", text(h->confidence_note));
	return o;
}

/* The member `audit` of the result (SPEC §3). */
static struct json_object *audit_json(const struct audit *a)
{
	struct json_object *o = json_object_new_object();
	bool compared = a->outcome != AUDIT_FAILED;

	add(o, "outcome", text(audit_outcome_name(a->outcome)));
	add(o, "stated", amount(a->has_stated, a->stated, MINOR_UNITS));
	add(o, "computed", amount(a->has_computed, a->computed, MINOR_UNITS));
	add(o, "delta", amount(compared, a->delta, MINOR_UNITS));
	add(o, "ratio", amount(compared, a->ratio, AUDIT_RATIO_DIGITS));
	add(o, "severity", text(severity_name(a->severity)));
	add(o, "suspect_reason", text(a->ocr_suspect ? suspect_name(SUSPECT_OCR_LOCALE) : NULL));
	add(o, "action_hint", hint_json(&a->hint));
	return o;
}

/* The member `quality` of the result (SPEC §3). */
static struct json_object *quality_json(const struct quality *q)
{
	struct json_object *o = json_object_new_object();
	struct json_object *flags = json_object_new_array(), *details = json_object_new_array();

	for (size_t i = 0; i < q->n_flags; i++) {
		const struct quality_flag *f = &q->flags[i];
		struct json_object *d = json_object_new_object();
		(void)json_object_array_add(flags, text(quality_code_name(f->code)));
		add(d, "code", text(quality_code_name(f->code)));
		add(d, "severity", text(severity_name(f->severity)));
		add(d, "message", text(f->message));
		add(d, "deduction", json_object_new_int(f->deduction));
		(void)json_object_array_add(details, d);
	}
	add(o, "score", json_object_new_int(q->score));
	add(o, "grade", text(quality_grade_name(q->grade)));
	add(o, "flags", flags);
	add(o, "flag_details", details);
	return o;
}

static struct json_object *incident_json(
    const struct quality *q, const struct audit *a, const char *fingerprint)
{
	struct json_object *o, *secondary;

	if (!q->incident_due)
		return NULL;
	o = json_object_new_object();
	secondary = json_object_new_array();
	for (size_t i = 1; i < q->n_flags; i++)
		if (q->flags[i].severity != SEVERITY_S3)
			(void)json_object_array_add(
			    secondary, text(quality_code_name(q->flags[i].code)));
	add(o, "category", text(incident_category_name(q->incident_category)));
	add(o, "severity", text(severity_name(q->incident_severity)));
	add(o, "primary_flag", text(quality_code_name(q->flags[0].code)));
	add(o, "secondary_flags", secondary);
	add(o, "fingerprint", text(fingerprint));
	add(o, "action_class", text(action_class_name(a->hint.action_class)));
	return o;
}

static void add_audit(struct json_object *row, const struct audit *a)
{
	bool compared = a->outcome != AUDIT_FAILED;

	add(row, "outcome", text(audit_outcome_name(a->outcome)));
	add(row, "severity", text(severity_name(a->severity)));
	add(row, "ocr_suspect", json_object_new_boolean(a->ocr_suspect));
	add(row, "action_class", text(action_class_name(a->hint.action_class)));
	add(row, "stated", amount(a->has_stated, a->stated, MINOR_UNITS));
	add(row, "computed", amount(a->has_computed, a->computed, MINOR_UNITS));
	add(row, "delta", amount(compared, a->delta, MINOR_UNITS));
	add(row, "ratio", amount(compared, a->ratio, AUDIT_RATIO_DIGITS));
	add(row, "audit", audit_json(a));
}

/* Its text, and its end; NULL: out of memory. */
static char *as_text(struct json_object *o)
{
	const char *s = o == NULL ? NULL
				  : json_object_to_json_string_ext(
					o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *copy = s != NULL ? strdup(s) : NULL;

	(void)json_object_put(o);
	return copy;
}

static char *verdict(const struct quality *q, const struct audit *a, const char *fingerprint)
{
	struct json_object *o = json_object_new_object();

	if (o == NULL)
		return NULL;
	add(o, "score", json_object_new_int(q->score));
	add(o, "grade", text(quality_grade_name(q->grade)));
	add(o, "quality", quality_json(q));
	add(o, "incident", incident_json(q, a, fingerprint));
	return as_text(o);
}

/* The row so far, with what every record has. */
static struct json_object *row(
    const struct audit *a, const struct record_source *from, const char *fingerprint)
{
	struct json_object *o = json_object_new_object();

	if (o == NULL)
		return NULL;
	add_audit(o, a);
	add(o, "model", text(from->model));
	add(o, "extraction_ms", json_object_new_int64(from->extraction_ms));
	add(o, "fingerprint", text(fingerprint));
	return o;
}

static char *read_row(const struct invoice *inv, const struct audit *a,
    const struct record_source *from, const char *identity, const char *fingerprint)
{
	struct json_object *o = row(a, from, fingerprint);

	if (o == NULL)
		return NULL;
	add(o, "seller_name", text(inv->seller_name.value));
	add(o, "seller_tax_id", text(inv->seller_tax_id.value));
	add(o, "invoice_number", text(inv->invoice_number.value));
	add(o, "issue_date", text(inv->issue_date.value));
	add(o, "currency", text(inv->currency.value));
	add(o, "identity", text(identity));
	return as_text(o);
}

static char *extraction(const struct invoice *inv)
{
	struct json_object *o = NULL;

	return invoice_to_json(inv, &o, NULL) == RC_OK ? as_text(o) : NULL;
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
	ret->invoice_json = as_text(row(&a, from, ret->lock));
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
