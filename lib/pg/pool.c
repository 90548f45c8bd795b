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

/* Was there an attempt to connect since the handle was lent, and what does it teach? */
static void learn(struct pool *pool, struct pg *pg)
{
	if (connected(pg) && pg_generation(pg) != pg->lent) {
		pool->backoff_ms = 0;
		if (pool->away)
			(void)pthread_cond_broadcast(&pool->returned);
		pool->away = false;
	} else if (!connected(pg) && pg->next_attempt != 0) {
		pool->away = true;
		pool->backoff_ms = pg->backoff_ms;
		pool->next_probe = pg->next_attempt;
		memcpy(pool->why, pg->why, sizeof pool->why);
	}
	pool->n_serving -= pg->lent != 0;
	pool->n_serving += connected(pg);
	pg->lent = pg_generation(pg);
	pool->probing &= !pg->probing;
	pg->probing = false;
}

static void take_back(struct pool *pool, struct pg *pg)
{
	learn(pool, pg);
	pool->n_serving -= pg->lent != 0;
	pool->free[pool->n_free++] = pg;
	if (pool->away && pool->n_serving == 0)
		(void)pthread_cond_broadcast(&pool->returned);
	else
		(void)pthread_cond_signal(&pool->returned);
}

/*
 * The handle that choose() means, once there is one.  Nobody waits for what does not come back:
 * while the server is away only for those that serve.
 */
static struct pg *wait_for_one(struct pool *pool, const struct timespec *until)
{
	int wait = 0;
	size_t i;

	while ((i = choose(pool)) == pool->n_free) {
		if (wait == ETIMEDOUT || (pool->away && pool->n_serving == 0))
			return NULL;
		wait = pthread_cond_timedwait(&pool->returned, &pool->lock, until);
	}
	return take(pool, i);
}

/* Under the lock but while it connects, or finds that it is connected. */
static bool ready(struct pool *pool, struct pg *pg)
{
	bool ok;

	(void)pthread_mutex_unlock(&pool->lock);
	ok = pg_ensure(pg, NULL) == RC_OK;
	(void)pthread_mutex_lock(&pool->lock);
	if (ok)
		learn(pool, pg);
	else
		take_back(pool, pg);
	return ok;
}

enum rc pool_get(struct pool *pool, struct pg **ret, struct err *e)
{
	const struct timespec until = deadline(pool->timeout_ms);
	enum rc rc = RC_OK;
	struct pg *pg;

	(void)pthread_mutex_lock(&pool->lock);
	do
		pg = wait_for_one(pool, &until);
	while (pg != NULL && !ready(pool, pg));
	if (pg != NULL)
		*ret = pg;
	else if (pool->away)
		rc = err_set(e, RC_UNAVAILABLE, "database_unavailable",
		    "the database cannot be reached: %s", pool->why);
	else
		rc = err_set(
		    e, RC_UNAVAILABLE, "database_busy", "all database connections are in use");
	(void)pthread_mutex_unlock(&pool->lock);
	return rc;
}

void pool_put(struct pool *pool, struct pg *pg)
{
	(void)pthread_mutex_lock(&pool->lock);
	take_back(pool, pg);
	(void)pthread_mutex_unlock(&pool->lock);
}
