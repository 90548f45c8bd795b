#include "store/document.h"

#define DOCUMENT                                                                                   \
	"select d.media_type, d.filename, encode(d.sha256, 'hex'), d.content from jobs j"          \
	" join documents d on d.tenant_id = j.tenant_id and d.id = j.document_id"

static const char sql_of_job[] =
    DOCUMENT " where j.id = $2::uuid and ($1 = '' or j.tenant_id = $1)";
static const char sql_of_incident[] =
    DOCUMENT " join incidents i on i.tenant_id = j.tenant_id and i.job_id = j.id"
	     " where i.id = $2::uuid and ($1 = '' or i.tenant_id = $1)";

static enum rc load(struct pg *pg, const char *sql, const char *tenant_id, const char *id,
    struct document *ret, struct err *e)
{
	struct pg_query q = {
		.sql = sql,
		.expect = PG_EXPECT_OPTIONAL,
		.binary_result = true,
		.n = 2,
		.params = { PG_TEXT(tenant_id), PG_TEXT(id) },
	};
	struct pg_result *res = NULL;
	enum rc rc = pg_run(pg, &q, 1, &res, e);

	if (rc == RC_OK && pg_rows(res) == 0)
		rc = RC_NOT_FOUND;
	else if (rc == RC_OK && pg_is_null(res, 0, 3))
		rc = err_set(e, RC_CONFLICT, "document_expired",
		    "the document was kept for as long as it had to be; upload it again to have it back");
	if (rc != RC_OK) {
		pg_result_free(res);
	} else {
		*ret = (struct document){
			.rows = res,
			.media_type = pg_text(res, 0, 0),
			.filename = pg_text(res, 0, 1),
			.sha256 = pg_text(res, 0, 2),
		};
		ret->bytes = pg_bytes(res, 0, 3, &ret->len);
	}
	return rc;
}

enum rc document_of_job(
    struct pg *pg, const char *tenant_id, const char *id, struct document *ret, struct err *e)
{
	enum rc rc = load(pg, sql_of_job, tenant_id, id, ret, e);

	if (rc == RC_NOT_FOUND)
		return err_set(e, rc, "job_not_found", "there is no such job");
	return rc;
}

enum rc document_of_incident(
    struct pg *pg, const char *tenant_id, const char *id, struct document *ret, struct err *e)
{
	enum rc rc = load(pg, sql_of_incident, tenant_id, id, ret, e);

	if (rc == RC_NOT_FOUND)
		return err_set(e, rc, "incident_not_found", "there is no such incident");
	return rc;
}

void document_free(struct document *d)
{
	pg_result_free(d->rows);
	*d = (struct document){ 0 };
}
