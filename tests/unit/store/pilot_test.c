#include "store/pilot.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "unit/store/jobs.h"

#define SQL_LOG                                                                                          \
	"select concat_ws('|', actor, action, object, tenant_id, detail->>'enabled', detail->>'reason'," \
	" detail->>'old_enabled', detail->>'old_reason') from audit_log where actor = $1"                \
	" order by id desc limit 1"

static enum rc flip_as(const char *role, bool enabled, const char *reason, const char *who,
    struct pilot_switch *ret, struct err *e)
{
	const struct pilot_flip wanted = {
		.enabled = enabled, .reason = reason, .who = who, .tenant_id = "pilot"
	};

	return pilot_set(db_as(role), &wanted, ret, e);
}

static void test_flip(void)
{
	struct pilot_switch now = { .enabled = false }, set, before;
	char who[DB_TENANT];

	jobs_reset();
	db_tenant(who);
	CU_ASSERT_FATAL(pilot_get(db_as(DB_APP), &before, NULL) == RC_OK && before.enabled);
	CU_ASSERT(flip_as(DB_ADMIN, false, "too many S1 'ö'", who, &set, NULL) == RC_OK);
	CU_ASSERT(!set.enabled);
	CHECK_STR(set.reason, "too many S1 'ö'");
	CHECK_STR(set.changed_by, who);
	CU_ASSERT(strlen(set.changed_at) == 20 && set.changed_at[19] == 'Z');
	CHECK_STR(db_value(SQL_LOG, who, NULL).text,
	    db_value(
		"select $1 || '|pilot.set|pilot|pilot|false|too many S1 ''ö''|true|'", who, NULL)
		.text);
	CU_ASSERT(pilot_get(db_as(DB_APP), &now, NULL) == RC_OK && !now.enabled);
	CHECK_STR(now.reason, set.reason);
	CHECK_STR(now.changed_by, set.changed_by);
	CHECK_STR(now.changed_at, set.changed_at);
	CU_ASSERT(flip_as(DB_ADMIN, true, "", who, &set, NULL) == RC_OK && set.enabled);
	CHECK_STR(db_value(SQL_LOG, who, NULL).text,
	    db_value(
		"select $1 || '|pilot.set|pilot|pilot|true||false|too many S1 ''ö'''", who, NULL)
		.text);
	CHECK_STR(db_value("select count(*) from audit_log where actor = $1", who, NULL).text, "2");
	jobs_reset();
}

/* Who names only revisions of the past is told who was there before, and changes nothing. */
static void test_revisions(void)
{
	struct pilot_switch before, now;
	struct pilot_flip wanted = { .reason = "mine", .tenant_id = "pilot" };
	struct err e = { .code = "" };
	char who[DB_TENANT], revisions[60];

	jobs_reset();
	db_tenant(who);
	wanted.who = who;
	CU_ASSERT_FATAL(flip_as(DB_ADMIN, true, "theirs", "zoe", &before, NULL) == RC_OK);
	(void)snprintf(revisions, sizeof revisions, "{%d}", (int)before.revision - 1);
	wanted.revisions = revisions;
	CU_ASSERT(pilot_set(db_as(DB_ADMIN), &wanted, &now, &e) == RC_CONFLICT);
	CHECK_STR(e.code, "precondition_failed");
	CU_ASSERT(strstr(e.msg, "zoe changed it last") != NULL);
	wanted.revisions = "{}";
	CU_ASSERT(pilot_set(db_as(DB_ADMIN), &wanted, &now, &e) == RC_CONFLICT);
	CU_ASSERT(pilot_get(db_as(DB_APP), &now, NULL) == RC_OK && now.enabled);
	CU_ASSERT(now.revision == before.revision);
	CHECK_STR(db_value("select count(*) from audit_log where actor = $1", who, NULL).text, "0");
	(void)snprintf(
	    revisions, sizeof revisions, "{%d,%d}", (int)before.revision - 1, (int)before.revision);
	wanted.revisions = revisions;
	CU_ASSERT(pilot_set(db_as(DB_ADMIN), &wanted, &now, &e) == RC_OK && !now.enabled);
	CU_ASSERT(now.revision == before.revision + 1);
	jobs_reset();
}

/* Only an admin flips it, and the log can only grow. */
static void test_rights(void)
{
	struct pilot_switch now;
	struct err e = { .code = "" };

	CU_ASSERT(flip_as(DB_APP, false, "", "x", &now, &e) == RC_INTERNAL);
	CHECK_STR(e.msg, "sqlstate 42501");
	CU_ASSERT(flip_as(DB_WORKER, false, "", "x", &now, &e) == RC_INTERNAL);
	CU_ASSERT(pilot_get(db_as(DB_APP), &now, NULL) == RC_OK && now.enabled);
	CU_ASSERT(pilot_get(db_as(DB_ADMIN), &now, NULL) == RC_OK && now.enabled);
	CHECK_STR(db_value("delete from audit_log", NULL, NULL).text, "sqlstate P0001");
	CHECK_STR(db_value("update audit_log set actor = 'x'", NULL, NULL).text, "sqlstate P0001");
	CHECK_STR(db_value("truncate audit_log", NULL, NULL).text, "sqlstate P0001");
}

enum { THREADS = 8, EACH = 10 };

static void *flip(void *arg)
{
	struct pg *pg = db_open(DB_ADMIN);

	for (int i = 0; i < EACH; i++) {
		struct pilot_switch now;
		const struct pilot_flip wanted = {
			.enabled = i % 2 == 0, .reason = "at once", .who = arg, .tenant_id = "pilot"
		};

		if (pilot_set(pg, &wanted, &now, NULL) != RC_OK)
			break;
	}
	pg_free(pg);
	return NULL;
}

/* Flips at once come one after the other: what each replaced is what the one before set. */
static void test_at_once(void)
{
	pthread_t threads[THREADS];
	char who[DB_TENANT];

	jobs_reset();
	db_tenant(who);
	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, flip, who) == 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	CU_ASSERT(db_number("select count(*) from audit_log where actor = $1", who, NULL) ==
		  THREADS * EACH);
	CHECK_STR(db_value("select count(*) from (select detail->>'old_enabled' as old,"
			   " lag(detail->>'enabled') over (order by id) as before from audit_log"
			   " where actor = $1) l where old <> before",
		      who, NULL)
		      .text,
	    "0");
	jobs_reset();
}

const struct unit_test unit_tests[] = {
	{ "a flip and its trace", test_flip },
	{ "of a revision", test_revisions },
	{ "who may", test_rights },
	{ "flips at once", test_at_once },
	{ NULL, NULL },
};
