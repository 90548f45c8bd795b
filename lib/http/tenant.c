#include "http/tenant.h"

#include <string.h>

#include "http/query.h"

/* The name that was sent, or the default; "", which is no tenant, where it cannot be read. */
static void named_tenant(const char *query, char out[TENANT_ID_SIZE])
{
	enum rc rc = query_get(query, "tenant_id", out, TENANT_ID_SIZE, NULL);
	const char *instead = rc == RC_NOT_FOUND ? TENANT_DEFAULT : "";

	if (rc != RC_OK)
		memcpy(out, instead, strlen(instead) + 1);
}

static enum rc check(const char *name, char out[TENANT_ID_SIZE], struct err *e)
{
	if (!tenant_id_valid(name))
		return err_set(e, RC_INVALID, "invalid_tenant_id",
		    "tenant_id is one name of 1 to 63 characters a-z, 0-9, '_' and '-', "
		    "the first a letter or digit");
	memcpy(out, name, strlen(name) + 1);
	return RC_OK;
}

enum rc tenant_from_query(const char *query, char out[TENANT_ID_SIZE], struct err *e)
{
	char name[TENANT_ID_SIZE];

	named_tenant(query, name);
	return check(name, out, e);
}

enum rc tenant_for_principal(
    const struct principal *p, const char *query, char out[TENANT_ID_SIZE], struct err *e)
{
	char name[TENANT_ID_SIZE];

	named_tenant(query, name);
	if (!principal_may(p, name))
		return err_set(e, RC_INVALID, "wrong_tenant", "this key is not for that tenant");
	return check(name, out, e);
}
