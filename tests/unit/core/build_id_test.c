#include "core/build_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static void test_environment(void)
{
	const char *id;

	(void)setenv("BUILD_ID", "release-7", 1);
	CHECK_STR(build_id(), "release-7");
	(void)setenv("BUILD_ID", "", 1);
	id = build_id();
	CU_ASSERT(id[0] != '\0');
	(void)unsetenv("BUILD_ID");
	CHECK_STR(build_id(), id);
	CU_ASSERT(strcmp(id, "unknown") == 0 ||
		  (strncmp(id, "git:", 4) == 0 && strlen(id) >= 11 &&
		      strspn(id + 4, "0123456789abcdef") == strlen(id + 4)));
}

/* The newest migration's number, as the folder has it. */
static void test_schema(void)
{
	FILE *p =
	    popen("ls sql | sed -n 's/^0*\\([0-9]*\\)_.*[.]sql$/\\1/p' | sort -n | tail -n 1", "r");
	char line[32] = "";

	CU_ASSERT_FATAL(p != NULL);
	if (fgets(line, sizeof line, p) == NULL)
		unit_skip("sql/ is not below the current directory");
	else
		CU_ASSERT(strtol(line, NULL, 10) == build_schema_version());
	(void)pclose(p);
	CU_ASSERT(build_schema_version() > 0);
}

const struct unit_test unit_tests[] = {
	{ "BUILD_ID, else the commit, else unknown", test_environment },
	{ "the schema's version", test_schema },
	{ NULL, NULL },
};
