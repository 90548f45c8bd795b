/* Rows for tests of the rules, as they would stand after a past of the test's own choice. */
#ifndef MIZAN_TESTS_STORE_WATCHING_H
#define MIZAN_TESTS_STORE_WATCHING_H

#include <string.h>
#include <time.h>

#include "core/config.h"
#include "store/watch.h"
#include "unit/database.h"

/*
 * All times are about noon of a day long past, which no other test's rows reach: the rules look at
 * nothing after the time that they are given.
 */
#define NOON        1772366400 /* 2026-03-01T12:00:00Z */
#define DB_WATCHDOG "DATABASE_WATCHDOG_URL"
#define HOUR        3600

#define CHECK_SQL(sql, want) CHECK_STR(db_value((sql), NULL, NULL).text, (want))

static char tenant[DB_TENANT], first_day[] = "first_day";
static struct config cfg;
static const char *build; /* that the samples name; "": none */

struct time_text {
	char text[32];
};

/* `seconds` after noon. */
static inline struct time_text at(double seconds)
{
	struct time_text t;
	int64_t us = (int64_t)(seconds * 1e6) + (int64_t)NOON * 1000000;
	time_t whole = (time_t)(us / 1000000);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&whole, &tm);
	n = strftime(t.text, sizeof t.text, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(t.text + n, sizeof t.text - n, ".%06dZ", (int)(us % 1000000));
	return t;
}

static inline void fresh(void)
{
	static const char *const empty[] = {
		"delete from jobs where created_at < timestamptz '2026-06-01Z'",
		"delete from alerts", "delete from rollbacks", "delete from ready_samples",
		"delete from alert_silences", "delete from front_door_minutes",
		"delete from latency_baselines",
		"update watch_leader set holder = 'test', seen_at = clock_timestamp()",
		"update pilot_switch set enabled = true, reason = ''",
		"update provider_state set state = 'ok', blocked_until = null"
	};

	for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
		db_change(empty[i], NULL, NULL);
	/* What was there of the pilot before is no longer the pilot's. */
	db_tenant(tenant);
	build = "git:new";
	cfg = (struct config){ .pilot_tenant_id = tenant,
		.latency_baseline = first_day,
		.latency_baseline_ms = 3000,
		.alert_repeat_minutes = 60 };
	db_change(
	    "insert into documents (tenant_id, sha256, media_type, bytes, filename, content)"
	    " values ($1::text, sha256(convert_to($1::text, 'UTF8')), 'application/pdf', 1, 'a.pdf', 'x')",
	    tenant, NULL);
}

static inline void sample(double seconds, const char *failing)
{
	db_change(
	    "insert into ready_samples (at, http_status, ready, failing_checks, build_id, latency_ms)"
	    " values ($1::timestamptz, case when $2 = '' then 200 else 503 end, $2 = '',"
	    " case when $2 in ('', '-') then '{}' else string_to_array($2, ',') end, null, 5)",
	    at(seconds).text, failing);
	db_change("update ready_samples set build_id = nullif($2, '') where at = $1::timestamptz",
	    at(seconds).text, build);
}

static inline void samples(double from, double to, const char *failing)
{
	for (; from <= to; from += 10)
		sample(from, failing);
}

static inline void requests(double minute, int n, const char *route, int status_class)
{
	char spec[160];

	(void)snprintf(
	    spec, sizeof spec, "{\"r\":\"%s\",\"n\":%d,\"c\":%d}", route, n, status_class);
	db_change(
	    "insert into front_door_minutes select '', $1::timestamptz, r, c, n, 0,"
	    " array_fill(0, array[13]) from json_to_record($2::json) x (r text, n bigint, c smallint)",
	    at(minute).text, spec);
}

/* n invoices, a second apart, the first `s1` of them S1, all with an incident. */
static inline void incidents(int n, int s1, double from, int64_t ms)
{
	char spec[160];

	(void)snprintf(spec, sizeof spec, "{\"n\":%d,\"s1\":%d,\"at\":\"%s\",\"ms\":%lld}", n, s1,
	    at(from).text, (long long)ms);
	db_change(
	    "with spec as (select x.*, d.id as document from json_to_record($2::json)"
	    "  x (n integer, s1 integer, at timestamptz, ms bigint), documents d where d.tenant_id = $1),"
	    " row as (select gen_random_uuid() as job, i, at + i * interval '1 second' as at, s1, ms, document"
	    "  from spec, generate_series(0, n - 1) i),"
	    " job as (insert into jobs (tenant_id, id, document_id, state, trace_id, created_at,"
	    "  started_at, finished_at) select $1, job, document, 'SUCCEEDED', 't', at, at, at from row)"
	    " insert into invoices (tenant_id, job_id, document_id, smoke, outcome, severity, ocr_suspect,"
	    "   score, grade, fingerprint, audit, quality, queue_ms, extraction_ms, pipeline_total_ms,"
	    "   created_at, incident_id)"
	    " select $1, job, document, false, 'mismatch', case when i < s1 then 'S1' else 'S2' end, false,"
	    "   50, 'CHECK', 'f', '{}', '{}', 1, 1, ms, at, gen_random_uuid() from row",
	    tenant, spec);
}

#endif
