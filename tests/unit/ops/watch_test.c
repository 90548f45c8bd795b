#include "ops/watch.h"

#include "store/rollback.h"
#include "unit/store/watching.h"

static char webhook[] = "https://hooks.example.com/secret";

static struct watch_outcome out;

static enum rc evaluate(double seconds)
{
	static const struct watch_who who = {
		.cfg = &cfg, .holder = "test", .build_id = "git:own", .config_hash = "sha256:c"
	};

	out = (struct watch_outcome){ .n = 0 };
	return watch_evaluate(db_as(DB_WATCHDOG), &who, at(seconds).text, &out, NULL);
}

static const char the_alerts[] =
    "select string_agg(concat_ws(' ', rule, state, decision, carried_out, resolved_reason), ', '"
    " order by pending_at, rule) from alerts";
static const char the_messages[] =
    "select string_agg(concat_ws(' ', channel, event, snapshot->>'decision',"
    " snapshot->>'state'), ', ' order by id) from alert_deliveries";
static const char the_news[] =
    "select string_agg(concat_ws(' ', channel, event, snapshot->>'decision', snapshot->>'carried_out',"
    " snapshot->'rollback'->>'exit_status', snapshot->>'config_hash'), ', ' order by id)"
    " from alert_deliveries where id > (select min(id) from alert_deliveries)";
static const char the_pilot[] =
    "select concat_ws('|', enabled, reason, changed_by) from pilot_switch";

/* Investigate, then stop: with all that it was decided by. */
static void test_stop(void)
{
	fresh();
	cfg.slack_alerts_webhook = webhook;
	cfg.auto_stop = true;
	CU_ASSERT(evaluate(-200) == RC_OK && out.n == 0);
	incidents(22, 9, -100, 1000);
	CU_ASSERT(evaluate(0) == RC_OK && out.n == 1 && !out.pending);
	CHECK_STR(out.changes[0].done.carried_out, "advised");
	CHECK_SQL(the_alerts, "s1_spike firing INVESTIGATE advised");
	CHECK_SQL(the_messages, "slack_alerts firing INVESTIGATE firing");
	CHECK_SQL("select enabled from pilot_switch", "t");
	CU_ASSERT(evaluate(900) == RC_OK && evaluate(900.1) == RC_OK);
	CU_ASSERT(out.changes[0].done.stopped);
	CHECK_SQL(the_alerts, "s1_spike firing STOP done");
	CHECK_SQL(the_pilot, "f|s1_spike: S1 9 of 22 incidents (0.4091 > 0.3) in 60 min|watchdog");
	CHECK_STR(
	    db_value("select concat_ws(' ', tenant_id = $1, actor, action, detail->>'enabled',"
		     " detail->>'old_enabled') from audit_log order by id desc limit 1",
		cfg.pilot_tenant_id, NULL)
		.text,
	    "t watchdog pilot.set false true");
	/* Anyone can do the sum again. */
	CHECK_SQL(
	    "select string_agg(concat_ws(' ', decision, carried_out, build_id, inputs->'value',"
	    " inputs->'threshold', inputs->'n', inputs->'min_samples', inputs->'window_seconds',"
	    " inputs->'s1', inputs->'incidents', inputs->>'from', inputs->>'to'), ', ' order by id)"
	    " from decisions",
	    "INVESTIGATE advised git:own 0.4091 0.3 22 20 3600 9 22"
	    " 2026-03-01T11:00:00.000Z 2026-03-01T12:00:00.000Z,"
	    " STOP done git:own 0.4091 0.3 22 20 3600 9 22"
	    " 2026-03-01T11:15:00.100Z 2026-03-01T12:15:00.100Z");
	CHECK_SQL(
	    "select evaluated_at = timestamptz '2026-03-01 12:15:00.1Z' from watch_leader", "t");
	/* The hour passes. */
	CU_ASSERT(evaluate(4000) == RC_OK && evaluate(4119) == RC_OK);
	CHECK_SQL(the_alerts, "s1_spike firing STOP done");
	CU_ASSERT(evaluate(4120) == RC_OK);
	CHECK_SQL(the_alerts, "s1_spike resolved STOP done too_few_samples");
	CHECK_SQL(the_messages,
	    "slack_alerts firing INVESTIGATE firing, slack_alerts escalated STOP firing,"
	    " slack_alerts resolved STOP resolved");
	CU_ASSERT(evaluate(4150) == RC_OK && out.n == 0);
}

