#include "ops/web.h"

#include "core/clock.h"
#include "unit/openai/server.h"
#include "unit/unit.h"

#define SECRET "T0SECRET"

enum { MAX_ANSWER = 4096, IMPATIENT_MS = 300, PATIENT_MS = 5000 };

static struct server server;
static struct web *web;

/* The act of the server on its path, as server.h reads it; the query is what must not be told. */
static enum rc ask(const char *method, const char *act, struct web_answer *ret, struct err *e)
{
	char url[200];
	struct web_request rq = { .method = method,
		.url = url,
		.body = strcmp(method, "POST") == 0 ? "{\"text\":\"a\"}" : NULL,
		.timeout_ms = strcmp(act, "slow") == 0 ? IMPATIENT_MS : PATIENT_MS,
		.max_bytes = MAX_ANSWER };

	(void)snprintf(
	    url, sizeof url, "http://127.0.0.1:%u/%s/chat/completions ?" SECRET, server.port, act);
	*strchr(url, ' ') = '\0';
	return web_call(web, &rq, ret, e);
}

static void start(void)
{
	CU_ASSERT_FATAL(server_start(&server));
	CU_ASSERT_FATAL(web_new(&web, NULL) == RC_OK);
}

static void stop(void)
{
	web_free(web);
	server_stop(&server);
}

static void ways_to_end(void)
{
	static const struct {
		unsigned line;
		const char *act, *code; /* code NULL: an answer */
		int status;
		int64_t retry_after_ms;
		const char *body;
	} rows[] = {
		{ __LINE__, "ok", NULL, 200, 0, "{\"choices\":1}" },
		{ __LINE__, "close", NULL, 200, 0, "{}" },
		{ __LINE__, "limited", NULL, 429, 7000, "{}" },
		{ __LINE__, "patience", NULL, 503, WEB_MAX_RETRY_AFTER_MS, "" },
		{ __LINE__, "redirect", NULL, 302, 0, "" },
		{ __LINE__, "slow", "web_timed_out", 0, 0, "" },
		{ __LINE__, "cut", "web_cut", 0, 0, "" },
		{ __LINE__, "empty", "web_cut", 0, 0, "" },
		{ __LINE__, "garbage", "web_cut", 0, 0, "" },
		{ __LINE__, "big", "web_too_large", 0, 0, "" },
	};

	start();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct web_answer answer = { .status = -1 };
		struct err e = { 0 };
		enum rc rc = ask("POST", rows[i].act, &answer, &e);

		CHECK_ROW(rc == (rows[i].code != NULL ? RC_UNAVAILABLE : RC_OK), rows[i].line,
		    rows[i].act);
		if (rows[i].code != NULL) {
			CHECK_STR_ROW(e.code, rows[i].code, rows[i].line);
			CHECK_ROW(answer.status == -1, rows[i].line, "the answer is untouched");
		} else {
			CHECK_ROW(answer.status == rows[i].status, rows[i].line, "status");
			CHECK_ROW(answer.retry_after_ms == rows[i].retry_after_ms, rows[i].line,
			    "Retry-After");
			CHECK_STR_ROW(answer.body, rows[i].body, rows[i].line);
			CHECK_ROW(
			    answer.len == strlen(rows[i].body), rows[i].line, "the body's size");
		}
	}
	stop();
}

static void a_post_is_what_webhooks_take(void)
{
	static const char *const lines[] = {
		"POST /ok/chat/completions HTTP/1.1\r\n",
		"\r\nContent-Type: application/json\r\n",
		"\r\nUser-Agent: mizan\r\n",
		"\r\nContent-Length: 12\r\n",
		"\r\n\r\n{\"text\":\"a\"}",
	};
	struct web_answer answer;

	start();
	CU_ASSERT(ask("POST", "ok", &answer, NULL) == RC_OK);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		CHECK_ROW(strstr(server.request, lines[i]) != NULL, __LINE__, lines[i]);
	CU_ASSERT_PTR_NULL(strstr(server.request, "Expect:"));
	CU_ASSERT(ask("GET", "ok", &answer, NULL) == RC_OK);
	CU_ASSERT(strncmp(server.request, "GET /ok/", 8) == 0);
	CU_ASSERT_PTR_NULL(strstr(server.request, "Content-Type:"));
	CU_ASSERT_EQUAL(server.connections, 2); /* none is kept */
	stop();
}

static void what_is_never_asked(void)
{
	static const struct {
		unsigned line;
		const char *url, *ca_file, *code;
		enum rc rc;
	} rows[] = {
		{ __LINE__, "file:///etc/passwd?" SECRET, NULL, "web_request", RC_INVALID },
		{ __LINE__, "ftp://127.0.0.1/" SECRET, NULL, "web_request", RC_INVALID },
		{ __LINE__, "http://[" SECRET, NULL, "web_request", RC_INVALID },
		{ __LINE__, "", NULL, "web_request", RC_INVALID },
		{ __LINE__, "http://" SECRET ".invalid/", NULL, "web_not_connected",
		    RC_UNAVAILABLE },
		{ __LINE__, "http://127.0.0.1:1/" SECRET, NULL, "web_not_connected",
		    RC_UNAVAILABLE },
	};
	struct web_answer answer;

	start();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct web_request rq = { .method = "GET",
			.url = rows[i].url,
			.ca_file = rows[i].ca_file,
			.timeout_ms = PATIENT_MS,
			.max_bytes = MAX_ANSWER };
		struct err e = { 0 };

		CHECK_ROW(web_call(web, &rq, &answer, &e) == rows[i].rc, rows[i].line, e.msg);
		CHECK_STR_ROW(e.code, rows[i].code, rows[i].line);
		CHECK_ROW(strstr(e.msg, SECRET) == NULL, rows[i].line, e.msg);
	}
	stop();
}

static bool at_once(void)
{
	return true;
}

static void a_call_is_given_up(void)
{
	struct web_answer answer;
	struct err e = { 0 };
	char url[100];
	struct web_request rq = { .method = "GET",
		.url = url,
		.timeout_ms = 60000,
		.max_bytes = MAX_ANSWER,
		.give_up = at_once };
	int64_t began = clock_ms();

	start();
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/slow/chat/completions", server.port);
	CU_ASSERT(web_call(web, &rq, &answer, &e) == RC_UNAVAILABLE);
	CHECK_STR(e.code, "web_given_up");
	CU_ASSERT(clock_ms() - began < PATIENT_MS);
	stop();
}

const struct unit_test unit_tests[] = {
	{ "ways to end", ways_to_end },
	{ "a POST is what webhooks take", a_post_is_what_webhooks_take },
	{ "what is never asked", what_is_never_asked },
	{ "a call is given up", a_call_is_given_up },
	{ NULL, NULL },
};
