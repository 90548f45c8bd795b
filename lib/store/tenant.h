/* Which tenants there are. */
#ifndef MIZAN_STORE_TENANT_H
#define MIZAN_STORE_TENANT_H

#include "core/buf.h"
#include "pg/pg.h"

/*
 * Add a JSON list to out: those that have documents and `also`, in order; with `only` (""
 * for every tenant) that one alone.
 */
enum rc tenant_list(
    struct pg *pg, const char *only, const char *also, struct buf *out, struct err *e) MUST_CHECK;

#endif
