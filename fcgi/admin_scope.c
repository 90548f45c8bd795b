#include "admin_scope.h"

#include <string.h>

#include "app.h"
#include "core/uuid.h"
#include "http/query.h"
#include "http/tenant.h"

/* RC_NOT_FOUND: none was named; *e is not filled. */
static enum rc named(struct route_context *cx, char tenant[TENANT_ID_SIZE], struct err *e)
{
	char name[TENANT_ID_SIZE];

	/* What cannot be read is there, too: tenant_for_principal() refuses it. */
	if (query_get(cx->rq->query, "tenant_id", name, sizeof name, NULL) == RC_NOT_FOUND)
		return RC_NOT_FOUND;
	return tenant_for_principal(&cx->principal, cx->rq->query, tenant, e);
}

enum rc admin_scope(struct route_context *cx, char tenant[TENANT_ID_SIZE], struct err *e)
{
	enum rc rc = named(cx, tenant, e);

	if (rc != RC_NOT_FOUND)
		return rc;
	memcpy(tenant, cx->principal.tenant_id, TENANT_ID_SIZE);
	return RC_OK;
}

enum rc admin_tenant(struct route_context *cx, char tenant[TENANT_ID_SIZE], struct err *e)
{
	enum rc rc = admin_scope(cx, tenant, e);

	if (rc == RC_OK && tenant[0] == '\0')
		memcpy(tenant, TENANT_DEFAULT, sizeof TENANT_DEFAULT);
	return rc;
}

enum rc admin_pilot_scope(const struct route_context *cx, struct err *e)
{
	const struct app *app = cx->app;

	if (principal_may(&cx->principal, app->cfg.pilot_tenant_id))
		return RC_OK;
	return err_set(
	    e, RC_INVALID, "wrong_tenant", "the key is of another tenant than the pilot");
}

enum rc admin_all_tenants(const struct route_context *cx, struct err *e)
{
	if (cx->principal.tenant_id[0] == '\0')
		return RC_OK;
	return err_set(
	    e, RC_INVALID, "wrong_tenant", "the key is of one tenant, the figures of all");
}

enum rc admin_id(struct route_context *cx, const char *code, struct err *e)
{
	if (uuid_valid(cx->id))
		return RC_OK;
	return err_set(e, RC_NOT_FOUND, code, "there is nothing with that id");
}