/* Off already, or not allowed: the switch stays as somebody left it. */
static void test_stop_not_needed(void)
{
	fresh();
	cfg.auto_stop = true;
	db_change("update pilot_switch set enabled = false, reason = 'lunch', changed_by = 'ayse'",
	    NULL, NULL);
	incidents(22, 9, -100, 1000);
	CU_ASSERT(evaluate(0) == RC_OK);
	CU_ASSERT(out.changes[0].done.nowhere); /* no channel has an address */
	CU_ASSERT(evaluate(901) == RC_OK && !out.changes[0].done.stopped);
	CHECK_SQL(the_alerts, "s1_spike firing STOP done");
	CHECK_SQL(the_pilot, "f|lunch|ayse");
	CHECK_SQL(the_messages, "(null)");
	fresh();
	incidents(22, 9, -100, 1000);
	CU_ASSERT(evaluate(0) == RC_OK && evaluate(901) == RC_OK);
	CHECK_SQL(the_alerts, "s1_spike firing STOP advised");
	CHECK_SQL("select enabled from pilot_switch", "t");
}

static void test_rollback(void)
{
	fresh();
	cfg.auto_stop = cfg.auto_rollback = true;
	cfg.slack_alerts_webhook = cfg.pagerduty_routing_key = webhook;
	samples(-330, -20, "database");
	CU_ASSERT(evaluate(-20) == RC_OK && out.pending);
	CHECK_SQL(the_alerts, "ready_503 pending");
	CHECK_SQL(the_messages, "(null)");
	sample(-10, "database");
	CU_ASSERT(evaluate(-10) == RC_OK);
	CHECK_SQL(the_alerts, "ready_503 firing ROLLBACK ordered");
	CHECK_SQL("select concat_ws(' ', r.build_id, d.decision, d.rule) from rollbacks r"
		  " join decisions d on d.id = decision_id",
	    "git:new ROLLBACK ready_503"); /* the build that answers, not the watchdog's own */
	CHECK_SQL(
	    the_messages, "slack_alerts firing ROLLBACK firing, pagerduty firing ROLLBACK firing");
	CHECK_SQL(
	    "select snapshot->'rollback'->>'build_id' from alert_deliveries limit 1", "git:new");
	CHECK_SQL(the_pilot, "f|ready_503: not ready for 320 s (> 300 s)|watchdog");
	/* The next rule finds the build ordered to be left already. */
	requests(0, 20, "/full-process", 5);
	CU_ASSERT(evaluate(10) == RC_OK);
	CHECK_SQL(
	    the_alerts, "ready_503 firing ROLLBACK ordered, error_5xx firing ROLLBACK advised");
	CHECK_SQL("select count(*) from rollbacks", "1");
}

/* Not ready, as that build says it, up to then: the alert fires at that moment. */
static void not_ready(const char *build_id, double until)
{
	build = build_id;
	samples(until - 310, until, "database");
	CU_ASSERT(evaluate(until - 10) == RC_OK && evaluate(until) == RC_OK);
}

static void resolved(double until)
{
	sample(until, "");
	CU_ASSERT(evaluate(until) == RC_OK);
	sample(until + 120, "");
	CU_ASSERT(evaluate(until + 120) == RC_OK);
	CHECK_SQL("select count(*) from alerts where state <> 'resolved'", "0");
}

