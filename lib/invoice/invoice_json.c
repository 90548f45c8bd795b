#include "invoice/invoice_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invoice/decimal.h"
#include "invoice/form.h"
#include "invoice/form_value.h"
#include "invoice/number.h"

/* Writing: struct to JSON. */

static void write_object(
    struct json_writer *w, const char *name, const struct form *form, const char *base);

static void write_text(struct json_writer *w, const struct form_member *m, const char *at)
{
	const char *text;

	memcpy(&text, at, sizeof text);
	json_write_text(w, m->name, text != NULL || m->nullable ? text : "");
}

static void write_confidence(struct json_writer *w, const char *name, const char *at)
{
	char digits[16];
	size_t len;
	int millionths;

	memcpy(&millionths, at, sizeof millionths);
	len = (size_t)snprintf(digits, sizeof digits, "%d.%06d",
	    millionths / INVOICE_CONFIDENCE_ONE, millionths % INVOICE_CONFIDENCE_ONE);
	while (digits[len - 1] == '0')
		len--;
	digits[digits[len - 1] == '.' ? len - 1 : len] = '\0';
	json_write_raw(w, name, digits);
}

static void write_list(struct json_writer *w, const struct form_member *m, const char *base)
{
	const char *elements;
	size_t n;

	memcpy(&elements, base + m->offset, sizeof elements);
	memcpy(&n, base + m->count_offset, sizeof n);
	json_write_list(w, m->name);
	for (size_t i = 0; i < n; i++)
		write_object(w, NULL, m->of, elements + i * m->of->size);
	json_write_list_end(w);
}

static void write_member(struct json_writer *w, const struct form_member *m, const char *base)
{
	bool flag;

	switch (m->type) {
	case FORM_OBJECT:
		write_object(w, m->name, m->of, base + m->offset);
		break;
	case FORM_LIST:
		write_list(w, m, base);
		break;
	case FORM_CONFIDENCE:
		write_confidence(w, m->name, base + m->offset);
		break;
	case FORM_FLAG:
		memcpy(&flag, base + m->offset, sizeof flag);
		json_write_bool(w, m->name, flag);
		break;
	case FORM_TEXT:
	case FORM_EVIDENCE:
	case FORM_DECIMAL:
	case FORM_DATE:
	case FORM_CURRENCY:
		write_text(w, m, base + m->offset);
		break;
	}
}

static void write_object(
    struct json_writer *w, const char *name, const struct form *form, const char *base)
{
	json_write_object(w, name);
	for (size_t i = 0; i < form->n; i++)
		write_member(w, &form->members[i], base);
	json_write_object_end(w);
}

void invoice_to_json(struct json_writer *w, const char *name, const struct invoice *inv)
{
	write_object(w, name, &invoice_form, (const char *)inv);
}

/* Reading: JSON to struct. */

struct reader {
	struct err *e;
	char path[96]; /* of the member at hand: "lines[3].net_amount" */
};

static enum rc read_object(
    struct reader *r, const struct form *form, struct json_object *json, char *base) MUST_CHECK;

/* The member at hand breaks the form. */
static enum rc broken(const struct reader *r, const char *how)
{
	return err_set(r->e, RC_INVALID, "invalid_extraction", "%s %s",
	    r->path[0] != '\0' ? r->path : "the answer", how);
}

/* Go down one step; the result is what read_leave() needs to come back. */
static size_t read_enter(struct reader *r, const char *name, size_t index)
{
	size_t len = strlen(r->path);

	if (name == NULL)
		(void)snprintf(r->path + len, sizeof r->path - len, "[%zu]", index);
	else
		(void)snprintf(
		    r->path + len, sizeof r->path - len, "%s%s", len > 0 ? "." : "", name);
	return len;
}

static void read_leave(struct reader *r, size_t len)
{
	r->path[len] = '\0';
}

/* The canonical text of a value that must have one; false: it is none. */
static bool canonical(enum form_type type, const char *text, char out[DECIMAL_TEXT])
{
	switch (type) {
	case FORM_DECIMAL:
		return number_normalize(text, out, NULL) == RC_OK;
	case FORM_DATE:
		return form_date(text, out);
	case FORM_CURRENCY:
		return form_currency(text, out);
	case FORM_TEXT:
	case FORM_EVIDENCE:
	case FORM_FLAG:
	case FORM_CONFIDENCE:
	case FORM_OBJECT:
	case FORM_LIST:
		break;
	}
	return false;
}

static const char *not_canonical(enum form_type type)
{
	return type == FORM_DECIMAL ? "is not a decimal"
	       : type == FORM_DATE  ? "is not a date"
				    : "is not a currency";
}

/*
 * Put text, whose memory is taken, or its canonical form at *at.  A text that was cut is
 * longer than any that has a canonical form.
 */
static enum rc store_text(struct reader *r, const struct form_member *m, char *text, char *at)
{
	char out[DECIMAL_TEXT];

