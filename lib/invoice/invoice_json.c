#include "invoice/invoice_json.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invoice/decimal.h"
#include "invoice/form.h"
#include "invoice/form_value.h"
#include "invoice/number.h"

/* Writing: struct to JSON.  A NULL json_object is JSON's null, so success is told apart. */

static bool write_object(const struct form *form, const char *base, struct json_object **ret);

static bool write_text(const struct form_member *m, const char *at, struct json_object **ret)
{
	const char *text;

	memcpy(&text, at, sizeof text);
	if (text == NULL && m->nullable) {
		*ret = NULL;
		return true;
	}
	*ret = json_object_new_string(text != NULL ? text : "");
	return *ret != NULL;
}

static bool write_confidence(const char *at, struct json_object **ret)
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
	*ret = json_object_new_double_s((double)millionths / INVOICE_CONFIDENCE_ONE, digits);
	return *ret != NULL;
}

static bool write_list(const struct form_member *m, const char *base, struct json_object **ret)
{
	struct json_object *list;
	const char *elements;
	size_t n;

	memcpy(&elements, base + m->offset, sizeof elements);
	memcpy(&n, base + m->count_offset, sizeof n);
	list = json_object_new_array_ext(n < INT_MAX ? (int)n : INT_MAX);
	for (size_t i = 0; list != NULL && i < n; i++) {
		struct json_object *element = NULL;

		if (!write_object(m->of, elements + i * m->of->size, &element) ||
		    json_object_array_add(list, element) != 0) {
			json_object_put(element);
			json_object_put(list);
			return false;
		}
	}
	*ret = list;
	return list != NULL;
}

static bool write_member(const struct form_member *m, const char *base, struct json_object **ret)
{
	bool flag;

	switch (m->type) {
	case FORM_OBJECT:
		return write_object(m->of, base + m->offset, ret);
	case FORM_LIST:
		return write_list(m, base, ret);
	case FORM_CONFIDENCE:
		return write_confidence(base + m->offset, ret);
	case FORM_FLAG:
		memcpy(&flag, base + m->offset, sizeof flag);
		*ret = json_object_new_boolean(flag);
		return *ret != NULL;
	case FORM_TEXT:
	case FORM_EVIDENCE:
	case FORM_DECIMAL:
	case FORM_DATE:
	case FORM_CURRENCY:
		break;
	}
	return write_text(m, base + m->offset, ret);
}

static bool write_object(const struct form *form, const char *base, struct json_object **ret)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; object != NULL && i < form->n; i++) {
		struct json_object *value = NULL;

		if (!write_member(&form->members[i], base, &value) ||
		    json_object_object_add(object, form->members[i].name, value) != 0) {
			json_object_put(value);
			json_object_put(object);
			return false;
		}
	}
	*ret = object;
	return object != NULL;
}

enum rc invoice_to_json(const struct invoice *inv, struct json_object **ret, struct err *e)
{
	struct json_object *object;

	if (!write_object(&invoice_form, (const char *)inv, &object))
		return err_no_memory(e);
	*ret = object;
	return RC_OK;
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

static enum rc read_confidence(struct reader *r, struct json_object *json, char *at)
{
	int millionths;

	if (!json_object_is_type(json, json_type_double) &&
	    !json_object_is_type(json, json_type_int))
		return broken(r, "is not a number");
	if (!form_confidence(json_object_get_string(json), &millionths))
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
