/*
 * The uploaded file in a multipart/form-data body (RFC 7578, RFC 2046 §5.1), found in place:
 * the body is mapped, and no byte of the content is copied or changed.
 *
 * Strict where RFC 2046 is: lines end in CRLF, the closing delimiter is required, a delimiter
 * stands at the start of a line.  Preamble and epilogue are skipped.  A nested multipart is
 * content like any other.  Bounded: work is linear in the body's length.
 */
#ifndef MIZAN_HTTP_MULTIPART_H
#define MIZAN_HTTP_MULTIPART_H

#include <stddef.h>

#include "core/err.h"
#include "http/filename.h"

#define MULTIPART_BOUNDARY_SIZE 71 /* RFC 2046 §5.1.1: at most 70 characters */
#define MULTIPART_MAX_PARTS     64
#define MULTIPART_MAX_HEADERS   8192 /* bytes of one part's header block */

struct multipart_part {
	const char *data;             /* into the body */
	size_t len;                   /* 0: an empty file, which is the caller's to refuse */
	char filename[FILENAME_SIZE]; /* as filename_clean() leaves it, never "" */
	char content_type[128];       /* as claimed, printable ASCII; "" if absent or longer */
};

/*
 * The boundary from a request's Content-Type, token or quoted-string.
 * RC_INVALID "no_file": content_type is NULL or "", so the request holds no form at all;
 * "invalid_content_type" (415): not multipart/form-data; "invalid_multipart": the boundary is
 * missing, there twice, malformed, or not 1 to 70 of RFC 2046's bchars.
 */
enum rc multipart_boundary(
    const char *content_type, char out[MULTIPART_BOUNDARY_SIZE], struct err *e) MUST_CHECK;

/*
 * The part whose form field is `field` (compared exactly).
 * RC_INVALID "no_file": a sound form without that field; "duplicate_file": two of them;
 * "invalid_multipart": no first or no closing delimiter, more than MULTIPART_MAX_PARTS parts, a
 * header block that is unended, over MULTIPART_MAX_HEADERS or malformed (NUL, other control
 * character, a bare CR or LF, a line without a colon, folding), a part without exactly one
 * form-data Content-Disposition with one name.
 * The file name is taken from `filename`, a quoted-string or a token; \" and \\ are unescaped,
 * a backslash before anything else stays (old browsers send C:\dir\name), as do browsers'
 * and curl's %22, %0D and %0A, decoded.  `filename*` is ignored: RFC 7578 §4.2 forbids it here.
 */
enum rc multipart_find_file(const char *body, size_t len, const char *boundary, const char *field,
    struct multipart_part *out, struct err *e) MUST_CHECK;

#endif