	if (text[0] == '\0' && m->nullable) {
		free(text);
		return RC_OK;
	}
	if (m->type != FORM_TEXT && m->type != FORM_EVIDENCE) {
		bool ok = canonical(m->type, text, out);

		free(text);
		if (!ok)
			return broken(r, not_canonical(m->type));
		text = strdup(out);
		if (text == NULL)
			return err_no_memory(r->e);
	}
	memcpy(at, &text, sizeof text);
	return RC_OK;
}

static enum rc read_text(
    struct reader *r, const struct form_member *m, struct json_object *json, char *at)
{
	size_t max = m->type == FORM_EVIDENCE ? INVOICE_MAX_EVIDENCE : INVOICE_MAX_TEXT;
	char *text;

	if (json == NULL && m->nullable)
		return RC_OK;
	if (!json_object_is_type(json, json_type_string))
		return broken(r, m->nullable ? "is neither a string nor null" : "is not a string");
	text =
	    form_text(json_object_get_string(json), (size_t)json_object_get_string_len(json), max);
	if (text == NULL)
		return err_no_memory(r->e);
	return store_text(r, m, text, at);
}

/* json-c keeps a double's digits as they were read beside it; printing them takes memory. */
static enum rc read_confidence(struct reader *r, struct json_object *json, char *at)
{
	char whole[24];
	const char *digits = whole;
	int millionths;

	if (json_object_is_type(json, json_type_int))
		(void)snprintf(whole, sizeof whole, "%lld", (long long)json_object_get_int64(json));
	else if (json_object_is_type(json, json_type_double))
		digits = json_object_get_userdata(json);
	else
		return broken(r, "is not a number");
	if (digits == NULL || !form_confidence(digits, &millionths))
		return broken(r, "is not within 0 and 1");
	memcpy(at, &millionths, sizeof millionths);
	return RC_OK;
}

static enum rc read_list(
    struct reader *r, const struct form_member *m, struct json_object *json, char *base)
{
	char *elements;
	size_t n;

	if (!json_object_is_type(json, json_type_array))
		return broken(r, "is not a list");
	n = json_object_array_length(json);
	if (n > m->max)
		return broken(r, "has too many elements");
	if (n == 0)
		return RC_OK;
	elements = calloc(n, m->of->size);
	if (elements == NULL)
		return err_no_memory(r->e);
	memcpy(base + m->offset, &elements, sizeof elements);
	memcpy(base + m->count_offset, &n, sizeof n);
	for (size_t i = 0; i < n; i++) {
		size_t up = read_enter(r, NULL, i);
		enum rc rc = read_object(
		    r, m->of, json_object_array_get_idx(json, i), elements + i * m->of->size);

		if (rc != RC_OK)
			return rc;
		read_leave(r, up);
	}
	return RC_OK;
}

static enum rc read_member(
    struct reader *r, const struct form_member *m, struct json_object *json, char *base)
{
	bool flag;

	switch (m->type) {
	case FORM_OBJECT:
		return read_object(r, m->of, json, base + m->offset);
	case FORM_LIST:
		return read_list(r, m, json, base);
	case FORM_CONFIDENCE:
		return read_confidence(r, json, base + m->offset);
	case FORM_FLAG:
		if (!json_object_is_type(json, json_type_boolean))
			return broken(r, "is not a boolean");
		flag = json_object_get_boolean(json);
		memcpy(base + m->offset, &flag, sizeof flag);
		return RC_OK;
	case FORM_TEXT:
	case FORM_EVIDENCE:
	case FORM_DECIMAL:
	case FORM_DATE:
	case FORM_CURRENCY:
		break;
	}
	return read_text(r, m, json, base + m->offset);
}

static enum rc read_object(
    struct reader *r, const struct form *form, struct json_object *json, char *base)
{
	if (!json_object_is_type(json, json_type_object))
		return broken(r, "is not an object");
	for (size_t i = 0; i < form->n; i++) {
		const struct form_member *m = &form->members[i];
		size_t up = read_enter(r, m->name, 0);
		struct json_object *value;
		enum rc rc;

		if (!json_object_object_get_ex(json, m->name, &value))
			return broken(r, "is missing");
		rc = read_member(r, m, value, base);
		if (rc != RC_OK)
			return rc;
		read_leave(r, up);
	}
	/* each of the form's members is there, so any more is not of the form */
	if ((size_t)json_object_object_length(json) != form->n)
		return broken(r, "has an unknown property");
	return RC_OK;
}

enum rc invoice_from_json(struct json_object *obj, struct invoice *ret, struct err *e)
{
	struct reader r = { .e = e };
	struct invoice inv = { 0 };
	enum rc rc = read_object(&r, &invoice_form, obj, (char *)&inv);

	if (rc != RC_OK) {
		invoice_clear(&inv);
		return rc;
	}
	*ret = inv;
	return RC_OK;
}
