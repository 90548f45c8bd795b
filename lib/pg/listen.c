#include <stdio.h>

#include "pg/pg_impl.h"

uint64_t pg_generation(const struct pg *pg)
{
	return pg->conn != NULL ? pg->generation : 0;
}

int pg_fd(const struct pg *pg)
{
	return pg->conn != NULL ? PQsocket(pg->conn) : -1;
}

bool pg_notification(struct pg *pg, char *payload, size_t size)
{
	PGnotify *n;

	if (pg->conn == NULL)
		return false;
	n = PQnotifies(pg->conn);
	if (n == NULL) {
		if (PQconsumeInput(pg->conn) == 0) {
			pg_drop(pg);
			return false;
		}
		n = PQnotifies(pg->conn);
	}
	if (n == NULL)
		return false;
	(void)snprintf(payload, size, "%s", n->extra);
	PQfreemem(n);
	return true;
}
