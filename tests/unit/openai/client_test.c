#include "openai/client.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "unit/openai/server.h"
#include "unit/unit.h"

#define MAX_REPLY 4096
#define KEY       "sk-test-0123456789"

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A client for that act of the server on port. */
static struct openai_client *client_for(unsigned port, const char *act)
{
	static char url[100]; /* borrowed by the one client alive */
	struct openai_settings settings = { .base_url = url,
		.api_key = KEY,
		.connect_timeout_ms = 2000,
		.timeout_ms = strcmp(act, "slow") == 0 ? 200 : 10000,
		.max_reply_bytes = MAX_REPLY,
		.max_in_flight = 3 };
	struct openai_client *c = NULL;

	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/%s/", port, act);
	CU_ASSERT_FATAL(openai_client_new(&settings, &c, NULL) == RC_OK);
	return c;
}

static void submit(struct openai_client *c, const char *text, void *user)
{
	struct buf body;

	buf_init(&body, 1000);
	buf_adds(&body, text);
	CU_ASSERT_FATAL(openai_client_submit(c, &body, user, NULL) == RC_OK);
	CU_ASSERT_PTR_NULL(body.p);
}

/* Wait for the next call to end. */
static struct openai_done await(struct openai_client *c)
{
	struct openai_done done = { 0 };
	int64_t deadline = now_ms() + 10000;

	while (!openai_client_next(c, &done)) {
		CU_ASSERT_FATAL(now_ms() < deadline);
		CU_ASSERT_FATAL(openai_client_poll(c, -1, 1000, NULL, NULL) == RC_OK);
	}
	return done;
}

static void ways_to_end(void)
{
	static const struct {
		unsigned line;
		const char *act;
		enum openai_transport transport;
		int status;
		const char *body, *request_id, *retry_after;
	} rows[] = {
		{ __LINE__, "ok", OPENAI_ARRIVED, 200, "{\"choices\":1}", "req_ok", "" },
		{ __LINE__, "continue", OPENAI_ARRIVED, 200, "{}", "late", "" },
		{ __LINE__, "limited", OPENAI_ARRIVED, 429, "{}", "", "7" },
		{ __LINE__, "redirect", OPENAI_ARRIVED, 302, "", "", "" },
		{ __LINE__, "slow", OPENAI_TIMED_OUT, 0, "", "", "" },
		{ __LINE__, "cut", OPENAI_CONNECTION_CUT, 200, "{\"choi", "", "" },
		/* libcurl takes the end of the connection for that of the headers */
		{ __LINE__, "cut_headers", OPENAI_ARRIVED, 429, "", "", "" },
		{ __LINE__, "empty", OPENAI_CONNECTION_CUT, 0, "", "", "" },
		{ __LINE__, "garbage", OPENAI_CONNECTION_CUT, 0, "", "", "" },
	};
	struct server s;

	CU_ASSERT_FATAL(server_start(&s));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct openai_client *c = client_for(s.port, rows[i].act);
		int user;
		struct openai_done done;

		submit(c, "{\"model\":\"m\"}", &user);
		CHECK_ROW(openai_client_in_flight(c) == 1, rows[i].line, "in flight");
		done = await(c);
		CHECK_ROW(openai_client_in_flight(c) == 0, rows[i].line, "in flight");
		CHECK_ROW(done.user == &user, rows[i].line, "user");
		CHECK_ROW(done.raw.transport == rows[i].transport, rows[i].line, done.raw.failure);
		CHECK_ROW(done.raw.http_status == rows[i].status, rows[i].line, rows[i].act);
		CHECK_STR_ROW(buf_str(&done.raw.body), rows[i].body, rows[i].line);
		CHECK_STR_ROW(done.raw.headers.request_id, rows[i].request_id, rows[i].line);
		CHECK_STR_ROW(done.raw.headers.retry_after, rows[i].retry_after, rows[i].line);
		CHECK_ROW((done.raw.failure[0] == '\0') == (done.raw.transport == OPENAI_ARRIVED),
		    rows[i].line, done.raw.failure);
		CHECK_ROW(strstr(done.raw.failure, "sk-") == NULL, rows[i].line, "a secret");
		openai_raw_clear(&done.raw);
		openai_client_free(c);
	}
	server_stop(&s);
}

