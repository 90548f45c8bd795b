/* The outcome of a call that brought no answer to read; part of reply.h. */
#ifndef MIZAN_OPENAI_OUTCOME_H
#define MIZAN_OPENAI_OUTCOME_H

#include <stdbool.h>

#include "openai/raw.h"
#include "openai/reply.h"

/*
 * Judge the transport and the status.  True: r->outcome, reason and detail are set.  False:
 * it is a whole 200, whose body is to be read next; *r is untouched.
 */
bool openai_outcome_settled(const struct openai_raw *raw, struct openai_reply *r);

#endif
