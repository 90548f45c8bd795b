#include "store/tenant.h"

#include "store/answer.h"

static const char sql_list[] =
    "select case when $1 <> '' then json_build_array($1)"
    " else (select json_agg(t order by t) from (select tenants() union select $2) u (t)) end";

enum rc tenant_list(
    struct pg *pg, const char *only, const char *also, struct buf *out, struct err *e)
{
	struct pg_query q = { .sql = sql_list, .n = 2, .params = { PG_TEXT(only), PG_TEXT(also) } };

	return store_answer(pg, &q, out, e);
}
