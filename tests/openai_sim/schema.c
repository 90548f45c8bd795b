#include "openai_sim/schema.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

enum { MAX_DEPTH = 10, MAX_PROPERTIES = 5000, MAX_NODES = 20000 };

/* Where the check is and what it has seen. */
struct walk {
	struct json_object *root;
	const char *name;
	struct check_error *err;
	char context[160]; /* as in the real messages: ('properties', 'seller') without brackets */
	int depth;         /* of objects and arrays */
	int properties;
	int nodes;
};

static const char *const keywords[] = { "$defs", "$ref", "additionalProperties", "anyOf", "const",
	"description", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "items",
	"maxItems", "maximum", "minItems", "minimum", "multipleOf", "pattern", "properties",
	"required", "title", "type" };

static const char *const types[] = { "array", "boolean", "integer", "null", "number", "object",
	"string" };

static bool check_node(struct walk *w, struct json_object *node);

static bool among(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s, list[i]) == 0)
			return true;
	return false;
}

static bool fail(struct walk *w, const char *what)
{
	return check_fail(w->err, "invalid_json_schema", "response_format.json_schema.schema",
	    "Invalid schema for response_format '%s': In context=(%s), %s", w->name, w->context,
	    what);
}

static bool fail_name(struct walk *w, const char *what, const char *name)
{
	char text[160];

	(void)snprintf(text, sizeof text, "%s: '%s'.", what, name);
	return fail(w, text);
}

/* Check a node below the present one, found under key (and sub, if not NULL). */
static bool below(struct walk *w, struct json_object *node, const char *key, const char *sub)
{
	size_t at = strlen(w->context);
	bool ok;

	(void)snprintf(w->context + at, sizeof w->context - at, "%s'%s'", at > 0 ? ", " : "", key);
	if (sub != NULL) {
		size_t end = strlen(w->context);
		(void)snprintf(w->context + end, sizeof w->context - end, ", '%s'", sub);
	}
	ok = check_node(w, node);
	w->context[at] = '\0';
	return ok;
}

static bool requires(struct json_object *required, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(required); i++) {
		struct json_object *one = json_object_array_get_idx(required, i);
		if (json_object_is_type(one, json_type_string) &&
		    strcmp(json_object_get_string(one), name) == 0)
			return true;
	}
	return false;
}

static bool check_object(struct walk *w, struct json_object *node)
{
	struct json_object *properties = json_object_object_get(node, "properties");
	struct json_object *required = json_object_object_get(node, "required");
	struct json_object *more = json_object_object_get(node, "additionalProperties");

	if (!json_object_is_type(more, json_type_boolean) || json_object_get_boolean(more))
		return fail(
		    w, "'additionalProperties' is required to be supplied and to be false.");
	if (!json_object_is_type(properties, json_type_object))
		return fail(w, "'properties' is required to be supplied.");
	if (!json_object_is_type(required, json_type_array))
		return fail(w, "'required' is required to be supplied and to be an array including "
			       "every key in properties.");
	if ((w->properties += json_object_object_length(properties)) > MAX_PROPERTIES)
		return fail(w, "the schema has too many properties.");
	json_object_object_foreach(properties, name, ignored)
	{
		(void)ignored;
		if (!requires(required, name))
			return fail_name(
			    w, "'required' must include every key in properties. Missing", name);
	}
	if (json_object_array_length(required) != (size_t)json_object_object_length(properties))
		return fail(w, "'required' names a key twice or one that is not a property.");
	json_object_object_foreach(properties, key, sub)
	{
		if (!below(w, sub, "properties", key))
			return false;
	}
	return true;
}

static bool check_typed(struct walk *w, struct json_object *node, const char *type)
{
	if (!among(type, types, sizeof types / sizeof types[0]))
		return fail_name(w, "schema has an unknown type", type);
	if (strcmp(type, "object") == 0)
		return check_object(w, node);
	if (strcmp(type, "array") == 0)
		return below(w, json_object_object_get(node, "items"), "items", NULL);
	return true;
}

static bool check_type(struct walk *w, struct json_object *node, struct json_object *type)
{
	if (json_object_is_type(type, json_type_string))
		return check_typed(w, node, json_object_get_string(type));
	if (!json_object_is_type(type, json_type_array) || json_object_array_length(type) == 0)
		return fail(w, "schema must have a 'type' key.");
	for (size_t i = 0; i < json_object_array_length(type); i++) {
		struct json_object *one = json_object_array_get_idx(type, i);
		if (!json_object_is_type(one, json_type_string))
			return fail(w, "'type' must hold names of types.");
		if (!check_typed(w, node, json_object_get_string(one)))
			return false;
	}
	return true;
}

static bool check_ref(struct walk *w, struct json_object *ref)
{
	const char *to = json_object_get_string(ref);
	struct json_object *defs = json_object_object_get(w->root, "$defs");

	if (to != NULL && strcmp(to, "#") == 0)
		return true;
	if (to == NULL || strncmp(to, "#/$defs/", 8) != 0 ||
	    !json_object_object_get_ex(defs, to + 8, NULL))
		return fail_name(w, "reference can only point to definitions", to ? to : "");
	return true; /* what it points to is checked where it stands */
}

static bool check_any_of(struct walk *w, struct json_object *any_of)
{
	if (!json_object_is_type(any_of, json_type_array) || json_object_array_length(any_of) == 0)
		return fail(w, "'anyOf' must be an array of schemas.");
	for (size_t i = 0; i < json_object_array_length(any_of); i++)
		if (!below(w, json_object_array_get_idx(any_of, i), "anyOf", NULL))
			return false;
	return true;
}

static bool check_members(struct walk *w, struct json_object *node)
{
	struct json_object *found;

	json_object_object_foreach(node, key, ignored)
	{
		(void)ignored;
		if (!among(key, keywords, sizeof keywords / sizeof keywords[0]))
			return fail_name(w, "keyword is not permitted", key);
	}
	if (json_object_object_get_ex(node, "$ref", &found))
		return check_ref(w, found);
	if (json_object_object_get_ex(node, "anyOf", &found))
		return check_any_of(w, found);
	if (json_object_object_get_ex(node, "const", NULL))
		return true;
	return check_type(w, node, json_object_object_get(node, "type"));
}

static bool check_node(struct walk *w, struct json_object *node)
{
	bool ok;

	if (!json_object_is_type(node, json_type_object))
		return fail(w, "a schema must be an object.");
	if (++w->depth > MAX_DEPTH || ++w->nodes > MAX_NODES)
		return fail(w, "the schema is nested too deeply or too large.");
	ok = check_members(w, node);
	w->depth--;
	return ok;
}

bool schema_check(struct json_object *schema, const char *name, struct check_error *reterr)
{
	struct walk w = { .root = schema, .name = name, .err = reterr };
	struct json_object *type = json_object_object_get(schema, "type");
	struct json_object *defs = json_object_object_get(schema, "$defs");

	if (!json_object_is_type(type, json_type_string) ||
	    strcmp(json_object_get_string(type), "object") != 0)
		return fail(&w, "schema must be a JSON Schema of 'type: \"object\"'.");
	if (defs != NULL && !json_object_is_type(defs, json_type_object))
		return fail(&w, "'$defs' must be an object.");
	if (defs != NULL) {
		json_object_object_foreach(defs, key, sub)
		{
			if (!below(&w, sub, "$defs", key))
				return false;
		}
	}
	return check_node(&w, schema);
}
