/*
 * The request that was found right last, without its document: a client sends the same words and
 * the same schema around every document, and need not wait for both to be judged again.
 */
#ifndef OPENAI_SIM_FRAME_H
#define OPENAI_SIM_FRAME_H

#include "openai_sim/check.h"

/* A body in three pieces, borrowed; the payload is the document's base64. */
struct frame_pieces {
	const char *head, *payload, *tail;
	size_t head_len, payload_len, tail_len;
};

/* What was learnt from a request beside its document. */
struct frame {
	struct check_request request;
	char data_url[48]; /* up to and with its comma */
	enum document_media media;
};

/* Was a request with this head and tail right?  Then *ret is what it said.  Thread-safe. */
bool frame_known(const struct frame_pieces *p, struct frame *ret);

/* It was.  Thread-safe. */
void frame_remember(const struct frame_pieces *p, const struct frame *f);

#endif
