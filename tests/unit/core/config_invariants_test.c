#include "core/config.h"

#include <string.h>

#include "unit/core/settings.h"
#include "unit/unit.h"

#define I1 "I1: SEVERE_RATIO must be at least MISMATCH_RATIO"
#define I2 "I2: SEVERE_ABSOLUTE must be at least MISMATCH_ABSOLUTE"
#define I3 "I3: ROUNDING_RATIO must be below MISMATCH_RATIO"
#define I4 "I4: ROUNDING_DELTA must be below MISMATCH_ABSOLUTE"
#define I5 "I5: every threshold must be above 0"
#define I6 "I6: LOW_CONFIDENCE and OCR_SUSPECT_CONFIDENCE must lie between 0 and 1"
#define I7                                                                                         \
	"I7: PILOT_MAX_INVOICES_PER_HOUR, PILOT_MAX_INCIDENTS_PER_HOUR and STUCK_MINUTES must be " \
	"positive whole numbers"
#define I8 "I8: ENV must be development, staging or production"
#define I9                                                                                         \
	"I9: in production API_KEY and ADMIN_API_KEY must both be set, differ, and have at least " \
	"32 characters"

/* At the bound, just under, just over; two settings at the most, so that no other rule breaks. */
static void test_thresholds(void)
{
	static const struct {
		unsigned line;
		struct setting set[3];
		const char *problem;
	} cases[] = {
		{ __LINE__, { { "SEVERE_RATIO", "0.05" } }, NULL },
		{ __LINE__, { { "SEVERE_RATIO", "0.0501" } }, NULL },
		{ __LINE__, { { "SEVERE_RATIO", "0.0499" } }, I1 },
		{ __LINE__, { { "SEVERE_ABSOLUTE", "50" } }, NULL },
		{ __LINE__, { { "SEVERE_ABSOLUTE", "50.0001" } }, NULL },
		{ __LINE__, { { "SEVERE_ABSOLUTE", "49.9999" } }, I2 },
		{ __LINE__, { { "ROUNDING_RATIO", "0.0499" } }, NULL },
		{ __LINE__, { { "ROUNDING_RATIO", "0.05" } }, I3 },
		{ __LINE__, { { "ROUNDING_RATIO", "0.0501" } }, I3 },
		{ __LINE__, { { "ROUNDING_DELTA", "49.9999" } }, NULL },
		{ __LINE__, { { "ROUNDING_DELTA", "50" } }, I4 },
		{ __LINE__, { { "ROUNDING_DELTA", "50.0001" } }, I4 },
		{ __LINE__, { { "ROUNDING_RATIO", "0.0001" } }, NULL },
		{ __LINE__, { { "ROUNDING_RATIO", "0" } }, I5 },
		{ __LINE__, { { "ROUNDING_RATIO", "-0.0001" } }, I5 },
		{ __LINE__, { { "ROUNDING_DELTA", "0.0001" } }, NULL },
		{ __LINE__, { { "ROUNDING_DELTA", "0" } }, I5 },
		{ __LINE__, { { "LINE_TOLERANCE", "0.0001" } }, NULL },
		{ __LINE__, { { "LINE_TOLERANCE", "0" } }, I5 },
		{ __LINE__, { { "LINE_TOLERANCE", "-0.02" } }, I5 },
		{ __LINE__, { { "LOW_CONFIDENCE", "0.0001" } }, NULL },
		{ __LINE__, { { "LOW_CONFIDENCE", "0.9999" } }, NULL },
		{ __LINE__, { { "LOW_CONFIDENCE", "0" } }, I5 "; " I6 },
		{ __LINE__, { { "LOW_CONFIDENCE", "1" } }, I6 },
		{ __LINE__, { { "LOW_CONFIDENCE", "1.0001" } }, I6 },
		{ __LINE__, { { "OCR_SUSPECT_CONFIDENCE", "0.0001" } }, NULL },
		{ __LINE__, { { "OCR_SUSPECT_CONFIDENCE", "0.9999" } }, NULL },
		{ __LINE__, { { "OCR_SUSPECT_CONFIDENCE", "1" } }, I6 },
		{ __LINE__, { { "MISMATCH_RATIO", "0" } }, I3 "; " I5 },
		{ __LINE__, { { "MISMATCH_ABSOLUTE", "0" } }, I4 "; " I5 },
		{ __LINE__, { { "SEVERE_RATIO", "0" } }, I1 "; " I5 },
		{ __LINE__, { { "SEVERE_ABSOLUTE", "0" } }, I2 "; " I5 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_settings(cases[i].set, cases[i].problem, cases[i].line);
}

#define URL(name) name " must be an https or http URL"

/* Of a secret the name is told, and nothing of the value. */
static void test_urls(void)
{
	static const struct {
		unsigned line;
		struct setting set[3];
		const char *problem;
	} cases[] = {
		{ __LINE__, { { "SLACK_ALERTS_WEBHOOK", "https://hooks.slack.com/services/a" } },
		    NULL },
		{ __LINE__, { { "SLACK_PRODUCT_WEBHOOK", "http://127.0.0.1:1/a" } }, NULL },
		{ __LINE__, { { "SLACK_ALERTS_WEBHOOK", "hooks.slack.com/services/a" } },
		    URL("SLACK_ALERTS_WEBHOOK") },
		{ __LINE__,
		    { { "SLACK_PRODUCT_WEBHOOK", "file:///etc/passwd" },
			{ "PUBLIC_URL", "/admin" } },
		    URL("PUBLIC_URL") "; " URL("SLACK_PRODUCT_WEBHOOK") },
		{ __LINE__, { { "PAGERDUTY_URL", "ftp://a/" }, { "RUNBOOK_URL", "javascript:a" } },
		    URL("PAGERDUTY_URL") "; " URL("RUNBOOK_URL") },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_settings(cases[i].set, cases[i].problem, cases[i].line);
}

#define PILOT_ID "PILOT_TENANT_ID must be a tenant id: [a-z0-9][a-z0-9_-]{0,62}"

static void test_limits_and_environment(void)
{
	static const struct {
		unsigned line;
		struct setting set[2];
		const char *problem;
	} cases[] = {
		{ __LINE__, { { "PILOT_MAX_INVOICES_PER_HOUR", "1" } }, NULL },
		{ __LINE__, { { "PILOT_MAX_INVOICES_PER_HOUR", "0" } }, I7 },
		{ __LINE__, { { "PILOT_MAX_INVOICES_PER_HOUR", "-1" } }, I7 },
		{ __LINE__, { { "PILOT_MAX_INCIDENTS_PER_HOUR", "1" } }, NULL },
		{ __LINE__, { { "PILOT_MAX_INCIDENTS_PER_HOUR", "0" } }, I7 },
		{ __LINE__, { { "PILOT_MAX_INVOICES_PER_HOUR", "2147483647" } }, NULL },
		{ __LINE__, { { "STUCK_MINUTES", "1" } }, NULL },
		{ __LINE__, { { "STUCK_MINUTES", "0" } }, I7 },
		{ __LINE__, { { "PILOT_TENANT_ID", "p-1_x" } }, NULL },
		{ __LINE__, { { "PILOT_TENANT_ID", "Pilot" } }, PILOT_ID },
		{ __LINE__, { { "PILOT_TENANT_ID", "-pilot" } }, PILOT_ID },
		{ __LINE__, { { "PILOT_TENANT_ID", "pilot one" } }, PILOT_ID },
		{ __LINE__, { { "RETRY_MAX_MS", "1000" } }, NULL },
		{ __LINE__, { { "RETRY_MAX_MS", "999" } },
		    "RETRY_MAX_MS must be at least RETRY_BASE_MS" },
		{ __LINE__, { { "ENV", "development" } }, NULL },
		{ __LINE__, { { "ENV", "staging" } }, NULL },
		{ __LINE__, { { "ENV", "Production" } }, I8 },
		{ __LINE__, { { "ENV", "prod" } }, I8 },
		{ __LINE__, { { "ENV", "staging " } }, I8 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_settings(cases[i].set, cases[i].problem, cases[i].line);
}

#define K31 "0123456789abcdef0123456789abcde"
#define K32 K31 "f"

static void test_keys(void)
{
	static const struct {
		unsigned line;
		const char *env, *api_key, *admin_key;
		const char *problem;
	} cases[] = {
		{ __LINE__, "production", K32, K31 "g", NULL },
		{ __LINE__, "production", K32, K32, I9 },
		{ __LINE__, "production", K31, K31 "g", I9 },
		{ __LINE__, "production", K32, K31, I9 },
		{ __LINE__, "production", NULL, K32, I9 },
		{ __LINE__, "production", K32, NULL, I9 },
		{ __LINE__, "production", NULL, NULL, I9 },
		{ __LINE__, "staging", "same", "same", NULL },
		{ __LINE__, "development", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct setting set[] = { { "ENV", cases[i].env },
			{ "API_KEY", cases[i].api_key }, { "ADMIN_API_KEY", cases[i].admin_key },
			{ 0 } };

		check_settings(set, cases[i].problem, cases[i].line);
	}
}

/* One start shows all that is wrong, and no secret. */
static void test_all_at_once(void)
{
	static const struct setting set[] = { { "ENV", "live" }, { "API_KEY", "secret\x01value" },
		{ "DB_POOL_SIZE", "many" }, { "PILOT_ENABLED", "perhaps" },
		{ "SYNC_WAIT_MS", "-1" }, { "STUCK_MINUTES", "0" }, { "SEVERE_RATIO", "0.01" },
		{ "SEVERE_ABSOLUTE", "1" }, { "ROUNDING_RATIO", "0.5" }, { "ROUNDING_DELTA", "99" },
		{ "LINE_TOLERANCE", "0" }, { "LOW_CONFIDENCE", "2" }, { 0 } };

	check_settings(set,
	    "API_KEY must be printable ASCII; DB_POOL_SIZE must be a whole number; "
	    "PILOT_ENABLED must be true or false; SYNC_WAIT_MS must be from 0 to 3600000; " I1
	    "; " I2 "; " I3 "; " I4 "; " I5 "; " I6 "; " I7 "; " I8,
	    __LINE__);
}

const struct unit_test unit_tests[] = {
	{ "I1 to I6, at the bound and beside it", test_thresholds },
	{ "I7 and I8", test_limits_and_environment },
	{ "I9", test_keys },
	{ "every problem in one text", test_all_at_once },
	{ "urls", test_urls },
	{ NULL, NULL },
};
