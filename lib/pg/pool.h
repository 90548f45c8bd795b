/* A pool of connections shared by the threads of a process. */
#ifndef MIZAN_PG_POOL_H
#define MIZAN_PG_POOL_H

#include "pg/pg.h"

struct pool;

/* size handles, none connected yet; pool_free() when every handle is back. */
enum rc pool_new(struct pool **ret, const char *url, const char *application_name, size_t size,
    int64_t timeout_ms, struct err *e) MUST_CHECK;
void pool_free(struct pool *pool);

/*
 * Borrow a handle that is connected, waiting at most the pool's time-out for one to come back,
 * and as long again for a new connection where that can be had.
 * RC_UNAVAILABLE: "database_busy": none came back in time; "database_unavailable": no connection
 * can be made and none is left to wait for.  While that is so it is found out once a second, not
 * with each call.
 */
enum rc pool_get(struct pool *pool, struct pg **ret, struct err *e) MUST_CHECK;
void pool_put(struct pool *pool, struct pg *pg);

#endif
