/* Whose rows an operator asks for: the parameter tenant_id, within what the key reaches. */
#ifndef MIZAN_FCGI_ADMIN_SCOPE_H
#define MIZAN_FCGI_ADMIN_SCOPE_H

#include "core/tenant_id.h"
#include "http/route.h"

/*
 * For lists: the tenant that was named; else the one that the principal is bound to, or ""
 * (every tenant) for an unbound one.
 * RC_INVALID "wrong_tenant" (403), then "invalid_tenant_id" (400), as tenant_for_principal().
 */
enum rc admin_scope(
    struct route_context *cx, char tenant[TENANT_ID_SIZE], struct err *e) MUST_CHECK;

/*
 * For figures of one tenant: likewise, but TENANT_DEFAULT for an unbound principal that names
 * none.
 */
enum rc admin_tenant(
    struct route_context *cx, char tenant[TENANT_ID_SIZE], struct err *e) MUST_CHECK;

/*
 * For what is the pilot's or the whole installation's.  RC_INVALID "wrong_tenant": the principal is
 * bound to another tenant than the pilot.
 */
enum rc admin_pilot_scope(const struct route_context *cx, struct err *e) MUST_CHECK;

/* For what adds up all tenants.  RC_INVALID "wrong_tenant": the principal is bound to one. */
enum rc admin_all_tenants(const struct route_context *cx, struct err *e) MUST_CHECK;

/* {id} must be a UUID; RC_NOT_FOUND with this code: what is called otherwise does not exist. */
enum rc admin_id(struct route_context *cx, const char *code, struct err *e) MUST_CHECK;

#endif
