#include "http/page.h"

#include <stdio.h>
#include <string.h>

#include "core/uuid.h"
#include "http/query.h"

enum { MAX_DIGITS = 18 /* any number of them fits a bigint */ };

static bool cursor_valid(const char *cursor, bool with_id)
{
	size_t digits = strspn(cursor, "0123456789");

	if (digits == 0 || digits > MAX_DIGITS)
		return false;
	if (!with_id)
		return cursor[digits] == '\0';
	return cursor[digits] == '.' && uuid_valid(cursor + digits + 1);
}

enum rc page_from_query(const char *query, bool with_id, struct page *out, struct err *e)
{
	struct page page = { .cursor = "" };
	int64_t limit = PAGE_LIMIT;
	enum rc rc = query_int(query, "limit", 1, PAGE_MAX_LIMIT, &limit, e);

	if (rc != RC_OK)
		return rc;
	rc = query_get(query, "cursor", page.cursor, sizeof page.cursor, NULL);
	if (rc != RC_NOT_FOUND && (rc != RC_OK || !cursor_valid(page.cursor, with_id)))
		return err_set(e, RC_INVALID, "invalid_cursor",
		    "cursor is not the next_cursor of an answer of this list");
	(void)snprintf(page.limit, sizeof page.limit, "%d", (int)limit);
	*out = page;
	return RC_OK;
}
