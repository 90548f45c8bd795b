#include "pg/pg.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "unit/database.h"

static enum rc run(struct pg *pg, const char *sql, struct err *e)
{
	struct pg_query q = { .sql = sql };

	return pg_run(pg, &q, 1, NULL, e);
}

static int64_t backend_pid(struct pg *pg)
{
	struct pg_query q = { .sql = "select pg_backend_pid()", .expect = PG_EXPECT_ONE };
	struct pg_result *res = NULL;
	int64_t pid = 0;

	if (pg_run(pg, &q, 1, &res, NULL) == RC_OK)
		pid = pg_int(res, 0, 0);
	pg_result_free(res);
	return pid;
}

static void nap(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* A role may end its own connections; waits until the backend is gone. */
static void terminate(struct pg *by, int64_t pid)
{
	char text[24];
	struct pg_query q = { .sql = "select pg_terminate_backend($1::integer, 5000)",
		.n = 1,
		.params = { PG_TEXT(text) } };

	(void)snprintf(text, sizeof text, "%lld", (long long)pid);
	CU_ASSERT_FATAL(pg_run(by, &q, 1, NULL, NULL) == RC_OK);
}

/* A statement that hangs ends at the time-out, and the handle goes on. */
static void test_timeout(void)
{
	struct pg *pg = db_open_for(DB_APP, 300);
	struct err e = { .code = "" };
	int64_t before;

	CU_ASSERT_FATAL(run(pg, "select 1", NULL) == RC_OK);
	before = clock_ms();
	CU_ASSERT(run(pg, "select pg_sleep(10)", &e) == RC_UNAVAILABLE);
	CU_ASSERT(clock_ms() - before >= 250 && clock_ms() - before < 4000);
	CHECK_STR(e.code, "database_unavailable");
	CU_ASSERT(strncmp(e.msg, "sqlstate 57014", 14) == 0);
	CU_ASSERT(run(pg, "select 1", NULL) == RC_OK);
	pg_free(pg);
}

/* So does the wait for a lock that someone else holds. */
static void test_lock_timeout(void)
{
	static const char sql[] = "select from pg_advisory_lock(770077)";
	struct pg *holder = db_open(DB_APP), *pg = db_open_for(DB_APP, 300);
	struct err e = { .code = "" };
	int64_t before;

	CU_ASSERT_FATAL(run(holder, sql, NULL) == RC_OK && run(pg, "select 1", NULL) == RC_OK);
	before = clock_ms();
	CU_ASSERT(run(pg, sql, &e) == RC_UNAVAILABLE);
	CU_ASSERT(clock_ms() - before < 2000);
	pg_free(holder);
	pg_free(pg);
}

/* A server that accepts and says nothing, and one that is not there. */
static void test_unreachable(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err e = { .code = "" };
	char url[100];
	struct pg *pg;
	int64_t before;

	CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
	CU_ASSERT_FATAL(listen(fd, 5) == 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	(void)snprintf(url, sizeof url, "postgresql://u:s3cret@127.0.0.1:%d/d", ntohs(at.sin_port));
	pg = pg_new(url, "unit test", 300);
	CU_ASSERT_FATAL(pg != NULL && pg_generation(pg) == 0 && pg_fd(pg) == -1);
	before = clock_ms();
	CU_ASSERT(run(pg, "select 1", &e) == RC_UNAVAILABLE);
	CU_ASSERT(clock_ms() - before >= 250 && clock_ms() - before < 4000);
	CHECK_STR(e.code, "database_unavailable");
	CU_ASSERT(strstr(e.msg, "s3cret") == NULL);
	CU_ASSERT(pg_generation(pg) == 0 && pg_fd(pg) == -1);
	/* Until the backoff is over it is not so much as tried. */
	before = clock_ms();
	CU_ASSERT(run(pg, "select 1", &e) == RC_UNAVAILABLE);
	CU_ASSERT(clock_ms() - before < 200);
	(void)close(fd);
	before = clock_ms();
	for (int i = 0; i < 1000; i++)
		CU_ASSERT(run(pg, "select 1", NULL) == RC_UNAVAILABLE);
	CU_ASSERT(clock_ms() - before < 1000);
	pg_free(pg);
	pg = pg_new("no such=address at all", "unit test", 300);
	CU_ASSERT(run(pg, "select 1", &e) == RC_UNAVAILABLE);
	pg_free(pg);
	pg_free(NULL);
}

/* While the server is away each attempt fails at once; when it is back, so is the connection. */
static void test_comes_back(void)
{
	const char *host = strstr(getenv(DB_APP), "host=");
	char folder[] = "/tmp/mizan-unit-XXXXXX", url[200], from[200], to[200];
	int64_t deadline = clock_ms() + 5000;
	struct pg *pg;

	if (host == NULL || host[5] != '/') {
		unit_skip("the test database is not on a unix socket");
		return;
	}
	CU_ASSERT_FATAL(mkdtemp(folder) != NULL);
	(void)snprintf(
	    url, sizeof url, "%.*s%s", (int)(host + 5 - getenv(DB_APP)), getenv(DB_APP), folder);
	(void)snprintf(from, sizeof from, "%s/.s.PGSQL.5432", host + 5);
	(void)snprintf(to, sizeof to, "%s/.s.PGSQL.5432", folder);
	pg = pg_new(url, "unit test", 300);
	for (int i = 0; i < 5; i++) {
		CU_ASSERT(run(pg, "select 1", NULL) == RC_UNAVAILABLE);
		nap(60);
	}
	CU_ASSERT_FATAL(symlink(from, to) == 0);
	while (run(pg, "select 1", NULL) != RC_OK && clock_ms() < deadline)
		nap(10);
	CU_ASSERT(pg_generation(pg) == 1 && run(pg, "select 1", NULL) == RC_OK);
	pg_free(pg);
	(void)unlink(to);
	(void)rmdir(folder);
}

/* An idle connection that was cut is noticed before it is used. */
static void test_reconnect(void)
{
	struct pg *pg = db_open(DB_APP), *other = db_open(DB_APP);

	for (int i = 0; i < 3; i++) {
		int64_t pid = backend_pid(pg);
		uint64_t generation = pg_generation(pg);

		CU_ASSERT_FATAL(pid > 0 && generation > 0);
		terminate(other, pid);
		CU_ASSERT(run(pg, "select 1", NULL) == RC_OK);
		CU_ASSERT(backend_pid(pg) != pid);
		CU_ASSERT(pg_generation(pg) > generation);
	}
	pg_free(pg);
	pg_free(other);
}

/* Cut in the middle of a statement: an error at once, and the next one works. */
static void test_cut(void)
{
	static const char sql[] = "select pg_terminate_backend(pg_backend_pid())";
	struct pg *pg = db_open(DB_APP);
	struct err e = { .code = "" };
	int64_t before;

	CU_ASSERT_FATAL(run(pg, "select 1", NULL) == RC_OK);
	before = clock_ms();
	CU_ASSERT(run(pg, sql, &e) == RC_UNAVAILABLE);
	CHECK_STR(e.code, "database_unavailable");
	CU_ASSERT(run(pg, "select 2", NULL) == RC_OK);
	CU_ASSERT(clock_ms() - before < 3000);
	pg_free(pg);
}

/* The server falls silent without a word: the wait ends, and a new connection works. */
static void test_silence(void)
{
	struct pg *pg = db_open_for(DB_APP, 300);
	struct err e = { .code = "" };
	pid_t pid = (pid_t)backend_pid(pg);
	int64_t before = clock_ms();

	CU_ASSERT_FATAL(pid > 0);
	if (strstr(getenv(DB_APP), "host=/") == NULL || kill(pid, SIGSTOP) != 0) {
		unit_skip("the test database runs elsewhere, or as another user");
		pg_free(pg);
		return;
	}
	CU_ASSERT(run(pg, "select 1", &e) == RC_UNAVAILABLE);
	CU_ASSERT(clock_ms() - before >= 300 && clock_ms() - before < 3000);
	CHECK_STR(e.code, "database_unavailable");
	CU_ASSERT(pg_generation(pg) == 0);
	CU_ASSERT(run(pg, "select 2", NULL) == RC_OK);
	(void)kill(pid, SIGCONT);
	pg_free(pg);
}

/* The next payload within two seconds. */
static bool next_payload(struct pg *pg, char *payload, size_t size)
{
	int64_t deadline = clock_ms() + 2000;

	while (clock_ms() < deadline) {
		struct pollfd p = { .fd = pg_fd(pg), .events = POLLIN };

		if (pg_notification(pg, payload, size))
			return true;
		(void)poll(&p, 1, 50);
	}
	return false;
}

static void test_notifications(void)
{
	struct pg *pg = db_open(DB_APP), *sender = db_open(DB_WORKER);
	struct pg_query three[3] = { { .sql = "select pg_notify('unit_a', 'one')" },
		{ .sql = "select pg_notify('unit_b', 'other')" },
		{ .sql = "select pg_notify('unit_a', 'a longer payload')" } };
	char payload[9] = "";

	CU_ASSERT(!pg_notification(pg, payload, sizeof payload));
	CU_ASSERT_FATAL(run(pg, "listen unit_a", NULL) == RC_OK);
	CU_ASSERT(!pg_notification(pg, payload, sizeof payload));
	CU_ASSERT_FATAL(pg_run(sender, three, 3, NULL, NULL) == RC_OK);
	CU_ASSERT(next_payload(pg, payload, sizeof payload));
	CHECK_STR(payload, "one");
	CU_ASSERT(next_payload(pg, payload, sizeof payload));
	CHECK_STR(payload, "a longer");
	CU_ASSERT(!pg_notification(pg, payload, sizeof payload));
	/* What arrives while the handle runs a statement is not lost. */
	CU_ASSERT_FATAL(pg_run(sender, three, 1, NULL, NULL) == RC_OK);
	CU_ASSERT(run(pg, "select 1", NULL) == RC_OK);
	CU_ASSERT(next_payload(pg, payload, sizeof payload));
	CHECK_STR(payload, "one");
	pg_free(pg);
	pg_free(sender);
}

/* A listener learns that its connection is gone: there is none until the next statement. */
static void test_listener_is_cut(void)
{
	struct pg *pg = db_open(DB_APP), *other = db_open(DB_APP);
	uint64_t generation;
	char payload[16];

	CU_ASSERT_FATAL(run(pg, "listen unit_c", NULL) == RC_OK);
	generation = pg_generation(pg);
	terminate(other, backend_pid(pg));
	for (int i = 0; i < 200 && pg_generation(pg) != 0; i++) {
		CU_ASSERT(!pg_notification(pg, payload, sizeof payload));
		nap(10);
	}
	CU_ASSERT(pg_generation(pg) == 0 && pg_fd(pg) == -1);
	CU_ASSERT(!pg_notification(pg, payload, sizeof payload));
	CU_ASSERT(run(pg, "listen unit_c", NULL) == RC_OK);
	CU_ASSERT(pg_generation(pg) > generation);
	CU_ASSERT(run(other, "notify unit_c, 'back'", NULL) == RC_OK);
	CU_ASSERT(next_payload(pg, payload, sizeof payload));
	CHECK_STR(payload, "back");
	pg_free(pg);
	pg_free(other);
}

/* Ours have the last word: times are UTC, and every wait has an end. */
static void test_session(void)
{
	struct pg_query q = {
		.sql = "select current_setting('statement_timeout'),"
		       " current_setting('lock_timeout'),"
		       " current_setting('idle_in_transaction_session_timeout'),"
		       " current_setting('timezone'), current_setting('application_name'),"
		       " current_setting('client_encoding')",
		.expect = PG_EXPECT_ONE
	};
	static const char *const want[] = { "1234ms", "1234ms", "1234ms", "UTC", "unit test",
		"UTF8" };
	struct pg *pg = db_open_for(DB_APP, 1234);
	struct pg_result *res = NULL;

	CU_ASSERT_FATAL(pg_run(pg, &q, 1, &res, NULL) == RC_OK);
	for (int i = 0; i < 6; i++)
		CHECK_STR(pg_text(res, 0, i), want[i]);
	pg_result_free(res);
	pg_free(pg);
}

const struct unit_test unit_tests[] = {
	{ "a statement that hangs", test_timeout },
	{ "a lock that is held", test_lock_timeout },
	{ "a server that does not answer", test_unreachable },
	{ "the server goes and comes back", test_comes_back },
	{ "an idle connection was cut", test_reconnect },
	{ "cut in the middle", test_cut },
	{ "silence", test_silence },
	{ "notifications", test_notifications },
	{ "a listener is cut", test_listener_is_cut },
	{ "the session's settings", test_session },
	{ NULL, NULL },
};
