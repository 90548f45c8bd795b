#include "core/random.h"

#include <stdio.h>
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

void random_uuid(char out[RANDOM_UUID_TEXT])
{
	uint8_t b[16];
	char hex[33];

	random_bytes(b, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode(b, sizeof b, hex);
	(void)snprintf(out, RANDOM_UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
	    hex + 16, hex + 20);
}
