#include "http/route.h"

#include <string.h>

#include "core/clock.h"
#include "http/key.h"
#include "http/origin.h"
#include "http/session.h"

/* Capture {id}; id is written only where the path fits. */
static bool path_fits(const char *pattern, const char *path, char id[ROUTE_ID_SIZE])
{
	static const char hole[] = "{id}";
	const char *at = strstr(pattern, hole);
	size_t before = at != NULL ? (size_t)(at - pattern) : 0;
	size_t n;

	if (at == NULL) {
		if (strcmp(pattern, path) != 0)
			return false;
		id[0] = '\0';
		return true;
	}
	if (strncmp(pattern, path, before) != 0)
		return false;
	path += before;
	n = strcspn(path, "/");
	if (n == 0 || n >= ROUTE_ID_SIZE || strcmp(path + n, at + strlen(hole)) != 0)
		return false;
	memcpy(id, path, n);
	id[n] = '\0';
	return true;
}

static bool method_fits(const struct route *r, const char *method)
{
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	return strcmp(r->method, method) == 0;
}

/* "GET, HEAD, PATCH": what the rows of this path offer (RFC 9110 §10.2.1). */
static void add_allow_header(const struct route *routes, size_t n, struct route_context *cx)
{
	struct buf allow;
	char room[HTTP_MAX_HEADER_VALUE], id[ROUTE_ID_SIZE];

	buf_init_fixed(&allow, room, sizeof room);
	for (size_t i = 0; i < n; i++) {
		bool is_get = strcmp(routes[i].method, "GET") == 0;

		if (!path_fits(routes[i].pattern, cx->rq->path, id))
			continue;
		buf_addf(&allow, "%s%s%s", allow.len > 0 ? ", " : "", routes[i].method,
		    is_get ? ", HEAD" : "");
	}
	http_response_header(cx->rs, "Allow", "%s", buf_str(&allow));
}

static enum rc find_route(
    const struct route *routes, size_t n, struct route_context *cx, const struct route **found)
{
	bool known_path = false;
	char id[ROUTE_ID_SIZE];

	for (size_t i = 0; i < n; i++) {
		if (!path_fits(routes[i].pattern, cx->rq->path, id))
			continue;
		known_path = true;
		if (!method_fits(&routes[i], cx->rq->method))
			continue;
		memcpy(cx->id, id, strlen(id) + 1);
		*found = &routes[i];
		return RC_OK;
	}
	if (!known_path)
		return err_set(
		    &cx->err, RC_NOT_FOUND, "not_found", "there is nothing at this path");
	add_allow_header(routes, n, cx);
	return err_set(
	    &cx->err, RC_INVALID, "method_not_allowed", "this path does not serve that method");
}

static void challenge(struct route_context *cx)
{
	http_response_header(cx->rs, "WWW-Authenticate", "ApiKey realm=\"mizan\"");
}

static enum rc unauthorized(struct route_context *cx, const char *code, const char *where)
{
	challenge(cx);
	return err_set(&cx->err, RC_INVALID, code, "a valid key is needed in %s", where);
}

enum rc route_recognise(
    struct route_context *cx, const char *key, enum principal_kind kind, const char *where)
{
	const char *address = cx->rq->remote_addr;
	struct principal principal = { .kind = PRINCIPAL_NONE };
	uint8_t hash[KEY_HASH_SIZE];
	int64_t wait = 1;
	enum rc rc;

	key_hash(key, hash);
	if (!key_guard_allows(cx->key_guard, address, hash, clock_ms(), &wait)) {
		http_response_header(cx->rs, "Retry-After", "%lld", (long long)wait);
		return err_set(&cx->err, RC_LIMITED, "too_many_wrong_keys",
		    "too many wrong keys came from your address; wait before you try another");
	}
	rc = cx->authenticate(cx->app, key, kind, &principal, &cx->err);
	if (rc == RC_OK && principal.kind != kind)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		cx->principal = principal;
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		key_guard_note(cx->key_guard, address, hash, clock_ms(), rc == RC_OK);
	return rc == RC_NOT_FOUND ? unauthorized(cx, "invalid_api_key", where) : rc;
}

