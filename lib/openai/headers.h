/* The few response headers that matter, and how long they ask us to wait (SPEC §5). */
#ifndef MIZAN_OPENAI_HEADERS_H
#define MIZAN_OPENAI_HEADERS_H

#include <stddef.h>
#include <stdint.h>

#include "openai/raw.h"

#define OPENAI_MAX_RETRY_AFTER_MS INT64_C(3600000) /* ours: a longer wait asked for is cut */

/* Note one header line as it came ("Name: value\r\n"); others than the known are passed over. */
void openai_headers_add(struct openai_headers *h, const char *line, size_t len);

/*
 * Milliseconds to wait, 0 to OPENAI_MAX_RETRY_AFTER_MS, from the first of these that is
 * there and makes sense: retry-after-ms; Retry-After in seconds or as a date (against the
 * answer's own Date: our clock may be wrong).  -1: none.
 * The x-ratelimit-reset-* headers tell when a budget is full again, which may be hours after
 * the first call that it admits: they name no wait.
 */
int64_t openai_headers_retry_after_ms(const struct openai_headers *h);

#endif
