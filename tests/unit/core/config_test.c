#include "core/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "unit/core/settings.h"
#include "unit/unit.h"

/* One key with one value, and what becomes of it. */
static const struct {
	unsigned line;
	const char *key, *value;
	const char *problem; /* NULL: fine */
} values[] = {
	{ __LINE__, "DB_POOL_SIZE", "1", NULL },
	{ __LINE__, "DB_POOL_SIZE", "128", NULL },
	{ __LINE__, "DB_POOL_SIZE", "0008", NULL },
	{ __LINE__, "DB_POOL_SIZE", "0", "DB_POOL_SIZE must be from 1 to 128" },
	{ __LINE__, "DB_POOL_SIZE", "129", "DB_POOL_SIZE must be from 1 to 128" },
	{ __LINE__, "DB_POOL_SIZE", "-1", "DB_POOL_SIZE must be from 1 to 128" },
	{ __LINE__, "DB_POOL_SIZE", "4.0", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "4.", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "four", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "4x", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", " 4", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "4 ", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "+4", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "-", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "--4", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "0x4", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "1e1", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "9223372036854775808", "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "99999999999999999999999",
	    "DB_POOL_SIZE must be a whole number" },
	{ __LINE__, "DB_POOL_SIZE", "92233720368547", "DB_POOL_SIZE must be from 1 to 128" },
	{ __LINE__, "MISMATCH_RATIO", "0.0500", NULL },
	{ __LINE__, "MISMATCH_RATIO", "00.06", NULL },
	{ __LINE__, "SEVERE_RATIO", "1", NULL },
	{ __LINE__, "SEVERE_ABSOLUTE", "100000000", NULL },
	{ __LINE__, "SEVERE_ABSOLUTE", "100000000.0001",
	    "SEVERE_ABSOLUTE must be from -100000000 to 100000000" },
	{ __LINE__, "MISMATCH_RATIO", "0.05000",
	    "MISMATCH_RATIO must be a number with at most four decimals" },
	{ __LINE__, "MISMATCH_RATIO", ".06",
	    "MISMATCH_RATIO must be a number with at most four decimals" },
	{ __LINE__, "MISMATCH_RATIO", "1.",
	    "MISMATCH_RATIO must be a number with at most four decimals" },
	{ __LINE__, "MISMATCH_RATIO", "0,06",
	    "MISMATCH_RATIO must be a number with at most four decimals" },
	{ __LINE__, "MISMATCH_RATIO", "0.0.6",
	    "MISMATCH_RATIO must be a number with at most four decimals" },
	{ __LINE__, "MISMATCH_RATIO", "nan",
	    "MISMATCH_RATIO must be a number with at most four decimals" },
	{ __LINE__, "PILOT_ENABLED", "true", NULL },
	{ __LINE__, "PILOT_ENABLED", "FALSE", NULL },
	{ __LINE__, "PILOT_ENABLED", "1", NULL },
	{ __LINE__, "PILOT_ENABLED", "0", NULL },
	{ __LINE__, "PILOT_ENABLED", "yes", "PILOT_ENABLED must be true or false" },
	{ __LINE__, "PILOT_ENABLED", "truely", "PILOT_ENABLED must be true or false" },
	{ __LINE__, "PILOT_ENABLED", "01", "PILOT_ENABLED must be true or false" },
	{ __LINE__, "OPENAI_MODEL", "gpt-4.1 ~!", NULL },
	{ __LINE__, "OPENAI_MODEL", "a\nb", "OPENAI_MODEL must be printable ASCII" },
	{ __LINE__, "OPENAI_MODEL", "a\x7f", "OPENAI_MODEL must be printable ASCII" },
	{ __LINE__, "OPENAI_MODEL", "\xc3\xb6", "OPENAI_MODEL must be printable ASCII" },
	{ __LINE__, "DATABASE_URL", "a\tb", "DATABASE_URL must be printable ASCII" },
};

static void test_values(void)
{
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		const struct setting set[] = { { values[i].key, values[i].value }, { 0 } };

		check_settings(set, values[i].problem, values[i].line);
	}
}

