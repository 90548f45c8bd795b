#include "store/watch.h"

#include "ops/rules.h"
#include "unit/store/watching.h"

static char fixed[] = "fixed";

static struct watch_sight see(const char *rule, double seconds)
{
	struct watch_sight sights[WATCH_RULES];
	struct time_text now = at(seconds);
	struct watch_question q = { .now = now.text,
		.pilot_tenant = tenant,
		.first_day = strcmp(cfg.latency_baseline, "first_day") == 0,
		.baseline_ms = cfg.latency_baseline_ms };
	size_t n = 0;
	int64_t us = 0;
	struct err e = { 0 };

	if (watch_look(db_as(DB_WATCHDOG), &q, sights, &n, &us, &e) != RC_OK)
		CU_FAIL_FATAL("watch_look");
	CU_ASSERT(us == (int64_t)(seconds * 1e6) + (int64_t)NOON * 1000000);
	for (size_t i = 0; i < n; i++)
		if (strcmp(sights[i].rule, rule) == 0)
			return sights[i];
	CU_FAIL_FATAL("no such rule");
	return sights[0];
}

static bool holds(const char *rule, double seconds)
{
	struct watch_sight s = see(rule, seconds);
	struct rule_measure m = { .n = s.n, .part = s.part, .whole = s.whole, .ours = s.ours };

	return rule_judge(rule_named(rule), &m).due;
}

static void test_ready(void)
{
	struct watch_sight s;

	fresh();
	CU_ASSERT(see("ready_503", 0).n == 0);
	sample(0, "");
	CU_ASSERT(see("ready_503", 59.9).n == 1 && see("ready_503", 59.9).whole == 0);
	CU_ASSERT(see("ready_503", 60).n == 0); /* nobody has looked since */
	samples(10, 310, "database,queue");
	s = see("ready_503", 315);
	CU_ASSERT(s.n == 31 && s.part == 300 * RULES_SECOND && s.ours == s.part);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"failing_checks\" : [\"database\",\"queue\"]"));
	CHECK_STR(s.from, "2026-03-01T12:00:10.000Z");
	CHECK_STR(s.until, "2026-03-01T12:05:10.000Z");
	CU_ASSERT(!holds("ready_503", 319)); /* five minutes, and not more */
	sample(310.1, "-");
	CU_ASSERT(holds("ready_503", 319));
	CU_ASSERT(!holds("ready_503", 310)); /* as it looked then */
	sample(330, "");
	CU_ASSERT(see("ready_503", 331).whole == 0);
}

static void test_ready_gap(void)
{
	fresh();
	samples(0, 200, "queue");
	samples(260, 320, "queue"); /* a minute is no gap */
	CU_ASSERT(holds("ready_503", 321));
	fresh();
	samples(0, 200, "queue");
	samples(261, 321, "queue");
	CU_ASSERT(see("ready_503", 322).part == 60 * RULES_SECOND);
}

static void test_ready_provider(void)
{
	struct watch_sight s;

	fresh();
	samples(0, 400, "openai_api");
	s = see("ready_503", 401);
	CU_ASSERT(s.part == 400 * RULES_SECOND && s.ours == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"provider_alone\" : true"));
	samples(410, 450, "openai_api,queue");
	s = see("ready_503", 451);
	CU_ASSERT(s.part == 450 * RULES_SECOND && s.ours == 40 * RULES_SECOND);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"provider_alone\" : false"));
}

/* The time that counts for a rollback is that of the build that runs: another's is not its fault.
 */
static void test_ready_build(void)
{
	struct watch_sight s;

	fresh();
	build = "git:bad";
	samples(0, 290, "queue");
	build = "";
	sample(300, "-"); /* restarting */
	build = "git:fix";
	samples(310, 340, "queue");
	s = see("ready_503", 341);
	CU_ASSERT(s.part == 340 * RULES_SECOND && s.ours == 30 * RULES_SECOND);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"build_since\" : \"2026-03-01T12:05:10.000Z\""));
	build = "";
	samples(
	    350, 620, "-"); /* it answers no more: as long as nothing else does it is that one */
	CU_ASSERT(see("ready_503", 621).ours == 310 * RULES_SECOND);
	/* Back again: anew. */
	build = "git:bad";
	sample(630, "queue");
	CU_ASSERT(see("ready_503", 631).part == 630 * RULES_SECOND);
	CU_ASSERT(see("ready_503", 631).ours == 0);
	/* An hour later nobody needs to know. */
	samples(640, 4240, "queue");
	s = see("ready_503", 4241);
	CU_ASSERT(s.ours == s.part);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"build_since\" : null"));
}

