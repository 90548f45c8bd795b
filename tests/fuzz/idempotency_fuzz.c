/* The input is an Idempotency-Key header's value. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "http/idempotency.h"

/* The key as a quoted string, which must mean the same key. */
static void check_quoted(const char *key)
{
	char quoted[2 * IDEMPOTENCY_KEY_SIZE + 2] = "\"", again[IDEMPOTENCY_KEY_SIZE];
	size_t n = 1;

	for (const char *p = key; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			quoted[n++] = '\\';
		quoted[n++] = *p;
	}
	quoted[n++] = '"';
	quoted[n] = '\0';
	INVARIANT(idempotency_key_parse(quoted, again, NULL) == RC_OK);
	INVARIANT(strcmp(key, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char key[IDEMPOTENCY_KEY_SIZE] = "untouched";
	char *header = fuzz_text(data, size);
	struct err e = { .rc = RC_OK };

	if (idempotency_key_parse(header, key, &e) == RC_OK) {
		INVARIANT(key[0] != '\0' && strlen(key) <= strlen(header));
		for (const char *c = key; *c != '\0'; c++)
			INVARIANT(*c > ' ' && *c <= '~');
		INVARIANT(header[0] == '"' || strcmp(header, key) == 0);
		INVARIANT(header[0] == '"' || strchr(key, '"') == NULL);
		check_quoted(key);
	} else {
		INVARIANT(e.rc == RC_INVALID && strcmp(key, "untouched") == 0);
	}
	free(header);
	return 0;
}
