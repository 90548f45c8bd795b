/* SHA-256 (FIPS 180-4), by libcrypto. */
#ifndef MIZAN_CORE_SHA256_H
#define MIZAN_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_TEXT  65 /* 64 lower-case hex digits and a NUL */

void sha256(const void *p, size_t n, uint8_t out[SHA256_BYTES]);
void sha256_hex(const void *p, size_t n, char out[SHA256_TEXT]);

/* n bytes as 2 n lower-case hex digits and a NUL. */
void hex_encode(const uint8_t *p, size_t n, char *out);

#endif
