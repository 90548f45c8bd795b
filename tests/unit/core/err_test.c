#include "core/err.h"

#include <string.h>

#include "unit/unit.h"

static void test_set(void)
{
	struct err e = { .rc = RC_OK };

	CU_ASSERT(
	    err_set(&e, RC_INVALID, "empty_file", "%s holds %d bytes", "it", 0) == RC_INVALID);
	CU_ASSERT(e.rc == RC_INVALID);
	CHECK_STR(e.code, "empty_file");
	CHECK_STR(e.msg, "it holds 0 bytes");
	CU_ASSERT(err_set(NULL, RC_CONFLICT, "x", "%d", 1) == RC_CONFLICT);
}

static void test_cut(void)
{
	char longer[400];
	struct err e;

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	(void)err_set(&e, RC_INTERNAL, longer, "%s", longer);
	CU_ASSERT(strlen(e.code) == sizeof e.code - 1);
	CU_ASSERT(strlen(e.msg) == sizeof e.msg - 1);
	CU_ASSERT(e.rc == RC_INTERNAL);
}

static void test_no_memory(void)
{
	struct err e = { .rc = RC_OK };

	CU_ASSERT(err_no_memory(&e) == RC_UNAVAILABLE && e.rc == RC_UNAVAILABLE);
	CHECK_STR(e.code, "out_of_memory");
	CU_ASSERT(err_no_memory(NULL) == RC_UNAVAILABLE);
}

const struct unit_test unit_tests[] = {
	{ "code and message", test_set },
	{ "what does not fit is cut", test_cut },
	{ "out of memory", test_no_memory },
	{ NULL, NULL },
};
