/* Calendar dates (proleptic Gregorian), as days since 1970-01-01. */
#ifndef MIZAN_CORE_DATE_H
#define MIZAN_CORE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#define DATE_TEXT 11 /* "2026-01-17" and a NUL */

/*
 * A real date as YYYY-MM-DD, years 1900 to 9999, and nothing else; else *days is untouched.  The
 * bounds keep months before and after within what the database writes in the same form.
 */
bool date_parse(const char *text, int64_t *days);

/* The other way round, for days that date_parse() gives. */
void date_format(int64_t days, char out[DATE_TEXT]);

/* The day it is in UTC. */
int64_t date_today(void);

#endif
