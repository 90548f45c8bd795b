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

enum rc work_submit(struct worker *w, struct task *t, int64_t budget, struct err *e)
{
	struct queue_document doc = { 0 };
	struct buf body = { 0 };
	enum rc rc = queue_document(w->pg, &t->job, &doc, e);

	if (rc != RC_OK)
		return rc;
	struct openai_document sent = {
		.bytes = doc.bytes, .len = doc.len, .media_type = doc.media_type
	};
	(void)snprintf(t->document_sha256, sizeof t->document_sha256, "%s", doc.sha256);
	rc = openai_request_build(&body, &w->settings, &w->frames, &sent, budget, e);
	queue_document_free(&doc);
	if (rc != RC_OK)
		return rc;
	t->body_bytes = body.len;
	w->body_bytes += body.len;
	rc = openai_client_submit(w->client, &body, t, e);
	buf_free(&body);
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

static void start(struct worker *w, const struct queue_job *job)
{
	struct task *t = calloc(1, sizeof *t);
	struct err e = { 0 };

	if (t == NULL)
		return; /* its lease ends by itself */
	t->job = *job;
	t->next = w->tasks;
	w->tasks = t;
	w->n_tasks++;
	if (t->job.lost_leases >= w->app.cfg.job_max_lost_leases)
		work_fail(w, t, "worker_lost", "too many workers were lost with this document");
	else if (work_submit(w, t, w->app.cfg.openai_max_completion_tokens, &e) != RC_OK)
		hand_back(w, t, &e);
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
	size_t n = 0;
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
	for (size_t i = 0; i < n; i++)
		if (jobs[i].skipped)
			skipped(w, &jobs[i]);
		else
			start(w, &jobs[i]);
	w->more = n > 0 && n >= limit;
	free(jobs);
	return RC_OK;
}
