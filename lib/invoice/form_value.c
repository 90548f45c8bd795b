#include "invoice/form_value.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The digits at *p, which moves past them; -1 unless there are min to max of them. */
static int take_number(const char **p, int min, int max)
{
	int n = 0, value = 0;

	for (; n < max && is_digit(**p); n++, (*p)++)
		value = value * 10 + (**p - '0');
	return n >= min && !is_digit(**p) ? value : -1;
}

static int days_in(int year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static void put_digits(char *at, int n, int value)
{
	for (; n > 0; value /= 10)
		at[--n] = (char)('0' + value % 10);
}

bool form_date(const char *text, char out[FORM_DATE_TEXT])
{
	bool iso = strlen(text) >= 5 && text[4] == '-';
	const char *p = text;
	int first, month, last, year, day;
	char separator;

	first = iso ? take_number(&p, 4, 4) : take_number(&p, 1, 2);
	separator = *p;
	if (first < 0 || separator == '\0' || strchr(iso ? "-" : "./-", separator) == NULL)
		return false;
	p++;
	month = take_number(&p, iso ? 2 : 1, 2);
	if (month < 1 || month > 12 || *p != separator)
		return false;
	p++;
	last = iso ? take_number(&p, 2, 2) : take_number(&p, 4, 4);
	year = iso ? first : last;
	day = iso ? last : first;
	if (*p != '\0' || year < 1 || day < 1 || day > days_in(year, month))
		return false;
	memcpy(out, "0000-00-00", FORM_DATE_TEXT);
	put_digits(out, 4, year);
	put_digits(out + 5, 2, month);
	put_digits(out + 8, 2, day);
	return true;
}

bool form_currency(const char *text, char out[FORM_CURRENCY_TEXT])
{
	static const struct {
		const char *printed, *code;
	} signs[] = {
		{ "TL", "TRY" },
		{ "₺", "TRY" },
		{ "€", "EUR" },
		{ "$", "USD" },
	};
	char upper[FORM_CURRENCY_TEXT] = { 0 };

	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (strcmp(text, signs[i].printed) == 0) {
			memcpy(out, signs[i].code, FORM_CURRENCY_TEXT);
			return true;
		}
	if (strlen(text) != FORM_CURRENCY_TEXT - 1)
		return false;
	for (size_t i = 0; i < FORM_CURRENCY_TEXT - 1; i++) {
		char c = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);

		if (c < 'A' || c > 'Z')
			return false;
		upper[i] = c;
	}
	memcpy(out, upper, FORM_CURRENCY_TEXT);
	return true;
}

/*
 * The significant digits of a JSON number and where its point is: the value is
 * 0.DIGITS * 10^point.  The digits stay in the text, with the point perhaps among them.
 */
struct significand {
	const char *digits, *end;
	long point;
};

static bool take_exponent(const char *p, long *ret)
{
	char *end;

	if (*p == '\0') {
		*ret = 0;
		return true;
	}
	if (*p != 'e' && *p != 'E')
		return false;
	p++;
	if (!is_digit(p[*p == '+' || *p == '-']))
		return false;
	*ret = strtol(p, &end, 10); /* one out of range is cut to LONG_MIN or LONG_MAX */
	return *end == '\0';
}

static bool split_number(const char *p, struct significand *ret)
{
	const char *start = p, *point = NULL;
	struct significand s = { .digits = NULL };
	long exponent, digits_before = 0;

	for (; is_digit(*p) || (*p == '.' && point == NULL); p++) {
		if (*p == '.')
			point = p;
		else if (s.digits == NULL && *p != '0')
			s.digits = p;
	}
	s.end = p;
	if (p == start || !is_digit(p[-1]) || !is_digit(*start) || !take_exponent(p, &exponent))
		return false;
	if (s.digits == NULL)
		s.digits = s.end;
	else if (point == NULL || s.digits < point)
		digits_before = (point != NULL ? point : s.end) - s.digits;
	else
		digits_before = -(s.digits - point - 1);
	/* text is far shorter than LONG_MAX / 2, so a huge exponent stays huge */
	if (exponent > LONG_MAX / 2 || exponent < LONG_MIN / 2)
		exponent /= 2;
	s.point = exponent + digits_before;
	*ret = s;
	return true;
}

/* Whether the digits are a single 1, followed by zeros only. */
static bool is_one_and_zeros(const struct significand *s)
{
	for (const char *p = s->digits + 1; p < s->end; p++)
		if (*p != '0' && *p != '.')
			return false;
	return *s->digits == '1';
}

bool form_confidence(const char *number, int *ret)
{
	enum { PLACES = 6 };
	bool negative = *number == '-';
	struct significand s;
	int value = 0;

	if (!split_number(number + negative, &s))
		return false;
	if (s.digits == s.end) {
		*ret = 0;
		return true;
	}
	if (negative || s.point > 1 || (s.point == 1 && !is_one_and_zeros(&s)))
		return false;
	for (long place = 0; place < PLACES + s.point; place++) {
		if (s.digits < s.end && *s.digits == '.')
			s.digits++;
		value = value * 10 + (s.digits < s.end ? *s.digits++ - '0' : 0);
	}
	*ret = value;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t';
}

/* Bytes of the control character at p: C0 and DEL take one, C1 two; 0: it is none. */
static size_t control_len(const unsigned char *p, size_t n)
{
	if (p[0] == '\n' || p[0] == '\t')
		return 0;
	if (p[0] < 0x20 || p[0] == 0x7f)
		return 1;
	return p[0] == 0xc2 && n > 1 && p[1] >= 0x80 && p[1] <= 0x9f ? 2 : 0;
}

static size_t replace_controls(char *out, const char *bytes, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n;) {
		size_t control = control_len((const unsigned char *)bytes + i, n - i);

		out[len++] = control > 0 ? ' ' : bytes[i];
		i += control > 0 ? control : 1;
	}
	return len;
}

/* How many of the len bytes hold the first max characters. */
static size_t bytes_of(const char *p, size_t len, size_t max)
{
	size_t characters = 0;

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)p[i] & 0xc0) != 0x80 && ++characters > max)
			return i;
	return len;
}

char *form_text(const char *bytes, size_t n, size_t max)
{
	char *out = malloc(n + 1);
	size_t len, from = 0;

	if (out == NULL)
		return NULL;
	len = replace_controls(out, bytes, n);
	while (from < len && is_space(out[from]))
		from++;
	len = bytes_of(out + from, len - from, max);
	while (len > 0 && is_space(out[from + len - 1]))
		len--;
	memmove(out, out + from, len);
	out[len] = '\0';
	return out;
}
