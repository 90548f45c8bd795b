#include "pg/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "unit/database.h"

static void nap(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static struct pool *open_pool(size_t size, int64_t timeout_ms)
{
	struct pool *pool = NULL;

	if (pool_new(&pool, getenv(DB_APP), "unit test", size, timeout_ms, NULL) != RC_OK)
		abort();
	return pool;
}

static void test_exhaustion(void)
{
	static const int64_t timeouts[] = { 100, 1100 };

	for (size_t i = 0; i < 2; i++) {
		struct pool *pool = open_pool(2, timeouts[i]);
		struct pg *a = NULL, *b = NULL, *c = NULL;
		struct err e = { .code = "" };
		int64_t before;

		CU_ASSERT_FATAL(pool_get(pool, &a, NULL) == RC_OK);
		CU_ASSERT_FATAL(pool_get(pool, &b, NULL) == RC_OK);
		CU_ASSERT(a != b);
		before = clock_ms();
		CU_ASSERT(pool_get(pool, &c, &e) == RC_UNAVAILABLE && c == NULL);
		CU_ASSERT(clock_ms() - before >= timeouts[i] - 1);
		CU_ASSERT(clock_ms() - before < timeouts[i] + 1000);
		CHECK_STR(e.code, "database_busy");
		pool_put(pool, b);
		CU_ASSERT(pool_get(pool, &c, &e) == RC_OK && c == b);
		pool_put(pool, a);
		pool_put(pool, c);
		pool_free(pool);
	}
	pool_free(NULL);
}

struct late {
	struct pool *pool;
	struct pg *pg;
};

static void *put_late(void *arg)
{
	struct late *late = arg;

	nap(100);
	pool_put(late->pool, late->pg);
	return NULL;
}

/* Who waits gets the handle as soon as it is back. */
static void test_waiting(void)
{
	struct late late = { .pool = open_pool(1, 5000) };
	struct pg *pg = NULL;
	pthread_t thread;
	int64_t before = clock_ms();

	CU_ASSERT_FATAL(pool_get(late.pool, &late.pg, NULL) == RC_OK);
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, put_late, &late) == 0);
	CU_ASSERT(pool_get(late.pool, &pg, NULL) == RC_OK && pg == late.pg);
	CU_ASSERT(clock_ms() - before < 2000);
	(void)pthread_join(thread, NULL);
	pool_put(late.pool, pg);
	pool_free(late.pool);
}

struct shared {
	struct pool *pool;
	atomic_int done, in_use, most;
};

static void *use(void *arg)
{
	static const char sql[] = "select $1::integer * 2, pg_sleep(0.001)";
	struct shared *s = arg;

	for (int i = 0; i < 50; i++) {
		struct pg_query q = { .sql = sql, .expect = PG_EXPECT_ONE, .n = 1 };
		struct pg_result *res = NULL;
		struct pg *pg;
		char number[12];
		int now;

		(void)snprintf(number, sizeof number, "%d", i);
		q.params[0] = (struct pg_param)PG_TEXT(number);
		if (pool_get(s->pool, &pg, NULL) != RC_OK)
			continue;
		now = atomic_fetch_add(&s->in_use, 1) + 1;
		if (now > atomic_load(&s->most))
			atomic_store(&s->most, now);
		if (pg_run(pg, &q, 1, &res, NULL) == RC_OK && pg_int(res, 0, 0) == 2 * i)
			atomic_fetch_add(&s->done, 1);
		pg_result_free(res);
		atomic_fetch_sub(&s->in_use, 1);
		pool_put(s->pool, pg);
	}
	return NULL;
}

/* Many threads, few connections: each gets its own answers. */
static void test_threads(void)
{
	enum { THREADS = 16, SIZE = 4 };
	struct shared s = { .pool = open_pool(SIZE, 10000) };
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, use, &s) == 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	CU_ASSERT(s.done == THREADS * 50);
	CU_ASSERT(s.most <= SIZE && s.in_use == 0);
	pool_free(s.pool);
}

