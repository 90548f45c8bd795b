#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "pg/pg_impl.h"

enum { READ_ONLY_MS = 2000 };

static const char sql_tenant[] = "select set_config('mizan.tenant_id', $1, true)";

static PGresult *pg_res(const struct pg_result *r)
{
	return (PGresult *)(uintptr_t)r;
}

static enum rc cut(struct pg *pg, struct err *e, const char *how)
{
	pg_drop(pg);
	return err_set(e, RC_UNAVAILABLE, "database_unavailable", "%s", how);
}

/* Text of these classes is about the server, never about the values of a statement. */
static bool about_the_server(const char *sqlstate)
{
	static const char *const classes[] = { "08", "25", "40", "53", "57", "58" };

	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (strncmp(sqlstate, classes[i], 2) == 0)
			return true;
	return strcmp(sqlstate, "55P03") == 0;
}

/*
 * It went down or became a standby: target_session_attrs is looked at only when connecting.  One
 * that was read-only from the start is all there is: left once in a while, it still serves reads.
 */
static bool server_changed(const struct pg *pg, const char *sqlstate)
{
	return strncmp(sqlstate, "57P", 3) == 0 ||
	       (strcmp(sqlstate, "25006") == 0 && clock_ms() - pg->connected_at >= READ_ONLY_MS);
}

static enum rc failure(struct pg *pg, const PGresult *res, struct err *e)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (state == NULL)
		return err_set(e, RC_UNAVAILABLE, "database_unavailable", "the connection was cut");
	pg->doomed = pg->doomed || server_changed(pg, state);
	if (about_the_server(state))
		return err_set(e, RC_UNAVAILABLE, "database_unavailable", "sqlstate %s: %s", state,
		    message != NULL ? message : "");
	if (strcmp(state, "MZ429") == 0)
		return err_set(e, RC_LIMITED, "limited", "%s", message != NULL ? message : "");
	if (strcmp(state, "23505") == 0)
		return err_set(e, RC_CONFLICT, "conflict", "sqlstate %s", state);
	return err_set(e, RC_INTERNAL, "database_error", "sqlstate %s", state);
}

static bool is_prepared(const struct pg *pg, const char *sql, char name[24])
{
	(void)snprintf(name, 24, "s%p", (const void *)sql);
	for (size_t i = 0; i < pg->n_sent; i++)
		if (pg->prepared[i] == sql)
			return true;
	return false;
}

/* Queue one statement; *steps counts the results to come.  Full table: run it unnamed. */
static bool send_one(struct pg *pg, const struct pg_query *q, size_t *steps)
{
	const char *values[PG_MAX_PARAMS];
	int lengths[PG_MAX_PARAMS], formats[PG_MAX_PARAMS];
	char name[24];

	for (size_t i = 0; i < q->n; i++) {
		values[i] = q->params[i].value;
		lengths[i] = (int)q->params[i].len;
		formats[i] = q->params[i].len > 0;
	}
	if (!is_prepared(pg, q->sql, name)) {
		if (pg->n_sent == PG_MAX_PREPARED) {
			*steps += 1;
			return PQsendQueryParams(pg->conn, q->sql, (int)q->n, NULL, values, lengths,
				   formats, q->binary_result) == 1;
		}
		if (PQsendPrepare(pg->conn, name, q->sql, (int)q->n, NULL) != 1)
			return false;
		pg->prepared[pg->n_sent++] = q->sql;
		*steps += 1;
	}
	*steps += 1;
	return PQsendQueryPrepared(
		   pg->conn, name, (int)q->n, values, lengths, formats, q->binary_result) == 1;
}

/* The tenant's statement goes before the first query that needs it. */
static bool send_all(struct pg *pg, const struct pg_query *queries, size_t n, size_t steps[])
{
	const char *tenant = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *t = queries[i].tenant;
		steps[i] = 0;
		if (t != NULL && (tenant == NULL || strcmp(t, tenant) != 0)) {
			struct pg_query set = {
				.sql = sql_tenant, .n = 1, .params = { PG_TEXT(t) }
			};
			if (!send_one(pg, &set, &steps[i]))
				return false;
			tenant = t;
		}
		if (!send_one(pg, &queries[i], &steps[i]))
			return false;
	}
	return PQpipelineSync(pg->conn) == 1;
}

/*
 * The next result, with the time that is left; *ret NULL marks the end of one statement.  Where
 * libpq has no memory for the end of a pipeline it says so, and stays busy for ever.
 */
static bool next_result(struct pg *pg, int64_t deadline, PGresult **ret)
{
	while (PQisBusy(pg->conn) != 0) {
		int flush = PQflush(pg->conn);
		if (flush < 0 || PQerrorMessage(pg->conn)[0] != '\0' ||
		    !pg_wait_socket(
			pg->conn, (short)(POLLIN | (flush > 0 ? POLLOUT : 0)), deadline) ||
		    PQconsumeInput(pg->conn) == 0)
			return false;
	}
	*ret = PQgetResult(pg->conn);
	return true;
}

