#include "http/page.h"

#include "unit/unit.h"

#define UUID "00000000-0000-4000-8000-00000000000a"

static void test_page(void)
{
	static const struct {
		unsigned line;
		const char *query;
		bool with_id;
		const char *code; /* NULL: read as the next two */
		const char *limit, *cursor;
	} cases[] = {
		{ __LINE__, "", true, NULL, "50", "" },
		{ __LINE__, "limit=1", true, NULL, "1", "" },
		{ __LINE__, "limit=200&cursor=12." UUID, true, NULL, "200", "12." UUID },
		{ __LINE__, "cursor=999999999999999999", false, NULL, "50", "999999999999999999" },
		{ __LINE__, "limit=0", true, "invalid_query", "", "" },
		{ __LINE__, "limit=201", true, "invalid_query", "", "" },
		{ __LINE__, "limit=ten", true, "invalid_query", "", "" },
		{ __LINE__, "limit=1&limit=2", true, "invalid_query", "", "" },
		{ __LINE__, "cursor=", false, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=", true, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=9999999999999999999", false, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=-1", false, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=12", true, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=12." UUID, false, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=12." UUID "0", true, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=." UUID, true, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=1&cursor=1", false, "invalid_cursor", "", "" },
		{ __LINE__, "cursor=%zz", false, "invalid_cursor", "", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct page page = { .limit = "x" };
		struct err e = { .code = "" };
		enum rc rc = page_from_query(cases[i].query, cases[i].with_id, &page, &e);

		CHECK_ROW(
		    rc == (cases[i].code == NULL ? RC_OK : RC_INVALID), cases[i].line, "outcome");
		CHECK_STR_ROW(e.code, cases[i].code == NULL ? "" : cases[i].code, cases[i].line);
		CHECK_STR_ROW(
		    page.limit, cases[i].code == NULL ? cases[i].limit : "x", cases[i].line);
		CHECK_STR_ROW(page.cursor, cases[i].cursor, cases[i].line);
	}
}

const struct unit_test unit_tests[] = {
	{ "limit and cursor", test_page },
	{ NULL, NULL },
};
