/*
 * Reading JSON from a stranger into json-c's objects.
 *
 * json-c's own parser is not used: it would keep the last of two keys, take NaN, single quotes and
 * surrogates in UTF-8, its strict mode differs between versions (0.18 refuses every non-ASCII
 * character: json-c issue 875), and where memory is short it leaves out pieces of strings, gives
 * half an object for a whole one, or ends the process.
 */
#ifndef MIZAN_CORE_JSON_READ_H
#define MIZAN_CORE_JSON_READ_H

#include <stddef.h>

#include <json-c/json.h>

#include "core/err.h"

#define JSON_READ_MAX_DEPTH 16 /* objects and lists within each other */

/*
 * Text that must be one JSON object and nothing else: RFC 8259 to the letter, valid UTF-8
 * (RFC 3629), no duplicate key at any level, no NUL in a key, no deeper than JSON_READ_MAX_DEPTH.
 * Numbers with a point or exponent, and whole ones beyond 64 bits, keep their digits
 * (json_object_get_userdata()).  A surrogate without its other half becomes U+FFFD.
 *
 * RC_OK: *ret is the caller's to json_object_put().
 * RC_INVALID: invalid_json; msg says what is wrong, not with which content.
 * RC_UNAVAILABLE: out of memory.
 */
enum rc json_read(const char *text, size_t len, struct json_object **ret, struct err *e) MUST_CHECK;

#endif
