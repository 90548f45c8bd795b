/*
 * Is a request to /v1/chat/completions exactly what SPEC's appendix says?  Stricter than the
 * real service where that catches a mistake of ours: nothing unknown is let through.
 */
#ifndef OPENAI_SIM_CHECK_H
#define OPENAI_SIM_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "openai_sim/document.h"

/* What an error answer tells: status 400, type invalid_request_error. */
struct check_error {
	char message[320];
	char param[160];  /* "": none */
	const char *code; /* NULL: none */
};

/* What the simulator needs of a request that is right. */
struct check_request {
	char model[128];
	long max_completion_tokens;
	struct document_info document;
	size_t text_chars; /* of both prompts */
};

/*
 * Check a request's body.  true: *ret is set.  false: *reterr says what is wrong, *ret is
 * undefined.
 */
bool check_body(
    const char *body, size_t len, struct check_request *ret, struct check_error *reterr);

/* Fill *e and return false, so that a failure is one line.  param may be "". */
bool check_fail(struct check_error *e, const char *code, const char *param, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#endif
