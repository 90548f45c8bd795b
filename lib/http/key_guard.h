/*
 * Slows down whoever guesses keys.  An address may try so many wrong keys a minute; then keys from
 * there are refused unseen, until the next try is due.  A key that was right from that very address
 * before is looked at in any case: a client is not shut out by a neighbour who guesses, however
 * many of them share an address.
 *
 * What is remembered is of this process alone and bounded: of addresses the one that has spent
 * least, of right keys the one unused for longest makes room.  All functions are thread-safe, and
 * do nothing for a guard that is NULL, which lets every key pass.
 */
#ifndef MIZAN_HTTP_KEY_GUARD_H
#define MIZAN_HTTP_KEY_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "http/key.h"

struct key_guard;

/* NULL: out of memory.  wrong_per_minute is at least 1. */
struct key_guard *key_guard_new(int64_t wrong_per_minute);
void key_guard_free(struct key_guard *g);

/*
 * May this key from this address (text; of IPv6 the first 64 bits count) be looked at now, in
 * milliseconds of core/clock.h?  False: *ret_retry_s, at least 1, is when to try again.
 */
bool key_guard_allows(struct key_guard *g, const char *address, const uint8_t hash[KEY_HASH_SIZE],
    int64_t now_ms, int64_t *ret_retry_s);

/*
 * It was looked at, and found right or wrong.  Of tries at the same time more may be found wrong
 * than a minute allows; they are paid for afterwards.
 */
void key_guard_note(struct key_guard *g, const char *address, const uint8_t hash[KEY_HASH_SIZE],
    int64_t now_ms, bool right);

#endif
