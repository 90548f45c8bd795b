#include "job_json.h"

#include <stdint.h>
#include <string.h>

#include <json-c/printbuf.h>

static void add(struct json_object *to, const char *name, struct json_object *value)
{
	(void)json_object_object_add(to, name, value);
}

static struct json_object *text(const char *s)
{
	return s != NULL ? json_object_new_string(s) : NULL;
}

static int write_stored(struct json_object *o, struct printbuf *out, int level, int flags)
{
	const char *json = json_object_get_userdata(o);

	(void)level;
	(void)flags;
	return printbuf_memappend(out, json, (int)strlen(json));
}

/* JSON that the database holds, written as it is and not looked into; NULL stays null. */
static struct json_object *stored(const char *json)
{
	struct json_object *o = json != NULL ? json_object_new_boolean(false) : NULL;

	if (o != NULL)
		json_object_set_serializer(o, write_stored, (char *)(uintptr_t)json, NULL);
	return o;
}

static struct json_object *milliseconds(bool known, int64_t ms)
{
	return known ? json_object_new_int64(ms) : NULL;
}

static struct json_object *document(const struct job *job)
{
	struct json_object *o = json_object_new_object();

	add(o, "sha256", text(job->sha256));
	add(o, "media_type", text(job->media_type));
	add(o, "bytes", json_object_new_int64(job->bytes));
	add(o, "filename", text(job->filename));
	return o;
}

static struct json_object *timings(const struct job *job)
{
	struct json_object *o = json_object_new_object();

	add(o, "queue_ms", milliseconds(job->has_invoice, job->queue_ms));
	add(o, "extraction_ms", milliseconds(job->has_invoice, job->extraction_ms));
	add(o, "pipeline_total_ms", milliseconds(job->has_invoice, job->pipeline_total_ms));
	return o;
}

static struct json_object *error(const struct job *job)
{
	struct json_object *o;

	if (job->error_code == NULL)
		return NULL;
	o = json_object_new_object();
	add(o, "code", text(job->error_code));
	add(o, "detail", text(job->error_detail));
	return o;
}

struct json_object *job_json(const struct job *job, bool duplicate)
{
	struct json_object *o = json_object_new_object();

	if (o == NULL)
		return NULL;
	add(o, "job_id", text(job->id));
	add(o, "tenant_id", text(job->tenant_id));
	add(o, "status", text(job->state));
	add(o, "trace_id", text(job->trace_id));
	add(o, "duplicate", json_object_new_boolean(duplicate));
	add(o, "document", document(job));
	add(o, "extraction", stored(job->extraction_json));
	add(o, "audit", stored(job->audit_json));
	add(o, "quality", stored(job->quality_json));
	add(o, "incident", stored(job->incident_json));
	add(o, "incident_skipped", text(job->incident_skipped));
	add(o, "timings", timings(job));
	add(o, "model", text(job->model));
	add(o, "error", error(job));
	return o;
}
