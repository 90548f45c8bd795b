#include "http/route.h"

#include <string.h>

#include "unit/http/environment.h"
#include "unit/unit.h"

/* Handlers name themselves in the body. */
static enum rc say(struct route_context *cx, const char *what)
{
	buf_adds(&cx->rs->body, what);
	return RC_OK;
}

static enum rc health(struct route_context *cx, struct err *e)
{
	/* An inner failure that was overcome is no failure. */
	(void)err_set(e, RC_NOT_FOUND, "inner", "overcome");
	return say(cx, "health");
}

static enum rc job_get(struct route_context *cx, struct err *e)
{
	(void)e;
	return say(cx, "job_get");
}

static enum rc job_cancel(struct route_context *cx, struct err *e)
{
	(void)e;
	return say(cx, "job_cancel");
}

static enum rc jobs_stats(struct route_context *cx, struct err *e)
{
	(void)e;
	return say(cx, "jobs_stats");
}

static enum rc pilot_get(struct route_context *cx, struct err *e)
{
	(void)e;
	return say(cx, "pilot_get");
}

static enum rc pilot_put(struct route_context *cx, struct err *e)
{
	buf_adds(&cx->rs->body, "half");
	return err_set(e, RC_CONFLICT, "pilot_busy", "someone else flips it");
}

static enum rc mute(struct route_context *cx, struct err *e)
{
	(void)cx;
	(void)e;
	return RC_CONFLICT;
}

static enum rc either(struct route_context *cx, struct err *e)
{
	(void)e;
	return say(cx, cx->principal.kind == PRINCIPAL_ADMIN ? "admin" : "client");
}

/* A login: the key is the query. */
static enum rc login(struct route_context *cx, struct err *e)
{
	(void)e;
	enum rc rc = route_recognise(cx, cx->rq->query, PRINCIPAL_ADMIN, "the query");

	return rc == RC_OK ? say(cx, cx->principal.name) : rc;
}

static const struct route routes[] = {
	{ "GET", "/health", 0, health },
	{ "GET", "/jobs/stats", NEED_CLIENT, jobs_stats },
	{ "GET", "/jobs/{id}", NEED_CLIENT, job_get },
	{ "POST", "/admin/jobs/{id}/cancel", NEED_ADMIN, job_cancel },
	{ "GET", "/admin/pilot", NEED_ADMIN, pilot_get },
	{ "PUT", "/admin/pilot", NEED_ADMIN, pilot_put },
	{ "PATCH", "/admin/pilot", NEED_ADMIN | NEED_CHANGE, pilot_get },
	{ "POST", "/login", NEED_ORIGIN, login },
	{ "GET", "/mute", 0, mute },
	{ "GET", "/either", NEED_CLIENT | NEED_ADMIN, either },
	{ "GET", "/local", NEED_ADMIN | FREE_LOCAL, health },
};

/* "client-key" and "admin-key" are known, "down" finds the key store down. */
static enum rc authenticate(
    void *app, const char *key, enum principal_kind wanted, struct principal *out, struct err *e)
{
	bool admin = wanted == PRINCIPAL_ADMIN;

	++*(int *)app;
	if (strcmp(key, "down") == 0)
		return err_set(e, RC_UNAVAILABLE, "database_unavailable", "host db1 is down");
	if (strcmp(key, "confused") == 0) {
		out->kind = admin ? PRINCIPAL_CLIENT : PRINCIPAL_ADMIN;
		return RC_OK;
	}
	if (strcmp(key, admin ? "admin-key" : "client-key") != 0)
		return RC_NOT_FOUND;
	*out = (struct principal){ .kind = wanted, .name = "ana" };
	return RC_OK;
}

static const char *header(const struct http_response *rs, const char *name)
{
	for (size_t i = 0; i < rs->n_headers; i++)
		if (strcmp(rs->headers[i].name, name) == 0)
			return rs->headers[i].value;
	return NULL;
}

static char client_key[] = "HTTP_X_API_KEY=client-key", admin_key[] = "HTTP_X_ADMIN_KEY=admin-key",
	    empty_key[] = "HTTP_X_API_KEY=", wrong_key[] = "HTTP_X_API_KEY=admin-key",
	    wrong_admin[] = "HTTP_X_ADMIN_KEY=client-key", down_key[] = "HTTP_X_API_KEY=down",
	    confused_key[] = "HTTP_X_API_KEY=confused";

