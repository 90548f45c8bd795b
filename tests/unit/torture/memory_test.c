/* Every function that takes memory, with each allocation of its failing in turn. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config.h"
#include "core/json_read.h"
#include "core/log.h"
#include "http/route.h"
#include "invoice/invoice_json.h"
#include "invoice/record.h"
#include "openai/reply.h"
#include "openai/request.h"
#include "thresholds.h"
#include "unit/core/settings.h"
#include "unit/invoice/sample.h"
#include "unit/openai/envelope.h"
#include "unit/torture/each.h"

/* What came out the first time; later it must be that to the byte, or nothing. */
struct outcome {
	char *first;
};

static enum verdict same(struct outcome *o, const char *text)
{
	if (o->first == NULL)
		o->first = strdup(text);
	return strcmp(o->first, text) == 0 ? RIGHT : WRONG;
}

static enum verdict compare(struct outcome *o, struct buf *b)
{
	enum verdict v = buf_broken(b) ? REFUSED : same(o, buf_str(b));

	buf_free(b);
	return v;
}

/* The failure of an enum rc. */
static enum verdict refused(enum rc rc)
{
	return rc == RC_UNAVAILABLE ? REFUSED : WRONG;
}

/* It makes at least so many calls. */
static void check(enum verdict (*op)(void *), uint32_t least, const char *name)
{
	const struct each_case of = { .run = op };
	struct outcome o = { NULL };
	uint32_t calls;

	CHECK_ROW(op(&o) == RIGHT, __LINE__, name);
	calls = each(FAIL_MEMORY, &of, &o, name);

	CHECK_ROW(calls >= least, __LINE__, name);
	free(o.first);
}

static enum verdict write_json(void *o)
{
	struct buf b;
	struct json_writer w = { .out = &b };

	buf_init(&b, 1 << 16);
	json_write_list(&w, NULL);
	for (int i = 0; i < 500; i++)
		json_write_text(&w, NULL, "a \"text\" of some ₺ length\n");
	json_write_list_end(&w);
	return compare(o, &b);
}

static enum verdict read_json(void *o)
{
	static const char text[] =
	    "{\"a\":[1,2.50,true,null,\"\\u00e7 longer than json-c keeps in "
	    "place\",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],\"b\":{},\"c\":1,\"d\":2,\"e\":3,\"f\":4,\"g\":5,\"h\":6,"
	    "\"i\":7,\"j\":8,\"k\":9,\"l\":10,\"m\":{\"n\":[[[{}]]]}}";
	struct json_object *json = NULL;
	enum rc rc = json_read(text, sizeof text - 1, &json, NULL);
	enum verdict v;

	if (rc != RC_OK)
		return json == NULL ? refused(rc) : WRONG;
	v = same(o, text);
	if (json_object_object_length(json) != 13 ||
	    json_object_array_length(json_object_object_get(json, "a")) != 35)
		v = WRONG;
	json_object_put(json);
	return v;
}

static enum verdict load_config(void *o)
{
	static const struct setting set[] = { { "API_KEY", "s3cret-one" },
		{ "DATABASE_URL", "postgresql:///x" }, { 0 } };
	struct config c;
	struct buf problems, json;
	char hash[CONFIG_HASH_TEXT];
	enum verdict v = REFUSED;

	buf_init(&problems, 4000);
	if (config_load(&c, setting_source, (void *)(uintptr_t)set, &problems) == RC_OK) {
		buf_init(&json, 1 << 14);
		if (c.api_key == NULL || c.database_url == NULL || c.openai_base_url == NULL)
			v = WRONG;
		else if (config_json(&c, &json, NULL) == RC_OK &&
			 config_hash(&c, hash, NULL) == RC_OK)
			v = same(o, hash);
		buf_free(&json);
	}
	config_free(&c);
	buf_free(&problems);
	return v;
}

static enum verdict build_request(void *o)
{
	static const struct openai_settings settings = { .model = "gpt-test" };
	static const struct openai_document doc = { "%PDF-1.7", 8, "application/pdf" };
	struct openai_frames frames = { 0 };
	struct buf first = { 0 }, second = { 0 };
	enum rc rc = openai_request_build(&first, &settings, &frames, &doc, 100, NULL);
	enum verdict v;

	if (rc == RC_OK)
		rc = openai_request_build(&second, &settings, &frames, &doc, 100, NULL);
	v = rc == RC_OK ? same(o, buf_str(&second)) : refused(rc);
	if (rc == RC_OK && strcmp(buf_str(&first), buf_str(&second)) != 0)
		v = WRONG;
	buf_free(&first);
	buf_free(&second);
	openai_frames_clear(&frames);
	return v;
}

/* Either what the answer says, or what is said without memory for its body. */
static enum verdict judge(struct outcome *o, int status, const char *body, const char *without)
{
	struct openai_raw raw = { .transport = OPENAI_ARRIVED, .http_status = status };
	struct openai_reply reply;
	char text[400];
	enum verdict v;

