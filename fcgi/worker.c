/*
 * worker: drains the queue (SPEC §4).  One thread and one loop: up to WORKER_CONCURRENCY calls
 * to the provider in flight, one database connection.  More throughput = more workers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/random.h"
#include "stop_signal.h"
#include "work.h"

/*
 * Stopping takes STOP_MS and two or three waits of STOP_WAIT_MS and a second; STOP_S after the
 * signal it is over, whatever hangs: leases are for workers that end without a word.
 */
enum { BEAT_MS = 5000, RETRY_MS = 200, STOP_MS = 4000, STOP_WAIT_MS = 1000, STOP_S = 9 };

enum { TAKE = 16, TAKE_MS = 1000 }; /* answers taken before any is written */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * What the calls of these would bring is not wanted any more.  leases[] is in the order of the
 * tasks.  What waits to be written stays: it may have been written by a commit whose answer is
 * still on its way.
 */
static void give_up_lost(struct worker *w, const enum queue_lease leases[])
{
	size_t i = 0;

	for (struct task *next, *t = w->tasks; t != NULL; t = next, i++) {
		next = t->next;
		if (leases[i] == QUEUE_HELD || t->state != TASK_CALLING)
			continue;
		if (leases[i] == QUEUE_CANCELLED)
			work_log(
			    t, LOG_INFO_LEVEL, "job.cancelled", "cancelled: its call was ended");
		else
			work_log(t, LOG_WARN_LEVEL, "job.lease", "lease lost: the call was ended");
		openai_client_cancel(w->client, t);
		work_drop(w, t);
	}
}

/* Say that this worker lives, and keep its jobs. */
static enum rc beat(struct worker *w, struct err *e)
{
	const struct queue_worker me = {
		.id = w->id,
		.host = w->host,
		.config_hash = w->app.config_hash,
		.key_configured = w->settings.api_key != NULL,
		.in_flight = w->n_tasks,
	};
	const struct queue_job **jobs;
	enum queue_lease *leases;
	size_t n = 0;
	enum rc rc = queue_heartbeat(w->pg, &me, e);

	if (rc != RC_OK || w->n_tasks == 0)
		return rc;
	jobs = calloc(w->n_tasks, sizeof *jobs);
	leases = calloc(w->n_tasks, sizeof *leases);
	if (jobs == NULL || leases == NULL) {
		rc = err_no_memory(e);
	} else {
		for (const struct task *t = w->tasks; t != NULL; t = t->next)
			jobs[n++] = &t->job;
		rc = queue_renew(w->pg, jobs, n, w->app.cfg.job_lease_seconds, leases, e);
		if (rc == RC_OK)
			give_up_lost(w, leases);
	}
	free(jobs);
	free(leases);
	return rc;
}

/* LISTEN on a connection that is new.  Whatever was announced meanwhile is found by polling. */
static enum rc listen_again(struct worker *w, uint64_t *generation, struct err *e)
{
	enum rc rc = RC_OK;

	if (pg_generation(w->pg) == *generation && *generation != 0)
		return RC_OK;
	rc = queue_listen(w->pg, QUEUE_CHANNEL, e);
	*generation = rc == RC_OK ? pg_generation(w->pg) : 0;
	w->more = true;
	return rc;
}

static bool announced(struct worker *w)
{
	char payload[8];
	bool any = false;

	while (pg_notification(w->pg, payload, sizeof payload))
		any = true;
	return any;
}

/*
 * Some of the answers that are there, so that those who wait for them need not wait for all.  With
 * a database that hangs each may take a time-out: the next heartbeat, or the signal to stop, comes
 * in between.  Were there any?
 */
static bool take_answers(struct worker *w)
{
	const bool stopping = stop_signal_came();
	const int64_t until = clock_ms() + TAKE_MS;
	struct openai_done done;
	int n = 0;

	while (n < TAKE && clock_ms() < until && stop_signal_came() == stopping &&
	       openai_client_next(w->client, &done)) {
		work_outcome(w, done.user, &done.raw);
		n++;
	}
	return n > 0;
}

struct rhythm {
	int64_t next_beat, next_claim; /* clock_ms() */
	uint64_t generation;
	bool database_away;
};

static void note_database(struct rhythm *r, enum rc rc, const struct err *e)
{
	if ((rc != RC_OK) != r->database_away)
		log_event(rc != RC_OK ? LOG_ERROR_LEVEL : LOG_INFO_LEVEL, "database", NULL, "%s",
		    rc != RC_OK ? e->msg : "the database answers again");
	r->database_away = rc != RC_OK;
}

