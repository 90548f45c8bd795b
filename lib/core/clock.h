/*
 * Time for waiting and measuring.  Decisions about jobs and limits use the database's clock
 * (ARCHITECTURE, "Fenced lease"); the wall clock here only stamps log lines and probes.
 */
#ifndef MIZAN_CORE_CLOCK_H
#define MIZAN_CORE_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC; never goes back. */
int64_t clock_ms(void);

#define CLOCK_TEXT 25 /* "2026-01-17T15:00:00.000Z" and a NUL */

/* The wall clock as RFC 3339 UTC with milliseconds. */
void clock_rfc3339(char out[CLOCK_TEXT]);

#endif
