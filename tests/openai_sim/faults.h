/* Trouble that was ordered, in a queue.  All functions are thread-safe. */
#ifndef OPENAI_SIM_FAULTS_H
#define OPENAI_SIM_FAULTS_H

#include <stdbool.h>

#include "core/err.h"
#include "openai_sim/document.h"

struct json_object;
struct faults;

enum fault_kind {
	FAULT_NONE,
	/* an HTTP error */
	FAULT_RATE_LIMIT,
	FAULT_SLOW_DOWN,
	FAULT_INSUFFICIENT_QUOTA,
	FAULT_UNAUTHORIZED,
	FAULT_FORBIDDEN,
	FAULT_SERVER_ERROR,
	FAULT_BAD_REQUEST,
	/* a connection in trouble */
	FAULT_HANG,
	FAULT_DRIP,
	FAULT_CUT,
	FAULT_HUGE,
	FAULT_NOT_JSON,
	/* a completion that is no use */
	FAULT_REFUSAL,
	FAULT_LENGTH,
	FAULT_CONTENT_FILTER,
	FAULT_BROKEN_JSON,
	FAULT_SCHEMA_VIOLATION,
	FAULT_CONFIDENCE,
	FAULT__MAX
};

/* One order; README.md tells what each option means for which kind. */
struct fault {
	enum fault_kind kind;
	long count;        /* calls that it is still for; −1: until cleared */
	bool one_document; /* only for sha */
	struct sha256 sha;
	long below;           /* only for a max_completion_tokens below it; 0: for any */
	unsigned status;      /* 0: the kind's own */
	char code[64];        /* "": the kind's own */
	char retry_after[64]; /* the header's value; "": no header */
	long retry_after_ms;  /* −1: no header */
	long ms;              /* between two pieces; −1: default */
	long bytes;           /* of a piece, before the cut; −1: default */
	long size;            /* of a huge body; −1: default */
	char key[64];         /* which key is spoilt; "": default */
};

const char *fault_name(enum fault_kind kind);

/* Read an order.  RC_INVALID: unknown kind or option, or a value out of range. */
enum rc fault_parse(struct json_object *o, struct fault *ret, struct err *reterr) MUST_CHECK;

struct faults *faults_new(void);
void faults_free(struct faults *fs);

/* Put an order at the end of the queue.  RC_LIMITED: the queue is full. */
enum rc faults_add(struct faults *fs, const struct fault *f, struct err *reterr) MUST_CHECK;

/*
 * Take the first order in the queue that applies to a call for this document with this
 * budget, and count it as used.  false: none, *ret is untouched.
 */
bool faults_take(
    struct faults *fs, const struct sha256 *sha, long max_completion_tokens, struct fault *ret);

/* How many orders wait. */
long faults_pending(struct faults *fs);

void faults_clear(struct faults *fs);

#endif
