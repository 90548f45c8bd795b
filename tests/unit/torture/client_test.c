/*
 * A call to the provider with each allocation, libcurl's own included, and each call of libcurl
 * failing in turn: it ends, as what it is or as one that could not be made, and the client goes on.
 */
#include "openai/client.h"

#include <stdlib.h>
#include <string.h>

#include "unit/openai/server.h"
#include "unit/torture/each.h"

enum { CALL_MS = 1000 };

static struct server server;

struct work {
	char url[100];
	const char *want; /* status and body of the answer */
	struct openai_settings settings;
	struct openai_client *client;
};

static enum rc make_client(struct work *w)
{
	w->client = NULL;
	w->settings = (struct openai_settings){ .base_url = w->url,
		.api_key = "sk-test-0123456789",
		.connect_timeout_ms = 1000,
		.timeout_ms = CALL_MS,
		.max_reply_bytes = 4096,
		.max_in_flight = 2 };
	return openai_client_new(&w->settings, &w->client, NULL);
}

static void open_client(void *arg)
{
	if (make_client(arg) != RC_OK)
		abort();
}

static void close_client(void *arg)
{
	struct work *w = arg;

	openai_client_free(w->client);
}

/* The end of the one call under way; false: it did not end, and was cancelled. */
static bool await(struct openai_client *c, struct openai_done *ret)
{
	int64_t deadline = clock_ms() + CALL_MS;

	while (clock_ms() < deadline) {
		if (openai_client_poll(c, -1, 100, NULL, NULL) != RC_OK)
			break; /* the worker waits a little here, and calls again */
		if (openai_client_next(c, ret))
			return true;
	}
	openai_client_cancel_all(c);
	return false;
}

static enum verdict judge(const struct work *w, const struct openai_raw *raw)
{
	char got[200];

	(void)snprintf(got, sizeof got, "%d %s", raw->http_status, buf_str(&raw->body));
	if (raw->transport == OPENAI_ARRIVED)
		return strcmp(got, w->want) == 0 ? RIGHT : WRONG;
	return raw->transport != OPENAI_TIMED_OUT && raw->failure[0] != '\0' ? REFUSED : WRONG;
}

static enum verdict call(struct work *w)
{
	struct openai_done done = { .user = NULL };
	enum verdict v;
	struct buf body;
	enum rc rc;

	buf_init(&body, 1000);
	buf_adds(&body, "{\"messages\":[]}");
	if (buf_broken(&body))
		return REFUSED;
	rc = openai_client_submit(w->client, &body, w, NULL);
	buf_free(&body);
	if (rc != RC_OK)
		return rc == RC_UNAVAILABLE && openai_client_in_flight(w->client) == 0 ? REFUSED
										       : WRONG;
	if (!await(w->client, &done))
		return openai_client_in_flight(w->client) == 0 ? REFUSED : WRONG;
	v = done.user == w ? judge(w, &done.raw) : WRONG;
	openai_raw_clear(&done.raw);
	return v;
}

static enum verdict run_call(void *arg)
{
	return call(arg);
}

/* After one that failed the same client makes the next. */
static enum verdict run_call_again(void *arg)
{
	struct work *w = arg;
	enum verdict v = call(w);

	for (int class = 0; class < FAIL_CLASSES; class ++)
		fail_nth()->points[class].at = 0;
	return call(w) == RIGHT ? v : WRONG;
}

static enum verdict run_new(void *arg)
{
	struct work *w = arg;
	enum rc rc = make_client(w);

	if (rc == RC_OK)
		openai_client_free(w->client);
	return rc == RC_OK ? RIGHT : rc == RC_UNAVAILABLE || rc == RC_INTERNAL ? REFUSED : WRONG;
}

static void check(
    const struct each_case *of, const char *act, const char *want, uint32_t least, const char *name)
{
	struct work w = { .want = want };

	(void)snprintf(w.url, sizeof w.url, "http://127.0.0.1:%u/%s/", server.port, act);
	CHECK_ROW(each(FAIL_MEMORY, of, &w, name) >= least, __LINE__, name);
	CHECK_ROW(each(FAIL_LIBCURL, of, &w, name) >= least / 2, __LINE__, name);
}

static void test_client(void)
{
	static const struct each_case new_client = { .run = run_new };
	static const struct each_case one_call = {
		.open = open_client, .run = run_call, .close = close_client
	};
	static const struct each_case two_calls = {
		.open = open_client, .run = run_call_again, .close = close_client
	};

	CU_ASSERT_FATAL(server_start(&server));
	check(&new_client, "ok", "", 10, "a client");
	check(&one_call, "ok", "200 {\"choices\":1}", 30, "a call");
	check(&two_calls, "ok", "200 {\"choices\":1}", 30, "a call, and another");
	check(&one_call, "limited", "429 {}", 30, "a call that is refused");
	server_stop(&server);
}

const struct unit_test unit_tests[] = {
	{ "calls", test_client },
	{ NULL, NULL },
};
