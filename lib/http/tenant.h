/*
 * The tenant of a request (SPEC §3): `[a-z0-9][a-z0-9_-]{0,62}`, by default "default".
 */
#ifndef MIZAN_HTTP_TENANT_H
#define MIZAN_HTTP_TENANT_H

#include "core/err.h"
#include "core/tenant_id.h"
#include "http/principal.h"

#define TENANT_DEFAULT "default"

/* Tells nginx whose request it was, for its access log; nginx does not hand it on to clients. */
#define TENANT_HEADER "X-Mizan-Tenant"

/*
 * The parameter tenant_id, or the default where it is absent.
 * RC_INVALID "invalid_tenant_id": not a tenant id, or there twice.
 */
enum rc tenant_from_query(const char *query, char out[TENANT_ID_SIZE], struct err *e) MUST_CHECK;

/*
 * As tenant_from_query(), for this principal, in SPEC §3's order of guards.
 * RC_INVALID "wrong_tenant" (403): the principal is bound to another tenant than the one
 * named, be that name well-formed or not; then "invalid_tenant_id" (400).
 */
enum rc tenant_for_principal(const struct principal *p, const char *query, char out[TENANT_ID_SIZE],
    struct err *e) MUST_CHECK;

#endif
