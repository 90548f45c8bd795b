/*
 * One HTTP request and its answer, for what the watchdog asks and tells others: the only libcurl
 * code of lib/ops.  Only http and https are spoken, certificates are verified, redirects are not
 * followed, no connection is kept; proxies are those of the standard environment variables.
 *
 * A URL may be a secret (a webhook's is), and so may a body: neither stands in an error or an
 * answer here.
 */
#ifndef MIZAN_OPS_WEB_H
#define MIZAN_OPS_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct web;

#define WEB_MAX_RETRY_AFTER_MS INT64_C(3600000) /* a longer wait asked for is cut */

struct web_request {
	const char *method; /* "GET" or "POST" */
	const char *url;
	const char *body;         /* of a POST; NULL: none */
	const char *content_type; /* of the body; NULL: "application/json" */
	const char *ca_file;      /* certificates to trust instead of the system's; NULL: those */
	int64_t timeout_ms;       /* for all of it, connecting included */
	size_t max_bytes;         /* of the answer's body */
	bool (*give_up)(void);    /* asked about every second; true ends the call.  NULL: never */
};

struct web_answer {
	int status;
	int64_t retry_after_ms; /* 0: not told; at most WEB_MAX_RETRY_AFTER_MS */
	int64_t duration_ms;
	const char *body; /* a C string of the web's, until its next call; may hold NULs besides */
	size_t len;
};

/*
 * RC_OK: *ret is the caller's to web_free(); it belongs to one thread at a time.  Not while
 * another thread uses libcurl for the first time.  RC_UNAVAILABLE: out of memory.
 */
enum rc web_new(struct web **ret, struct err *e) MUST_CHECK;
void web_free(struct web *w); /* NULL is fine */

/*
 * RC_OK: a whole answer came, whatever its status says.
 * RC_UNAVAILABLE: none did: web_timed_out, web_not_connected, web_not_trusted (its certificate),
 * web_cut, web_too_large (over max_bytes), web_given_up, out_of_memory.
 * RC_INVALID: web_request: not a URL, neither http nor https, or the ca_file cannot be read.
 */
enum rc web_call(
    struct web *w, const struct web_request *rq, struct web_answer *ret, struct err *e) MUST_CHECK;

#endif
