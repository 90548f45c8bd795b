#include "openai_sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "openai_sim/frame.h"
#include "openai_sim/schema.h"

enum { JSON_DEPTH = 64, SKIP_MIN = 64 };

/* A body's parts: its text, the JSON without the base64 payload, and what is known of that. */
struct body {
	struct frame_pieces text; /* payload NULL: the JSON is whole, in head */
	struct json_object *root;
	struct frame frame; /* but for its request */
};

bool check_fail(struct check_error *e, const char *code, const char *param, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(e->message, sizeof e->message, fmt, ap);
	va_end(ap);
	(void)snprintf(e->param, sizeof e->param, "%s", param);
	e->code = code;
	return false;
}

static bool invalid(struct check_error *e, const char *param, const char *what)
{
	return check_fail(e, "invalid_value", param, "Invalid value for '%s': %s.", param, what);
}

static bool wrong_type(struct check_error *e, const char *param, const char *want)
{
	return check_fail(
	    e, "invalid_type", param, "Invalid type for '%s': expected %s.", param, want);
}

/* `path.key`, or key alone at the top. */
static const char *member(char out[128], const char *path, const char *key)
{
	(void)snprintf(out, 128, "%s%s%s", path, *path != '\0' ? "." : "", key);
	return out;
}

/* o is an object that has all of the keys and no others. */
static bool has_exactly(
    struct json_object *o, const char *path, const char *const *keys, struct check_error *e)
{
	char param[128];

	if (!json_object_is_type(o, json_type_object))
		return wrong_type(e, path, "an object");
	for (const char *const *k = keys; *k != NULL; k++)
		if (!json_object_object_get_ex(o, *k, NULL))
			return check_fail(e, "missing_required_parameter", member(param, path, *k),
			    "Missing required parameter: '%s'.", param);
	json_object_object_foreach(o, key, ignored)
	{
		const char *const *k = keys;
		(void)ignored;
		while (*k != NULL && strcmp(*k, key) != 0)
			k++;
		if (*k == NULL)
			return check_fail(e, "unknown_parameter", member(param, path, key),
			    "Unknown parameter: '%s'.", param);
	}
	return true;
}

/* The member is a string that is not empty: it, else NULL with *e filled. */
static const char *text_of(
    struct json_object *o, const char *path, const char *key, struct check_error *e)
{
	struct json_object *v = json_object_object_get(o, key);
	char param[128];

	(void)member(param, path, key);
	if (!json_object_is_type(v, json_type_string)) {
		(void)wrong_type(e, param, "a string");
		return NULL;
	}
	if (json_object_get_string_len(v) == 0) {
		(void)invalid(e, param, "it must not be empty");
		return NULL;
	}
	return json_object_get_string(v);
}

/* The member is that string. */
static bool text_is(struct json_object *o, const char *path, const char *key, const char *want,
    struct check_error *e)
{
	const char *s = text_of(o, path, key, e);
	char param[128], what[64];

	if (s == NULL)
		return false;
	(void)snprintf(what, sizeof what, "expected '%s'", want);
	return strcmp(s, want) == 0 || invalid(e, member(param, path, key), what);
}

/*
 * A long base64 payload is stepped over: it is most of the body, and the tokener takes its input
 * in pieces.  One that holds an escape is left to the tokener.
 */
static struct frame_pieces cut(const char *s, size_t len)
{
	const char *mark = memmem(s, len, ";base64,", 8), *end = s + len;
	const char *from = mark != NULL ? mark + 8 : end;
	const char *to = memchr(from, '"', (size_t)(end - from));

	if (to == NULL || to - from < SKIP_MIN || memchr(from, '\\', (size_t)(to - from)) != NULL)
		return (struct frame_pieces){ .head = s, .head_len = len };
	return (struct frame_pieces){ s, from, to, (size_t)(from - s), (size_t)(to - from),
		(size_t)(end - to) };
}

static bool parse(struct body *b, struct check_error *e)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	const struct frame_pieces *t = &b->text;
	struct json_object *root;

	if (tok == NULL)
		return check_fail(e, NULL, "", "out of memory");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tok, t->head, (int)t->head_len);
	if (t->payload != NULL && json_tokener_get_error(tok) == json_tokener_continue)
		root = json_tokener_parse_ex(tok, t->tail, (int)t->tail_len);
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    !json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tok);
	b->root = root;
	return root != NULL ||
	       check_fail(e, NULL, "",
		   "We could not parse the JSON body of your request: it is not a JSON object.");
}