/* One statement's outcome, whole; RC_UNAVAILABLE with a cut connection ends the pipeline. */
static enum rc collect_one(
    struct pg *pg, int64_t deadline, PGresult **ret, enum rc so_far, struct err *e)
{
	PGresult *res = NULL, *end = NULL;
	enum rc rc = so_far;

	if (!next_result(pg, deadline, &res) || res == NULL || !next_result(pg, deadline, &end) ||
	    end != NULL) {
		PQclear(res);
		PQclear(end);
		return cut(pg, e, "the database did not answer in time or cut the connection");
	}
	if (so_far == RC_OK && PQresultStatus(res) != PGRES_COMMAND_OK &&
	    PQresultStatus(res) != PGRES_TUPLES_OK)
		rc = failure(pg, res, e);
	/* Of all commands only a Prepare has no tag. */
	if (rc == RC_OK && PQcmdStatus(res)[0] == '\0')
		pg->n_prepared++;
	if (rc == RC_OK && ret != NULL)
		*ret = res;
	else
		PQclear(res);
	return rc;
}

static enum rc check_rows(const struct pg_query *q, const PGresult *res, struct err *e)
{
	int rows = PQntuples(res);

	if ((q->expect == PG_EXPECT_NONE && rows != 0) ||
	    (q->expect == PG_EXPECT_ONE && rows != 1) ||
	    (q->expect == PG_EXPECT_OPTIONAL && rows > 1))
		return err_set(e, RC_INTERNAL, "unexpected_rows", "a statement gave %d rows", rows);
	return RC_OK;
}

/* Results of all statements and of the sync point that commits them. */
static enum rc collect(struct pg *pg, const struct pg_query *queries, size_t n,
    const size_t steps[], PGresult *results[], struct err *e)
{
	int64_t deadline =
	    clock_ms() + pg->timeout_ms + 1000; /* the server's own time-out comes first */
	enum rc rc = RC_OK;
	PGresult *sync = NULL;

	for (size_t i = 0; i < n; i++)
		for (size_t s = 0; s < steps[i]; s++) {
			rc = collect_one(
			    pg, deadline, s + 1 == steps[i] ? &results[i] : NULL, rc, e);
			if (pg->conn == NULL)
				return rc;
		}
	if (!next_result(pg, deadline, &sync) || PQresultStatus(sync) != PGRES_PIPELINE_SYNC) {
		/* A commit that fails (a deferred constraint, the disk) reports here. */
		if (rc == RC_OK && sync != NULL)
			rc = failure(pg, sync, e);
		PQclear(sync);
		pg_drop(pg);
		return rc != RC_OK ? rc
				   : err_set(e, RC_UNAVAILABLE, "database_unavailable",
					 "the database cut the connection while committing");
	}
	PQclear(sync);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = check_rows(&queries[i], results[i], e);
	return rc;
}

enum rc pg_run(
    struct pg *pg, const struct pg_query *queries, size_t n, struct pg_result *ret[], struct err *e)
{
	PGresult **results = calloc(n + 1, sizeof *results);
	size_t *steps = calloc(n + 1, sizeof *steps);
	enum rc rc = RC_INTERNAL;

	if (results == NULL || steps == NULL) {
		rc = err_no_memory(e);
		goto out;
	}
	rc = pg_ensure(pg, e);
	if (rc != RC_OK)
		goto out;
	pg->n_sent = pg->n_prepared;
	if (send_all(pg, queries, n, steps))
		rc = collect(pg, queries, n, steps, results, e);
	else
		rc = cut(pg, e, "the connection was cut while sending");
	if (pg->doomed)
		pg_drop(pg);
	for (size_t i = 0; i < n && rc == RC_OK && ret != NULL; i++) {
		ret[i] = (struct pg_result *)results[i];
		results[i] = NULL;
	}
out:
	for (size_t i = 0; results != NULL && i < n; i++)
		PQclear(results[i]);
	free(results);
	free(steps);
	return rc;
}

size_t pg_rows(const struct pg_result *r)
{
	return (size_t)PQntuples(pg_res(r));
}

bool pg_is_null(const struct pg_result *r, size_t row, int col)
{
	return PQgetisnull(pg_res(r), (int)row, col) == 1;
}

const char *pg_text(const struct pg_result *r, size_t row, int col)
{
	return PQgetvalue(pg_res(r), (int)row, col);
}

int64_t pg_int(const struct pg_result *r, size_t row, int col)
{
	return strtoll(pg_text(r, row, col), NULL, 10);
}

bool pg_bool(const struct pg_result *r, size_t row, int col)
{
	return pg_text(r, row, col)[0] == 't';
}

const void *pg_bytes(const struct pg_result *r, size_t row, int col, size_t *ret_len)
{
	*ret_len = (size_t)PQgetlength(pg_res(r), (int)row, col);
	return PQgetvalue(pg_res(r), (int)row, col);
}

void pg_result_free(struct pg_result *r)
{
	PQclear(pg_res(r));
}