#define ID63 "012345678901234567890123456789012345678901234567890123456789012"

static const struct {
	unsigned line;
	const char *method, *path;
	char *const env[3];
	int status;
	const char *want; /* the handler's body, or the problem's code */
	const char *id;
	int asked; /* how often authenticate() was called */
} ladder_cases[] = {
	{ __LINE__, "GET", "/health", { NULL }, 200, "health", "", 0 },
	{ __LINE__, "HEAD", "/health", { NULL }, 200, "health", "", 0 },
	{ __LINE__, "GET", "/health", { wrong_key }, 200, "health", "", 0 },
	{ __LINE__, "GET", "/health/", { NULL }, 404, "not_found", "", 0 },
	{ __LINE__, "GET", "/", { NULL }, 404, "not_found", "", 0 },
	{ __LINE__, "GET", "", { NULL }, 404, "not_found", "", 0 },
	{ __LINE__, "POST", "/health", { NULL }, 405, "method_not_allowed", "", 0 },
	{ __LINE__, "get", "/health", { NULL }, 405, "method_not_allowed", "", 0 },
	{ __LINE__, "HEAD", "/admin/jobs/1/cancel", { admin_key }, 405, "method_not_allowed", "",
	    0 },
	{ __LINE__, "GET", "/jobs/17", { client_key }, 200, "job_get", "17", 1 },
	{ __LINE__, "GET", "/jobs/" ID63, { client_key }, 200, "job_get", ID63, 1 },
	{ __LINE__, "GET", "/jobs/" ID63 "4", { client_key }, 404, "not_found", "", 0 },
	{ __LINE__, "GET", "/jobs/stats", { client_key }, 200, "jobs_stats", "", 1 },
	{ __LINE__, "GET", "/jobs/", { client_key }, 404, "not_found", "", 0 },
	{ __LINE__, "GET", "/jobs/1/2", { client_key }, 404, "not_found", "", 0 },
	{ __LINE__, "GET", "/jobs/17", { NULL }, 401, "missing_api_key", "17", 0 },
	{ __LINE__, "GET", "/jobs/17", { empty_key }, 401, "missing_api_key", "17", 0 },
	{ __LINE__, "GET", "/jobs/17", { admin_key }, 401, "missing_api_key", "17", 0 },
	{ __LINE__, "GET", "/jobs/17", { wrong_key }, 401, "invalid_api_key", "17", 1 },
	{ __LINE__, "GET", "/jobs/17", { confused_key }, 401, "invalid_api_key", "17", 1 },
	{ __LINE__, "GET", "/jobs/17", { down_key }, 503, "database_unavailable", "17", 1 },
	{ __LINE__, "POST", "/admin/jobs/9/cancel", { admin_key }, 200, "job_cancel", "9", 1 },
	{ __LINE__, "POST", "/admin/jobs//cancel", { admin_key }, 404, "not_found", "", 0 },
	{ __LINE__, "POST", "/admin/jobs/9/cancel2", { admin_key }, 404, "not_found", "", 0 },
	{ __LINE__, "POST", "/admin/jobs/9/cancel", { client_key }, 401, "missing_api_key", "9",
	    0 },
	{ __LINE__, "GET", "/admin/pilot", { wrong_admin }, 401, "invalid_api_key", "", 1 },
	{ __LINE__, "GET", "/admin/pilot", { client_key, admin_key }, 200, "pilot_get", "", 1 },
	{ __LINE__, "PUT", "/admin/pilot", { admin_key }, 409, "pilot_busy", "", 1 },
	{ __LINE__, "GET", "/mute", { NULL }, 500, "internal_error", "", 0 },
	{ __LINE__, "GET", "/either", { client_key }, 200, "client", "", 1 },
	{ __LINE__, "GET", "/either", { admin_key }, 200, "admin", "", 1 },
	{ __LINE__, "GET", "/either", { client_key, wrong_admin }, 401, "invalid_api_key", "", 1 },
	{ __LINE__, "GET", "/either", { NULL }, 401, "missing_api_key", "", 0 },
};