/* n jobs accepted from `from` on, a minute apart; done a second later, or waiting still. */
static void jobs(int n, double from, bool done)
{
	char spec[128];

	(void)snprintf(spec, sizeof spec, "{\"n\":%d,\"at\":\"%s\",\"done\":%s}", n, at(from).text,
	    done ? "true" : "false");
	db_change(
	    "with spec as (select x.*, d.id as document from json_to_record($2::json)"
	    "  x (n integer, at timestamptz, done boolean), documents d where d.tenant_id = $1),"
	    " job as (insert into jobs (tenant_id, document_id, state, trace_id, created_at, run_at,"
	    "   started_at, finished_at)"
	    "  select $1, document, case when done then 'SUCCEEDED' else 'QUEUED' end, 't',"
	    "   at + i * interval '1 minute', at + i * interval '1 minute',"
	    "   case when done then at + i * interval '1 minute' end,"
	    "   case when done then at + i * interval '1 minute' + interval '1 second' end"
	    "  from spec, generate_series(0, n - 1) i returning *)"
	    " insert into invoices (tenant_id, job_id, document_id, smoke, outcome, ocr_suspect, score,"
	    "   grade, fingerprint, audit, quality, queue_ms, extraction_ms, pipeline_total_ms, created_at)"
	    " select tenant_id, id, document_id, false, 'exact', false, 100, 'OK', 'f', '{}', '{}', 1, 1,"
	    "   1000, finished_at from job where finished_at is not null",
	    tenant, spec);
}

static void test_queue(void)
{
	struct watch_sight s;

	fresh();
	jobs(3, -300, true);
	CU_ASSERT(see("queue_stuck", 0).whole == 0 && see("queue_stuck", 0).n == 0);
	CU_ASSERT(see("queue_stuck", -300 + 60.5).n == 1); /* the second was not done then */
	jobs(5, 10, false);
	CU_ASSERT(see("queue_stuck", 70).whole == 0); /* a minute is no sign */
	CU_ASSERT(see("queue_stuck", 69).n == 1 && see("queue_stuck", 70).n == 2);
	s = see("queue_stuck", 70.5);
	CU_ASSERT(s.whole > 0 && s.n == 2 && s.part == 60500000 && s.ours == s.part);
	CU_ASSERT(!holds("queue_stuck", 910));
	CU_ASSERT(holds("queue_stuck", 910.1));
	s = see("queue_stuck", 910.1);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"depth\" : 5, \"depth_before\" : 0"));
	/* One is done: it moves, and the depth counts from there. */
	jobs(1, 600, true);
	CU_ASSERT(!holds("queue_stuck", 1500) && see("queue_stuck", 1500).whole == 0);
	jobs(1, 1000, false);
	CU_ASSERT(!holds("queue_stuck", 1900));
	s = see("queue_stuck", 1900.1);
	CU_ASSERT(s.part == 900100000);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"depth\" : 6, \"depth_before\" : 5"));
	db_change(
	    "update jobs set state = 'CANCELLED', finished_at = created_at where state = 'QUEUED'"
	    " and tenant_id = $1",
	    tenant, NULL);
	CU_ASSERT(see("queue_stuck", 2000).whole == 0);
}

/* One job that takes for ever is no depth that rises; it is once another waits beside it. */
static void test_queue_of_one(void)
{
	fresh();
	jobs(1, 0, false);
	CU_ASSERT(see("queue_stuck", 7200).n == 1 && see("queue_stuck", 7200).whole == 0);
	jobs(1, 7300, false);
	CU_ASSERT(see("queue_stuck", 7301).part == 7301 * RULES_SECOND);
	CU_ASSERT(holds("queue_stuck", 7301));
	db_change("delete from jobs where tenant_id = $1", tenant, NULL);
}

