#include "core/text.h"

#include "core/utf8.h"

bool text_fits(const char *p, size_t n, size_t max)
{
	size_t length, count = 0;
	uint32_t c;

	for (size_t i = 0; i < n; i += length) {
		length = utf8_decode(p + i, n - i, &c);
		if (length == 0 || ++count > max)
			return false;
		if (utf8_is_control(c) && c != '\n' && c != '\t')
			return false;
	}
	return true;
}
