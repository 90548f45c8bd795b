#include "openai/schema.h"

#include <stdbool.h>

#include "invoice/form.h"
#include "openai/json.h"

static struct json_object *schema_object(const struct form *form);

static struct json_object *string_or_null(void)
{
	struct json_object *types = json_object_new_array();
	bool ok = openai_json_append(types, json_object_new_string("string"));

	ok &= openai_json_append(types, json_object_new_string("null"));
	return openai_json_complete(types, ok);
}

static struct json_object *schema_leaf(struct json_object *type)
{
	struct json_object *schema = json_object_new_object();

	return openai_json_complete(schema, openai_json_add(schema, "type", type));
}

static struct json_object *schema_list(const struct form *form)
{
	struct json_object *schema = schema_leaf(json_object_new_string("array"));

	return openai_json_complete(schema, openai_json_add(schema, "items", schema_object(form)));
}

static struct json_object *schema_member(const struct form_member *m)
{
	switch (m->type) {
	case FORM_OBJECT:
		return schema_object(m->of);
	case FORM_LIST:
		return schema_list(m->of);
	case FORM_FLAG:
		return schema_leaf(json_object_new_string("boolean"));
	case FORM_CONFIDENCE:
		return schema_leaf(json_object_new_string("number"));
	case FORM_TEXT:
	case FORM_EVIDENCE:
	case FORM_DECIMAL:
	case FORM_DATE:
	case FORM_CURRENCY:
		break;
	}
	return schema_leaf(m->nullable ? string_or_null() : json_object_new_string("string"));
}

static bool add_member(
    const struct form_member *m, struct json_object *properties, struct json_object *required)
{
	struct json_object *schema = schema_member(m);
	bool ok = openai_json_append(required, json_object_new_string(m->name));

	if (m->meaning != NULL)
		ok &= openai_json_add(schema, "description", json_object_new_string(m->meaning));
	return openai_json_add(properties, m->name, schema) && ok;
}

static struct json_object *schema_object(const struct form *form)
{
	struct json_object *schema = schema_leaf(json_object_new_string("object"));
	struct json_object *properties = json_object_new_object();
	struct json_object *required = json_object_new_array();
	bool ok = true;

	for (size_t i = 0; i < form->n; i++)
		ok &= add_member(&form->members[i], properties, required);
	ok &= openai_json_add(schema, "properties", properties);
	ok &= openai_json_add(schema, "required", required);
	ok &= openai_json_add(schema, "additionalProperties", json_object_new_boolean(false));
	return openai_json_complete(schema, ok);
}

enum rc openai_schema(struct json_object **ret, struct err *e)
{
	struct json_object *schema = schema_object(&invoice_form);

	if (schema == NULL)
		return err_no_memory(e);
	*ret = schema;
	return RC_OK;
}