static void test_queue_refused(void)
{
	fresh();
	jobs(5, 0, false);
	db_change(
	    "update provider_state set state = 'rate_limited', blocked_until = $1::timestamptz",
	    at(890).text, NULL);
	CU_ASSERT(see("queue_stuck", 880).part == 880 * RULES_SECOND);
	CU_ASSERT(see("queue_stuck", 880).ours == 0);
	/* Nobody has asked it since: from there on the provider is not the reason. */
	CU_ASSERT(see("queue_stuck", 1200).ours == 310 * RULES_SECOND);
	db_change("delete from jobs where tenant_id = $1", tenant, NULL);
}

/* The first job is running until `until`, where its lease ends, or queued until then. */
static void try(const char *state, const char *error_code, double until)
{
	char spec[160];

	(void)snprintf(spec, sizeof spec, "{\"state\":\"%s\",\"code\":\"%s\",\"until\":\"%s\"}",
	    state, error_code, at(until).text);
	db_change(
	    "update jobs set state = s.state, error_code = nullif(s.code, ''),"
	    " run_at = case s.state when 'QUEUED' then s.until else created_at end,"
	    " lease_until = case s.state when 'RUNNING' then s.until end,"
	    " lease_token = case s.state when 'RUNNING' then gen_random_uuid() end, started_at = created_at"
	    " from json_to_record($2::json) s (state text, code text, until timestamptz)"
	    " where tenant_id = $1 and created_at = (select min(created_at) from jobs where tenant_id = $1)",
	    tenant, spec);
}

/*
 * A provider that hangs: each call takes two minutes, so that the job is hardly ever queued.  Only
 * who keeps neither the job's lease nor its turn is to blame.
 */
static void test_queue_hangs(void)
{
	struct watch_sight s;

	fresh();
	jobs(2, 0, false);
	try("RUNNING", "", 1000); /* the first call: nothing is known yet */
	CU_ASSERT(see("queue_stuck", 910).ours == 910 * RULES_SECOND);
	try("RUNNING", "provider_timeout", 1000);
	s = see("queue_stuck", 910);
	CU_ASSERT(s.part == 910 * RULES_SECOND && s.ours == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"provider_alone\" : true"));
	CU_ASSERT(see("queue_stuck", 1300).ours == 300 * RULES_SECOND); /* its worker is gone */
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(see("queue_stuck", 1300).details, "\"provider_alone\" : false"));
	/* 503 with Retry-After: 3600 */
	try("QUEUED", "provider_http_503", 4500);
	CU_ASSERT(see("queue_stuck", 4499).ours == 0);
	/* It is due, and the next look may find it so: that is no fault at once. */
	CU_ASSERT(see("queue_stuck", 4510).ours == 10 * RULES_SECOND);
	CU_ASSERT(holds("queue_stuck", 4510));
	/* Of the document's own failures none is the provider's. */
	try("QUEUED", "invalid_reply", 4500);
	CU_ASSERT(see("queue_stuck", 4499).ours == 4499 * RULES_SECOND);
	db_change("delete from jobs where tenant_id = $1", tenant, NULL);
}

static void test_queue_build(void)
{
	fresh();
	jobs(2, 0, false);
	build = "git:bad";
	samples(0, 800, "");
	build = "git:fix";
	samples(810, 910, "");
	CU_ASSERT(see("queue_stuck", 910).part == 910 * RULES_SECOND);
	CU_ASSERT(see("queue_stuck", 910).ours == 100 * RULES_SECOND);
	db_change("delete from jobs where tenant_id = $1", tenant, NULL);
}

