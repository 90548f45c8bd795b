/*
 * The form of SPEC §5 as a strict JSON Schema for structured output: an object at the root,
 * every property required, null where nothing is printed, additionalProperties false in
 * every object (SPEC appendix).  Derived from invoice/form.h, as is the reader of the reply.
 */
#ifndef MIZAN_OPENAI_SCHEMA_H
#define MIZAN_OPENAI_SCHEMA_H

#include "core/json_write.h"

#define OPENAI_SCHEMA_NAME "invoice"

/* Write it as the member `name` (NULL: as the document). */
void openai_schema(struct json_writer *w, const char *name);

#endif
