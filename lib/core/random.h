/* Unpredictable bytes from the kernel. */
#ifndef MIZAN_CORE_RANDOM_H
#define MIZAN_CORE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void random_bytes(void *p, size_t n);

/* A number from 0 to n - 1, n > 0; for jitter, not for keys (the modulo is biased). */
uint64_t random_below(uint64_t n);

/* 2 n lower-case hex digits and a NUL from n random bytes, n at most 32. */
void random_hex(char *out, size_t n);

#define RANDOM_UUID_TEXT 37 /* with the NUL */

/* A version 4 UUID (RFC 9562 §5.4) as text. */
void random_uuid(char out[RANDOM_UUID_TEXT]);

/*
 * The same from 32 hexadecimal digits of somebody else's randomness; false, and out untouched,
 * when it is not that.
 */
bool uuid_from_hex(const char *hex, char out[RANDOM_UUID_TEXT]);

#endif