static void test_errors(void)
{
	struct watch_sight s;

	fresh();
	CU_ASSERT(see("error_5xx", 0).n == 0);
	requests(-60, 1, "/full-process", 5);
	requests(-60, 18, "/full-process", 2);
	requests(-60, 900, "/health/ready", 5); /* probes */
	CU_ASSERT(see("error_5xx", 0).n == 19 && !holds("error_5xx", 0));
	requests(-120, 1, "/metrics", 2);
	CU_ASSERT(see("error_5xx", 0).n == 20 && !holds("error_5xx", 0)); /* 5 % to the hair */
	requests(-120, 1, "/full-process", 5);
	CU_ASSERT(holds("error_5xx", 0));
	CU_ASSERT(!holds("error_5xx", -61)); /* not yet, then */
	s = see("error_5xx", -120 + 600);
	CHECK_STR(s.from, "2026-03-01T11:58:00.000Z");
	CU_ASSERT(s.n == 21 && s.part == 2);
	/* With too few in ten minutes it looks further back, minute by minute. */
	s = see("error_5xx", -60 + 601);
	CU_ASSERT(s.n == 21 && s.part == 2);
	CHECK_STR(s.from, "2026-03-01T11:58:00.000Z");
	requests(3000, 20, "/jobs/{id}", 2);
	s = see("error_5xx", 3001);
	CU_ASSERT(s.n == 20 && s.part == 0);
	/* An hour at the most. */
	fresh();
	requests(0, 20, "/full-process", 5);
	CU_ASSERT(holds("error_5xx", 3600));
	CU_ASSERT(see("error_5xx", 3601).n == 0);
}

/* What the build before answered counts against the condition, and not against this build. */
static void test_errors_build(void)
{
	fresh();
	build = "git:bad";
	samples(-600, -110, "");
	build = "git:fix";
	samples(-100, 0, "");
	requests(-300, 30, "/full-process", 5);
	requests(-120, 5, "/full-process", 5); /* the minute of the change is nobody's */
	requests(-60, 65, "/full-process", 2);
	CU_ASSERT(see("error_5xx", 0).part == 35 && see("error_5xx", 0).ours == 0);
	requests(-60, 5, "/full-process", 5);
	CU_ASSERT(see("error_5xx", 0).part == 40 && see("error_5xx", 0).ours == 5);
}

/* The table of lib/ops/rules.c is what the statements look at. */
static void test_windows(void)
{
	size_t n;
	const struct rule *all = rules(&n);

	fresh();
	for (size_t i = 0; i < n; i++) {
		struct watch_sight s = see(all[i].name, 0);

		if (all[i].kind == RULE_LASTS)
			continue; /* hold_s is compared in C */
		if (strcmp(all[i].name, "error_5xx") == 0) {
			CU_ASSERT(s.since == (int64_t)(NOON - 3600) * RULES_SECOND);
			requests(0, (int)all[i].min_samples - 1, "/full-process", 2);
			CU_ASSERT(
			    see(all[i].name, 0).since == s.since); /* with fewer it looks back */
			requests(0, 1, "/jobs/{id}", 2);
			s = see(all[i].name, 0);
		}
		CHECK_ROW(s.since == (int64_t)(NOON - all[i].window_s) * RULES_SECOND, __LINE__,
		    all[i].name);
	}
}

static void test_s1(void)
{
	fresh();
	incidents(19, 19, -100, 1000);
	CU_ASSERT(see("s1_spike", 0).n == 19 && !holds("s1_spike", 0));
	fresh();
	incidents(20, 6, -100, 1000);
	CU_ASSERT(see("s1_spike", 0).n == 20 && !holds("s1_spike", 0));
	fresh();
	incidents(22, 9, -100, 1000);
	CU_ASSERT(holds("s1_spike", 0));
	CU_ASSERT(!holds("s1_spike", -82)); /* the first 18 only */
	CU_ASSERT(see("s1_spike", 3500).n == 22);
	CU_ASSERT(see("s1_spike", 3500.5).n == 21);
	CU_ASSERT(!holds("s1_spike", 3503));
}