/* What is wrong with each build is wrong with the machine: it goes back once, and not on and on. */
static void test_no_cascade(void)
{
	fresh();
	cfg.auto_rollback = true;
	not_ready("git:new", 0);
	CHECK_SQL("select string_agg(build_id, ' ') from rollbacks", "git:new");
	db_change("update rollbacks set finished_at = created_at, exit_status = 0", NULL, NULL);
	build = "git:old";
	resolved(30);
	not_ready("git:old", 900); /* within the hour */
	CHECK_SQL("select carried_out from alerts order by pending_at desc limit 1", "advised");
	resolved(930);
	not_ready("git:old", 2 * HOUR); /* it came by the rollback */
	CHECK_SQL("select carried_out from alerts order by pending_at desc limit 1", "advised");
	CHECK_SQL("select string_agg(build_id, ' ') from rollbacks", "git:new");
	resolved(2 * HOUR + 30);
	not_ready("git:newer", 4 * HOUR); /* one that somebody has deployed since */
	CHECK_SQL("select carried_out from alerts order by pending_at desc limit 1", "ordered");
	CHECK_SQL("select string_agg(build_id, ' ' order by created_at) from rollbacks",
	    "git:new git:newer");
}

/* What came long after a rollback did not come by it, though nothing is left of what did. */
static void test_samples_forgotten(void)
{
	fresh();
	cfg.auto_rollback = true;
	not_ready("git:new", 0);
	db_change("update rollbacks set finished_at = created_at, exit_status = 0", NULL, NULL);
	build = "git:old";
	resolved(30);
	db_change("delete from ready_samples", NULL, NULL);
	not_ready("git:newer", 65 * 24 * HOUR);
	CHECK_SQL("select string_agg(build_id, ' ' order by created_at) from rollbacks",
	    "git:new git:newer");
}

/* The build to be left was not the current one: scripts/rollback did nothing, and says so by 6. */
static void test_another_build_is_current(void)
{
	fresh();
	cfg.auto_rollback = true;
	cfg.slack_alerts_webhook = webhook;
	not_ready("git:new", 0);
	db_change("update rollbacks set finished_at = created_at, exit_status = 6", NULL, NULL);
	CHECK_SQL(the_alerts, "ready_503 firing ROLLBACK failed");
	CHECK_SQL("select carried_out from decisions", "failed");
	CHECK_SQL(the_news, "slack_alerts escalated ROLLBACK failed 6 sha256:c");
	build = "git:silent";
	resolved(30);
	not_ready("git:silent", 2 * HOUR); /* no rollback brought it */
	CHECK_SQL("select string_agg(build_id, ' ' order by created_at) from rollbacks",
	    "git:new git:silent");
}

/* A build of seconds is not rolled back for what the one before did. */
static void test_rollback_of_the_right_build(void)
{
	fresh();
	cfg.auto_rollback = true;
	build = "git:bad";
	samples(-310, -20, "database");
	build = "git:fix";
	CU_ASSERT(evaluate(-20) == RC_OK);
	samples(-10, 0, "database");
	CU_ASSERT(evaluate(0) == RC_OK);
	CHECK_SQL(the_alerts, "ready_503 firing INVESTIGATE advised");
	samples(10, 290, "database");
	CU_ASSERT(evaluate(290) == RC_OK);
	CHECK_SQL(the_alerts, "ready_503 firing INVESTIGATE advised");
	sample(300, "database");
	CU_ASSERT(evaluate(300) == RC_OK);
	CHECK_SQL(the_alerts, "ready_503 firing ROLLBACK ordered");
	CHECK_SQL("select build_id from rollbacks", "git:fix");
}

static void ends(const char *status)
{
	db_change(
	    "update rollbacks set started_at = clock_timestamp(), finished_at = clock_timestamp(),"
	    " exit_status = nullif($1, '')::integer, output = 'why'",
	    status, NULL);
}

static void ordered(void)
{
	fresh();
	cfg.auto_rollback = true;
	cfg.slack_alerts_webhook = webhook;
	not_ready("git:new", 0);
	CHECK_SQL(the_alerts, "ready_503 firing ROLLBACK ordered");
	CHECK_SQL(the_news, "(null)");
}