/* What is due of the database's part. */
static void tend(struct worker *w, struct rhythm *r)
{
	const struct config *cfg = &w->app.cfg;
	int64_t now = clock_ms(),
		patience_s = earlier(cfg->job_lease_seconds, cfg->worker_alive_seconds);
	int64_t beat_ms = earlier(BEAT_MS, patience_s * 1000 / 3);
	struct err e = { 0 };
	enum rc rc = listen_again(w, &r->generation, &e);

	if (rc == RC_OK && now >= r->next_beat) {
		rc = beat(w, &e);
		if (rc == RC_OK)
			r->next_beat = now + beat_ms;
	}
	if (rc == RC_OK && work_has_place(w) && (w->more || now >= r->next_claim)) {
		rc = work_claim(w, &e);
		r->next_claim = clock_ms() + w->app.cfg.worker_poll_ms / 2 +
				(int64_t)random_below((uint64_t)w->app.cfg.worker_poll_ms);
	}
	if (rc != RC_OK)
		w->more = true;
	note_database(r, rc, &e);
}

static int64_t patience(const struct worker *w, const struct rhythm *r)
{
	int64_t until = r->next_beat;

	if (r->database_away)
		return RETRY_MS;
	if (work_has_place(w) && w->more)
		return 0;
	if (work_has_place(w))
		until = earlier(until, r->next_claim);
	until -= clock_ms();
	return until > 0 ? until : 0;
}

static void loop(struct worker *w)
{
	struct rhythm r = { 0 };
	struct err e = { 0 };

	while (!stop_signal_came()) {
		tend(w, &r);
		w->more |= announced(w); /* libpq may have read it with an answer */
		if (openai_client_poll(w->client, pg_fd(w->pg), (int)patience(w, &r), NULL, &e) !=
		    RC_OK) {
			log_error("provider.poll", "%s", e.msg);
			(void)usleep(RETRY_MS * 1000);
		}
		w->more |= announced(w);
		(void)take_answers(w);
		work_finish(w);
	}
}

/* Give the jobs in hand back, with no attempt used, and sign off. */
static enum rc leave(struct worker *w, size_t *ret_n)
{
	const struct queue_job **jobs = calloc(w->n_tasks + 1, sizeof *jobs);
	size_t n = 0;
	enum rc rc = jobs == NULL ? RC_UNAVAILABLE : RC_OK;

	for (struct task *t = w->tasks; rc == RC_OK && t != NULL; t = t->next)
		jobs[n++] = &t->job;
	if (n > 0)
		rc = queue_hand_back(w->pg, jobs, n, NULL);
	if (rc == RC_OK)
		rc = queue_sign_off(w->pg, w->id, NULL);
	free(jobs);
	*ret_n = rc == RC_OK ? n : 0;
	return rc;
}

/*
 * What was answered is written, calls under way are given up; what cannot be handed back in time
 * is left to its lease.
 */
static void stop(struct worker *w)
{
	int64_t deadline = clock_ms() + STOP_MS;
	size_t n;

	log_info("stop", "stopping: %zu jobs in hand", w->n_tasks);
	pg_set_timeout(w->pg, STOP_WAIT_MS);
	while (take_answers(w) && clock_ms() < deadline)
		continue;
	openai_client_cancel_all(w->client);
	work_finish(w);
	while (leave(w, &n) == RC_UNAVAILABLE && clock_ms() < deadline)
		(void)usleep(RETRY_MS * 1000);
	while (w->tasks != NULL)
		work_drop(w, w->tasks);
	log_info("stop", "stopped, %zu jobs handed back", n);
}

static enum rc set_up(struct worker *w, struct err *e)
{
	char unique[17];

	if (gethostname(w->host, sizeof w->host - 1) != 0)
		(void)snprintf(w->host, sizeof w->host, "unknown");
	random_hex(unique, 8);
	(void)snprintf(w->id, sizeof w->id, "%s-%d-%s", w->host, (int)getpid(), unique);
	w->fetch = QUEUE_DOCUMENTS;
	w->settings = openai_settings_from(&w->app.cfg);
	w->pg = pg_new(w->app.cfg.database_url, "worker", w->app.cfg.db_timeout_ms);
	if (w->pg == NULL)
		return err_no_memory(e);
	return openai_client_new(&w->settings, &w->client, e);
}

int main(int argc, char **argv)
{
	struct worker w = { 0 };
	struct err e = { 0 };
	int status =
	    app_start(&w.app, "worker", "Reads queued invoices and audits them.", NULL, argc, argv);

	if (status >= 0)
		return status;
	stop_signal_catch(STOP_S);
	status = EXIT_FAILURE;
	if (set_up(&w, &e) == RC_OK) {
		log_info("start.worker", "worker %s, %lld calls at a time", w.id,
		    (long long)w.app.cfg.worker_concurrency);
		loop(&w);
		stop(&w);
		status = EXIT_SUCCESS;
	} else {
		log_error("start.failed", "%s", e.msg);
	}
	openai_client_free(w.client);
	openai_frames_clear(&w.frames);
	pg_free(w.pg);
	app_stop(&w.app);
	return status;
}
