/*
 * A unit test program is one *_test.c that defines this table, linked with main.c.  Cases
 * are tables whose rows carry __LINE__, so that a failure names its own row.
 */
#ifndef MIZAN_TESTS_UNIT_H
#define MIZAN_TESTS_UNIT_H

#include <stdbool.h>

#include <CUnit/CUnit.h>

struct unit_test {
	const char *name;
	void (*run)(void);
};

/* Ends with a row whose name is NULL. */
extern const struct unit_test unit_tests[];

/*
 * A program that needs what may be missing (a database) defines this: why its tests cannot run
 * here, or NULL when they can.
 */
const char *unit_missing(void) __attribute__((weak));

/* Leave a test for want of something: it counts as skipped unless a check of it failed. */
void unit_skip(const char *why);

/* Check a table's row: `what` and the row's own line stand in the report. */
#define CHECK_ROW(ok, line, what)                                                                  \
	(void)CU_assertImplementation((ok), (line), (what), __FILE__, __func__, CU_FALSE)

/* Two strings are equal; NULL equals only NULL.  The report shows both. */
void check_str(const char *got, const char *want, unsigned line, const char *file);
#define CHECK_STR(got, want)           check_str((got), (want), __LINE__, __FILE__)
#define CHECK_STR_ROW(got, want, line) check_str((got), (want), (line), __FILE__)

#endif
