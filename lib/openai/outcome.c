#include "openai/outcome.h"

#include <stdio.h>
#include <string.h>

#include "core/json_read.h"

/* What the provider's error object says (SPEC appendix); "" when it does not. */
struct provider_error {
	char code[48], type[48], param[48];
};

/* A name made of the characters of identifiers and paths; anything else stays out of it. */
static void copy_name(char *out, size_t size, struct json_object *error, const char *key)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-[]";
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(error, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return;
	text = json_object_get_string(value);
	if (strlen(text) < size && text[strspn(text, allowed)] == '\0')
		(void)snprintf(out, size, "%s", text);
}

static struct provider_error read_error(const struct buf *body)
{
	struct provider_error pe = { .code = "" };
	struct json_object *json, *error;

	if (json_read(buf_str(body), body->len, &json, NULL) != RC_OK)
		return pe;
	if (json_object_object_get_ex(json, "error", &error) &&
	    json_object_is_type(error, json_type_object)) {
		copy_name(pe.code, sizeof pe.code, error, "code");
		copy_name(pe.type, sizeof pe.type, error, "type");
		copy_name(pe.param, sizeof pe.param, error, "param");
	}
	json_object_put(json);
	return pe;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

static bool names_quota(const char *name)
{
	static const char *const names[] = {
		"insufficient_quota",
		"credit_balance_exhausted",
		"billing_hard_limit_reached",
		"billing_not_active",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return ends_with(name, "_spend_limit_exceeded");
}

static void set(struct openai_reply *r, enum openai_outcome outcome, const char *reason)
{
	r->outcome = outcome;
	r->reason = reason;
}

static void judge_status(int status, const struct provider_error *pe, struct openai_reply *r)
{
	static const struct {
		int from, to;
		enum openai_outcome outcome;
		const char *reason;
	} table[] = {
		{ 400, 400, OPENAI_DOCUMENT_FAILED, "provider_rejected_document" },
		{ 401, 401, OPENAI_UNAUTHORIZED, "unauthorized" },
		{ 402, 402, OPENAI_QUOTA_EXHAUSTED, "quota_exhausted" },
		{ 403, 403, OPENAI_UNAUTHORIZED, "unauthorized" },
		{ 404, 404, OPENAI_DOCUMENT_FAILED, "provider_rejected_document" },
		{ 408, 408, OPENAI_UNAVAILABLE, "provider_timeout" },
		{ 409, 409, OPENAI_UNAVAILABLE, "provider_http_409" },
		{ 413, 413, OPENAI_DOCUMENT_FAILED, "provider_rejected_document" },
		{ 415, 415, OPENAI_DOCUMENT_FAILED, "provider_rejected_document" },
		{ 422, 422, OPENAI_DOCUMENT_FAILED, "provider_rejected_document" },
		{ 429, 429, OPENAI_RATE_LIMITED, "rate_limited" },
		{ 500, 599, OPENAI_UNAVAILABLE, "provider_http_5xx" },
	};

	set(r, OPENAI_UNAVAILABLE, "provider_http_unexpected");
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (status >= table[i].from && status <= table[i].to)
			set(r, table[i].outcome, table[i].reason);
	if (status == 429 && (names_quota(pe->code) || names_quota(pe->type)))
		set(r, OPENAI_QUOTA_EXHAUSTED, "quota_exhausted");
	(void)snprintf(r->detail, sizeof r->detail, "HTTP %d%s%s%s%s%s%s", status,
	    pe->code[0] != '\0' ? ", code " : "", pe->code, pe->type[0] != '\0' ? ", type " : "",
	    pe->type, pe->param[0] != '\0' ? ", param " : "", pe->param);
}

static void judge_transport(const struct openai_raw *raw, struct openai_reply *r)
{
	switch (raw->transport) {
	case OPENAI_ARRIVED:
		break;
	case OPENAI_TIMED_OUT:
		set(r, OPENAI_UNAVAILABLE, "provider_timeout");
		break;
	case OPENAI_NOT_CONNECTED:
		set(r, OPENAI_UNAVAILABLE, "provider_connection");
		break;
	case OPENAI_CONNECTION_CUT:
		set(r, OPENAI_UNAVAILABLE, "provider_connection_cut");
		break;
	case OPENAI_TOO_LARGE:
		set(r, OPENAI_DOCUMENT_FAILED, "reply_too_large");
		break;
	case OPENAI_CLIENT_FAILED:
		set(r, OPENAI_UNAVAILABLE, "client_failed");
		break;
	}
	(void)snprintf(r->detail, sizeof r->detail, "%s", raw->failure);
}

bool openai_outcome_settled(const struct openai_raw *raw, struct openai_reply *r)
{
	struct provider_error pe;

	if (raw->transport == OPENAI_ARRIVED && raw->http_status == 200)
		return false;
	/* a status that refuses is an answer, even where its body did not come through */
	if (raw->transport == OPENAI_ARRIVED || raw->http_status >= 300) {
		pe = read_error(&raw->body);
		judge_status(raw->http_status, &pe, r);
	} else {
		judge_transport(raw, r);
	}
	return true;
}
