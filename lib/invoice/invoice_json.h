/* struct invoice to JSON and back, in exactly the form of SPEC §5 (invoice/form.h). */
#ifndef MIZAN_INVOICE_JSON_H
#define MIZAN_INVOICE_JSON_H

#include <json-c/json.h>

#include "core/err.h"
#include "core/json_write.h"
#include "invoice/invoice.h"

/*
 * Write it as the object `name` (NULL: as the document).  Confidences are exact decimals.  A text
 * that should not be NULL but is (a zeroed struct's evidence) becomes "".
 */
void invoice_to_json(struct json_writer *w, const char *name, const struct invoice *inv);

/*
 * Read an object of that form, the model's or one that invoice_to_json() made: its own
 * output comes back unchanged.  Strict in form: every property there, none besides, right
 * types, lists within their maximum, confidence within [0,1].  Mended, because no schema can
 * rule it out: texts and evidence are cut to their maximum (INVOICE_MAX_TEXT,
 * INVOICE_MAX_EVIDENCE characters); control characters other than newline and tab become
 * spaces, and white space at either end goes; a blank text where null is allowed is null;
 * decimals in any form that number_normalize() knows, DD.MM.YYYY and DD/MM/YYYY dates, and
 * TL, ₺, €, $ and letters of either case as currencies are made canonical.  What cannot be
 * (an amount that is none, 31 February) breaks the form.  Duplicate keys are the concern of
 * whoever parsed the text.
 *
 * RC_OK: *ret is filled; invoice_clear() when done.
 * RC_INVALID: invalid_extraction; msg names the place ("lines[3].net_amount is not a
 * decimal"), never its content.
 * RC_UNAVAILABLE: out of memory.  Unless RC_OK, *ret is untouched.
 */
enum rc invoice_from_json(struct json_object *obj, struct invoice *ret, struct err *e) MUST_CHECK;

#endif
