/*
 * Calls to the provider, many at a time in one thread: submit, poll until something is
 * done, take what is done.  A client belongs to one thread.
 *
 * TLS is verified, redirects are not followed, only http and https are spoken, connections
 * are kept alive and used again; proxies are those of the standard environment variables.
 * There is no low-speed limit: an answer that is not streamed is silent while the model
 * works, so the total time-out bounds it, and TCP keep-alive notices a dead peer.
 */
#ifndef MIZAN_OPENAI_CLIENT_H
#define MIZAN_OPENAI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/err.h"
#include "openai/raw.h"
#include "openai/settings.h"

struct openai_client;

/* One call that has ended, well or not. */
struct openai_done {
	void *user; /* what openai_client_submit() was given */
	struct openai_raw raw;
};

/*
 * RC_OK: *ret is set; openai_client_free() when done.  Nothing is connected yet.
 * RC_INVALID: invalid_openai_settings: no http or https URL, a key that would
 * break the header, a limit that is not positive.
 * RC_UNAVAILABLE: out of memory.
 */
enum rc openai_client_new(
    const struct openai_settings *settings, struct openai_client **ret, struct err *e) MUST_CHECK;

/* Ends the calls in flight without a word.  NULL is fine. */
void openai_client_free(struct openai_client *c);

/*
 * Start a call with that body (openai_request_build()).  user comes back with its end.
 * RC_OK: the body's memory is the client's, and *body is empty; exactly one openai_done will
 * follow, unless the call is cancelled.
 * RC_LIMITED: too_many_calls: settings.max_in_flight are under way or not yet taken.
 * RC_UNAVAILABLE: out of memory.  Unless RC_OK, *body is untouched.
 */
enum rc openai_client_submit(
    struct openai_client *c, struct buf *body, void *user, struct err *e) MUST_CHECK;

/*
 * Move the calls on, waiting up to timeout_ms for something to do on them or for extra_fd
 * (-1: none) to become readable.  Returns early when a call has ended or a signal came; it
 * does not wait at all while ended calls are not taken.
 * RC_OK: *ret_extra_ready (may be NULL) tells whether extra_fd is readable, end of file included.
 * RC_INTERNAL: libcurl failed; the calls in flight are still there.
 */
enum rc openai_client_poll(struct openai_client *c, int extra_fd, int timeout_ms,
    bool *ret_extra_ready, struct err *e) MUST_CHECK;

/* The next call that has ended: true and *ret, whose raw is the caller's; else false. */
bool openai_client_next(struct openai_client *c, struct openai_done *ret);

/* Calls submitted and not yet taken with openai_client_next(). */
size_t openai_client_in_flight(const struct openai_client *c);

/* End the call that was submitted with user, if it is not yet taken; no openai_done follows. */
void openai_client_cancel(struct openai_client *c, const void *user);

/* End every call in flight; no openai_done follows for any of them. */
void openai_client_cancel_all(struct openai_client *c);

#endif
