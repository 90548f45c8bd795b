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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert(), but it holds in every build. */
#define INVARIANT(ok)                                                                              \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			(void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #ok);     \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
