#include "store/alert.h"

#include <string.h>

#include "unit/database.h"

#define ALL "{slack_alerts,slack_product,pagerduty}"

enum { LEASE_S = 30 };

static void reset(void)
{
	db_change("delete from alerts", NULL, NULL);
}

/* The id of a new alert of that rule. */
static struct db_text alert(const char *rule)
{
	return db_value(
	    "insert into alerts (rule, state, owner, decision, carried_out, inputs, build_id,"
	    " pending_at, resolved_at, resolved_reason) values ($1, 'resolved', 'on_call', 'STOP',"
	    " 'advised', '{}', 'b', clock_timestamp(), clock_timestamp(), 'clear') returning id",
	    rule, NULL);
}

/* The id of a new message about it. */
static struct db_text message(const struct db_text *id, const char *channel)
{
	return db_value("insert into alert_deliveries (alert_id, channel, event, snapshot)"
			" values ($1::uuid, $2, 'firing', '{\"a\": 1}') returning id",
	    id->text, channel);
}

/* Claim one from a watchdog's connection; its id, "" for none. */
static struct db_text claim(struct pg *pg, const char *channels, struct alert_delivery *d)
{
	struct db_text id = { "" };
	enum rc rc = alert_delivery_claim(pg, channels, LEASE_S, d, NULL);

	CU_ASSERT(rc == RC_OK || rc == RC_NOT_FOUND);
	if (rc == RC_OK)
		(void)snprintf(id.text, sizeof id.text, "%s", d->id);
	return id;
}

static struct db_text state(const struct db_text *id)
{
	return db_value(
	    "select concat_ws('|', case when delivered_at is not null then 'delivered' when"
	    " given_up_at is not null then 'given up' else 'pending' end, attempts, last_error,"
	    " case when lease_until > clock_timestamp() then 'leased' end)"
	    " from alert_deliveries where id = $1::bigint",
	    id->text, NULL);
}

static void one_after_the_other(void)
{
	struct pg *pg = db_as(DB_WATCHDOG);
	struct alert_delivery d = { .rows = NULL }, none = { .rows = NULL };
	struct db_text a, first, second;

	reset();
	a = alert("s1_spike");
	first = message(&a, "slack_alerts");
	second = message(&a, "slack_alerts");
	CHECK_STR(claim(pg, "{pagerduty}", &none).text, "");
	CHECK_STR(claim(pg, "{}", &none).text, "");
	CHECK_STR(claim(pg, ALL, &d).text, first.text);
	CHECK_STR(d.alert_id, a.text);
	CHECK_STR(d.rule, "s1_spike");
	CHECK_STR(d.channel, "slack_alerts");
	CHECK_STR(d.event, "firing");
	CHECK_STR(d.snapshot, "{\"a\": 1}");
	CU_ASSERT_EQUAL(d.attempts, 1);
	CHECK_STR(state(&first).text, "pending|1|leased");
	CHECK_STR(claim(pg, ALL, &none).text, ""); /* the second waits for the first */
	CU_ASSERT(alert_delivery_failed(pg, &d, "HTTP 500", 60000, false, NULL) == RC_OK);
	CHECK_STR(state(&first).text, "pending|1|HTTP 500");
	CHECK_STR(claim(pg, ALL, &none).text, ""); /* which is not due yet */
	db_change("update alert_deliveries set due_at = clock_timestamp()", NULL, NULL);
	alert_delivery_free(&d);
	CHECK_STR(claim(pg, ALL, &d).text, first.text);
	CU_ASSERT_EQUAL(d.attempts, 2);
	CU_ASSERT(alert_delivery_done(pg, &d, NULL) == RC_OK);
	CHECK_STR(state(&first).text, "delivered|2|HTTP 500");
	alert_delivery_free(&d);
	CHECK_STR(claim(pg, ALL, &d).text, second.text);
	CU_ASSERT(alert_delivery_refused(pg, &d, "HTTP 400", NULL) == RC_OK);
	CHECK_STR(state(&second).text, "given up|1|HTTP 400");
	CHECK_STR(claim(pg, ALL, &none).text, "");
	alert_delivery_free(&d);
	reset();
}

/* Whoever was late, or died: the message is another's by now, and delivered is delivered. */
static void a_lease_that_ended(void)
{
	struct pg *pg = db_as(DB_WATCHDOG);
	struct alert_delivery late = { .rows = NULL }, now = { .rows = NULL };
	struct db_text a, m;

	reset();
	a = alert("ready_503");
	m = message(&a, "pagerduty");
	CHECK_STR(claim(pg, ALL, &late).text, m.text);
	db_change("update alert_deliveries set lease_until = clock_timestamp()", NULL, NULL);
	CHECK_STR(claim(pg, ALL, &now).text, m.text);
	CU_ASSERT(alert_delivery_failed(pg, &late, "late", 60000, true, NULL) == RC_OK);
	CHECK_STR(state(&m).text, "pending|2|leased");
	CU_ASSERT(alert_delivery_done(pg, &now, NULL) == RC_OK);
	CU_ASSERT(alert_delivery_refused(pg, &late, "late", NULL) == RC_OK);
	CHECK_STR(state(&m).text, "delivered|2");
	alert_delivery_free(&late);
	alert_delivery_free(&now);
	reset();
}

