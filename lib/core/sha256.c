#include "core/sha256.h"

#include <openssl/sha.h>

void sha256(const void *p, size_t n, uint8_t out[SHA256_BYTES])
{
	(void)SHA256(p, n, out);
}

void sha256_hex(const void *p, size_t n, char out[SHA256_TEXT])
{
	uint8_t digest[SHA256_BYTES];

	sha256(p, n, digest);
	hex_encode(digest, sizeof digest, out);
}

void hex_encode(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}
