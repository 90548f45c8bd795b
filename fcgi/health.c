/*
 * health.fcgi: GET /health and GET /health/ready (SPEC §2).  However many ask, the database is
 * asked about once a second.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "core/build_id.h"
#include "core/clock.h"
#include "core/log.h"
#include "ops/ready.h"
#include "store/readiness.h"

enum { THREADS = 32, FRESH_MS = 1000, STALE_MS = 10000, MAX_REPORT = 16 << 10 };

/* Of those who would wait for a check under way: threads are left for GET /health. */
enum { MAX_WAITING = THREADS / 2 };

struct health {
	struct app app;           /* first: see app.h */
	pthread_mutex_t checking; /* held by the one who asks the database */
	atomic_int waiting;       /* for that one's report */
	pthread_mutex_t lock;     /* the report */
	struct buf report;        /* in room: a want of memory is no want of a report */
	char room[MAX_REPORT];
	bool ready;
	int64_t checked_at; /* clock_ms(); 0: never */
	bool database_away; /* under checking */
};

static enum rc health_get(struct route_context *cx, struct err *e)
{
	struct json_writer w = http_json(cx->rs, 200);

	(void)e;
	json_write_object(&w, NULL);
	json_write_text(&w, "status", "ok");
	json_write_object_end(&w);
	return RC_OK;
}

static bool ask_database(struct health *h, struct readiness_facts *facts, int64_t *latency_ms)
{
	struct app *app = &h->app;
	int64_t began = clock_ms();
	struct err e = { 0 };
	struct pg *pg;
	enum rc rc = pool_get(app->pool, &pg, &e);

	if (rc == RC_OK) {
		rc = readiness_load(pg, app->cfg.pilot_tenant_id, app->cfg.stuck_minutes,
		    app->cfg.worker_alive_seconds, facts, &e);
		pool_put(app->pool, pg);
	}
	*latency_ms = clock_ms() - began;
	if (rc != RC_OK && !h->database_away)
		log_warn("ready.database", "the database does not answer: %s", e.msg);
	h->database_away = rc != RC_OK;
	return rc == RC_OK;
}

static void publish(struct health *h, const struct buf *doc, bool ready)
{
	(void)pthread_mutex_lock(&h->lock);
	if (ready != h->ready || h->checked_at == 0)
		log_event(ready ? LOG_INFO_LEVEL : LOG_ERROR_LEVEL,
		    ready ? "ready.yes" : "ready.no", NULL, "%s", buf_str(doc));
	buf_clear(&h->report);
	buf_add(&h->report, doc->p, doc->len);
	h->ready = ready;
	h->checked_at = clock_ms();
	(void)pthread_mutex_unlock(&h->lock);
}

static void check_now(struct health *h)
{
	struct readiness_facts facts;
	struct ready_input in = {
		.cfg = &h->app.cfg,
		.config_hash = h->app.config_hash,
		.build_id = build_id(),
		.schema_version = build_schema_version(),
	};
	char now[CLOCK_TEXT], room[MAX_REPORT];
	struct buf doc;
	struct json_writer w = { .out = &doc };
	bool ready;

	in.facts = ask_database(h, &facts, &in.db_latency_ms) ? &facts : NULL;
	clock_rfc3339(now);
	in.timestamp = now;
	buf_init_fixed(&doc, room, sizeof room);
	ready = ready_report(&w, &in);
	publish(h, &doc, ready);
}

static int64_t age(struct health *h)
{
	int64_t ms;

	(void)pthread_mutex_lock(&h->lock);
	ms = h->checked_at != 0 ? clock_ms() - h->checked_at : INT64_MAX;
	(void)pthread_mutex_unlock(&h->lock);
	return ms;
}

static bool wait_for_checker(struct health *h)
{
	bool may = atomic_fetch_add(&h->waiting, 1) < MAX_WAITING;

	if (may)
		(void)pthread_mutex_lock(&h->checking);
	atomic_fetch_sub(&h->waiting, 1);
	return may;
}

/*
 * One asks; the others take what is there.  Where that is too old to be of use they wait for the
 * one, or, if too many wait already, take it all the same: its timestamp tells.
 */
static void refresh(struct health *h)
{
	if (age(h) < FRESH_MS)
		return;
	if (pthread_mutex_trylock(&h->checking) != 0 && (age(h) < STALE_MS || !wait_for_checker(h)))
		return;
	if (age(h) >= FRESH_MS)
		check_now(h);
	(void)pthread_mutex_unlock(&h->checking);
}

static enum rc ready_get(struct route_context *cx, struct err *e)
{
	struct health *h = cx->app;

	refresh(h);
	if (age(h) == INT64_MAX)
		return err_set(e, RC_UNAVAILABLE, "database_unavailable",
		    "the first check is still under way");
	(void)pthread_mutex_lock(&h->lock);
	buf_add(&cx->rs->body, h->report.p, h->report.len);
	cx->rs->status = h->ready ? 200 : 503;
	(void)pthread_mutex_unlock(&h->lock);
	return RC_OK;
}

static const struct route routes[] = {
	{ "GET", "/health", 0, health_get },
	{ "GET", "/health/ready", 0, ready_get },
};

int main(int argc, char **argv)
{
	static struct health h = { .checking = PTHREAD_MUTEX_INITIALIZER,
		.lock = PTHREAD_MUTEX_INITIALIZER };
	int status = app_start(
	    &h.app, "health", "Answers GET /health and GET /health/ready.", NULL, argc, argv);

	if (status >= 0)
		return status;
	buf_init_fixed(&h.report, h.room, sizeof h.room);
	status = app_serve(&h.app, routes, sizeof routes / sizeof routes[0], THREADS, NULL);
	app_stop(&h.app);
	return status;
}
