/*
 * Takes alerts to where people see them.  A thread of its own with a connection of its own, so that
 * a chat that does not answer holds up neither the rules nor the counting.  It may be killed at any
 * point: what it had leased is leased again.
 */
#include <poll.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "ops/deliver.h"
#include "ops/watch.h"
#include "stop_signal.h"
#include "store/alert.h"
#include "watch.h"

enum {
	LOOK_MS = 500, /* between two looks when nothing is due */
	RETRY_MS = 2000,
	GIVE_UP_MS = 5 * 1000,
	/* Stopping waits for one statement, and for a call that is given up within a second. */
	LONGEST_STATEMENT_MS = 3000,
	LEASE_S = 30, /* a call, and two statements after it */
};

struct deliverer {
	const struct config *cfg;
	struct pg *pg;
	struct web *web;
	char channels[WATCH_CHANNELS_TEXT]; /* that have an address */
	pthread_t thread;
	bool started;
	struct err trouble; /* what keeps it from delivering; rc RC_OK: nothing */
	int64_t give_up_at; /* clock_ms(): when it looks next for what is too old */
};

/* Said when it begins and when it is over, not each time. */
static int64_t in_trouble(struct deliverer *d, const struct err *e)
{
	if (d->trouble.rc == RC_OK)
		log_warn("deliver.trouble", "not delivering: %s", e->msg);
	d->trouble = *e;
	return RETRY_MS;
}

static void out_of_trouble(struct deliverer *d)
{
	if (d->trouble.rc != RC_OK)
		log_info("deliver.again", "delivering again after: %s", d->trouble.msg);
	d->trouble = (struct err){ .rc = RC_OK };
}

static void log_delivery(
    enum log_level level, const char *event, const struct alert_delivery *a, const char *what)
{
	const struct log_field fields[] = {
		LOG_TEXT("alert_id", a->alert_id),
		LOG_TEXT("rule", a->rule),
		LOG_TEXT("channel", a->channel),
		LOG_TEXT("alert_event", a->event),
		LOG_NUM("attempts", a->attempts),
		{ 0 },
	};

	log_event(level, event, fields, "%s", what);
}

static void log_given_up(const struct alert_delivery *a)
{
	log_delivery(LOG_ERROR_LEVEL, "alert.given_up", a, "not delivered within a day");
}

static enum rc write_down(struct deliverer *d, const struct alert_delivery *a,
    const struct delivery_outcome *o, struct err *e)
{
	switch (o->end) {
	case DELIVERY_DONE:
		return alert_delivery_done(d->pg, a, e);
	case DELIVERY_REFUSED:
		return alert_delivery_refused(d->pg, a, o->why, e);
	case DELIVERY_FAILED:
	case DELIVERY_LIMITED:
		break;
	}
	return alert_delivery_failed(d->pg, a, o->why, o->wait_ms, o->end == DELIVERY_LIMITED, e);
}

static int64_t take(struct deliverer *d, const struct alert_delivery *a)
{
	struct delivery_outcome o =
	    deliver(d->web, d->cfg, a->channel, a->snapshot, a->attempts, stop_signal_came);
	struct err e = { 0 };

	if (o.end == DELIVERY_DONE)
		log_delivery(LOG_INFO_LEVEL, "alert.delivered", a, "delivered");
	else if (o.end == DELIVERY_REFUSED)
		log_delivery(LOG_ERROR_LEVEL, "alert.given_up", a, o.why);
	else
		log_delivery(LOG_WARN_LEVEL, "alert.undelivered", a, o.why);
	/* Once more on a new connection: what is not written down is said again. */
	if (write_down(d, a, &o, &e) != RC_OK && write_down(d, a, &o, &e) != RC_OK)
		return in_trouble(d, &e);
	return 0;
}

/* Milliseconds until there may be more to do. */
static int64_t step(struct deliverer *d)
{
	struct alert_delivery a;
	struct err e = { 0 };
	int64_t wait;
	enum rc rc;

	if (clock_ms() >= d->give_up_at) {
		if (alert_deliveries_give_up(d->pg, log_given_up, &e) != RC_OK)
			return in_trouble(d, &e);
		d->give_up_at = clock_ms() + GIVE_UP_MS;
	}
	rc = alert_delivery_claim(d->pg, d->channels, LEASE_S, &a, &e);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return in_trouble(d, &e);
	out_of_trouble(d);
	if (rc == RC_NOT_FOUND)
		return LOOK_MS;
	wait = take(d, &a);
	alert_delivery_free(&a);
	return wait;
}

static void *run(void *arg)
{
	struct deliverer *d = arg;

	while (!stop_signal_came()) {
		int64_t wait = step(d);

		if (wait > 0 && !stop_signal_came())
			(void)poll(NULL, 0, (int)wait);
	}
	return NULL;
}

static void say_where_to(const struct deliverer *d)
{
	if (watch_channels(d->cfg) == 0)
		log_warn(
		    "start.alerts", "no channel has an address: alerts are seen on the page alone");
	else
		log_info("start.alerts", "alerts go to %s", d->channels);
}

enum rc watch_deliver_start(const struct config *cfg, struct deliverer **ret, struct err *e)
{
	struct deliverer *d = calloc(1, sizeof *d);
	enum rc rc = RC_OK;

	if (d == NULL)
		return err_no_memory(e);
	d->cfg = cfg;
	watch_channels_text(cfg, d->channels);
	d->pg = pg_new(cfg->database_url, "watchdog deliveries",
	    cfg->db_timeout_ms < LONGEST_STATEMENT_MS ? cfg->db_timeout_ms : LONGEST_STATEMENT_MS);
	if (d->pg == NULL)
		rc = err_no_memory(e);
	if (rc == RC_OK)
		rc = web_new(&d->web, e);
	if (rc == RC_OK && pthread_create(&d->thread, NULL, run, d) != 0)
		rc = err_set(e, RC_UNAVAILABLE, "no_thread", "no thread for deliveries");
	d->started = rc == RC_OK;
	if (rc == RC_OK) {
		say_where_to(d);
		*ret = d;
	} else {
		watch_deliver_stop(d);
	}
	return rc;
}

void watch_deliver_stop(struct deliverer *d)
{
	if (d == NULL)
		return;
	if (d->started)
		(void)pthread_join(d->thread, NULL);
	web_free(d->web);
	pg_free(d->pg);
	free(d);
}
