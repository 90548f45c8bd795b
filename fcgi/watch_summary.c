/*
 * Days that are over: each gets its run summaries, which are kept in the database and stand in
 * the log as they are, once whatever becomes of whoever writes them; and what its invoices say is
 * kept for system health.
 */
#include <string.h>

#include "core/log.h"
#include "store/days.h"
#include "watch.h"

enum { LOOK_MS = 10 * 1000, RETRY_MS = 2000, KEEP_MS = 60 * 1000 };

static void log_lines(const char *lines)
{
	for (const char *end; (end = strchr(lines, '\n')) != NULL; lines = end + 1)
		log_as_is(lines, (size_t)(end + 1 - lines));
}

int64_t watch_summary(struct watchdog *w)
{
	struct days_written written;
	bool moved;

	if (w->summary_call[0] == '\0')
		random_uuid(w->summary_call);
	if (days_write_summaries(w->pg, w->summary_call, &written, NULL) != RC_OK)
		return RETRY_MS;
	moved = written.moved;
	if (written.uncounted.len > 0)
		log_warn("summary.uncounted",
		    "the run summaries did not wait for access logs that are not counted to the end of the day: %s",
		    buf_str(&written.uncounted));
	log_lines(buf_str(&written.lines));
	days_written_free(&written);
	if (!moved)
		return LOOK_MS;
	w->summary_call[0] = '\0';
	return 0;
}

int64_t watch_keep_days(struct watchdog *w)
{
	bool more = false;

	if (days_keep_figures(w->pg, &more, NULL) != RC_OK)
		return RETRY_MS;
	return more ? 0 : KEEP_MS;
}
