#include "http/tenant.h"

#include "unit/unit.h"

#define C63 "a23456789012345678901234567890123456789012345678901234567890123"

static void test_valid(void)
{
	static const struct {
		unsigned line;
		const char *id;
		bool want;
	} cases[] = {
		{ __LINE__, "default", true },
		{ __LINE__, "a", true },
		{ __LINE__, "0", true },
		{ __LINE__, "pilot-2_x", true },
		{ __LINE__, C63, true },
		{ __LINE__, C63 "4", false },
		{ __LINE__, "", false },
		{ __LINE__, "-a", false },
		{ __LINE__, "_a", false },
		{ __LINE__, "Pilot", false },
		{ __LINE__, "a b", false },
		{ __LINE__, "a/b", false },
		{ __LINE__, "..", false },
		{ __LINE__, "a'", false },
		{ __LINE__, "\xC4\xB1", false },
		{ __LINE__, "a\n", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CHECK_ROW(
		    tenant_id_valid(cases[i].id) == cases[i].want, cases[i].line, cases[i].id);
}

static void test_from_query(void)
{
	static const struct {
		unsigned line;
		const char *query;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ __LINE__, "", "default" },
		{ __LINE__, "x=1", "default" },
		{ __LINE__, "tenant_id=pilot", "pilot" },
		{ __LINE__, "tenant_id=%70ilot", "pilot" },
		{ __LINE__, "tenant_id=" C63, C63 },
		{ __LINE__, "tenant_id=" C63 "4", NULL },
		{ __LINE__, "tenant_id=", NULL },
		{ __LINE__, "tenant_id", NULL },
		{ __LINE__, "tenant_id=%00", NULL },
		{ __LINE__, "tenant_id=pilot%0A", NULL },
		{ __LINE__, "tenant_id=pilot+", NULL },
		{ __LINE__, "tenant_id=PILOT", NULL },
		{ __LINE__, "tenant_id=pilot&tenant_id=pilot", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[TENANT_ID_SIZE] = "before";
		struct err e = { .rc = RC_OK };
		enum rc rc = tenant_from_query(cases[i].query, out, &e);
		bool ok = cases[i].want != NULL;

		CHECK_ROW(rc == (ok ? RC_OK : RC_INVALID), cases[i].line, cases[i].query);
		CHECK_STR_ROW(out, ok ? cases[i].want : "before", cases[i].line);
		CHECK_STR_ROW(e.code, ok ? "" : "invalid_tenant_id", cases[i].line);
	}
}

static void test_for_principal(void)
{
	static const struct principal nobody = { .kind = PRINCIPAL_NONE },
				      any = { .kind = PRINCIPAL_CLIENT },
				      pilot = { .kind = PRINCIPAL_CLIENT, .tenant_id = "pilot" },
				      admin = { .kind = PRINCIPAL_ADMIN };
	static const struct {
		unsigned line;
		const struct principal *who;
		const char *query;
		const char *code; /* "": allowed */
	} cases[] = {
		{ __LINE__, &any, "tenant_id=other", "" },
		{ __LINE__, &admin, "tenant_id=other", "" },
		{ __LINE__, &pilot, "tenant_id=pilot", "" },
		{ __LINE__, &pilot, "tenant_id=other", "wrong_tenant" },
		{ __LINE__, &pilot, "tenant_id=pilot2", "wrong_tenant" },
		{ __LINE__, &pilot, "tenant_id=pilo", "wrong_tenant" },
		{ __LINE__, &pilot, "", "wrong_tenant" },
		{ __LINE__, &pilot, "tenant_id=..", "wrong_tenant" },
		{ __LINE__, &pilot, "tenant_id=pilot&tenant_id=other", "wrong_tenant" },
		{ __LINE__, &any, "tenant_id=..", "invalid_tenant_id" },
		{ __LINE__, &any, "tenant_id=%zz", "invalid_tenant_id" },
		{ __LINE__, &nobody, "tenant_id=pilot", "wrong_tenant" },
		{ __LINE__, &nobody, "", "wrong_tenant" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[TENANT_ID_SIZE];
		struct err e = { .rc = RC_OK };
		enum rc rc = tenant_for_principal(cases[i].who, cases[i].query, out, &e);

		CHECK_STR_ROW(e.code, cases[i].code, cases[i].line);
		CHECK_ROW(
		    (rc == RC_OK) == (cases[i].code[0] == '\0'), cases[i].line, cases[i].query);
	}
}

const struct unit_test unit_tests[] = {
	{ "what a tenant id is", test_valid },
	{ "tenant from the query", test_from_query },
	{ "tenant of a principal", test_for_principal },
	{ NULL, NULL },
};
