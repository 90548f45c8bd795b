#include "http/key_guard.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "core/sha256.h"

#define SECOND_US INT64_C(1000000)
#define WINDOW_US (60 * SECOND_US)
#define V4_MAPPED "::ffff:" /* as the kernel and nginx write it, RFC 5952 */

enum { ADDRESS_SETS = 1024, KEY_SETS = 256, WAYS = 4, ID_SIZE = 16 };

/*
 * Wrong keys, as the time when the last of them is paid off: each costs WINDOW_US / limit, and the
 * next one must fit into what a minute pays for.
 */
struct debtor {
	uint8_t id[ID_SIZE];
	int64_t until_us;
};

/* A key that was right, where it came from. */
struct known {
	uint8_t id[ID_SIZE], hash[KEY_HASH_SIZE];
	int64_t used_us; /* 0: the place is free */
};

struct key_guard {
	pthread_mutex_t lock;
	int64_t cost_us;
	uint64_t seed; /* so that nobody can choose whom he makes room with */
	struct debtor debtors[ADDRESS_SETS][WAYS];
	struct known known[KEY_SETS][WAYS];
};

struct key_guard *key_guard_new(int64_t wrong_per_minute)
{
	struct key_guard *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	(void)pthread_mutex_init(&g->lock, NULL);
	random_bytes(&g->seed, sizeof g->seed);
	g->cost_us = WINDOW_US / wrong_per_minute;
	return g;
}

void key_guard_free(struct key_guard *g)
{
	if (g != NULL)
		(void)pthread_mutex_destroy(&g->lock);
	free(g);
}

/* IPv4, a network of IPv6, or whatever else somebody calls an address. */
static void address_id(const char *address, uint8_t id[ID_SIZE])
{
	uint8_t digest[SHA256_BYTES];

	memset(id, 0, ID_SIZE);
	if (strncmp(address, V4_MAPPED, strlen(V4_MAPPED)) == 0)
		address += strlen(V4_MAPPED);
	if (inet_pton(AF_INET6, address, id) == 1) {
		memset(id + ID_SIZE / 2, 0, ID_SIZE / 2);
		id[ID_SIZE - 1] = 6;
	} else if (inet_pton(AF_INET, address, id) == 1) {
		id[ID_SIZE - 1] = 4;
	} else {
		sha256(address, strlen(address), digest);
		memcpy(id, digest, ID_SIZE);
	}
}

/* FNV-1a from a secret start. */
static uint64_t mix(uint64_t h, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

/* The address's own place; with make, otherwise NULL, that of its set's least debtor. */
static struct debtor *debtor(struct key_guard *g, const uint8_t id[ID_SIZE], bool make)
{
	struct debtor *set = g->debtors[mix(g->seed, id, ID_SIZE) % ADDRESS_SETS], *least = set;

	for (struct debtor *d = set; d < set + WAYS; d++) {
		if (memcmp(d->id, id, ID_SIZE) == 0)
			return d;
		if (d->until_us < least->until_us)
			least = d;
	}
	if (!make)
		return NULL;
	*least = (struct debtor){ .until_us = 0 };
	memcpy(least->id, id, ID_SIZE);
	return least;
}

/* The pair's place; with make, otherwise NULL, the one of its set that is unused for longest. */
static struct known *known(
    struct key_guard *g, const uint8_t id[ID_SIZE], const uint8_t hash[KEY_HASH_SIZE], bool make)
{
	uint64_t h = mix(mix(g->seed, id, ID_SIZE), hash, KEY_HASH_SIZE);
	struct known *set = g->known[h % KEY_SETS], *oldest = set;

	for (struct known *k = set; k < set + WAYS; k++) {
		if (k->used_us != 0 && memcmp(k->hash, hash, KEY_HASH_SIZE) == 0 &&
		    memcmp(k->id, id, ID_SIZE) == 0)
			return k;
		if (k->used_us < oldest->used_us)
			oldest = k;
	}
	if (!make)
		return NULL;
	memcpy(oldest->id, id, ID_SIZE);
	memcpy(oldest->hash, hash, KEY_HASH_SIZE);
	return oldest;
}

bool key_guard_allows(struct key_guard *g, const char *address, const uint8_t hash[KEY_HASH_SIZE],
    int64_t now_ms, int64_t *ret_retry_s)
{
	int64_t over = 0;
	uint8_t id[ID_SIZE];

	if (g == NULL)
		return true;
	address_id(address, id);
	(void)pthread_mutex_lock(&g->lock);
	if (known(g, id, hash, false) == NULL) {
		const struct debtor *d = debtor(g, id, false);

		if (d != NULL)
			over = d->until_us - now_ms * 1000 + g->cost_us - WINDOW_US;
	}
	(void)pthread_mutex_unlock(&g->lock);
	if (over > 0)
		*ret_retry_s = (over + SECOND_US - 1) / SECOND_US;
	return over <= 0;
}

void key_guard_note(struct key_guard *g, const char *address, const uint8_t hash[KEY_HASH_SIZE],
    int64_t now_ms, bool right)
{
	int64_t now = now_ms * 1000;
	uint8_t id[ID_SIZE];

	if (g == NULL)
		return;
	address_id(address, id);
	(void)pthread_mutex_lock(&g->lock);
	if (right) {
		known(g, id, hash, true)->used_us = now + 1;
	} else {
		struct debtor *d = debtor(g, id, true);
		struct known *k = known(g, id, hash, false);

		d->until_us = (d->until_us > now ? d->until_us : now) + g->cost_us;
		if (k != NULL)
			k->used_us = 0; /* it was revoked */
	}
	(void)pthread_mutex_unlock(&g->lock);
}
