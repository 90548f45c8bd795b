/* What an answer means for its job and for the provider's state: SPEC §5's list, in one place. */
#include <stdio.h>
#include <string.h>

#include "work.h"

static void describe_call(struct task *t)
{
	const struct openai_reply *r = &t->reply;

	t->call = (struct queue_call){
		.outcome = r->reason,
		.http_status = t->raw.http_status,
		.request_id = r->request_id[0] != '\0' ? r->request_id : NULL,
		.model = r->model[0] != '\0' ? r->model : NULL,
		.duration_ms = t->raw.duration_ms,
		.prompt_tokens = r->prompt_tokens,
		.completion_tokens = r->completion_tokens,
		.reply = t->raw.body.p,
		.reply_len = t->raw.body.len,
	};
}

/* Tell all workers; a report that fails is made again by the next call's. */
static void report(struct worker *w, const struct task *t, const char *state, int64_t wait_ms)
{
	char now[QUEUE_STATE_TEXT] = "";
	struct err e = { 0 };

	if (queue_provider_report(w->pg, &w->app.cfg, &t->job, state, wait_ms, now, &e) != RC_OK)
		work_log(t, LOG_WARN_LEVEL, "provider.report",
		    "the provider's state was not noted: %s", e.msg);
	else if (strcmp(state, "ok") != 0 || t->job.probe)
		work_log(t, strcmp(now, "ok") == 0 ? LOG_INFO_LEVEL : LOG_ERROR_LEVEL,
		    "provider.state", "provider is %s", now);
}

/* Back into the queue, its call recorded where there was one: see queue_release(). */
static void go_back(
    struct task *t, const char *reason, const char *detail, int64_t delay_ms, bool uses_attempt)
{
	t->state = TASK_GOES_BACK;
	t->failure = reason;
	(void)snprintf(t->detail, sizeof t->detail, "%s", detail);
	t->delay_ms = delay_ms;
	t->uses_attempt = uses_attempt;
}

void work_not_started(struct task *t, const struct err *why)
{
	work_log(t, LOG_WARN_LEVEL, "job.call", "not started: %s", why->msg);
	go_back(t, "client_failed", "the call could not be started", -1, false);
}

/* For what the reply says. */
static void release(struct task *t, int64_t delay_ms, bool uses_attempt)
{
	go_back(t, t->reply.reason, t->reply.detail, delay_ms, uses_attempt);
}

static void result(struct task *t)
{
	t->state = TASK_ENDS;
	t->result = (struct queue_result){
		.job = &t->job,
		.call = t->call.outcome != NULL ? &t->call : NULL,
		.error_code = t->failure,
		.error_detail = t->failure != NULL ? t->detail : NULL,
		.lock = t->record.lock,
		.invoice_json = t->record.invoice_json,
		.extraction_json = t->record.extraction_json,
		.verdict_json = t->record.verdict_json,
		.if_duplicate_json = t->record.if_duplicate_json,
	};
}

static struct record_source source(const struct task *t)
{
	return (struct record_source){
		.document_sha256 =
		    t->document_sha256[0] != '\0' ? t->document_sha256 : t->job.document_id,
		.model = t->call.model,
		.extraction_ms = t->extraction_ms,
	};
}

void work_fail(struct worker *w, struct task *t, const char *reason, const char *detail)
{
	struct record_source from = source(t);

	t->failure = reason;
	(void)snprintf(t->detail, sizeof t->detail, "%s", detail);
	record_clear(&t->record);
	if (record_failed(reason, &from, &t->record, NULL) == RC_OK)
		result(t);
	else
		work_drop(w, t); /* no memory: its lease ends, and it is tried again */
}

static void document_failed(struct worker *w, struct task *t)
{
	if (t->job.attempts + 1 < w->app.cfg.job_max_attempts)
		release(t, -1, true);
	else
		work_fail(w, t, t->reply.reason, t->reply.detail);
}

static void read_well(struct worker *w, struct task *t)
{
	struct record_source from = source(t);

	if (record_read(&t->reply.invoice, &w->app.cfg.thresholds, &from, &t->record, NULL) ==
	    RC_OK) {
		result(t);
		return;
	}
	t->reply.reason = t->call.outcome = "client_failed";
	(void)snprintf(t->reply.detail, sizeof t->reply.detail, "out of memory");
	release(t, -1, false);
}

/* One more try with twice the budget, under the same lease. */
static void cut_short(struct worker *w, struct task *t)
{
	struct err e = { 0 };
	enum rc rc;

	if (t->budget_doubled) {
		document_failed(w, t);
		return;
	}
	t->budget_doubled = true;
	rc = queue_record_call(w->pg, &t->job, &t->call, &e);
	/* Recorded, or perhaps, by a commit whose answer was lost: not once more. */
	t->call = (struct queue_call){ 0 };
	if (rc != RC_OK) {
		/* Without its lease, or the database, the next call would be paid for nothing. */
		work_log(t, LOG_WARN_LEVEL, "job.budget", "not asked again: %s", e.msg);
		release(t, -1, false);
		return;
	}
	openai_reply_clear(&t->reply);
	openai_raw_clear(&t->raw);
	work_log(
	    t, LOG_INFO_LEVEL, "job.budget", "the answer was cut: once more with twice the budget");
	if (work_submit(w, t, 2 * w->app.cfg.openai_max_completion_tokens, &e) != RC_OK)
		work_not_started(t, &e);
}

static void judged(struct worker *w, struct task *t)
{
	int64_t wait_ms = t->reply.retry_after_ms;

	switch (t->reply.outcome) {
	case OPENAI_OK:
	case OPENAI_LENGTH:
	case OPENAI_DOCUMENT_FAILED:
		if (t->job.probe)
			report(w, t, "ok", -1);
		if (t->reply.outcome == OPENAI_OK)
			read_well(w, t);
		else if (t->reply.outcome == OPENAI_LENGTH)
			cut_short(w, t);
		else
			document_failed(w, t);
		break;
	case OPENAI_RATE_LIMITED:
		report(w, t, "rate_limited", wait_ms);
		release(t, wait_ms, false);
		break;
	case OPENAI_QUOTA_EXHAUSTED:
	case OPENAI_UNAUTHORIZED:
		report(w, t,
		    t->reply.outcome == OPENAI_UNAUTHORIZED ? "unauthorized" : "quota_exhausted",
		    wait_ms);
		release(t, -1, false);
		break;
	case OPENAI_UNAVAILABLE:
		if (t->job.probe)
			report(w, t, "unavailable", wait_ms);
		release(t, wait_ms, false);
		break;
	}
}

void work_outcome(struct worker *w, struct task *t, struct openai_raw *raw)
{
	work_holds(w, t, raw->body.len);
	t->raw = *raw;
	t->extraction_ms += raw->duration_ms;
	openai_reply_read(&t->raw, &t->reply);
	describe_call(t);
	if (t->reply.outcome != OPENAI_OK)
		work_log(t, LOG_WARN_LEVEL, "provider.answer", "%s: %s (request %s)",
		    t->reply.reason, t->reply.detail, t->reply.request_id);
	judged(w, t);
}
