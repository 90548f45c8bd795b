#include "http/response.h"

#include <string.h>

#include <json-c/json.h>

#include "unit/unit.h"

static void test_headers(void)
{
	struct http_response rs;
	char huge[2 * HTTP_MAX_HEADER_VALUE];

	http_response_init(&rs);
	CU_ASSERT(rs.status == 200 && rs.n_headers == 0);
	CHECK_STR(rs.content_type, "application/json");
	http_response_header(&rs, "Location", "/jobs/%d", 7);
	CHECK_STR(rs.headers[0].name, "Location");
	CHECK_STR(rs.headers[0].value, "/jobs/7");
	http_response_header(&rs, "X-A", "a\r\nSet-Cookie: x=1\t\x7F");
	CHECK_STR(rs.headers[1].value, "a??Set-Cookie: x=1??");
	memset(huge, 'h', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	http_response_header(&rs, "X-B", "%s", huge);
	CU_ASSERT(strlen(rs.headers[2].value) == HTTP_MAX_HEADER_VALUE - 1);
	for (size_t i = 3; i < HTTP_MAX_HEADERS + 3; i++)
		http_response_header(&rs, "X-C", "%zu", i);
	CU_ASSERT(rs.n_headers == HTTP_MAX_HEADERS);
	CHECK_STR(rs.headers[HTTP_MAX_HEADERS - 1].value, "7");
	http_response_free(&rs);
}

static void test_json(void)
{
	struct http_response rs;
	struct json_writer w;

	http_response_init(&rs);
	http_response_header(&rs, "Location", "/jobs/1");
	w = http_json(&rs, 202);
	json_write_object(&w, NULL);
	json_write_text(&w, "path", "/jobs/\"1\"\n");
	json_write_object_end(&w);
	CU_ASSERT(rs.status == 202 && rs.n_headers == 1);
	CHECK_STR(buf_str(&rs.body), "{\"path\":\"/jobs/\\\"1\\\"\\n\"}");
	http_problem(&rs, 500, "internal_error", NULL, "why");
	CHECK_STR(rs.content_type, "application/problem+json");
	w = http_json(&rs, 200);
	json_write_list(&w, NULL);
	json_write_list_end(&w);
	CU_ASSERT(rs.status == 200);
	CHECK_STR(rs.content_type, "application/json");
	CHECK_STR(buf_str(&rs.body), "[]");
	http_response_free(&rs);
}

static void test_problem(void)
{
	struct http_response rs;
	char huge[2 * HTTP_MAX_HEADER_VALUE];

	http_response_init(&rs);
	buf_adds(&rs.body, "half an ans");
	http_response_header(&rs, "Retry-After", "7");
	http_problem(&rs, 429, "pilot_rate_limited", "t-1", "a \"quoted\" detail/\n\xC5\x9F");
	CU_ASSERT(rs.status == 429 && rs.n_headers == 1);
	CHECK_STR(rs.content_type, "application/problem+json");
	CHECK_STR(buf_str(&rs.body), "{\"status\":429,\"title\":\"Too Many Requests\","
				     "\"detail\":\"a \\\"quoted\\\" detail/\\n\xC5\x9F\","
				     "\"code\":\"pilot_rate_limited\",\"trace_id\":\"t-1\"}");
	http_problem(&rs, 400, "x", NULL, "cut amid a character: \xC5");
	CHECK_STR(buf_str(&rs.body), "{\"status\":400,\"title\":\"Bad Request\","
				     "\"detail\":\"cut amid a character: \xEF\xBF\xBD\","
				     "\"code\":\"x\"}");
	http_problem(&rs, 400, "x", NULL, "");
	CU_ASSERT(strstr(buf_str(&rs.body), "\"detail\":\"\"") != NULL);
	memset(huge, '\x01', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	http_problem(&rs, 400, "x", "t", huge);
	CHECK_STR(buf_str(&rs.body),
	    "{\"status\":400,\"title\":\"Bad Request\","
	    "\"detail\":\"Bad Request\",\"code\":\"x\",\"trace_id\":\"t\"}");
	http_response_free(&rs);
}

static void test_status(void)
{
	static const struct {
		unsigned line;
		enum rc rc;
		const char *code;
		int want;
	} cases[] = {
		{ __LINE__, RC_NOT_FOUND, "job_not_found", 404 },
		{ __LINE__, RC_INVALID, "no_file", 400 },
		{ __LINE__, RC_INVALID, "empty_file", 400 },
		{ __LINE__, RC_INVALID, "invalid_tenant_id", 400 },
		{ __LINE__, RC_INVALID, "incident_not_resolved", 400 },
		{ __LINE__, RC_CONFLICT, "job_not_stuck", 409 },
		{ __LINE__, RC_LIMITED, "pilot_rate_limited", 429 },
		{ __LINE__, RC_UNAVAILABLE, "database_unavailable", 503 },
		{ __LINE__, RC_UNAVAILABLE, "out_of_memory", 503 },
		{ __LINE__, RC_INTERNAL, "database_error", 500 },
		{ __LINE__, RC_OK, "", 500 },
		{ __LINE__, RC_INVALID, "file_too_large", 413 },
		{ __LINE__, RC_INVALID, "unsupported_file_type", 415 },
		{ __LINE__, RC_INVALID, "invalid_content_type", 415 },
		{ __LINE__, RC_CONFLICT, "idempotency_key_reused", 422 },
		{ __LINE__, RC_INVALID, "missing_api_key", 401 },
		{ __LINE__, RC_INVALID, "invalid_api_key", 401 },
		{ __LINE__, RC_INVALID, "wrong_tenant", 403 },
		{ __LINE__, RC_INVALID, "pilot_disabled", 403 },
		{ __LINE__, RC_INVALID, "method_not_allowed", 405 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err e = { .rc = RC_OK };

		(void)err_set(&e, cases[i].rc, cases[i].code, "why");
		CHECK_ROW(http_status(&e) == cases[i].want, cases[i].line, cases[i].code);
		CHECK_ROW(
		    strcmp(http_reason(cases[i].want), "Unknown") != 0, cases[i].line, "reason");
	}
	CHECK_STR(http_reason(413), "Content Too Large");
	CHECK_STR(http_reason(799), "Unknown");
}

static void test_problem_err(void)
{
	static const struct {
		unsigned line;
		enum rc rc;
		const char *code, *shown;
		bool tells;
	} cases[] = {
		{ __LINE__, RC_NOT_FOUND, "job_not_found", "job_not_found", true },
		{ __LINE__, RC_INVALID, "no_file", "no_file", true },
		{ __LINE__, RC_CONFLICT, "taken", "taken", true },
		{ __LINE__, RC_LIMITED, "pilot_rate_limited", "pilot_rate_limited", true },
		{ __LINE__, RC_UNAVAILABLE, "database_unavailable", "database_unavailable", false },
		{ __LINE__, RC_INTERNAL, "sql_error", "internal_error", false },
		{ __LINE__, RC_OK, "", "internal_error", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_response rs;
		struct err e = { .rc = RC_OK };
		struct json_object *doc, *code;

		http_response_init(&rs);
		(void)err_set(&e, cases[i].rc, cases[i].code, "host=10.0.0.9 user=app");
		http_problem_err(&rs, &e, "t");
		doc = json_tokener_parse(buf_str(&rs.body));
		CHECK_ROW(json_object_object_get_ex(doc, "code", &code), cases[i].line, "code");
		CHECK_STR_ROW(json_object_get_string(code), cases[i].shown, cases[i].line);
		CHECK_ROW((strstr(buf_str(&rs.body), "10.0.0.9") != NULL) == cases[i].tells,
		    cases[i].line, "detail");
		CHECK_ROW((rs.n_headers == 1) == (cases[i].rc == RC_UNAVAILABLE), cases[i].line,
		    "Retry-After");
		json_object_put(doc);
		http_response_free(&rs);
	}
}

static void test_retry_after_once(void)
{
	struct http_response rs;
	struct err e = { .rc = RC_OK };

	http_response_init(&rs);
	http_response_header(&rs, "retry-after", "30");
	(void)err_set(&e, RC_UNAVAILABLE, "queue_down", "x");
	http_problem_err(&rs, &e, "t");
	CU_ASSERT(rs.n_headers == 1);
	CHECK_STR(rs.headers[0].value, "30");
	http_response_free(&rs);
}

const struct unit_test unit_tests[] = {
	{ "headers stay headers", test_headers },
	{ "JSON answers", test_json },
	{ "problem documents", test_problem },
	{ "status of a failure", test_status },
	{ "failures as problems", test_problem_err },
	{ "Retry-After is not doubled", test_retry_after_once },
	{ NULL, NULL },
};
