#include "store/watch.h"

#include <stdio.h>

static const char sql_lead[] =
    "select leads, at from watch_lead($1, $2::text[], $3::boolean, $4::boolean)";
static const char sql_resign[] = "select watch_resign($1)";
static const char sql_sample[] = "select watch_sample($1::json)";
static const char sql_forget[] = "select watch_forget()";
static const char sql_baseline[] = "select watch_baseline($1::timestamptz, $2)";
static const char sql_look[] =
    "select rule, n, part, whole, ours, from_us, from_text, until_text, details, alert_id, state,"
    " decision, pending_us, fired_us, escalated_us, clear_us, notified_us, silenced,"
    " microseconds($1::timestamptz)"
    " from watch_look($1::timestamptz, $2, $3::boolean, $4::bigint)";
/* The row stays locked to the end: nobody else leads meanwhile. */
static const char sql_evaluated[] =
    "update watch_leader set evaluated_at = $2::timestamptz where holder = $1 returning 1";
static const char sql_put[] =
    "select rule, alert_id, carried_out, stopped, nowhere"
    " from watch_record($1, $2::timestamptz, $3, $4, $5::boolean, $6::boolean, $7, $8::json)";

static const char *boolean(bool b)
{
	return b ? "true" : "false";
}

#define COPY(field, res, row, col)                                                                 \
	(void)snprintf((field), sizeof(field), "%s", pg_text((res), (row), (col)))

enum rc watch_lead(struct pg *pg, const struct watch_candidate *c, bool *ret_leads,
    char ret_now[WATCH_TIME], struct err *e)
{
	struct pg_query q = {
		.sql = sql_lead,
		.expect = PG_EXPECT_ONE,
		.n = 4,
		.params = { PG_TEXT(c->holder), PG_TEXT(c->channels),
		    PG_TEXT(boolean(c->auto_stop)), PG_TEXT(boolean(c->auto_rollback)) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK) {
		*ret_leads = pg_bool(res, 0, 0);
		(void)snprintf(ret_now, WATCH_TIME, "%s", pg_text(res, 0, 1));
	}
	pg_result_free(res);
	return rc;
}

static enum rc run_one(struct pg *pg, const char *sql, const char *param, struct err *e)
{
	struct pg_query q = {
		.sql = sql, .expect = PG_EXPECT_ONE, .n = 1, .params = { PG_TEXT(param) }
	};

	return pg_run(pg, &q, 1, NULL, e);
}

enum rc watch_resign(struct pg *pg, const char *holder, struct err *e)
{
	return run_one(pg, sql_resign, holder, e);
}

enum rc watch_sample(struct pg *pg, const char *samples_json, struct err *e)
{
	return run_one(pg, sql_sample, samples_json, e);
}

enum rc watch_forget_samples(struct pg *pg, bool *ret_more, struct err *e)
{
	struct pg_query q = { .sql = sql_forget, .expect = PG_EXPECT_ONE };
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK)
		*ret_more = pg_bool(res, 0, 0);
	pg_result_free(res);
	return rc;
}

static void read_sight(const struct pg_result *res, size_t row, struct watch_sight *s)
{
	COPY(s->rule, res, row, 0);
	s->n = pg_int(res, row, 1);
	s->part = pg_int(res, row, 2);
	s->whole = pg_int(res, row, 3);
	s->ours = pg_int(res, row, 4);
	s->since = pg_int(res, row, 5);
	COPY(s->from, res, row, 6);
	COPY(s->until, res, row, 7);
	COPY(s->details, res, row, 8);
	COPY(s->alert_id, res, row, 9);
	COPY(s->state, res, row, 10);
	COPY(s->decision, res, row, 11);
	s->pending_at = pg_int(res, row, 12);
	s->fired_at = pg_int(res, row, 13);
	s->escalated_at = pg_int(res, row, 14);
	s->clear_since = pg_int(res, row, 15);
	s->notified_at = pg_int(res, row, 16);
	s->silenced = pg_bool(res, row, 17);
}

enum rc watch_look(struct pg *pg, const struct watch_question *w,
    struct watch_sight ret[WATCH_RULES], size_t *ret_n, int64_t *ret_now, struct err *e)
{
	char baseline[24];
	struct pg_query q[] = {
		{ .sql = sql_look,
		    .n = 4,
		    .params = { PG_TEXT(w->now), PG_TEXT(w->pilot_tenant),
			PG_TEXT(boolean(w->first_day)), PG_TEXT(baseline) } },
		{ .sql = sql_baseline,
		    .n = 2,
		    .params = { PG_TEXT(w->now), PG_TEXT(w->pilot_tenant) } },
	};
	struct pg_result *res[2] = { NULL, NULL };
	enum rc rc;

	(void)snprintf(baseline, sizeof baseline, "%lld", (long long)w->baseline_ms);
	rc = pg_run(pg, q, w->keep_baseline ? 2 : 1, res, e);
	if (rc == RC_OK) {
		size_t n = pg_rows(res[0]) < WATCH_RULES ? pg_rows(res[0]) : WATCH_RULES;

		for (size_t i = 0; i < n; i++)
			read_sight(res[0], i, &ret[i]);
		*ret_now = n > 0 ? pg_int(res[0], 0, 18) : 0;
		*ret_n = n;
	}
	pg_result_free(res[0]);
	pg_result_free(res[1]);
	return rc;
}

static size_t read_done(const struct pg_result *res, struct watch_done ret[WATCH_RULES])
{
	size_t n = pg_rows(res) < WATCH_RULES ? pg_rows(res) : WATCH_RULES;

	for (size_t i = 0; i < n; i++) {
		COPY(ret[i].rule, res, i, 0);
		COPY(ret[i].alert_id, res, i, 1);
		COPY(ret[i].carried_out, res, i, 2);
		ret[i].stopped = pg_bool(res, i, 3);
		ret[i].nowhere = pg_bool(res, i, 4);
	}
	return n;
}

enum rc watch_put(struct pg *pg, const struct watch_record *r, struct watch_done ret[WATCH_RULES],
    size_t *ret_n, struct err *e)
{
	struct pg_query q[] = {
		{ .sql = sql_evaluated, .n = 2, .params = { PG_TEXT(r->holder), PG_TEXT(r->now) } },
		{ .sql = sql_put,
		    .n = 8,
		    .params = { PG_TEXT(r->holder), PG_TEXT(r->now), PG_TEXT(r->build_id),
			PG_TEXT(r->config_hash), PG_TEXT(boolean(r->auto_stop)),
			PG_TEXT(boolean(r->auto_rollback)), PG_TEXT(r->pilot_tenant),
			PG_TEXT(r->changes_json) } },
	};
	struct pg_result *res[2] = { NULL, NULL };
	enum rc rc = pg_run(pg, q, 2, res, e);

	if (rc == RC_OK && pg_rows(res[0]) == 0)
		rc = err_set(e, RC_CONFLICT, "not_leading", "another watchdog leads by now");
	else if (rc == RC_OK)
		*ret_n = read_done(res[1], ret);
	pg_result_free(res[0]);
	pg_result_free(res[1]);
	return rc;
}
