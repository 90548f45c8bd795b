/*
 * The quality of a read invoice (SPEC §6): which flags it raises, the score they leave, and the
 * incident they call for.
 */
#ifndef MIZAN_INVOICE_QUALITY_H
#define MIZAN_INVOICE_QUALITY_H

#include <stdbool.h>
#include <stddef.h>

#include "invoice/audit.h"
#include "invoice/invoice.h"

#define QUALITY_MESSAGE 320 /* bytes of a flag's message, its NUL included */

/* In the order of their priority, most important first. */
enum quality_code {
	FLAG_EXTRACTION_FAILED,
	FLAG_TOTAL_MISSING,
	FLAG_INVOICE_TOTAL_MISMATCH,
	FLAG_DUPLICATE_INVOICE,
	FLAG_MISSING_FIELDS,
	FLAG_TAX_MISMATCH,
	FLAG_LINE_MISMATCH,
	FLAG_LOW_CONFIDENCE,
	FLAG_VALIDATION_WARNINGS,
	FLAG_COUNT,
};

enum quality_grade { GRADE_OK, GRADE_CHECK, GRADE_BAD };

enum incident_category {
	CATEGORY_NONE,
	CATEGORY_EXTRACTION,
	CATEGORY_COMPLETENESS,
	CATEGORY_TOTALS,
	CATEGORY_DUPLICATE,
	CATEGORY_TAX,
};

struct quality_flag {
	enum quality_code code;
	enum severity severity; /* S1, S2 or S3 */
	int priority;           /* lower is more important */
	int deduction;
	char message[QUALITY_MESSAGE]; /* names fields and figures, never other content */
};

struct quality {
	int score; /* 0 to 100 */
	enum quality_grade grade;
	struct quality_flag flags[FLAG_COUNT]; /* by priority */
	size_t n_flags;

	/*
	 * An S1 or S2 flag opens an incident.  Its primary flag is flags[0], all others are
	 * secondary; severity and category are the primary flag's.
	 */
	bool incident_due;
	enum severity incident_severity;          /* SEVERITY_NONE if none is due */
	enum incident_category incident_category; /* CATEGORY_NONE if none is due */
};

/*
 * Judge an invoice that was read and audited.  duplicate: the same seller and number were seen
 * in another document.
 *
 * What the table of SPEC §6 leaves open:
 *  - TOTAL_MISSING: no stated total.  A stated total that cannot be checked, because the document
 *    gives no parts to add up, is a VALIDATION_WARNINGS.
 *  - MISSING_FIELDS: a seller without name and tax id; a blank value is a missing one.
 *  - TAX_MISMATCH: |base x rate / 100 - amount| over 0.05, or over half a minor unit per line
 *    where that is more, as tax may be rounded line by line.  Withheld taxes are not checked:
 *    documents give the rate of a withheld tax as a share of the tax (5/10) or of the base.
 *  - LINE_MISMATCH: |quantity x price (rounded to minor units) - net| over line_tolerance x |net|.
 */
void quality_evaluate(const struct invoice *inv, const struct audit *a, const struct thresholds *th,
    bool duplicate, struct quality *ret);

/* A document that could not be read; reason is a stable name such as "refusal", or NULL. */
void quality_extraction_failed(const char *reason, struct quality *ret);

/* The names of the API (SPEC §6). */
const char *quality_code_name(enum quality_code c);
const char *quality_grade_name(enum quality_grade g);

/* Likewise; NULL for CATEGORY_NONE. */
const char *incident_category_name(enum incident_category c);

#endif
