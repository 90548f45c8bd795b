#include "ops/deliver.h"

#include <stdio.h>
#include <string.h>

#include "core/random.h"
#include "ops/rules.h"

enum {
	FIRST_WAIT_MS = 2000,
	LONGEST_WAIT_MS = 300 * 1000,
	LONGEST_RETRY_AFTER_MS = 900 * 1000,
	MAX_MESSAGE = 64 << 10,
	MAX_ANSWER = 16 << 10,
	MAX_QUOTED = 80,  /* characters of an answer */
	SECRET_PIECE = 8, /* as many characters of a secret on end are one */
};

/* NULL: it has none. */
static const char *address_of(const struct config *cfg, unsigned channel)
{
	switch (channel) {
	case CHANNEL_SLACK_ALERTS:
		return cfg->slack_alerts_webhook;
	case CHANNEL_SLACK_PRODUCT:
		return cfg->slack_product_webhook;
	case CHANNEL_PAGERDUTY:
		return cfg->pagerduty_routing_key != NULL ? cfg->pagerduty_url : NULL;
	default:
		return NULL;
	}
}

/* 0: there is none of that name. */
static unsigned channel_of(const char *name)
{
	for (size_t i = 0; channel_name(i) != NULL; i++)
		if (strcmp(channel_name(i), name) == 0)
			return 1U << i;
	return 0;
}

/* Half of it is certain, half is random, so that what failed together does not come together. */
int64_t deliver_backoff_ms(int64_t attempt, int64_t retry_after_ms)
{
	int64_t wait = FIRST_WAIT_MS;

	for (int64_t i = 1; i < attempt && wait < LONGEST_WAIT_MS; i++)
		wait *= 2;
	if (wait > LONGEST_WAIT_MS)
		wait = LONGEST_WAIT_MS;
	wait = wait / 2 + (int64_t)random_below((uint64_t)(wait / 2 + 1));
	if (retry_after_ms > LONGEST_RETRY_AFTER_MS)
		retry_after_ms = LONGEST_RETRY_AFTER_MS;
	return wait > retry_after_ms ? wait : retry_after_ms;
}

static bool holds_piece(const char *text, const char *secret)
{
	char piece[SECRET_PIECE + 1];

	for (; strlen(secret) >= SECRET_PIECE; secret++) {
		memcpy(piece, secret, SECRET_PIECE);
		piece[SECRET_PIECE] = '\0';
		if (strstr(text, piece) != NULL)
			return true;
	}
	return false;
}

/* What the other side says of its refusal, if it is short, plain, and has nothing of a secret. */
static void quote(struct buf *out, const struct web_answer *answer, const char *secret)
{
	for (size_t i = 0; i < answer->len; i++)
		if (answer->body[i] < ' ' || answer->body[i] > '~')
			return;
	if (answer->len > 0 && answer->len <= MAX_QUOTED && !holds_piece(answer->body, secret))
		buf_addf(out, ": %s", answer->body);
}

static struct delivery_outcome judge(
    const struct web_answer *answer, bool pager, const char *secret, int64_t attempt)
{
	const bool done = pager ? answer->status == 202
				: answer->status == 200 && strcmp(answer->body, "ok") == 0;
	struct delivery_outcome o = { .end = DELIVERY_FAILED };
	struct buf why;

	if (done)
		return (struct delivery_outcome){ .end = DELIVERY_DONE };
	if (answer->status == 429)
		o.end = DELIVERY_LIMITED;
	else if (answer->status == 400 && pager)
		o.end = DELIVERY_REFUSED;
	o.wait_ms = deliver_backoff_ms(attempt, answer->retry_after_ms);
	buf_init_fixed(&why, o.why, sizeof o.why);
	if (answer->status >= 200 && answer->status < 300)
		buf_addf(&why, "HTTP %d, but not as %s answers", answer->status,
		    pager ? "PagerDuty" : "Slack");
	else
		buf_addf(&why, "HTTP %d", answer->status);
	quote(&why, answer, secret);
	return o;
}

static struct delivery_outcome not_sent(enum delivery_end end, int64_t attempt, const struct err *e)
{
	struct delivery_outcome o = { .end = end, .wait_ms = deliver_backoff_ms(attempt, 0) };

	(void)snprintf(o.why, sizeof o.why, "%s", e->msg);
	return o;
}

struct delivery_outcome deliver(struct web *web, const struct config *cfg, const char *channel,
    const char *snapshot, int64_t attempt, bool (*give_up)(void))
{
	const struct alert_message m = {
		.snapshot = snapshot,
		.public_url = cfg->public_url,
		.runbook_url = cfg->runbook_url,
		.pilot_tenant = cfg->pilot_tenant_id,
	};
	const unsigned bit = channel_of(channel);
	const bool pager = bit == CHANNEL_PAGERDUTY;
	const char *secret = pager ? cfg->pagerduty_routing_key : address_of(cfg, bit);
	struct web_request rq = { .method = "POST",
		.url = address_of(cfg, bit),
		.timeout_ms = DELIVER_TIMEOUT_MS,
		.max_bytes = MAX_ANSWER,
		.give_up = give_up };
	struct web_answer answer = { .status = 0 };
	struct delivery_outcome o;
	struct err e = { 0 };
	struct buf body;
	enum rc rc;

	buf_init(&body, MAX_MESSAGE);
	rc = pager ? alert_message_pagerduty(&m, secret, &body, &e)
		   : alert_message_slack(&m, &body, &e);
	rq.body = buf_str(&body);
	if (rc == RC_INVALID) {
		o = not_sent(DELIVERY_REFUSED, attempt, &e);
	} else {
		if (rc == RC_OK)
			rc = web_call(web, &rq, &answer, &e);
		o = rc == RC_OK ? judge(&answer, pager, secret, attempt)
				: not_sent(DELIVERY_FAILED, attempt, &e);
	}
	if (body.p != NULL)
		explicit_bzero(body.p, body.len);
	buf_free(&body);
	return o;
}
