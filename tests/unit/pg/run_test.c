#include "pg/pg.h"

#include <string.h>

#include "core/clock.h"
#include "unit/database.h"

/* Run one statement without parameters and without interest in its rows. */
static enum rc run(struct pg *pg, const char *sql, struct err *e)
{
	struct pg_query q = { .sql = sql };

	return pg_run(pg, &q, 1, NULL, e);
}

static void make_table(struct pg *pg)
{
	CU_ASSERT_FATAL(
	    run(pg, "create temp table if not exists t (n integer primary key)", NULL) == RC_OK);
	CU_ASSERT_FATAL(run(pg, "truncate t", NULL) == RC_OK);
}

static int64_t count(struct pg *pg)
{
	struct pg_query q = { .sql = "select count(*) from t", .expect = PG_EXPECT_ONE };
	struct pg_result *res = NULL;
	int64_t n = -1;

	if (pg_run(pg, &q, 1, &res, NULL) == RC_OK)
		n = pg_int(res, 0, 0);
	pg_result_free(res);
	return n;
}

/* A pipeline is one transaction: all of it, or nothing. */
static void test_all_or_nothing(void)
{
	static const char good[] = "insert into t values ($1::integer)";
	static const char bad[] = "insert into t values ($1::integer / 0)";
	static const struct {
		unsigned line;
		const char *sql[3];
		enum rc rc;
		int64_t rows;
	} cases[] = {
		{ __LINE__, { good, good, good }, RC_OK, 3 },
		{ __LINE__, { bad, good, good }, RC_INTERNAL, 0 },
		{ __LINE__, { good, bad, good }, RC_INTERNAL, 0 },
		{ __LINE__, { good, good, bad }, RC_INTERNAL, 0 },
		{ __LINE__, { good, "no statement", good }, RC_INTERNAL, 0 },
	};
	static const char *const numbers[] = { "1", "2", "3" };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pg *pg = db_open(DB_OWNER);
		struct pg_query q[3];
		struct pg_result *res[3] = { NULL, NULL, NULL };
		struct err e = { .code = "" };

		/* Twice: a failure must not leave the handle worse than before. */
		for (int again = 0; again < 2; again++) {
			make_table(pg);
			for (size_t k = 0; k < 3; k++)
				q[k] = (struct pg_query){
					.sql = cases[i].sql[k],
					.n = cases[i].sql[k][0] == 'i',
					.params = { PG_TEXT(numbers[k]) },
				};
			CHECK_ROW(pg_run(pg, q, 3, res, &e) == cases[i].rc, cases[i].line, e.msg);
			if (cases[i].rc != RC_OK)
				CHECK_ROW(
				    res[0] == NULL && res[2] == NULL, cases[i].line, "result");
			else
				CHECK_ROW(count(pg) == cases[i].rows, cases[i].line, "rows");
			for (size_t k = 0; k < 3; k++) {
				pg_result_free(res[k]);
				res[k] = NULL;
			}
		}
		pg_free(pg);
	}
}

/* The same in a table that outlives the connection, which a failure may cost. */
static void test_rolled_back(void)
{
	char tenant[DB_TENANT];
	struct pg_query q[2] = {
		{ .sql = "insert into audit_log (actor, action, object) values ('test', 'x.y', $1)",
		    .n = 1 },
		{ .sql = "select 1 / $1::integer", .n = 1, .params = { PG_TEXT("0") } },
	};

	db_tenant(tenant);
	q[0].params[0] = (struct pg_param)PG_TEXT(tenant);
	for (int again = 0; again < 3; again++)
		CU_ASSERT(pg_run(db_as(DB_OWNER), q, 2, NULL, NULL) == RC_INTERNAL);
	CHECK_STR(
	    db_value("select count(*) from audit_log where object = $1", tenant, NULL).text, "0");
	q[1].params[0] = (struct pg_param)PG_TEXT("1");
	CU_ASSERT(pg_run(db_as(DB_OWNER), q, 2, NULL, NULL) == RC_OK);
	CHECK_STR(
	    db_value("select count(*) from audit_log where object = $1", tenant, NULL).text, "1");
	CU_ASSERT(pg_run(db_as(DB_OWNER), q, 0, NULL, NULL) == RC_OK);
}

