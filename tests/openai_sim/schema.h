/* The rules that a strict JSON Schema must keep (structured outputs). */
#ifndef OPENAI_SIM_SCHEMA_H
#define OPENAI_SIM_SCHEMA_H

#include <stdbool.h>

#include "openai_sim/check.h"

struct json_object;

/*
 * Check a strict schema, recursively: the root is an object; every object names its
 * properties, requires all of them and nothing else, and has additionalProperties false;
 * only keywords that strict mode knows; at most 10 levels and 5000 properties.
 * name is the schema's own, for the message.  false: *reterr is filled.
 */
bool schema_check(struct json_object *schema, const char *name, struct check_error *reterr);

#endif
