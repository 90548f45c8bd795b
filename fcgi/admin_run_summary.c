/*
 * GET /admin/run-summary (SPEC §9): JSON, or a download with format=jsonl or format=csv.
 * Requires an admin key that reaches the tenant.
 */
#include <string.h>

#include "admin.h"
#include "admin_scope.h"
#include "core/date.h"
#include "http/query.h"
#include "store/metrics.h"

enum { MAX_DAYS = 92 };

struct ask {
	char tenant[TENANT_ID_SIZE];
	char from[DATE_TEXT];
	char to[DATE_TEXT];
	enum run_summary_format format;
};

static const struct {
	const char *name;
	const char *content_type;
} formats[] = {
	[RUN_SUMMARY_JSON] = { "json", "application/json" },
	[RUN_SUMMARY_JSONL] = { "jsonl", "application/jsonl" },
	[RUN_SUMMARY_CSV] = { "csv", "text/csv; charset=utf-8; header=present" },
};

/* JSON unless it is to be a file. */
static enum rc read_format(const char *query, enum run_summary_format *out, struct err *e)
{
	char name[8];
	enum rc rc = query_get(query, "format", name, sizeof name, e);

	if (rc == RC_NOT_FOUND) {
		*out = RUN_SUMMARY_JSON;
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	if (strcmp(name, formats[RUN_SUMMARY_JSONL].name) == 0)
		*out = RUN_SUMMARY_JSONL;
	else if (strcmp(name, formats[RUN_SUMMARY_CSV].name) == 0)
		*out = RUN_SUMMARY_CSV;
	else
		return err_set(e, RC_INVALID, "invalid_query", "format is jsonl or csv");
	return RC_OK;
}

static enum rc read_days(const char *query, struct ask *out, struct err *e)
{
	int64_t first = date_today(), last = first;
	enum rc rc = query_date(query, "from", &first, e);

	if (rc == RC_OK)
		rc = query_date(query, "to", &last, e);
	if (rc != RC_OK)
		return rc;
	if (first > last)
		return err_set(e, RC_INVALID, "invalid_query", "from is after to");
	if (last - first >= MAX_DAYS)
		return err_set(
		    e, RC_INVALID, "invalid_query", "from and to are more than %d days", MAX_DAYS);
	date_format(first, out->from);
	date_format(last, out->to);
	return RC_OK;
}

static enum rc read_ask(struct route_context *cx, struct ask *out, struct err *e)
{
	enum rc rc = admin_tenant(cx, out->tenant, e);

	if (rc == RC_OK)
		rc = read_days(cx->rq->query, out, e);
	return rc == RC_OK ? read_format(cx->rq->query, &out->format, e) : rc;
}

enum rc admin_run_summary_get(struct route_context *cx, struct err *e)
{
	struct app *app = cx->app;
	struct ask ask;
	struct pg *pg;
	enum rc rc = read_ask(cx, &ask, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = metrics_run_summary(pg, ask.tenant, ask.from, ask.to, ask.format, &cx->rs->body, e);
	pool_put(app->pool, pg);
	if (rc != RC_OK)
		return rc;
	cx->rs->content_type = formats[ask.format].content_type;
	if (ask.format != RUN_SUMMARY_JSON)
		http_response_header(cx->rs, "Content-Disposition",
		    "attachment; filename=\"run-summary-%s-%s-%s.%s\"", ask.tenant, ask.from,
		    ask.to, formats[ask.format].name);
	return rc;
}
