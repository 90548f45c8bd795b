#include "ops/alert_words.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define ASK "curl -sS -H @<(echo \"X-Admin-Key: $ADMIN_API_KEY\") \"$MIZAN_URL"

enum { MAX_LISTED = 5 /* names of a list */, MAX_NAME = 32 /* bytes of one */ };

typedef void measure_fn(struct buf *out, struct json_object *in);

static double number(struct json_object *in, const char *name)
{
	return json_object_get_double(json_object_object_get(in, name));
}

static int64_t whole(struct json_object *in, const char *name)
{
	return json_object_get_int64(json_object_object_get(in, name));
}

static void text(struct buf *out, struct json_object *s)
{
	const char *p = json_object_get_string(s);

	buf_addf(out, "%.*s", MAX_NAME, p != NULL ? p : "?");
}

static void percent(struct buf *out, double share)
{
	buf_addf(out, "%.4g %%", 100 * share);
}

void alert_span(struct buf *out, double seconds)
{
	const int64_t s = seconds > 0 && seconds < 1e12 ? (int64_t)seconds : 0;

	if (s >= 86400 && s % 86400 == 0)
		buf_addf(out, "%" PRId64 " d", s / 86400);
	else if (s >= 7200)
		buf_addf(out, "%" PRId64 " h", s / 3600);
	else if (s >= 60)
		buf_addf(out, "%" PRId64 " min", s / 60);
	if (s > 7200 && s % 86400 != 0 && s % 3600 >= 60)
		buf_addf(out, " %" PRId64 " min", s % 3600 / 60);
	else if (s < 60 || (s < 7200 && s % 60 != 0))
		buf_addf(out, "%s%" PRId64 " s", s >= 60 ? " " : "", s % 60);
}

static void names(struct buf *out, struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n && i < MAX_LISTED; i++) {
		buf_adds(out, i > 0 ? ", " : "");
		text(out, json_object_array_get_idx(list, i));
	}
	if (n > MAX_LISTED)
		buf_addf(out, " and %zu more", n - MAX_LISTED);
}

static bool known(struct json_object *in, const char *name)
{
	return json_object_object_get(in, name) != NULL;
}

/* "2026-01-17T15:00:00.000Z"; -1: none of ours. */
static time_t moment(struct json_object *in, const char *name)
{
	const char *s = json_object_get_string(json_object_object_get(in, name));
	struct tm tm = { 0 };

	return s != NULL && strptime(s, "%Y-%m-%dT%H:%M:%S", &tm) != NULL ? timegm(&tm) : -1;
}

/* How far back it looked, which may be further than usual. */
static void window(struct buf *out, struct json_object *in)
{
	const time_t from = moment(in, "from"), to = moment(in, "to");

	if (from != -1 && to != -1)
		alert_span(out, (double)((to - from + 30) / 60 * 60));
	else
		alert_span(out, number(in, "window_seconds"));
}

/* "9 of 22 incidents are S1: 40.91 % in 60 min (limit 30 %)" */
static void share(struct buf *out, struct json_object *in, const char *part, const char *all,
    const char *what, const char *limit)
{
	buf_addf(out, "%" PRId64 " of %" PRId64 " %s", whole(in, part), whole(in, all), what);
	if (known(in, "value")) {
		buf_adds(out, ": ");
		percent(out, number(in, "value"));
	}
	buf_adds(out, " in ");
	window(out, in);
	buf_addf(out, " (%s ", limit);
	percent(out, number(in, "threshold"));
	buf_adds(out, ")");
}

static void measure_lasting(struct buf *out, struct json_object *in)
{
	buf_adds(out, " for ");
	alert_span(out, number(in, "value"));
	buf_adds(out, " on end (limit ");
	alert_span(out, number(in, "threshold"));
	buf_adds(out, ")");
}

static void measure_provider(struct buf *out, struct json_object *in)
{
	if (json_object_get_boolean(json_object_object_get(in, "provider_alone")))
		buf_adds(out, "; it is the provider's doing, which an older build cannot mend");
}

/* Another one ran before: it is why less is decided than the value would say. */
static void measure_build(struct buf *out, struct json_object *in)
{
	if (known(in, "build_since")) {
		buf_adds(out, "; this build runs since ");
		text(out, json_object_object_get(in, "build_since"));
	}
}

static void measure_ready(struct buf *out, struct json_object *in)
{
	struct json_object *failing = json_object_object_get(in, "failing_checks");

	if (!known(in, "value")) {
		buf_adds(out, "ready");
		return;
	}
	buf_adds(out, "not ready");
	measure_lasting(out, in);
	if (whole(in, "http_status") != 0)
		buf_addf(out, ", HTTP %" PRId64, whole(in, "http_status"));
	else if (known(in, "http_status"))
		buf_adds(out, ", no answer");
	if (json_object_is_type(failing, json_type_array) &&
	    json_object_array_length(failing) > 0) {
		buf_adds(out, ", failing: ");
		names(out, failing);
	}
	measure_provider(out, in);
	measure_build(out, in);
}

