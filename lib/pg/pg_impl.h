/* What the files of this folder share; not for other folders. */
#ifndef MIZAN_PG_PG_IMPL_H
#define MIZAN_PG_PG_IMPL_H

#include <libpq-fe.h>

#include "pg/pg.h"

#define PG_MAX_PREPARED 64
#define PG_WHY          200

/* The longest wait between two attempts to connect, less or more up to a half. */
#define PG_BACKOFF_MAX_MS 1000

struct pg {
	PGconn *conn;
	bool doomed; /* to be given up after the present pipeline */
	char *url;
	char *application_name;
	uint64_t generation; /* counts the connections made */
	int64_t timeout_ms;
	int64_t connected_at; /* clock_ms() of the present connection */
	int64_t next_attempt; /* clock_ms() before which no connection is tried; 0: try at once */
	int64_t backoff_ms;   /* doubles with each attempt that failed; 0: the last one did not */
	uint64_t lent;        /* for pool.c: pg_generation() when it was lent */
	bool probing;         /* likewise: it was lent to find out whether the server is back */
	char why[PG_WHY];     /* what the last attempt that failed met; "" for none */
	const char *prepared[PG_MAX_PREPARED]; /* by address, in order of preparation */
	size_t n_prepared;                     /* of these the server has confirmed so many */
	size_t n_sent; /* and so many were sent within the present pipeline */
};

/* Make pg->conn usable: connected, in pipeline mode, idle. */
enum rc pg_ensure(struct pg *pg, struct err *e) MUST_CHECK;

/* Give the connection up; the next pg_ensure() makes a new one. */
void pg_drop(struct pg *pg);

/* Wait for the connection's socket (POLLIN, POLLOUT) until `deadline` (clock_ms()). */
bool pg_wait_socket(PGconn *conn, short events, int64_t deadline);

#endif
