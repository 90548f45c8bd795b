/*
 * PATCH /admin/incidents/{id} and /admin/incidents/{id}/feedback (SPEC §6, §7).  Not for viewers.
 * If-Match is optional; without it the status alone decides whether a change is possible.
 */
#include <inttypes.h>
#include <string.h>

#include "admin.h"
#include "admin_body.h"
#include "admin_scope.h"
#include "core/log.h"
#include "store/incident.h"

enum { MAX_BODY = 32 << 10, MAX_NOTE = 2000, MAX_CAUSE = 200 /* characters */ };
static const char refusal[] = "the body must be a small JSON object";

/* A string of at most max characters, or null (*ret NULL). */
static bool read_text(struct json_object *value, size_t max, const char **ret)
{
	*ret = NULL;
	return value == NULL || admin_text(value, max, ret);
}

static const char *one_of(struct json_object *value, const char *const names[])
{
	const char *text = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string) ||
	    strlen(text) != (size_t)json_object_get_string_len(value))
		return NULL;
	for (size_t i = 0; names[i] != NULL; i++)
		if (strcmp(text, names[i]) == 0)
			return names[i];
	return NULL;
}

/* A change under way: of which incident, by whom, over which connection. */
struct attempt {
	char room[ADMIN_REVISIONS_SIZE];
	struct incident_target target;
	struct pg *pg;
	int64_t revision; /* after it */
};

static enum rc begin(struct route_context *cx, struct attempt *a, struct err *e)
{
	struct app *app = cx->app;
	enum rc rc;

	a->target = (struct incident_target){
		.tenant_id = cx->principal.tenant_id,
		.id = cx->id,
		.actor = cx->principal.name,
	};
	a->revision = 0;
	rc = admin_if_match(cx->rq, a->room, &a->target.revisions, e);
	return rc == RC_OK ? pool_get(app->pool, &a->pg, e) : rc;
}

/* Gives the connection back and returns rc; a change that was made is told of. */
static enum rc end(struct route_context *cx, struct attempt *a, const char *what, enum rc rc)
{
	struct app *app = cx->app;
	const struct log_field fields[] = {
		LOG_TEXT("trace_id", cx->rq->trace_id),
		LOG_TEXT("principal", cx->principal.name),
		LOG_TEXT("incident_id", cx->id),
		LOG_NUM("revision", a->revision),
		{ 0 },
	};

	pool_put(app->pool, a->pg);
	if (rc != RC_OK)
		return rc;
	http_response_header(cx->rs, "ETag", "\"%" PRId64 "\"", a->revision);
	log_event(LOG_INFO_LEVEL, "incident.changed", fields, "an operator set %s", what);
	return RC_OK;
}

struct change {
	const char *status, *note;
	bool set_note;
};

/* {"status": text, "resolution_note"?: text or null}: nothing else. */
static enum rc read_change(struct json_object *body, struct change *ret, struct err *e)
{
	static const char *const statuses[] = { "OPEN", "ACK", "RESOLVED", NULL };
	static const char code[] = "invalid_incident_change";
	struct json_object *note = NULL;

	ret->set_note = json_object_object_get_ex(body, "resolution_note", &note);
	ret->status = one_of(json_object_object_get(body, "status"), statuses);
	if (ret->status == NULL)
		return err_set(e, RC_INVALID, code, "status must be OPEN, ACK or RESOLVED");
	if (json_object_object_length(body) != 1 + ret->set_note)
		return err_set(e, RC_INVALID, code,
		    "the body has status, may have resolution_note, and nothing else");
	if (!read_text(note, MAX_NOTE, &ret->note))
		return err_set(e, RC_INVALID, code,
		    "resolution_note must be null or a text of at most %d characters, without "
		    "control characters but newline and tab",
		    MAX_NOTE);
	return RC_OK;
}

static enum rc change(struct route_context *cx, const struct change *c, struct err *e)
{
	struct attempt a;
	enum rc rc = begin(cx, &a, e);

