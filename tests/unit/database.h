/*
 * A throwaway Postgres (scripts/test_database), and short ways to it for tests.  What a test sets
 * up or looks up goes as mizan_owner, who sees every tenant; what it tests goes as the role that
 * does it in production.
 */
#ifndef MIZAN_TESTS_DATABASE_H
#define MIZAN_TESTS_DATABASE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/random.h"
#include "pg/pg.h"
#include "unit/unit.h"

#define DB_APP        "DATABASE_URL"
#define DB_WORKER     "DATABASE_WORKER_URL"
#define DB_ADMIN      "DATABASE_ADMIN_URL"
#define DB_WATCHDOG   "DATABASE_WATCHDOG_URL"
#define DB_OWNER      "DATABASE_OWNER_URL"
#define DB_TIMEOUT_MS 10000
#define DB_TENANT     20

/* The tests flip switches and empty the queue: no database that is in use will do. */
const char *unit_missing(void)
{
	static const char *const names[] = { "MIZAN_TEST_DATABASE", DB_APP, DB_WORKER, DB_ADMIN,
		DB_WATCHDOG, DB_OWNER };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (getenv(names[i]) == NULL)
			return "no test database (scripts/test_database up)";
	return NULL;
}

static inline struct pg *db_open_for(const char *role, int64_t timeout_ms)
{
	struct pg *pg = pg_new(getenv(role), "unit test", timeout_ms);

	if (pg == NULL)
		abort();
	return pg;
}

static inline struct pg *db_open(const char *role)
{
	return db_open_for(role, DB_TIMEOUT_MS);
}

/* One connection as `role` for the whole program. */
static inline struct pg *db_as(const char *role)
{
	static const char *roles[5];
	static struct pg *handles[5];
	size_t i = 0;

	while (roles[i] != NULL && roles[i] != role)
		i++;
	if (roles[i] == NULL) {
		roles[i] = role;
		handles[i] = db_open(role);
	}
	return handles[i];
}

struct db_text {
	char text[1024];
};

/*
 * The first value that sql gives with $1 and $2, as mizan_owner: "(none)" without a row, "(null)"
 * for null.  Of a statement that is refused, its sqlstate's sentence.
 */
static inline struct db_text db_value(const char *sql, const char *p1, const char *p2)
{
	struct pg_query q = { .sql = sql, .n = 2, .params = { PG_TEXT(p1), PG_TEXT(p2) } };
	struct pg_result *res = NULL;
	struct db_text ret = { "(none)" };
	struct err e = { .msg = "" };

	q.n = p2 != NULL ? 2 : p1 != NULL ? 1 : 0;
	if (pg_run(db_as(DB_OWNER), &q, 1, &res, &e) != RC_OK)
		(void)snprintf(ret.text, sizeof ret.text, "%s", e.msg);
	else if (pg_rows(res) > 0)
		(void)snprintf(ret.text, sizeof ret.text, "%s",
		    pg_is_null(res, 0, 0) ? "(null)" : pg_text(res, 0, 0));
	pg_result_free(res);
	return ret;
}

static inline int64_t db_number(const char *sql, const char *p1, const char *p2)
{
	return strtoll(db_value(sql, p1, p2).text, NULL, 10);
}

/* Change something as mizan_owner; a test that cannot is void. */
static inline void db_change(const char *sql, const char *p1, const char *p2)
{
	struct db_text got = db_value(sql, p1, p2);

	if (got.text[0] != '(') {
		(void)fprintf(stderr, "%s: %s\n", sql, got.text);
		abort();
	}
}

/* A tenant that nothing else uses. */
static inline void db_tenant(char out[DB_TENANT])
{
	out[0] = 't';
	random_hex(out + 1, 8);
}

#endif
