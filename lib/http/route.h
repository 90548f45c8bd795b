/*
 * The route table and the one guard ladder before every handler: path (404), method (405),
 * key or session (429, 401), origin (403), role (403), then the handler.
 *
 *	static const struct route routes[] = {
 *		{ "GET",  "/jobs/{id}",    NEED_CLIENT, job_get },
 *		{ "POST", "/full-process", NEED_CLIENT, upload_post },
 *	};
 */
#ifndef MIZAN_HTTP_ROUTE_H
#define MIZAN_HTTP_ROUTE_H

#include <stddef.h>

#include "core/err.h"
#include "http/key_guard.h"
#include "http/principal.h"
#include "http/request.h"
#include "http/response.h"

#define ROUTE_ID_SIZE 64

enum {
	NEED_CLIENT = 1 << 0, /* X-API-Key */
	NEED_ADMIN = 1 << 1,  /* X-Admin-Key or a session; with NEED_CLIENT too, either will do */
	NEED_CHANGE = 1 << 2, /* with NEED_ADMIN: changes something, which a viewer may not */
	FREE_LOCAL = 1 << 3,  /* with a key's bit: nobody on this machine needs one */
	NEED_ORIGIN = 1 << 4, /* not from a foreign page; NEED_ADMIN implies it but for GET */
};

struct route_context;

/*
 * A handler answers in cx->rs and returns RC_OK, or fills *e and returns its rc, which the
 * dispatcher turns into a problem (http_problem_err()).  So it does with a body that broke.
 */
typedef enum rc route_fn(struct route_context *cx, struct err *e);

/*
 * Recognise a key (never NULL or "").
 * RC_OK: *out is filled and its kind is `wanted`.  RC_NOT_FOUND: nobody's key, answered as 401.
 * Others are answered as what they are (RC_UNAVAILABLE 503).
 */
typedef enum rc route_authenticate_fn(
    void *app, const char *key, enum principal_kind wanted, struct principal *out, struct err *e);

/*
 * Recognise an operator by a Cookie header.
 * RC_OK: *out is filled, its session_id too.  RC_NOT_FOUND: there is no session's cookie.
 * RC_INVALID "session_ended": there is one, and it is no good (any more).
 * Others are answered as what they are.
 */
typedef enum rc route_session_fn(
    void *app, const char *cookies, struct principal *out, struct err *e);

struct route {
	const char *method;  /* GET serves HEAD too */
	const char *pattern; /* literal, or with one whole segment "{id}" */
	unsigned need;       /* NEED_*; 0: anyone */
	route_fn *fn;
};

struct route_context {
	void *app;
	route_authenticate_fn *authenticate;
	route_session_fn *session;   /* NULL: only keys are known */
	struct key_guard *key_guard; /* NULL: keys may be tried without end */
	const struct http_request *rq;
	struct http_response *rs; /* initialised */

	/* Filled by route_dispatch(): */
	struct principal principal; /* kind PRINCIPAL_NONE on a route for anyone */
	char id[ROUTE_ID_SIZE];     /* what {id} stood for, unchecked but for its length; or "" */
	struct err err;             /* why the answer is a problem, for the log; rc RC_OK if not */
};

/*
 * Answer cx->rq from the first row that fits path and method.  Failures of the ladder:
 * "not_found" 404; "method_not_allowed" 405 with Allow; "missing_api_key", "invalid_api_key" and
 * "session_ended" 401 with WWW-Authenticate; "too_many_wrong_keys" 429 with Retry-After;
 * "foreign_origin" and "read_only" 403.  The body of a HEAD's answer is left to the server to
 * withhold.
 */
void route_dispatch(const struct route *routes, size_t n, struct route_context *cx);

/*
 * The rung of the ladder that looks at a key, for one that came in the body: fills cx->principal.
 * RC_INVALID "invalid_api_key" 401, naming `where` it was; RC_LIMITED "too_many_wrong_keys", with
 * Retry-After; others as authenticate() has them.  The reason is in cx->err.
 */
enum rc route_recognise(struct route_context *cx, const char *key, enum principal_kind kind,
    const char *where) MUST_CHECK;

#endif
