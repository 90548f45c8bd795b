/* The audit log for operators: who changed what, newest first. */
#ifndef MIZAN_STORE_AUDIT_LOG_H
#define MIZAN_STORE_AUDIT_LOG_H

#include "core/buf.h"
#include "pg/pg.h"

/* "": not narrowed by that. */
struct audit_log_filter {
	const char *tenant_id, *actor, *action, *object;
	const char *limit;  /* digits */
	const char *cursor; /* digits */
};

/* GET /admin/audit-log's answer, added to out. */
enum rc audit_log_list(
    struct pg *pg, const struct audit_log_filter *f, struct buf *out, struct err *e) MUST_CHECK;

#endif
