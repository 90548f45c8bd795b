#include "invoice/tax_id.h"

#include <string.h>

#define MIN_LENGTH  5 /* ours: the shortest of the EU's has 8, some countries' are shorter */
#define MIN_DIGITS  3 /* the United Kingdom's GD001 */
#define VKN_DIGITS  10
#define TCKN_DIGITS 11

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t count_digits(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += is_digit(*s);
	return n;
}

static bool only_digits(const char *s, size_t n)
{
	return strlen(s) == n && count_digits(s) == n;
}

bool tax_id_compact(const char *text, char out[TAX_ID_TEXT])
{
	char id[TAX_ID_TEXT];
	const char *from = id;
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p++) {
		bool lower = *p >= 'a' && *p <= 'z';

		if (strchr(" ./-", *p) != NULL)
			continue;
		if (!lower && !is_digit(*p) && (*p < 'A' || *p > 'Z'))
			return false;
		if (n == sizeof id - 1)
			return false;
		id[n++] = lower ? (char)(*p - 'a' + 'A') : *p;
	}
	id[n] = '\0';
	if (n == 0)
		return false;
	if (strncmp(id, "TR", 2) == 0 && is_digit(id[2]))
		from += 2;
	memcpy(out, from, strlen(from) + 1);
	return true;
}

bool tax_id_is_vkn(const char *s)
{
	int sum = 0;

	if (!only_digits(s, VKN_DIGITS))
		return false;
	for (int i = 1; i < VKN_DIGITS; i++) {
		int d = (s[i - 1] - '0' + VKN_DIGITS - i) % 10;

		sum += d == 9 ? 9 : d * (1 << (VKN_DIGITS - i)) % 9;
	}
	return (10 - sum % 10) % 10 == s[VKN_DIGITS - 1] - '0';
}

bool tax_id_is_tckn(const char *s)
{
	int odd = 0, even = 0;

	if (!only_digits(s, TCKN_DIGITS) || s[0] == '0')
		return false;
	for (int i = 0; i < 9; i++)
		*(i % 2 == 0 ? &odd : &even) += s[i] - '0';
	return (odd * 7 + 100 - even) % 10 == s[9] - '0' &&
	       (odd + even + s[9] - '0') % 10 == s[10] - '0';
}

bool tax_id_plausible(const char *text, bool turkish)
{
	char id[TAX_ID_TEXT];
	size_t n;

	if (!tax_id_compact(text, id))
		return false;
	n = strlen(id);
	if (turkish && count_digits(id) == n)
		return tax_id_is_vkn(id) || tax_id_is_tckn(id);
	return n >= MIN_LENGTH && count_digits(id) >= MIN_DIGITS;
}

bool tax_id_is_placeholder(const char *text)
{
	char id[TAX_ID_TEXT];

	return tax_id_compact(text, id) &&
	       (strcmp(id, "11111111111") == 0 || strcmp(id, "2222222222") == 0);
}
