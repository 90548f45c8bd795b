/*
 * The input's lines: a query string, a Prefer header, a header's name and a header's value.
 */
#include <string.h>

#include "core/utf8.h"
#include "core/uuid.h"
#include "fuzz/fuzz.h"
#include "http/prefer.h"
#include "http/query.h"
#include "http/request.h"
#include "http/response.h"
#include "http/tenant.h"

/* Cut the next line off *rest, as a string of its own for the sanitizer to guard. */
static char *next_line(const char **rest, const char *end)
{
	const char *start = *rest;
	const char *newline = start < end ? memchr(start, '\n', (size_t)(end - start)) : NULL;
	char *line = strndup(start, (size_t)((newline != NULL ? newline : end) - start));

	INVARIANT(line != NULL);
	*rest = newline != NULL ? newline + 1 : end;
	return line;
}

static void check_text(const char *s)
{
	const char *end = s + strlen(s);

	while (s < end) {
		uint32_t c = 0;
		size_t length = utf8_decode(s, (size_t)(end - s), &c);

		INVARIANT(length > 0 && !utf8_is_control(c));
		s += length;
	}
}

/* JSON text is UTF-8 and escapes C0 only (RFC 8259 §7, §8.1). */
static void check_json_text(const char *s)
{
	const char *end = s + strlen(s);

	INVARIANT(s < end);
	while (s < end) {
		uint32_t c = 0;
		size_t length = utf8_decode(s, (size_t)(end - s), &c);

		INVARIANT(length > 0 && c >= ' ');
		s += length;
	}
}

static void fuzz_query(const char *query)
{
	char small[9], large[256], tenant[TENANT_ID_SIZE];
	bool force = false;
	int64_t limit = 50;
	struct err e = { .rc = RC_OK };
	enum rc rc = query_get(query, "q", large, sizeof large, &e);

	if (rc == RC_OK) {
		check_text(large);
		if (query_get(query, "q", small, sizeof small, NULL) == RC_OK)
			INVARIANT(strcmp(small, large) == 0);
		else
			INVARIANT(strlen(large) >= sizeof small);
	}
	INVARIANT(rc != RC_INVALID || strcmp(e.code, "invalid_query") == 0);
	INVARIANT(query_bool(query, "force", &force, &e) == RC_OK || !force);
	INVARIANT(query_int(query, "limit", 1, 100, &limit, &e) == RC_OK || limit == 50);
	INVARIANT(limit >= 1 && limit <= 100);
	if (tenant_from_query(query, tenant, &e) == RC_OK)
		INVARIANT(tenant_id_valid(tenant));
	else
		INVARIANT(strcmp(e.code, "invalid_tenant_id") == 0);
}

static void fuzz_headers(const char *name, const char *value)
{
	char key[] = "HTTP_X_API_KEY=key", type[] = "CONTENT_TYPE=type";
	char *const env[] = { key, type, NULL };
	struct http_request rq = { .env = env };
	struct http_response rs;
	const char *found = http_header(&rq, name);

	INVARIANT(found == NULL || strcmp(found, "key") == 0 || strcmp(found, "type") == 0);
	http_response_init(&rs);
	http_response_header(&rs, "X-Fuzz", "%s", value);
	for (const char *c = rs.headers[0].value; *c != '\0'; c++)
		INVARIANT((unsigned char)*c >= ' ' && *c != 0x7F);
	http_problem(&rs, 400, "fuzz", "t", value);
	check_json_text(buf_str(&rs.body));
	http_response_free(&rs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *rest = (const char *)data;
	const char *end = rest + size;
	char *query = next_line(&rest, end);
	char *preferences = next_line(&rest, end);
	char *name = next_line(&rest, end);
	char *value = next_line(&rest, end);

	fuzz_query(query);
	INVARIANT(prefer_parse(preferences).wait_s >= -1);
	INVARIANT(!uuid_valid(name) || strlen(name) == 36);
	fuzz_headers(name, value);
	free(query);
	free(preferences);
	free(name);
	free(value);
	return 0;
}
