#include "store/pilot.h"

#include <inttypes.h>
#include <stdio.h>

#define COLUMNS                                                                                    \
	" enabled, reason, changed_by,"                                                            \
	" to_char(changed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), revision"

static const char sql_get[] = "select" COLUMNS " from pilot_switch";

/* The update reads from old, so that the row is locked and read before it is changed. */
static const char sql_set[] =
    "with old as (select * from pilot_switch for update),"
    " flipped as (update pilot_switch p set enabled = $1::boolean, reason = $2, changed_by = $3,"
    "  changed_at = clock_timestamp() from old"
    "  where $5::integer[] is null or old.revision = any ($5::integer[])"
    "  returning p.*, old.enabled as old_enabled, old.reason as old_reason),"
    " logged as (insert into audit_log (tenant_id, actor, action, object, detail)"
    "  select $4, $3, 'pilot.set', 'pilot', jsonb_build_object('enabled', enabled, 'reason', reason,"
    "   'old_enabled', old_enabled, 'old_reason', old_reason) from flipped)"
    " select" COLUMNS ", true from flipped"
    " union all select" COLUMNS ", false from old where not exists (select from flipped)";

static const char sql_hour[] =
    "select invoices, incidents, skipped_jobs, skipped_incident_budget, skipped_pilot_disabled"
    " from pilot_hour($1)";

enum { ENABLED, REASON, CHANGED_BY, CHANGED_AT, REVISION, FLIPPED };

static void read_switch(const struct pg_result *res, struct pilot_switch *ret)
{
	ret->enabled = pg_bool(res, 0, ENABLED);
	(void)snprintf(ret->reason, sizeof ret->reason, "%s", pg_text(res, 0, REASON));
	(void)snprintf(ret->changed_by, sizeof ret->changed_by, "%s", pg_text(res, 0, CHANGED_BY));
	(void)snprintf(ret->changed_at, sizeof ret->changed_at, "%s", pg_text(res, 0, CHANGED_AT));
	ret->revision = pg_int(res, 0, REVISION);
}

enum rc pilot_get(struct pg *pg, struct pilot_switch *ret, struct err *e)
{
	struct pg_query q = { .sql = sql_get, .expect = PG_EXPECT_ONE };
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK)
		read_switch(res, ret);
	pg_result_free(res);
	return rc;
}

static enum rc refused(const struct pg_result *res, struct err *e)
{
	return err_set(e, RC_CONFLICT, "precondition_failed",
	    "the switch is %s at revision %" PRId64 ": %s changed it last, at %s",
	    pg_bool(res, 0, ENABLED) ? "on" : "off", pg_int(res, 0, REVISION),
	    pg_text(res, 0, CHANGED_BY), pg_text(res, 0, CHANGED_AT));
}

enum rc pilot_set(
    struct pg *pg, const struct pilot_flip *flip, struct pilot_switch *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql_set,
		.expect = PG_EXPECT_ONE,
		.n = 5,
		.params = { PG_TEXT(flip->enabled ? "true" : "false"), PG_TEXT(flip->reason),
		    PG_TEXT(flip->who), PG_TEXT(flip->tenant_id), PG_TEXT(flip->revisions) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && !pg_bool(res, 0, FLIPPED))
		rc = refused(res, e);
	else if (rc == RC_OK)
		read_switch(res, ret);
	pg_result_free(res);
	return rc;
}

enum rc pilot_hour(struct pg *pg, const char *tenant_id, struct pilot_hour *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql_hour, .expect = PG_EXPECT_ONE, .n = 1, .params = { PG_TEXT(tenant_id) }
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK)
		*ret = (struct pilot_hour){
			.invoices = pg_int(res, 0, 0),
			.incidents = pg_int(res, 0, 1),
			.skipped_jobs = pg_int(res, 0, 2),
			.skipped_incident_budget = pg_int(res, 0, 3),
			.skipped_pilot_disabled = pg_int(res, 0, 4),
		};
	pg_result_free(res);
	return rc;
}
