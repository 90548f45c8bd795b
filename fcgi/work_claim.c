#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "work.h"

enum {
	MAX_CLAIM = 16,                     /* so that leases are renewed between two claims */
	MAX_BODY_BYTES = 128 * 1024 * 1024, /* of requests in flight; a claim may exceed it once */
};

bool work_has_place(const struct worker *w)
{
	return w->n_tasks < (size_t)w->app.cfg.worker_concurrency && w->body_bytes < MAX_BODY_BYTES;
}

void work_log(const struct task *t, enum log_level level, const char *event, const char *fmt, ...)
{
	const struct log_field fields[] = {
		LOG_TEXT("trace_id", t->job.trace_id),
		LOG_TEXT("tenant_id", t->job.tenant_id),
		LOG_TEXT("job_id", t->job.id),
		{ 0 },
	};
	char message[300];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	log_event(level, event, fields, "%s", message);
}

void work_call_over(struct worker *w, struct task *t)
{
	w->body_bytes -= t->body_bytes;
	t->body_bytes = 0;
}

void work_drop(struct worker *w, struct task *t)
{
	struct task **at = &w->tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	w->n_tasks--;
	work_call_over(w, t);
	openai_reply_clear(&t->reply);
	openai_raw_clear(&t->raw);
	record_clear(&t->record);
	free(t);
}

/* Start a call for the document with `budget` tokens for its answer. */
static enum rc submit(struct worker *w, struct task *t, const struct queue_document *doc,
    int64_t budget, struct err *e)
{
	const struct openai_document sent = {
		.bytes = doc->bytes, .len = doc->len, .media_type = doc->media_type
	};
	struct buf body = { 0 };
	enum rc rc = openai_request_build(&body, &w->settings, &w->frames, &sent, budget, e);

	if (rc != RC_OK)
		return rc;
	(void)snprintf(t->document_sha256, sizeof t->document_sha256, "%s", doc->sha256);
	t->body_bytes = body.len;
	w->body_bytes += body.len;
	rc = openai_client_submit(w->client, &body, t, e);
	buf_free(&body);
	return rc;
}

enum rc work_submit(struct worker *w, struct task *t, int64_t budget, struct err *e)
{
	const struct queue_job *job = &t->job;
	struct queue_document doc = { 0 };
	enum rc rc = queue_documents(w->pg, &job, 1, &doc, e);

	if (rc == RC_OK)
		rc = submit(w, t, &doc, budget, e);
	queue_document_free(&doc);
	return rc;
}

/* A claim whose call cannot even be started goes back; if that fails too, its lease ends. */
static void hand_back(struct worker *w, struct task *t, const struct err *why)
{
	work_log(t, LOG_WARN_LEVEL, "job.released", "not started: %s", why->msg);
	if (queue_release(w->pg, &w->app.cfg, &t->job, NULL, -1, why->code,
		"the call could not be started", false, NULL) != RC_OK)
		work_log(t, LOG_WARN_LEVEL, "job.lease", "left to its lease");
	work_drop(w, t);
}

/*
 * Calls for all of these, at most QUEUE_DOCUMENTS; what fails is handed back.  RC_UNAVAILABLE: the
 * database went away, and they are gone.
 */
static enum rc call_for(struct worker *w, struct task *tasks[], size_t n)
{
	const struct queue_job *jobs[QUEUE_DOCUMENTS] = { 0 };
	struct queue_document docs[QUEUE_DOCUMENTS] = { 0 };
	struct err e = { 0 };
	enum rc fetched, rc;

	for (size_t i = 0; i < n; i++)
		jobs[i] = &tasks[i]->job;
	fetched = queue_documents(w->pg, jobs, n, docs, &e);
	if (fetched == RC_UNAVAILABLE) {
		const bool back = queue_hand_back(w->pg, jobs, n, NULL) == RC_OK;
		for (size_t i = 0; i < n; i++) {
			work_log(tasks[i], LOG_WARN_LEVEL, back ? "job.released" : "job.lease",
			    "not started, %s: %s", back ? "handed back" : "left to its lease",
			    e.msg);
			work_drop(w, tasks[i]);
		}
		return fetched;
	}
	for (size_t i = 0; i < n; i++) {
		rc = fetched;
		if (rc == RC_OK)
			rc = submit(
			    w, tasks[i], &docs[i], w->app.cfg.openai_max_completion_tokens, &e);
		queue_document_free(&docs[i]);
		if (rc != RC_OK)
			hand_back(w, tasks[i], &e);
	}
	return RC_OK;
}

/* NULL: no memory, or it failed already. */
static struct task *take_on(struct worker *w, const struct queue_job *job)
{
	struct task *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL; /* its lease ends by itself */
	t->job = *job;
	t->next = w->tasks;
	w->tasks = t;
	w->n_tasks++;
	if (t->job.lost_leases < w->app.cfg.job_max_lost_leases)
		return t;
	work_fail(w, t, "worker_lost", "too many workers were lost with this document");
	return NULL;
}

static void skipped(struct worker *w, const struct queue_job *job)
{
	const struct task t = { .job = *job };

	work_log(&t, LOG_WARN_LEVEL, "job.skipped", "skipped: the pilot is off");
	if (job->reply_channel[0] != '\0' && queue_notify(w->pg, &job, 1, NULL) != RC_OK)
		work_log(&t, LOG_DEBUG_LEVEL, "job.notify", "nobody was told");
}

enum rc work_claim(struct worker *w, struct err *e)
{
	size_t limit = (size_t)w->app.cfg.worker_concurrency - w->n_tasks;
	struct queue_job *jobs = NULL;
	struct task *tasks[QUEUE_DOCUMENTS];
	size_t n = 0, n_tasks = 0;
	enum rc rc;

	if (limit > MAX_CLAIM)
		limit = MAX_CLAIM;
	if (w->settings.api_key == NULL)
		limit =
		    0; /* nothing can be read, but the killed pilot's jobs still leave the queue */
	w->more = false;
	rc = queue_claim(w->pg, &w->app.cfg, w->id, limit, &jobs, &n, e);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		if (jobs[i].skipped)
			skipped(w, &jobs[i]);
		else if ((tasks[n_tasks] = take_on(w, &jobs[i])) != NULL)
			n_tasks++;
		if (n_tasks == QUEUE_DOCUMENTS || (n_tasks > 0 && i + 1 == n)) {
			rc = call_for(w, tasks, n_tasks);
			n_tasks = 0;
			if (rc != RC_OK && i + 1 < n)
				log_warn("job.lease", "%zu more jobs are left to their leases",
				    n - i - 1);
		}
	}
	w->more = n > 0 && n >= limit;
	free(jobs);
	return rc == RC_OK ? RC_OK
			   : err_set(e, rc, "database_unavailable",
				 "the database went away while documents were fetched");
}
