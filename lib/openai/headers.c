#include "openai/headers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

static const struct {
	const char *name;
	size_t offset, size;
} known[] = {
#define KNOWN(name, field)                                                                         \
	{                                                                                          \
		name, offsetof(struct openai_headers, field),                                      \
		    sizeof((struct openai_headers *)NULL)->field                                   \
	}
	KNOWN("date", date),
	KNOWN("x-request-id", request_id),
	KNOWN("retry-after", retry_after),
	KNOWN("retry-after-ms", retry_after_ms),
#undef KNOWN
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A value's printable ASCII, trimmed, as much as fits. */
static void note(char *out, size_t size, const char *value, size_t len)
{
	size_t n = 0;

	while (len > 0 && is_blank(*value))
		value++, len--;
	while (len > 0 && is_blank(value[len - 1]))
		len--;
	for (size_t i = 0; i < len && n < size - 1; i++)
		if (value[i] >= ' ' && value[i] <= '~')
			out[n++] = value[i];
	out[n] = '\0';
}

void openai_headers_add(struct openai_headers *h, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon != NULL ? (size_t)(colon - line) : 0;

	for (size_t i = 0; colon != NULL && i < sizeof known / sizeof known[0]; i++)
		if (strlen(known[i].name) == name_len &&
		    strncasecmp(known[i].name, line, name_len) == 0)
			note((char *)h + known[i].offset, known[i].size, colon + 1,
			    len - name_len - 1);
}

/* A duration in milliseconds, rounded up and bounded; -1 for one that makes no sense. */
static int64_t bounded_ms(double ms)
{
	if (!(ms >= 0))
		return -1;
	if (ms >= (double)OPENAI_MAX_RETRY_AFTER_MS)
		return OPENAI_MAX_RETRY_AFTER_MS;
	return (int64_t)ms + (ms > (double)(int64_t)ms);
}

/* An unsigned decimal number of units that last unit_ms each. */
static int64_t from_number(const char *text, double unit_ms)
{
	char *end;
	double value;

	if (*text < '0' || *text > '9')
		return -1;
	value = strtod(text, &end);
	return *end == '\0' ? bounded_ms(value * unit_ms) : -1;
}

static int64_t from_date(const struct openai_headers *h)
{
	time_t until = curl_getdate(h->retry_after, NULL), now = curl_getdate(h->date, NULL);

	if (until == -1 || now == -1)
		return -1;
	return until > now ? bounded_ms(1000.0 * (double)(until - now)) : 0;
}

int64_t openai_headers_retry_after_ms(const struct openai_headers *h)
{
	int64_t ms = from_number(h->retry_after_ms, 1);

	if (ms < 0)
		ms = from_number(h->retry_after, 1000);
	return ms >= 0 ? ms : from_date(h);
}
