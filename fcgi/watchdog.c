/*
 * watchdog: counts what clients saw of nginx, and evaluates the rules.  Of several, on one machine
 * or on many, each may be killed at any time: nothing is counted twice, and another one leads.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "stop_signal.h"
#include "watch.h"

/* Stopping takes STOP_MS and a last wait or two; STOP_S after the signal it is over. */
enum { STOP_MS = 4000, STOP_WAIT_MS = 1000, STOP_S = 9, LONGEST_SLEEP_MS = 1000 };

/* nginx turns to a new log within moments of being told. */
enum { ROTATION_GRACE_MS = 3000 };

struct task {
	watch_fn *run;
	int64_t due; /* clock_ms() */
};

static void loop(struct watchdog *w, struct task *tasks, size_t n)
{
	while (!stop_signal_came()) {
		int64_t until = clock_ms() + LONGEST_SLEEP_MS, now;

		for (size_t i = 0; i < n && !stop_signal_came(); i++) {
			if (clock_ms() >= tasks[i].due)
				tasks[i].due = tasks[i].run(w) + clock_ms();
			until = tasks[i].due < until ? tasks[i].due : until;
		}
		now = clock_ms();
		if (!stop_signal_came() && until > now)
			(void)poll(NULL, 0, (int)(until - now));
	}
}

/* What is in the log by now is counted still, as far as time allows. */
static void stop(struct watchdog *w)
{
	int64_t deadline = clock_ms() + STOP_MS;

	log_info("stop", "stopping");
	pg_set_timeout(w->pg, STOP_WAIT_MS);
	while (w->log != NULL && watch_log(w) == 0 && clock_ms() < deadline)
		;
	watch_rules_stop(w);
	watch_deliver_stop(w->deliverer);
	log_info("stop", "stopped");
}

static void check_settings(const struct config *cfg, struct buf *problems)
{
	if (cfg->auto_rollback && cfg->rollback_command == NULL)
		buf_adds(problems, "AUTO_ROLLBACK needs ROLLBACK_COMMAND");
}

static enum rc set_up(struct watchdog *w, struct err *e)
{
	const struct config *cfg = &w->app.cfg;
	enum rc rc;

	if (gethostname(w->host, sizeof w->host - 1) != 0)
		(void)snprintf(w->host, sizeof w->host, "unknown");
	(void)snprintf(w->holder, sizeof w->holder, "%s:%ld", w->host, (long)getpid());
	w->tick_ms = cfg->watch_interval_seconds * 1000 / WATCH_TICKS;
	w->pg = pg_new(cfg->database_url, "watchdog", cfg->db_timeout_ms);
	if (cfg->access_log == NULL) {
		log_warn("start.watchdog", "ACCESS_LOG is not set: nothing is counted");
	} else {
		w->log = tail_new(cfg->access_log, ROTATION_GRACE_MS);
		log_info("start.watchdog", "counting %s", cfg->access_log);
	}
	if (w->pg == NULL || (cfg->access_log != NULL && w->log == NULL))
		return err_no_memory(e);
	if (cfg->ready_url == NULL)
		log_warn("start.watchdog", "READY_URL is not set: readiness is not watched");
	rc = web_new(&w->web, e);
	return rc == RC_OK ? watch_deliver_start(cfg, &w->deliverer, e) : rc;
}

static void run(struct watchdog *w)
{
	struct task tasks[] = { { .run = watch_forget }, { .run = watch_sum_up },
		{ .run = watch_summary }, { .run = watch_keep_days }, { .run = watch_retention },
		{ .run = watch_ready }, { .run = watch_rules }, { .run = watch_rollback },
		{ .run = watch_log } };
	size_t n = sizeof tasks / sizeof tasks[0];

	loop(w, tasks, w->log != NULL ? n : n - 1);
	stop(w);
}

static const char summary[] =
    "Counts what clients saw, and evaluates the rules.\n"
    "`watchdog --explain [TIME]` prints what each rule sees, now or at a time such as\n"
    "2026-01-17T15:00:00Z, and what it would say; it does nothing.";

int main(int argc, char **argv)
{
	struct watchdog w = { 0 };
	struct err e = { 0 };
	int status;

	if (argc == 3 && strcmp(argv[1], ROLLBACK_RUN_OPTION) == 0)
		return rollback_run(argv[2]);
	if (argc > 1 && argc <= 3 && strcmp(argv[1], "--explain") == 0)
		return watch_explain_main(argc == 3 ? argv[2] : "now");
	status = app_start(&w.app, "watchdog", summary, check_settings, argc, argv);
	if (status >= 0)
		return status;
	stop_signal_catch(STOP_S);
	if (set_up(&w, &e) == RC_OK) {
		run(&w);
		status = EXIT_SUCCESS;
	} else {
		log_error("start.failed", "%s", e.msg);
		status = EXIT_FAILURE;
	}
	web_free(w.web);
	tail_free(w.log);
	pg_free(w.pg);
	app_stop(&w.app);
	return status;
}
