/*
 * Runs the unit_tests[] of one test file; exit status 1 when any check failed.  Each test that
 * was skipped has a line "skipped: TEST: WHY".
 */
#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>

#include "unit/unit.h"

void check_str(const char *got, const char *want, unsigned line, const char *file)
{
	char what[512];
	bool ok = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);

	(void)snprintf(what, sizeof what, "got '%s', want '%s'", got != NULL ? got : "(null)",
	    want != NULL ? want : "(null)");
	(void)CU_assertImplementation(ok, line, what, file, "", CU_FALSE);
}

void unit_skip(const char *why)
{
	(void)printf("\nskipped: %s: %s\n", CU_get_current_test()->pName, why);
}

static int skip_all(const char *why)
{
	for (const struct unit_test *t = unit_tests; t->name != NULL; t++)
		(void)printf("skipped: %s: %s\n", t->name, why);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	CU_pSuite suite;
	unsigned failures;

	(void)argc;
	if (unit_missing != NULL && unit_missing() != NULL)
		return skip_all(unit_missing());
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	suite = CU_add_suite(name != NULL ? name + 1 : argv[0], NULL, NULL);
	for (const struct unit_test *t = unit_tests; t->name != NULL; t++)
		if (CU_add_test(suite, t->name, t->run) == NULL)
			return 2;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}