/* A pager before a chat, and what was never tried before what failed. */
static void what_comes_first(void)
{
	struct pg *pg = db_as(DB_WATCHDOG);
	struct alert_delivery d = { .rows = NULL };
	struct db_text a, b, failed, chat, pager;

	reset();
	a = alert("ready_503");
	b = alert("error_5xx");
	failed = message(&b, "pagerduty");
	chat = message(&a, "slack_alerts");
	pager = message(&a, "pagerduty");
	db_change(
	    "update alert_deliveries set attempts = 1 where id = $1::bigint", failed.text, NULL);
	CHECK_STR(claim(pg, ALL, &d).text, pager.text);
	alert_delivery_free(&d);
	CHECK_STR(claim(pg, ALL, &d).text, chat.text);
	alert_delivery_free(&d);
	CHECK_STR(claim(pg, ALL, &d).text, failed.text);
	alert_delivery_free(&d);
	reset();
}

static void a_channel_that_is_limited(void)
{
	struct pg *pg = db_as(DB_WATCHDOG);
	struct alert_delivery d = { .rows = NULL }, none = { .rows = NULL };
	struct db_text a, b, c, limited, chat, pager;

	reset();
	a = alert("ready_503");
	b = alert("error_5xx");
	c = alert("queue_stuck");
	limited = message(&a, "slack_alerts");
	chat = message(&b, "slack_alerts");
	pager = message(&c, "pagerduty");
	CHECK_STR(claim(pg, "{slack_alerts}", &d).text, limited.text);
	CU_ASSERT(alert_delivery_failed(pg, &d, "HTTP 429", 60000, true, NULL) == RC_OK);
	alert_delivery_free(&d);
	(void)message(&c, "slack_alerts"); /* written since */
	CHECK_STR(claim(pg, "{slack_alerts}", &none).text, "");
	CHECK_STR(state(&chat).text, "pending|0");
	CHECK_STR(claim(pg, ALL, &d).text, pager.text);
	alert_delivery_free(&d);
	db_change("update alert_deliveries set due_at = clock_timestamp() where id = $1::bigint",
	    limited.text, NULL);
	CHECK_STR(claim(pg, "{slack_alerts}", &d).text, chat.text);
	alert_delivery_free(&d);
	reset();
}

static size_t given_up;

static void count(const struct alert_delivery *d)
{
	given_up += strcmp(d->rule, "s1_spike") == 0 && strcmp(d->channel, "slack_product") == 0;
}

static void given_up_after_a_day(void)
{
	struct pg *pg = db_as(DB_WATCHDOG);
	struct db_text a, old, young;

	reset();
	a = alert("s1_spike");
	old = message(&a, "slack_product");
	young = message(&a, "slack_product");
	db_change("update alert_deliveries set created_at = clock_timestamp() - interval '24:00:01'"
		  " where id = $1::bigint",
	    old.text, NULL);
	db_change("update alert_deliveries set created_at = clock_timestamp() - interval '23:59'"
		  " where id = $1::bigint",
	    young.text, NULL);
	given_up = 0;
	CU_ASSERT(alert_deliveries_give_up(pg, count, NULL) == RC_OK);
	CU_ASSERT_EQUAL(given_up, 1);
	CHECK_STR(state(&old).text, "given up|0");
	CHECK_STR(state(&young).text, "pending|0");
	CU_ASSERT(alert_deliveries_give_up(pg, count, NULL) == RC_OK);
	CU_ASSERT_EQUAL(given_up, 1);
	reset();
}

/* Two watchdogs never have the same message, and leave none. */
static void two_at_once(void)
{
	struct pg *pgs[] = { db_open(DB_WATCHDOG), db_open(DB_WATCHDOG) };
	struct alert_delivery d[2] = { { .rows = NULL }, { .rows = NULL } };
	struct db_text a, b, got[2];

	reset();
	a = alert("ready_503");
	b = alert("error_5xx");
	(void)message(&a, "pagerduty");
	(void)message(&b, "pagerduty");
	for (int i = 0; i < 2; i++)
		got[i] = claim(pgs[i], ALL, &d[i]);
	CU_ASSERT(got[0].text[0] != '\0' && got[1].text[0] != '\0');
	CU_ASSERT(strcmp(got[0].text, got[1].text) != 0);
	for (int i = 0; i < 2; i++) {
		alert_delivery_free(&d[i]);
		pg_free(pgs[i]);
	}
	reset();
}

const struct unit_test unit_tests[] = {
	{ "one after the other", one_after_the_other },
	{ "a lease that ended", a_lease_that_ended },
	{ "what comes first", what_comes_first },
	{ "a channel that is limited", a_channel_that_is_limited },
	{ "given up after a day", given_up_after_a_day },
	{ "two at once", two_at_once },
	{ NULL, NULL },
};
