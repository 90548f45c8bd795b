#include "openai_sim/completion.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <json-c/json.h>

#include "openai_sim/answers.h"
#include "openai_sim/check.h"
#include "openai_sim/error.h"
#include "openai_sim/sim.h"
#include "openai_sim/spoil.h"
#include "openai_sim/stats.h"
#include "openai_sim/stream.h"

enum { MAX_ANSWER = 512 * 1024 * 1024, CHARS_PER_TOKEN = 4, BYTES_PER_TOKEN = 40 };

static const char api_path[] = "/v1/chat/completions";

/* Are path and method the API's?  Otherwise *ret_status and *ret say what is wrong. */
static bool is_route(const struct call *c, unsigned *ret_status, struct check_error *ret)
{
	if (strcmp(c->path, api_path) != 0) {
		*ret_status = 404;
		return check_fail(ret, NULL, "", "Invalid URL (%s %.200s)", c->method, c->path);
	}
	*ret_status = 405;
	if (strcmp(c->method, "POST") != 0)
		return check_fail(ret, "method_not_supported", "",
		    "Only POST requests are accepted, not %s.", c->method);
	return true;
}

static bool has_key(const struct call *c)
{
	const char *given = http_header(c, "Authorization");

	if (given == NULL || strncmp(given, "Bearer ", 7) != 0 || given[7] == '\0')
		return false;
	return c->sim->api_key == NULL || strcmp(given + 7, c->sim->api_key) == 0;
}

static bool is_json(const struct call *c)
{
	static const char json[] = "application/json";
	const char *type = http_header(c, "Content-Type");

	return type != NULL && strncasecmp(type, json, sizeof json - 1) == 0 &&
	       (type[sizeof json - 1] == '\0' || type[sizeof json - 1] == ';');
}

static enum MHD_Result send_invalid(
    const struct call *c, unsigned status, const struct check_error *e)
{
	struct error_text text = { e->message, "invalid_request_error",
		e->param[0] != '\0' ? e->param : NULL, e->code };

	stats_end(c->sim->stats, OUTCOME_INVALID);
	return error_send(c, status, &text);
}

static enum MHD_Result send_bad_key(const struct call *c)
{
	static const struct error_text text = { "Incorrect API key provided.",
		"invalid_request_error", NULL, "invalid_api_key" };

	stats_end(c->sim->stats, OUTCOME_BAD_KEY);
	return error_send(c, 401, &text);
}

/*
 * "@SHA256@" in an answer stands for the first eight digits of the document's SHA-256, so that
 * one default answer can be a different invoice for every document.
 */
