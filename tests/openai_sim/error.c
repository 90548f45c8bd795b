#include "openai_sim/error.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>

#include <json-c/json.h>

enum { REQUEST_LIMIT = 10000, TOKEN_LIMIT = 2000000, MAX_ERROR = 16384 };

static const struct {
	unsigned status;
	struct error_text text;
} errors[FAULT__MAX] = {
	[FAULT_RATE_LIMIT] = { 429,
	    { "Rate limit reached for requests per min (RPM): Limit 10000, Used 10000, "
	      "Requested 1. Please try again later.",
		"requests", NULL, "rate_limit_exceeded" } },
	[FAULT_SLOW_DOWN] = { 429,
	    { "Too many requests at once. Please slow down.", "requests", NULL, "slow_down" } },
	[FAULT_INSUFFICIENT_QUOTA] = { 429,
	    { "You exceeded your current quota, please check your plan and billing details.",
		"insufficient_quota", NULL, "insufficient_quota" } },
	[FAULT_UNAUTHORIZED] = { 401,
	    { "Incorrect API key provided.", "invalid_request_error", NULL, "invalid_api_key" } },
	[FAULT_FORBIDDEN] = { 403,
	    { "Country, region, or territory not supported", "request_forbidden", NULL,
		"unsupported_country_region_territory" } },
	[FAULT_SERVER_ERROR] = { 500,
	    { "The server had an error while processing your request. Sorry about that!",
		"server_error", NULL, NULL } },
	[FAULT_BAD_REQUEST] = { 400,
	    { "The request could not be processed.", "invalid_request_error", NULL, NULL } },
};

/* An id that no other answer has, of this run or another. */
static void request_id(char out[40])
{
	static atomic_uint_fast64_t run, count;
	uint_fast64_t mine = atomic_load(&run), random = 0, none = 0;

	if (mine == 0 && getrandom(&random, sizeof random, 0) == (ssize_t)sizeof random)
		mine = atomic_compare_exchange_strong(&run, &none, random) ? random : none;
	(void)snprintf(out, 40, "req_%016" PRIx64 "%016" PRIx64, (uint64_t)mine,
	    (uint64_t)atomic_fetch_add(&count, 1));
}

static void add_number(struct MHD_Response *r, const char *name, int64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRId64, n);
	(void)MHD_add_response_header(r, name, text);
}

void error_add_headers(const struct call *c, struct MHD_Response *r, bool used_up)
{
	char id[40];

	if (r == NULL)
		return;
	request_id(id);
	(void)MHD_add_response_header(r, "x-request-id", id);
	(void)MHD_add_response_header(r, "openai-version", "2020-10-01");
	add_number(r, "openai-processing-ms", (http_now_us() - c->begun_us) / 1000);
	add_number(r, "x-ratelimit-limit-requests", REQUEST_LIMIT);
	add_number(r, "x-ratelimit-limit-tokens", TOKEN_LIMIT);
	add_number(r, "x-ratelimit-remaining-requests", used_up ? 0 : REQUEST_LIMIT - 1);
	add_number(r, "x-ratelimit-remaining-tokens", used_up ? 0 : TOKEN_LIMIT - 1000);
	(void)MHD_add_response_header(r, "x-ratelimit-reset-requests", used_up ? "1m0s" : "6ms");
	(void)MHD_add_response_header(r, "x-ratelimit-reset-tokens", used_up ? "6m0s" : "30ms");
}

static struct json_object *text_or_null(const char *s)
{
	return s != NULL ? json_object_new_string(s) : NULL;
}

static struct MHD_Response *error_response(const struct error_text *e)
{
	struct json_object *root = json_object_new_object(), *inner = json_object_new_object();
	struct buf text;

	json_object_object_add(inner, "message", text_or_null(e->message));
	json_object_object_add(inner, "type", text_or_null(e->type));
	json_object_object_add(inner, "param", text_or_null(e->param));
	json_object_object_add(inner, "code", text_or_null(e->code));
	json_object_object_add(root, "error", inner);
	buf_init(&text, MAX_ERROR);
	buf_adds(&text, json_object_to_json_string_ext(root, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	return http_text(&text, "application/json");
}

enum MHD_Result error_send(const struct call *c, unsigned status, const struct error_text *e)
{
	struct MHD_Response *r = error_response(e);

	error_add_headers(c, r, false);
	return http_send(c, status, r);
}

bool error_is_fault(enum fault_kind kind)
{
	return errors[kind].status != 0;
}

enum MHD_Result error_send_fault(const struct call *c, const struct fault *f)
{
	struct error_text e = errors[f->kind].text;
	struct MHD_Response *r;

	if (f->code[0] != '\0')
		e.code = f->code;
	r = error_response(&e);
	error_add_headers(c, r, f->kind == FAULT_RATE_LIMIT || f->kind == FAULT_SLOW_DOWN);
	if (r != NULL && f->retry_after[0] != '\0')
		(void)MHD_add_response_header(r, "Retry-After", f->retry_after);
	if (r != NULL && f->retry_after_ms >= 0)
		add_number(r, "retry-after-ms", f->retry_after_ms);
	return http_send(c, f->status != 0 ? f->status : errors[f->kind].status, r);
}
