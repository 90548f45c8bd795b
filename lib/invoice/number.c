#include "invoice/number.h"

#include <string.h>

#include "invoice/currency.h"

#define AFFIX       '$' /* stands for every currency symbol and for '%' */
#define MAX_AFFIXES 2

/* What a number may hold beside ASCII letters and digits, and the byte each stands for. */
static const struct {
	char as;
	const char *chars;
} folds[] = {
	{ '.', "." },
	{ ',', "," },
	{ '+', "+" },
	{ '(', "(" },
	{ ')', ")" },
	{ ' ', u8" \t\n\u00a0\u2007\u2008\u2009\u200a\u202f" },
	{ '\'', u8"'\u02bc\u2018\u2019" },
	{ '-', u8"-\u2010\u2011\u2012\u2013\u2212" },
	{ AFFIX, u8"$%\u00a3\u00a5\u20a4\u20a6\u20a9\u20aa\u20ab\u20ac\u20b4\u20b9\u20ba\u20bd" },
};

/* What stands between the ends that are still to be looked at, and what was taken off them. */
struct scan {
	const char *lo, *hi;
	bool negative, sign_seen, opened, closed;
	int affixes;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Whether the n bytes at p are one whole character of chars (UTF-8). */
static bool is_one_of(const char *chars, const char *p, size_t n)
{
	for (const char *c = chars; *c != '\0'; c++)
		if (!continues(*c) && strncmp(c, p, n) == 0 && !continues(c[n]))
			return true;
	return false;
}

/* Fold the character at *p to one byte and step over it; '\0' if a number cannot hold it. */
static char fold_next(const char **p)
{
	const char *from = *p;
	size_t n = 1;

	while (continues(from[n]))
		n++;
	*p += n;
	if (is_digit(*from) || is_letter(*from))
		return n == 1 ? *from : '\0';
	for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++)
		if (is_one_of(folds[i].chars, from, n))
			return folds[i].as;
	return '\0';
}

static bool fold(const char *text, char out[NUMBER_MAX_BYTES + 1])
{
	size_t n = 0;

	while (*text != '\0') {
		if (n == NUMBER_MAX_BYTES)
			return false;
		out[n] = fold_next(&text);
		if (out[n++] == '\0')
			return false;
	}
	out[n] = '\0';
	return true;
}

static bool take_sign(struct scan *s, bool negative)
{
	if (s->sign_seen)
		return false;
	s->sign_seen = true;
	s->negative = negative;
	return true;
}

/* A word of letters beside the number: a currency's code, or the "TL" of Turkish documents. */
static bool take_word(struct scan *s, const char *word, size_t n)
{
	char code[4] = "";

	if (n >= sizeof code || ++s->affixes > MAX_AFFIXES)
		return false;
	for (size_t i = 0; i < n; i++)
		code[i] = (char)(word[i] & ~0x20);
	return strcmp(code, "TL") == 0 || currency_known(code);
}

/* Take everything before the digits off.  False: it does not belong there. */
static bool strip_left(struct scan *s)
{
	while (s->lo < s->hi) {
		const char *from = s->lo;
		bool ok = true;

		if (is_letter(*from)) {
			while (s->lo < s->hi && is_letter(*s->lo))
				s->lo++;
			ok = take_word(s, from, (size_t)(s->lo - from));
		} else if (*from == '+' || *from == '-') {
			ok = take_sign(s, *from == '-');
			s->lo++;
		} else if (*from == '(') {
			ok = take_sign(s, true);
			s->opened = true;
			s->lo++;
		} else if (*from == AFFIX) {
			ok = ++s->affixes <= MAX_AFFIXES;
			s->lo++;
		} else if (*from == ' ') {
			s->lo++;
		} else {
			return true;
		}
		if (!ok)
			return false;
	}
	return true;
}