/* A way to the test database's socket that can be shut: a folder with a link to it, or without. */
struct door {
	char folder[32], link[64], socket[200], url[300];
};

static bool door_make(struct door *d)
{
	const char *url = getenv(DB_APP), *host = strstr(url, "host=/");

	*d = (struct door){ .folder = "/tmp/mizan-unit-XXXXXX" };
	if (host == NULL) {
		unit_skip("the test database is not on a unix socket");
		return false;
	}
	host += strlen("host=");
	CU_ASSERT_FATAL(mkdtemp(d->folder) != NULL);
	(void)snprintf(d->url, sizeof d->url, "%.*s%s", (int)(host - url), url, d->folder);
	(void)snprintf(d->socket, sizeof d->socket, "%s/.s.PGSQL.5432", host);
	(void)snprintf(d->link, sizeof d->link, "%s/.s.PGSQL.5432", d->folder);
	return true;
}

static void door_open(const struct door *d)
{
	CU_ASSERT_FATAL(symlink(d->socket, d->link) == 0);
}

static void door_close(const struct door *d)
{
	CU_ASSERT_FATAL(unlink(d->link) == 0);
}

static enum rc ask(struct pg *pg)
{
	struct pg_query q = { .sql = "select 1", .expect = PG_EXPECT_ONE };

	return pg_run(pg, &q, 1, NULL, NULL);
}

/* Who asks while the server is away is told at once, and what was tried last; then it is back. */
static void test_away(void)
{
	struct pg *handles[3] = { NULL };
	struct pool *pool = NULL;
	struct err e = { .code = "" };
	struct door door;
	int64_t before;

	if (!door_make(&door))
		return;
	CU_ASSERT_FATAL(pool_new(&pool, door.url, "unit test", 3, 5000, NULL) == RC_OK);
	before = clock_ms();
	for (int i = 0; i < 1000; i++)
		CU_ASSERT(pool_get(pool, &handles[0], &e) == RC_UNAVAILABLE);
	CU_ASSERT(clock_ms() - before < 1000);
	CHECK_STR(e.code, "database_unavailable");
	CU_ASSERT(strstr(e.msg, "No such file") != NULL);
	door_open(&door);
	before = clock_ms();
	while (pool_get(pool, &handles[0], NULL) != RC_OK && clock_ms() - before < 5000)
		nap(10);
	before = clock_ms();
	for (int i = 1; i < 3; i++)
		CU_ASSERT_FATAL(pool_get(pool, &handles[i], NULL) == RC_OK);
	CU_ASSERT(clock_ms() - before < 1000);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT(ask(handles[i]) == RC_OK);
		pool_put(pool, handles[i]);
	}
	door_close(&door);
	pool_free(pool);
	(void)rmdir(door.folder);
}

/* Where no further connection can be made, the ones that stand are used, and waited for. */
static void test_serving(void)
{
	struct late late = { .pool = NULL };
	struct pg *pg = NULL;
	struct door door;
	pthread_t thread;

	if (!door_make(&door))
		return;
	door_open(&door);
	CU_ASSERT_FATAL(pool_new(&late.pool, door.url, "unit test", 3, 5000, NULL) == RC_OK);
	CU_ASSERT_FATAL(pool_get(late.pool, &late.pg, NULL) == RC_OK && ask(late.pg) == RC_OK);
	door_close(&door);
	for (int i = 0; i < 3; i++) { /* the first of them tries to connect */
		CU_ASSERT_FATAL(pthread_create(&thread, NULL, put_late, &late) == 0);
		CU_ASSERT_FATAL(pool_get(late.pool, &pg, NULL) == RC_OK);
		CU_ASSERT(pg == late.pg && ask(pg) == RC_OK);
		(void)pthread_join(thread, NULL);
	}
	pool_put(late.pool, pg);
	pool_free(late.pool);
	(void)rmdir(door.folder);
}

const struct unit_test unit_tests[] = {
	{ "all in use", test_exhaustion },
	{ "the server is away", test_away },
	{ "no further connection", test_serving },
	{ "waiting for one", test_waiting },
	{ "threads", test_threads },
	{ NULL, NULL },
};
