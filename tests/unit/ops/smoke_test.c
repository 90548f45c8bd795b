#include "ops/smoke.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/media_type.h"
#include "ops/smoke_invoice.h"
#include "unit/unit.h"

static const char *const marks[] = {
	[SMOKE_OK] = "+", [SMOKE_FAILED] = "!", [SMOKE_NOT_REACHED] = "."
};

#define UNTIL "2026-01-17T15:00:00.000Z"
#define DONE                                                                                       \
	.state = "SUCCEEDED", .claimed = true, .queue_ms = 2, .running_ms = 30,                    \
	.extraction_ms = 20, .audit_ms = 3, .store_ms = 5, .outcome = "exact", .stated = "120.00"
#define UNDONE(s, c)                                                                               \
	.state = (s), .claimed = (c), .queue_ms = 2, .running_ms = (c) ? 30 : -1,                  \
	.extraction_ms = -1, .audit_ms = -1, .store_ms = -1
#define REFUSES .provider_state = "rate_limited", .provider_until = UNTIL

static void test_judge(void)
{
	static const struct {
		unsigned line;
		struct smoke_look look;
		const char *want; /* a mark for each stage */
		const char *detail;
		int64_t ms; /* of the stage that failed, or of extract */
	} cases[] = {
		{ __LINE__, { DONE }, "+++++", NULL, 20 },
		{ __LINE__, { UNDONE("CANCELLED", false) }, "+!...", "no worker is alive", 2 },
		{ __LINE__, { UNDONE("CANCELLED", false), REFUSES }, "+!...", "no worker is alive",
		    2 },
		{ __LINE__, { UNDONE("CANCELLED", false), .workers = 1, REFUSES }, "+!...",
		    "the provider is rate_limited until " UNTIL, 2 },
		{ __LINE__, { UNDONE("CANCELLED", false), .workers = 2 }, "+!...",
		    "no worker took the job; 2 alive, busy with other jobs", 2 },
		{ __LINE__,
		    { UNDONE("CANCELLED", true), .workers = 1, .error_code = "smoke_timeout" },
		    "++!..", "the provider had not answered after 30 ms", 30 },
		{ __LINE__,
		    { UNDONE("CANCELLED", true), .workers = 1, .error_code = "server_error",
			.error_detail = "HTTP 500" },
		    "++!..", "server_error: HTTP 500", 30 },
		{ __LINE__,
		    { UNDONE("CANCELLED", true), .workers = 1, .error_code = "slow_down",
			.error_detail = "HTTP 429", REFUSES },
		    "++!..", "slow_down: HTTP 429; the provider is rate_limited until " UNTIL, 30 },
		{ __LINE__,
		    { .state = "FAILED",
			.claimed = true,
			.extraction_ms = 7,
			.outcome = "failed",
			.error_code = "refusal",
			.error_detail = "no" },
		    "++!..", "refusal: no", 7 },
		{ __LINE__,
		    { UNDONE("FAILED", true), .error_code = "internal_error",
			.error_detail = "the result could not be stored" },
		    "++++!", "the result could not be stored", -1 },
		{ __LINE__,
		    { .state = "SUCCEEDED",
			.claimed = true,
			.extraction_ms = 20,
			.outcome = "failed" },
		    "++!..", "the total was read as nothing; the invoice says 120.00", 20 },
		{ __LINE__,
		    { .state = "SUCCEEDED",
			.claimed = true,
			.extraction_ms = 20,
			.outcome = "exact",
			.stated = "12.00" },
		    "++!..", "the total was read as 12.00; the invoice says 120.00", 20 },
		{ __LINE__,
		    { .state = "SUCCEEDED",
			.claimed = true,
			.extraction_ms = 20,
			.audit_ms = 3,
			.outcome = "minor",
			.stated = "120.00" },
		    "+++!.", "the outcome is minor; the invoice adds up exactly", 3 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct smoke_report r;
		const struct smoke_stage *s;
		char got[SMOKE_STAGES + 1] = "";

		smoke_judge(&cases[i].look, 11, &r);
		for (int stage = 0; stage < SMOKE_STAGES; stage++) {
			got[stage] = marks[r.stages[stage].status][0];
			if (r.stages[stage].status == SMOKE_NOT_REACHED)
				CHECK_ROW(r.stages[stage].ms == -1, cases[i].line, "no time");
		}
		CHECK_STR_ROW(got, cases[i].want, cases[i].line);
		CHECK_ROW((r.failed < 0) == (cases[i].detail == NULL), cases[i].line, "failed");
		s = &r.stages[r.failed >= 0 ? r.failed : SMOKE_EXTRACT];
		CHECK_STR_ROW(
		    s->detail, cases[i].detail != NULL ? cases[i].detail : "", cases[i].line);
		CHECK_ROW(s->ms == cases[i].ms, cases[i].line, "ms");
		CHECK_ROW(r.stages[SMOKE_ACCEPT].ms == 11, cases[i].line, "accepted in");
	}
}

static void test_stuck(void)
{
	static const struct {
		unsigned line;
		struct smoke_look look;
		int64_t waited_ms, left_ms;
		bool stuck, ended;
	} cases[] = {
		{ __LINE__, { .state = "QUEUED", .workers = 1 }, 9000, 1000, false, false },
		{ __LINE__, { .state = "QUEUED" }, 1999, 8000, false, false },
		{ __LINE__, { .state = "QUEUED" }, 2000, 8000, true, false },
		{ __LINE__, { .state = "QUEUED", .workers = 1, .due_in_ms = 8000 }, 1, 8000, false,
		    false },
		{ __LINE__, { .state = "QUEUED", .workers = 1, .due_in_ms = 8001 }, 1, 8000, true,
		    false },
		{ __LINE__, { .state = "QUEUED", .workers = 1, REFUSES, .provider_in_ms = 8000 }, 1,
		    8000, false, false },
		{ __LINE__, { .state = "QUEUED", .workers = 1, REFUSES, .provider_in_ms = 8001 }, 1,
		    8000, true, false },
		{ __LINE__, { .state = "RUNNING", REFUSES, .provider_in_ms = 8001 }, 9000, 8000,
		    false, false },
		{ __LINE__, { .state = "SUCCEEDED" }, 9000, 8000, false, true },
		{ __LINE__, { .state = "FAILED" }, 9000, 8000, false, true },
		{ __LINE__, { .state = "CANCELLED" }, 9000, 8000, false, true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		CHECK_ROW(smoke_is_stuck(&cases[i].look, cases[i].waited_ms, cases[i].left_ms) ==
			      cases[i].stuck,
		    cases[i].line, "stuck");
		CHECK_ROW(smoke_ended(&cases[i].look) == cases[i].ended, cases[i].line, "ended");
	}
}

/* The simulator knows the sample by its SHA-256: both are the same to the byte. */
static void test_invoice(void)
{
	char twin[8 << 10];
	FILE *f = fopen("tests/data/invoices/smoke.pdf", "rbe");
	const struct media_type *type = media_type_sniff(smoke_invoice, smoke_invoice_len);
	const char *xref = strstr(smoke_invoice, "startxref\n");
	size_t n;

	CU_ASSERT_FATAL(f != NULL);
	n = fread(twin, 1, sizeof twin, f);
	(void)fclose(f);
	CU_ASSERT(n == smoke_invoice_len && memcmp(twin, smoke_invoice, n) == 0);
	CU_ASSERT_FATAL(type != NULL);
	CHECK_STR(type->name, "application/pdf");
	CU_ASSERT_FATAL(xref != NULL);
	xref = smoke_invoice + strtol(xref + strlen("startxref\n"), NULL, 10);
	CU_ASSERT(strncmp(xref, "xref\n", 5) == 0);
}

const struct unit_test unit_tests[] = {
	{ "stages", test_judge },
	{ "no hope", test_stuck },
	{ "the invoice", test_invoice },
	{ NULL, NULL },
};
