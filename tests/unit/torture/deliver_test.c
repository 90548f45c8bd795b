/*
 * A message to a chat and to a pager with each allocation, libcurl's own included, and each call of
 * libcurl failing in turn: it is delivered, or it is to be tried again; it is never given up, and
 * never half of it sent.
 */
#include "ops/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "unit/openai/server.h"
#include "unit/torture/each.h"

static struct server server;

struct work {
	const char *channel;
	struct config cfg;
	struct web *web;
};

static const char snapshot[] =
    "{\"alert_id\":\"0b0e7a3e-6d53-4c57-9b53-6f0a5f6f8a10\",\"rule\":\"ready_503\","
    "\"event\":\"firing\",\"decision\":\"ROLLBACK\",\"build_id\":\"git:abc1234\",\"inputs\":"
    "{\"value\":310,\"threshold\":300,\"failing_checks\":[\"database\"]}}";

static void open_web(void *arg)
{
	struct work *w = arg;

	if (web_new(&w->web, NULL) != RC_OK)
		abort();
	server.request[0] = '\0';
}

static void close_web(void *arg)
{
	struct work *w = arg;

	web_free(w->web);
}

static enum verdict run_new(void *arg)
{
	struct web *web;
	enum rc rc = web_new(&web, NULL);

	(void)arg;
	if (rc == RC_OK)
		web_free(web);
	return rc == RC_OK ? RIGHT : rc == RC_UNAVAILABLE ? REFUSED : WRONG;
}

static enum verdict run_deliver(void *arg)
{
	struct work *w = arg;
	struct delivery_outcome o = deliver(w->web, &w->cfg, w->channel, snapshot, 1, NULL);

	if (o.end == DELIVERY_DONE)
		return o.why[0] == '\0' ? RIGHT : WRONG;
	return o.end == DELIVERY_FAILED && o.why[0] != '\0' && o.wait_ms > 0 ? REFUSED : WRONG;
}

/* Whatever came over there was a whole document with all of the message. */
static bool whole(void *arg, enum verdict v)
{
	const char *body = strstr(server.request, "\r\n\r\n");

	(void)arg;
	if (body == NULL || body[4] == '\0')
		return v != RIGHT;
	return strstr(body, "failing: database") != NULL && body[strlen(body) - 1] == '}' &&
	       strstr(body, "git:abc1234") != NULL;
}

static void check(const char *channel, char *url, char *key, char *tenant)
{
	static const struct each_case one = {
		.open = open_web, .run = run_deliver, .close = close_web, .verify = whole
	};
	struct work w = { .channel = channel,
		.cfg = { .slack_alerts_webhook = url,
		    .pagerduty_url = url,
		    .pagerduty_routing_key = key,
		    .pilot_tenant_id = tenant } };

	CHECK_ROW(each(FAIL_MEMORY, &one, &w, channel) >= 30, __LINE__, channel);
	CHECK_ROW(each(FAIL_LIBCURL, &one, &w, channel) >= 10, __LINE__, channel);
}

static void test_deliver(void)
{
	static const struct each_case new_web = { .run = run_new };
	char url[100], key[] = "0123456789abcdef", tenant[] = "pilot";

	CU_ASSERT_FATAL(server_start(&server));
	CHECK_ROW(each(FAIL_MEMORY, &new_web, NULL, "a web") >= 2, __LINE__, "a web");
	CHECK_ROW(each(FAIL_LIBCURL, &new_web, NULL, "a web") >= 2, __LINE__, "a web");
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/slack/chat/completions", server.port);
	check("slack_alerts", url, key, tenant);
	(void)snprintf(
	    url, sizeof url, "http://127.0.0.1:%u/accepted/chat/completions", server.port);
	check("pagerduty", url, key, tenant);
	server_stop(&server);
}

const struct unit_test unit_tests[] = {
	{ "a message", test_deliver },
	{ NULL, NULL },
};