static void measure_queue(struct buf *out, struct json_object *in)
{
	buf_addf(out, "%" PRId64 " jobs wait", whole(in, "depth"));
	if (known(in, "value")) {
		buf_adds(out, ", none was finished");
		measure_lasting(out, in);
	}
	if (known(in, "oldest_due_seconds")) {
		buf_adds(out, "; the oldest is due for ");
		alert_span(out, number(in, "oldest_due_seconds"));
	}
	measure_provider(out, in);
	measure_build(out, in);
}

static void measure_5xx(struct buf *out, struct json_object *in)
{
	share(out, in, "errors", "requests", "requests answered with 5xx", "limit");
	measure_build(out, in);
}

static void measure_s1(struct buf *out, struct json_object *in)
{
	share(out, in, "s1", "incidents", "incidents are S1", "limit");
}

static void measure_feedback(struct buf *out, struct json_object *in)
{
	share(out, in, "resolved_with_feedback", "resolved", "resolved incidents have feedback",
	    "at least");
}

static void measure_latency(struct buf *out, struct json_object *in)
{
	buf_addf(out, "p95 %" PRId64 " ms of %" PRId64 " invoices in ", whole(in, "p95_ms"),
	    whole(in, "n"));
	window(out, in);
	buf_addf(out, " (limit %g times the baseline of %" PRId64 " ms, ", number(in, "threshold"),
	    whole(in, "baseline_ms"));
	text(out, json_object_object_get(in, "baseline"));
	buf_adds(out, ")");
}

static const struct words {
	const char *rule;
	measure_fn *measure;
	const char *look; /* where an investigation begins; %s: the pilot's tenant */
} all[] = {
	{ "ready_503", measure_ready, "curl -sS \"$MIZAN_URL/health/ready\" | jq .checks" },
	{ "queue_stuck", measure_queue, ASK "/admin/jobs?stuck=true\" | jq ." },
	{ "error_5xx", measure_5xx, ASK "/metrics\" | grep mizan_http_requests_total" },
	{ "s1_spike", measure_s1, ASK "/admin/incidents?tenant_id=%s&severity=S1\" | jq ." },
	{ "latency_spike", measure_latency, ASK "/admin/system-health?tenant_id=%s\" | jq ." },
	{ "feedback_drop", measure_feedback, ASK "/admin/feedback-stats?tenant_id=%s\" | jq ." },
};

static const struct words *words_of(const char *rule)
{
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(all[i].rule, rule) == 0)
			return &all[i];
	return NULL;
}

const char *alert_todo_name(enum alert_todo todo)
{
	static const char *const todo_names[TODO__MAX] = { "INVESTIGATE", "STOP", "ROLLBACK",
		"VERIFY", "START" };

	return todo_names[todo];
}

static void add_look(struct buf *out, const char *look, const char *tenant)
{
	const char *place = strstr(look, "%s");

	if (place == NULL) {
		buf_adds(out, look);
		return;
	}
	buf_add(out, look, (size_t)(place - look));
	buf_adds(out, tenant);
	buf_adds(out, place + 2);
}

static void add_switch(struct buf *out, bool on, const char *rule)
{
	buf_addf(out,
	    ASK "/admin/pilot\" -X PUT -H 'Content-Type: application/json'"
		" -d '{\"enabled\": %s, \"reason\": \"%s%s\"}'",
	    on ? "true" : "false", words_of(rule) != NULL ? rule : "alert", on ? " is over" : "");
}

void alert_command(
    struct buf *out, const char *rule, enum alert_todo todo, const char *pilot_tenant)
{
	const struct words *w = words_of(rule);

	switch (todo) {
	case TODO_STOP:
	case TODO_START:
		add_switch(out, todo == TODO_START, rule);
		return;
	case TODO_ROLLBACK:
		buf_adds(out, "scripts/rollback");
		return;
	case TODO_VERIFY:
		buf_adds(out, "scripts/post_deploy_check.py --wait 300");
		return;
	case TODO_INVESTIGATE:
	case TODO__MAX:
		break;
	}
	add_look(
	    out, w != NULL ? w->look : ASK "/admin/alerts?state=current\" | jq .", pilot_tenant);
}

enum alert_todo alert_next(
    const char *rule, const char *decision, const char *carried_out, bool escalated)
{
	bool done = strcmp(carried_out, "done") == 0 || strcmp(carried_out, "ordered") == 0;

	if (strcmp(decision, "ROLLBACK") == 0)
		return done ? TODO_VERIFY : TODO_ROLLBACK;
	if (strcmp(decision, "STOP") == 0)
		return done ? TODO_INVESTIGATE : TODO_STOP;
	return escalated && strcmp(rule, "latency_spike") == 0 ? TODO_ROLLBACK : TODO_INVESTIGATE;
}

void alert_measure(struct buf *out, const char *rule, struct json_object *inputs)
{
	const struct words *w = words_of(rule);

	if (w != NULL)
		w->measure(out, inputs);
	else
		buf_addf(out, "%g (limit %g, n %" PRId64 ")", number(inputs, "value"),
		    number(inputs, "threshold"), whole(inputs, "n"));
}
