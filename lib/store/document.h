/* Documents as they were uploaded, for operators to look at. */
#ifndef MIZAN_STORE_DOCUMENT_H
#define MIZAN_STORE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "pg/pg.h"

/* Lives until document_free(). */
struct document {
	struct pg_result *rows;
	const char *media_type, *filename;
	const char *sha256; /* hex */
	const void *bytes;
	size_t len;
};

/*
 * The document of a job, or of the job that opened an incident; id is a UUID, a tenant of ""
 * every tenant.
 * RC_NOT_FOUND "job_not_found", "incident_not_found": not in this tenant.  RC_CONFLICT
 * "document_expired": its content was kept for long enough, and is gone.
 */
enum rc document_of_job(struct pg *pg, const char *tenant_id, const char *id, struct document *ret,
    struct err *e) MUST_CHECK;
enum rc document_of_incident(struct pg *pg, const char *tenant_id, const char *id,
    struct document *ret, struct err *e) MUST_CHECK;
void document_free(struct document *d);

#endif
