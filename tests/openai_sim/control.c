#include "openai_sim/control.h"

#include <string.h>

#include <json-c/json.h>

#include "openai_sim/answers.h"
#include "openai_sim/faults.h"
#include "openai_sim/sim.h"
#include "openai_sim/stats.h"

enum { MAX_TEXT = 65536, MAX_DELAY_MS = 3600000 };

/* One order: its JSON body (NULL: none), the rest of its path, and the answer it fills. */
struct order {
	struct sim *sim;
	struct json_object *in;
	const char *rest;
	struct json_object *out;
};

typedef enum rc order_fn(struct order *o, struct err *reterr);

static enum rc set_answer(struct order *o, const struct sha256 *sha, struct err *reterr)
{
	struct answer *a;
	enum rc rc = answer_parse(o->in, &a, reterr);

	return rc != RC_OK                                     ? rc
	       : answers_set(o->sim->answers, sha, a) == RC_OK ? RC_OK
							       : err_no_memory(reterr);
}

static enum rc put_answer(struct order *o, struct err *reterr)
{
	struct sha256 sha;

	if (!sha256_parse(o->rest, &sha))
		return err_set(reterr, RC_INVALID, "invalid_sha256", "no SHA-256 in the path");
	return set_answer(o, &sha, reterr);
}

static enum rc put_default(struct order *o, struct err *reterr)
{
	return set_answer(o, NULL, reterr);
}

static enum rc put_fault(struct order *o, struct err *reterr)
{
	struct fault f;
	enum rc rc = fault_parse(o->in, &f, reterr);

	return rc == RC_OK ? faults_add(o->sim->faults, &f, reterr) : rc;
}

static enum rc delete_fault(struct order *o, struct err *reterr)
{
	(void)reterr;
	faults_clear(o->sim->faults);
	return RC_OK;
}

/* A number of milliseconds; an absent one is 0. */
static bool read_ms(struct json_object *in, const char *key, long *ret)
{
	struct json_object *v;

	*ret = 0;
	if (!json_object_object_get_ex(in, key, &v))
		return true;
	*ret = json_object_get_int64(v);
	return json_object_is_type(v, json_type_int) && *ret >= 0 && *ret <= MAX_DELAY_MS;
}

static enum rc put_delay(struct order *o, struct err *reterr)
{
	long ms, jitter_ms;

	if (!read_ms(o->in, "ms", &ms) || !read_ms(o->in, "jitter_ms", &jitter_ms))
		return err_set(reterr, RC_INVALID, "invalid_delay", "expected milliseconds");
	o->sim->delay_ms = ms;
	o->sim->jitter_ms = jitter_ms;
	return RC_OK;
}

static enum rc get_stats(struct order *o, struct err *reterr)
{
	(void)reterr;
	json_object_put(o->out);
	o->out = stats_json(o->sim->stats);
	json_object_object_add(
	    o->out, "faults_pending", json_object_new_int64(faults_pending(o->sim->faults)));
	return RC_OK;
}

static enum rc get_calls(struct order *o, struct err *reterr)
{
	struct sha256 sha;
	long calls, completions;

	if (!sha256_parse(o->rest, &sha))
		return err_set(reterr, RC_INVALID, "invalid_sha256", "no SHA-256 in the path");
	answers_count(o->sim->answers, &sha, &calls, &completions);
	json_object_object_add(o->out, "calls", json_object_new_int64(calls));
	json_object_object_add(o->out, "completions", json_object_new_int64(completions));
	return RC_OK;
}

static enum rc post_reset(struct order *o, struct err *reterr)
{
	(void)reterr;
	faults_clear(o->sim->faults);
	answers_reset(o->sim->answers);
	stats_reset(o->sim->stats);
	o->sim->delay_ms = o->sim->start_delay_ms;
	o->sim->jitter_ms = 0;
	return RC_OK;
}

static const struct {
	const char *method;
	const char *path; /* one that ends in '/' is followed by an argument */
	bool takes_json;
	order_fn *fn;
} orders[] = {
	{ "PUT", "/sim/answers/", true, put_answer },
	{ "PUT", "/sim/default", true, put_default },
	{ "PUT", "/sim/fault", true, put_fault },
	{ "DELETE", "/sim/fault", false, delete_fault },
	{ "PUT", "/sim/delay", true, put_delay },
	{ "GET", "/sim/stats", false, get_stats },
	{ "GET", "/sim/calls/", false, get_calls },
	{ "POST", "/sim/reset", false, post_reset },
};

/* What follows the order's path in the call's; NULL: it is not this order. */
static const char *rest_of(const struct call *c, const char *method, const char *path)
{
	size_t n = strlen(path);

	if (strcmp(c->method, method) != 0 || strncmp(c->path, path, n) != 0)
		return NULL;
	return path[n - 1] == '/' || c->path[n] == '\0' ? c->path + n : NULL;
}

static enum rc dispatch(const struct call *c, struct order *o, struct err *reterr)
{
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		o->rest = rest_of(c, orders[i].method, orders[i].path);
		if (o->rest == NULL)
			continue;
		if (orders[i].takes_json && o->in == NULL)
			return err_set(reterr, RC_INVALID, "invalid_json", "expected JSON");
		return orders[i].fn(o, reterr);
	}
	return err_set(reterr, RC_NOT_FOUND, "no_such_order", "no such order");
}

enum MHD_Result control_serve(struct call *c)
{
	struct order o = { .sim = c->sim, .out = json_object_new_object() };
	struct err e;
	struct buf text;
	enum rc rc;

	if (c->body.len > 0)
		o.in = json_tokener_parse(buf_str(&c->body));
	rc = dispatch(c, &o, &e);
	if (rc != RC_OK)
		json_object_object_add(o.out, "error", json_object_new_string(e.msg));
	buf_init(&text, MAX_TEXT);
	buf_adds(&text, json_object_to_json_string_ext(o.out, JSON_C_TO_STRING_PLAIN));
	buf_adds(&text, "\n");
	json_object_put(o.in);
	json_object_put(o.out);
	return http_send(c,
	    rc == RC_OK          ? 200
	    : rc == RC_NOT_FOUND ? 404
				 : 400,
	    http_text(&text, "application/json"));
}
