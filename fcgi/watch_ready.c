/*
 * Asks at each tick what clients ask, through nginx: are you ready?  What came of it is kept
 * in memory until the database has it, so that its own absence leaves no gap.
 */
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "stop_signal.h"
#include "store/watch.h"
#include "watch.h"

enum { MAX_SAMPLES_TEXT = 512 * WATCH_PROBES };

static void keep_in_memory(struct watchdog *w, const struct probe *p)
{
	if (w->probes_n == WATCH_PROBES)
		memmove(w->probes, w->probes + 1, --w->probes_n * sizeof *w->probes);
	w->probes[w->probes_n++] = *p;
}

/* False: the database does not have them. */
static bool hand_over(struct watchdog *w)
{
	struct buf json;
	struct json_writer writer = { .out = &json };
	int64_t now = clock_ms();

	buf_init(&json, MAX_SAMPLES_TEXT);
	json_write_list(&writer, NULL);
	for (size_t i = 0; i < w->probes_n; i++)
		probe_write(&writer, &w->probes[i], now);
	json_write_list_end(&writer);
	/* Where it fails, it goes along with the next. */
	if (!buf_broken(&json) && watch_sample(w->pg, buf_str(&json), NULL) == RC_OK)
		w->probes_n = 0;
	buf_free(&json);
	return w->probes_n == 0;
}

int64_t watch_ready(struct watchdog *w)
{
	struct err e = { 0 };
	struct probe p;
	enum rc rc;

	if (!w->leads)
		watch_blind_over(w);
	if (!w->leads || w->app.cfg.ready_url == NULL)
		return w->tick_ms;
	rc = probe_ask(w->web, &w->app.cfg, stop_signal_came, &p, &e);
	if (stop_signal_came())
		return 0; /* given up, perhaps: no sign of anything */
	if (rc != RC_OK && !w->probe_failed)
		log_error("probe.invalid", "readiness is not watched: %s", e.msg);
	w->probe_failed = rc != RC_OK;
	if (rc == RC_OK) {
		keep_in_memory(w, &p);
		watch_blind(w, &p, !hand_over(w) || w->rules_trouble.rc != RC_OK);
	}
	return w->tick_ms;
}
