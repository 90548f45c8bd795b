#include "openai/schema.h"

#include <string.h>

#include "core/json_read.h"
#include "unit/invoice/sample.h"
#include "unit/unit.h"

static bool has_type(struct json_object *schema, const char *name)
{
	struct json_object *type = json_object_object_get(schema, "type");

	if (json_object_is_type(type, json_type_string))
		return strcmp(json_object_get_string(type), name) == 0;
	for (size_t i = 0; type != NULL && i < json_object_array_length(type); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(type, i)), name) == 0)
			return true;
	return false;
}

static bool lists(struct json_object *required, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(required); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(required, i)), name) ==
		    0)
			return true;
	return false;
}

/* The keywords that every strict schema reader knows; anything else may be refused. */
static void check_keywords(struct json_object *schema)
{
	static const char known[] =
	    " type description properties required additionalProperties items ";

	json_object_object_foreach(schema, key, value)
	{
		char word[64];

		(void)value;
		(void)snprintf(word, sizeof word, " %s ", key);
		CU_ASSERT_PTR_NOT_NULL(strstr(known, word));
	}
}

/* Strict everywhere: closed objects, every property required, every value typed. */
static int check_strict(struct json_object *schema)
{
	struct json_object *properties, *required, *open;
	int objects = 1;

	check_keywords(schema);
	CU_ASSERT_PTR_NOT_NULL(json_object_object_get(schema, "type"));
	if (has_type(schema, "array"))
		return check_strict(json_object_object_get(schema, "items"));
	if (!has_type(schema, "object"))
		return 0;
	properties = json_object_object_get(schema, "properties");
	required = json_object_object_get(schema, "required");
	CU_ASSERT_TRUE(json_object_object_get_ex(schema, "additionalProperties", &open));
	CU_ASSERT_TRUE(json_object_is_type(open, json_type_boolean));
	CU_ASSERT_FALSE(json_object_get_boolean(open));
	CU_ASSERT_EQUAL(
	    (size_t)json_object_object_length(properties), json_object_array_length(required));
	json_object_object_foreach(properties, key, value)
	{
		CU_ASSERT_TRUE(lists(required, key));
		objects += check_strict(value);
	}
	return objects;
}

/* The schema as it is sent, read; json_object_put() it. */
static struct json_object *read_schema(void)
{
	struct json_object *schema = NULL;
	struct buf b;
	struct json_writer w = { .out = &b };

	buf_init(&b, 1 << 16);
	openai_schema(&w, NULL);
	CU_ASSERT_FATAL(json_read(buf_str(&b), b.len, &schema, NULL) == RC_OK);
	buf_free(&b);
	return schema;
}

static void schema_is_strict_everywhere(void)
{
	struct json_object *schema = read_schema();

	CU_ASSERT_TRUE(has_type(schema, "object"));
	CU_ASSERT_FALSE(has_type(schema, "null"));
	/* the root, seller, buyer, 19 fields F, 4 kinds of list elements */
	CU_ASSERT_EQUAL(check_strict(schema), 1 + 2 + 19 + 4);
	json_object_put(schema);
}

/* A validator for as much of JSON Schema as the schema uses. */
static bool conforms(struct json_object *schema, struct json_object *value)
{
	struct json_object *properties = json_object_object_get(schema, "properties");
	struct json_object *items = json_object_object_get(schema, "items");
	enum json_type type = json_object_get_type(value);
	bool ok = has_type(schema, json_type_to_name(type)) ||
		  (type == json_type_double && has_type(schema, "number")) ||
		  (type == json_type_int && has_type(schema, "number"));

	if (ok && type == json_type_array)
		for (size_t i = 0; i < json_object_array_length(value); i++)
			ok &= conforms(items, json_object_array_get_idx(value, i));
	if (ok && type == json_type_object) {
		ok &= json_object_object_length(value) == json_object_object_length(properties);
		json_object_object_foreach(properties, key, inner)
		{
			struct json_object *member;

			ok &= json_object_object_get_ex(value, key, &member) &&
			      conforms(inner, member);
		}
	}
	return ok;
}

static void sample_conforms(void)
{
	struct json_object *schema = read_schema(), *sample = json_tokener_parse(SAMPLE);

	CU_ASSERT_TRUE(conforms(schema, sample));
	json_object_object_del(sample, "ettn");
	CU_ASSERT_FALSE(conforms(schema, sample));
	json_object_put(sample);
	json_object_put(schema);
}

const struct unit_test unit_tests[] = {
	{ "strict everywhere", schema_is_strict_everywhere },
	{ "the sample conforms", sample_conforms },
	{ NULL, NULL },
};
