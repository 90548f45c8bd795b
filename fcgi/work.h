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

/* What a task waits for: the provider's answer, or to be written as a result or as a release. */
enum task_state { TASK_CALLING, TASK_ENDS, TASK_GOES_BACK };

/* A claimed job on its way through. */
struct task {
	struct task *next; /* in worker.tasks */
	struct queue_job job;
	enum task_state state;
	char document_sha256[SHA256_TEXT];
	bool budget_doubled;   /* its answer was cut once, SPEC §5 `length` */
	int64_t extraction_ms; /* of all its calls */
	size_t bytes;          /* of the request in flight, then of its answer */

	/* The answer, and what became of it. */
	struct openai_raw raw;
	struct openai_reply reply;
	struct queue_call call; /* outcome NULL: there is none to record */
	const char *failure;    /* stable reason; NULL: it was read */
	char detail[200];
	struct record record;       /* TASK_ENDS */
	struct queue_result result; /* TASK_ENDS */
	int64_t delay_ms;           /* TASK_GOES_BACK: as queue_release() takes them */
	bool uses_attempt;
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
	size_t bytes;      /* of all requests in flight and answers not written */
	size_t fetch;      /* how many documents at a time; fewer after a fetch that failed */
	bool more;         /* there may be due jobs: claim without waiting */
	bool answers_wait; /* for the database, which was noted */
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

/* t goes back since its call could not even be started. */
void work_not_started(struct task *t, const struct err *why);

/*
 * Write what is answered, many results in one transaction; what cannot be written now stays, its
 * lease renewed: what is paid for is not lost to a database that is away.
 */
void work_finish(struct worker *w);

/* Log an event about t's job. */
void work_log(const struct task *t, enum log_level level, const char *event, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* What t holds in memory of its call: a request, then its answer. */
void work_holds(struct worker *w, struct task *t, size_t bytes);

/* Forget t. */
void work_drop(struct worker *w, struct task *t);

#endif