static bool check_system(struct json_object *m, struct check_request *ret, struct check_error *e)
{
	static const char *const keys[] = { "role", "content", NULL };
	const char *text;

	if (!has_exactly(m, "messages[0]", keys, e) ||
	    !text_is(m, "messages[0]", "role", "system", e))
		return false;
	text = text_of(m, "messages[0]", "content", e);
	if (text == NULL)
		return false;
	ret->text_chars += strlen(text);
	return true;
}

/* Check the data URL in o's member key. */
static bool check_url(struct body *b, struct json_object *o, const char *path, const char *key,
    enum document_media media, struct check_request *ret, struct check_error *e)
{
	const char *url = text_of(o, path, key, e), *comma, *payload, *wrong;
	size_t len, head;
	char param[128];

	if (url == NULL)
		return false;
	len = (size_t)json_object_get_string_len(json_object_object_get(o, key));
	comma = memchr(url, ',', len);
	head = comma != NULL ? (size_t)(comma - url) + 1 : len;
	payload = url + head;
	len -= head;
	if (len == 0 && b->text.payload != NULL) {
		payload = b->text.payload;
		len = b->text.payload_len;
	}
	b->frame.media = media;
	(void)snprintf(b->frame.data_url, sizeof b->frame.data_url, "%.*s", (int)head, url);
	wrong = document_check(url, head, payload, len, media, &ret->document);
	return wrong == NULL || invalid(e, member(param, path, key), wrong);
}

static bool check_file(struct body *b, struct json_object *part, const char *path,
    struct check_request *ret, struct check_error *e)
{
	static const char *const keys[] = { "type", "file", NULL };
	static const char *const inner[] = { "filename", "file_data", NULL };
	struct json_object *file = json_object_object_get(part, "file");
	char sub[128];

	return has_exactly(part, path, keys, e) &&
	       has_exactly(file, member(sub, path, "file"), inner, e) &&
	       text_of(file, sub, "filename", e) != NULL &&
	       check_url(b, file, sub, "file_data", DOCUMENT_PDF, ret, e);
}

static bool check_image(struct body *b, struct json_object *part, const char *path,
    struct check_request *ret, struct check_error *e)
{
	static const char *const keys[] = { "type", "image_url", NULL };
	static const char *const inner[] = { "url", "detail", NULL };
	struct json_object *image = json_object_object_get(part, "image_url");
	char sub[128];

	return has_exactly(part, path, keys, e) &&
	       has_exactly(image, member(sub, path, "image_url"), inner, e) &&
	       text_is(image, sub, "detail", "high", e) &&
	       check_url(b, image, sub, "url", DOCUMENT_IMAGE, ret, e);
}

static bool check_text(
    struct json_object *part, const char *path, struct check_request *ret, struct check_error *e)
{
	static const char *const keys[] = { "type", "text", NULL };
	const char *text;

	if (!has_exactly(part, path, keys, e))
		return false;
	text = text_of(part, path, "text", e);
	if (text == NULL)
		return false;
	ret->text_chars += strlen(text);
	return true;
}

static bool check_user(
    struct body *b, struct json_object *m, struct check_request *ret, struct check_error *e)
{
	static const char *const keys[] = { "role", "content", NULL };
	struct json_object *parts = json_object_object_get(m, "content");
	int texts = 0, documents = 0;

	if (!has_exactly(m, "messages[1]", keys, e) ||
	    !text_is(m, "messages[1]", "role", "user", e))
		return false;
	if (!json_object_is_type(parts, json_type_array))
		return wrong_type(e, "messages[1].content", "an array of parts");
	for (size_t i = 0; i < json_object_array_length(parts); i++) {
		struct json_object *part = json_object_array_get_idx(parts, i);
		char path[64];
		const char *type;
		bool ok;

		(void)snprintf(path, sizeof path, "messages[1].content[%zu]", i);
		if (!json_object_is_type(part, json_type_object))
			return wrong_type(e, path, "an object");
		type = text_of(part, path, "type", e);
		if (type == NULL)
			return false;
		if (strcmp(type, "text") == 0)
			ok = check_text(part, path, ret, e), texts++;
		else if (strcmp(type, "file") == 0)
			ok = check_file(b, part, path, ret, e), documents++;
		else if (strcmp(type, "image_url") == 0)
			ok = check_image(b, part, path, ret, e), documents++;
		else
			return invalid(e, path, "expected a part of type text, file or image_url");
		if (!ok)
			return false;
	}
	return (texts >= 1 && documents == 1) ||
	       invalid(e, "messages[1].content", "expected text and exactly one document");
}

