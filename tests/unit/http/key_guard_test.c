#include "http/key_guard.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

#define ADDRESS "192.0.2.1"

enum { LIMIT = 10, COST_MS = 60000 / LIMIT, START = 1000000 };

static struct key_guard *guard;

static bool allows(const char *address, const char *key, int64_t at, int64_t *wait)
{
	uint8_t hash[KEY_HASH_SIZE];

	*wait = 0;
	key_hash(key, hash);
	return key_guard_allows(guard, address, hash, at, wait);
}

static void note(const char *address, const char *key, int64_t at, bool right)
{
	uint8_t hash[KEY_HASH_SIZE];

	key_hash(key, hash);
	key_guard_note(guard, address, hash, at, right);
}

/* A wrong key, if it is let through; whether it was. */
static bool guess(const char *address, int n, int64_t at)
{
	char key[32];
	int64_t wait;

	(void)snprintf(key, sizeof key, "guess %d", n);
	if (!allows(address, key, at, &wait))
		return false;
	note(address, key, at, false);
	return true;
}

static void begin(void)
{
	guard = key_guard_new(LIMIT);
	CU_ASSERT_PTR_NOT_NULL_FATAL(guard);
}

static void end(void)
{
	key_guard_free(guard);
	guard = NULL;
}

static void test_so_many_a_minute(void)
{
	int64_t wait;
	int n = 0;

	begin();
	for (int i = 0; i < 2 * LIMIT; i++)
		n += guess(ADDRESS, i, START);
	CU_ASSERT_EQUAL(n, LIMIT);
	CU_ASSERT(!allows(ADDRESS, "another", START, &wait));
	CU_ASSERT_EQUAL(wait, COST_MS / 1000);
	CU_ASSERT(!allows(ADDRESS, "another", START + COST_MS - 1, &wait));
	CU_ASSERT_EQUAL(wait, 1);
	CU_ASSERT(guess(ADDRESS, 1, START + COST_MS));
	CU_ASSERT(!guess(ADDRESS, 2, START + COST_MS));
	/* A minute of peace, and all is as before; an hour of it is not saved up. */
	n = 0;
	for (int i = 0; i < 2 * LIMIT; i++)
		n += guess(ADDRESS, i, START + 3600000);
	CU_ASSERT_EQUAL(n, LIMIT);
	end();
}

static void test_over_an_hour(void)
{
	int n = 0;

	begin();
	for (int64_t ms = 0; ms < 3600000; ms += 100)
		n += guess(ADDRESS, 1, START + ms);
	CU_ASSERT(n >= 60 * LIMIT && n <= 61 * LIMIT);
	end();
}

/* All at once are let through, and paid for one by one. */
static void test_at_the_same_time(void)
{
	int64_t wait;

	begin();
	for (int i = 0; i < 3 * LIMIT; i++)
		CU_ASSERT(allows(ADDRESS, "guess", START, &wait));
	for (int i = 0; i < 3 * LIMIT; i++)
		note(ADDRESS, "guess", START, false);
	CU_ASSERT(!allows(ADDRESS, "guess", START + 120000, &wait));
	CU_ASSERT_EQUAL(wait, COST_MS / 1000);
	CU_ASSERT(allows(ADDRESS, "guess", START + 120000 + COST_MS, &wait));
	end();
}

static void test_right_keys(void)
{
	int64_t wait;

	begin();
	note(ADDRESS, "right", START, true);
	for (int i = 0; i < LIMIT; i++)
		(void)guess(ADDRESS, i, START);
	CU_ASSERT(allows(ADDRESS, "right", START, &wait));
	CU_ASSERT(!allows(ADDRESS, "right ", START, &wait));
	/* As good as any other from where it was never right. */
	for (int i = 0; i < LIMIT; i++)
		(void)guess("192.0.2.2", i, START);
	CU_ASSERT(!allows("192.0.2.2", "right", START, &wait));
	/* Revoked, it is found wrong, and is one of the others. */
	note(ADDRESS, "right", START, false);
	CU_ASSERT(!allows(ADDRESS, "right", START, &wait));
	end();
}

static void test_addresses(void)
{
	static const struct {
		unsigned line;
		const char *guesser, *other;
		bool same;
	} cases[] = {
		{ __LINE__, "192.0.2.1", "192.0.2.1", true },
		{ __LINE__, "192.0.2.1", "192.0.2.2", false },
		{ __LINE__, "2001:db8::1", "2001:db8::2", true },
		{ __LINE__, "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
		{ __LINE__, "2001:db8::1", "2001:db8:0:1::1", false },
		{ __LINE__, "192.0.2.1", "::192.0.2.1", false },
		{ __LINE__, "", "", true },
		{ __LINE__, "unix:", "unix:", true },
		{ __LINE__, "", "unix:", false },
	};
	int64_t wait;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin();
		for (int k = 0; k < LIMIT; k++)
			(void)guess(cases[i].guesser, k, START);
		CHECK_ROW(allows(cases[i].other, "key", START, &wait) == !cases[i].same,
		    cases[i].line, "shared");
		end();
	}
}

/* Far more addresses and keys than are remembered: the busiest guesser still is. */
static void test_bounded(void)
{
	char address[32], key[32];
	int64_t wait;

	begin();
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(
		    address, sizeof address, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		(void)snprintf(key, sizeof key, "key %d", i);
		note(address, key, START, false);
		note(address, key, START, true);
		(void)guess(ADDRESS, i, START);
	}
	CU_ASSERT(!allows(ADDRESS, "key", START, &wait));
	CU_ASSERT(allows(address, key, START, &wait));
	end();
}

static void test_none(void)
{
	int64_t wait;

	CU_ASSERT(allows(ADDRESS, "key", START, &wait));
	note(ADDRESS, "key", START, false);
	key_guard_free(NULL);
}

const struct unit_test unit_tests[] = {
	{ "so many a minute", test_so_many_a_minute },
	{ "over an hour", test_over_an_hour },
	{ "at the same time", test_at_the_same_time },
	{ "right keys", test_right_keys },
	{ "addresses", test_addresses },
	{ "bounded", test_bounded },
	{ "no guard", test_none },
	{ NULL, NULL },
};