/* Every number at its bounds and one beyond; every key unset, set and empty. */
static void test_every_key(void)
{
	size_t n;
	const struct config_key *k = config_keys(&n);

	for (size_t i = 0; i < n; i++) {
		char text[64], said[160];
		/* The two that are measured against each other, far apart. */
		bool base = strcmp(k[i].name, "RETRY_BASE_MS") == 0;
		struct setting set[] = { { k[i].name, text },
			{ base ? "RETRY_MAX_MS" : "RETRY_BASE_MS", base ? "86400000" : "1" },
			{ 0 } };

		CU_ASSERT(i == 0 || strcmp(k[i - 1].name, k[i].name) < 0);
		text[0] = '\0';
		check_settings(set, NULL, __LINE__);
		if (k[i].type != CONFIG_INT || k[i].min < 0)
			continue;
		(void)snprintf(text, sizeof text, "%lld", (long long)k[i].min);
		check_settings(set, NULL, __LINE__);
		(void)snprintf(text, sizeof text, "%lld", (long long)k[i].max);
		check_settings(set, NULL, __LINE__);
		(void)snprintf(said, sizeof said, "%s must be from %lld to %lld", k[i].name,
		    (long long)k[i].min, (long long)k[i].max);
		(void)snprintf(text, sizeof text, "%lld", (long long)k[i].max + 1);
		check_settings(set, said, __LINE__);
		(void)snprintf(text, sizeof text, "%lld", (long long)k[i].min - 1);
		check_settings(set, said, __LINE__);
	}
}

static void test_defaults(void)
{
	struct config c;
	const struct thresholds *t = &c.thresholds;

	load_settings(&c, (const struct setting[]){ { 0 } });
	CHECK_STR(c.env, "development");
	CHECK_STR(c.pilot_tenant_id, "pilot");
	CU_ASSERT(c.pilot_enabled && c.pilot_max_invoices_per_hour == 50);
	CU_ASSERT(c.pilot_max_incidents_per_hour == 20 && c.stuck_minutes == 10);
	CU_ASSERT(c.max_upload_bytes == 10485760);
	CU_ASSERT(c.api_key == NULL && c.admin_api_key == NULL && c.openai_api_key == NULL);
	CU_ASSERT(c.database_url == NULL);
	CU_ASSERT(t->mismatch_ratio == 500 && t->mismatch_absolute == 500000);
	CU_ASSERT(t->severe_ratio == 2000 && t->severe_absolute == 5000000);
	CU_ASSERT(t->rounding_ratio == 50 && t->rounding_delta == 100000);
	CU_ASSERT(t->low_confidence == 6000 && t->ocr_suspect_confidence == 7000);
	CU_ASSERT(t->line_tolerance == 200);
	config_free(&c);
}

/* Each value arrives in its own member. */
static void test_members(void)
{
	static const struct setting set[] = { { "ADMIN_API_KEY", "adm" }, { "API_KEY", "cli" },
		{ "DATABASE_URL", "db" }, { "DB_POOL_SIZE", "101" }, { "DB_TIMEOUT_MS", "102" },
		{ "ENV", "staging" }, { "FCGI_THREADS", "103" }, { "JOB_LEASE_SECONDS", "104" },
		{ "JOB_MAX_ATTEMPTS", "100" }, { "JOB_MAX_LOST_LEASES", "105" },
		{ "LINE_TOLERANCE", "0.0123" }, { "LOW_CONFIDENCE", "0.61" },
		{ "MAX_UPLOAD_BYTES", "106" }, { "MISMATCH_ABSOLUTE", "61" },
		{ "MISMATCH_RATIO", "0.06" }, { "OCR_SUSPECT_CONFIDENCE", "0.71" },
		{ "OPENAI_API_KEY", "oai" }, { "OPENAI_BASE_URL", "http://x" },
		{ "OPENAI_CONNECT_TIMEOUT_MS", "107" }, { "OPENAI_MAX_COMPLETION_TOKENS", "108" },
		{ "OPENAI_MAX_REPLY_BYTES", "1109" }, { "OPENAI_MODEL", "m" },
		{ "OPENAI_TIMEOUT_MS", "110" }, { "PILOT_ENABLED", "false" },
		{ "PILOT_MAX_INCIDENTS_PER_HOUR", "111" }, { "PILOT_MAX_INVOICES_PER_HOUR", "112" },
		{ "PILOT_TENANT_ID", "p2" }, { "QUEUE_DEPTH_ALARM", "113" },
		{ "QUOTA_PROBE_SECONDS", "114" }, { "RETRY_BASE_MS", "115" },
		{ "RETRY_MAX_MS", "116" }, { "ROUNDING_DELTA", "11" },
		{ "ROUNDING_RATIO", "0.006" }, { "SEVERE_ABSOLUTE", "600" },
		{ "SEVERE_RATIO", "0.3" }, { "STUCK_MINUTES", "117" }, { "SYNC_WAIT_MS", "118" },
		{ "WATCH_INTERVAL_SECONDS", "12" }, { "WORKER_ALIVE_SECONDS", "119" },
		{ "WORKER_CONCURRENCY", "120" }, { "WORKER_POLL_MS", "121" }, { 0 } };
	struct config c;
	const struct thresholds *t = &c.thresholds;

	load_settings(&c, set);
	CHECK_STR(c.admin_api_key, "adm");
	CHECK_STR(c.api_key, "cli");
	CHECK_STR(c.database_url, "db");
	CHECK_STR(c.env, "staging");
	CHECK_STR(c.openai_api_key, "oai");
	CHECK_STR(c.openai_base_url, "http://x");
	CHECK_STR(c.openai_model, "m");
	CHECK_STR(c.pilot_tenant_id, "p2");
	CU_ASSERT(c.db_pool_size == 101 && c.db_timeout_ms == 102 && c.fcgi_threads == 103);
	CU_ASSERT(c.job_lease_seconds == 104 && c.job_max_attempts == 100);
	CU_ASSERT(c.job_max_lost_leases == 105 && c.max_upload_bytes == 106);
	CU_ASSERT(c.openai_connect_timeout_ms == 107 && c.openai_max_completion_tokens == 108);
	CU_ASSERT(c.openai_max_reply_bytes == 1109 && c.openai_timeout_ms == 110);
	CU_ASSERT(!c.pilot_enabled && c.pilot_max_incidents_per_hour == 111);
	CU_ASSERT(c.pilot_max_invoices_per_hour == 112 && c.queue_depth_alarm == 113);
	CU_ASSERT(c.quota_probe_seconds == 114 && c.retry_base_ms == 115 && c.retry_max_ms == 116);
	CU_ASSERT(c.stuck_minutes == 117 && c.sync_wait_ms == 118);
	CU_ASSERT(c.worker_alive_seconds == 119 && c.worker_concurrency == 120);
	CU_ASSERT(c.worker_poll_ms == 121 && c.watch_interval_seconds == 12);
	CU_ASSERT(t->line_tolerance == 123 && t->low_confidence == 6100);
	CU_ASSERT(t->mismatch_absolute == 610000 && t->mismatch_ratio == 600);
	CU_ASSERT(t->ocr_suspect_confidence == 7100 && t->rounding_delta == 110000);
	CU_ASSERT(t->rounding_ratio == 60 && t->severe_absolute == 6000000);
	CU_ASSERT(t->severe_ratio == 3000);
	config_free(&c);
	CU_ASSERT(c.env == NULL && c.api_key == NULL);
	config_free(&c);
}

