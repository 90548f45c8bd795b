#include "ops/probe.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/json_read.h"

enum { TIMEOUT_MS = 4000, MAX_ANSWER = 64 << 10, MAX_CHECKS = 8, MAX_NAME = 24 };

static const char *text_of(struct json_object *doc, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(doc, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= MAX_NAME && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static void read_checks(struct json_object *doc, struct probe *ret)
{
	struct json_object *list;
	struct buf b;
	struct json_writer w = { .out = &b };
	size_t n = 0;

	if (json_object_object_get_ex(doc, "failing_checks", &list) &&
	    json_object_is_type(list, json_type_array))
		n = json_object_array_length(list);
	buf_init_fixed(&b, ret->failing_checks, sizeof ret->failing_checks);
	json_write_list(&w, NULL);
	for (size_t i = 0; i < n && i < MAX_CHECKS; i++) {
		struct json_object *name = json_object_array_get_idx(list, i);

		if (json_object_is_type(name, json_type_string) &&
		    is_name(json_object_get_string(name)))
			json_write_text(&w, NULL, json_object_get_string(name));
	}
	json_write_list_end(&w);
}

void probe_read(int http_status, const char *body, size_t len, struct probe *ret)
{
	struct json_object *doc;

	*ret = (struct probe){ .http_status = http_status, .failing_checks = "[]" };
	if (json_read(body, len, &doc, NULL) != RC_OK)
		return;
	ret->ready = http_status == 200 && strcmp(text_of(doc, "status"), "ready") == 0;
	if (!ret->ready)
		read_checks(doc, ret);
	if (strlen(text_of(doc, "build_id")) < sizeof ret->build_id)
		(void)snprintf(ret->build_id, sizeof ret->build_id, "%s", text_of(doc, "build_id"));
	json_object_put(doc);
}

enum rc probe_ask(struct web *web, const struct config *cfg, bool (*give_up)(void),
    struct probe *ret, struct err *e)
{
	const struct web_request rq = {
		.method = "GET",
		.url = cfg->ready_url,
		.ca_file = cfg->ready_ca_file,
		.timeout_ms = TIMEOUT_MS,
		.max_bytes = MAX_ANSWER,
		.give_up = give_up,
	};
	struct web_answer answer;
	int64_t asked_ms = clock_ms();
	struct err why = { .rc = RC_OK };
	enum rc rc = web_call(web, &rq, &answer, &why);

	if (rc == RC_INVALID || (rc != RC_OK && strcmp(why.code, "out_of_memory") == 0)) {
		if (e != NULL)
			*e = why;
		return rc;
	}
	if (rc == RC_OK)
		probe_read(answer.status, answer.body, answer.len, ret);
	else
		*ret = (struct probe){ .failing_checks = "[]" };
	ret->asked_ms = asked_ms;
	ret->latency_ms = clock_ms() - asked_ms;
	return RC_OK;
}

void probe_write(struct json_writer *w, const struct probe *p, int64_t now)
{
	json_write_object(w, NULL);
	json_write_int(w, "age_ms", now - p->asked_ms);
	json_write_int(w, "http_status", p->http_status);
	json_write_bool(w, "ready", p->ready);
	json_write_raw(w, "failing_checks", p->failing_checks);
	json_write_text(w, "build_id", p->build_id[0] != '\0' ? p->build_id : NULL);
	json_write_int(w, "latency_ms", p->latency_ms);
	json_write_object_end(w);
}