/* How it ended is told to whoever was told that it was ordered. */
static void test_rollback_s_end(void)
{
	ordered();
	ends("0");
	CHECK_SQL(the_alerts, "ready_503 firing ROLLBACK done");
	CHECK_SQL("select carried_out from decisions", "done");
	CHECK_SQL(the_news, "slack_alerts repeated ROLLBACK done 0 sha256:c");
	ordered();
	ends("1");
	CHECK_SQL(the_alerts, "ready_503 firing ROLLBACK failed");
	CHECK_SQL("select carried_out from decisions", "failed");
	CHECK_SQL(the_news, "slack_alerts escalated ROLLBACK failed 1 sha256:c");
	ordered();
	ends("");
	CHECK_SQL(the_news, "slack_alerts escalated ROLLBACK failed sha256:c");
	/* It is over meanwhile: what went well is nobody's concern any more, a failure is. */
	ordered();
	resolved(10);
	ends("0");
	CHECK_SQL(the_news, "slack_alerts resolved ROLLBACK ordered sha256:c");
	ordered();
	resolved(10);
	ends("1");
	CHECK_SQL(the_news, "slack_alerts resolved ROLLBACK ordered sha256:c,"
			    " slack_alerts escalated ROLLBACK failed 1 sha256:c");
}

static size_t given_up;

static void count_given_up(const char *build_id, const char *why)
{
	CHECK_STR(build_id, "git:new");
	CU_ASSERT(why[0] != '\0');
	given_up++;
}

/* Neither who ran it nor who should have says so: ten minutes, or the command's time and more. */
static void test_rollback_lost(void)
{
	ordered();
	given_up = 0;
	db_change("update rollbacks set created_at = clock_timestamp() - interval '9 minutes'",
	    NULL, NULL);
	CU_ASSERT(rollback_give_up(db_as(DB_WATCHDOG), 900, count_given_up, NULL) == RC_OK);
	CU_ASSERT(given_up == 0);
	db_change("update rollbacks set created_at = clock_timestamp() - interval '11 minutes'",
	    NULL, NULL);
	CU_ASSERT(rollback_give_up(db_as(DB_WATCHDOG), 900, count_given_up, NULL) == RC_OK);
	CU_ASSERT(given_up == 1);
	CHECK_SQL(the_news, "slack_alerts escalated ROLLBACK failed sha256:c");
	ordered();
	db_change("update rollbacks set created_at = clock_timestamp() - interval '1 hour',"
		  " started_at = clock_timestamp() - interval '16 minutes', runner = 'gone'",
	    NULL, NULL);
	CU_ASSERT(rollback_give_up(db_as(DB_WATCHDOG), 900, count_given_up, NULL) == RC_OK);
	CU_ASSERT(given_up == 2);
	CHECK_SQL(the_news, "slack_alerts escalated ROLLBACK failed sha256:c");
}

/* Whether the pilot is off for it is in each message, its last one too, until somebody flips it. */
static void test_pilot_off(void)
{
	static const char stopped[] =
	    "select string_agg(snapshot->>'stopped', ' ' order by id) from alert_deliveries";

	fresh();
	cfg.slack_alerts_webhook = webhook;
	cfg.auto_stop = true;
	not_ready("git:new", 0); /* to be rolled back by a person; the stop is done */
	CHECK_SQL(the_alerts, "ready_503 firing ROLLBACK advised");
	CHECK_SQL(stopped, "true");
	resolved(30);
	CHECK_SQL(stopped, "true true");
	CHECK_SQL("select pilot_off_by(a) from alerts a", "t");
	db_change(
	    "update pilot_switch set enabled = true, changed_at = clock_timestamp()", NULL, NULL);
	CHECK_SQL("select pilot_off_by(a) from alerts a", "f");
	/* Off for another reason. */
	db_change(
	    "update pilot_switch set enabled = false, changed_at = clock_timestamp()", NULL, NULL);
	not_ready("git:new", 900);
	CHECK_SQL(stopped, "true true false");
}

