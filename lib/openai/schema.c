#include "openai/schema.h"

#include "invoice/form.h"

static void schema_object(
    struct json_writer *w, const char *name, const struct form *form, const char *meaning);

static void describe(struct json_writer *w, const char *meaning)
{
	if (meaning != NULL)
		json_write_text(w, "description", meaning);
}

static void schema_leaf(struct json_writer *w, const struct form_member *m, const char *type)
{
	json_write_object(w, m->name);
	if (m->nullable) {
		json_write_list(w, "type");
		json_write_text(w, NULL, type);
		json_write_text(w, NULL, "null");
		json_write_list_end(w);
	} else {
		json_write_text(w, "type", type);
	}
	describe(w, m->meaning);
	json_write_object_end(w);
}

static void schema_list(struct json_writer *w, const struct form_member *m)
{
	json_write_object(w, m->name);
	json_write_text(w, "type", "array");
	schema_object(w, "items", m->of, NULL);
	describe(w, m->meaning);
	json_write_object_end(w);
}

static void schema_member(struct json_writer *w, const struct form_member *m)
{
	switch (m->type) {
	case FORM_OBJECT:
		schema_object(w, m->name, m->of, m->meaning);
		break;
	case FORM_LIST:
		schema_list(w, m);
		break;
	case FORM_FLAG:
		schema_leaf(w, m, "boolean");
		break;
	case FORM_CONFIDENCE:
		schema_leaf(w, m, "number");
		break;
	case FORM_TEXT:
	case FORM_EVIDENCE:
	case FORM_DECIMAL:
	case FORM_DATE:
	case FORM_CURRENCY:
		schema_leaf(w, m, "string");
		break;
	}
}

static void schema_object(
    struct json_writer *w, const char *name, const struct form *form, const char *meaning)
{
	json_write_object(w, name);
	json_write_text(w, "type", "object");
	json_write_object(w, "properties");
	for (size_t i = 0; i < form->n; i++)
		schema_member(w, &form->members[i]);
	json_write_object_end(w);
	json_write_list(w, "required");
	for (size_t i = 0; i < form->n; i++)
		json_write_text(w, NULL, form->members[i].name);
	json_write_list_end(w);
	json_write_bool(w, "additionalProperties", false);
	describe(w, meaning);
	json_write_object_end(w);
}

void openai_schema(struct json_writer *w, const char *name)
{
	schema_object(w, name, &invoice_form, NULL);
}
