/*
 * Writing what is answered.  Results: many in one transaction, so that one flush to disk serves
 * them all; the pilot's one at a time (see queue_finish()).  Releases, which are seldom many: each
 * by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "work.h"

enum { MAX_BATCH = 64 };

static const char unwritable_code[] = "internal_error";

static bool is_pilot(const struct worker *w, const struct task *t)
{
	return strcmp(t->job.tenant_id, w->app.cfg.pilot_tenant_id) == 0;
}

/* The next batch: one of the pilot's, or all the others in the order of their locks. */
static size_t collect(struct worker *w, struct task *batch[MAX_BATCH], bool pilot)
{
	size_t n = 0;

	for (struct task *t = w->tasks; t != NULL && n < (pilot ? 1 : MAX_BATCH); t = t->next)
		if (t->state == TASK_ENDS && is_pilot(w, t) == pilot)
			batch[n++] = t;
	return n;
}

static int by_lock(const void *a, const void *b)
{
	const struct task *const *x = a, *const *y = b;
	int order = strcmp((*x)->job.tenant_id, (*y)->job.tenant_id);

	if (order == 0)
		order = strcmp((*x)->record.lock, (*y)->record.lock);
	return order != 0 ? order : strcmp((*x)->job.id, (*y)->job.id);
}

static void log_finished(const struct task *t)
{
	const struct queue_result *r = &t->result;
	const struct log_field fields[] = {
		LOG_TEXT("trace_id", t->job.trace_id),
		LOG_TEXT("tenant_id", t->job.tenant_id),
		LOG_TEXT("job_id", t->job.id),
		LOG_TEXT("outcome", audit_outcome_name(t->record.outcome)),
		LOG_TEXT("severity", severity_name(t->record.severity)),
		LOG_NUM("score", t->record.score),
		LOG_TEXT("incident_id", r->incident_id),
		LOG_TEXT("incident_action", r->incident_action),
		LOG_TEXT("request_id", t->reply.request_id),
		LOG_NUM("queue_ms", t->job.queue_ms),
		LOG_NUM("extraction_ms", t->extraction_ms),
		LOG_NUM("pipeline_total_ms", r->pipeline_total_ms),
		{ 0 },
	};

	log_event(t->failure == NULL ? LOG_INFO_LEVEL : LOG_WARN_LEVEL,
	    t->failure == NULL ? "job.succeeded" : "job.failed", fields, "%s",
	    t->failure == NULL ? "finished" : t->failure);
	if (r->incident_id[0] == '\0' && r->incident_action[0] != '\0')
		work_log(t, LOG_WARN_LEVEL, "incident.skipped", "incident skipped: %s",
		    r->incident_action);
}

/* They are on disk: say so to the log and to whoever waits, and forget them. */
static void finished(struct worker *w, struct task *batch[], size_t n)
{
	const struct queue_job *waiting[MAX_BATCH];
	size_t n_waiting = 0;
	struct err e = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (batch[i]->result.done && batch[i]->job.reply_channel[0] != '\0')
			waiting[n_waiting++] = &batch[i]->job;
	}
	if (n_waiting > 0 && queue_notify(w->pg, waiting, n_waiting, &e) != RC_OK)
		log_warn("job.notify", "waiting clients were not told: %s", e.msg);
	for (size_t i = 0; i < n; i++) {
		if (batch[i]->result.done)
			log_finished(batch[i]);
		else
			work_log(batch[i], LOG_WARN_LEVEL, "job.lease",
			    "lease lost: the result was dropped");
		work_drop(w, batch[i]);
	}
}

static enum rc write_batch(struct worker *w, struct task *batch[], size_t n, struct err *e)
{
	struct queue_result *results[MAX_BATCH];

	for (size_t i = 0; i < n; i++)
		results[i] = &batch[i]->result;
	return queue_finish(w->pg, &w->app.cfg, results, n, e);
}

/*
 * The database refuses this one result for good: the job fails, which says so, rather than
 * come back, and be paid for, for ever.
 */
static void unwritable(struct worker *w, struct task *t, const struct err *why)
{
	work_log(t, LOG_ERROR_LEVEL, "job.unwritable", "the result was refused: %s", why->msg);
	if (t->failure == NULL || strcmp(t->failure, unwritable_code) != 0) {
		work_fail(w, t, unwritable_code, "the result could not be stored");
		return;
	}
	if (queue_abandon(w->pg, &t->job, unwritable_code, t->detail, NULL) != RC_OK)
		work_log(t, LOG_ERROR_LEVEL, "job.lease", "not even abandoned, left to its lease");
	work_drop(w, t);
}

/* RC_UNAVAILABLE, which is said once, until something can be written again. */
static enum rc note_waiting(struct worker *w, enum rc rc, const struct err *e)
{
	if (rc == RC_UNAVAILABLE && !w->answers_wait)
		log_warn("job.finish", "answers wait for the database: %s", e->msg);
	w->answers_wait = rc == RC_UNAVAILABLE;
	return rc;
}

/* RC_UNAVAILABLE: the database is away, nothing of the batch was written. */
static enum rc write(struct worker *w, struct task *batch[], size_t n)
{
	struct err e = { 0 };
	enum rc rc = note_waiting(w, write_batch(w, batch, n, &e), &e);

	if (rc == RC_OK) {
		finished(w, batch, n);
	} else if (rc == RC_UNAVAILABLE) {
		return rc;
	} else if (n > 1) {
		/* One of them is at fault: each by itself shows which. */
		rc = RC_OK;
		for (size_t i = 0; i < n && rc != RC_UNAVAILABLE; i++)
			rc = write(w, &batch[i], 1);
	} else {
		unwritable(w, batch[0], &e);
	}
	return rc;
}

/* Back into the queue; t is gone after it, unless RC_UNAVAILABLE. */
static enum rc give_back(struct worker *w, struct task *t)
{
	struct err e = { 0 };
	enum rc rc =
	    queue_release(w->pg, &w->app.cfg, &t->job, t->call.outcome != NULL ? &t->call : NULL,
		t->delay_ms, t->failure, t->detail, t->uses_attempt, &e);

	if (note_waiting(w, rc, &e) == RC_UNAVAILABLE)
		return rc;
	if (rc == RC_OK)
		work_log(t, LOG_WARN_LEVEL, "job.released", "back in the queue: %s", t->failure);
	else
		work_log(
		    t, LOG_WARN_LEVEL, "job.lease", "not released, left to its lease: %s", e.msg);
	work_drop(w, t);
	return RC_OK;
}

void work_finish(struct worker *w)
{
	struct task *batch[MAX_BATCH];
	enum rc rc = RC_OK;
	size_t n;

	while (rc != RC_UNAVAILABLE && (n = collect(w, batch, false)) > 0) {
		qsort(batch, n, sizeof batch[0], by_lock);
		rc = write(w, batch, n);
	}
	while (rc != RC_UNAVAILABLE && (n = collect(w, batch, true)) > 0)
		rc = write(w, batch, n);
	for (struct task *next, *t = w->tasks; rc != RC_UNAVAILABLE && t != NULL; t = next) {
		next = t->next;
		if (t->state == TASK_GOES_BACK)
			rc = give_back(w, t);
	}
}
