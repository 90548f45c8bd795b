/*
 * A request as nginx hands it over: the first line of the input is method, path and query, with
 * blanks between; each further line is a header.  It goes up the guard ladder to a handler that
 * reads all that an upload does, and whatever comes of it must be an answer that can be sent.
 */
#include "core/json_read.h"
#include "core/random.h"
#include "core/uuid.h"
#include "fuzz/fuzz.h"
#include "http/etag.h"
#include "http/idempotency.h"
#include "http/key.h"
#include "http/multipart.h"
#include "http/prefer.h"
#include "http/query.h"
#include "http/route.h"
#include "http/session.h"
#include "http/tenant.h"

enum { MAX_HEADERS = 32, MAX_VARIABLE = 64 };

struct request {
	char *line;
	char *env[MAX_HEADERS + 1];
	size_t n;
	struct http_request rq;
};

/* What the handler answers with, so that it stands in the response's headers and body. */
struct reached {
	bool handler;
	enum principal_kind kind;
};

/* "X-API-Key: k" as nginx makes it "HTTP_X_API_KEY=k"; NULL for a line that it drops. */
static char *variable(const char *line)
{
	const char *colon = strchr(line, ':');
	const char *value = colon != NULL ? colon + 1 : "";
	char name[MAX_VARIABLE] = "HTTP_", *made = NULL;
	size_t n = colon != NULL ? (size_t)(colon - line) : 0, from = strlen(name);

	if (n == 0 || n + from >= sizeof name)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		char c = line[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		name[from + i] = (char)(c == '-' ? '_' : c);
	}
	value += strspn(value, " \t");
	if (strcmp(name, "HTTP_CONTENT_TYPE") == 0 || strcmp(name, "HTTP_CONTENT_LENGTH") == 0)
		memmove(name, name + from, n + 1);
	INVARIANT(asprintf(&made, "%s=%s", name, value) > 0);
	return made;
}

/* The next word of a line, which is cut there. */
static const char *word(char **p)
{
	char *start = *p, *end = start + strcspn(start, " ");

	*p = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return start;
}

static void request_read(struct request *r, const uint8_t *data, size_t size)
{
	const uint8_t *rest = data, *end = data + size;
	char *p;

	*r = (struct request){ .line = fuzz_line(&rest, end) };
	p = r->line;
	r->rq.method = word(&p);
	r->rq.path = word(&p);
	r->rq.query = p;
	r->rq.trace_id = "0123456789abcdef0123456789abcdef";
	r->rq.remote_addr = "192.0.2.1";
	while (rest < end && r->n < MAX_HEADERS) {
		char *line = fuzz_line(&rest, end);

		r->env[r->n] = variable(line);
		r->n += r->env[r->n] != NULL;
		free(line);
	}
	r->rq.env = r->env;
}

static void request_free(struct request *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->env[i]);
	free(r->line);
}

static enum rc authenticate(
    void *app, const char *key, enum principal_kind wanted, struct principal *out, struct err *e)
{
	(void)app;
	INVARIANT(key != NULL && key[0] != '\0');
	out->kind = wanted;
	if (key_equal(key, "pilot's key"))
		(void)snprintf(out->tenant_id, sizeof out->tenant_id, "pilot");
	else if (key_equal(key, "of another kind"))
		out->kind = wanted == PRINCIPAL_ADMIN ? PRINCIPAL_CLIENT : PRINCIPAL_ADMIN;
	else if (key_equal(key, "down"))
		return err_set(e, RC_UNAVAILABLE, "database_unavailable", "host=secret");
	else if (!key_equal(key, "k"))
		return RC_NOT_FOUND;
	return RC_OK;
}

/* Whoever has a cookie that we signed, with a secret of zeros, is an operator. */
static enum rc session(void *app, const char *cookies, struct principal *out, struct err *e)
{
	static const uint8_t secret[SESSION_SECRET_SIZE];
	char value[SESSION_VALUE_SIZE];
	enum rc rc = session_cookie(cookies, value);

	(void)app;
	if (rc == RC_NOT_FOUND)
		return rc;
	INVARIANT(rc == RC_INVALID || strlen(value) == sizeof value - 1);
	if (rc != RC_OK || !session_verify(secret, value, out->session_id))
		return err_set(e, RC_INVALID, "session_ended", "not ours");
	INVARIANT(uuid_valid(out->session_id));
	out->kind = PRINCIPAL_ADMIN;
	return RC_OK;
}

static void note(struct route_context *cx)
{
	struct reached *reached = cx->app;

	reached->handler = true;
	reached->kind = cx->principal.kind;
	if (strncmp(cx->rq->path, "/admin/", 7) == 0)
		INVARIANT(reached->kind == PRINCIPAL_ADMIN);
	if (strcmp(cx->rq->path, "/full-process") == 0)
		INVARIANT(reached->kind == PRINCIPAL_CLIENT);
	if (cx->principal.session_id[0] != '\0' && strcmp(cx->rq->method, "GET") != 0 &&
	    strcmp(cx->rq->method, "HEAD") != 0)
		INVARIANT(http_header(cx->rq, "Origin") != NULL ||
			  http_header(cx->rq, "Sec-Fetch-Site") != NULL);
	INVARIANT(strlen(cx->id) < ROUTE_ID_SIZE && strchr(cx->id, '/') == NULL);
}

