/* The facts behind GET /health/ready (SPEC §2), in one round trip. */
#ifndef MIZAN_STORE_READINESS_H
#define MIZAN_STORE_READINESS_H

#include <stdbool.h>
#include <stdint.h>

#include "pg/pg.h"

struct readiness_facts {
	int64_t schema_version;
	bool read_only;          /* nothing can be written at present */
	char provider_state[24]; /* ok, rate_limited, unauthorized or quota_exhausted */
	char provider_until[32]; /* RFC 3339 UTC, or "" */
	bool key_configured;     /* of the worker heard of last */
	int64_t queue_depth, stuck_count, workers;
	bool pilot_switched_on;
	int64_t pilot_used;        /* invoices accepted within the hour */
	char last_incident_at[32]; /* of the pilot; "" if none */
};

enum rc readiness_load(struct pg *pg, const char *pilot_tenant, int64_t stuck_minutes,
    int64_t alive_seconds, struct readiness_facts *ret, struct err *e) MUST_CHECK;

#endif