static bool check_messages(
    struct body *b, struct json_object *messages, struct check_request *ret, struct check_error *e)
{
	if (!json_object_is_type(messages, json_type_array))
		return wrong_type(e, "messages", "an array of messages");
	if (json_object_array_length(messages) != 2)
		return invalid(e, "messages", "expected a system and a user message");
	return check_system(json_object_array_get_idx(messages, 0), ret, e) &&
	       check_user(b, json_object_array_get_idx(messages, 1), ret, e);
}

static bool check_format(struct json_object *format, struct check_error *e)
{
	static const char *const keys[] = { "type", "json_schema", NULL };
	static const char *const inner[] = { "name", "strict", "schema", NULL };
	struct json_object *js = json_object_object_get(format, "json_schema"), *strict, *schema;
	const char *name;

	if (!has_exactly(format, "response_format", keys, e) ||
	    !text_is(format, "response_format", "type", "json_schema", e) ||
	    !has_exactly(js, "response_format.json_schema", inner, e))
		return false;
	name = text_of(js, "response_format.json_schema", "name", e);
	if (name == NULL)
		return false;
	if (strlen(name) > 64 ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
		return invalid(e, "response_format.json_schema.name",
		    "expected at most 64 letters, digits, '_' and '-'");
	strict = json_object_object_get(js, "strict");
	schema = json_object_object_get(js, "schema");
	if (!json_object_is_type(strict, json_type_boolean) || !json_object_get_boolean(strict))
		return invalid(e, "response_format.json_schema.strict", "expected true");
	if (!json_object_is_type(schema, json_type_object))
		return wrong_type(e, "response_format.json_schema.schema", "an object");
	return schema_check(schema, name, e);
}

static bool check_root(struct body *b, struct check_request *ret, struct check_error *e)
{
	static const char *const keys[] = { "model", "messages", "response_format",
		"max_completion_tokens", "store", NULL };
	struct json_object *o = b->root;
	struct json_object *store = json_object_object_get(o, "store");
	struct json_object *budget = json_object_object_get(o, "max_completion_tokens");
	const char *model;

	if (!has_exactly(o, "", keys, e))
		return false;
	model = text_of(o, "", "model", e);
	if (model == NULL)
		return false;
	if (strlen(model) >= sizeof ret->model)
		return invalid(e, "model", "it is too long");
	(void)snprintf(ret->model, sizeof ret->model, "%s", model);
	if (!json_object_is_type(budget, json_type_int))
		return wrong_type(e, "max_completion_tokens", "an integer");
	ret->max_completion_tokens = json_object_get_int64(budget);
	if (ret->max_completion_tokens <= 0)
		return invalid(e, "max_completion_tokens", "it must be positive");
	if (!json_object_is_type(store, json_type_boolean) || json_object_get_boolean(store))
		return invalid(e, "store", "expected false");
	return check_messages(b, json_object_object_get(o, "messages"), ret, e) &&
	       check_format(json_object_object_get(o, "response_format"), e);
}

/* Only the document is new: is it right? */
static bool known(const struct frame_pieces *p, struct check_request *ret)
{
	struct frame f;

	if (p->payload == NULL || !frame_known(p, &f) ||
	    document_check(f.data_url, strlen(f.data_url), p->payload, p->payload_len, f.media,
		&f.request.document) != NULL)
		return false;
	*ret = f.request;
	return true;
}

bool check_body(const char *body, size_t len, struct check_request *ret, struct check_error *reterr)
{
	struct body b = { .text = cut(body, len) };
	bool ok;

	*ret = (struct check_request){ 0 };
	if (known(&b.text, ret))
		return true;
	if (!parse(&b, reterr))
		return false;
	ok = check_root(&b, ret, reterr);
	if (ok && b.text.payload != NULL) {
		b.frame.request = *ret;
		frame_remember(&b.text, &b.frame);
	}
	json_object_put(b.root);
	return ok;
}
