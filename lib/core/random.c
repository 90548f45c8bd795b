#include "core/random.h"

#include <stdio.h>
#include <string.h>
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

/* hex: 32 digits; two of them say version and variant. */
static void format_uuid(const char *hex, char out[RANDOM_UUID_TEXT])
{
	static const char variants[] = "89ab";

	(void)snprintf(out, RANDOM_UUID_TEXT, "%.8s-%.4s-4%.3s-%c%.3s-%.12s", hex, hex + 8,
	    hex + 13, variants[hex[16] & 3], hex + 17, hex + 20);
}

void random_uuid(char out[RANDOM_UUID_TEXT])
{
	char hex[33];

	random_hex(hex, 16);
	format_uuid(hex, out);
}

bool uuid_from_hex(const char *hex, char out[RANDOM_UUID_TEXT])
{
	if (strlen(hex) != 32 || strspn(hex, "0123456789abcdef") != 32)
		return false;
	format_uuid(hex, out);
	return true;
}
