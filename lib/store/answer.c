#include "store/answer.h"

enum rc store_answer(struct pg *pg, struct pg_query *q, struct buf *out, struct err *e)
{
	struct pg_result *res = NULL;
	enum rc rc;

	q->expect = PG_EXPECT_OPTIONAL;
	rc = pg_run(pg, q, 1, &res, e);
	if (rc == RC_OK && (pg_rows(res) == 0 || pg_is_null(res, 0, 0)))
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		buf_adds(out, pg_text(res, 0, 0));
	pg_result_free(res);
	return rc;
}