static void test_ladder(void)
{
	for (size_t i = 0; i < sizeof ladder_cases / sizeof ladder_cases[0]; i++) {
		int asked = 0;
		struct http_request rq = { .method = ladder_cases[i].method,
			.path = ladder_cases[i].path,
			.query = "",
			.trace_id = "t",
			.env = ladder_cases[i].env };
		struct http_response rs;
		struct route_context cx = { .app = &asked,
			.authenticate = authenticate,
			.rq = &rq,
			.rs = &rs,
			.id = "stale",
			.principal = { .kind = PRINCIPAL_ADMIN } };
		bool ok = ladder_cases[i].status == 200;

		http_response_init(&rs);
		route_dispatch(routes, sizeof routes / sizeof routes[0], &cx);
		CHECK_ROW(rs.status == ladder_cases[i].status, ladder_cases[i].line, "status");
		CHECK_STR_ROW(ok ? buf_str(&rs.body) : cx.err.code, ladder_cases[i].want,
		    ladder_cases[i].line);
		CHECK_ROW(ok == (cx.err.rc == RC_OK), ladder_cases[i].line, "err tells");
		CHECK_STR_ROW(cx.id, ladder_cases[i].id, ladder_cases[i].line);
		CHECK_ROW(
		    asked == ladder_cases[i].asked, ladder_cases[i].line, "authenticate() calls");
		CHECK_ROW(
		    (ladder_cases[i].status == 401) == (header(&rs, "WWW-Authenticate") != NULL),
		    ladder_cases[i].line, "WWW-Authenticate");
		CHECK_ROW((ladder_cases[i].status == 405) == (header(&rs, "Allow") != NULL),
		    ladder_cases[i].line, "Allow");
		if (ladder_cases[i].asked == 0 || ladder_cases[i].status == 401)
			CHECK_ROW(
			    cx.principal.kind == PRINCIPAL_NONE, ladder_cases[i].line, "principal");
		if (!ok)
			CHECK_ROW(strstr(buf_str(&rs.body), "half") == NULL, ladder_cases[i].line,
			    "replaced");
		http_response_free(&rs);
	}
}

/* Of two wrong keys a minute: what the third, and whoever is known, is answered. */
static void test_key_guard(void)
{
	static const struct {
		unsigned line;
		char *header;
		int status;
		int asked;
	} steps[] = {
		{ __LINE__, client_key, 200, 1 },
		{ __LINE__, down_key, 503, 1 },
		{ __LINE__, down_key, 503, 1 },
		{ __LINE__, wrong_key, 401, 1 },
		{ __LINE__, NULL, 401, 0 },
		{ __LINE__, confused_key, 401, 1 },
		{ __LINE__, wrong_key, 429, 0 },
		{ __LINE__, down_key, 429, 0 },
		{ __LINE__, client_key, 200, 1 },
		{ __LINE__, admin_key, 429, 0 },
	};
	struct key_guard *guard = key_guard_new(2);

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		char *const env[] = { steps[i].header, NULL };
		int asked = 0;
		struct http_request rq = {
			.method = "GET", .path = "/either", .remote_addr = "192.0.2.1", .env = env
		};
		struct http_response rs;
		struct route_context cx = { .app = &asked,
			.authenticate = authenticate,
			.key_guard = guard,
			.rq = &rq,
			.rs = &rs };

		http_response_init(&rs);
		route_dispatch(routes, sizeof routes / sizeof routes[0], &cx);
		CHECK_ROW(rs.status == steps[i].status, steps[i].line, buf_str(&rs.body));
		CHECK_ROW(asked == steps[i].asked, steps[i].line, "authenticate() calls");
		if (rs.status == 429) {
			CHECK_STR_ROW(cx.err.code, "too_many_wrong_keys", steps[i].line);
			CHECK_STR_ROW(header(&rs, "Retry-After"), "30", steps[i].line);
		}
		http_response_free(&rs);
	}
	key_guard_free(guard);
}