	if (rc != RC_OK)
		return rc;
	rc = incident_change(
	    a.pg, &a.target, c->status, c->set_note, c->note, &cx->rs->body, &a.revision, e);
	return end(cx, &a, c->status, rc);
}

enum rc admin_incident_patch(struct route_context *cx, struct err *e)
{
	struct json_object *body = NULL;
	struct change c;
	enum rc rc = admin_id(cx, "incident_not_found", e);

	if (rc == RC_OK)
		rc = admin_body(cx->rq, MAX_BODY, "invalid_incident_change", refusal, &body, e);
	if (rc == RC_OK)
		rc = read_change(body, &c, e);
	if (rc == RC_OK)
		rc = change(cx, &c, e);
	(void)json_object_put(body);
	return rc;
}

/* Exactly SPEC §7's four members; actual_root_cause may be left out. */
static enum rc read_feedback(struct json_object *body, struct incident_feedback *ret, struct err *e)
{
	static const char *const actions[] = { "VERIFIED_OCR", "VERIFIED_LOGIC",
		"ACCEPTED_ROUNDING", "ESCALATED", "NO_ACTION_REQUIRED", NULL };
	static const char code[] = "invalid_feedback_data";
	struct json_object *correct = json_object_object_get(body, "was_hint_correct");
	struct json_object *seconds = json_object_object_get(body, "resolution_time_seconds");
	struct json_object *cause = NULL;
	bool has_cause = json_object_object_get_ex(body, "actual_root_cause", &cause);

	ret->action_taken = one_of(json_object_object_get(body, "action_taken"), actions);
	if (ret->action_taken == NULL)
		return err_set(e, RC_INVALID, "invalid_feedback_action",
		    "action_taken must be VERIFIED_OCR, VERIFIED_LOGIC, ACCEPTED_ROUNDING, "
		    "ESCALATED or NO_ACTION_REQUIRED");
	if (!json_object_is_type(correct, json_type_boolean))
		return err_set(e, RC_INVALID, code, "was_hint_correct must be true or false");
	if (!json_object_is_type(seconds, json_type_int) || json_object_get_int64(seconds) < 0)
		return err_set(e, RC_INVALID, code,
		    "resolution_time_seconds must be a whole number from 0 on");
	if (!read_text(cause, MAX_CAUSE, &ret->actual_root_cause))
		return err_set(e, RC_INVALID, code,
		    "actual_root_cause must be null or a text of at most %d characters, without "
		    "control characters but newline and tab",
		    MAX_CAUSE);
	if (json_object_object_length(body) != 3 + has_cause)
		return err_set(e, RC_INVALID, code,
		    "the body has action_taken, was_hint_correct, actual_root_cause and "
		    "resolution_time_seconds, nothing else");
	ret->was_hint_correct = json_object_get_boolean(correct);
	ret->resolution_time_seconds = json_object_get_int64(seconds);
	return RC_OK;
}

static enum rc give(struct route_context *cx, const struct incident_feedback *f, struct err *e)
{
	struct attempt a;
	enum rc rc = begin(cx, &a, e);

	if (rc != RC_OK)
		return rc;
	rc = incident_give_feedback(a.pg, &a.target, f, &cx->rs->body, &a.revision, e);
	return end(cx, &a, "feedback", rc);
}

enum rc admin_feedback_patch(struct route_context *cx, struct err *e)
{
	struct json_object *body = NULL;
	struct incident_feedback f;
	enum rc rc = admin_id(cx, "incident_not_found", e);

	if (rc == RC_OK)
		rc = admin_body(cx->rq, MAX_BODY, "invalid_feedback_data", refusal, &body, e);
	if (rc == RC_OK)
		rc = read_feedback(body, &f, e);
	if (rc == RC_OK)
		rc = give(cx, &f, e);
	(void)json_object_put(body);
	return rc;
}
