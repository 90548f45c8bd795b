#include "http/principal.h"

#include <string.h>

bool principal_may(const struct principal *p, const char *tenant)
{
	if (p->kind == PRINCIPAL_NONE)
		return false;
	return p->tenant_id[0] == '\0' || strcmp(p->tenant_id, tenant) == 0;
}
