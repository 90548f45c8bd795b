/* Counts of calls to the completions endpoint.  All functions are thread-safe. */
#ifndef OPENAI_SIM_STATS_H
#define OPENAI_SIM_STATS_H

#include "openai_sim/faults.h"

struct json_object;
struct stats;

/* How a call ended: the fault it met, or one of these. */
enum stats_outcome {
	OUTCOME_COMPLETED = FAULT_NONE, /* the document's answer was sent */
	OUTCOME_INVALID = FAULT__MAX,   /* the request broke the strict rules */
	OUTCOME_BAD_KEY,
	OUTCOME_ABANDONED, /* the client closed before it had an answer */
	OUTCOME__MAX
};

struct stats *stats_new(void);
void stats_free(struct stats *st);

/* A call begins, and is in flight until stats_end(). */
void stats_begin(struct stats *st);

/* The call is no longer in flight: call this before its last byte can reach the client. */
void stats_end(struct stats *st, unsigned outcome);

/* Note the budget that a valid request names. */
void stats_budget(struct stats *st, long max_completion_tokens);

/* Begin to count anew; calls in flight stay so. */
void stats_reset(struct stats *st);

/* All of it as JSON; the caller owns it.  NULL: no memory. */
struct json_object *stats_json(struct stats *st);

#endif
