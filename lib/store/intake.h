/* Taking a document in: accepted means durable (SPEC §3). */
#ifndef MIZAN_STORE_INTAKE_H
#define MIZAN_STORE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/random.h"
#include "core/sha256.h"
#include "pg/pg.h"

struct intake {
	const char *tenant_id;
	const char *job_id;  /* a fresh UUID: the caller can wait for the job before it exists */
	const void *content; /* not empty */
	size_t len;
	const char *media_type;
	const char *filename;
	const char *trace_id;
	const char *reply_channel;   /* NULL: nobody waits */
	const char *idempotency_key; /* NULL: none */
	bool force;                  /* a new job though the document is known */
	int64_t pilot_limit;         /* jobs an hour; 0: not the pilot tenant */
};

struct intake_answer {
	char job_id[RANDOM_UUID_TEXT];
	char sha256[SHA256_TEXT];
	bool duplicate; /* the job of an earlier upload answers this one */
};

/*
 * Store document and job, in one transaction.
 * RC_OK: committed.
 * RC_LIMITED "pilot_rate_limited": nothing was stored; *ret_retry_after is the seconds to wait.
 * RC_INVALID "idempotency_key_reused": the key came with another document before.
 * RC_UNAVAILABLE: not known to be stored; the same bytes may be sent again.
 */
enum rc intake_accept(struct pg *pg, const struct intake *in, struct intake_answer *ret,
    int64_t *ret_retry_after, struct err *e) MUST_CHECK;

#endif
