/* Jobs as clients see them (SPEC §3, the result). */
#ifndef MIZAN_STORE_JOB_H
#define MIZAN_STORE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "pg/pg.h"

#define JOB_TENANT_TEXT 64

/*
 * A job with its document, invoice and incident.  Strings live as long as the struct; NULL
 * where there is nothing yet.  The members that end in _json hold JSON text.
 */
struct job {
	struct pg_result *rows; /* owns the strings */
	const char *id, *tenant_id, *state, *trace_id;
	const char *error_code, *error_detail;
	const char *sha256, *media_type, *filename;
	int64_t bytes;
	bool has_invoice; /* an invoice row exists: the members below are filled */
	const char *extraction_json, *audit_json, *quality_json, *model, *incident_skipped;
	int64_t queue_ms, extraction_ms, pipeline_total_ms;
	const char *incident_json;
};

/* SUCCEEDED, FAILED, SKIPPED or CANCELLED: it will not change by itself. */
bool job_ended(const struct job *job);

/*
 * Whose job it is, for a key that reaches every tenant.
 * RC_NOT_FOUND "job_not_found": no such job.
 */
enum rc job_find_tenant(
    struct pg *pg, const char *id, char ret[JOB_TENANT_TEXT], struct err *e) MUST_CHECK;

/*
 * RC_OK: *ret is filled; job_free() it.  RC_NOT_FOUND "job_not_found": not in this tenant.
 * `id` must be a UUID.
 */
enum rc job_load(struct pg *pg, const char *tenant_id, const char *id, struct job *ret,
    struct err *e) MUST_CHECK;
void job_free(struct job *job);

#endif
