/*
 * The Prefer header (RFC 7240): a client's wish, so what is malformed is ignored.
 */
#ifndef MIZAN_HTTP_PREFER_H
#define MIZAN_HTTP_PREFER_H

#include <stdbool.h>

struct prefer {
	bool respond_async; /* §4.1 */
	int wait_s;         /* §4.3, capped at INT_MAX; -1 if absent */
};

/*
 * From the header's value; NULL is an absent header.  Of a preference given twice the first
 * counts (§2); parameters are accepted and ignored.
 */
struct prefer prefer_parse(const char *header);

#endif
