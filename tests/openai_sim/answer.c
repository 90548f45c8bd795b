#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "core/buf.h"
#include "openai_sim/answers.h"

enum { MAX_MESSAGE = 512 * 1024 * 1024 };

/* Append `"key":` and the string, or null, as JSON. */
static void add_member(struct buf *b, const char *key, const char *value)
{
	struct json_object *s = value != NULL ? json_object_new_string(value) : NULL;

	buf_addf(b, "\"%s\":", key);
	buf_adds(b, json_object_to_json_string_ext(s, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(s);
}

struct answer *answer_new(const char *content, const char *refusal, const char *finish_reason)
{
	struct answer *a = calloc(1, sizeof *a);
	struct buf b;

	if (a == NULL)
		return NULL;
	buf_init(&b, MAX_MESSAGE);
	add_member(&b, "content", content);
	buf_adds(&b, ",");
	add_member(&b, "refusal", refusal);
	atomic_init(&a->refs, 1);
	a->message_len = b.len;
	a->message = buf_detach(&b);
	a->content_len = content != NULL ? strlen(content) : 0;
	a->content = content != NULL ? strdup(content) : NULL;
	a->finish_reason = finish_reason;
	if (a->message == NULL || (content != NULL && a->content == NULL)) {
		answer_release(a);
		return NULL;
	}
	return a;
}

void answer_release(struct answer *a)
{
	if (a == NULL || atomic_fetch_sub(&a->refs, 1) != 1)
		return;
	free(a->content);
	free(a->message);
	free(a);
}

/* The static name of a finish_reason; NULL: not one of them. */
static const char *finish_reason_of(const char *name)
{
	static const char *const names[] = { "stop", "length", "content_filter" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (name != NULL && strcmp(name, names[i]) == 0)
			return names[i];
	return NULL;
}

enum rc answer_parse(struct json_object *o, struct answer **ret, struct err *reterr)
{
	struct json_object *content, *refusal, *reason;
	bool has_content, has_refusal, has_reason;
	const char *text = NULL, *finish = "stop";
	struct answer *a;

	if (!json_object_is_type(o, json_type_object))
		return err_set(reterr, RC_INVALID, "invalid_answer", "expected a JSON object");
	has_content = json_object_object_get_ex(o, "content", &content);
	has_refusal = json_object_object_get_ex(o, "refusal", &refusal);
	has_reason = json_object_object_get_ex(o, "finish_reason", &reason);
	if (has_reason)
		finish = finish_reason_of(json_object_get_string(reason));
	if (finish == NULL)
		return err_set(reterr, RC_INVALID, "invalid_answer", "unknown finish_reason");
	if (has_content)
		text = json_object_get_string(content);
	else if (has_reason)
		text = "{\"seller\":{\"name\":{\"value\":\"Ana";
	else if (!has_refusal)
		text = json_object_to_json_string_ext(
		    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	a = answer_new(text, has_refusal ? json_object_get_string(refusal) : NULL, finish);
	if (a == NULL)
		return err_no_memory(reterr);
	*ret = a;
	return RC_OK;
}
