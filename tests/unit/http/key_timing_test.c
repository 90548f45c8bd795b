/*
 * Does the time that key_equal() takes tell anything about the key it expects?  Keys that are
 * right, wrong at the first character, wrong at the last and wrong throughout are tried in turn, in
 * an order drawn anew each time; 10,000 times in `make torture`, and fewer otherwise.
 *
 * A difference counts only if it is both sure and large enough to be of use: a sign test over the
 * pairs of one turn beyond five standard deviations (once in 1.7 million runs by chance), and
 * medians over two percent apart.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/random.h"
#include "http/key.h"
#include "unit/unit.h"

enum { RIGHT, FIRST_WRONG, LAST_WRONG, ALL_WRONG, CLASSES, KEY = 43, CALLS = 25, TRIES = 10000 };

static const char *const names[CLASSES] = {
	"right",
	"wrong at the first",
	"wrong at the last",
	"wrong throughout",
};

static double took[CLASSES][TRIES], difference[TRIES];
static volatile int equal; /* so that no call is left out */

static double now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* All keys are tried from the same place in memory. */
static double try_key(const char *key, const char *expected)
{
	static char given[KEY + 1];
	double began;

	memcpy(given, key, sizeof given);
	began = now_ns();
	for (int i = 0; i < CALLS; i++)
		equal += key_equal(given, expected);
	return (now_ns() - began) / CALLS;
}

static void make_keys(char keys[CLASSES][KEY + 1])
{
	static const char other[] = "badcfehgjilknmporqtsvuxwzy";

	for (int i = 0; i < KEY; i++) {
		char c = (char)('a' + random_below(26));

		for (int k = 0; k < CLASSES; k++)
			keys[k][i] = c;
		keys[ALL_WRONG][i] = other[c - 'a'];
	}
	for (int k = 0; k < CLASSES; k++)
		keys[k][KEY] = '\0';
	keys[FIRST_WRONG][0] = keys[ALL_WRONG][0];
	keys[LAST_WRONG][KEY - 1] = keys[ALL_WRONG][KEY - 1];
}

static void measure(void)
{
	char keys[CLASSES][KEY + 1], expected[KEY + 1];

	make_keys(keys);
	memcpy(expected, keys[RIGHT], sizeof expected);
	for (size_t i = 0; i < TRIES; i++) {
		int order[CLASSES] = { RIGHT, FIRST_WRONG, LAST_WRONG, ALL_WRONG };

		for (size_t k = CLASSES; k > 0; k--) {
			size_t drawn = random_below(k);
			int class = order[drawn];

			order[drawn] = order[k - 1];
			took[class][i] = try_key(keys[class], expected);
		}
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, by_size);
	return values[n / 2];
}

static void compare(int a, int b, double typical)
{
	long longer = 0, shorter = 0;
	double off, sure;
	char report[160];

	for (size_t i = 0; i < TRIES; i++) {
		difference[i] = took[a][i] - took[b][i];
		longer += difference[i] > 0;
		shorter += difference[i] < 0;
	}
	off = median(difference, TRIES);
	/* squared, as is the bound: (longer - shorter) / sqrt(longer + shorter) */
	sure = longer + shorter > 0 ? (double)(longer - shorter) * (double)(longer - shorter) /
					  (double)(longer + shorter)
				    : 0;
	(void)snprintf(report, sizeof report, "%s against %s: %.2f ns of %.0f ns, z*z = %.1f",
	    names[a], names[b], off, typical, sure);
	(void)printf("  %s\n", report);
	CHECK_ROW(sure < 25 || (off < 0.02 * typical && off > -0.02 * typical), __LINE__, report);
}

static void test_time_tells_nothing(void)
{
	double typical;

	measure();
	memcpy(difference, took[ALL_WRONG], sizeof difference);
	typical = median(difference, TRIES);
	compare(RIGHT, FIRST_WRONG, typical);
	compare(RIGHT, LAST_WRONG, typical);
	compare(RIGHT, ALL_WRONG, typical);
	compare(FIRST_WRONG, LAST_WRONG, typical);
}

const struct unit_test unit_tests[] = {
	{ "the time tells nothing", test_time_tells_nothing },
	{ NULL, NULL },
};
