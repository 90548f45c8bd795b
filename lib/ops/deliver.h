/*
 * Taking an alert to a chat or a pager: one POST, and what becomes of it (SPEC §10, appendix).
 * The addresses and keys of channels are secrets: none of them stands in an outcome.
 */
#ifndef MIZAN_OPS_DELIVER_H
#define MIZAN_OPS_DELIVER_H

#include <stdint.h>

#include "core/config.h"
#include "ops/alert_message.h"
#include "ops/web.h"

#define DELIVER_TIMEOUT_MS 10000

enum delivery_end {
	DELIVERY_DONE,    /* the other side has it */
	DELIVERY_FAILED,  /* to be tried again */
	DELIVERY_LIMITED, /* likewise, and nothing else on this channel before wait_ms is over */
	DELIVERY_REFUSED, /* never to be tried again: the message is at fault */
};

struct delivery_outcome {
	enum delivery_end end;
	int64_t wait_ms; /* until the next try: grows with the attempts, random in part */
	char why[240];   /* in words; "" when it is done; no secret */
};

/*
 * Send one message to the channel (its name), which must have an address (ops/watch.h,
 * watch_channels()), as the attempt of that number (from 1).  Takes at most DELIVER_TIMEOUT_MS;
 * give_up as web_request has it.
 */
struct delivery_outcome deliver(struct web *web, const struct config *cfg, const char *channel,
    const char *snapshot, int64_t attempt, bool (*give_up)(void));

/* Milliseconds to wait after that attempt failed, told to wait retry_after_ms (0: not told). */
int64_t deliver_backoff_ms(int64_t attempt, int64_t retry_after_ms);

#endif
