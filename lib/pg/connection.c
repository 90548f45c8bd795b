#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/random.h"
#include "pg/pg_impl.h"

enum { BACKOFF_MIN_MS = 50, MAX_READS = 16 };

struct pg *pg_new(const char *url, const char *application_name, int64_t timeout_ms)
{
	struct pg *pg = calloc(1, sizeof *pg);

	if (pg == NULL)
		return NULL;
	pg->url = strdup(url);
	pg->application_name = strdup(application_name);
	pg->timeout_ms = timeout_ms;
	if (pg->url == NULL || pg->application_name == NULL) {
		pg_free(pg);
		return NULL;
	}
	return pg;
}

void pg_free(struct pg *pg)
{
	if (pg == NULL)
		return;
	pg_drop(pg);
	if (pg->url != NULL)
		explicit_bzero(pg->url, strlen(pg->url));
	free(pg->url);
	free(pg->application_name);
	free(pg);
}

void pg_set_timeout(struct pg *pg, int64_t timeout_ms)
{
	pg->timeout_ms = timeout_ms;
}

void pg_drop(struct pg *pg)
{
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->doomed = false;
	pg->n_prepared = 0;
}

bool pg_wait_socket(PGconn *conn, short events, int64_t deadline)
{
	struct pollfd p = { .fd = PQsocket(conn), .events = events };

	for (;;) {
		int64_t left = deadline - clock_ms();
		if (left <= 0 || p.fd < 0)
			return false;
		if (poll(&p, 1, (int)(left < 60000 ? left : 60000)) > 0)
			return true;
	}
}

/*
 * Ours have the last word over the URL's: every wait has an end (SPEC §4, ARCHITECTURE), the
 * server's too: of a host that vanished amid a pipeline it would keep the locks for two hours.
 * Plans are made once for a connection, often while a table is still empty, and kept: so the
 * index is preferred from the start, and JIT kept from judging plans by that penalty.  A statement
 * takes one core, so that what operators look at leaves the others to uploads.
 */
static PGconn *connect_to(const struct pg *pg)
{
	char options[400], timeout_s[16], timeout_ms[16];
	const char *const names[] = { "dbname", "application_name", "client_encoding", "options",
		"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", NULL };
	const char *const values[] = { pg->url, pg->application_name, "UTF8", options, timeout_s,
		"10", "5", "3", timeout_ms, NULL };

	(void)snprintf(timeout_s, sizeof timeout_s, "%d", (int)(pg->timeout_ms / 1000) + 1);
	(void)snprintf(timeout_ms, sizeof timeout_ms, "%d", (int)pg->timeout_ms);
	(void)snprintf(options, sizeof options,
	    "-c statement_timeout=%s -c lock_timeout=%s -c idle_in_transaction_session_timeout=%s "
	    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
	    "-c timezone=UTC -c enable_seqscan=off -c jit=off -c max_parallel_workers_per_gather=0",
	    timeout_ms, timeout_ms, timeout_ms);
	return PQconnectdbParams(names, values, 1);
}

static void no_notice(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

/* libpq's words, one line of them; they may quote an address that it cannot read. */
static void note_why(struct pg *pg)
{
	PQconninfoOption *known = PQconninfoParse(pg->url, NULL);
	const char *words = known != NULL ? PQerrorMessage(pg->conn) : "its address is not valid";

	(void)snprintf(pg->why, sizeof pg->why, "%s", words);
	pg->why[strcspn(pg->why, "\n")] = '\0';
	PQconninfoFree(known);
}

static enum rc unreachable(const char *why, struct err *e)
{
	return err_set(
	    e, RC_UNAVAILABLE, "database_unavailable", "the database cannot be reached: %s", why);
}

static void back_off(struct pg *pg)
{
	pg->backoff_ms = pg->backoff_ms == 0 ? BACKOFF_MIN_MS : pg->backoff_ms * 2;
	if (pg->backoff_ms > PG_BACKOFF_MAX_MS)
		pg->backoff_ms = PG_BACKOFF_MAX_MS;
	pg->next_attempt =
	    clock_ms() + pg->backoff_ms / 2 + (int64_t)random_below((uint64_t)pg->backoff_ms);
}

static enum rc reconnect(struct pg *pg, struct err *e)
{
	if (clock_ms() < pg->next_attempt)
		return unreachable(pg->why, e);
	pg->conn = connect_to(pg);
	if (PQstatus(pg->conn) == CONNECTION_OK && PQsetnonblocking(pg->conn, 1) == 0 &&
	    PQenterPipelineMode(pg->conn) == 1) {
		(void)PQsetNoticeReceiver(pg->conn, no_notice, NULL);
		pg->backoff_ms = 0;
		pg->next_attempt = 0;
		pg->connected_at = clock_ms();
		pg->generation++;
		return RC_OK;
	}
	note_why(pg);
	pg_drop(pg);
	back_off(pg);
	return unreachable(pg->why, e);
}

/*
 * A socket that is readable while nothing was asked holds a notification or the end, and a
 * server that stops says so before it closes: what was read once may have the end behind it.
 */
static bool still_there(PGconn *conn)
{
	struct pollfd p = { .fd = PQsocket(conn), .events = POLLIN };

	for (int i = 0; i < MAX_READS && p.fd >= 0 && poll(&p, 1, 0) > 0; i++)
		if (PQconsumeInput(conn) == 0)
			return false;
	return PQstatus(conn) == CONNECTION_OK;
}

enum rc pg_ensure(struct pg *pg, struct err *e)
{
	if (pg->conn != NULL && !still_there(pg->conn))
		pg_drop(pg);
	return pg->conn != NULL ? RC_OK : reconnect(pg, e);
}
