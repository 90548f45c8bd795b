/*
 * The first line of the input is a Content-Type, the rest the body: an upload as nginx hands
 * it over.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "http/media_type.h"
#include "http/multipart.h"

static void check_filename(const char *name)
{
	char again[FILENAME_SIZE];

	INVARIANT(name[0] != '\0' && strlen(name) < FILENAME_SIZE);
	INVARIANT(strpbrk(name, "/\\\r\n") == NULL);
	INVARIANT(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	filename_clean(name, strlen(name), again);
	INVARIANT(strcmp(name, again) == 0);
}

/* What was found lies between a blank line and a delimiter, and holds no delimiter itself. */
static void check_part(
    const struct multipart_part *part, const char *body, size_t len, const char *boundary)
{
	char delimiter[4 + MULTIPART_BOUNDARY_SIZE + 2 + 1];
	size_t at = (size_t)(part->data - body);
	size_t n = (size_t)snprintf(delimiter, sizeof delimiter, "\r\n--%s", boundary);
	const char *next = part->data + part->len;

	INVARIANT(at >= 4 && at <= len && part->len <= len - at);
	INVARIANT(memcmp(part->data - 4, "\r\n\r\n", 4) == 0);
	if (part->len == 0 && (len - at < n || memcmp(next, delimiter, n) != 0))
		next -= 2; /* no content at all: the blank line's CRLF is the delimiter's */
	INVARIANT((size_t)(body + len - next) >= n && memcmp(next, delimiter, n) == 0);
	memcpy(delimiter + n, "\r\n", 3);
	INVARIANT(memmem(part->data, part->len, delimiter, n + 2) == NULL);
	check_filename(part->filename);
	for (const char *c = part->content_type; *c != '\0'; c++)
		INVARIANT(*c >= ' ' && *c <= '~');
}

static void check_body(const char *body, size_t len, const char *boundary)
{
	struct multipart_part part = { .data = NULL };
	struct err e = { .rc = RC_OK };
	enum rc rc = multipart_find_file(body, len, boundary, "file", &part, &e);

	INVARIANT(rc == RC_OK || (rc == RC_INVALID && e.rc == rc && e.code[0] != '\0'));
	if (rc != RC_OK) {
		INVARIANT(part.data == NULL);
		return;
	}
	check_part(&part, body, len, boundary);
	(void)media_type_sniff(part.data, part.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t line = newline != NULL ? (size_t)(newline - data) : size;
	size_t skip = newline != NULL ? line + 1 : size;
	char *type = calloc(1, line + 1);
	char *body = malloc(size > skip ? size - skip : 1);
	char boundary[MULTIPART_BOUNDARY_SIZE];
	char name[FILENAME_SIZE];
	struct err e;

	INVARIANT(type != NULL && body != NULL);
	memcpy(type, data, line);
	memcpy(body, data + skip, size - skip);
	if (multipart_boundary(type, boundary, &e) == RC_OK) {
		INVARIANT(boundary[0] != '\0' && strlen(boundary) < sizeof boundary);
		check_body(body, size - skip, boundary);
	}
	filename_clean(body, size - skip, name);
	check_filename(name);
	free(type);
	free(body);
	return 0;
}