static void test_latency(void)
{
	struct watch_sight s;

	fresh();
	incidents(20, 0, -100, 6000);
	CU_ASSERT(!holds("latency_spike", 0)); /* twice to the hair */
	incidents(1, 0, -100, 9000);
	CU_ASSERT(!holds("latency_spike", 0)); /* 95 of 100 are within 6 s */
	incidents(1, 0, -100, 9000);
	s = see("latency_spike", 0);
	CU_ASSERT(s.n == 22 && s.part == 9000 && s.whole == 3000);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"baseline\" : \"default\""));
	CU_ASSERT(see("latency_spike", 1700).n == 22 && see("latency_spike", 1782).n == 0);
	cfg.latency_baseline = fixed;
	CU_ASSERT_PTR_NOT_NULL(strstr(see("latency_spike", 0).details, "\"fixed\""));
}

static void keep_baseline(double seconds)
{
	struct watch_sight sights[WATCH_RULES];
	struct time_text now = at(seconds);
	struct watch_question q = {
		.now = now.text, .pilot_tenant = tenant, .baseline_ms = 3000, .keep_baseline = true
	};
	size_t n;
	int64_t us;

	CU_ASSERT(watch_look(db_as(DB_WATCHDOG), &q, sights, &n, &us, NULL) == RC_OK);
}

/* The mean of the first day's hours, each with its own p95; once it is over, and only once. */
static void test_baseline(void)
{
	struct watch_sight s;

	fresh();
	incidents(10, 0, 0, 1000);
	incidents(10, 0, 2 * HOUR, 2000);
	incidents(90, 0, 24 * HOUR, 9000); /* the second day */
	keep_baseline(24 * HOUR - 0.001);
	CU_ASSERT(see("latency_spike", 24 * HOUR).whole == 3000);
	keep_baseline(24 * HOUR + 60);
	s = see("latency_spike", 24 * HOUR + 120);
	CU_ASSERT(s.whole == 1500 && s.part == 9000);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.details, "\"baseline\" : \"first_day\""));
	CHECK_STR(db_value("select hours || ' ' || n from latency_baselines where tenant_id = $1",
		      tenant, NULL)
		      .text,
	    "2 20");
	db_change("delete from invoices where tenant_id = $1", tenant, NULL);
	keep_baseline(24 * HOUR + 60);
	CU_ASSERT(see("latency_spike", 24 * HOUR + 120).whole == 1500);
	/* too few to be one */
	fresh();
	incidents(19, 0, 0, 1000);
	keep_baseline(24 * HOUR + 60);
	CU_ASSERT(see("latency_spike", 24 * HOUR + 120).whole == 3000);
}

static void resolved(int n, int answered, double when)
{
	char spec[160];

	(void)snprintf(
	    spec, sizeof spec, "{\"n\":%d,\"f\":%d,\"at\":\"%s\"}", n, answered, at(when).text);
	db_change(
	    "with spec as (select x.*, d.id as document from json_to_record($2::json)"
	    "  x (n integer, f integer, at timestamptz), documents d where d.tenant_id = $1),"
	    " row as (select gen_random_uuid() as job, i, at, f, document from spec,"
	    "  generate_series(0, n - 1) i),"
	    " job as (insert into jobs (tenant_id, id, document_id, state, trace_id, created_at,"
	    "  finished_at) select $1, job, document, 'SUCCEEDED', 't', at, at from row)"
	    " insert into incidents (tenant_id, job_id, category, severity, status, primary_flag,"
	    "  fingerprint, created_at, resolved_at, feedback_correct)"
	    " select $1, job, 'TOTALS', 'S2', 'RESOLVED', 'INVOICE_TOTAL_MISMATCH', 'f', at, at,"
	    "  case when i < f then true end from row",
	    tenant, spec);
}

static void test_feedback(void)
{
	fresh();
	resolved(19, 0, 0);
	CU_ASSERT(see("feedback_drop", 60).n == 19 && !holds("feedback_drop", 60));
	resolved(1, 1, 0);
	CU_ASSERT(see("feedback_drop", 60).n == 20 && holds("feedback_drop", 60)); /* 5 % */
	CU_ASSERT(holds("feedback_drop", 7 * 86400));
	CU_ASSERT(see("feedback_drop", 7 * 86400 + 1).n == 0);
	resolved(1, 1, 1);
	CU_ASSERT(holds("feedback_drop", 60)); /* 2 of 21 */
	fresh();
	resolved(20, 2, 0);
	CU_ASSERT(!holds("feedback_drop", 60)); /* 10 % to the hair */
}