static void test_expected_rows(void)
{
	static const char sql[] = "select generate_series(1, $1::integer)";
	static const struct {
		unsigned line;
		enum pg_expect expect;
		const char *rows;
		enum rc rc;
	} cases[] = {
		{ __LINE__, PG_EXPECT_ANY, "0", RC_OK },
		{ __LINE__, PG_EXPECT_ANY, "5", RC_OK },
		{ __LINE__, PG_EXPECT_NONE, "0", RC_OK },
		{ __LINE__, PG_EXPECT_NONE, "1", RC_INTERNAL },
		{ __LINE__, PG_EXPECT_ONE, "1", RC_OK },
		{ __LINE__, PG_EXPECT_ONE, "0", RC_INTERNAL },
		{ __LINE__, PG_EXPECT_ONE, "2", RC_INTERNAL },
		{ __LINE__, PG_EXPECT_OPTIONAL, "0", RC_OK },
		{ __LINE__, PG_EXPECT_OPTIONAL, "1", RC_OK },
		{ __LINE__, PG_EXPECT_OPTIONAL, "2", RC_INTERNAL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pg_query q = { .sql = sql,
			.expect = cases[i].expect,
			.n = 1,
			.params = { PG_TEXT(cases[i].rows) } };
		struct pg_result *res = NULL;
		struct err e = { .code = "" };

		CHECK_ROW(pg_run(db_as(DB_APP), &q, 1, &res, &e) == cases[i].rc, cases[i].line,
		    cases[i].rows);
		CHECK_STR_ROW(e.code, cases[i].rc == RC_OK ? "" : "unexpected_rows", cases[i].line);
		CHECK_ROW((res != NULL) == (cases[i].rc == RC_OK), cases[i].line, "result");
		pg_result_free(res);
	}
}

static void test_values(void)
{
	static const char bytes[] = { 0, 1, '\'', '\\', 'x', (char)0xff, 0 };
	struct pg_query q[2] = {
		{ .sql = "select $1::text, $2::bigint, $3::boolean, not $3::boolean, null::text,"
			 " null::bigint, octet_length($4::bytea)",
		    .n = 4,
		    .params = { PG_TEXT("ö'\"\\ $1 %s"), PG_TEXT("-9223372036854775808"),
			PG_TEXT("true"), PG_BYTES(bytes, sizeof bytes) } },
		{ .sql = "select $1::bytea",
		    .binary_result = true,
		    .n = 1,
		    .params = { PG_BYTES(bytes, sizeof bytes) } },
	};
	struct pg_result *res[2] = { NULL, NULL };
	const void *got;
	size_t len = 0;

	CU_ASSERT_FATAL(pg_run(db_as(DB_APP), q, 2, res, NULL) == RC_OK);
	CU_ASSERT(pg_rows(res[0]) == 1);
	CHECK_STR(pg_text(res[0], 0, 0), "ö'\"\\ $1 %s");
	CU_ASSERT(pg_int(res[0], 0, 1) == INT64_MIN);
	CU_ASSERT(pg_bool(res[0], 0, 2) && !pg_bool(res[0], 0, 3));
	CU_ASSERT(!pg_is_null(res[0], 0, 3) && pg_is_null(res[0], 0, 4));
	CHECK_STR(pg_text(res[0], 0, 4), "");
	CU_ASSERT(pg_int(res[0], 0, 5) == 0);
	CU_ASSERT(pg_int(res[0], 0, 6) == sizeof bytes);
	got = pg_bytes(res[1], 0, 0, &len);
	CU_ASSERT(len == sizeof bytes && memcmp(got, bytes, len) == 0);
	pg_result_free(res[0]);
	pg_result_free(res[1]);
	pg_result_free(NULL);
}

/* More than a socket's buffers, in both directions at once. */
static void test_large(void)
{
	enum { SIZE = 6 << 20, N = 4 };
	char *p = calloc(1, SIZE);
	struct pg_query q[N];
	struct pg_result *res[N] = { NULL };
	size_t len;

	CU_ASSERT_FATAL(p != NULL);
	for (size_t i = 0; i < SIZE; i++)
		p[i] = (char)(i * 31);
	for (size_t i = 0; i < N; i++)
		q[i] = (struct pg_query){ .sql = "select $1::bytea as large",
			.binary_result = true,
			.n = 1,
			.params = { PG_BYTES(p, SIZE - i) } };
	CU_ASSERT_FATAL(pg_run(db_as(DB_APP), q, N, res, NULL) == RC_OK);
	for (size_t i = 0; i < N; i++) {
		const void *got = pg_bytes(res[i], 0, 0, &len);
		CU_ASSERT(len == SIZE - i && memcmp(got, p, len) == 0);
		pg_result_free(res[i]);
	}
	free(p);
}

#define RAISE(state)                                                                               \
	"do $$ begin raise exception using errcode = '" state "', message = '42'; end $$"

static void test_sqlstates(void)
{
	static const struct {
		unsigned line;
		const char *sql;
		enum rc rc;
		const char *code, *msg;
	} cases[] = {
		{ __LINE__, RAISE("MZ429"), RC_LIMITED, "limited", "42" },
		{ __LINE__, RAISE("23505"), RC_CONFLICT, "conflict", "sqlstate 23505" },
		{ __LINE__, RAISE("08006"), RC_UNAVAILABLE, "database_unavailable",
		    "sqlstate 08006: 42" },
		{ __LINE__, RAISE("25006"), RC_UNAVAILABLE, "database_unavailable",
		    "sqlstate 25006: 42" },
		{ __LINE__, RAISE("40001"), RC_UNAVAILABLE, "database_unavailable",
		    "sqlstate 40001: 42" },
		{ __LINE__, RAISE("40P01"), RC_UNAVAILABLE, "database_unavailable",
		    "sqlstate 40P01: 42" },
		{ __LINE__, RAISE("53300"), RC_UNAVAILABLE, "database_unavailable",
		    "sqlstate 53300: 42" },
		{ __LINE__, RAISE("57014"), RC_UNAVAILABLE, "database_unavailable",
		    "sqlstate 57014: 42" },
		{ __LINE__, RAISE("55P03"), RC_UNAVAILABLE, "database_unavailable",
		    "sqlstate 55P03: 42" },
		{ __LINE__, RAISE("55006"), RC_INTERNAL, "database_error", "sqlstate 55006" },
		{ __LINE__, RAISE("23503"), RC_INTERNAL, "database_error", "sqlstate 23503" },
		{ __LINE__, RAISE("P0001"), RC_INTERNAL, "database_error", "sqlstate P0001" },
		{ __LINE__, "select 'secret'::integer", RC_INTERNAL, "database_error",
		    "sqlstate 22P02" },
		{ __LINE__, "selec", RC_INTERNAL, "database_error", "sqlstate 42601" },
		{ __LINE__, "select from jobs_of_nobody", RC_INTERNAL, "database_error",
		    "sqlstate 42P01" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err e = { .code = "" };

		CHECK_ROW(run(db_as(DB_APP), cases[i].sql, &e) == cases[i].rc, cases[i].line,
		    cases[i].sql);
		CHECK_ROW(e.rc == cases[i].rc, cases[i].line, "rc");
		CHECK_STR_ROW(e.code, cases[i].code, cases[i].line);
		CHECK_STR_ROW(e.msg, cases[i].msg, cases[i].line);
		CHECK_ROW(run(db_as(DB_APP), cases[i].sql, NULL) == cases[i].rc, cases[i].line,
		    "again, without an err");
	}
}

/* What only the commit finds out is an error as well, and nothing is kept. */
static void test_failing_commit(void)
{
	struct pg *pg = db_open(DB_OWNER);
	struct err e = { .code = "" };
	struct pg_query q[2] = { { .sql = "insert into d values (1)" },
		{ .sql = "insert into d values (1)" } };

	CU_ASSERT_FATAL(
	    run(pg, "create temp table d (n integer unique deferrable initially deferred)", NULL) ==
	    RC_OK);
	CU_ASSERT(pg_run(pg, q, 1, NULL, NULL) == RC_OK);
	CU_ASSERT(pg_run(pg, q, 1, NULL, &e) == RC_CONFLICT);
	CHECK_STR(e.msg, "sqlstate 23505");
	CU_ASSERT(run(pg, "select 1", NULL) == RC_OK);
	pg_free(pg);
}

/*
 * Names of prepared statements are kept right over failures: the connection stays usable and
 * statements that failed to prepare are tried again.
 */
static void test_prepared(void)
{
	static const char later[] = "select n from made_later";
	struct pg *pg = db_open(DB_OWNER);
	struct pg_query q[2] = { { .sql = "select 1" }, { .sql = later } };
	struct err e = { .code = "" };

	CU_ASSERT(pg_run(pg, q, 2, NULL, &e) == RC_INTERNAL);
	CHECK_STR(e.msg, "sqlstate 42P01");
	CU_ASSERT(pg_run(pg, q, 2, NULL, &e) == RC_INTERNAL);
	CU_ASSERT(pg_run(pg, q, 1, NULL, &e) == RC_OK);
	CU_ASSERT(run(pg, "create temp table made_later (n integer)", NULL) == RC_OK);
	CU_ASSERT(pg_run(pg, q, 2, NULL, &e) == RC_OK);
	CU_ASSERT(run(pg, "select 1 / 0", &e) == RC_INTERNAL);
	CHECK_STR(e.msg, "sqlstate 22012");
	CU_ASSERT(pg_run(pg, q, 1, NULL, NULL) == RC_OK);
	pg_free(pg);
}

/* A statement that failed when it ran, not when it was prepared, costs no connection. */
static void test_prepared_stays(void)
{
	struct pg *pg = db_open(DB_APP);
	struct pg_query q = { .sql = "select 1 / $1::integer", .n = 1, .params = { PG_TEXT("1") } };
	uint64_t generation;

	CU_ASSERT(pg_run(pg, &q, 1, NULL, NULL) == RC_OK);
	generation = pg_generation(pg);
	q.params[0] = (struct pg_param)PG_TEXT("0");
	for (int i = 0; i < 5; i++)
		CU_ASSERT(pg_run(pg, &q, 1, NULL, NULL) == RC_INTERNAL);
	q.params[0] = (struct pg_param)PG_TEXT("1");
	CU_ASSERT(pg_run(pg, &q, 1, NULL, NULL) == RC_OK);
	CU_ASSERT(pg_generation(pg) == generation);
	pg_free(pg);
}

/* More statements than the table of prepared ones holds. */
static void test_many_statements(void)
{
	enum { N = 100 };
	static char sql[N][40];
	struct pg *pg = db_open(DB_APP);

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < N; i++) {
			struct pg_query q = { .sql = sql[i],
				.expect = PG_EXPECT_ONE,
				.n = 1,
				.params = { PG_TEXT("7") } };
			struct pg_result *res = NULL;

			(void)snprintf(sql[i], sizeof sql[i], "select %d + $1::integer", i);
			CU_ASSERT_FATAL(pg_run(pg, &q, 1, &res, NULL) == RC_OK);
			CU_ASSERT(pg_int(res, 0, 0) == i + 7);
			pg_result_free(res);
		}
	pg_free(pg);
}

/* Each query runs under its own tenant, and the connection under none. */
static void test_tenant(void)
{
	static const char sql[] = "select current_setting('mizan.tenant_id', true)";
	static const char *const tenants[] = { "one", "two", "two", "one" };
	struct pg *pg = db_open(DB_APP);
	struct pg_query q[4];
	struct pg_result *res[4] = { NULL };

	for (size_t i = 0; i < 4; i++)
		q[i] =
		    (struct pg_query){ .sql = sql, .tenant = tenants[i], .expect = PG_EXPECT_ONE };
	for (int again = 0; again < 2; again++) {
		CU_ASSERT_FATAL(pg_run(pg, q, 4, res, NULL) == RC_OK);
		for (size_t i = 0; i < 4; i++) {
			CHECK_STR(pg_text(res[i], 0, 0), tenants[i]);
			pg_result_free(res[i]);
		}
		q[0].tenant = NULL;
		CU_ASSERT_FATAL(pg_run(pg, q, 1, res, NULL) == RC_OK);
		CHECK_STR(pg_text(res[0], 0, 0), "");
		pg_result_free(res[0]);
		q[0].tenant = tenants[0];
	}
	pg_free(pg);
}

const struct unit_test unit_tests[] = {
	{ "one failing statement rolls back all", test_all_or_nothing },
	{ "what was rolled back is not there", test_rolled_back },
	{ "expected rows", test_expected_rows },
	{ "parameters and values", test_values },
	{ "large values", test_large },
	{ "sqlstates", test_sqlstates },
	{ "a commit that fails", test_failing_commit },
	{ "prepared statements after failures", test_prepared },
	{ "a failure at run time keeps the connection", test_prepared_stays },
	{ "many statements", test_many_statements },
	{ "the tenant, within its transaction", test_tenant },
	{ NULL, NULL },
};
