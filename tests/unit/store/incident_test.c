#include "store/incident.h"

#include <string.h>

#include "store/audit_log.h"
#include "store/document.h"
#include "unit/store/results.h"

static char tenant[DB_TENANT], job[RANDOM_UUID_TEXT], incident[RANDOM_UUID_TEXT];

/* A tenant with one incident. */
static void start(void)
{
	struct config cfg = jobs_config();

	jobs_reset();
	db_tenant(tenant);
	(void)finish_new(&cfg, tenant, NULL, "f1", "TOTALS");
	(void)snprintf(incident, sizeof incident, "%.36s",
	    db_value("select id from incidents where tenant_id = $1", tenant, NULL).text);
	(void)snprintf(job, sizeof job, "%.36s",
	    db_value("select job_id from incidents where tenant_id = $1", tenant, NULL).text);
}

static struct incident_target target(const char *in, const char *id, const char *revisions)
{
	return (struct incident_target){ in, id, "op", revisions };
}

/* What a change answers, at most its beginning; its code where it is refused. */
static enum rc change(const char *in, const char *id, const char *revisions, const char *status,
    int64_t *revision, struct err *e)
{
	struct incident_target t = target(in, id, revisions);
	struct buf out;
	enum rc rc;

	buf_init(&out, 1 << 20);
	rc = incident_change(db_as(DB_ADMIN), &t, status, true, "a note", &out, revision, e);
	CU_ASSERT((rc == RC_OK) == (strstr(buf_str(&out), id) != NULL));
	buf_free(&out);
	return rc;
}

static bool listed(struct incident_filter f)
{
	const char *const none = "";
	struct buf out;
	bool found;

	f.tenant_id = f.tenant_id != NULL ? f.tenant_id : tenant;
	f.status = f.status != NULL ? f.status : none;
	f.severity = f.severity != NULL ? f.severity : none;
	f.category = f.category != NULL ? f.category : none;
	f.flag = f.flag != NULL ? f.flag : none;
	f.seller = f.seller != NULL ? f.seller : none;
	f.q = f.q != NULL ? f.q : none;
	f.cursor = f.cursor != NULL ? f.cursor : none;
	f.limit = "10";
	buf_init(&out, 1 << 20);
	CU_ASSERT_FATAL(incident_list(db_as(DB_ADMIN), &f, &out, NULL) == RC_OK);
	found = strstr(buf_str(&out), incident) != NULL;
	buf_free(&out);
	return found;
}

static void test_list(void)
{
	start();
	CU_ASSERT(listed((struct incident_filter){ 0 }));
	CU_ASSERT(listed((struct incident_filter){ .tenant_id = "" }));
	CU_ASSERT(!listed((struct incident_filter){ .tenant_id = "another" }));
	CU_ASSERT(listed((struct incident_filter){ .status = "OPEN", .severity = "S2" }));
	CU_ASSERT(!listed((struct incident_filter){ .status = "ACK" }));
	CU_ASSERT(!listed((struct incident_filter){ .severity = "S1" }));
	CU_ASSERT(
	    listed((struct incident_filter){ .category = "TOTALS", .flag = "LOW_CONFIDENCE" }));
	CU_ASSERT(!listed((struct incident_filter){ .category = "TAX" }));
	CU_ASSERT(!listed((struct incident_filter){ .flag = "TOTAL_MISSING" }));
	CU_ASSERT(listed((struct incident_filter){ .q = "A.PDF" }));
	CU_ASSERT(listed((struct incident_filter){ .q = incident }));
	CU_ASSERT(!listed((struct incident_filter){ .q = "%" }));
	CU_ASSERT(!listed((struct incident_filter){ .seller = "a.pdf" }));
	CU_ASSERT(!listed(
	    (struct incident_filter){ .cursor = "1.00000000-0000-4000-8000-000000000000" }));
}

static void test_get(void)
{
	int64_t revision = 0;
	struct err e;
	struct buf out;

	start();
	buf_init(&out, 1 << 20);
	CU_ASSERT(incident_get(db_as(DB_ADMIN), tenant, incident, &out, &revision, &e) == RC_OK);
	CU_ASSERT(revision == 1 && strstr(buf_str(&out), "\"extraction\":{\"x\":[1.10]}") != NULL);
	CU_ASSERT(incident_get(db_as(DB_ADMIN), "", incident, &out, &revision, &e) == RC_OK);
	buf_clear(&out);
	CU_ASSERT(incident_get(db_as(DB_ADMIN), "another", incident, &out, &revision, &e) ==
		  RC_NOT_FOUND);
	CHECK_STR(e.code, "incident_not_found");
	CU_ASSERT(out.len == 0);
	buf_free(&out);
}

