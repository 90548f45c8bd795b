/* A request that changes something: its JSON body, the texts in it, and the revision it is for. */
#ifndef MIZAN_FCGI_ADMIN_BODY_H
#define MIZAN_FCGI_ADMIN_BODY_H

#include "core/json_read.h"
#include "http/etag.h"
#include "http/request.h"

/*
 * Read the body, one JSON object of at most `max` bytes, which the caller puts back
 * (json_object_put()).  What members it has is the caller's to see.
 * RC_INVALID with `code`: there is none or it is longer, which `refusal` says, or it is no object.
 * RC_UNAVAILABLE: no memory.  Unless RC_OK, *ret is untouched.
 */
enum rc admin_body(const struct http_request *rq, size_t max, const char *code, const char *refusal,
    struct json_object **ret, struct err *e) MUST_CHECK;

/*
 * A string that text_fits() in so many characters: *ret, which lives as long as value does.  false:
 * it is something else; *ret is untouched.
 */
bool admin_text(struct json_object *value, size_t max, const char **ret);

/* Why an operator does something: as admin_text(), TEXT_MAX_REASON and not all white. */
bool admin_reason(struct json_object *value, const char **ret);

enum {
	ADMIN_REVISION_DIGITS = 9,
	ADMIN_REVISIONS_SIZE = ETAG_MAX * (ADMIN_REVISION_DIGITS + 1) + 3
};

/*
 * If-Match as an array of Postgres, "{1,2}", in room; *ret stays as it is where any revision will
 * do.  Weak tags and those that were never ours fit none.
 * RC_INVALID "invalid_precondition": as etags_parse().
 */
enum rc admin_if_match(const struct http_request *rq, char room[ADMIN_REVISIONS_SIZE],
    const char **ret, struct err *e) MUST_CHECK;

#endif
