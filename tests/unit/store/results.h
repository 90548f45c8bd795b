/* Results for tests of queue_finish(), which writes whatever the record says. */
#ifndef MIZAN_TESTS_STORE_RESULTS_H
#define MIZAN_TESTS_STORE_RESULTS_H

#include "core/buf.h"
#include "unit/store/jobs.h"

/* A job's end; ending_free() it. */
struct ending {
	struct queue_result result;
	struct buf row, verdict, if_duplicate;
};

/* The row of an invoice with identity (NULL: none). */
static inline void ending_row(struct buf *row, const char *identity, const char *fingerprint)
{
	buf_init(row, 2000);
	buf_addf(row,
	    "{\"outcome\":\"mismatch\",\"severity\":\"S2\",\"ocr_suspect\":true,\"action_class\":"
	    "\"VERIFY_OCR\",\"stated\":118.5,\"computed\":-0.1,\"delta\":118.6,\"ratio\":1.0008,"
	    "\"audit\":{\"a\":1},\"model\":\"m-1\",\"extraction_ms\":77,\"issue_date\":"
	    "\"2026-02-03\",\"fingerprint\":\"%s\"",
	    fingerprint);
	if (identity != NULL)
		buf_addf(row, ",\"identity\":\"%s\"", identity);
	buf_adds(row, "}");
}

/* A verdict with an incident of category (NULL: none). */
static inline void ending_verdict(
    struct buf *verdict, const char *grade, const char *fingerprint, const char *category)
{
	buf_init(verdict, 2000);
	buf_addf(verdict, "{\"score\":75,\"grade\":\"%s\",\"quality\":{}", grade);
	if (category != NULL)
		buf_addf(verdict,
		    ",\"incident\":{\"category\":\"%s\",\"severity\":\"S2\",\"primary_flag\":"
		    "\"INVOICE_TOTAL_MISMATCH\",\"secondary_flags\":[\"TAX_MISMATCH\","
		    "\"LOW_CONFIDENCE\"],\"action_class\":\"VERIFY_OCR\",\"fingerprint\":\"%s\"}",
		    category, fingerprint);
	else
		buf_adds(verdict, ",\"incident\":null");
	buf_adds(verdict, "}");
}

/* The other verdict, for duplicates, has the grade BAD and an incident "DUPLICATE". */
static inline struct queue_result *ending(struct ending *e, const struct queue_job *job,
    const char *identity, const char *fingerprint, const char *category)
{
	ending_row(&e->row, identity, fingerprint);
	ending_verdict(&e->verdict, "CHECK", fingerprint, category);
	ending_verdict(&e->if_duplicate, "BAD", fingerprint, "DUPLICATE");
	e->result = (struct queue_result){ .job = job,
		.lock = identity != NULL ? identity : fingerprint,
		.invoice_json = buf_str(&e->row),
		.extraction_json = "{\"x\":[1.10]}",
		.verdict_json = buf_str(&e->verdict),
		.if_duplicate_json = buf_str(&e->if_duplicate) };
	return &e->result;
}

static inline void ending_free(struct ending *e)
{
	buf_free(&e->row);
	buf_free(&e->verdict);
	buf_free(&e->if_duplicate);
}

/* Finish one job of a new document of tenant, and say what became of the incident. */
static inline struct db_text finish_new(const struct config *cfg, const char *tenant,
    const char *identity, const char *fingerprint, const char *category)
{
	struct queue_job job = jobs_running(cfg, tenant);
	struct db_text ret = { "(failed)" };
	struct ending e;
	struct queue_result *r = ending(&e, &job, identity, fingerprint, category);

	if (queue_finish(db_as(DB_WORKER), cfg, &r, 1, NULL) == RC_OK && r->done)
		(void)snprintf(ret.text, sizeof ret.text, "%s", r->incident_action);
	ending_free(&e);
	return ret;
}

#endif
