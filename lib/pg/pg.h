/*
 * One connection to Postgres: the only libpq code of the project is in this folder.
 *
 * Statements go as a pipeline: all of one pg_run() are one transaction and one round trip,
 * committed together or not at all.  Every wait has a deadline.  A connection that broke is
 * opened again by the next pg_run(), with backoff.  A handle belongs to one thread at a time.
 *
 * Of several hosts in the connection string each has the time-out to itself (in whole seconds,
 * at least 2: libpq's connect_timeout), and a server that has become read-only is left for one
 * that fits target_session_attrs, every two seconds at the most.
 *
 * Named prepared statements are used; behind a transaction-pooling proxy that proxy must
 * support them (PgBouncer 1.21 and later: max_prepared_statements) and let the start-up
 * parameter `options` pass (ignore_startup_parameters).
 */
#ifndef MIZAN_PG_PG_H
#define MIZAN_PG_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct pg;
struct pg_result;

#define PG_MAX_PARAMS 16

/* A parameter: text when len is 0, else len raw bytes of a bytea.  value NULL: SQL null. */
struct pg_param {
	const char *value;
	size_t len;
};
#define PG_TEXT(v)                                                                                 \
	{                                                                                          \
		.value = (v)                                                                       \
	}
#define PG_BYTES(v, n)                                                                             \
	{                                                                                          \
		.value = (const char *)(v), .len = (n)                                             \
	}

/*
 * The rows that a statement must give; anything else is RC_INTERNAL ("unexpected_rows"), found
 * after the commit: a broken assumption of ours, not a condition to act upon.
 */
enum pg_expect { PG_EXPECT_ANY, PG_EXPECT_NONE, PG_EXPECT_ONE, PG_EXPECT_OPTIONAL };

struct pg_query {
	const char *sql;    /* static text: its address names the prepared statement */
	const char *tenant; /* the tenant to run under (row-level security); NULL: none */
	enum pg_expect expect;
	bool binary_result; /* for bytea columns, see pg_bytes() */
	size_t n;
	struct pg_param params[PG_MAX_PARAMS];
};

/* A handle for `url` (libpq connection string); connects at the first use.  NULL: no memory. */
struct pg *pg_new(const char *url, const char *application_name, int64_t timeout_ms);
void pg_free(struct pg *pg);

/* Wait no longer than this from now on, for an answer or for a new connection. */
void pg_set_timeout(struct pg *pg, int64_t timeout_ms);

/*
 * Run n statements as one transaction.
 * RC_OK: ret[i] (where ret is not NULL) holds the rows of statement i, for pg_result_free().
 * RC_UNAVAILABLE: not connected, cut, timed out, or the server cannot at present (sqlstate
 * classes 08, 25, 40, 53, 57, 58 and 55P03).  A cut connection may have committed: statements
 * must be safe to repeat.
 * RC_CONFLICT: a unique key is taken.  RC_LIMITED: the statement raised MZ429; e->msg is its text.
 * RC_INTERNAL: anything else, with the sqlstate in e->msg.
 */
enum rc pg_run(struct pg *pg, const struct pg_query *queries, size_t n, struct pg_result *ret[],
    struct err *e) MUST_CHECK;

/* Rows of a result; row and column must exist. */
size_t pg_rows(const struct pg_result *r);
bool pg_is_null(const struct pg_result *r, size_t row, int col);
const char *pg_text(const struct pg_result *r, size_t row, int col); /* "" for null */
int64_t pg_int(const struct pg_result *r, size_t row, int col);      /* 0 for null */
bool pg_bool(const struct pg_result *r, size_t row, int col);
/* A bytea of a binary result; lives as long as the result. */
const void *pg_bytes(const struct pg_result *r, size_t row, int col, size_t *ret_len);
void pg_result_free(struct pg_result *r);

/*
 * Notifications arrive on a connection that ran a LISTEN, and a new connection has to run it
 * again: pg_generation() differs for each connection of a handle and is 0 while there is
 * none.  pg_fd() is what to poll, -1 while there is none.  pg_notification() takes the next
 * payload that has arrived, cut to size; false when there is none, also when the connection
 * turned out to be cut.
 */
uint64_t pg_generation(const struct pg *pg);
int pg_fd(const struct pg *pg);
bool pg_notification(struct pg *pg, char *payload, size_t size);

#endif
