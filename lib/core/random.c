#include "core/random.h"

#include <sys/random.h>

#include "core/sha256.h"

void random_bytes(void *p, size_t n)
{
	uint8_t *at = p;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

uint64_t random_below(uint64_t n)
{
	uint64_t r;

	random_bytes(&r, sizeof r);
	return r % n;
}

void random_hex(char *out, size_t n)
{
	uint8_t bytes[32];

	if (n > sizeof bytes)
		n = sizeof bytes;
	random_bytes(bytes, n);
	hex_encode(bytes, n, out);
}
