/*
 * The queue as the worker sees it (SPEC §4).  Every write names the lease it was made under;
 * one that has lost its lease writes nothing.
 */
#ifndef MIZAN_STORE_QUEUE_H
#define MIZAN_STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "pg/pg.h"

/* A job that was taken from the queue. */
struct queue_job {
	char tenant_id[64];
	char id[37], document_id[37];
	char lease_token[37]; /* "" when skipped */
	char trace_id[65];
	char reply_channel[64]; /* "" when nobody waits */
	bool skipped;           /* the pilot was off: it ended, there is nothing to do */
	bool probe;             /* its call finds out whether the provider is back */
	int64_t attempts;       /* tries used before this one */
	int64_t lost_leases;    /* workers lost with it before this one */
	int64_t queue_ms;       /* from acceptance to this claim */
};

/*
 * Lease at most `limit` due jobs.  *ret is an array of *ret_n jobs for free(), NULL when
 * there are none; skipped jobs come on top of the limit.
 */
enum rc queue_claim(struct pg *pg, const struct config *cfg, const char *worker_id, size_t limit,
    struct queue_job **ret, size_t *ret_n, struct err *e) MUST_CHECK;

/* A document's content; document.bytes lives until queue_document_free(). */
struct queue_document {
	struct pg_result *rows;
	const void *bytes;
	size_t len;
	char media_type[16];
	char sha256[65];
};

enum { QUEUE_DOCUMENTS = 4 /* at a time, as they are all in memory then */ };

/* The documents of n jobs, at most QUEUE_DOCUMENTS: all or none. */
enum rc queue_documents(struct pg *pg, const struct queue_job *const jobs[], size_t n,
    struct queue_document ret[], struct err *e) MUST_CHECK;
void queue_document_free(struct queue_document *d);

enum queue_lease {
	QUEUE_HELD,
	QUEUE_LOST,      /* to another worker */
	QUEUE_CANCELLED, /* by an operator */
};

/* Extend the leases of n jobs; those that were lost stay lost, and ret[] says which they are. */
enum rc queue_renew(struct pg *pg, const struct queue_job *const jobs[], size_t n,
    int64_t lease_seconds, enum queue_lease ret[], struct err *e) MUST_CHECK;

/* What a call gave, kept raw (ARCHITECTURE, "The model's answer"). */
struct queue_call {
	const char *outcome; /* "ok", or the reason */
	int64_t http_status; /* 0: no HTTP answer */
	const char *request_id, *model;
	int64_t duration_ms;
	int64_t prompt_tokens, completion_tokens; /* -1: not told */
	const void *reply;
	size_t reply_len;
};

/* Record a call whose job goes on.  RC_NOT_FOUND "lease_lost": nothing was written. */
enum rc queue_record_call(struct pg *pg, const struct queue_job *job, const struct queue_call *call,
    struct err *e) MUST_CHECK;

/*
 * Put the job back into the queue for the reason in code and detail, due after a backoff that
 * grows with each time, or after delay_ms where that is longer (-1: none); uses_attempt: the
 * document was at fault.  call (may be NULL) is recorded with it. RC_NOT_FOUND "lease_lost":
 * nothing was written.
 */
enum rc queue_release(struct pg *pg, const struct config *cfg, const struct queue_job *job,
    const struct queue_call *call, int64_t delay_ms, const char *code, const char *detail,
    bool uses_attempt, struct err *e) MUST_CHECK;

/*
 * Undo the claims of n jobs, as if they had never been; those that were lost stay lost.  Another
 * worker finds them with its next sweep.
 */
enum rc queue_hand_back(
    struct pg *pg, const struct queue_job *const jobs[], size_t n, struct err *e) MUST_CHECK;

/* A job's end. */
struct queue_result {
	const struct queue_job *job;
	const struct queue_call *call;         /* NULL: none was made */
	const char *error_code, *error_detail; /* NULL: SUCCEEDED; else FAILED */
	const char *lock;         /* invoices with equal locks are finished one after the other */
	const char *invoice_json; /* columns of invoices; this and the next as in struct record */
	const char *extraction_json, *verdict_json, *if_duplicate_json;

	/* Filled by queue_finish(): */
	bool done; /* written, now or by an earlier try; false: the lease was lost, nothing was */
	char incident_action[24]; /* opened, repeated, incident_budget, pilot_disabled, or "" */
	char incident_id[37];
	int64_t pipeline_total_ms;
};

/*
 * Commit n results in one transaction: all, or none and an error.  The pilot's must come one
 * at a time and the others sorted by lock, so that no two workers wait for each other.
 */
enum rc queue_finish(struct pg *pg, const struct config *cfg, struct queue_result *results[],
    size_t n, struct err *e) MUST_CHECK;

/*
 * End a job as FAILED with no result at all: the last resort for one that the database refuses.
 * RC_NOT_FOUND "lease_lost": nothing was written.
 */
enum rc queue_abandon(struct pg *pg, const struct queue_job *job, const char *code,
    const char *detail, struct err *e) MUST_CHECK;

/* Tell waiting processes that these jobs have ended: a hint, lost without harm. */
enum rc queue_notify(
    struct pg *pg, const struct queue_job *const jobs[], size_t n, struct err *e) MUST_CHECK;

#define QUEUE_STATE_TEXT 24

/*
 * What a call under `job` taught about the provider: "ok", "unavailable", "rate_limited",
 * "unauthorized" or "quota_exhausted"; wait_ms is the wait that it asked for, -1: none.
 * ret_state is the provider's state after it.
 */
enum rc queue_provider_report(struct pg *pg, const struct config *cfg, const struct queue_job *job,
    const char *state, int64_t wait_ms, char ret_state[QUEUE_STATE_TEXT], struct err *e) MUST_CHECK;

struct queue_worker {
	const char *id, *host, *config_hash;
	bool key_configured;
	size_t in_flight;
};
/* A first heartbeat with a key lets a refused one be looked at again at once. */
enum rc queue_heartbeat(struct pg *pg, const struct queue_worker *w, struct err *e) MUST_CHECK;
/* This worker stops: it is no longer counted as alive. */
enum rc queue_sign_off(struct pg *pg, const char *worker_id, struct err *e) MUST_CHECK;

/* New jobs are announced on this channel; LISTEN is the worker's, the NOTIFY the endpoint's. */
#define QUEUE_CHANNEL "mizan_jobs"
enum rc queue_announce(struct pg *pg, struct err *e) MUST_CHECK;
enum rc queue_listen(struct pg *pg, const char *channel, struct err *e) MUST_CHECK;

#endif
