#include "store/audit_log.h"

#include "store/answer.h"

static const char sql_list[] =
    "select audit_log_list(nullif($1, ''), nullif($2, ''), nullif($3, ''), nullif($4, ''),"
    " $5::integer, nullif($6, ''))";

enum rc audit_log_list(
    struct pg *pg, const struct audit_log_filter *f, struct buf *out, struct err *e)
{
	struct pg_query q = {
		.sql = sql_list,
		.n = 6,
		.params = { PG_TEXT(f->tenant_id), PG_TEXT(f->actor), PG_TEXT(f->action),
		    PG_TEXT(f->object), PG_TEXT(f->limit), PG_TEXT(f->cursor) },
	};

	return store_answer(pg, &q, out, e);
}