static void request_is_what_the_api_takes(void)
{
	static const char *const lines[] = {
		"POST /ok/chat/completions HTTP/1.1\r\n",
		"\r\nAuthorization: Bearer " KEY "\r\n",
		"\r\nContent-Type: application/json\r\n",
		"\r\nUser-Agent: mizan\r\n",
		"\r\nContent-Length: 13\r\n",
		"\r\n\r\n{\"model\":\"m\"}",
	};
	struct openai_client *c;
	struct openai_done done;
	struct server s;

	CU_ASSERT_FATAL(server_start(&s));
	c = client_for(s.port, "ok");
	/* one after the other on one connection */
	for (int i = 0; i < 3; i++) {
		submit(c, "{\"model\":\"m\"}", NULL);
		done = await(c);
		CU_ASSERT_EQUAL(done.raw.http_status, 200);
		openai_raw_clear(&done.raw);
	}
	CU_ASSERT_EQUAL(s.connections, 1);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		CHECK_ROW(strstr(s.request, lines[i]) != NULL, __LINE__, lines[i]);
	CU_ASSERT_PTR_NULL(strstr(s.request, "Expect:"));
	openai_client_free(c);
	server_stop(&s);
}

/* As large as documents are: no round trip for 100-continue, and all of it arrives. */
static void large_request(void)
{
	size_t len = (size_t)3 << 20;
	struct openai_client *c;
	struct openai_done done;
	struct server s;
	struct buf body;
	char *room;

	CU_ASSERT_FATAL(server_start(&s));
	c = client_for(s.port, "ok");
	buf_init(&body, len);
	room = buf_reserve(&body, len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(room);
	memset(room, 'y', len);
	body.len = len;
	CU_ASSERT_FATAL(openai_client_submit(c, &body, NULL, NULL) == RC_OK);
	done = await(c);
	CU_ASSERT_EQUAL(done.raw.http_status, 200);
	CU_ASSERT_PTR_NULL(strstr(s.request, "Expect:"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(s.request, "\r\n\r\n"));
	CU_ASSERT_EQUAL(strspn(strstr(s.request, "\r\n\r\n") + 4, "y"), len);
	openai_raw_clear(&done.raw);
	openai_client_free(c);
	server_stop(&s);
}

static void large_answer_is_cut(void)
{
	struct openai_client *c;
	struct openai_done done;
	struct server s;

	CU_ASSERT_FATAL(server_start(&s));
	c = client_for(s.port, "big");
	submit(c, "{}", NULL);
	done = await(c);
	CU_ASSERT_EQUAL(done.raw.transport, OPENAI_TOO_LARGE);
	CU_ASSERT_EQUAL(done.raw.http_status, 200);
	CU_ASSERT_EQUAL(done.raw.body.len, MAX_REPLY);
	CHECK_STR(done.raw.failure, "the body is over the maximum");
	openai_raw_clear(&done.raw);
	openai_client_free(c);
	server_stop(&s);
}

static void refused_connection(void)
{
	unsigned port = 0;
	int fd = server_listen(&port);
	struct openai_client *c;
	struct openai_done done;

	CU_ASSERT_FATAL(fd >= 0);
	(void)close(fd);
	c = client_for(port, "ok");
	submit(c, "{}", NULL);
	done = await(c);
	CU_ASSERT_EQUAL(done.raw.transport, OPENAI_NOT_CONNECTED);
	CU_ASSERT_EQUAL(done.raw.http_status, 0);
	CU_ASSERT_EQUAL(done.raw.body.len, 0);
	openai_raw_clear(&done.raw);
	openai_client_free(c);
}

static void several_at_a_time(void)
{
	int seen[3] = { 0 };
	struct buf body;
	struct err e = { .code = "" };
	struct openai_client *c;
	struct server s;

	CU_ASSERT_FATAL(server_start(&s));
	c = client_for(s.port, "close");
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++)
			submit(c, "{}", &seen[i]);
		buf_init(&body, 100);
		buf_adds(&body, "{}");
		CU_ASSERT_EQUAL(openai_client_submit(c, &body, NULL, &e), RC_LIMITED);
		CHECK_STR(e.code, "too_many_calls");
		CHECK_STR(buf_str(&body), "{}");
		buf_free(&body);
		for (int i = 0; i < 3; i++) {
			struct openai_done done = await(c);

			CU_ASSERT_EQUAL(done.raw.transport, OPENAI_ARRIVED);
			++*(int *)done.user;
			openai_raw_clear(&done.raw);
		}
	}
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(seen[i], 2);
	openai_client_free(c);
	server_stop(&s);
}

