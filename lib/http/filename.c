#include "http/filename.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/utf8.h"

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].first && c <= r[i].last)
			return true;
	return false;
}

/* Unicode's invisible format characters (Cf) and its line and paragraph separators. */
static bool is_format(uint32_t c)
{
	static const struct range format[] = {
		{ 0x00AD, 0x00AD },   /* soft hyphen */
		{ 0x061C, 0x061C },   /* Arabic letter mark */
		{ 0x180E, 0x180E },   /* Mongolian vowel separator */
		{ 0x200B, 0x200F },   /* zero width, LRM, RLM */
		{ 0x2028, 0x202E },   /* separators, embeddings, overrides */
		{ 0x2060, 0x206F },   /* joiners, isolates, deprecated controls */
		{ 0xFEFF, 0xFEFF },   /* byte order mark */
		{ 0xFFF9, 0xFFFB },   /* interlinear annotation */
		{ 0x1D173, 0x1D17A }, /* musical */
		{ 0xE0000, 0xE007F }, /* tags */
	};

	return in_ranges(c, format, sizeof format / sizeof format[0]);
}

static bool is_space(uint32_t c)
{
	static const struct range space[] = {
		{ 0x0020, 0x0020 },
		{ 0x00A0, 0x00A0 },
		{ 0x1680, 0x1680 },
		{ 0x2000, 0x200A },
		{ 0x202F, 0x202F },
		{ 0x205F, 0x205F },
		{ 0x3000, 0x3000 },
	};

	return in_ranges(c, space, sizeof space / sizeof space[0]);
}

/* The bytes after the last separator of either kind. */
static const char *last_component(const char *raw, size_t n)
{
	const char *p = raw + n;

	while (p > raw && p[-1] != '/' && p[-1] != '\\')
		p--;
	return p;
}

void filename_clean(const char *raw, size_t n, char out[FILENAME_SIZE])
{
	const char *end = raw + n;
	size_t len = 0, kept = 0; /* kept: without white space at the end */

	for (const char *p = last_component(raw, n); p < end;) {
		uint32_t c = 0xFFFD;
		size_t length = utf8_decode(p, (size_t)(end - p), &c);
		const char *bytes = length > 0 ? p : UTF8_REPLACEMENT;
		size_t room = length > 0 ? length : strlen(UTF8_REPLACEMENT);

		p += length > 0 ? length : 1;
		if (utf8_is_control(c) || is_format(c) || (len == 0 && is_space(c)))
			continue;
		if (len + room >= FILENAME_SIZE)
			break;
		memcpy(out + len, bytes, room);
		len += room;
		if (!is_space(c))
			kept = len;
	}
	out[kept] = '\0';
	if (kept == 0 || strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
		memcpy(out, FILENAME_DEFAULT, sizeof FILENAME_DEFAULT);
}
