/*
 * Sees to it that a rollback which was decided is run: by another process, `watchdog --run-rollback
 * BUILD`, that claims it in the database and outlives this one, which the rollback is going to
 * replace.  Until somebody has claimed it each watchdog offers, so that none is lost with one that
 * is killed.
 */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "store/rollback.h"
#include "watch.h"

enum { LOOK_MS = 2000, RETRY_MS = 5000, LOST_AFTER_S = 300 };

static int spawn(const char *build_id, pid_t *ret)
{
	char name[] = "watchdog", option[] = ROLLBACK_RUN_OPTION, build[ROLLBACK_BUILD_ID];
	char *const argv[] = { name, option, build, NULL };
	posix_spawnattr_t attr;
	sigset_t none, all;
	int error = posix_spawnattr_init(&attr);

	if (error != 0)
		return error;
	(void)snprintf(build, sizeof build, "%s", build_id);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(
	    &attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawn(ret, "/proc/self/exe", NULL, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	return error;
}

/* One of ours is at work. */
static bool busy(struct watchdog *w)
{
	if (w->rollback_pid > 0 && waitpid(w->rollback_pid, NULL, WNOHANG) != 0)
		w->rollback_pid = 0;
	return w->rollback_pid > 0;
}

static void say_lost(const char *build_id, const char *why)
{
	log_error("rollback.lost", "build %s was to be left: %s", build_id, why);
}

static enum rc due(struct watchdog *w, char build_id[ROLLBACK_BUILD_ID])
{
	enum rc rc = rollback_give_up(
	    w->pg, w->app.cfg.rollback_timeout_seconds + LOST_AFTER_S, say_lost, NULL);

	if (rc == RC_OK && w->app.cfg.rollback_command == NULL)
		return RC_NOT_FOUND; /* another watchdog's to run */
	return rc == RC_OK ? rollback_due(w->pg, build_id, NULL) : rc;
}

int64_t watch_rollback(struct watchdog *w)
{
	char build_id[ROLLBACK_BUILD_ID];
	enum rc rc;
	int error;

	if (busy(w))
		return LOOK_MS;
	rc = due(w, build_id);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? LOOK_MS : RETRY_MS;
	error = spawn(build_id, &w->rollback_pid);
	if (error == 0)
		return LOOK_MS;
	w->rollback_pid = 0;
	log_error(
	    "rollback.start", "ROLLBACK_COMMAND has no process to run in: %s", strerror(error));
	return RETRY_MS;
}
