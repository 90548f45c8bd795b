/* Completions that arrive whole and are no use. */
#ifndef OPENAI_SIM_SPOIL_H
#define OPENAI_SIM_SPOIL_H

#include "openai_sim/answers.h"
#include "openai_sim/faults.h"

/*
 * The answer that the order makes of a; the caller owns it.  Orders that do not touch the
 * answer return a itself, with one more reference.  NULL: no memory.
 */
struct answer *spoil(const struct fault *f, struct answer *a);

#endif
