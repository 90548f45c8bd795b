#include "core/tenant_id.h"

#include <string.h>

bool tenant_id_valid(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t n = strspn(s, allowed);

	return n > 0 && n < TENANT_ID_SIZE && s[n] == '\0' && s[0] != '_' && s[0] != '-';
}