static void test_change(void)
{
	int64_t revision = 0;
	struct err e;

	start();
	CU_ASSERT(change("another", incident, NULL, "ACK", &revision, &e) == RC_NOT_FOUND);
	CHECK_STR(e.code, "incident_not_found");
	CU_ASSERT(change(tenant, incident, "{7}", "ACK", &revision, &e) == RC_CONFLICT);
	CHECK_STR(e.code, "precondition_failed");
	CHECK_STR(e.msg, "the incident is OPEN at revision 1: nobody has changed it yet");
	CU_ASSERT(change(tenant, incident, "{}", "ACK", &revision, &e) == RC_CONFLICT);
	CU_ASSERT(change(tenant, incident, "{7,1}", "ACK", &revision, &e) == RC_OK);
	CU_ASSERT(revision == 2);
	CU_ASSERT(change("", incident, NULL, "ACK", &revision, &e) == RC_CONFLICT);
	CHECK_STR(e.code, "invalid_transition");
	CU_ASSERT(
	    strncmp(e.msg, "the incident is ACK already: op changed it last, at 20", 54) == 0);
	CU_ASSERT(change("", incident, NULL, "RESOLVED", &revision, &e) == RC_OK && revision == 3);
	CU_ASSERT(change("", incident, NULL, "ACK", &revision, &e) == RC_CONFLICT);
	CU_ASSERT(strncmp(e.msg, "an incident that is RESOLVED cannot become ACK: op", 50) == 0);
	CHECK_STR(db_value("select concat_ws('|', status, revision, changed_by, resolution_note,"
			   " resolved_by, resolved_at = changed_at) from incidents"
			   " where id = $1::uuid",
		      incident, NULL)
		      .text,
	    "RESOLVED|3|op|a note|op|t");
}

static void test_feedback(void)
{
	struct incident_feedback f = { .action_taken = "ESCALATED", .resolution_time_seconds = 7 };
	struct incident_target t;
	int64_t revision = 0;
	struct err e;
	struct buf out;

	start();
	t = target(tenant, incident, NULL);
	buf_init(&out, 1 << 20);
	CU_ASSERT(
	    incident_give_feedback(db_as(DB_ADMIN), &t, &f, &out, &revision, &e) == RC_INVALID);
	CHECK_STR(e.code, "incident_not_resolved");
	CHECK_STR(e.msg, "feedback is for RESOLVED incidents; this one is OPEN");
	CU_ASSERT(change(tenant, incident, NULL, "RESOLVED", &revision, &e) == RC_OK);
	CU_ASSERT(incident_give_feedback(db_as(DB_ADMIN), &t, &f, &out, &revision, &e) == RC_OK);
	f.actual_root_cause = "page two";
	f.was_hint_correct = true;
	CU_ASSERT(incident_give_feedback(db_as(DB_ADMIN), &t, &f, &out, &revision, &e) == RC_OK);
	CU_ASSERT(revision == 4);
	buf_free(&out);
	CHECK_STR(db_value("select concat_ws('|', action_taken, was_hint_correct,"
			   " actual_root_cause, resolution_time_seconds, operator)"
			   " from incident_feedback where incident_id = $1::uuid",
		      incident, NULL)
		      .text,
	    "ESCALATED|t|page two|7|op");
	CHECK_STR(db_value("select string_agg(action, '|' order by id) from audit_log"
			   " where object = 'incident ' || $1",
		      incident, NULL)
		      .text,
	    "incident.opened|incident.resolved|feedback.given|feedback.replaced");
}

static void test_audit_log(void)
{
	struct audit_log_filter f = { tenant, "", "", "", "10", "" };
	struct buf out;

	start();
	buf_init(&out, 1 << 20);
	CU_ASSERT(audit_log_list(db_as(DB_ADMIN), &f, &out, NULL) == RC_OK);
	CU_ASSERT(strstr(buf_str(&out), incident) != NULL);
	buf_clear(&out);
	f.actor = "nobody";
	CU_ASSERT(audit_log_list(db_as(DB_ADMIN), &f, &out, NULL) == RC_OK);
	CHECK_STR(buf_str(&out), "{\"entries\" : [], \"next_cursor\" : null}");
	buf_free(&out);
}

static void test_document(void)
{
	struct document d;
	struct err e;

	start();
	CU_ASSERT_FATAL(document_of_job(db_as(DB_ADMIN), tenant, job, &d, &e) == RC_OK);
	CHECK_STR(d.media_type, "application/pdf");
	CHECK_STR(d.filename, "a.pdf");
	CU_ASSERT(d.len > 5 && memcmp(d.bytes, "%PDF-", 5) == 0 && strlen(d.sha256) == 64);
	document_free(&d);
	CU_ASSERT_FATAL(document_of_incident(db_as(DB_ADMIN), "", incident, &d, &e) == RC_OK);
	document_free(&d);
	CU_ASSERT(document_of_job(db_as(DB_ADMIN), "another", job, &d, &e) == RC_NOT_FOUND);
	CHECK_STR(e.code, "job_not_found");
	CU_ASSERT(
	    document_of_incident(db_as(DB_ADMIN), "another", incident, &d, &e) == RC_NOT_FOUND);
	CHECK_STR(e.code, "incident_not_found");
}

/* Another role of the same database gets no list of everybody's incidents. */
static void test_for_operators_only(void)
{
	static const char *const roles[] = { DB_APP, DB_WORKER };
	struct incident_filter f = { "", "", "", "", "", "", "", "10", "" };
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
		CU_ASSERT(incident_list(db_as(roles[i]), &f, &out, NULL) == RC_INTERNAL);
	buf_free(&out);
}

const struct unit_test unit_tests[] = {
	{ "lists by every filter", test_list },
	{ "detail", test_get },
	{ "status, revisions and who was first", test_change },
	{ "feedback", test_feedback },
	{ "the audit log", test_audit_log },
	{ "documents", test_document },
	{ "not for other roles", test_for_operators_only },
	{ NULL, NULL },
};
