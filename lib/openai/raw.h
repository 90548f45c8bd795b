/*
 * What came back from one call, before anybody has judged it: client.h fills it, reply.h
 * reads it, and neither needs the other.
 */
#ifndef MIZAN_OPENAI_RAW_H
#define MIZAN_OPENAI_RAW_H

#include <stdint.h>

#include "core/buf.h"

/* How far the call got. */
enum openai_transport {
	OPENAI_ARRIVED,       /* a whole HTTP answer */
	OPENAI_TIMED_OUT,     /* connect or total time-out */
	OPENAI_NOT_CONNECTED, /* no name, no route, refused, TLS did not verify; nothing was sent */
	OPENAI_CONNECTION_CUT, /* the connection broke, or spoke nonsense, before the end */
	OPENAI_TOO_LARGE,      /* the body was cut at settings.max_reply_bytes */
	OPENAI_CLIENT_FAILED,  /* ours: out of memory, a libcurl that lacks what we need */
};

#define OPENAI_HEADER_TEXT 64 /* bytes kept of a header's value, with the NUL */

/* The headers that matter: printable ASCII, cut to size; "" when missing. */
struct openai_headers {
	char date[OPENAI_HEADER_TEXT];
	char request_id[128]; /* x-request-id */
	char retry_after[OPENAI_HEADER_TEXT];
	char retry_after_ms[OPENAI_HEADER_TEXT];
};

struct openai_raw {
	enum openai_transport transport;
	char failure[160]; /* what went wrong; "" when the answer arrived; no secret in it */
	int http_status;   /* 0: none was received */
	struct openai_headers headers;
	struct buf body; /* at most settings.max_reply_bytes; binary, from a stranger */
	int64_t duration_ms;
};

/* Release the body and zero *raw.  Safe on a zeroed struct. */
void openai_raw_clear(struct openai_raw *raw);

#endif
