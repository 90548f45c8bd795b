#include "http/idempotency.h"

#include <stdbool.h>
#include <string.h>

/* The character at *p, unescaped if quoted, and *p past it; -1 for one that no key holds. */
static int next_char(const char **p, const char *end, bool quoted)
{
	char c = *(*p)++;

	if (quoted && c == '\\') {
		if (*p == end || (**p != '"' && **p != '\\'))
			return -1;
		return *(*p)++;
	}
	return c > ' ' && c < 0x7F && c != '"' ? c : -1;
}

static bool parse(const char *p, const char *end, bool quoted, char out[IDEMPOTENCY_KEY_SIZE])
{
	size_t n = 0;

	while (p < end) {
		int c = next_char(&p, end, quoted);

		if (c < 0 || n == IDEMPOTENCY_KEY_SIZE - 1)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return n > 0;
}

enum rc idempotency_key_parse(const char *header, char out[IDEMPOTENCY_KEY_SIZE], struct err *e)
{
	char key[IDEMPOTENCY_KEY_SIZE];
	size_t n = header != NULL ? strlen(header) : 0;
	bool quoted = n >= 2 && header[0] == '"' && header[n - 1] == '"';

	if (header == NULL)
		return RC_NOT_FOUND;
	if (!parse(header + quoted, header + n - quoted, quoted, key))
		return err_set(e, RC_INVALID, "invalid_idempotency_key",
		    "Idempotency-Key is 1 to %d visible ASCII characters, quoted or not",
		    IDEMPOTENCY_KEY_SIZE - 1);
	memcpy(out, key, strlen(key) + 1);
	return RC_OK;
}
