#include "core/clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_rfc3339(char out[CLOCK_TEXT])
{
	struct timespec ts;
	struct tm tm;
	char date[20];

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)gmtime_r(&ts.tv_sec, &tm);
	(void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out, CLOCK_TEXT, "%s.%03uZ", date, (unsigned)(ts.tv_nsec / 1000000) % 1000u);
}
