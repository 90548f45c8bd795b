#include "pg/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t returned;
	int64_t timeout_ms;
	size_t n_all, n_free;
	struct pg **all;  /* owned */
	struct pg **free; /* a stack: the handle used last is the likeliest to be connected */
};

enum rc pool_new(struct pool **ret, const char *url, const char *application_name, size_t size,
    int64_t timeout_ms, struct err *e)
{
	struct pool *pool = calloc(1, sizeof *pool);
	pthread_condattr_t attr;

	if (pool == NULL)
		return err_no_memory(e);
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pool->returned, &attr);
	(void)pthread_condattr_destroy(&attr);
	pool->timeout_ms = timeout_ms;
	pool->all = calloc(size, sizeof(struct pg *));
	pool->free = calloc(size, sizeof(struct pg *));
	for (size_t i = 0; i < size && pool->all != NULL && pool->free != NULL; i++) {
		pool->all[i] = pg_new(url, application_name, timeout_ms);
		if (pool->all[i] == NULL)
			break;
		pool->n_all++;
		pool->free[pool->n_free++] = pool->all[i];
	}
	if (pool->n_all < size) {
		pool_free(pool);
		return err_no_memory(e);
	}
	*ret = pool;
	return RC_OK;
}

void pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	for (size_t i = 0; i < pool->n_all; i++)
		pg_free(pool->all[i]);
	free(pool->all);
	free(pool->free);
	(void)pthread_cond_destroy(&pool->returned);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

enum rc pool_get(struct pool *pool, struct pg **ret, struct err *e)
{
	struct timespec until;
	enum rc rc = RC_OK;
	int wait = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += pool->timeout_ms / 1000;
	until.tv_nsec += pool->timeout_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&pool->lock);
	while (pool->n_free == 0 && wait != ETIMEDOUT)
		wait = pthread_cond_timedwait(&pool->returned, &pool->lock, &until);
	if (pool->n_free > 0)
		*ret = pool->free[--pool->n_free];
	else
		rc = err_set(
		    e, RC_UNAVAILABLE, "database_busy", "all database connections are in use");
	(void)pthread_mutex_unlock(&pool->lock);
	return rc;
}

void pool_put(struct pool *pool, struct pg *pg)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->free[pool->n_free++] = pg;
	(void)pthread_cond_signal(&pool->returned);
	(void)pthread_mutex_unlock(&pool->lock);
}
