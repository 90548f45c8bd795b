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
 * Borrow a handle, waiting at most the pool's time-out for one.
 * RC_UNAVAILABLE ("database_busy"): none came back in time.
 */
enum rc pool_get(struct pool *pool, struct pg **ret, struct err *e) MUST_CHECK;
void pool_put(struct pool *pool, struct pg *pg);

#endif
