/* A document as a request carries it: a base64 data URL. */
#ifndef OPENAI_SIM_DOCUMENT_H
#define OPENAI_SIM_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

struct sha256 {
	unsigned char b[32];
};

enum { SHA256_HEX = 64 };

/* What a data URL held. */
struct document_info {
	struct sha256 sha;
	size_t bytes; /* of the decoded document */
};

/* Which media types a part may carry. */
enum document_media { DOCUMENT_PDF, DOCUMENT_IMAGE };

/*
 * Check a data URL strictly: head is `data:TYPE;base64,` with a TYPE that media allows, the
 * payload is canonical base64 (padded, no white space), and the decoded bytes start with
 * that type's magic.  The decoded document is hashed on the way and never held as a whole.
 * NULL: *ret is set.  Otherwise a sentence that says what is wrong; *ret is untouched.
 */
const char *document_check(const char *head, size_t head_len, const char *payload,
    size_t payload_len, enum document_media media, struct document_info *ret);

/* The hash of n bytes. */
struct sha256 sha256_of(const void *bytes, size_t n);

/* Read 64 lower or upper case hex digits that end the string; false: not that, *ret untouched. */
bool sha256_parse(const char *hex, struct sha256 *ret);

#endif
