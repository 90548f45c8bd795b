/*
 * Counts nginx's access log: what clients saw, nginx's own answers included.  How far it has come
 * is kept with the counts in one transaction, so that it may die at any point, try again, and be
 * two.
 */
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "ops/access_log.h"
#include "watch.h"

enum {
	LOOK_MS = 500,            /* between two looks at a log that is quiet */
	CAUGHT_UP_MS = 20 * 1000, /* between two notes that all of it is counted */
	MIN_BACKOFF_MS = 200,
	MAX_BACKOFF_MS = 2000,
	MAX_LIST = 64 << 20, /* bytes, for any chunk: a line takes less there than in the log */
};

/* Said when it begins and when it is over, not each time. */
static int64_t in_trouble(struct watchdog *w, const struct err *e)
{
	const int64_t wait = w->backoff_ms > 0 ? w->backoff_ms : MIN_BACKOFF_MS;

	if (strcmp(w->trouble.code, e->code) != 0)
		log_warn("count.trouble", "not counting: %s", e->msg);
	w->trouble = *e;
	w->backoff_ms = wait * 2 < MAX_BACKOFF_MS ? wait * 2 : MAX_BACKOFF_MS;
	return wait;
}

static void out_of_trouble(struct watchdog *w)
{
	if (w->trouble.rc != RC_OK)
		log_info("count.again", "counting again after: %s", w->trouble.msg);
	w->trouble = (struct err){ .rc = RC_OK };
	w->backoff_ms = 0;
}

static enum rc count(struct watchdog *w, const struct front_door_log *log,
    const struct tail_chunk *chunk, size_t *ret_skipped, struct err *e)
{
	struct buf list;
	struct json_writer writer = { .out = &list };
	enum rc rc;

	buf_init(&list, MAX_LIST);
	rc = access_log_lines(chunk->text, chunk->len, &writer, ret_skipped, e);
	if (rc == RC_OK)
		rc = front_door_count(w->pg, log, &w->place, &chunk->after, buf_str(&list), e);
	buf_free(&list);
	return rc;
}

static void say_what_is_missing(const struct tail_chunk *chunk, size_t skipped)
{
	if (chunk->lost_sight)
		log_warn("count.lost",
		    "the log was rotated out of sight: what was not counted of it is lost");
	if (skipped > 0 || chunk->passed_over > 0)
		log_warn("count.skipped",
		    "passed over: %zu lines that are none of the access log, %zu bytes without an end",
		    skipped, chunk->passed_over);
}

static bool same_place(const struct log_place *a, const struct log_place *b)
{
	return a->inode == b->inode && a->position == b->position;
}

/* Run summaries wait for it. */
static enum rc say_caught_up(struct watchdog *w, const struct front_door_log *log, struct err *e)
{
	const int64_t now = clock_ms();
	enum rc rc;

	if (w->caught_up_ms != 0 && now < w->caught_up_ms + CAUGHT_UP_MS)
		return RC_OK;
	rc = front_door_caught_up(w->pg, log, &w->place, e);
	if (rc == RC_OK)
		w->caught_up_ms = now;
	return rc;
}

int64_t watch_log(struct watchdog *w)
{
	const struct front_door_log log = { .host = w->host, .path = w->app.cfg.access_log };
	struct tail_chunk chunk;
	struct err e = { 0 };
	size_t skipped = 0;
	enum rc rc = RC_OK;

	if (!w->place_known)
		rc = front_door_place(w->pg, &log, &w->place, &e);
	if (rc != RC_OK)
		return in_trouble(w, &e);
	w->place_known = true;
	rc = tail_read(w->log, &w->place, &chunk, &e);
	if (rc != RC_OK)
		return in_trouble(w, &e);
	if (!same_place(&w->place, &chunk.after)) {
		rc = count(w, &log, &chunk, &skipped, &e);
		/* Counted after all, perhaps, or by another: the database knows how far. */
		w->place_known = rc == RC_OK;
		if (rc == RC_CONFLICT)
			return LOOK_MS;
		if (rc != RC_OK)
			return in_trouble(w, &e);
		w->place = chunk.after;
		say_what_is_missing(&chunk, skipped);
	}
	if (!chunk.more)
		rc = say_caught_up(w, &log, &e);
	if (rc != RC_OK)
		return in_trouble(w, &e);
	out_of_trouble(w);
	return chunk.more ? 0 : LOOK_MS;
}
