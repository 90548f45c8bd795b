#include "core/date.h"

#include <string.h>
#include <time.h>

#include "unit/unit.h"

enum { NO = -1000000 };

static void test_parse(void)
{
	static const struct {
		unsigned line;
		const char *text;
		int64_t days; /* NO: not a date */
	} cases[] = {
		{ __LINE__, "1970-01-01", 0 },
		{ __LINE__, "1969-12-31", -1 },
		{ __LINE__, "2000-02-29", 11016 },
		{ __LINE__, "2000-03-01", 11017 },
		{ __LINE__, "2024-02-29", 19782 },
		{ __LINE__, "2026-01-17", 20470 },
		{ __LINE__, "1900-01-01", -25567 },
		{ __LINE__, "9999-12-31", 2932896 },
		{ __LINE__, "2023-02-29", NO },
		{ __LINE__, "1900-02-29", NO },
		{ __LINE__, "2100-02-29", NO },
		{ __LINE__, "2026-04-31", NO },
		{ __LINE__, "2026-01-32", NO },
		{ __LINE__, "2026-01-00", NO },
		{ __LINE__, "2026-00-01", NO },
		{ __LINE__, "2026-13-01", NO },
		{ __LINE__, "0000-01-01", NO },
		{ __LINE__, "1899-12-31", NO },
		{ __LINE__, "", NO },
		{ __LINE__, "2026", NO },
		{ __LINE__, "2026-1-17", NO },
		{ __LINE__, "2026-01-7", NO },
		{ __LINE__, "2026-01-170", NO },
		{ __LINE__, "2026/01/17", NO },
		{ __LINE__, " 2026-01-17", NO },
		{ __LINE__, "2026-01-17 ", NO },
		{ __LINE__, "2026-01-17T00:00:00Z", NO },
		{ __LINE__, "+026-01-17", NO },
		{ __LINE__, "-026-01-17", NO },
		{ __LINE__, "2026-01-1x", NO },
		{ __LINE__, "today", NO },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t days = NO;
		char back[DATE_TEXT];
		bool ok = date_parse(cases[i].text, &days);

		CHECK_ROW(ok == (cases[i].days != NO), cases[i].line, cases[i].text);
		CHECK_ROW(days == cases[i].days, cases[i].line, cases[i].text);
		if (ok) {
			date_format(days, back);
			CHECK_STR_ROW(back, cases[i].text, cases[i].line);
		}
	}
}

/* From 1900 to 9999: the calendar of the C library, and back. */
static void test_every_day(void)
{
	int wrong = 0;

	for (int64_t day = -25567; day <= 2932896; day++) {
		time_t at = (time_t)day * 86400;
		char text[DATE_TEXT], want[DATE_TEXT];
		int64_t back = NO;
		struct tm tm;

		if (day % 7 != 0 && day % 365 > 3) /* a sample that meets every turn of a year */
			continue;
		(void)gmtime_r(&at, &tm);
		(void)snprintf(want, sizeof want, "%04u-%02u-%02u",
		    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		    (unsigned)tm.tm_mday % 100);
		date_format(day, text);
		wrong += strcmp(text, want) != 0 || !date_parse(text, &back) || back != day;
	}
	CU_ASSERT(wrong == 0);
}

static void test_today(void)
{
	int64_t before = (int64_t)time(NULL) / 86400, today = date_today();

	CU_ASSERT(today >= before && today <= (int64_t)time(NULL) / 86400);
}

const struct unit_test unit_tests[] = {
	{ "dates that are and are not", test_parse },
	{ "as the C library counts them", test_every_day },
	{ "today", test_today },
	{ NULL, NULL },
};
