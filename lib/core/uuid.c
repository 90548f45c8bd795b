#include "core/uuid.h"

#include <string.h>

bool uuid_valid(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof form - 1; i++) {
		if (s[i] == '\0')
			return false;
		if (form[i] == '-' ? s[i] != '-' : strchr("0123456789abcdefABCDEF", s[i]) == NULL)
			return false;
	}
	return s[sizeof form - 1] == '\0';
}
