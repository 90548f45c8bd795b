/*
 * What the fuzz targets share.  A target is a file with LLVMFuzzerTestOneInput(), linked with
 * libFuzzer, or with standalone.c to replay its corpus as a test.
 */
#ifndef MIZAN_TESTS_FUZZ_H
#define MIZAN_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert(), but it holds in every build. */
#define INVARIANT(ok)                                                                              \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			(void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #ok);     \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input, or a part of it, as a string of its own for the sanitizer to guard; to be freed. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	INVARIANT(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Cut the next line off *rest, likewise. */
static inline char *fuzz_line(const uint8_t **rest, const uint8_t *end)
{
	const uint8_t *start = *rest;
	const uint8_t *newline = start < end ? memchr(start, '\n', (size_t)(end - start)) : NULL;

	*rest = newline != NULL ? newline + 1 : end;
	return fuzz_text(start, (size_t)((newline != NULL ? newline : end) - start));
}

enum { FUZZ_NO_CONTROLS, FUZZ_JSON /* only what RFC 8259 §7 wants escaped is missing */ };

/* Is it UTF-8 throughout, and free of those characters? */
static inline void fuzz_check_utf8(const char *s, int what)
{
	const char *end = s + strlen(s);

	while (s < end) {
		uint32_t c = 0;
		size_t length = utf8_decode(s, (size_t)(end - s), &c);

		INVARIANT(length > 0);
		INVARIANT(what == FUZZ_JSON ? c >= ' ' : !utf8_is_control(c));
		s += length;
	}
}

#endif
