#include "http/key.h"

#include <string.h>

#include <openssl/crypto.h>

#include "core/sha256.h"

void key_hash(const char *key, uint8_t out[KEY_HASH_SIZE])
{
	sha256(key, strlen(key), out);
}

bool key_equal(const char *given, const char *expected)
{
	uint8_t a[KEY_HASH_SIZE], b[KEY_HASH_SIZE];

	if (given == NULL || expected == NULL || given[0] == '\0' || expected[0] == '\0')
		return false;
	key_hash(given, a);
	key_hash(expected, b);
	return CRYPTO_memcmp(a, b, sizeof a) == 0;
}
