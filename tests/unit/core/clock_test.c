#include "core/clock.h"

#include <string.h>
#include <time.h>

#include "unit/unit.h"

static void test_monotonic(void)
{
	const struct timespec nap = { .tv_nsec = 20 * 1000 * 1000 };
	int64_t before = clock_ms(), last = before, after;

	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_ms();
		CU_ASSERT_FATAL(now >= last);
		last = now;
	}
	before = clock_ms();
	(void)nanosleep(&nap, NULL);
	after = clock_ms();
	CU_ASSERT(after - before >= 19 && after - before < 5000);
}

/* Read back, the text is the present moment, in UTC, to the millisecond. */
static void test_rfc3339(void)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	char text[CLOCK_TEXT];
	struct tm tm = { 0 };
	time_t before = time(NULL), then;

	clock_rfc3339(text);
	CU_ASSERT_FATAL(strlen(text) == sizeof form - 1);
	for (size_t i = 0; form[i] != '\0'; i++)
		CU_ASSERT(form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i]);
	CU_ASSERT_FATAL(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == text + 19);
	then = timegm(&tm);
	CU_ASSERT(then >= before - 1 && then <= time(NULL) + 1);
}

const struct unit_test unit_tests[] = {
	{ "milliseconds never go back", test_monotonic },
	{ "RFC 3339, UTC", test_rfc3339 },
	{ NULL, NULL },
};
