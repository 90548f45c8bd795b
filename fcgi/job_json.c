#include "job_json.h"

static void document(struct json_writer *w, const struct job *job)
{
	json_write_object(w, "document");
	json_write_text(w, "sha256", job->sha256);
	json_write_text(w, "media_type", job->media_type);
	json_write_int(w, "bytes", job->bytes);
	json_write_text(w, "filename", job->filename);
	json_write_object_end(w);
}

static void milliseconds(struct json_writer *w, const char *name, bool known, int64_t ms)
{
	if (known)
		json_write_int(w, name, ms);
	else
		json_write_null(w, name);
}

static void timings(struct json_writer *w, const struct job *job)
{
	json_write_object(w, "timings");
	milliseconds(w, "queue_ms", job->has_invoice, job->queue_ms);
	milliseconds(w, "extraction_ms", job->has_invoice, job->extraction_ms);
	milliseconds(w, "pipeline_total_ms", job->has_invoice, job->pipeline_total_ms);
	json_write_object_end(w);
}

static void error(struct json_writer *w, const struct job *job)
{
	if (job->error_code == NULL) {
		json_write_null(w, "error");
		return;
	}
	json_write_object(w, "error");
	json_write_text(w, "code", job->error_code);
	json_write_text(w, "detail", job->error_detail);
	json_write_object_end(w);
}

void job_json(struct json_writer *w, const struct job *job, bool duplicate)
{
	json_write_object(w, NULL);
	json_write_text(w, "job_id", job->id);
	json_write_text(w, "tenant_id", job->tenant_id);
	json_write_text(w, "status", job->state);
	json_write_text(w, "trace_id", job->trace_id);
	json_write_bool(w, "duplicate", duplicate);
	document(w, job);
	json_write_raw(w, "extraction", job->extraction_json);
	json_write_raw(w, "audit", job->audit_json);
	json_write_raw(w, "quality", job->quality_json);
	json_write_raw(w, "incident", job->incident_json);
	json_write_text(w, "incident_skipped", job->incident_skipped);
	timings(w, job);
	json_write_text(w, "model", job->model);
	error(w, job);
	json_write_object_end(w);
}