	raw.body = (struct buf){ .p = (char *)(uintptr_t)body, .len = strlen(body), .fixed = true };
	openai_reply_read(&raw, &reply);
	(void)snprintf(text, sizeof text, "%s: %s%s", reply.reason, reply.detail,
	    reply.outcome == OPENAI_OK ? reply.invoice.lines[0].description : "");
	v = strcmp(text, without) == 0 ? REFUSED : same(o, text);
	openai_reply_clear(&reply);
	return v;
}

static char *answer;

static enum verdict read_answer(void *o)
{
	return judge(o, 200, answer, "client_failed: out of memory");
}

static enum verdict read_quota(void *o)
{
	return judge(o, 429, "{\"error\":{\"message\":\"no\",\"code\":\"insufficient_quota\"}}",
	    "rate_limited: HTTP 429");
}

static enum verdict read_refusal(void *o)
{
	return judge(o, 400, "{\"error\":{\"message\":\"no\",\"code\":\"bad\",\"param\":\"x\"}}",
	    "provider_rejected_document: HTTP 400");
}

static struct invoice invoice;
static const struct record_source source = { .document_sha256 = "00", .model = "m" };

static enum verdict keep(struct outcome *o, enum rc rc, struct record *r)
{
	struct buf all;
	enum verdict v;

	if (rc != RC_OK)
		return refused(rc);
	buf_init(&all, 1 << 20);
	buf_addf(&all, "%s %s %s %s %s", r->lock, r->invoice_json, r->verdict_json,
	    r->if_duplicate_json, r->extraction_json != NULL ? r->extraction_json : "");
	v = compare(o, &all);
	record_clear(r);
	return v;
}

static enum verdict record_of_invoice(void *o)
{
	struct record r;
	enum rc rc = record_read(&invoice, &model_thresholds, &source, &r, NULL);

	return keep(o, rc, &r);
}

static enum verdict record_of_failure(void *o)
{
	struct record r;
	enum rc rc = record_failed("refusal", &source, &r, NULL);

	return keep(o, rc, &r);
}

static enum rc answer_much(struct route_context *cx, struct err *e)
{
	struct json_writer w = http_json(cx->rs, 200);

	(void)e;
	json_write_list(&w, NULL);
	for (int i = 0; i < 1000; i++)
		json_write_int(&w, NULL, i);
	json_write_list_end(&w);
	return RC_OK;
}

/* 200 and all of it, or 503, a problem and when to come again. */
static enum verdict answer_request(void *o)
{
	static const struct route routes[] = { { "GET", "/much", 0, answer_much } };
	const struct http_request rq = {
		.method = "GET", .path = "/much", .query = "", .trace_id = "t"
	};
	struct http_response rs;
	struct route_context cx = { .rq = &rq, .rs = &rs };
	enum verdict v = WRONG;

	http_response_init(&rs);
	route_dispatch(routes, 1, &cx);
	if (rs.status == 200)
		v = same(o, buf_str(&rs.body));
	else if (rs.status == 503 &&
		 strstr(buf_str(&rs.body), "\"code\":\"out_of_memory\"") != NULL &&
		 rs.n_headers == 1 && strcmp(rs.headers[0].name, "Retry-After") == 0)
		v = REFUSED;
	http_response_free(&rs);
	return v;
}

/* The log has to be able to say it: nothing of it may need memory. */
static enum verdict log_line(void *o)
{
	const struct log_field fields[] = { LOG_TEXT("text", "with \"quotes\""), LOG_NUM("n", 1),
		{ 0 } };

	(void)o;
	log_event(LOG_INFO_LEVEL, "torture", fields, "%s", "a line");
	return RIGHT;
}

static void test_json(void)
{
	check(write_json, 5, "json_write");
	check(read_json, 30, "json_read");
}

static void test_config(void)
{
	check(load_config, 8, "config");
}

static void test_openai(void)
{
	struct buf b = envelope(SAMPLE, "stop");

	answer = b.p;
	check(build_request, 3, "openai_request_build");
	check(read_answer, 300, "openai_reply_read");
	check(read_quota, 8, "openai_reply_read, quota");
	check(read_refusal, 8, "openai_reply_read, refusal");
	buf_free(&b);
}

static void test_record(void)
{
	struct json_object *json = NULL;

	CU_ASSERT_FATAL(json_read(SAMPLE, strlen(SAMPLE), &json, NULL) == RC_OK);
	CU_ASSERT_FATAL(invoice_from_json(json, &invoice, NULL) == RC_OK);
	json_object_put(json);
	check(record_of_invoice, 4, "record_read");
	check(record_of_failure, 3, "record_failed");
	invoice_clear(&invoice);
}

static void test_answer(void)
{
	check(answer_request, 4, "route_dispatch");
}

static void test_log(void)
{
	int out, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	const struct each_case of = { .run = log_line };
	uint32_t calls;

	(void)fflush(stdout);
	out = dup(STDOUT_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	calls = each(FAIL_MEMORY, &of, NULL, "log_event");
	(void)dup2(out, STDOUT_FILENO);
	(void)close(out);
	(void)close(null);
	CU_ASSERT(calls == 0);
}

const struct unit_test unit_tests[] = {
	{ "JSON", test_json },
	{ "configuration", test_config },
	{ "the provider's side", test_openai },
	{ "what is kept of an invoice", test_record },
	{ "an answer", test_answer },
	{ "the log", test_log },
	{ NULL, NULL },
};
