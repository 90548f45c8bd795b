/*
 * GET /metrics: figures of all tenants for Prometheus.  Free on this machine, else it requires an
 * admin key or session of every tenant.  However many ask, the database is asked at most once a
 * second.
 */
#include "admin.h"
#include "admin_scope.h"
#include "core/build_id.h"
#include "core/clock.h"
#include "ops/exposition.h"
#include "ops/prometheus.h"

enum { FRESH_MS = 1000 };

/* What cannot be had is left out: that the database is away is a figure as well. */
static void ask(struct app *app, struct buf *text)
{
	const struct config *cfg = &app->cfg;
	struct readiness_facts facts;
	struct samples samples = { .n = 0 };
	struct ready_input in = {
		.cfg = cfg,
		.config_hash = app->config_hash,
		.build_id = build_id(),
		.schema_version = build_schema_version(),
	};
	char now[CLOCK_TEXT];
	int64_t began = clock_ms();
	bool counted = false;
	struct pg *pg;

	clock_rfc3339(now);
	in.timestamp = now;
	if (pool_get(app->pool, &pg, NULL) == RC_OK) {
		if (readiness_load(pg, cfg->pilot_tenant_id, cfg->stuck_minutes,
			cfg->worker_alive_seconds, &facts, NULL) == RC_OK)
			in.facts = &facts;
		in.db_latency_ms = clock_ms() - began;
		counted = in.facts != NULL &&
			  samples_load(pg, cfg->pilot_tenant_id, &samples, NULL) == RC_OK;
		pool_put(app->pool, pg);
	}
	exposition_write(text, &in, counted ? &samples : NULL);
	samples_free(&samples);
}

enum rc admin_metrics_get(struct route_context *cx, struct err *e)
{
	struct admin *admin = cx->app;
	struct metrics_text *m = &admin->metrics;
	enum rc rc = admin_all_tenants(cx, e);

	if (rc != RC_OK)
		return rc;
	(void)pthread_mutex_lock(&m->lock);
	if (m->asked_at == 0 || clock_ms() - m->asked_at >= FRESH_MS || buf_broken(&m->text)) {
		buf_clear(&m->text);
		ask(&admin->app, &m->text);
		m->asked_at = clock_ms();
	}
	if (buf_broken(&m->text))
		rc = err_no_memory(e);
	else
		buf_add(&cx->rs->body, m->text.p, m->text.len);
	(void)pthread_mutex_unlock(&m->lock);
	cx->rs->content_type = PROMETHEUS_TYPE;
	return rc;
}
