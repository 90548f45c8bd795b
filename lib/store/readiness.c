#include "store/readiness.h"

#include <stdio.h>

#define RFC3339(column) "to_char(" column " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

static const char sql_readiness[] = "select schema_version, provider_state, " RFC3339(
    "provider_until") ", key_configured, queue_depth,"
		      " stuck_count, workers, pilot_switched_on, pilot_used, " RFC3339(
			  "last_incident_at") ", current_setting('transaction_read_only') = 'on' from readiness($1, $2::integer, $3::integer)";

enum rc readiness_load(struct pg *pg, const char *pilot_tenant, int64_t stuck_minutes,
    int64_t alive_seconds, struct readiness_facts *ret, struct err *e)
{
	char stuck[24], alive[24];
	struct pg_query q = {
		.sql = sql_readiness,
		.expect = PG_EXPECT_ONE,
		.n = 3,
		.params = { PG_TEXT(pilot_tenant), PG_TEXT(stuck), PG_TEXT(alive) },
	};
	struct pg_result *res = NULL;
	enum rc rc;

	(void)snprintf(stuck, sizeof stuck, "%lld", (long long)stuck_minutes);
	(void)snprintf(alive, sizeof alive, "%lld", (long long)alive_seconds);
	rc = pg_run(pg, &q, 1, &res, e);
	if (rc == RC_OK) {
		ret->schema_version = pg_int(res, 0, 0);
		(void)snprintf(
		    ret->provider_state, sizeof ret->provider_state, "%s", pg_text(res, 0, 1));
		(void)snprintf(
		    ret->provider_until, sizeof ret->provider_until, "%s", pg_text(res, 0, 2));
		ret->key_configured = pg_bool(res, 0, 3);
		ret->queue_depth = pg_int(res, 0, 4);
		ret->stuck_count = pg_int(res, 0, 5);
		ret->workers = pg_int(res, 0, 6);
		ret->pilot_switched_on = pg_bool(res, 0, 7);
		ret->pilot_used = pg_int(res, 0, 8);
		(void)snprintf(
		    ret->last_incident_at, sizeof ret->last_incident_at, "%s", pg_text(res, 0, 9));
		ret->read_only = pg_bool(res, 0, 10);
	}
	pg_result_free(res);
	return rc;
}
