/*
 * API and operator keys: compared so that time tells nothing about them.
 */
#ifndef MIZAN_HTTP_KEY_H
#define MIZAN_HTTP_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_HASH_SIZE 32

/* SHA-256 of the key: what may be stored and looked up by. */
void key_hash(const char *key, uint8_t out[KEY_HASH_SIZE]);

/*
 * Equal?  Compares digests, so neither content nor length of expected shows in the time
 * taken.  False where either is NULL or "": a key that was never configured fits nobody.
 */
bool key_equal(const char *given, const char *expected);

#endif
