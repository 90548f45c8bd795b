#include "http/disposition.h"

#include <string.h>

#include "core/buf.h"

/* RFC 8187 §3.2.1: what stands for itself. */
static bool is_attr_char(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL;
}

void disposition_inline(const char *filename, char out[DISPOSITION_SIZE])
{
	struct buf b;

	buf_init_fixed(&b, out, DISPOSITION_SIZE);
	buf_adds(&b, "inline; filename*=UTF-8''");
	for (size_t i = 0; i < FILENAME_SIZE - 1 && filename[i] != '\0'; i++) {
		unsigned char c = (unsigned char)filename[i];

		buf_addf(&b, is_attr_char(c) ? "%c" : "%%%02X", c);
	}
}
