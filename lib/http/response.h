/*
 * A response under construction: status, headers, body.  X-Trace-Id, Content-Length and the
 * status line are fcgi/server.c's.
 */
#ifndef MIZAN_HTTP_RESPONSE_H
#define MIZAN_HTTP_RESPONSE_H

#include <json-c/json.h>

#include "core/buf.h"
#include "core/err.h"

#define HTTP_MAX_HEADERS      8
#define HTTP_MAX_HEADER_VALUE 512
#define HTTP_MAX_RESPONSE     ((size_t)64 << 20)

struct http_response {
	int status;               /* 200 unless set */
	const char *content_type; /* static text; "application/json" unless set */
	struct {
		const char *name; /* static text */
		char value[HTTP_MAX_HEADER_VALUE];
	} headers[HTTP_MAX_HEADERS];
	size_t n_headers;
	struct buf body;
};

void http_response_init(struct http_response *rs);
void http_response_free(struct http_response *rs);

/*
 * Add a header; a CR, LF or other control character in the value becomes '?', and what does
 * not fit is cut, so that no value can end the header (RFC 9110 §5.5).  A header beyond
 * HTTP_MAX_HEADERS is a programming error and dropped.
 */
void http_response_header(struct http_response *rs, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Answer with status and the document, whose reference is taken (NULL: out of memory, 500). */
void http_response_json(struct http_response *rs, int status, struct json_object *doc);

/*
 * Replace whatever the response holds by an RFC 9457 problem document with status, title (the
 * status's reason phrase), detail, code and trace_id.  Headers already added stay.
 */
void http_problem(struct http_response *rs, int status, const char *code, const char *trace_id,
    const char *detail);

/* The one mapping from a failure to a problem: status by e->rc, code and detail from e. */
void http_problem_err(struct http_response *rs, const struct err *e, const char *trace_id);

#endif