/* All or nothing, and only by the one that leads. */
static void test_not_leading(void)
{
	fresh();
	cfg.slack_alerts_webhook = webhook;
	incidents(22, 9, -100, 1000);
	db_change("update watch_leader set holder = 'other'", NULL, NULL);
	CU_ASSERT(evaluate(0) == RC_CONFLICT);
	CHECK_SQL("select count(*) from alerts", "0");
	db_change("update watch_leader set holder = 'test'", NULL, NULL);
	db_change(
	    "alter table alert_deliveries add constraint broken check (channel <> 'slack_alerts')",
	    NULL, NULL);
	CU_ASSERT(evaluate(0) == RC_INTERNAL);
	CHECK_SQL("select count(*) from alerts", "0");
	CHECK_SQL("select count(*) from decisions", "0");
	db_change("alter table alert_deliveries drop constraint broken", NULL, NULL);
	CU_ASSERT(evaluate(0) == RC_OK);
	CHECK_SQL(the_alerts, "s1_spike firing INVESTIGATE advised");
}

static void test_silence(void)
{
	fresh();
	cfg.slack_alerts_webhook = webhook;
	incidents(22, 9, -100, 1000);
	db_change("insert into alert_silences (rule, reason, operator, ends_at)"
		  " values ('s1_spike', 'known', 'ayse', $1::timestamptz)",
	    at(60).text, NULL);
	CU_ASSERT(evaluate(0) == RC_OK);
	CHECK_SQL(the_alerts, "s1_spike firing INVESTIGATE advised");
	CHECK_SQL(the_messages, "(null)");
	CU_ASSERT(evaluate(60) == RC_OK);
	CHECK_SQL(the_messages, "slack_alerts firing INVESTIGATE firing");
}

/* What is done is told, and by whom it was silenced is another question. */
static void test_silence_and_stop(void)
{
	fresh();
	cfg.slack_alerts_webhook = webhook;
	cfg.auto_stop = true;
	incidents(22, 9, -100, 1000);
	db_change("insert into alert_silences (rule, reason, operator, ends_at)"
		  " values ('s1_spike', 'known', 'ayse', $1::timestamptz)",
	    at(3600).text, NULL);
	CU_ASSERT(evaluate(0) == RC_OK && evaluate(901) == RC_OK && evaluate(931) == RC_OK);
	CHECK_SQL(the_alerts, "s1_spike firing STOP done");
	CHECK_SQL(the_messages, "slack_alerts firing STOP firing");
}

static void test_channels(void)
{
	char text[WATCH_CHANNELS_TEXT];

	cfg = (struct config){ .env = NULL };
	watch_channels_text(&cfg, text);
	CHECK_STR(text, "{}");
	cfg.slack_alerts_webhook = cfg.slack_product_webhook = cfg.pagerduty_routing_key = webhook;
	watch_channels_text(&cfg, text);
	CHECK_STR(text, "{slack_alerts,slack_product,pagerduty}");
}

static void test_explain(void)
{
	struct buf b;
	struct json_writer w = { .out = &b };

	fresh();
	incidents(22, 9, -100, 1000);
	buf_init(&b, 1 << 16);
	CU_ASSERT(watch_explain(db_as(DB_WATCHDOG), &cfg, at(0).text, &w, NULL) == RC_OK);
	CHECK_STR(
	    db_value("select concat_ws(' ', json_array_length($1::json), r->>'why',"
		     " r->'inputs'->>'s1', r->'holds', r->'would'->>'decide', r->'would'->>'tell')"
		     " from json_array_elements($1::json) r where r->>'rule' = 's1_spike'",
		buf_str(&b), NULL)
		.text,
	    "6 s1_spike: S1 9 of 22 incidents (0.4091 > 0.3) in 60 min 9 true INVESTIGATE firing");
	CHECK_SQL("select count(*) from alerts", "0");
	buf_free(&b);
}

