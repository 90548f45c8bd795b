/*
 * What makes two documents the same invoice.  Texts are compared in a folded form: without case
 * (Turkish dotted and dotless i are one letter), runs of white space as one blank; the seller by
 * tax id where there is one, else by name; numbers and tax ids without any blanks.
 */
#ifndef MIZAN_INVOICE_FINGERPRINT_H
#define MIZAN_INVOICE_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "core/sha256.h"
#include "invoice/invoice.h"

/*
 * SHA-256, as hex, over seller, number, period and stated total: what incidents are
 * deduplicated by (SPEC §6).  False, and out untouched, when neither seller nor number is
 * known, since such documents cannot be told apart.
 */
bool invoice_fingerprint(const struct invoice *inv, char out[SHA256_TEXT]) MUST_CHECK;

/*
 * SHA-256, as hex, over seller and number: what DUPLICATE_INVOICE looks for.  False, and out
 * untouched, when either is missing.
 */
bool invoice_identity(const struct invoice *inv, char out[SHA256_TEXT]) MUST_CHECK;

enum fold_blanks { FOLD_KEEP_BLANKS, FOLD_DROP_BLANKS };

/*
 * The folded form of UTF-8 text: ASCII, Latin-1 and Latin Extended-A letters in lower case, all
 * forms of i as "i"; runs of white space (also NBSP) and control characters as one blank, none
 * at the ends, or none at all.  Other bytes stay.  Cut to cap - 1 bytes; out is NUL-terminated.
 */
void fingerprint_fold(const char *text, enum fold_blanks blanks, char *out, size_t cap);

#endif
