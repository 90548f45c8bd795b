#include "store/alert.h"

#include <inttypes.h>
#include <stdio.h>

#include "store/answer.h"

static const char sql_claim[] = "select id, alert_id, rule, channel, event, attempts, snapshot"
				" from delivery_claim($1::text[], $2::integer)";
static const char sql_done[] =
    "update alert_deliveries set delivered_at = clock_timestamp(), lease_until = null"
    " where id = $1::bigint and delivered_at is null and given_up_at is null";
static const char sql_failed[] =
    "select delivery_failed($1::bigint, $2::integer, $3, $4::bigint, $5::boolean)";
static const char sql_refused[] =
    "update alert_deliveries set given_up_at = clock_timestamp(), lease_until = null, last_error = $2"
    " where id = $1::bigint and delivered_at is null and given_up_at is null";
static const char sql_give_up[] =
    "select id, alert_id, rule, channel, event, attempts from deliveries_give_up('24 hours')";
static const char sql_list[] =
    "select alert_list($1::json, nullif($2, ''), nullif($3, ''), $4::integer, nullif($5, ''))";
static const char sql_get[] = "select alert_detail($1::uuid)";
static const char sql_silence[] = "select alert_silence($1, $2::integer, $3, $4)";
static const char sql_silence_end[] = "select alert_silence_end($1::uuid, $2)";

/* The columns that a claim and giving up have in common. */
static struct alert_delivery delivery_at(struct pg_result *rows, size_t row)
{
	return (struct alert_delivery){
		.id = pg_text(rows, row, 0),
		.alert_id = pg_text(rows, row, 1),
		.rule = pg_text(rows, row, 2),
		.channel = pg_text(rows, row, 3),
		.event = pg_text(rows, row, 4),
		.attempts = pg_int(rows, row, 5),
	};
}

enum rc alert_delivery_claim(struct pg *pg, const char *channels, int64_t lease_seconds,
    struct alert_delivery *ret, struct err *e)
{
	char seconds[24];
	struct pg_query q = {
		.sql = sql_claim,
		.expect = PG_EXPECT_OPTIONAL,
		.n = 2,
		.params = { PG_TEXT(channels), PG_TEXT(seconds) },
	};
	struct pg_result *rows = NULL;
	enum rc rc;

	(void)snprintf(seconds, sizeof seconds, "%" PRId64, lease_seconds);
	rc = pg_run(pg, &q, 1, &rows, e);
	if (rc == RC_OK && pg_rows(rows) > 0) {
		*ret = delivery_at(rows, 0);
		ret->snapshot = pg_text(rows, 0, 6);
		ret->rows = rows;
		return RC_OK;
	}
	pg_result_free(rows);
	return rc == RC_OK ? RC_NOT_FOUND : rc;
}

void alert_delivery_free(struct alert_delivery *d)
{
	pg_result_free(d->rows);
	*d = (struct alert_delivery){ .rows = NULL };
}

enum rc alert_delivery_done(struct pg *pg, const struct alert_delivery *d, struct err *e)
{
	struct pg_query q = { .sql = sql_done, .n = 1, .params = { PG_TEXT(d->id) } };

	return pg_run(pg, &q, 1, NULL, e);
}

enum rc alert_delivery_failed(struct pg *pg, const struct alert_delivery *d, const char *why,
    int64_t wait_ms, bool whole_channel, struct err *e)
{
	char attempts[24], wait[24];
	struct pg_query q = {
		.sql = sql_failed,
		.n = 5,
		.params = { PG_TEXT(d->id), PG_TEXT(attempts), PG_TEXT(why), PG_TEXT(wait),
		    PG_TEXT(whole_channel ? "true" : "false") },
	};

	(void)snprintf(attempts, sizeof attempts, "%" PRId64, d->attempts);
	(void)snprintf(wait, sizeof wait, "%" PRId64, wait_ms);
	return pg_run(pg, &q, 1, NULL, e);
}

enum rc alert_delivery_refused(
    struct pg *pg, const struct alert_delivery *d, const char *why, struct err *e)
{
	struct pg_query q = {
		.sql = sql_refused, .n = 2, .params = { PG_TEXT(d->id), PG_TEXT(why) }
	};

	return pg_run(pg, &q, 1, NULL, e);
}

enum rc alert_deliveries_give_up(struct pg *pg, alert_given_up_fn *each, struct err *e)
{
	struct pg_query q = { .sql = sql_give_up };
	struct pg_result *rows = NULL;
	enum rc rc = pg_run(pg, &q, 1, &rows, e);

	for (size_t i = 0; rc == RC_OK && i < pg_rows(rows); i++) {
		struct alert_delivery d = delivery_at(rows, i);

		each(&d);
	}
	pg_result_free(rows);
	return rc;
}

enum rc alert_list(struct pg *pg, const struct alert_filter *f, struct buf *out, struct err *e)
{
	struct pg_query q = {
		.sql = sql_list,
		.n = 5,
		.params = { PG_TEXT(f->rules), PG_TEXT(f->state), PG_TEXT(f->rule),
		    PG_TEXT(f->limit), PG_TEXT(f->cursor) },
	};

	return store_answer(pg, &q, out, e);
}

enum rc alert_get(struct pg *pg, const char *id, struct buf *out, struct err *e)
{
	struct pg_query q = { .sql = sql_get, .n = 1, .params = { PG_TEXT(id) } };
	enum rc rc = store_answer(pg, &q, out, e);

	if (rc == RC_NOT_FOUND)
		return err_set(e, rc, "alert_not_found", "there is no such alert");
	return rc;
}

enum rc alert_silence(struct pg *pg, const char *rule, int64_t minutes, const char *reason,
    const char *who, struct buf *out, struct err *e)
{
	char text[24];
	struct pg_query q = {
		.sql = sql_silence,
		.n = 4,
		.params = { PG_TEXT(rule), PG_TEXT(text), PG_TEXT(reason), PG_TEXT(who) },
	};

	(void)snprintf(text, sizeof text, "%" PRId64, minutes);
	return store_answer(pg, &q, out, e);
}

enum rc alert_silence_end(
    struct pg *pg, const char *id, const char *who, struct buf *out, struct err *e)
{
	struct pg_query q = {
		.sql = sql_silence_end, .n = 2, .params = { PG_TEXT(id), PG_TEXT(who) }
	};
	enum rc rc = store_answer(pg, &q, out, e);

	if (rc == RC_NOT_FOUND)
		return err_set(e, rc, "silence_not_found", "there is no such silence");
	return rc;
}
