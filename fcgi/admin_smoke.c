/*
 * POST /admin/smoke/run: the built-in invoice through the whole pipeline, in the tenant that is
 * named.  Requires an operator who may change things: a call to the provider is paid for.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "admin.h"
#include "admin_scope.h"
#include "core/clock.h"
#include "core/log.h"
#include "ops/smoke.h"
#include "ops/smoke_invoice.h"
#include "store/queue.h"

/*
 * A look is due when the worker says that the job has ended, which is a hint.  The front door waits
 * for READ_TIMEOUT, which is never less than 15 s.
 */
enum { LOOK_MS = 250, LEAST_WAIT_MS = 10000, MOST_WAIT_MS = 60000 };

/* A run keeps a thread, and there must always be some left, for the kill switch first of all. */
enum { MAX_RUNS = 4 };
static atomic_int runs;

struct smoke_run {
	struct route_context *cx;
	struct pg *pg;       /* its own, which listens */
	uint64_t generation; /* of the connection that does */
	char tenant_id[TENANT_ID_SIZE], job_id[RANDOM_UUID_TEXT], channel[64];
	int64_t began, accept_ms, total_ms;
	struct smoke_look look;
	struct smoke_report report;
};

/* Again, where the connection is a new one. */
static enum rc listen_for_word(struct smoke_run *run, struct err *e)
{
	enum rc rc = RC_OK;

	if (run->generation == 0 || pg_generation(run->pg) != run->generation)
		rc = queue_listen(run->pg, run->channel, e);
	if (rc == RC_OK)
		run->generation = pg_generation(run->pg);
	return rc;
}

static enum rc accept_invoice(struct smoke_run *run, struct err *e)
{
	const struct smoke_job job = {
		.tenant_id = run->tenant_id,
		.job_id = run->job_id,
		.trace_id = run->cx->rq->trace_id,
		.actor = run->cx->principal.name,
		.reply_channel = run->channel,
		.filename = "smoke.pdf",
		.content = smoke_invoice,
		.len = smoke_invoice_len,
	};
	enum rc rc = listen_for_word(run, e);

	if (rc == RC_OK)
		rc = smoke_accept(run->pg, &job, e);
	run->accept_ms = clock_ms() - run->began;
	if (rc == RC_OK && queue_announce(run->pg, NULL) != RC_OK)
		log_warn("smoke.lost", "the job is not announced; the workers poll");
	return rc;
}

static enum rc look(struct smoke_run *run, bool give_up, struct err *e)
{
	enum rc rc = RC_OK;

	if (give_up)
		rc = smoke_give_up(run->pg, run->tenant_id, run->job_id,
		    "the smoke run waited no longer for it", e);
	if (rc == RC_OK)
		rc = smoke_look(run->pg, run->tenant_id, run->job_id,
		    ((struct app *)run->cx->app)->cfg.worker_alive_seconds, &run->look, e);
	return rc;
}

static void wait_for_word(struct smoke_run *run)
{
	struct pollfd fd = { .events = POLLIN };
	char job_id[RANDOM_UUID_TEXT];

	/* It may have come with the answer to the last look. */
	if (pg_notification(run->pg, job_id, sizeof job_id))
		return;
	fd.fd = pg_fd(run->pg);
	(void)poll(&fd, 1, LOOK_MS);
}

/* Until the job has ended or there is no hope; a look that fails is only one look. */
static enum rc wait_for_end(struct smoke_run *run, struct err *e)
{
	const struct app *app = run->cx->app;
	int64_t wait = app->cfg.sync_wait_ms;
	int64_t waited = 0;

	wait = wait < LEAST_WAIT_MS ? LEAST_WAIT_MS : wait > MOST_WAIT_MS ? MOST_WAIT_MS : wait;
	while (waited < wait) {
		(void)listen_for_word(run, NULL);
		if (look(run, false, NULL) == RC_OK) {
			if (smoke_ended(&run->look))
				return RC_OK;
			if (smoke_is_stuck(&run->look, waited, wait - waited))
				break;
		}
		wait_for_word(run);
		waited = clock_ms() - run->began;
	}
	return look(run, true, e);
}

