/*
 * The worker's parts.  One thread, one loop: claim (work_claim.c), call, judge
 * (work_outcome.c), write (work_finish.c).
 */
#ifndef MIZAN_FCGI_WORK_H
#define MIZAN_FCGI_WORK_H

#include "app.h"
#include "core/log.h"
#include "invoice/record.h"
#include "openai/client.h"
#include "openai/reply.h"
#include "openai/request.h"
#include "store/queue.h"

/* A claimed job on its way through: its call is in flight, or its result waits to be written. */
struct task {
	struct task *next; /* in worker.tasks */
	struct queue_job job;
	char document_sha256[SHA256_TEXT];
	bool budget_doubled;   /* its answer was cut once, SPEC §5 `length` */
	int64_t extraction_ms; /* of all its calls */
	size_t body_bytes;     /* of the request in flight */

	bool answered; /* the members below are filled: it waits to be written */
	struct openai_raw raw;
	struct openai_reply reply;
	struct queue_call call;
	const char *failure; /* stable reason; NULL: it was read */
	char detail[200];
	struct record record;
	struct queue_result result;
};

struct worker {
	struct app app; /* first: see app.h */
	struct openai_settings settings;
	struct openai_frames frames;
	struct openai_client *client;
	struct pg *pg; /* the one connection, which also listens */
	char id[96];   /* host-pid-random */
	char host[64];
	struct task *tasks;
	size_t n_tasks;
	size_t body_bytes; /* of all requests in flight */
	bool more;         /* there may be due jobs: claim without waiting */
	bool results_wait; /* for the database, which was noted */
};

/* May another job be claimed?  WORKER_CONCURRENCY and the memory of large documents say. */
bool work_has_place(const struct worker *w);

/*
 * Lease some due jobs into free places and start their calls; w->more tells whether there may
 * be more.  RC_OK, or the database failed.
 */
enum rc work_claim(struct worker *w, struct err *e) MUST_CHECK;

/* Fetch the document and start a call with `budget` tokens for its answer. */
enum rc work_submit(struct worker *w, struct task *t, int64_t budget, struct err *e) MUST_CHECK;

/* A call has ended: judge it, and tell the database what it taught.  t may be gone after it. */
void work_outcome(struct worker *w, struct task *t, struct openai_raw *raw);

/* t is to be written as FAILED for this reason; no call, or its call's answer, goes with it. */
void work_fail(struct worker *w, struct task *t, const char *reason, const char *detail);

/* Write what is answered, many in one transaction; what cannot be written now stays. */
void work_finish(struct worker *w);

/* Log an event about t's job. */
void work_log(const struct task *t, enum log_level level, const char *event, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* The request of t's call is no longer in memory. */
void work_call_over(struct worker *w, struct task *t);

/* Forget t. */
void work_drop(struct worker *w, struct task *t);

#endif
