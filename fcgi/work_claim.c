#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "work.h"

enum {
	MAX_CLAIM = 16,                /* so that leases are renewed between two claims */
	MAX_BYTES = 128 * 1024 * 1024, /* of worker.bytes; a claim may exceed it once */
};

bool work_has_place(const struct worker *w)
{
	return w->n_tasks < (size_t)w->app.cfg.worker_concurrency && w->bytes < MAX_BYTES;
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

void work_holds(struct worker *w, struct task *t, size_t bytes)
{
	w->bytes += bytes - t->bytes;
	t->bytes = bytes;
}

void work_drop(struct worker *w, struct task *t)
{
	struct task **at = &w->tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	w->n_tasks--;
	work_holds(w, t, 0);
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
	work_holds(w, t, body.len);
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

/* The database went away while the documents of these were fetched. */
static void hand_back(struct worker *w, struct task *tasks[], size_t n, const struct err *why)
{
	const struct queue_job *jobs[MAX_CLAIM];
	bool back;

	for (size_t i = 0; i < n; i++)
		jobs[i] = &tasks[i]->job;
	back = queue_hand_back(w->pg, jobs, n, NULL) == RC_OK;
	for (size_t i = 0; i < n; i++) {
		work_log(tasks[i], LOG_WARN_LEVEL, back ? "job.released" : "job.lease",
		    "not started, %s: %s", back ? "handed back" : "left to its lease", why->msg);
		work_drop(w, tasks[i]);
	}
}

/* Calls for all of these, at most QUEUE_DOCUMENTS.  RC_UNAVAILABLE: no document came. */
static enum rc call_for(struct worker *w, struct task *tasks[], size_t n, struct err *e)
{
	const struct queue_job *jobs[QUEUE_DOCUMENTS] = { 0 };
	struct queue_document docs[QUEUE_DOCUMENTS] = { 0 };
	enum rc fetched, rc;

	for (size_t i = 0; i < n; i++)
		jobs[i] = &tasks[i]->job;
	fetched = queue_documents(w->pg, jobs, n, docs, e);
	if (fetched == RC_UNAVAILABLE)
		return fetched;
	for (size_t i = 0; i < n; i++) {
		rc = fetched;
		if (rc == RC_OK)
			rc = submit(
			    w, tasks[i], &docs[i], w->app.cfg.openai_max_completion_tokens, e);
		queue_document_free(&docs[i]);
		if (rc != RC_OK)
			work_not_started(tasks[i], e);
	}
	return RC_OK;
}

/*
 * Some documents at a time.  Where those do not come in time, over a slow link say, the next are
 * fetched one by one, and more again with each that comes.
 */
static enum rc call_for_all(struct worker *w, struct task *tasks[], size_t n, struct err *e)
{
	for (size_t i = 0, some; i < n; i += some) {
		some = n - i < w->fetch ? n - i : w->fetch;
		if (call_for(w, tasks + i, some, e) != RC_OK) {
			hand_back(w, tasks + i, n - i, e);
			w->fetch = 1;
			return RC_UNAVAILABLE;
		}
		w->fetch = w->fetch * 2 < QUEUE_DOCUMENTS ? w->fetch * 2 : QUEUE_DOCUMENTS;
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

/* Who waits for one of these is told once for all; without memory it looks by itself. */
static void skipped(struct worker *w, const struct queue_job jobs[], size_t n)
{
	const struct queue_job **waiting = calloc(n + 1, sizeof *waiting);
	struct err e = { 0 };
	size_t n_waiting = 0;

	for (size_t i = 0; i < n; i++) {
		const struct task t = { .job = jobs[i] };
		if (!jobs[i].skipped)
			continue;
		work_log(&t, LOG_WARN_LEVEL, "job.skipped", "skipped: the pilot is off");
		if (waiting != NULL && jobs[i].reply_channel[0] != '\0')
			waiting[n_waiting++] = &jobs[i];
	}
	if (n_waiting > 0 && queue_notify(w->pg, waiting, n_waiting, &e) != RC_OK)
		log_warn("job.notify", "waiting clients were not told: %s", e.msg);
	free(waiting);
}

enum rc work_claim(struct worker *w, struct err *e)
{
	size_t limit = (size_t)w->app.cfg.worker_concurrency - w->n_tasks;
	struct queue_job *jobs = NULL;
	struct task *tasks[MAX_CLAIM];
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
	for (size_t i = 0; i < n && n_tasks < MAX_CLAIM; i++)
		if (!jobs[i].skipped && (tasks[n_tasks] = take_on(w, &jobs[i])) != NULL)
			n_tasks++;
	skipped(w, jobs, n);
	w->more = n > 0 && n >= limit;
	free(jobs);
	return call_for_all(w, tasks, n_tasks, e);
}