static void test_environment(void)
{
	struct buf problems;
	struct config c;

	buf_init(&problems, 4000);
	(void)setenv("DB_POOL_SIZE", "9", 1);
	CU_ASSERT(config_load(&c, NULL, NULL, &problems) == RC_OK);
	CU_ASSERT(c.db_pool_size == 9);
	config_free(&c);
	(void)unsetenv("DB_POOL_SIZE");
	buf_free(&problems);
}

/* More can be asked of what was read, whatever is wrong with the rest. */
static void test_read_in_part(void)
{
	static const struct setting set[] = { { "DB_POOL_SIZE", "none" }, { "ENV", "nowhere" },
		{ "AUTO_ROLLBACK", "true" }, { "SYNC_WAIT_MS", "7" }, { 0 } };
	struct buf problems;
	struct config c;

	buf_init(&problems, 4000);
	config_read(&c, setting_source, (void *)(uintptr_t)set, &problems);
	CU_ASSERT_STRING_EQUAL(buf_str(&problems),
	    "DB_POOL_SIZE must be a whole number; "
	    "I8: ENV must be development, staging or production");
	CU_ASSERT(c.auto_rollback && c.sync_wait_ms == 7 && c.db_pool_size == 8);
	config_free(&c);
	buf_free(&problems);
}

static void test_documented(void)
{
	FILE *f = fopen("docs/configuration.md", "re");
	static char text[1 << 18];
	size_t n;
	const struct config_key *k = config_keys(&n);

	if (f == NULL) {
		unit_skip("there is no docs/configuration.md below the current directory");
		return;
	}
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	(void)fclose(f);
	for (size_t i = 0; i < n; i++) {
		char name[80];

		(void)snprintf(name, sizeof name, "`%s`", k[i].name);
		CHECK_ROW(strstr(text, name) != NULL, __LINE__, name);
	}
}

const struct unit_test unit_tests[] = {
	{ "values, good and bad", test_values },
	{ "every key, at its bounds and beyond", test_every_key },
	{ "defaults", test_defaults },
	{ "each value in its member", test_members },
	{ "the environment", test_environment },
	{ "read in part", test_read_in_part },
	{ "docs/configuration.md lists every key", test_documented },
	{ NULL, NULL },
};
