#include "pg/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "pg/pg_impl.h"

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t returned;
	int64_t timeout_ms;
	size_t n_all, n_free;
	struct pg **all;  /* owned */
	struct pg **free; /* a stack: the handle used last is the likeliest to be connected */

	/*
	 * While no connection can be made, one request at a time finds out whether that is over,
	 * with backoff; the others use what is connected, or are told at once.
	 */
	bool away, probing;
	int64_t next_probe; /* clock_ms() */
	int64_t backoff_ms;
	size_t n_serving; /* handles in use that were connected when they were taken */
	char why[PG_WHY];
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

static bool connected(const struct pg *pg)
{
	return pg_generation(pg) != 0;
}

/* The connected one that was used last, else one to connect; n_free: none that may be had. */
static size_t choose(const struct pool *pool)
{
	for (size_t i = pool->n_free; i-- > 0;)
		if (connected(pool->free[i]))
			return i;
	if (pool->n_free == 0 || (pool->away && (pool->probing || clock_ms() < pool->next_probe)))
		return pool->n_free;
	return pool->n_free - 1;
}

static struct pg *take(struct pool *pool, size_t i)
{
	struct pg *pg = pool->free[i];

	memmove(&pool->free[i], &pool->free[i + 1], (--pool->n_free - i) * sizeof(struct pg *));
	pg->lent = pg_generation(pg);
	pg->probing = pg->lent == 0 && pool->away;
	pool->n_serving += pg->lent != 0;
	pool->probing |= pg->probing;
	if (pg->lent == 0) {
		pg->next_attempt = 0; /* waiting is the pool's affair */
		pg->backoff_ms = pool->backoff_ms;
	}
	return pg;
}

static struct timespec deadline(int64_t ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

enum rc pool_get(struct pool *pool, struct pg **ret, struct err *e)
{
	const struct timespec until = deadline(pool->timeout_ms);
	enum rc rc = RC_OK;
	int wait = 0;
	size_t i;

	(void)pthread_mutex_lock(&pool->lock);
	/* Nobody waits for what does not come back: while it is away only for those that serve. */
	while ((i = choose(pool)) == pool->n_free && wait != ETIMEDOUT &&
	       !(pool->away && pool->n_serving == 0))
		wait = pthread_cond_timedwait(&pool->returned, &pool->lock, &until);
	if (i < pool->n_free)
		*ret = take(pool, i);
	else if (pool->away)
		rc = err_set(e, RC_UNAVAILABLE, "database_unavailable",
		    "the database cannot be reached: %s", pool->why);
	else
		rc = err_set(
		    e, RC_UNAVAILABLE, "database_busy", "all database connections are in use");
	(void)pthread_mutex_unlock(&pool->lock);
	return rc;
}

/* Was there an attempt to connect, and what does it teach? */
static void learn(struct pool *pool, const struct pg *pg)
{
	if (connected(pg) && pg_generation(pg) != pg->lent) {
		pool->away = false;
		pool->backoff_ms = 0;
	} else if (!connected(pg) && pg->next_attempt != 0) {
		pool->away = true;
		pool->backoff_ms = pg->backoff_ms;
		pool->next_probe = pg->next_attempt;
		memcpy(pool->why, pg->why, sizeof pool->why);
	}
}

void pool_put(struct pool *pool, struct pg *pg)
{
	(void)pthread_mutex_lock(&pool->lock);
	learn(pool, pg);
	pool->n_serving -= pg->lent != 0;
	pool->probing &= !pg->probing;
	pool->free[pool->n_free++] = pg;
	if (pool->away && pool->n_serving == 0)
		(void)pthread_cond_broadcast(&pool->returned);
	else
		(void)pthread_cond_signal(&pool->returned);
	(void)pthread_mutex_unlock(&pool->lock);
}
