/* Readiness: the judgement behind GET /health/ready (SPEC §2, the shape of the seed's §2.4). */
#ifndef MIZAN_OPS_READY_H
#define MIZAN_OPS_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/json_write.h"
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
 * Write the answer's document.  False when any check is an error: the answer is then a 503.
 *
 * A schema newer than this build's is no error: migrations only expand, so that an old build
 * keeps working while a new one is rolled out.
 */
bool ready_report(struct json_writer *w, const struct ready_input *in);

#endif
