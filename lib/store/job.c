#include "store/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sql_tenant[] = "select job_tenant($1::uuid)";

static const char sql_load[] =
    "select j.id, j.tenant_id, j.state, j.trace_id, j.error_code, j.error_detail,"
    " encode(d.sha256, 'hex'), d.media_type, d.filename, d.bytes,"
    " v.job_id is not null, v.extraction, v.audit, v.quality, v.model, v.incident_skipped,"
    " v.queue_ms, v.extraction_ms, v.pipeline_total_ms,"
    " case when i.id is not null then json_build_object('id', i.id, 'severity', i.severity,"
    "  'category', i.category, 'status', i.status, 'primary_flag', i.primary_flag,"
    "  'secondary_flags', i.secondary_flags, 'occurrence_count', i.occurrence_count) end"
    " from jobs j join documents d on d.tenant_id = j.tenant_id and d.id = j.document_id"
    " left join invoices v on v.tenant_id = j.tenant_id and v.job_id = j.id"
    " left join incidents i on i.tenant_id = v.tenant_id and i.id = v.incident_id"
    " where j.tenant_id = $1 and j.id = $2::uuid";

bool job_ended(const struct job *job)
{
	return strcmp(job->state, "QUEUED") != 0 && strcmp(job->state, "RUNNING") != 0;
}

static enum rc not_found(struct err *e)
{
	return err_set(e, RC_NOT_FOUND, "job_not_found", "there is no such job");
}

enum rc job_find_tenant(struct pg *pg, const char *id, char ret[JOB_TENANT_TEXT], struct err *e)
{
	struct pg_query q = {
		.sql = sql_tenant, .expect = PG_EXPECT_ONE, .n = 1, .params = { PG_TEXT(id) }
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && pg_is_null(res, 0, 0))
		rc = not_found(e);
	else if (rc == RC_OK)
		(void)snprintf(ret, JOB_TENANT_TEXT, "%s", pg_text(res, 0, 0));
	pg_result_free(res);
	return rc;
}

static const char *text_or_null(const struct pg_result *res, int col)
{
	return pg_is_null(res, 0, col) ? NULL : pg_text(res, 0, col);
}

static void read_row(struct pg_result *res, struct job *job)
{
	*job = (struct job){
		.rows = res,
		.id = pg_text(res, 0, 0),
		.tenant_id = pg_text(res, 0, 1),
		.state = pg_text(res, 0, 2),
		.trace_id = pg_text(res, 0, 3),
		.error_code = text_or_null(res, 4),
		.error_detail = text_or_null(res, 5),
		.sha256 = pg_text(res, 0, 6),
		.media_type = pg_text(res, 0, 7),
		.filename = pg_text(res, 0, 8),
		.bytes = pg_int(res, 0, 9),
		.has_invoice = pg_bool(res, 0, 10),
		.extraction_json = text_or_null(res, 11),
		.audit_json = text_or_null(res, 12),
		.quality_json = text_or_null(res, 13),
		.model = text_or_null(res, 14),
		.incident_skipped = text_or_null(res, 15),
		.queue_ms = pg_int(res, 0, 16),
		.extraction_ms = pg_int(res, 0, 17),
		.pipeline_total_ms = pg_int(res, 0, 18),
		.incident_json = text_or_null(res, 19),
	};
}

enum rc job_load(
    struct pg *pg, const char *tenant_id, const char *id, struct job *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql_load,
		.tenant = tenant_id,
		.expect = PG_EXPECT_OPTIONAL,
		.n = 2,
		.params = { PG_TEXT(tenant_id), PG_TEXT(id) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && pg_rows(res) == 0) {
		pg_result_free(res);
		return not_found(e);
	}
	if (rc == RC_OK)
		read_row(res, ret);
	return rc;
}

void job_free(struct job *job)
{
	pg_result_free(job->rows);
	*job = (struct job){ 0 };
}
