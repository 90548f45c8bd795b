#include "openai_sim/spoil.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* The first half of the answer, which ends amid its JSON. */
static struct answer *half(const struct answer *a, const char *finish_reason)
{
	const char *whole = a->content != NULL ? a->content : "{}";
	char *text = strndup(whole, strlen(whole) / 2);
	struct answer *spoilt = text != NULL ? answer_new(text, NULL, finish_reason) : NULL;

	free(text);
	return spoilt;
}

/* An extraction without one of its keys, or with a confidence that cannot be. */
static struct answer *edited(const struct fault *f, const struct answer *a)
{
	const char *key = f->key[0] != '\0' ? f->key : "payable_amount";
	struct json_object *o = a->content != NULL ? json_tokener_parse(a->content) : NULL;
	struct json_object *field = json_object_object_get(o, key);
	struct answer *spoilt;

	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = json_object_new_object();
	} else if (f->kind == FAULT_SCHEMA_VIOLATION) {
		json_object_object_del(o, key);
	} else if (json_object_is_type(field, json_type_object)) {
		json_object_object_add(field, "confidence", json_object_new_double_s(1.7, "1.7"));
	}
	spoilt =
	    answer_new(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), NULL, "stop");
	json_object_put(o);
	return spoilt;
}

struct answer *spoil(const struct fault *f, struct answer *a)
{
	switch (f->kind) {
	case FAULT_REFUSAL:
		return answer_new(NULL, "I'm sorry, but I can't help with this document.", "stop");
	case FAULT_LENGTH:
		return half(a, "length");
	case FAULT_CONTENT_FILTER:
		return answer_new(NULL, NULL, "content_filter");
	case FAULT_BROKEN_JSON:
		return half(a, "stop");
	case FAULT_SCHEMA_VIOLATION:
	case FAULT_CONFIDENCE:
		return edited(f, a);
	default:
		atomic_fetch_add(&a->refs, 1);
		return a;
	}
}