static void cancelled_calls_are_silent(void)
{
	struct openai_client *c;
	struct openai_done done;
	struct server s;

	CU_ASSERT_FATAL(server_start(&s));
	c = client_for(s.port, "close");
	submit(c, "{}", NULL);
	CU_ASSERT_EQUAL(openai_client_poll(c, -1, 0, NULL, NULL), RC_OK);
	openai_client_cancel_all(c);
	CU_ASSERT_EQUAL(openai_client_in_flight(c), 0);
	CU_ASSERT_EQUAL(openai_client_poll(c, -1, 20, NULL, NULL), RC_OK);
	CU_ASSERT_FALSE(openai_client_next(c, &done));
	/* ended, but not taken */
	submit(c, "{}", NULL);
	for (int i = 0; i < 50 && openai_client_in_flight(c) > 0; i++)
		CU_ASSERT_EQUAL(openai_client_poll(c, -1, 10, NULL, NULL), RC_OK);
	openai_client_cancel_all(c);
	CU_ASSERT_FALSE(openai_client_next(c, &done));
	/* the client is as good as new, and freed with a call in flight */
	submit(c, "{}", NULL);
	done = await(c);
	CU_ASSERT_EQUAL(done.raw.http_status, 200);
	openai_raw_clear(&done.raw);
	submit(c, "{}", NULL);
	openai_client_free(c);
	server_stop(&s);
	openai_client_free(NULL);
}

/* Of several the one that is meant, under way or ended and not yet taken. */
static void one_call_is_cancelled(void)
{
	struct openai_client *c;
	struct openai_done done;
	struct server s;
	int users[3];

	CU_ASSERT_FATAL(server_start(&s));
	c = client_for(s.port, "close");
	for (int i = 0; i < 3; i++)
		submit(c, "{}", &users[i]);
	openai_client_cancel(c, &users[1]);
	CU_ASSERT_EQUAL(openai_client_in_flight(c), 2);
	done = await(c);
	openai_raw_clear(&done.raw);
	openai_client_cancel(c, &users[1]); /* again: there is none */
	openai_client_cancel(c, done.user == &users[0] ? &users[2] : &users[0]);
	CU_ASSERT_EQUAL(openai_client_in_flight(c), 0);
	CU_ASSERT_FALSE(openai_client_next(c, &done));
	submit(c, "{}", &users[1]);
	done = await(c);
	CU_ASSERT_PTR_EQUAL(done.user, &users[1]);
	openai_raw_clear(&done.raw);
	openai_client_free(c);
	server_stop(&s);
}

/* Nobody waits while there is something to take. */
static void ended_calls_do_not_wait(void)
{
	struct openai_client *c;
	struct openai_done done;
	struct server s;
	int64_t start = now_ms();

	CU_ASSERT_FATAL(server_start(&s));
	c = client_for(s.port, "close");
	submit(c, "{}", NULL);
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(openai_client_poll(c, -1, 1000, NULL, NULL), RC_OK);
	CU_ASSERT_TRUE(now_ms() - start < 5000);
	CU_ASSERT_TRUE(openai_client_next(c, &done));
	openai_raw_clear(&done.raw);
	openai_client_free(c);
	server_stop(&s);
}

static void extra_fd_wakes(void)
{
	struct openai_client *c = client_for(1, "ok");
	bool ready = true;
	int64_t start = now_ms();
	int ends[2];

	CU_ASSERT_FATAL(pipe(ends) == 0);
	CU_ASSERT_EQUAL(openai_client_poll(c, ends[0], 50, &ready, NULL), RC_OK);
	CU_ASSERT_FALSE(ready);
	CU_ASSERT_TRUE(now_ms() - start >= 40);
	CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
	start = now_ms();
	CU_ASSERT_EQUAL(openai_client_poll(c, ends[0], 5000, &ready, NULL), RC_OK);
	CU_ASSERT_TRUE(ready);
	CU_ASSERT_TRUE(now_ms() - start < 2000);
	(void)close(ends[0]);
	(void)close(ends[1]);
	openai_client_free(c);
}

