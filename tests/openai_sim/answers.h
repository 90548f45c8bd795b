/* What the simulated model answers, by document.  All functions are thread-safe. */
#ifndef OPENAI_SIM_ANSWERS_H
#define OPENAI_SIM_ANSWERS_H

#include <stdatomic.h>
#include <stddef.h>

#include "core/err.h"
#include "openai_sim/document.h"

struct json_object;
struct answers;

/* One answer, immutable and shared; see answer_release(). */
struct answer {
	atomic_uint refs;
	char *content; /* choices[0].message.content; NULL with a refusal */
	size_t content_len;
	const char *finish_reason; /* "stop", "length" or "content_filter"; static */
	char *message;             /* `"content":…,"refusal":…` as JSON text */
	size_t message_len;
};

/*
 * Make an answer from content (NULL: none), refusal (NULL: none) and a static finish_reason.
 * The caller owns it (answer_release()).  NULL: out of memory.
 */
struct answer *answer_new(const char *content, const char *refusal, const char *finish_reason);

/*
 * Make an answer from the form in which answers are configured: an extraction (SPEC §5), or
 * an object with any of "content" (a raw string), "refusal" and "finish_reason".
 * RC_INVALID: it is neither.
 */
enum rc answer_parse(struct json_object *o, struct answer **ret, struct err *reterr) MUST_CHECK;

/* Give up one reference.  NULL is fine. */
void answer_release(struct answer *a);

/* No documents; unknown ones are answered as by a model that reads nothing.  NULL: no memory. */
struct answers *answers_new(void);

/* Release all.  NULL is fine. */
void answers_free(struct answers *as);

/*
 * Hash every document (pdf, png, jpg, jpeg, webp) in the folder and know it by the answer in
 * the .json of the same name; one without is left unknown.  *ret_count: how many are known.
 * RC_NOT_FOUND: no such folder.  RC_INVALID: a file could not be read.
 */
enum rc answers_load(
    struct answers *as, const char *dir, size_t *ret_count, struct err *reterr) MUST_CHECK;

/*
 * Set a document's answer, or with sha NULL that of every unknown document, until the next
 * reset.  Takes over the caller's reference to a, also on failure.  RC_INTERNAL: no memory.
 */
enum rc answers_set(struct answers *as, const struct sha256 *sha, struct answer *a) MUST_CHECK;

/*
 * Count a call for the document and look up its answer; the caller owns it.  NULL: no memory.
 */
struct answer *answers_call(struct answers *as, const struct sha256 *sha);

/* Count a completion that was sent for the document. */
void answers_completed(struct answers *as, const struct sha256 *sha);

/* The document's calls, and how many of them were answered with a completion. */
void answers_count(
    struct answers *as, const struct sha256 *sha, long *ret_calls, long *ret_completions);

/* Forget the counts and what was set; what was loaded stays. */
void answers_reset(struct answers *as);

#endif