static bool lead(const char *holder)
{
	const struct watch_candidate c = {
		.holder = holder, .channels = "{slack_alerts,pagerduty}", .auto_stop = true
	};
	char now[WATCH_TIME];
	bool leads = false;

	CU_ASSERT(watch_lead(db_as(DB_WATCHDOG), &c, &leads, now, NULL) == RC_OK);
	return leads;
}

static void test_lead(void)
{
	fresh();
	db_change("update watch_leader set seen_at = '-infinity'", NULL, NULL);
	CU_ASSERT(lead("a") && lead("a") && !lead("b"));
	CHECK_SQL(
	    "select concat_ws(' ', holder, channels, auto_stop, auto_rollback) from watch_leader",
	    "a {slack_alerts,pagerduty} t f");
	db_change("update watch_leader set seen_at = clock_timestamp() - interval '19 seconds'",
	    NULL, NULL);
	CU_ASSERT(!lead("b"));
	db_change("update watch_leader set seen_at = clock_timestamp() - interval '21 seconds'",
	    NULL, NULL);
	CU_ASSERT(lead("b") && !lead("a"));
	/* the clock was set back */
	db_change(
	    "update watch_leader set seen_at = clock_timestamp() + interval '1 hour'", NULL, NULL);
	CU_ASSERT(lead("a"));
	CU_ASSERT(watch_resign(db_as(DB_WATCHDOG), "b", NULL) == RC_OK && !lead("b"));
	CU_ASSERT(watch_resign(db_as(DB_WATCHDOG), "a", NULL) == RC_OK && lead("b"));
}

static void test_samples(void)
{
	bool more = true;

	fresh();
	CU_ASSERT(
	    watch_sample(db_as(DB_WATCHDOG),
		"[{\"age_ms\":90000,\"http_status\":503,\"ready\":false,"
		"\"failing_checks\":[\"queue\",\"database\"],\"build_id\":null,\"latency_ms\":12},"
		"{\"age_ms\":0,\"http_status\":200,\"ready\":true,\"failing_checks\":[],"
		"\"build_id\":\"git:abc\",\"latency_ms\":3}]",
		NULL) == RC_OK);
	CHECK_SQL(
	    "select string_agg(concat_ws(' ', http_status, ready, failing_checks, build_id, latency_ms,"
	    " round(extract(epoch from clock_timestamp() - at) / 10)), ', ' order by at) from ready_samples",
	    "503 f {queue,database} 12 9, 200 t {} git:abc 3 0");
	sample(-100 * 86400, "");
	CU_ASSERT(watch_forget_samples(db_as(DB_WATCHDOG), &more, NULL) == RC_OK && !more);
	CHECK_SQL("select count(*) from ready_samples", "2");
}

const struct unit_test unit_tests[] = {
	{ "ready: how long on end", test_ready },
	{ "ready: a gap in the samples", test_ready_gap },
	{ "ready: the provider alone", test_ready_provider },
	{ "ready: of the build that runs", test_ready_build },
	{ "queue: since what came first and was not finished", test_queue },
	{ "queue: of one", test_queue_of_one },
	{ "queue: the provider refuses", test_queue_refused },
	{ "queue: the provider hangs", test_queue_hangs },
	{ "queue: of the build that runs", test_queue_build },
	{ "errors: of ten minutes, or twenty requests", test_errors },
	{ "errors: of the build that runs", test_errors_build },
	{ "windows are those of the table", test_windows },
	{ "S1 of the hour's incidents", test_s1 },
	{ "latency in baselines", test_latency },
	{ "the first day's baseline", test_baseline },
	{ "feedback of seven days", test_feedback },
	{ "of several one leads", test_lead },
	{ "samples of readiness", test_samples },
	{ NULL, NULL },
};
