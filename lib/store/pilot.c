#include "store/pilot.h"

#include <stdio.h>

#define COLUMNS                                                                                    \
	" enabled, reason, changed_by, to_char(changed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

static const char sql_get[] = "select" COLUMNS " from pilot_switch";

static const char sql_set[] =
    "with old as (select enabled, reason from pilot_switch for update),"
    " flipped as (update pilot_switch set enabled = $1::boolean, reason = $2, changed_by = $3,"
    "  changed_at = clock_timestamp() returning *),"
    " logged as (insert into audit_log (actor, action, object, detail)"
    "  select $3, 'pilot.set', 'pilot', jsonb_build_object('enabled', f.enabled, 'reason', f.reason,"
    "   'old_enabled', old.enabled, 'old_reason', old.reason) from flipped f, old)"
    " select" COLUMNS " from flipped";

static enum rc run(struct pg *pg, const struct pg_query *q, struct pilot_switch *ret, struct err *e)
{
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, q, 1, &res, e);

	if (rc == RC_OK) {
		ret->enabled = pg_bool(res, 0, 0);
		(void)snprintf(ret->reason, sizeof ret->reason, "%s", pg_text(res, 0, 1));
		(void)snprintf(ret->changed_by, sizeof ret->changed_by, "%s", pg_text(res, 0, 2));
		(void)snprintf(ret->changed_at, sizeof ret->changed_at, "%s", pg_text(res, 0, 3));
	}
	pg_result_free(res);
	return rc;
}

enum rc pilot_get(struct pg *pg, struct pilot_switch *ret, struct err *e)
{
	struct pg_query q = { .sql = sql_get, .expect = PG_EXPECT_ONE };

	return run(pg, &q, ret, e);
}

enum rc pilot_set(struct pg *pg, bool enabled, const char *reason, const char *who,
    struct pilot_switch *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql_set,
		.expect = PG_EXPECT_ONE,
		.n = 3,
		.params = { PG_TEXT(enabled ? "true" : "false"), PG_TEXT(reason), PG_TEXT(who) },
	};

	return run(pg, &q, ret, e);
}