/* The cookie is the operator's role, or what is wrong with it. */
static enum rc session(void *app, const char *cookies, struct principal *out, struct err *e)
{
	(void)app;
	if (strcmp(cookies, "other") == 0)
		return RC_NOT_FOUND;
	if (strcmp(cookies, "gone") == 0)
		return err_set(e, RC_INVALID, "session_ended", "log in again");
	if (strcmp(cookies, "down") == 0)
		return err_set(e, RC_UNAVAILABLE, "database_unavailable", "host db1 is down");
	*out = (struct principal){ .kind = PRINCIPAL_ADMIN, .name = "eve", .session_id = "1" };
	memcpy(out->role, cookies, strlen(cookies) + 1);
	return RC_OK;
}

#define COOKIE(c) "HTTP_COOKIE=" c
#define HOST      "HTTP_HOST=m"
#define OWN       "HTTP_ORIGIN=https://m"
#define FOREIGN   "HTTP_ORIGIN=https://evil"
#define KEY       "HTTP_X_ADMIN_KEY=admin-key"
#define NO_KEY    "HTTP_X_ADMIN_KEY="

static void test_sessions(void)
{
	static const struct {
		unsigned line;
		const char *method, *path;
		const char *env[ENV_MAX];
		int status;
		const char *want; /* the handler's body, or the problem's code */
	} cases[] = {
		{ __LINE__, "GET", "/admin/pilot", { COOKIE("viewer") }, 200, "pilot_get" },
		{ __LINE__, "HEAD", "/admin/pilot", { COOKIE("viewer"), HOST, FOREIGN }, 200,
		    "pilot_get" },
		{ __LINE__, "GET", "/admin/pilot", { COOKIE("viewer"), NO_KEY }, 200, "pilot_get" },
		{ __LINE__, "GET", "/admin/pilot", { COOKIE("other") }, 401, "missing_api_key" },
		{ __LINE__, "GET", "/admin/pilot", { COOKIE("gone") }, 401, "session_ended" },
		{ __LINE__, "GET", "/admin/pilot", { COOKIE("down") }, 503,
		    "database_unavailable" },
		{ __LINE__, "GET", "/admin/pilot", { COOKIE("gone"), KEY }, 200, "pilot_get" },
		{ __LINE__, "GET", "/admin/pilot", { COOKIE("viewer"), "HTTP_X_ADMIN_KEY=wrong" },
		    401, "invalid_api_key" },
		{ __LINE__, "GET", "/jobs/17", { COOKIE("admin") }, 401, "missing_api_key" },
		{ __LINE__, "GET", "/either", { COOKIE("admin") }, 200, "admin" },
		{ __LINE__, "GET", "/either", { COOKIE("other"), client_key }, 200, "client" },
		{ __LINE__, "GET", "/local", { COOKIE("viewer") }, 200, "health" },
		{ __LINE__, "PATCH", "/admin/pilot", { HOST, FOREIGN }, 401, "missing_api_key" },
		{ __LINE__, "PATCH", "/admin/pilot", { COOKIE("viewer"), HOST, FOREIGN }, 403,
		    "foreign_origin" },
		{ __LINE__, "PATCH", "/admin/pilot", { COOKIE("viewer"), HOST, OWN }, 403,
		    "read_only" },
		{ __LINE__, "PATCH", "/admin/pilot", { COOKIE("operator"), HOST, OWN }, 200,
		    "pilot_get" },
		{ __LINE__, "PATCH", "/admin/pilot", { COOKIE("operator"), HOST }, 403,
		    "foreign_origin" },
		{ __LINE__, "PATCH", "/admin/pilot", { KEY, HOST }, 200, "pilot_get" },
		{ __LINE__, "PATCH", "/admin/pilot", { KEY, COOKIE("viewer"), HOST }, 200,
		    "pilot_get" },
		{ __LINE__, "PATCH", "/admin/pilot", { KEY, HOST, FOREIGN }, 403,
		    "foreign_origin" },
		{ __LINE__, "POST", "/login?admin-key", { HOST }, 200, "ana" },
		{ __LINE__, "POST", "/login?admin-key", { COOKIE("gone"), HOST }, 200, "ana" },
		{ __LINE__, "POST", "/login?client-key", { HOST, OWN }, 401, "invalid_api_key" },
		{ __LINE__, "POST", "/login?down", { HOST, OWN }, 503, "database_unavailable" },
		{ __LINE__, "POST", "/login?admin-key", { HOST, FOREIGN }, 403, "foreign_origin" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int asked = 0;
		struct environment env;
		char path[32] = "";
		const char *query = strchr(cases[i].path, '?');
		struct http_request rq = { .method = cases[i].method,
			.path = path,
			.query = query != NULL ? query + 1 : "",
			.remote_addr = "192.0.2.1",
			.env = environment(&env, cases[i].env) };
		struct http_response rs;
		struct route_context cx = { .app = &asked,
			.authenticate = authenticate,
			.session = session,
			.rq = &rq,
			.rs = &rs };
		const char *cookie;

		memcpy(path, cases[i].path, strcspn(cases[i].path, "?"));
		http_response_init(&rs);
		route_dispatch(routes, sizeof routes / sizeof routes[0], &cx);
		CHECK_ROW(rs.status == cases[i].status, cases[i].line, "status");
		CHECK_STR_ROW(cases[i].status == 200 ? buf_str(&rs.body) : cx.err.code,
		    cases[i].want, cases[i].line);
		CHECK_ROW((rs.status == 401) == (header(&rs, "WWW-Authenticate") != NULL),
		    cases[i].line, "WWW-Authenticate");
		cookie = header(&rs, "Set-Cookie");
		CHECK_ROW((strcmp(cx.err.code, "session_ended") == 0) == (cookie != NULL),
		    cases[i].line, "a cookie that is no good is taken back");
		http_response_free(&rs);
	}
}

static void test_allow(void)
{
	static const struct {
		unsigned line;
		const char *path, *want;
	} cases[] = {
		{ __LINE__, "/health", "GET, HEAD" },
		{ __LINE__, "/admin/pilot", "GET, HEAD, PUT, PATCH" },
		{ __LINE__, "/admin/jobs/1/cancel", "POST" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_request rq = { .method = "DELETE", .path = cases[i].path };
		struct http_response rs;
		struct route_context cx = { .rq = &rq, .rs = &rs };

		http_response_init(&rs);
		route_dispatch(routes, sizeof routes / sizeof routes[0], &cx);
		CHECK_STR_ROW(header(&rs, "Allow"), cases[i].want, cases[i].line);
		http_response_free(&rs);
	}
}

/* Who is on this machine needs no key, everybody else the key that fits. */
static void test_local(void)
{
	static const struct {
		unsigned line;
		const char *address;
		char *header;
		int status;
	} cases[] = {
		{ __LINE__, "127.0.0.1", NULL, 200 },
		{ __LINE__, "127.8.8.8", wrong_admin, 200 },
		{ __LINE__, "::1", NULL, 200 },
		{ __LINE__, "::ffff:127.0.0.1", NULL, 200 },
		{ __LINE__, "192.0.2.1", admin_key, 200 },
		{ __LINE__, "192.0.2.1", NULL, 401 },
		{ __LINE__, "192.0.2.1", wrong_admin, 401 },
		{ __LINE__, "192.0.2.1", client_key, 401 },
		{ __LINE__, "12.7.0.1", NULL, 401 },
		{ __LINE__, "1270::1", NULL, 401 },
		{ __LINE__, "::11", NULL, 401 },
		{ __LINE__, "", NULL, 401 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *const env[] = { cases[i].header, NULL };
		int asked = 0;
		struct http_request rq = { .method = "GET",
			.path = "/local",
			.remote_addr = cases[i].address,
			.env = env };
		struct http_response rs;
		struct route_context cx = {
			.app = &asked, .authenticate = authenticate, .rq = &rq, .rs = &rs
		};

		http_response_init(&rs);
		route_dispatch(routes, sizeof routes / sizeof routes[0], &cx);
		CHECK_ROW(rs.status == cases[i].status, cases[i].line, buf_str(&rs.body));
		http_response_free(&rs);
	}
}

const struct unit_test unit_tests[] = {
	{ "path, method, key, handler", test_ladder },
	{ "wrong keys", test_key_guard },
	{ "sessions and origins", test_sessions },
	{ "Allow", test_allow },
	{ "this machine", test_local },
	{ NULL, NULL },
};
