/* The rows of a smoke run: a job that counts nowhere. */
#ifndef MIZAN_STORE_SMOKE_H
#define MIZAN_STORE_SMOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "pg/pg.h"

struct smoke_job {
	const char *tenant_id, *job_id, *trace_id, *actor;
	const char *reply_channel; /* where its end is told (queue_listen()) */
	const char *filename;
	const void *content; /* a PDF */
	size_t len;
};

/* Take it in; the same job again changes nothing.  The audit log gets its row with it. */
enum rc smoke_accept(struct pg *pg, const struct smoke_job *job, struct err *e) MUST_CHECK;

/* How far it has come.  Times in milliseconds, -1 where there is none (yet). */
struct smoke_look {
	char state[16];                  /* jobs.state */
	bool claimed;                    /* a worker has had it */
	int64_t queue_ms;                /* until the latest claim, or until now */
	int64_t running_ms;              /* since that claim, until its end or now */
	int64_t extraction_ms, audit_ms; /* once there is a result */
	int64_t store_ms;                /* from the result's writing until we saw it */
	char outcome[16];                /* "": no result */
	char stated[40];                 /* the total that was read; "": none */
	char error_code[40];             /* "": none, so far */
	char error_detail[200];
	int64_t due_in_ms;               /* when the queue gives it out; past: negative */
	int64_t workers;                 /* alive */
	char provider_state[24];         /* "": it takes our calls */
	char provider_until[CLOCK_TEXT]; /* when it may be asked again */
	int64_t provider_in_ms;
};

/* RC_NOT_FOUND "job_not_found": it is gone. */
enum rc smoke_look(struct pg *pg, const char *tenant_id, const char *job_id, int64_t alive_seconds,
    struct smoke_look *ret, struct err *e) MUST_CHECK;

/*
 * Cancel it unless it has ended; detail (one sentence) is its error where it has none.
 */
enum rc smoke_give_up(struct pg *pg, const char *tenant_id, const char *job_id, const char *detail,
    struct err *e) MUST_CHECK;

#endif