/* RC_NOT_FOUND: nobody came with a session. */
static enum rc check_session(struct route_context *cx)
{
	const char *cookies = http_header(cx->rq, "Cookie");
	struct principal principal = { .kind = PRINCIPAL_NONE };
	enum rc rc;

	if (cx->session == NULL || cookies == NULL)
		return RC_NOT_FOUND;
	rc = cx->session(cx->app, cookies, &principal, &cx->err);
	if (rc == RC_OK)
		cx->principal = principal;
	if (rc == RC_INVALID) {
		challenge(cx);
		session_set_cookie(cx->rs, NULL);
	}
	return rc;
}

/* As nginx writes addresses. */
static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
	       strncmp(address, "::ffff:127.", 11) == 0;
}

static enum rc check_key(unsigned need, struct route_context *cx)
{
	static const struct {
		unsigned need;
		const char *header;
		enum principal_kind kind;
	} keys[] = {
		{ NEED_ADMIN, "X-Admin-Key", PRINCIPAL_ADMIN },
		{ NEED_CLIENT, "X-API-Key", PRINCIPAL_CLIENT },
	};
	const char *wanted = NULL;

	if ((need & FREE_LOCAL) != 0 && is_loopback(cx->rq->remote_addr))
		return RC_OK;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const char *key;
		enum rc rc = RC_NOT_FOUND;

		if ((need & keys[i].need) == 0)
			continue;
		wanted = keys[i].header;
		key = http_header(cx->rq, wanted);
		if (key != NULL && key[0] != '\0')
			return route_recognise(cx, key, keys[i].kind, wanted);
		if (keys[i].kind == PRINCIPAL_ADMIN)
			rc = check_session(cx);
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	return wanted != NULL ? unauthorized(cx, "missing_api_key", wanted) : RC_OK;
}

/* A key is proof enough of where a request comes from, a cookie is not. */
static enum rc check_origin(unsigned need, struct route_context *cx)
{
	const char *method = cx->rq->method;
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	if ((need & NEED_ORIGIN) == 0 && ((need & NEED_ADMIN) == 0 || reads))
		return RC_OK;
	return origin_check(cx->rq, cx->principal.session_id[0] != '\0', &cx->err);
}

static enum rc check_role(unsigned need, struct route_context *cx)
{
	if ((need & NEED_CHANGE) == 0 || strcmp(cx->principal.role, "viewer") != 0)
		return RC_OK;
	return err_set(&cx->err, RC_INVALID, "read_only", "a viewer cannot change anything");
}

void route_dispatch(const struct route *routes, size_t n, struct route_context *cx)
{
	const struct route *route = NULL;
	enum rc rc;

	cx->principal = (struct principal){ .kind = PRINCIPAL_NONE };
	cx->id[0] = '\0';
	cx->err = (struct err){ .rc = RC_OK };
	rc = find_route(routes, n, cx, &route);
	if (rc == RC_OK)
		rc = check_key(route->need, cx);
	if (rc == RC_OK)
		rc = check_origin(route->need, cx);
	if (rc == RC_OK)
		rc = check_role(route->need, cx);
	if (rc == RC_OK)
		rc = route->fn(cx, &cx->err);
	if (rc == RC_OK && buf_broken(&cx->rs->body))
		rc = buf_full(&cx->rs->body) ? err_set(&cx->err, RC_INTERNAL, "answer_too_large",
						   "the answer is over its maximum")
					     : err_no_memory(&cx->err);
	if (rc == RC_OK) {
		cx->err = (struct err){ .rc = RC_OK };
		return;
	}
	if (cx->err.rc != rc)
		(void)err_set(&cx->err, RC_INTERNAL, "internal_error",
		    "a handler failed with %d and gave no reason", (int)rc);
	http_problem_err(cx->rs, &cx->err, cx->rq->trace_id);
}