static void stamp(char *text, size_t len, const struct sha256 *sha)
{
	static const char mark[] = "@SHA256@";
	static const char digits[] = "0123456789abcdef";
	char *at;

	while ((at = memmem(text, len, mark, sizeof mark - 1)) != NULL) {
		for (size_t i = 0; i < sizeof mark - 1; i++)
			at[i] = digits[(sha->b[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15];
		len -= (size_t)(at - text);
		text = at;
	}
}

/* The body of a completion. */
static void write_completion(
    struct buf *out, const struct check_request *rq, const struct answer *a)
{
	static atomic_uint_fast64_t count;
	struct json_object *model = json_object_new_string(rq->model);
	size_t in = rq->text_chars / CHARS_PER_TOKEN + rq->document.bytes / BYTES_PER_TOKEN + 85;
	size_t made = a->content_len / CHARS_PER_TOKEN + 5;

	if (strcmp(a->finish_reason, "length") == 0)
		made = (size_t)rq->max_completion_tokens;
	buf_init(out, MAX_ANSWER);
	if (buf_reserve(out, a->message_len + 1024) == NULL)
		goto out;
	buf_addf(out,
	    "{\"id\":\"chatcmpl-%012" PRIx64
	    "\",\"object\":\"chat.completion\",\"created\":%" PRId64 ",\"model\":",
	    (uint64_t)atomic_fetch_add(&count, 1), (int64_t)time(NULL));
	buf_adds(out, json_object_to_json_string_ext(model, JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_adds(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",");
	buf_add(out, a->message, a->message_len);
	stamp(out->p + out->len - a->message_len, a->message_len, &rq->document.sha);
	buf_addf(out,
	    ",\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"%s\"}],"
	    "\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,\"total_tokens\":%zu,"
	    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
	    "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
	    "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}},"
	    "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_openai_sim\"}",
	    a->finish_reason, in, made, in + made);
out:
	json_object_put(model);
}

static struct MHD_Response *html_response(void)
{
	struct buf text;

	buf_init(&text, MAX_ANSWER);
	buf_adds(&text, "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>"
			"<body><h1>Checking your browser</h1></body></html>\n");
	return http_text(&text, "text/html; charset=UTF-8");
}

/* Send the answer, as the order in f spoils it, and end the call. */
static enum MHD_Result send_completion(
    const struct call *c, const struct check_request *rq, const struct fault *f, struct answer *a)
{
	struct answer *spoilt = spoil(f, a);
	struct MHD_Response *r = NULL;
	struct buf text = { 0 };

	if (spoilt != NULL)
		write_completion(&text, rq, spoilt);
	answer_release(spoilt);
	answers_completed(c->sim->answers, &rq->document.sha);
	if (stream_is_fault(f->kind)) {
		r = stream_response(c, f, &text);
	} else {
		r = http_text(&text, "application/json");
		stats_end(c->sim->stats, f->kind);
	}
	error_add_headers(c, r, false);
	return http_send(c, 200, r);
}

/* Answer a valid call. */
static enum MHD_Result send_answer(const struct call *c, const struct check_request *rq)
{
	struct sim *s = c->sim;
	struct answer *a = answers_call(s->answers, &rq->document.sha);
	struct fault f = { .kind = FAULT_NONE };
	long delay_ms = s->delay_ms, jitter_ms = s->jitter_ms;
	enum MHD_Result result = MHD_NO;
	struct MHD_Response *r;

	if (jitter_ms > 0)
		delay_ms += random() % (jitter_ms + 1);
	stats_budget(s->stats, rq->max_completion_tokens);
	(void)faults_take(s->faults, &rq->document.sha, rq->max_completion_tokens, &f);
	if (f.kind == FAULT_HANG) {
		(void)sim_wait(s, http_fd(c), -1);
		stats_end(s->stats, FAULT_HANG);
	} else if (a == NULL || sim_wait(s, http_fd(c), delay_ms) != SIM_WAITED) {
		stats_end(s->stats, OUTCOME_ABANDONED);
	} else if (error_is_fault(f.kind)) {
		stats_end(s->stats, f.kind);
		result = error_send_fault(c, &f);
	} else if (f.kind == FAULT_NOT_JSON) {
		stats_end(s->stats, f.kind);
		r = html_response();
		error_add_headers(c, r, false);
		result = http_send(c, 200, r);
	} else {
		result = send_completion(c, rq, &f, a);
	}
	answer_release(a);
	return result;
}

enum MHD_Result completion_serve(struct call *c)
{
	struct check_request rq;
	struct check_error e;
	unsigned status;

	stats_begin(c->sim->stats);
	if (!is_route(c, &status, &e))
		return send_invalid(c, status, &e);
	if (!has_key(c))
		return send_bad_key(c);
	if (!is_json(c)) {
		(void)check_fail(&e, "unsupported_content_type", "Content-Type",
		    "Unsupported content type: expected application/json.");
		return send_invalid(c, 400, &e);
	}
	if (buf_broken(&c->body)) {
		(void)check_fail(&e, "request_too_large", "", "The request is too large.");
		return send_invalid(c, 413, &e);
	}
	if (!check_body(buf_str(&c->body), c->body.len, &rq, &e))
		return send_invalid(c, 400, &e);
	buf_free(&c->body);
	return send_answer(c, &rq);
}