static const char *const stage_names[SMOKE_STAGES] = {
	[SMOKE_ACCEPT] = "accept",
	[SMOKE_QUEUE] = "queue",
	[SMOKE_EXTRACT] = "extract",
	[SMOKE_AUDIT] = "audit",
	[SMOKE_STORE] = "store",
};

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void write_stage(struct json_writer *w, const char *name, const struct smoke_stage *s)
{
	static const char *const statuses[] = {
		[SMOKE_OK] = "ok", [SMOKE_FAILED] = "failed", [SMOKE_NOT_REACHED] = "not_reached"
	};

	json_write_object(w, NULL);
	json_write_text(w, "name", name);
	json_write_text(w, "status", statuses[s->status]);
	if (s->ms >= 0)
		json_write_int(w, "ms", s->ms);
	else
		json_write_null(w, "ms");
	json_write_text(w, "detail", text_or_null(s->detail));
	json_write_object_end(w);
}

static void respond(const struct smoke_run *run)
{
	const struct smoke_report *r = &run->report;
	struct json_writer w = http_json(run->cx->rs, 200);

	json_write_object(&w, NULL);
	json_write_text(&w, "status", r->failed < 0 ? "passed" : "failed");
	json_write_text(&w, "tenant_id", run->tenant_id);
	json_write_text(&w, "job_id", run->job_id);
	json_write_text(&w, "trace_id", run->cx->rq->trace_id);
	json_write_list(&w, "stages");
	for (int i = 0; i < SMOKE_STAGES; i++)
		write_stage(&w, stage_names[i], &r->stages[i]);
	json_write_list_end(&w);
	json_write_int(&w, "total_ms", run->total_ms);
	json_write_text(&w, "outcome", text_or_null(run->look.outcome));
	if (r->failed < 0) {
		json_write_null(&w, "error");
	} else {
		const char *code = run->look.error_code;

		json_write_object(&w, "error");
		json_write_text(&w, "code", code[0] != '\0' ? code : "smoke_wrong_result");
		json_write_text(&w, "detail", r->stages[r->failed].detail);
		json_write_object_end(&w);
	}
	json_write_object_end(&w);
}

static void log_run(const struct smoke_run *run)
{
	int failed = run->report.failed;
	const struct log_field fields[] = {
		LOG_TEXT("trace_id", run->cx->rq->trace_id),
		LOG_TEXT("principal", run->cx->principal.name),
		LOG_TEXT("tenant_id", run->tenant_id),
		LOG_TEXT("job_id", run->job_id),
		LOG_TEXT("failed_stage", failed >= 0 ? stage_names[failed] : ""),
		LOG_NUM("total_ms", run->total_ms),
		{ 0 },
	};

	log_event(failed < 0 ? LOG_INFO_LEVEL : LOG_WARN_LEVEL, "smoke.run", fields, "%s",
	    failed < 0 ? "passed" : run->report.stages[failed].detail);
}

static enum rc through_pipeline(struct smoke_run *run, struct err *e)
{
	const struct config *cfg = &((const struct app *)run->cx->app)->cfg;
	enum rc rc;

	(void)snprintf(run->channel, sizeof run->channel, "mizan_smoke_%s", run->job_id);
	run->pg = pg_new(cfg->database_url, "admin smoke run", cfg->db_timeout_ms);
	if (run->pg == NULL)
		return err_no_memory(e);
	rc = accept_invoice(run, e);
	if (rc == RC_OK)
		rc = wait_for_end(run, e);
	pg_free(run->pg);
	return rc;
}

static enum rc run_one(struct smoke_run *run, struct err *e)
{
	enum rc rc = RC_CONFLICT;

	if (atomic_fetch_add(&runs, 1) >= MAX_RUNS)
		(void)err_set(e, rc, "smoke_busy",
		    "%d smoke runs are under way; wait for one to end", MAX_RUNS);
	else
		rc = through_pipeline(run, e);
	(void)atomic_fetch_sub(&runs, 1);
	return rc;
}

enum rc admin_smoke_run(struct route_context *cx, struct err *e)
{
	struct smoke_run run = { .cx = cx, .began = clock_ms() };
	enum rc rc = admin_tenant(cx, run.tenant_id, e);

	if (rc != RC_OK)
		return rc;
	http_request_uuid(cx->rq, run.job_id);
	rc = run_one(&run, e);
	if (rc != RC_OK)
		return rc;
	smoke_judge(&run.look, run.accept_ms, &run.report);
	run.total_ms = clock_ms() - run.began;
	log_run(&run);
	respond(&run);
	return RC_OK;
}