/*
 * A day as the seed's 5.3 wants it, 50 invoices an hour: 14 % mismatch, a tenth of the incidents
 * S1, p95 under 3 s, coverage over a half, hardly an error.  Nothing is to be said about it.
 */
static void healthy_day(void)
{
	static const char day[] =
	    "with row as (select gen_random_uuid() as job, i, d.id as document,"
	    "   $2::timestamptz + i * interval '72 seconds' as at, i % 7 = 3 as bad from documents d,"
	    "   generate_series(0, 1199) i where d.tenant_id = $1),"
	    " job as (insert into jobs (tenant_id, id, document_id, state, trace_id, created_at, run_at,"
	    "  started_at, finished_at) select $1, job, document, 'SUCCEEDED', 't', at - interval '2 seconds',"
	    "  at, at, at from row),"
	    " inv as (insert into invoices (tenant_id, job_id, document_id, smoke, outcome, severity,"
	    "   ocr_suspect, score, grade, fingerprint, audit, quality, queue_ms, extraction_ms,"
	    "   pipeline_total_ms, created_at, incident_id)"
	    "  select $1, job, document, false, case when bad then 'mismatch' else 'exact' end,"
	    "   case when bad then case when i % 70 = 3 then 'S1' else 'S2' end end, false, 90, 'OK', 'f',"
	    "   '{}', '{}', 1, 1, 1000 + i * 7919 % 1900, at, case when bad then job end from row),"
	    " inc as (insert into incidents (tenant_id, job_id, category, severity, status, primary_flag,"
	    "   fingerprint, created_at, resolved_at, feedback_correct)"
	    "  select $1, job, 'TOTALS', 'S2', 'RESOLVED', 'INVOICE_TOTAL_MISMATCH', 'f', at,"
	    "   at + interval '20 minutes', case when i % 5 < 3 then true end from row where bad)"
	    " insert into front_door_minutes select '', date_trunc('minute', at), '/full-process',"
	    "  case when max(i) % 150 = 7 then 5 else 2 end, count(*), 0, array_fill(0, array[13])"
	    "  from row group by 2";

	db_change(day, tenant, at(0).text);
	db_change("insert into ready_samples (at, http_status, ready, build_id, latency_ms)"
		  " select $1::timestamptz + i * interval '10 seconds', 200, true, 'git:new', 4"
		  " from generate_series(0, 8640) i",
	    at(0).text, NULL);
}

static void test_healthy_day(void)
{
	fresh();
	healthy_day();
	for (int i = 1; i <= 2880; i++)
		CU_ASSERT_FATAL(evaluate(i * 30) == RC_OK);
	CHECK_SQL("select count(*) from alerts", "0");
	/* And it was looked at: the same day with a fault at noon of it. */
	incidents(30, 30, 12 * HOUR, 1000);
	CU_ASSERT(evaluate(12 * HOUR + 30) == RC_OK);
	CHECK_SQL(the_alerts, "s1_spike firing INVESTIGATE advised");
}

const struct unit_test unit_tests[] = {
	{ "investigate, then stop", test_stop },
	{ "a pilot that is off, or not the watchdog's to stop", test_stop_not_needed },
	{ "roll back, once for a build", test_rollback },
	{ "roll back, and not on and on", test_no_cascade },
	{ "what came long after a rollback", test_samples_forgotten },
	{ "a rollback that had nothing to leave", test_another_build_is_current },
	{ "roll back the right build", test_rollback_of_the_right_build },
	{ "how the rollback ended", test_rollback_s_end },
	{ "a rollback that nobody runs, or ends", test_rollback_lost },
	{ "the pilot is off for it", test_pilot_off },
	{ "only by the one that leads, and all or nothing", test_not_leading },
	{ "silenced", test_silence },
	{ "silenced, and the pilot stopped", test_silence_and_stop },
	{ "channels with an address", test_channels },
	{ "explained, and nothing done", test_explain },
	{ "24 healthy hours", test_healthy_day },
	{ NULL, NULL },
};
