#include "hub.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "pg/pg.h"
#include "store/queue.h"

enum { BUCKETS = 256, RETRY_MS = 250 };

struct hub {
	pthread_mutex_t lock;                /* the waiters and stopped */
	pthread_condattr_t monotonic;        /* of the waiters' conditions */
	struct hub_waiter *waiters[BUCKETS]; /* by the first byte of the random job id */
	size_t n_waiting, max_waiting;
	bool stopped;
	bool started;
	pthread_t thread; /* when started */
	int event_fd;     /* counts announcements to make; also wakes the thread to stop */
	struct pg *pg;
	char channel[40];
};

static struct hub_waiter **bucket(struct hub *hub, const char *job_id)
{
	return &hub->waiters[strtoul((char[]){ job_id[0], job_id[1], '\0' }, NULL, 16) % BUCKETS];
}

static bool stopped(struct hub *hub)
{
	bool yes;

	(void)pthread_mutex_lock(&hub->lock);
	yes = hub->stopped;
	(void)pthread_mutex_unlock(&hub->lock);
	return yes;
}

static void wake(struct hub *hub, const char *job_id)
{
	(void)pthread_mutex_lock(&hub->lock);
	for (struct hub_waiter *w = *bucket(hub, job_id); w != NULL; w = w->next)
		if (strcmp(w->job_id, job_id) == 0) {
			w->woken = true;
			(void)pthread_cond_signal(&w->cond);
		}
	(void)pthread_mutex_unlock(&hub->lock);
}

/* What was missed while not listening is found by the waiters' own looks. */
static void listen_again(struct hub *hub, uint64_t *generation)
{
	struct err e = { 0 };

	if (pg_generation(hub->pg) == *generation && *generation != 0)
		return;
	if (queue_listen(hub->pg, hub->channel, &e) == RC_OK) {
		*generation = pg_generation(hub->pg);
	} else if (*generation != 0) {
		log_warn("hub.lost", "not listening for finished jobs: %s", e.msg);
		*generation = 0;
	}
}

static void *thread_main(void *arg)
{
	struct hub *hub = arg;
	uint64_t generation = 0;
	char job_id[RANDOM_UUID_TEXT];

	while (!stopped(hub)) {
		struct pollfd fds[2] = { { .fd = hub->event_fd, .events = POLLIN },
			{ .fd = pg_fd(hub->pg), .events = POLLIN } };
		/* By an announcement, and with the descriptor that would tell. */
		bool lost = pg_generation(hub->pg) != generation;
		eventfd_t n;

		(void)poll(fds, 2, generation == 0 || lost ? RETRY_MS : 10000);
		listen_again(hub, &generation);
		if (eventfd_read(hub->event_fd, &n) == 0 && generation != 0 && !stopped(hub) &&
		    queue_announce(hub->pg, NULL) != RC_OK)
			log_warn("hub.lost", "new jobs are not announced; the workers poll");
		/* Last, as libpq may have read some with the answers above. */
		while (pg_notification(hub->pg, job_id, sizeof job_id))
			wake(hub, job_id);
	}
	return NULL;
}

/* Signals are for the thread that waits for them (server.h). */
static bool start_thread(struct hub *hub)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	hub->started = pthread_create(&hub->thread, NULL, thread_main, hub) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return hub->started;
}

enum rc hub_start(struct hub **ret, const struct config *cfg, struct err *e)
{
	struct hub *hub = calloc(1, sizeof *hub);

	if (hub == NULL)
		return err_no_memory(e);
	(void)pthread_mutex_init(&hub->lock, NULL);
	(void)pthread_condattr_init(&hub->monotonic);
	(void)pthread_condattr_setclock(&hub->monotonic, CLOCK_MONOTONIC);
	hub->max_waiting = (size_t)cfg->fcgi_threads * 3 / 4;
	(void)snprintf(hub->channel, sizeof hub->channel, "mizan_");
	random_hex(hub->channel + strlen(hub->channel), 16);
	hub->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	hub->pg = pg_new(cfg->database_url, "full_process listener", cfg->db_timeout_ms);
	if (hub->pg == NULL || hub->event_fd < 0 || !start_thread(hub)) {
		hub_free(hub);
		return err_set(e, RC_INTERNAL, "no_hub", "the listening thread does not start");
	}
	*ret = hub;
	return RC_OK;
}

const char *hub_channel(const struct hub *hub)
{
	return hub->channel;
}

void hub_enter(struct hub *hub, struct hub_waiter *w, const char *job_id)
{
	struct hub_waiter **head = bucket(hub, job_id);

	*w = (struct hub_waiter){ 0 };
	(void)pthread_cond_init(&w->cond, &hub->monotonic);
	(void)snprintf(w->job_id, sizeof w->job_id, "%s", job_id);
	(void)pthread_mutex_lock(&hub->lock);
	w->next = *head;
	w->link = head;
	if (w->next != NULL)
		w->next->link = &w->next;
	*head = w;
	hub->n_waiting++;
	(void)pthread_mutex_unlock(&hub->lock);
}

void hub_leave(struct hub *hub, struct hub_waiter *w)
{
	(void)pthread_mutex_lock(&hub->lock);
	*w->link = w->next;
	if (w->next != NULL)
		w->next->link = w->link;
	hub->n_waiting--;
	(void)pthread_mutex_unlock(&hub->lock);
	(void)pthread_cond_destroy(&w->cond);
}

bool hub_wait(struct hub *hub, struct hub_waiter *w, int64_t ms)
{
	struct timespec until;
	int64_t at = clock_ms() + ms;
	bool more;

	until.tv_sec = at / 1000;
	until.tv_nsec = at % 1000 * 1000000;
	(void)pthread_mutex_lock(&hub->lock);
	while (!w->woken && !hub->stopped)
		if (pthread_cond_timedwait(&w->cond, &hub->lock, &until) != 0)
			break;
	w->woken = false;
	more = !hub->stopped;
	(void)pthread_mutex_unlock(&hub->lock);
	return more;
}

bool hub_crowded(struct hub *hub)
{
	bool yes;

	(void)pthread_mutex_lock(&hub->lock);
	yes = hub->n_waiting >= hub->max_waiting;
	(void)pthread_mutex_unlock(&hub->lock);
	return yes;
}

void hub_announce(struct hub *hub)
{
	(void)eventfd_write(hub->event_fd, 1);
}

void hub_stop(struct hub *hub)
{
	(void)pthread_mutex_lock(&hub->lock);
	hub->stopped = true;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct hub_waiter *w = hub->waiters[i]; w != NULL; w = w->next)
			(void)pthread_cond_signal(&w->cond);
	(void)pthread_mutex_unlock(&hub->lock);
	(void)eventfd_write(hub->event_fd, 1);
}

void hub_free(struct hub *hub)
{
	if (hub == NULL)
		return;
	if (hub->started)
		(void)pthread_join(hub->thread, NULL);
	pg_free(hub->pg);
	if (hub->event_fd >= 0)
		(void)close(hub->event_fd);
	(void)pthread_condattr_destroy(&hub->monotonic);
	(void)pthread_mutex_destroy(&hub->lock);
	free(hub);
}
