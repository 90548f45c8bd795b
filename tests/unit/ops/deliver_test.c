#include "ops/deliver.h"

#include <stdlib.h>

#include "unit/openai/server.h"
#include "unit/unit.h"

#define SECRET "T0SECRET0123456789"

static struct server server;
static struct web *web;
static char url[200], key[] = SECRET, tenant[] = "pilot";

static struct config config_for(const char *act)
{
	(void)snprintf(
	    url, sizeof url, "http://127.0.0.1:%u/%s/chat/completions?" SECRET, server.port, act);
	return (struct config){ .slack_alerts_webhook = url,
		.pagerduty_url = url,
		.pagerduty_routing_key = key,
		.pilot_tenant_id = tenant };
}

static const char snapshot[] =
    "{\"alert_id\":\"a\",\"rule\":\"s1_spike\",\"event\":\"firing\",\"inputs\":{}}";

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

static void what_becomes_of_it(void)
{
	static const struct {
		unsigned line;
		const char *channel, *act;
		enum delivery_end end;
		const char *why;
		int64_t at_least_ms;
	} rows[] = {
		{ __LINE__, "slack_alerts", "slack", DELIVERY_DONE, "", 0 },
		{ __LINE__, "slack_alerts", "ok", DELIVERY_FAILED,
		    "HTTP 200, but not as Slack answers: {\"choices\":1}", 1000 },
		{ __LINE__, "slack_alerts", "accepted", DELIVERY_FAILED,
		    "HTTP 202, but not as Slack answers: {}", 1000 },
		{ __LINE__, "slack_alerts", "limited", DELIVERY_LIMITED, "HTTP 429: {}", 7000 },
		{ __LINE__, "slack_alerts", "patience", DELIVERY_FAILED, "HTTP 503", 900000 },
		{ __LINE__, "slack_alerts", "gone", DELIVERY_FAILED, "HTTP 404: no_service", 1000 },
		{ __LINE__, "slack_alerts", "bad_event", DELIVERY_FAILED, "HTTP 400: invalid event",
		    1000 },
		{ __LINE__, "slack_alerts", "redirect", DELIVERY_FAILED, "HTTP 302", 1000 },
		{ __LINE__, "slack_alerts", "garbage", DELIVERY_FAILED, NULL, 1000 },
		{ __LINE__, "slack_alerts", "cut", DELIVERY_FAILED, NULL, 1000 },
		{ __LINE__, "slack_alerts", "empty", DELIVERY_FAILED, NULL, 1000 },
		{ __LINE__, "slack_alerts", "echo", DELIVERY_FAILED, "HTTP 403", 1000 },
		{ __LINE__, "pagerduty", "accepted", DELIVERY_DONE, "", 0 },
		{ __LINE__, "pagerduty", "slack", DELIVERY_FAILED,
		    "HTTP 200, but not as PagerDuty answers: ok", 1000 },
		{ __LINE__, "pagerduty", "bad_event", DELIVERY_REFUSED, "HTTP 400: invalid event",
		    0 },
		{ __LINE__, "pagerduty", "limited", DELIVERY_LIMITED, "HTTP 429: {}", 7000 },
		{ __LINE__, "pagerduty", "echo", DELIVERY_FAILED, "HTTP 403", 1000 },
	};

	start();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct config cfg = config_for(rows[i].act);
		struct delivery_outcome o = deliver(web, &cfg, rows[i].channel, snapshot, 1, NULL);

		CHECK_ROW(o.end == rows[i].end, rows[i].line, rows[i].act);
		if (rows[i].why != NULL)
			CHECK_STR_ROW(o.why, rows[i].why, rows[i].line);
		else
			CHECK_ROW(o.why[0] != '\0', rows[i].line, "why");
		CHECK_ROW(o.wait_ms >= rows[i].at_least_ms, rows[i].line, "wait");
		CHECK_ROW(strstr(o.why, "T0SECRET") == NULL, rows[i].line, o.why);
	}
	stop();
}

static void what_is_no_message_is_refused(void)
{
	struct config cfg;
	struct delivery_outcome o;

	start();
	cfg = config_for("slack");
	o = deliver(web, &cfg, "slack_alerts", "{}", 1, NULL);
	CU_ASSERT_EQUAL(o.end, DELIVERY_REFUSED);
	CU_ASSERT_EQUAL(server.connections, 0);
	stop();
}

static void backoff(void)
{
	static const struct {
		unsigned line;
		int64_t attempt, retry_after_ms, least, most;
	} rows[] = {
		{ __LINE__, 1, 0, 1000, 2000 },
		{ __LINE__, 2, 0, 2000, 4000 },
		{ __LINE__, 8, 0, 128000, 256000 },
		{ __LINE__, 9, 0, 150000, 300000 },
		{ __LINE__, INT64_MAX, 0, 150000, 300000 },
		{ __LINE__, 1, 30000, 30000, 30000 },
		{ __LINE__, 20, 1000, 150000, 300000 },
		{ __LINE__, 1, 3600000, 900000, 900000 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int n = 0; n < 100; n++) {
			int64_t ms = deliver_backoff_ms(rows[i].attempt, rows[i].retry_after_ms);

			CHECK_ROW(ms >= rows[i].least && ms <= rows[i].most, rows[i].line, "wait");
		}
}

const struct unit_test unit_tests[] = {
	{ "what becomes of it", what_becomes_of_it },
	{ "what is no message is refused", what_is_no_message_is_refused },
	{ "backoff", backoff },
	{ NULL, NULL },
};
