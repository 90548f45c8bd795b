#include "core/utf8.h"

#include <string.h>

size_t utf8_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xC2 && lead <= 0xDF)
		return 2;
	if (lead >= 0xE0 && lead <= 0xEF)
		return 3;
	return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

size_t utf8_decode(const char *p, size_t n, uint32_t *code_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char lead = (unsigned char)p[0];
	size_t length = utf8_length(lead);
	uint32_t c = length > 1 ? lead & (0x7FU >> length) : lead;

	if (length == 0 || length > n)
		return 0;
	for (size_t i = 1; i < length; i++) {
		unsigned char byte = (unsigned char)p[i];

		if ((byte & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (byte & 0x3F);
	}
	if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*code_point = c;
	return length;
}

bool utf8_is_control(uint32_t code_point)
{
	return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F);
}
