/* One call of client.h: its libcurl handle, what it receives and how it ends.  Private to it. */
#ifndef MIZAN_OPENAI_CALL_H
#define MIZAN_OPENAI_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "core/buf.h"
#include "openai/client.h"
#include "openai/settings.h"

enum openai_call_state { CALL_IDLE, CALL_RUNNING, CALL_ENDED };

/* One place for a call.  Its easy handle is set up once and used again and again. */
struct openai_call {
	enum openai_call_state state;
	CURL *easy; /* NULL until the place is first used */
	char errbuf[CURL_ERROR_SIZE];
	struct buf sent;
	bool too_large;
	size_t head_bytes; /* of the answer's headers so far, and of what comes after its body */
	struct openai_done done;
};

/* A handle with all that is the same for every call; NULL: out of memory. */
CURL *openai_call_handle(struct openai_call *call, const struct openai_settings *s, const char *url,
    struct curl_slist *headers);

/* Make call->easy ready to send body, which must stay where it is.  False: out of memory. */
bool openai_call_prepare(struct openai_call *call, const struct buf *body, size_t max_reply_bytes);

/* Write down how it ended in call->done.raw; call->sent is released. */
void openai_call_conclude(struct openai_call *call, CURLcode code);

#endif
