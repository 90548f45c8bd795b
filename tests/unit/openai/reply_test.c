#include "openai/reply.h"

#include <stdio.h>

#include "unit/invoice/sample.h"
#include "unit/openai/envelope.h"
#include "unit/unit.h"

/* The answer with that status and body; body's memory is taken. */
static struct openai_raw arrived(int status, struct buf body)
{
	return (struct openai_raw){ .http_status = status, .body = body };
}

static struct buf text_body(const char *text)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, text);
	return b;
}

/* Judge raw, which is released; the row's outcome and reason must come out. */
static struct openai_reply judge(
    struct openai_raw raw, enum openai_outcome outcome, const char *reason, unsigned line)
{
	struct openai_reply r = { .reason = "none" };

	openai_reply_read(&raw, &r);
	CHECK_ROW(r.outcome == outcome, line, r.reason);
	CHECK_STR_ROW(r.reason, reason, line);
	openai_raw_clear(&raw);
	return r;
}

#define ERROR(type, code)                                                                          \
	"{\"error\":{\"message\":\"Incorrect API key sk-secret\",\"type\":\"" type                 \
	"\",\"param\":null,\"code\":" code "}}"

static void statuses(void)
{
	static const struct {
		unsigned line;
		int status;
		const char *body;
		enum openai_outcome outcome;
		const char *reason, *detail;
	} rows[] = {
		{ __LINE__, 429, ERROR("requests", "\"rate_limit_exceeded\""), OPENAI_RATE_LIMITED,
		    "rate_limited", "HTTP 429, code rate_limit_exceeded, type requests" },
		{ __LINE__, 429, ERROR("tokens", "\"slow_down\""), OPENAI_RATE_LIMITED,
		    "rate_limited", "HTTP 429, code slow_down, type tokens" },
		{ __LINE__, 429, "", OPENAI_RATE_LIMITED, "rate_limited", "HTTP 429" },
		{ __LINE__, 429, "<html>", OPENAI_RATE_LIMITED, "rate_limited", "HTTP 429" },
		{ __LINE__, 429, "{\"error\":\"insufficient_quota\"}", OPENAI_RATE_LIMITED,
		    "rate_limited", "HTTP 429" },
		{ __LINE__, 429, ERROR("x", "429"), OPENAI_RATE_LIMITED, "rate_limited",
		    "HTTP 429, type x" },
		{ __LINE__, 429, ERROR("insufficient_quota", "\"insufficient_quota\""),
		    OPENAI_QUOTA_EXHAUSTED, "quota_exhausted",
		    "HTTP 429, code insufficient_quota, type insufficient_quota" },
		{ __LINE__, 429, ERROR("insufficient_quota", "null"), OPENAI_QUOTA_EXHAUSTED,
		    "quota_exhausted", "HTTP 429, type insufficient_quota" },
		{ __LINE__, 429, ERROR("x", "\"project_spend_limit_exceeded\""),
		    OPENAI_QUOTA_EXHAUSTED, "quota_exhausted",
		    "HTTP 429, code project_spend_limit_exceeded, type x" },
		{ __LINE__, 429, ERROR("x", "\"credit_balance_exhausted\""), OPENAI_QUOTA_EXHAUSTED,
		    "quota_exhausted", "HTTP 429, code credit_balance_exhausted, type x" },
		{ __LINE__, 429, ERROR("x", "\"billing_hard_limit_reached\""),
		    OPENAI_QUOTA_EXHAUSTED, "quota_exhausted",
		    "HTTP 429, code billing_hard_limit_reached, type x" },
		{ __LINE__, 402, "", OPENAI_QUOTA_EXHAUSTED, "quota_exhausted", "HTTP 402" },
		{ __LINE__, 401, ERROR("invalid_request_error", "\"invalid_api_key\""),
		    OPENAI_UNAUTHORIZED, "unauthorized",
		    "HTTP 401, code invalid_api_key, type invalid_request_error" },
		{ __LINE__, 401, ERROR("Your key: sk-secret", "\"no spaces\""), OPENAI_UNAUTHORIZED,
		    "unauthorized", "HTTP 401" },
		{ __LINE__, 403, "", OPENAI_UNAUTHORIZED, "unauthorized", "HTTP 403" },
		{ __LINE__, 408, "", OPENAI_UNAVAILABLE, "provider_timeout", "HTTP 408" },
		{ __LINE__, 409, "", OPENAI_UNAVAILABLE, "provider_http_409", "HTTP 409" },
		{ __LINE__, 500, "{}", OPENAI_UNAVAILABLE, "provider_http_5xx", "HTTP 500" },
		{ __LINE__, 502, "<html>", OPENAI_UNAVAILABLE, "provider_http_5xx", "HTTP 502" },
		{ __LINE__, 503, "", OPENAI_UNAVAILABLE, "provider_http_5xx", "HTTP 503" },
		{ __LINE__, 599, "", OPENAI_UNAVAILABLE, "provider_http_5xx", "HTTP 599" },
		{ __LINE__, 400, ERROR("invalid_request_error", "null"), OPENAI_DOCUMENT_FAILED,
		    "provider_rejected_document", "HTTP 400, type invalid_request_error" },
		{ __LINE__, 400, "{\"error\":{\"param\":\"messages[1].content\"}}",
		    OPENAI_DOCUMENT_FAILED, "provider_rejected_document",
		    "HTTP 400, param messages[1].content" },
		{ __LINE__, 404, "", OPENAI_DOCUMENT_FAILED, "provider_rejected_document",
		    "HTTP 404" },
		{ __LINE__, 413, "", OPENAI_DOCUMENT_FAILED, "provider_rejected_document",
		    "HTTP 413" },
		{ __LINE__, 415, "", OPENAI_DOCUMENT_FAILED, "provider_rejected_document",
		    "HTTP 415" },
		{ __LINE__, 422, "", OPENAI_DOCUMENT_FAILED, "provider_rejected_document",
		    "HTTP 422" },
		{ __LINE__, 204, "", OPENAI_UNAVAILABLE, "provider_http_unexpected", "HTTP 204" },
		{ __LINE__, 302, "", OPENAI_UNAVAILABLE, "provider_http_unexpected", "HTTP 302" },
		{ __LINE__, 405, "", OPENAI_UNAVAILABLE, "provider_http_unexpected", "HTTP 405" },
		{ __LINE__, 407, "", OPENAI_UNAVAILABLE, "provider_http_unexpected", "HTTP 407" },
		{ __LINE__, 999, "", OPENAI_UNAVAILABLE, "provider_http_unexpected", "HTTP 999" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct openai_reply r = judge(arrived(rows[i].status, text_body(rows[i].body)),
		    rows[i].outcome, rows[i].reason, rows[i].line);

		CHECK_STR_ROW(r.detail, rows[i].detail, rows[i].line);
		CHECK_ROW(r.retry_after_ms == -1, rows[i].line, "nothing asked for");
		openai_reply_clear(&r);
	}
}

static void transports(void)
{
	static const struct {
		unsigned line;
		enum openai_transport transport;
		int status;
		enum openai_outcome outcome;
		const char *reason, *detail;
	} rows[] = {
		{ __LINE__, OPENAI_TIMED_OUT, 0, OPENAI_UNAVAILABLE, "provider_timeout", "why" },
		{ __LINE__, OPENAI_NOT_CONNECTED, 0, OPENAI_UNAVAILABLE, "provider_connection",
		    "why" },
		{ __LINE__, OPENAI_CONNECTION_CUT, 200, OPENAI_UNAVAILABLE,
		    "provider_connection_cut", "why" },
		{ __LINE__, OPENAI_TOO_LARGE, 200, OPENAI_DOCUMENT_FAILED, "reply_too_large",
		    "why" },
		{ __LINE__, OPENAI_CLIENT_FAILED, 0, OPENAI_UNAVAILABLE, "client_failed", "why" },
		/* the status came through, and says more than the end of the connection */
		{ __LINE__, OPENAI_CONNECTION_CUT, 429, OPENAI_RATE_LIMITED, "rate_limited",
		    "HTTP 429" },
		{ __LINE__, OPENAI_TOO_LARGE, 502, OPENAI_UNAVAILABLE, "provider_http_5xx",
		    "HTTP 502" },
		{ __LINE__, OPENAI_TIMED_OUT, 401, OPENAI_UNAUTHORIZED, "unauthorized",
		    "HTTP 401" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct openai_raw raw = { .transport = rows[i].transport,
			.http_status = rows[i].status,
			.failure = "why" };
		struct openai_reply r = judge(raw, rows[i].outcome, rows[i].reason, rows[i].line);

		CHECK_STR_ROW(r.detail, rows[i].detail, rows[i].line);
		openai_reply_clear(&r);
	}
}

static void good_answer(void)
{
	struct openai_raw raw = arrived(200, envelope(SAMPLE, "stop"));
	struct openai_reply r;

	(void)snprintf(raw.headers.request_id, sizeof raw.headers.request_id, "req_1");
	r = judge(raw, OPENAI_OK, "ok", __LINE__);
	CHECK_STR(r.detail, "");
	CHECK_STR(r.model, "gpt-4.1-2025");
	CHECK_STR(r.request_id, "req_1");
	CU_ASSERT_EQUAL(r.prompt_tokens, 900);
	CU_ASSERT_EQUAL(r.completion_tokens, 210);
	CHECK_STR(r.invoice.tax_inclusive_amount.value, "1180.00");
	CU_ASSERT_EQUAL(r.invoice.n_lines, 1);
	openai_reply_clear(&r);
	CHECK_STR(r.invoice.tax_inclusive_amount.value, NULL);
	openai_reply_clear(&r);
}

static void rate_limit_waits(void)
{
	struct openai_raw raw = arrived(429, text_body("{}"));
	struct openai_reply r;

	(void)snprintf(raw.headers.retry_after, sizeof raw.headers.retry_after, "7");
	r = judge(raw, OPENAI_RATE_LIMITED, "rate_limited", __LINE__);
	CU_ASSERT_EQUAL(r.retry_after_ms, 7000);
}

#define CHOICE(inner) "{\"choices\":[{" inner "}]}"

static void envelopes(void)
{
	static const struct {
		unsigned line;
		const char *body;
		enum openai_outcome outcome;
		const char *reason;
	} rows[] = {
		{ __LINE__, "", OPENAI_UNAVAILABLE, "provider_not_api" },
		{ __LINE__, "<html>login</html>", OPENAI_UNAVAILABLE, "provider_not_api" },
		{ __LINE__, "[]", OPENAI_UNAVAILABLE, "provider_not_api" },
		{ __LINE__, "{}", OPENAI_UNAVAILABLE, "provider_not_api" },
		{ __LINE__, ERROR("server_error", "null"), OPENAI_UNAVAILABLE, "provider_not_api" },
		{ __LINE__, "{\"choices\":[]}", OPENAI_UNAVAILABLE, "provider_not_api" },
		{ __LINE__, "{\"choices\":{}}", OPENAI_UNAVAILABLE, "provider_not_api" },
		{ __LINE__, "{\"choices\":[", OPENAI_DOCUMENT_FAILED, "invalid_reply" },
		{ __LINE__, " \n{\"choices\":\"\xff\"}", OPENAI_DOCUMENT_FAILED, "invalid_reply" },
		{ __LINE__, "{\"choices\":[null]}", OPENAI_DOCUMENT_FAILED, "invalid_reply" },
		{ __LINE__, "{\"choices\":[7]}", OPENAI_DOCUMENT_FAILED, "invalid_reply" },
		{ __LINE__, CHOICE("\"message\":[]"), OPENAI_DOCUMENT_FAILED, "invalid_reply" },
		{ __LINE__, CHOICE("\"message\":{\"content\":null}"), OPENAI_DOCUMENT_FAILED,
		    "invalid_reply" },
		{ __LINE__, CHOICE("\"message\":{\"content\":{}}"), OPENAI_DOCUMENT_FAILED,
		    "invalid_reply" },
		{ __LINE__, CHOICE("\"message\":{\"content\":null,\"refusal\":\"I can't.\"}"),
		    OPENAI_DOCUMENT_FAILED, "refusal" },
		{ __LINE__,
		    CHOICE(
			"\"message\":{\"content\":null,\"refusal\":\"\"},\"finish_reason\":\"stop\""),
		    OPENAI_DOCUMENT_FAILED, "invalid_reply" },
		{ __LINE__,
		    CHOICE("\"finish_reason\":\"content_filter\",\"message\":{\"content\":\"{\"}"),
		    OPENAI_DOCUMENT_FAILED, "content_filter" },
		{ __LINE__, CHOICE("\"finish_reason\":\"length\",\"message\":{\"content\":\"{\"}"),
		    OPENAI_LENGTH, "length" },
		{ __LINE__, CHOICE("\"finish_reason\":\"length\",\"message\":{\"content\":null}"),
		    OPENAI_LENGTH, "length" },
		{ __LINE__, CHOICE("\"finish_reason\":\"tool_calls\",\"message\":{}"),
		    OPENAI_DOCUMENT_FAILED, "invalid_reply" },
		{ __LINE__, CHOICE("\"finish_reason\":7,\"message\":{\"content\":\"{}\"}"),
		    OPENAI_DOCUMENT_FAILED, "invalid_reply" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct openai_reply r = judge(arrived(200, text_body(rows[i].body)),
		    rows[i].outcome, rows[i].reason, rows[i].line);

		CHECK_ROW(r.detail[0] != '\0', rows[i].line, "a detail");
		CHECK_ROW(strstr(r.detail, "can't") == NULL, rows[i].line, r.detail);
		CHECK_ROW(
		    r.prompt_tokens == -1 && r.completion_tokens == -1, rows[i].line, "tokens");
		openai_reply_clear(&r);
	}
}

/* What a document, or a model that it talked into something, may put into the content. */
static void hostile_contents(void)
{
	static const struct {
		unsigned line;
		const char *from, *to, *detail;
	} rows[] = {
		{ __LINE__, "{\"seller\"", "```json\n{\"seller\"",
		    "not a JSON object, from byte 0" },
		{ __LINE__, "{\"seller\"", "{\"ettn\":" F_NULL ",\"seller\"",
		    "an object has a key twice" },
		{ __LINE__, "0.123456", "NaN", NULL },
		{ __LINE__, "0.123456", "-Infinity", NULL },
		{ __LINE__, "0.123456", "7",
		    "tax_inclusive_amount.confidence is not within 0 and 1" },
		{ __LINE__, "\"lines\":[", "\"lines\":[[[[[[[[[[[[[[[[[[", NULL },
		{ __LINE__, "\"net_amount\":\"1000.00\"",
		    "\"net_amount\":\"999999999999999999999999999999999999999999999999999999999999\"",
		    "lines[0].net_amount is not a decimal" },
		{ __LINE__, "\"withheld\":false", "\"withheld\":0",
		    "taxes[0].withheld is not a boolean" },
		{ __LINE__, "\"allowances\":[],", "", "allowances is missing" },
		{ __LINE__, "\"allowances\":[]", "\"allowances\":[],\"approve\":true",
		    "the answer has an unknown property" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *content = sample_replace(SAMPLE, rows[i].from, rows[i].to);
		struct openai_reply r = judge(arrived(200, envelope(content, "stop")),
		    OPENAI_DOCUMENT_FAILED, "invalid_reply", rows[i].line);

		if (rows[i].detail != NULL)
			CHECK_STR_ROW(r.detail, rows[i].detail, rows[i].line);
		CHECK_ROW(r.invoice.seller_name.value == NULL, rows[i].line, "half an invoice");
		CHECK_ROW(r.completion_tokens == 210, rows[i].line, "paid all the same");
		openai_reply_clear(&r);
		free(content);
	}
}

static void many_lines(void)
{
	char *lines = sample_repeat(SAMPLE_LINE, 10000);
	char *content = sample_replace(SAMPLE, SAMPLE_LINE, lines);
	struct openai_reply r = judge(arrived(200, envelope(content, "stop")),
	    OPENAI_DOCUMENT_FAILED, "invalid_reply", __LINE__);

	CHECK_STR(r.detail, "lines has too many elements");
	openai_reply_clear(&r);
	free(content);
	free(lines);
}

static void telltales_are_bounded(void)
{
	static const char body[] =
	    "{\"model\":\"m\\n\\u00e7"
	    "0123456789012345678901234567890123456789012345678901234567890123456789"
	    "\",\"choices\":[],\"usage\":{\"prompt_tokens\":-5,"
	    "\"completion_tokens\":1.5}}";
	struct openai_reply r =
	    judge(arrived(200, text_body(body)), OPENAI_UNAVAILABLE, "provider_not_api", __LINE__);

	CHECK_STR(r.model, "m01234567890123456789012345678901234567890123456789012345678901");
	CU_ASSERT_EQUAL(r.prompt_tokens, -1);
	CU_ASSERT_EQUAL(r.completion_tokens, -1);
}

const struct unit_test unit_tests[] = {
	{ "statuses", statuses },
	{ "transports", transports },
	{ "a good answer", good_answer },
	{ "rate limit waits", rate_limit_waits },
	{ "envelopes", envelopes },
	{ "hostile contents", hostile_contents },
	{ "many lines", many_lines },
	{ "telltales are bounded", telltales_are_bounded },
	{ NULL, NULL },
};
