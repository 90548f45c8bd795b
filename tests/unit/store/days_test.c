#include "store/days.h"

#include <string.h>

#include "store/front_door.h"
#include "unit/database.h"

static struct days_written written;
static char call[RANDOM_UUID_TEXT];

static bool moved(void)
{
	CU_ASSERT_FATAL(days_write_summaries(db_as(DB_WATCHDOG), call, &written, NULL) == RC_OK);
	return written.moved;
}

static size_t days_moved(void)
{
	size_t n = 0;

	for (random_uuid(call); moved(); random_uuid(call), n++)
		days_written_free(&written);
	days_written_free(&written);
	return n;
}

/* A day on which a tenant was asked for. */
static void had_requests(const char *tenant, const char *day)
{
	db_change("insert into front_door_minutes values ($1, utc_day($2::date), '/full-process',"
		  " 4, 1, 0, array_fill(0, array[13]))",
	    tenant, day);
}

static void test_summaries(void)
{
	char tenant[DB_TENANT], want[1200];
	struct db_text day = db_value("select utc_today() - 1", NULL, NULL);
	struct buf first;

	db_tenant(tenant);
	(void)days_moved();
	CU_ASSERT(days_moved() == 0);
	had_requests(tenant, day.text);
	db_change("update days_done set summaries = utc_day(utc_today() - 3)", NULL, NULL);
	random_uuid(call);
	CU_ASSERT(moved());
	CHECK_STR(buf_str(&written.lines), "");
	days_written_free(&written);
	random_uuid(call);
	CU_ASSERT(moved());
	days_written_free(&written);
	random_uuid(call);
	CU_ASSERT(moved());
	(void)snprintf(want, sizeof want, "\"timestamp\": \"%sT23:59:59Z\"", day.text);
	CU_ASSERT(strstr(buf_str(&written.lines), want) != NULL);
	CU_ASSERT(strstr(buf_str(&written.lines), tenant) != NULL);
	CU_ASSERT(buf_str(&written.lines)[written.lines.len - 1] == '\n');
	first = written.lines;
	written.lines = (struct buf){ .len = 0 };
	days_written_free(&written);
	CU_ASSERT(moved());
	CHECK_STR(buf_str(&written.lines), buf_str(&first));
	days_written_free(&written);
	buf_free(&first);
	CU_ASSERT(days_moved() == 0);
	db_change("delete from front_door_minutes where tenant_id = $1", tenant, NULL);
}

/* The log of a machine that counted yesterday, and not yet up to midnight. */
static void test_uncounted(void)
{
	const struct front_door_log log = { .host = "days-test", .path = "/log" };
	struct log_place place = { 0 }, other = { .position = 5 };
	struct pg *pg = db_as(DB_WATCHDOG);

	(void)days_moved();
	CU_ASSERT(front_door_place(pg, &log, &place, NULL) == RC_OK);
	CU_ASSERT(front_door_caught_up(pg, &log, &other, NULL) == RC_OK);
	CHECK_STR(db_value("select caught_up_at from access_log_positions where host = $1",
		      log.host, NULL)
		      .text,
	    "-infinity");
	CU_ASSERT(front_door_caught_up(pg, &log, &place, NULL) == RC_OK);
	CU_ASSERT(db_number("select count(*) from access_log_positions where host = $1"
			    " and caught_up_at > clock_timestamp() - interval '1 minute'",
		      log.host, NULL) == 1);
	db_change("update access_log_positions set caught_up_at = utc_day(utc_today() - 2),"
		  " changed_at = utc_day(utc_today() - 2) where host = $1",
	    log.host, NULL);
	db_change("update days_done set summaries = utc_day(utc_today() - 2)", NULL, NULL);
	random_uuid(call);
	CU_ASSERT(moved());
	CHECK_STR(buf_str(&written.uncounted), "days-test:/log");
	days_written_free(&written);
	CU_ASSERT(days_moved() == 1);
	db_change("delete from access_log_positions where host = $1", log.host, NULL);
}

static void test_figures(void)
{
	bool more = true;

	for (int i = 0; i < 1000 && more; i++)
		CU_ASSERT_FATAL(days_keep_figures(db_as(DB_WATCHDOG), &more, NULL) == RC_OK);
	CU_ASSERT(!more);
}

/* Nobody else does it. */
static void test_rights(void)
{
	struct err e = { .msg = "" };
	bool more;

	CU_ASSERT(days_keep_figures(db_as(DB_ADMIN), &more, &e) == RC_INTERNAL);
	CHECK_STR(e.msg, "sqlstate 42501");
	random_uuid(call);
	CU_ASSERT(days_write_summaries(db_as(DB_ADMIN), call, &written, &e) == RC_INTERNAL);
	CHECK_STR(e.msg, "sqlstate 42501");
}

const struct unit_test unit_tests[] = {
	{ "each day's lines once, and again when asked again", test_summaries },
	{ "a log that is not counted to the end of the day", test_uncounted },
	{ "figures of days that are over", test_figures },
	{ "rights", test_rights },
	{ NULL, NULL },
};
