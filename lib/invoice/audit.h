/*
 * The audit of SPEC §6: does the total that the invoice states equal the one its parts add up to
 * (totals.h), and if not, how bad is it, what is the likely cause, what should be checked?
 * Every comparison is on exact decimals, by cross multiplication where a ratio is meant; none
 * uses the rounded ratio.  The same invoice and thresholds always give the same audit.
 */
#ifndef MIZAN_INVOICE_AUDIT_H
#define MIZAN_INVOICE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"
#include "invoice/decimal.h"
#include "invoice/invoice.h"

#define AUDIT_RATIO_DIGITS 4
#define AUDIT_MAX_CHECKS   5

enum audit_outcome { AUDIT_EXACT, AUDIT_MINOR, AUDIT_ROUNDING, AUDIT_MISMATCH, AUDIT_FAILED };

/* Of an audit: none, S1 or S2.  Of a quality flag (quality.h): S1, S2 or S3. */
enum severity { SEVERITY_NONE, SEVERITY_S1, SEVERITY_S2, SEVERITY_S3 };

enum action_class {
	ACTION_NONE,
	ACTION_VERIFY_OCR,
	ACTION_VERIFY_INVOICE_LOGIC,
	ACTION_ACCEPT_ROUNDING_TOLERANCE,
};

enum suspect { SUSPECT_NONE, SUSPECT_OCR_LOCALE, SUSPECT_ROUNDING, SUSPECT_INVOICE_LOGIC };

/* What to do about a mismatch.  All text is static. */
struct action_hint {
	enum action_class action_class; /* ACTION_NONE: no hint, the rest is empty */
	enum suspect primary_suspect;
	const char *recommended_checks[AUDIT_MAX_CHECKS]; /* likeliest first */
	size_t n_checks;
	const char *confidence_note;
};

struct audit {
	enum audit_outcome outcome;
	bool has_stated, has_computed;
	struct decimal stated, computed; /* in minor units; 0 without its has_ flag */
	struct decimal delta;            /* |stated - computed|; 0 for AUDIT_FAILED */
	struct decimal ratio;    /* delta / max(|stated|, 0.01) to AUDIT_RATIO_DIGITS; likewise */
	enum severity severity;  /* SEVERITY_NONE unless AUDIT_MISMATCH */
	bool ocr_suspect;        /* only with AUDIT_MISMATCH */
	bool low_confidence;     /* a critical field is under ocr_suspect_confidence */
	bool power_of_ten;       /* only with AUDIT_MISMATCH: a slipped separator, see below */
	struct action_hint hint; /* only with AUDIT_MISMATCH */
};

/*
 * Audit inv.  AUDIT_FAILED when either total is missing or an amount is too large to compare.
 * power_of_ten: stated / computed is within 1 % (inclusive) of 10^k, k from -3 to 3, not 0.
 */
void audit_invoice(const struct invoice *inv, const struct thresholds *th, struct audit *ret);

/* The names of the API (SPEC §3). */
const char *audit_outcome_name(enum audit_outcome o);

/* Likewise; NULL for the value that means none. */
const char *severity_name(enum severity s);
const char *action_class_name(enum action_class a);
const char *suspect_name(enum suspect s);

#endif
