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
	KNOWN("x-ratelimit-remaining-requests", remaining_requests),
	KNOWN("x-ratelimit-remaining-tokens", remaining_tokens),
	KNOWN("x-ratelimit-reset-requests", reset_requests),
	KNOWN("x-ratelimit-reset-tokens", reset_tokens),
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

/* An unsigned decimal number at *p, which moves past it; -1: there is none. */
static double take_number(const char **p)
{
	char *end;
	double value;

	if (**p < '0' || **p > '9')
		return -1;
	value = strtod(*p, &end);
	*p = end;
	return value;
}

/* A bare number of units that last unit_ms each. */
static int64_t from_number(const char *text, double unit_ms)
{
	double value = take_number(&text);

	return *text == '\0' ? bounded_ms(value * unit_ms) : -1;
}

static int64_t from_date(const struct openai_headers *h, int64_t received_at)
{
	time_t until = curl_getdate(h->retry_after, NULL), now = curl_getdate(h->date, NULL);

	if (until == -1)
		return -1;
	if (now == -1)
		now = (time_t)received_at;
	return until > now ? bounded_ms(1000.0 * (double)(until - now)) : 0;
}

/* 6m0s, 1h2m, 20ms, 1.5s: Go's way to print a duration. */
static int64_t from_duration(const char *p)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {
		{ "ms", 1 }, /* before "m", which it starts with */
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600000 },
		{ "d", 86400000 },
	};
	double total = 0;

	if (*p == '\0')
		return -1;
	while (*p != '\0') {
		double value = take_number(&p);
		size_t i = 0;

		while (i < sizeof units / sizeof units[0] &&
		       strncmp(p, units[i].name, strlen(units[i].name)) != 0)
			i++;
		if (value < 0 || i == sizeof units / sizeof units[0])
			return -1;
		total += value * units[i].ms;
		p += strlen(units[i].name);
	}
	return bounded_ms(total);
}

/* Until a budget of which nothing remains is full again; -1: some remains, or unknown. */
static int64_t from_reset(const char *remaining, const char *reset)
{
	return strcmp(remaining, "0") == 0 ? from_duration(reset) : -1;
}

int64_t openai_headers_retry_after_ms(const struct openai_headers *h, int64_t received_at)
{
	int64_t ms = from_number(h->retry_after_ms, 1), requests, tokens;

	if (ms < 0)
		ms = from_number(h->retry_after, 1000);
	if (ms < 0)
		ms = from_date(h, received_at);
	if (ms >= 0)
		return ms;
	requests = from_reset(h->remaining_requests, h->reset_requests);
	tokens = from_reset(h->remaining_tokens, h->reset_tokens);
	return requests > tokens ? requests : tokens;
}