static void on_alarm(int number)
{
	(void)number;
}

/* A signal ends the wait early, and is no failure, even with nothing to poll. */
static void signal_wakes(void)
{
	struct openai_client *c = client_for(1, "ok");
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct itimerval soon = { .it_value = { .tv_usec = 50000 } };
	int64_t start = now_ms();

	CU_ASSERT_FATAL(sigaction(SIGALRM, &act, &old) == 0);
	CU_ASSERT_FATAL(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	CU_ASSERT_EQUAL(openai_client_poll(c, -1, 5000, NULL, NULL), RC_OK);
	CU_ASSERT_TRUE(now_ms() - start < 2000);
	(void)sigaction(SIGALRM, &old, NULL);
	openai_client_free(c);
}

static void settings_are_checked(void)
{
	static const struct {
		unsigned line;
		struct openai_settings s;
		enum rc rc;
	} rows[] = {
		{ __LINE__,
		    { .base_url = "https://h/v1", .max_reply_bytes = 1, .max_in_flight = 1 },
		    RC_OK },
		{ __LINE__, { .base_url = "file:///etc", .max_reply_bytes = 1, .max_in_flight = 1 },
		    RC_INVALID },
		{ __LINE__, { .base_url = "", .max_reply_bytes = 1, .max_in_flight = 1 },
		    RC_INVALID },
		{ __LINE__, { .base_url = "http://h", .max_in_flight = 1 }, RC_INVALID },
		{ __LINE__, { .base_url = "http://h", .max_reply_bytes = 1 }, RC_INVALID },
		{ __LINE__,
		    { .base_url = "http://h",
			.api_key = "sk-secret\r\nX: y",
			.max_reply_bytes = 1,
			.max_in_flight = 1 },
		    RC_INVALID },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct openai_client *c = NULL;
		struct err e = { .msg = "" };

		CHECK_ROW(openai_client_new(&rows[i].s, &c, &e) == rows[i].rc, rows[i].line, e.msg);
		CHECK_ROW((c != NULL) == (rows[i].rc == RC_OK), rows[i].line, "output");
		CHECK_ROW(strstr(e.msg, "secret") == NULL, rows[i].line, e.msg);
		openai_client_free(c);
	}
}

static void settings_come_from_config(void)
{
	static char url[] = "http://h/v1", key[] = "k", model[] = "m";
	struct config cfg = { .openai_base_url = url,
		.openai_api_key = key,
		.openai_model = model,
		.openai_connect_timeout_ms = 1,
		.openai_timeout_ms = 2,
		.openai_max_reply_bytes = 3,
		.worker_concurrency = 4 };
	struct openai_settings s = openai_settings_from(&cfg);

	CU_ASSERT_PTR_EQUAL(s.base_url, url);
	CU_ASSERT_PTR_EQUAL(s.api_key, key);
	CU_ASSERT_PTR_EQUAL(s.model, model);
	CU_ASSERT_EQUAL(s.connect_timeout_ms, 1);
	CU_ASSERT_EQUAL(s.timeout_ms, 2);
	CU_ASSERT_EQUAL(s.max_reply_bytes, 3);
	CU_ASSERT_EQUAL(s.max_in_flight, 4);
}

const struct unit_test unit_tests[] = {
	{ "ways to end", ways_to_end },
	{ "the request is what the API takes", request_is_what_the_api_takes },
	{ "a large request", large_request },
	{ "a large answer is cut", large_answer_is_cut },
	{ "refused connection", refused_connection },
	{ "several at a time", several_at_a_time },
	{ "cancelled calls are silent", cancelled_calls_are_silent },
	{ "one call is cancelled", one_call_is_cancelled },
	{ "ended calls do not wait", ended_calls_do_not_wait },
	{ "extra fd wakes", extra_fd_wakes },
	{ "signal wakes", signal_wakes },
	{ "settings are checked", settings_are_checked },
	{ "settings come from config", settings_come_from_config },
	{ NULL, NULL },
};
