/*
 * An operation with each call that it makes failing in turn: the first, the second and so on,
 * until it comes through without one; and with all calls failing from one in it on.
 */
#ifndef MIZAN_TESTS_UNIT_EACH_H
#define MIZAN_TESTS_UNIT_EACH_H

#include <stdbool.h>
#include <stdio.h>

#include "core/clock.h"
#include "torture/fail_nth.h"
#include "unit/unit.h"

enum verdict {
	RIGHT,   /* it did what it does when nothing fails */
	REFUSED, /* it said that it could not, in the way it should */
	WRONG,   /* anything else */
};

/* Only run is a must.  Between open and close no block of memory may be left over. */
struct each_case {
	void (*setup)(void *arg); /* what it needs */
	void (*open)(void *arg);  /* what it works with */
	enum verdict (*run)(void *arg);
	void (*close)(void *arg);
	/* Whether the rest of the world is as it should be after that. */
	bool (*verify)(void *arg, enum verdict);
};

enum {
	EACH_MAX = 100000, /* calls of one operation; more are a loop without end */
	EACH_MS = 1500,    /* longer is a wait for what does not come */
	EACH_STARTS = 25,  /* of failures that do not end */
	EACH_SHOWN = 10,   /* what is wrong of one operation */
};

struct each_run {
	const struct each_case *of;
	void *arg;
	const char *name;
	struct fail_point *point;
	uint32_t n; /* the call that fails */
	bool for_good;
	unsigned wrong;
};

static inline void each_arm(struct fail_point *p, uint32_t at, uint32_t until)
{
	p->count = p->fired = 0;
	p->until = until;
	__atomic_store_n(&p->at, at, __ATOMIC_RELEASE);
}

static inline void each_call(void (*f)(void *), void *arg)
{
	if (f != NULL)
		f(arg);
}

static inline void each_judge(
    struct each_run *r, enum verdict verdict, int64_t blocks, int64_t ms, bool verified)
{
	bool fired = r->point->fired > 0;
	bool ok = verdict != WRONG && (fired || verdict == RIGHT) && blocks == 0 && ms < EACH_MS &&
		  verified;
	char what[200];

	(void)snprintf(what, sizeof what, "%s, call %u%s (%s): %s, %lld blocks left, %lld ms%s",
	    r->name, (unsigned)r->n, r->for_good ? " and all after it" : "",
	    fired ? r->point->what : "none failed", verdict == WRONG ? "wrong" : "right",
	    (long long)blocks, (long long)ms, verified ? "" : ", and something is amiss after it");
	CHECK_ROW(ok, __LINE__, what);
	r->wrong += !ok;
}

/* Blocks that are left over by what is between open and close. */
static inline int64_t each_measure(struct each_run *r, enum verdict *ret_verdict, int64_t *ret_ms)
{
	int64_t blocks, began;

	each_call(r->of->setup, r->arg);
	blocks = fail_nth_live_blocks();
	each_call(r->of->open, r->arg);
	began = clock_ms();
	each_arm(r->point, r->n, r->for_good ? UINT32_MAX : r->n + 1);
	*ret_verdict = r->of->run(r->arg);
	__atomic_store_n(&r->point->at, 0, __ATOMIC_RELEASE);
	*ret_ms = clock_ms() - began;
	each_call(r->of->close, r->arg);
	return fail_nth_live_blocks() - blocks;
}

/*
 * False: the operation made fewer than n calls.  What is left over once may be what a library
 * makes on first use and keeps; a leak is there again.
 */
static inline bool each_nth(struct each_run *r)
{
	enum verdict verdict;
	int64_t ms, blocks = each_measure(r, &verdict, &ms);
	bool verified = r->of->verify == NULL || r->of->verify(r->arg, verdict);

	if (blocks != 0) {
		blocks = each_measure(r, &verdict, &ms);
		verified = r->of->verify == NULL || r->of->verify(r->arg, verdict);
	}
	if (r->n == EACH_MAX)
		CHECK_ROW(verdict == RIGHT && verified, __LINE__, r->name);
	else
		each_judge(r, verdict, blocks, ms, verified);
	return r->point->fired > 0;
}

/* How many calls it makes.  The first run, without a failure, pays what is paid once. */
static inline uint32_t each(
    enum fail_class class, const struct each_case *of, void *arg, const char *name)
{
	struct each_run r = { .of = of,
		.arg = arg,
		.name = name,
		.point = &fail_nth()->points[class],
		.n = EACH_MAX };
	uint32_t calls;

	(void)each_nth(&r);
	for (r.n = 1; r.n < EACH_MAX && r.wrong < EACH_SHOWN && each_nth(&r); r.n++)
		continue;
	CHECK_ROW(r.n < EACH_MAX, __LINE__, name);
	calls = r.n - 1;
	r.for_good = true;
	for (r.n = 1; r.n <= calls && r.wrong < EACH_SHOWN; r.n += 1 + calls / EACH_STARTS)
		(void)each_nth(&r);
	return calls;
}

#endif
