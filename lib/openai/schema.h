/*
 * The form of SPEC §5 as a strict JSON Schema for structured output: an object at the root,
 * every property required, null where nothing is printed, additionalProperties false in
 * every object (SPEC appendix).  Derived from invoice/form.h, as is the reader of the reply.
 */
#ifndef MIZAN_OPENAI_SCHEMA_H
#define MIZAN_OPENAI_SCHEMA_H

#include <json-c/json.h>

#include "core/err.h"

#define OPENAI_SCHEMA_NAME "invoice"

/* RC_OK: *ret is the schema, the caller's to json_object_put().  RC_INTERNAL: no memory. */
enum rc openai_schema(struct json_object **ret, struct err *e) MUST_CHECK;

#endif
