#include <string.h>
#include <strings.h>

#include "core/utf8.h"
#include "http/response.h"

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

/* Codes whose status their rc does not tell (SPEC §1, §3). */
static const struct {
	const char *code;
	int status;
} overrides[] = {
	{ "missing_api_key", 401 },
	{ "invalid_api_key", 401 },
	{ "wrong_tenant", 403 },
	{ "pilot_disabled", 403 },
	{ "read_only", 403 },
	{ "method_not_allowed", 405 },
	{ "file_too_large", 413 },
	{ "invalid_content_type", 415 },
	{ "unsupported_file_type", 415 },
	{ "idempotency_key_reused", 422 },
};

const char *http_reason(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

int http_status(const struct err *e)
{
	for (size_t i = 0; i < sizeof overrides / sizeof overrides[0]; i++)
		if (strcmp(overrides[i].code, e->code) == 0)
			return overrides[i].status;
	switch (e->rc) {
	case RC_NOT_FOUND:
		return 404;
	case RC_INVALID:
		return 400;
	case RC_CONFLICT:
		return 409;
	case RC_LIMITED:
		return 429;
	case RC_UNAVAILABLE:
		return 503;
	case RC_OK: /* a failure that says it is none */
	case RC_INTERNAL:
		break;
	}
	return 500;
}

static void add_member(struct json_object *doc, const char *name, struct json_object *value)
{
	if (value != NULL && json_object_object_add(doc, name, value) != 0)
		json_object_put(value);
}

static struct json_object *utf8_string(const char *s)
{
	struct json_object *string;
	struct buf clean;

	buf_init(&clean, strlen(s) * strlen(UTF8_REPLACEMENT));
	utf8_clean(&clean, s);
	string = json_object_new_string(buf_str(&clean));
	buf_free(&clean);
	return string;
}

void http_problem(struct http_response *rs, int status, const char *code, const char *trace_id,
    const char *detail)
{
	struct json_object *doc = json_object_new_object();
	const char *text = NULL;
	size_t n = 0;

	if (doc != NULL) {
		add_member(doc, "status", json_object_new_int(status));
		add_member(doc, "title", json_object_new_string(http_reason(status)));
		add_member(doc, "detail", utf8_string(detail));
		add_member(doc, "code", json_object_new_string(code));
		if (trace_id != NULL)
			add_member(doc, "trace_id", json_object_new_string(trace_id));
		text = json_object_to_json_string_length(
		    doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
	}
	buf_clear(&rs->body);
	if (text != NULL)
		buf_add(&rs->body, text, n);
	json_object_put(doc);
	rs->status = status;
	rs->content_type = "application/problem+json";
}

static bool has_header(const struct http_response *rs, const char *name)
{
	for (size_t i = 0; i < rs->n_headers; i++)
		if (strcasecmp(rs->headers[i].name, name) == 0)
			return true;
	return false;
}

void http_problem_err(struct http_response *rs, const struct err *e, const char *trace_id)
{
	const char *code = e->code;
	const char *detail = e->msg;

	switch (e->rc) {
	case RC_UNAVAILABLE:
		detail = "a part that this service depends on does not answer; try again shortly";
		if (!has_header(rs, "Retry-After"))
			http_response_header(rs, "Retry-After", "1");
		break;
	case RC_OK:
	case RC_INTERNAL:
		code = "internal_error";
		detail = "something went wrong on our side; trace_id names it in our log";
		break;
	case RC_NOT_FOUND:
	case RC_INVALID:
	case RC_CONFLICT:
	case RC_LIMITED:
		break;
	}
	http_problem(rs, http_status(e), code, trace_id, detail);
}