static void check_etags(const char *value)
{
	struct etags list;

	if (value == NULL || etags_parse(value, &list, NULL) != RC_OK)
		return;
	INVARIANT(list.any ? list.n == 0 : list.n > 0 && list.n <= ETAG_MAX);
	for (size_t i = 0; i < list.n; i++) {
		const char *after = list.tags[i].text + list.tags[i].len;

		INVARIANT(list.tags[i].text > value && after < value + strlen(value));
		INVARIANT(
		    *after == '"' && memchr(list.tags[i].text, '"', list.tags[i].len) == NULL);
	}
	INVARIANT(etags_have(&list, "1", true) || !etags_have(&list, "1", false));
}

static enum rc upload(struct route_context *cx, struct err *e)
{
	char tenant[TENANT_ID_SIZE], boundary[MULTIPART_BOUNDARY_SIZE], key[IDEMPOTENCY_KEY_SIZE];
	struct prefer prefer = prefer_parse(http_header(cx->rq, "Prefer"));
	const char *type = http_header(cx->rq, "content-type");
	enum rc rc = tenant_for_principal(&cx->principal, cx->rq->query, tenant, e);
	struct json_writer w;

	note(cx);
	INVARIANT(prefer.wait_s >= -1);
	INVARIANT(type == NULL || type[0] != '\0');
	if (rc != RC_OK)
		return rc;
	INVARIANT(tenant_id_valid(tenant) && principal_may(&cx->principal, tenant));
	rc = multipart_boundary(type, boundary, e);
	if (rc != RC_OK)
		return rc;
	INVARIANT(boundary[0] != '\0' && strlen(boundary) < sizeof boundary);
	rc = idempotency_key_parse(http_header(cx->rq, "Idempotency-Key"), key, e);
	if (rc == RC_INVALID)
		return rc;
	http_response_header(cx->rs, "Location", "/jobs/%s", rc == RC_OK ? key : tenant);
	w = http_json(cx->rs, prefer.respond_async ? 202 : 200);
	json_write_object(&w, NULL);
	json_write_object_end(&w);
	return RC_OK;
}

/* Echoes what it is given, as no handler of ours does: the response's own guards must hold. */
static enum rc job(struct route_context *cx, struct err *e)
{
	const char *text = http_header(cx->rq, "X-Echo");
	char id[RANDOM_UUID_TEXT];

	note(cx);
	check_etags(http_header(cx->rq, "If-Match"));
	if (uuid_from_hex(cx->id, id))
		INVARIANT(uuid_valid(id));
	INVARIANT(!uuid_valid(cx->id) || strlen(cx->id) == RANDOM_UUID_TEXT - 1);
	http_response_header(cx->rs, "X-Echo", "%s", text != NULL ? text : cx->id);
	return err_set(e, RC_INVALID, "echo", "%s", text != NULL ? text : cx->rq->query);
}

static const struct route routes[] = {
	{ "GET", "/health", 0, job },
	{ "POST", "/full-process", NEED_CLIENT, upload },
	{ "GET", "/jobs/{id}", NEED_CLIENT | NEED_ADMIN, job },
	{ "POST", "/admin/jobs/{id}/retry", NEED_ADMIN, job },
	{ "PUT", "/admin/pilot", NEED_ADMIN, job },
};

static void check_response(const struct http_response *rs, const struct reached *reached)
{
	struct json_object *body;

	INVARIANT(strcmp(http_reason(rs->status), "Unknown") != 0);
	for (size_t i = 0; i < rs->n_headers; i++)
		for (const char *c = rs->headers[i].value; *c != '\0'; c++)
			INVARIANT((unsigned char)*c >= ' ' && *c != 0x7F);
	INVARIANT(json_read(rs->body.p, rs->body.len, &body, NULL) == RC_OK);
	json_object_put(body);
	fuzz_check_utf8(buf_str(&rs->body), FUZZ_JSON);
	INVARIANT(rs->status != 503 || strstr(buf_str(&rs->body), "host=secret") == NULL);
	INVARIANT(rs->status != 401 || !reached->handler);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reached reached = { .handler = false };
	struct http_response rs;
	struct request r;
	struct route_context cx = {
		.app = &reached, .authenticate = authenticate, .session = session, .rs = &rs
	};

	request_read(&r, data, size);
	cx.rq = &r.rq;
	http_response_init(&rs);
	route_dispatch(routes, sizeof routes / sizeof routes[0], &cx);
	check_response(&rs, &reached);
	if (reached.handler && strcmp(r.rq.path, "/health") != 0)
		INVARIANT(reached.kind != PRINCIPAL_NONE);
	http_response_free(&rs);
	request_free(&r);
	return 0;
}
