#include "openai/reply.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/json_read.h"
#include "invoice/invoice_json.h"
#include "openai/headers.h"
#include "openai/outcome.h"

/* A member of object of that type; NULL: missing, null or of another type. */
static struct json_object *member(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

static void settle(struct openai_reply *r, enum openai_outcome outcome, const char *reason,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

static void settle(
    struct openai_reply *r, enum openai_outcome outcome, const char *reason, const char *fmt, ...)
{
	va_list ap;

	r->outcome = outcome;
	r->reason = reason;
	va_start(ap, fmt);
	(void)vsnprintf(r->detail, sizeof r->detail, fmt, ap);
	va_end(ap);
}

static int64_t tokens(struct json_object *usage, const char *key)
{
	struct json_object *n = member(usage, key, json_type_int);
	int64_t value = n != NULL ? json_object_get_int64(n) : -1;

	return value >= 0 ? value : -1;
}

static void note_usage(struct json_object *envelope, struct openai_reply *r)
{
	struct json_object *usage = member(envelope, "usage", json_type_object);
	struct json_object *model = member(envelope, "model", json_type_string);
	size_t n = 0;

	r->prompt_tokens = tokens(usage, "prompt_tokens");
	r->completion_tokens = tokens(usage, "completion_tokens");
	for (const char *p = json_object_get_string(model);
	     p != NULL && *p != '\0' && n < sizeof r->model - 1; p++)
		if (*p >= ' ' && *p <= '~')
			r->model[n++] = *p;
}

/* The model's own text: parse it, and fill the invoice. */
static enum rc read_content(struct json_object *content, struct openai_reply *r)
{
	struct json_object *json = NULL;
	struct err why = { .rc = RC_OK };
	enum rc rc = json_read(json_object_get_string(content),
	    (size_t)json_object_get_string_len(content), &json, &why);

	if (rc == RC_OK)
		rc = invoice_from_json(json, &r->invoice, &why);
	json_object_put(json);
	if (rc == RC_OK) {
		settle(r, OPENAI_OK, "ok", "%s", "");
		return RC_OK;
	}
	if (rc != RC_INVALID)
		return rc;
	settle(r, OPENAI_DOCUMENT_FAILED, "invalid_reply", "%s", why.msg);
	return RC_OK;
}

static enum rc read_choice(struct json_object *choice, struct openai_reply *r)
{
	struct json_object *message = member(choice, "message", json_type_object);
	struct json_object *content = member(message, "content", json_type_string);
	struct json_object *refusal = member(message, "refusal", json_type_string);
	const char *finish =
	    json_object_get_string(member(choice, "finish_reason", json_type_string));

	if (finish != NULL && strcmp(finish, "content_filter") == 0)
		settle(r, OPENAI_DOCUMENT_FAILED, "content_filter",
		    "the provider's filter withheld the answer");
	else if (refusal != NULL && json_object_get_string_len(refusal) > 0)
		settle(r, OPENAI_DOCUMENT_FAILED, "refusal", "the model refused");
	else if (finish != NULL && strcmp(finish, "length") == 0)
		settle(r, OPENAI_LENGTH, "length", "the token budget ended before the answer did");
	else if (content == NULL)
		settle(r, OPENAI_DOCUMENT_FAILED, "invalid_reply", "the answer has no content");
	else
		return read_content(content, r);
	return RC_OK;
}

/* A body that starts as JSON came from the API, and is broken; any other from something else. */
static void settle_unreadable(const struct buf *body, const char *why, struct openai_reply *r)
{
	const char *text = buf_str(body);

	if (text[strspn(text, " \t\r\n")] == '{')
		settle(r, OPENAI_DOCUMENT_FAILED, "invalid_reply", "the envelope is %s", why);
	else
		settle(r, OPENAI_UNAVAILABLE, "provider_not_api", "HTTP 200, but no JSON object");
}

/* RC_OK: r is settled; else memory is out. */
static enum rc read_envelope(const struct buf *body, struct openai_reply *r)
{
	struct json_object *envelope, *choices;
	struct err why = { .rc = RC_OK };
	enum rc rc = json_read(buf_str(body), body->len, &envelope, &why);

	if (rc == RC_INVALID) {
		settle_unreadable(body, why.msg, r);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	note_usage(envelope, r);
	choices = member(envelope, "choices", json_type_array);
	if (choices == NULL || json_object_array_length(choices) == 0)
		settle(r, OPENAI_UNAVAILABLE, "provider_not_api", "HTTP 200 without choices");
	else
		rc = read_choice(json_object_array_get_idx(choices, 0), r);
	json_object_put(envelope);
	return rc;
}

void openai_reply_read(const struct openai_raw *raw, struct openai_reply *ret)
{
	struct openai_reply r = { .prompt_tokens = -1, .completion_tokens = -1 };

	(void)snprintf(r.request_id, sizeof r.request_id, "%s", raw->headers.request_id);
	r.retry_after_ms = openai_headers_retry_after_ms(&raw->headers);
	if (!openai_outcome_settled(raw, &r) && read_envelope(&raw->body, &r) != RC_OK)
		settle(&r, OPENAI_UNAVAILABLE, "client_failed", "out of memory");
	*ret = r;
}

void openai_reply_clear(struct openai_reply *r)
{
	invoice_clear(&r->invoice);
	*r = (struct openai_reply){ 0 };
}
