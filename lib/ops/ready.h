/* Readiness: the judgement behind GET /health/ready (SPEC §2, the shape of the seed's §2.4). */
#ifndef MIZAN_OPS_READY_H
#define MIZAN_OPS_READY_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "core/config.h"
#include "store/readiness.h"

#define READY_DB_WARNING_MS 100
#define READY_DB_ERROR_MS   500
#define READY_PILOT_WINDOW  3600 /* seconds */

struct ready_input {
	const struct config *cfg;
	const char *config_hash, *build_id;
	int schema_version;                  /* that this build needs */
	const char *timestamp;               /* when the checks ran, RFC 3339 */
	const struct readiness_facts *facts; /* NULL: the database did not answer */
	int64_t db_latency_ms;
};

/*
 * The answer's document, the caller's to json_object_put(); NULL: out of memory.  *ret_ready is
 * false when any check is an error, and the answer is then a 503.
 *
 * A schema newer than this build's is no error: migrations only expand, so that an old build
 * keeps working while a new one is rolled out.
 */
struct json_object *ready_report(const struct ready_input *in, bool *ret_ready);

#endif
