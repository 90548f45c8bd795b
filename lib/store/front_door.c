#include "store/front_door.h"

#include <stdio.h>

static const char sql_place[] = "select inode, position, head from front_door_place($1, $2)";

static const char sql_count[] =
    "select front_door_count($1, $2, $3::bigint, $4::bigint, $5, $6::bigint, $7::bigint, $8,"
    " $9::json)";

static const char sql_caught_up[] =
    "select front_door_caught_up($1, $2, $3::bigint, $4::bigint, $5)";

static const char sql_forget[] = "select front_door_forget()";

enum rc front_door_place(
    struct pg *pg, const struct front_door_log *log, struct log_place *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql_place,
		.expect = PG_EXPECT_ONE,
		.n = 2,
		.params = { PG_TEXT(log->host), PG_TEXT(log->path) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK) {
		ret->inode = pg_int(res, 0, 0);
		ret->position = pg_int(res, 0, 1);
		(void)snprintf(ret->head, sizeof ret->head, "%s", pg_text(res, 0, 2));
	}
	pg_result_free(res);
	return rc;
}

struct place_text {
	char inode[24], position[24];
};

static struct place_text text_of(const struct log_place *place)
{
	struct place_text t;

	(void)snprintf(t.inode, sizeof t.inode, "%lld", (long long)place->inode);
	(void)snprintf(t.position, sizeof t.position, "%lld", (long long)place->position);
	return t;
}

enum rc front_door_count(struct pg *pg, const struct front_door_log *log,
    const struct log_place *was, const struct log_place *now, const char *lines, struct err *e)
{
	struct place_text old = text_of(was), new = text_of(now);
	struct pg_query q = {
		.sql = sql_count,
		.expect = PG_EXPECT_ONE,
		.n = 9,
		.params = { PG_TEXT(log->host), PG_TEXT(log->path), PG_TEXT(old.inode),
		    PG_TEXT(old.position), PG_TEXT(was->head), PG_TEXT(new.inode),
		    PG_TEXT(new.position), PG_TEXT(now->head), PG_TEXT(lines) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && !pg_bool(res, 0, 0))
		rc = err_set(e, RC_CONFLICT, "log_moved", "the log was counted from another place");
	pg_result_free(res);
	return rc;
}

enum rc front_door_caught_up(
    struct pg *pg, const struct front_door_log *log, const struct log_place *place, struct err *e)
{
	struct place_text at = text_of(place);
	struct pg_query q = {
		.sql = sql_caught_up,
		.n = 5,
		.params = { PG_TEXT(log->host), PG_TEXT(log->path), PG_TEXT(at.inode),
		    PG_TEXT(at.position), PG_TEXT(place->head) },
	};

	return pg_run(pg, &q, 1, NULL, e);
}

enum rc front_door_forget(struct pg *pg, bool *ret_more, struct err *e)
{
	struct pg_query q = { .sql = sql_forget, .expect = PG_EXPECT_ONE };
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK)
		*ret_more = pg_bool(res, 0, 0);
	pg_result_free(res);
	return rc;
}
