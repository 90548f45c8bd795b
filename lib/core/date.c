#include "core/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MIN_YEAR = 1900, SECONDS_PER_DAY = 86400, DAYS_TO_1970 = 719162 }; /* from 0001-01-01 */

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* From 0001-01-01 to the year's first day. */
static int64_t days_before_year(int year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400;
}

static int number(const char *digits, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++)
		value = value * 10 + (digits[i] - '0');
	return value;
}

bool date_parse(const char *text, int64_t *days)
{
	static const char form[] = "dddd-dd-dd";
	int year, month, day;

	if (strlen(text) != sizeof form - 1)
		return false;
	for (size_t i = 0; i < sizeof form - 1; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	year = number(text, 4);
	month = number(text + 5, 2);
	day = number(text + 8, 2);
	if (year < MIN_YEAR || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return false;
	*days = days_before_year(year) - DAYS_TO_1970 + day - 1;
	for (int m = 1; m < month; m++)
		*days += days_in_month(year, m);
	return true;
}

void date_format(int64_t days, char out[DATE_TEXT])
{
	int64_t left = days + DAYS_TO_1970;
	int year = (int)(left / 366) + 1, month = 1;

	while (days_before_year(year + 1) <= left)
		year++;
	left -= days_before_year(year);
	for (; left >= days_in_month(year, month); month++)
		left -= days_in_month(year, month);
	(void)snprintf(out, DATE_TEXT, "%04u-%02u-%02u", (unsigned)year % 10000,
	    (unsigned)month % 100, (unsigned)(left + 1) % 100);
}

int64_t date_today(void)
{
	return (int64_t)time(NULL) / SECONDS_PER_DAY;
}