/* As strip_left(), behind the digits. */
static bool strip_right(struct scan *s)
{
	while (s->lo < s->hi) {
		const char *to = s->hi;
		bool ok = true;

		if (is_letter(to[-1])) {
			while (s->lo < s->hi && is_letter(s->hi[-1]))
				s->hi--;
			ok = take_word(s, s->hi, (size_t)(to - s->hi));
		} else if (to[-1] == '-') {
			ok = take_sign(s, true);
			s->hi--;
		} else if (to[-1] == ')') {
			ok = s->opened && !s->closed;
			s->closed = true;
			s->hi--;
		} else if (to[-1] == AFFIX) {
			ok = ++s->affixes <= MAX_AFFIXES;
			s->hi--;
		} else if (to[-1] == ' ') {
			s->hi--;
		} else {
			break;
		}
		if (!ok)
			return false;
	}
	return s->opened == s->closed;
}

/* Where the decimal separator stands in [lo, hi): hi if there is none, NULL if that is unclear. */
static const char *find_separator(const char *lo, const char *hi)
{
	const char *point = NULL, *comma = NULL, *last;
	int points = 0, commas = 0;

	for (const char *p = lo; p < hi; p++) {
		if (*p == '.') {
			point = p;
			points++;
		} else if (*p == ',') {
			comma = p;
			commas++;
		}
	}
	if (points == 0 && commas == 0)
		return hi;
	if (points > 0 && commas > 0) {
		last = point > comma ? point : comma;
		return (last == point ? points : commas) == 1 ? last : NULL;
	}
	if (points + commas > 1)
		return hi;
	return points == 1 ? point : comma;
}

/* Copy the whole part without its group separators; false when the groups are not groups. */
static bool take_whole(const char *lo, const char *hi, char *out, size_t *ret_n)
{
	char separator = '\0';
	size_t n = 0, group = 0;

	for (const char *p = lo; p < hi; p++) {
		if (is_digit(*p)) {
			out[n++] = *p;
			group++;
			continue;
		}
		if (strchr(".,' ", *p) == NULL || (separator != '\0' && *p != separator))
			return false;
		if (separator == '\0' ? group < 1 || group > 3 || *lo == '0' : group != 3)
			return false;
		separator = *p;
		group = 0;
	}
	*ret_n = n;
	return separator == '\0' || group == 3;
}

static bool all_digits(const char *lo, const char *hi)
{
	while (lo < hi && is_digit(*lo))
		lo++;
	return lo == hi;
}

/* The digits between the ends of s, in canonical form. */
static bool take_digits(const struct scan *s, char out[DECIMAL_TEXT])
{
	const char *separator = find_separator(s->lo, s->hi), *frac;
	char digits[NUMBER_MAX_BYTES + 1] = "";
	const char *whole = digits;
	size_t n_whole, n_frac, n = 0;

	if (separator == NULL || !take_whole(s->lo, separator, digits, &n_whole))
		return false;
	frac = separator < s->hi ? separator + 1 : s->hi;
	n_frac = (size_t)(s->hi - frac);
	if (!all_digits(frac, s->hi) || (separator < s->hi ? n_frac == 0 : n_whole == 0))
		return false;
	if (n_whole == 0) {
		digits[0] = '0';
		n_whole = 1;
	}
	for (; n_whole > 1 && *whole == '0'; n_whole--)
		whole++;
	while (n_frac > DECIMAL_MAX_SCALE && frac[n_frac - 1] == '0')
		n_frac--;
	if (n_frac > DECIMAL_MAX_SCALE || n_whole + n_frac > DECIMAL_MAX_DIGITS)
		return false;

	if (s->negative && (strspn(whole, "0") < n_whole || strspn(frac, "0") < n_frac))
		out[n++] = '-';
	memcpy(out + n, whole, n_whole);
	n += n_whole;
	if (n_frac > 0)
		out[n++] = '.';
	memcpy(out + n, frac, n_frac);
	out[n + n_frac] = '\0';
	return true;
}

enum rc number_normalize(const char *text, char out[DECIMAL_TEXT], struct err *e)
{
	char folded[NUMBER_MAX_BYTES + 1];
	struct scan s = { .lo = folded };

	if (!fold(text, folded))
		goto invalid;
	s.hi = folded + strlen(folded);
	if (strip_left(&s) && strip_right(&s) && take_digits(&s, out))
		return RC_OK;
invalid:
	return err_set(e, RC_INVALID, "invalid_number", "a value is not a number in a known form");
}
