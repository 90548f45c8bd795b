/*
 * The header block of one part of a form (RFC 7578 §4.2, §4.8).
 */
#ifndef MIZAN_HTTP_MULTIPART_HEADER_H
#define MIZAN_HTTP_MULTIPART_HEADER_H

#include "core/err.h"
#include "http/field.h"

struct multipart_header {
	struct field_text name;         /* the form field's, escapes and all */
	struct field_text filename;     /* likewise; p is NULL if absent */
	struct field_text content_type; /* p is NULL if absent */
	const char *end;                /* the first byte after the blank line */
};

/*
 * Read the block at p, which ends with a blank line before `end`.  dash_boundary is the text
 * that no line may start with.  RC_INVALID "invalid_multipart" as multipart_find_file() says.
 */
enum rc multipart_header_read(const char *p, const char *end, const char *dash_boundary,
    struct multipart_header *out, struct err *e) MUST_CHECK;

#endif
