/* JSON from a stranger, and what json-c does not check in it. */
#ifndef MIZAN_OPENAI_JSON_H
#define MIZAN_OPENAI_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "core/err.h"

#define OPENAI_JSON_MAX_DEPTH 16 /* objects and lists within each other */

/*
 * Parse text that must be one JSON object and nothing else: RFC 8259 to the letter, valid
 * UTF-8 (RFC 3629), no duplicate key at any level, no NUL in a key, no deeper than
 * OPENAI_JSON_MAX_DEPTH.  json-c alone would keep the last of two keys, take NaN, single
 * quotes and surrogates in UTF-8; its own strict mode differs between versions (0.18
 * refuses every non-ASCII character: json-c issue 875), so it is not used.
 *
 * RC_OK: *ret is the caller's to json_object_put().
 * RC_INVALID: invalid_json; msg says what is wrong, not with which content.
 * RC_INTERNAL: out of memory.
 */
enum rc openai_json_parse(
    const char *text, size_t len, struct json_object **ret, struct err *e) MUST_CHECK;

/*
 * Put value, whose ownership is taken in any case, into object under key.  False when either
 * is NULL (so that constructors nest and are checked once) or memory is out.
 */
bool openai_json_add(struct json_object *object, const char *key, struct json_object *value);

/* Likewise, at the end of a list. */
bool openai_json_append(struct json_object *list, struct json_object *value);

/* object when ok, all that was to be put into it being there; else it is released: NULL. */
struct json_object *openai_json_complete(struct json_object *object, bool ok);

#endif
