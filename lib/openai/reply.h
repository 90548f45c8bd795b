/*
 * Judge what came back from the provider: which of SPEC §5's outcomes it is, and, where it
 * is an answer, the invoice in it.  Everything in it is a stranger's data.
 *
 * outcome          reason                      when
 * OK               ok                          200 whose content has exactly the form
 * RATE_LIMITED     rate_limited                429, unless it is about quota
 * QUOTA_EXHAUSTED  quota_exhausted             402; 429 insufficient_quota,
 * credit_balance_exhausted,
 *                                              *_spend_limit_exceeded, billing_*
 * UNAUTHORIZED     unauthorized                401, 403
 * UNAVAILABLE      provider_timeout            our time-out; 408
 *                  provider_connection         nothing could be sent
 *                  provider_connection_cut     the connection broke before the end
 *                  provider_http_409           409
 *                  provider_http_5xx           500 to 599
 *                  provider_http_unexpected    any other status, redirects included: a gateway or
 *                                              a wrong OPENAI_BASE_URL speaks, not the API
 *                  provider_not_api            200, but not a JSON object with choices: HTML of a
 *                                              proxy, nothing.  No document can bring that about,
 *                                              so none pays for it
 *                  client_failed               ours: out of memory
 * LENGTH           length                      finish_reason length: the token budget ran out
 * DOCUMENT_FAILED  provider_rejected_document  400, 404, 413, 415, 422
 *                  refusal                     the model refused
 *                  content_filter              finish_reason content_filter
 *                  invalid_reply               broken JSON, or content that breaks the form
 *                  reply_too_large             200 with a body over the maximum
 */
#ifndef MIZAN_OPENAI_REPLY_H
#define MIZAN_OPENAI_REPLY_H

#include <stdint.h>

#include "core/err.h"
#include "invoice/invoice.h"
#include "openai/raw.h"

enum openai_outcome {
	OPENAI_OK,
	OPENAI_RATE_LIMITED,    /* no attempt used; wait retry_after_ms, or back off */
	OPENAI_QUOTA_EXHAUSTED, /* stop calling, probe now and then */
	OPENAI_UNAUTHORIZED,    /* likewise */
	OPENAI_UNAVAILABLE,     /* try again with backoff */
	OPENAI_LENGTH,          /* try once more with twice the budget, then the document fails */
	OPENAI_DOCUMENT_FAILED, /* the document's attempt is used up */
};

struct openai_reply {
	enum openai_outcome outcome;
	const char *reason; /* as above; static, stable */
	char detail[200];   /* for people: no secret, nothing of the document, not the provider's
			       own sentences; "" when OK */
	int64_t retry_after_ms; /* -1: none asked for; else see openai_headers_retry_after_ms() */
	int64_t prompt_tokens, completion_tokens; /* -1: not told */
	char model[64];         /* as the answer names it; printable ASCII; "" when not told */
	char request_id[128];   /* x-request-id; "" when not told */
	struct invoice invoice; /* filled when OK, else zeroed */
};

/*
 * *ret is filled, whatever the provider said; openai_reply_clear() when done.  Without the memory
 * to read a body, a 200 is client_failed, and an error is judged by its status alone.
 */
void openai_reply_read(const struct openai_raw *raw, struct openai_reply *ret);

/* Release what *r holds and zero it.  Safe on a zeroed struct. */
void openai_reply_clear(struct openai_reply *r);

#endif
