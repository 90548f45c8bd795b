/*
 * A response under construction: status, headers, body.  X-Trace-Id, Content-Length and the
 * status line are fcgi/server.c's.
 */
#ifndef MIZAN_HTTP_RESPONSE_H
#define MIZAN_HTTP_RESPONSE_H

#include "core/err.h"
#include "core/json_write.h"

#define HTTP_MAX_HEADERS      8
#define HTTP_MAX_HEADER_VALUE 1024
#define HTTP_MAX_RESPONSE     ((size_t)64 << 20)
#define HTTP_MAX_PROBLEM      2048

struct http_response {
	int status;               /* 200 unless set */
	const char *content_type; /* static text; "application/json" unless set */
	struct {
		const char *name; /* static text */
		char value[HTTP_MAX_HEADER_VALUE];
	} headers[HTTP_MAX_HEADERS];
	size_t n_headers;
	struct buf body;
	char problem[HTTP_MAX_PROBLEM]; /* the body of a problem, which needs no memory */
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

/*
 * Answer with status and the JSON that the caller writes with what is returned, in the place of
 * any body.  Headers already added stay.  Where the body breaks the dispatcher answers with a
 * problem instead: 503 out of memory, 500 over HTTP_MAX_RESPONSE.
 */
struct json_writer http_json(struct http_response *rs, int status);

/*
 * Replace whatever the response holds by an RFC 9457 problem document with status, title (the
 * status's reason phrase), detail, code and trace_id (NULL: none).  Headers already added stay.
 * Bytes of detail that are not UTF-8 become U+FFFD; one that is too long is replaced by the
 * title.
 */
void http_problem(struct http_response *rs, int status, const char *code, const char *trace_id,
    const char *detail);

/*
 * The one mapping from a failure to a problem: status by http_status(), code and detail from
 * e.  A failure of ours tells nothing of the inside: RC_INTERNAL answers "internal_error" and
 * a fixed text, RC_UNAVAILABLE keeps its code but not its message (it may quote a host or a
 * statement) and gets `Retry-After: 1` unless that header is there already.
 */
void http_problem_err(struct http_response *rs, const struct err *e, const char *trace_id);

/* A failure's status: by its code where SPEC gives that code a status, else by its rc. */
int http_status(const struct err *e);

/* The reason phrase (RFC 9110 §15, RFC 6585); "Unknown" for a status that we never send. */
const char *http_reason(int status);

#endif
