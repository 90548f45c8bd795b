#include <string.h>
#include <strings.h>

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
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
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
	{ "session_ended", 401 },
	{ "foreign_origin", 403 },
	{ "wrong_tenant", 403 },
	{ "pilot_disabled", 403 },
	{ "read_only", 403 },
	{ "method_not_allowed", 405 },
	{ "document_expired", 410 },
	{ "precondition_failed", 412 },
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

static void write_problem(struct http_response *rs, int status, const char *code,
    const char *trace_id, const char *detail)
{
	struct json_writer w = { .out = &rs->body };

	buf_free(&rs->body);
	buf_init_fixed(&rs->body, rs->problem, sizeof rs->problem);
	json_write_object(&w, NULL);
	json_write_int(&w, "status", status);
	json_write_text(&w, "title", http_reason(status));
	json_write_text(&w, "detail", detail);
	json_write_text(&w, "code", code);
	if (trace_id != NULL)
		json_write_text(&w, "trace_id", trace_id);
	json_write_object_end(&w);
}

void http_problem(struct http_response *rs, int status, const char *code, const char *trace_id,
    const char *detail)
{
	write_problem(rs, status, code, trace_id, detail);
	if (buf_broken(&rs->body))
		write_problem(rs, status, code, trace_id, http_reason(status));
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
