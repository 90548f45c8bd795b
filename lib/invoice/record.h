/*
 * What is kept of a processed invoice, as JSON: the row of table invoices with its audit and
 * quality in the form of SPEC §3, and the incident that it calls for.
 */
#ifndef MIZAN_INVOICE_RECORD_H
#define MIZAN_INVOICE_RECORD_H

#include <stdint.h>

#include "core/config.h"
#include "core/err.h"
#include "core/sha256.h"
#include "invoice/invoice.h"
#include "invoice/quality.h"

struct record {
	char *invoice_json;    /* columns of invoices, but for those of the next two */
	char *extraction_json; /* column extraction; NULL: nothing was read */
	/*
	 * The other columns, and the member `incident`: object or null.  They depend on whether
	 * another document holds the same invoice; only the database knows that, at the moment of
	 * writing, so both cases are judged beforehand.
	 */
	char *verdict_json, *if_duplicate_json;
	char lock[SHA256_TEXT]; /* equal for invoices that must be written one after the other */

	/* For the log: figures and names, no content. */
	enum audit_outcome outcome;
	enum severity severity;
	int score;
};

/* Where the invoice comes from. */
struct record_source {
	const char *document_sha256; /* hex */
	const char *model;           /* NULL: none answered */
	int64_t extraction_ms;
};

/*
 * The record of an invoice that was read.  RC_OK: *ret is filled; record_clear() it.
 * RC_INTERNAL: out of memory.
 */
enum rc record_read(const struct invoice *inv, const struct thresholds *th,
    const struct record_source *from, struct record *ret, struct err *e) MUST_CHECK;

/* Likewise of a document that could not be read, for the stable reason (EXTRACTION_FAILED). */
enum rc record_failed(const char *reason, const struct record_source *from, struct record *ret,
    struct err *e) MUST_CHECK;

void record_clear(struct record *r);

#endif
