/* Entity tags in If-Match and If-None-Match (RFC 9110 §8.8.3, §13.1). */
#ifndef MIZAN_HTTP_ETAG_H
#define MIZAN_HTTP_ETAG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

#define ETAG_MAX 16

struct etag {
	const char *text; /* without the quotes; within the header's value */
	size_t len;
	bool weak;
};

struct etags {
	bool any; /* "*": whatever there is */
	size_t n;
	struct etag tags[ETAG_MAX];
};

/*
 * Read a header's value (not NULL).
 * RC_INVALID "invalid_precondition": neither "*" nor a list of 1 to ETAG_MAX tags.
 */
enum rc etags_parse(const char *value, struct etags *ret, struct err *e) MUST_CHECK;

/* Is `text` (without quotes) among them?  A weak tag counts only where weak ones may. */
bool etags_have(const struct etags *list, const char *text, bool weak_too);

#endif
