/*
 * An operation with each call that it makes failing in turn: the first, the second and so on,
 * until it comes through without one.  Once that call alone fails, once all after it as well.
 */
#ifndef MIZAN_TESTS_UNIT_EACH_H
#define MIZAN_TESTS_UNIT_EACH_H

#include <stdbool.h>
#include <stdio.h>

#include "torture/fail_nth.h"
#include "unit/unit.h"

enum verdict {
	RIGHT,   /* it did what it does when nothing fails */
	REFUSED, /* it said that it could not, in the way it should */
	WRONG,   /* anything else */
};
typedef enum verdict each_operation(void *arg);

enum { EACH_MAX = 100000 /* calls of one operation; more are a loop without end */ };

static inline void each_arm(struct fail_point *p, uint32_t at, uint32_t until)
{
	p->count = p->fired = 0;
	p->until = until;
	__atomic_store_n(&p->at, at, __ATOMIC_RELEASE);
}

/* False: the operation made fewer than n calls. */
static inline bool each_nth(struct fail_point *p, uint32_t n, bool for_good, each_operation *op,
    void *arg, const char *name, bool *ret_ok)
{
	int64_t before = fail_nth_live_blocks(), after;
	enum verdict verdict;
	char what[200];

	each_arm(p, n, for_good ? UINT32_MAX : n + 1);
	verdict = op(arg);
	__atomic_store_n(&p->at, 0, __ATOMIC_RELEASE);
	after = fail_nth_live_blocks();
	if (p->fired == 0)
		(void)snprintf(what, sizeof what, "%s, with no failure", name);
	else
		(void)snprintf(what, sizeof what, "%s, call %u%s (%s): %s, %lld blocks left", name,
		    (unsigned)n, for_good ? " and all after it" : "", p->what,
		    verdict == WRONG ? "wrong" : "right", (long long)(after - before));
	*ret_ok = verdict != WRONG && (p->fired > 0 || verdict == RIGHT) && after == before;
	CHECK_ROW(*ret_ok, __LINE__, what);
	return p->fired > 0;
}

/* How many calls it makes.  The first run, uncounted, pays what is paid once. */
static inline uint32_t each(enum fail_class class, each_operation *op, void *arg, const char *name)
{
	struct fail_point *p = &fail_nth()->points[class];
	uint32_t calls = 0;

	CHECK_ROW(op(arg) == RIGHT, __LINE__, name);
	for (int for_good = 0; for_good < 2; for_good++) {
		uint32_t n = 1, wrong = 0;
		bool ok = true;

		while (n < EACH_MAX && wrong < 10 && each_nth(p, n, for_good, op, arg, name, &ok)) {
			wrong += !ok;
			n++;
		}
		CHECK_ROW(n < EACH_MAX, __LINE__, name);
		calls = n - 1;
	}
	return calls;
}

#endif
