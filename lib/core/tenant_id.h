/* What a tenant may be called (SPEC §3): `[a-z0-9][a-z0-9_-]{0,62}`. */
#ifndef MIZAN_CORE_TENANT_ID_H
#define MIZAN_CORE_TENANT_ID_H

#include <stdbool.h>

#define TENANT_ID_SIZE 64 /* with the NUL */

/* s is not NULL. */
bool tenant_id_valid(const char *s);

#endif
