#include "openai/headers.h"

#include <string.h>

#include "unit/unit.h"

static void add_all(struct openai_headers *h, const char *const *lines)
{
	for (; *lines != NULL; lines++)
		openai_headers_add(h, *lines, strlen(*lines));
}

static void values_are_noted(void)
{
	static const char *const lines[] = {
		"HTTP/1.1 200 OK\r\n",
		"X-Request-ID:  req_\x01"
		"abc\xc3\xa7 \t\r\n",
		"retry-after:5\r\n",
		"retry-after-msx: 9\r\n",
		"Set-Cookie: a=b\r\n",
		": nameless\r\n",
		"\r\n",
		NULL,
	};
	struct openai_headers h = { .date = "" };
	char long_line[400] = "x-request-id: ";

	add_all(&h, lines);
	CHECK_STR(h.request_id, "req_abc");
	CHECK_STR(h.retry_after, "5");
	CHECK_STR(h.retry_after_ms, "");
	memset(long_line + strlen(long_line), 'z', 300);
	openai_headers_add(&h, long_line, strlen(long_line));
	CU_ASSERT_EQUAL(strlen(h.request_id), sizeof h.request_id - 1);
	CHECK_STR(h.retry_after, "5");
}

static void waits(void)
{
	static const struct {
		unsigned line;
		const char *headers[5];
		int64_t want;
	} rows[] = {
		{ __LINE__, { NULL }, -1 },
		{ __LINE__, { "retry-after-ms: 1500" }, 1500 },
		{ __LINE__, { "retry-after-ms: 0" }, 0 },
		{ __LINE__, { "retry-after-ms: 12.2" }, 13 },
		{ __LINE__, { "retry-after-ms: -5" }, -1 },
		{ __LINE__, { "retry-after-ms: soon" }, -1 },
		{ __LINE__, { "retry-after-ms: nan" }, -1 },
		{ __LINE__, { "retry-after-ms: inf" }, -1 },
		{ __LINE__, { "retry-after-ms: 1e999" }, OPENAI_MAX_RETRY_AFTER_MS },
		{ __LINE__, { "retry-after: 20" }, 20000 },
		{ __LINE__, { "retry-after: 20", "retry-after-ms: 250" }, 250 },
		{ __LINE__, { "retry-after: 20", "retry-after-ms: x" }, 20000 },
		{ __LINE__, { "retry-after: 3601" }, OPENAI_MAX_RETRY_AFTER_MS },
		{ __LINE__, { "retry-after: 99999999999999999999" }, OPENAI_MAX_RETRY_AFTER_MS },
		{ __LINE__, { "retry-after: 20 s" }, -1 },
		/* the provider's own clock decides, never ours */
		{ __LINE__,
		    { "retry-after: Sat, 01 Jan 2028 00:00:30 GMT",
			"date: Sat, 01 Jan 2028 00:00:25 GMT" },
		    5000 },
		{ __LINE__,
		    { "retry-after: Fri, 31 Dec 2027 23:59:59 GMT",
			"date: Sat, 01 Jan 2028 00:00:00 GMT" },
		    0 },
		{ __LINE__,
		    { "retry-after: Sat, 01 Jan 2028 09:00:00 GMT",
			"date: Sat, 01 Jan 2028 00:00:00 GMT" },
		    OPENAI_MAX_RETRY_AFTER_MS },
		{ __LINE__, { "retry-after: Sat, 01 Jan 2128 00:00:30 GMT" }, -1 },
		{ __LINE__, { "retry-after: Sat, 01 Jan 2128 00:00:30 GMT", "date: today" }, -1 },
		/* when the budget is full again is not how long to wait */
		{ __LINE__,
		    { "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 6m0s" },
		    -1 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct openai_headers h = { .date = "" };

		add_all(&h, rows[i].headers);
		CHECK_ROW(openai_headers_retry_after_ms(&h) == rows[i].want, rows[i].line,
		    rows[i].headers[0]);
	}
}

const struct unit_test unit_tests[] = {
	{ "values are noted", values_are_noted },
	{ "waits", waits },
	{ NULL, NULL },
};
