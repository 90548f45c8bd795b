/*
 * Paging of lists: `limit` and `cursor`.  A cursor is opaque to clients; to us it is a number,
 * the place in the order, and where that is no unique one, a dot and the row's UUID.
 */
#ifndef MIZAN_HTTP_PAGE_H
#define MIZAN_HTTP_PAGE_H

#include <stdbool.h>

#include "core/err.h"

#define PAGE_CURSOR_SIZE 64

enum { PAGE_LIMIT = 50, PAGE_MAX_LIMIT = 200 };

struct page {
	char limit[8];                 /* 1 to PAGE_MAX_LIMIT, as text for a statement */
	char cursor[PAGE_CURSOR_SIZE]; /* `digits` or `digits.uuid`; "": from the beginning */
};

/*
 * RC_INVALID "invalid_query": limit is no number from 1 to PAGE_MAX_LIMIT; "invalid_cursor": no
 * cursor of ours.  with_id: the list's cursors have the UUID.
 */
enum rc page_from_query(
    const char *query, bool with_id, struct page *out, struct err *e) MUST_CHECK;

#endif
