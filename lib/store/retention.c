#include "store/retention.h"

#include <stdio.h>

static const char sql_expire[] =
    "select documents, replies, more from expire_content(clock_timestamp(), $1::integer)";

enum rc retention_expire(struct pg *pg, int64_t days, struct retention *ret, struct err *e)
{
	char text[24];
	struct pg_query q = {
		.sql = sql_expire, .expect = PG_EXPECT_ONE, .n = 1, .params = { PG_TEXT(text) }
	};
	struct pg_result *res = NULL;
	enum rc rc;

	(void)snprintf(text, sizeof text, "%lld", (long long)days);
	rc = pg_run(pg, &q, 1, &res, e);
	if (rc == RC_OK)
		*ret = (struct retention){
			.documents = pg_int(res, 0, 0),
			.replies = pg_int(res, 0, 1),
			.more = pg_bool(res, 0, 2),
		};
	pg_result_free(res);
	return rc;
}
