/*
 * `watchdog --run-rollback BUILD`: claims the rollback of that build, runs ROLLBACK_COMMAND, and
 * keeps how it ended, over the watchdog's end, the database's absence, and whatever else a rollback
 * brings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "ops/command.h"
#include "store/rollback.h"
#include "watch.h"

enum { GRACE_MS = 10 * 1000, MAX_OUTPUT = 64 << 10, RETRY_MS = 500 };
enum { CLAIM_MS = 60 * 1000, FINISH_MS = 30 * 60 * 1000 };
enum { TIMED_OUT = 124 /* as timeout(1) says of a command that ends well, but too late */ };

/* Is it, "NAME=value", a secret of ours?  The command needs none. */
static bool secret(const char *variable)
{
	size_t n, length = strcspn(variable, "=");
	const struct config_key *keys = config_keys(&n);

	for (size_t i = 0; i < n; i++)
		if ((keys[i].flags & CONFIG_SECRET) && strlen(keys[i].name) == length &&
		    strncmp(keys[i].name, variable, length) == 0)
			return true;
	return false;
}

/* Our environment without secrets, and `added`: for free(). */
static char **environment(char *added)
{
	size_t n = 0, kept = 0;
	char **env;

	while (environ[n] != NULL)
		n++;
	env = calloc(n + 2, sizeof *env);
	for (size_t i = 0; env != NULL && i < n; i++)
		if (!secret(environ[i]))
			env[kept++] = environ[i];
	if (env != NULL)
		env[kept] = added;
	return env;
}

/* Unsure whether it was committed, it asks again: until then nobody knows whose it is. */
static enum rc claim(struct pg *pg, const char *build_id, const char *runner, struct err *e)
{
	const int64_t deadline = clock_ms() + CLAIM_MS;
	enum rc rc;

	while ((rc = rollback_claim(pg, build_id, runner, e)) == RC_UNAVAILABLE &&
	       clock_ms() < deadline)
		(void)usleep(RETRY_MS * 1000);
	return rc;
}

static enum rc run(
    const struct config *cfg, const char *build_id, struct command_end *ret, struct err *e)
{
	char added[ROLLBACK_BUILD_ID + 32];
	struct command command = {
		.text = cfg->rollback_command,
		.env = environment(added),
		.timeout_ms = cfg->rollback_timeout_seconds * 1000,
		.grace_ms = GRACE_MS,
		.max_output = MAX_OUTPUT,
	};
	enum rc rc;

	(void)snprintf(added, sizeof added, "ROLLBACK_BUILD_ID=%s", build_id);
	if (command.env == NULL)
		return err_no_memory(e);
	log_warn("rollback.start", "build %s is to be left: running ROLLBACK_COMMAND", build_id);
	rc = command_run(&command, ret, e);
	if (rc == RC_OK && ret->timed_out && ret->status == EXIT_SUCCESS)
		ret->status = TIMED_OUT;
	free((void *)(uintptr_t)command.env);
	return rc;
}

static void finish(struct pg *pg, const char *build_id, const char *runner,
    const struct command_end *end, const char *why)
{
	const int64_t deadline = clock_ms() + FINISH_MS;
	char status[12] = "";
	struct err e = { 0 };

	if (end->output != NULL)
		(void)snprintf(status, sizeof status, "%d", end->status);
	while (rollback_finish(pg, build_id, runner, status,
		   end->output != NULL ? end->output : why, &e) != RC_OK) {
		if (e.rc != RC_UNAVAILABLE || clock_ms() >= deadline) {
			log_error("rollback.end", "how it ended could not be kept: %s", e.msg);
			return;
		}
		(void)usleep(RETRY_MS * 1000);
	}
}

static int run_claimed(
    const struct config *cfg, struct pg *pg, const char *build_id, const char *runner)
{
	struct command_end end = { 0 };
	struct err e = { 0 };
	enum rc rc = run(cfg, build_id, &end, &e);
	bool good = rc == RC_OK && end.status == EXIT_SUCCESS;

	if (rc != RC_OK)
		log_error("rollback.end", "%s", e.msg);
	else
		log_event(good ? LOG_INFO_LEVEL : LOG_ERROR_LEVEL, "rollback.end", NULL,
		    "ROLLBACK_COMMAND for build %s ended with status %d%s", build_id, end.status,
		    end.timed_out ? ": its time was up" : "");
	finish(pg, build_id, runner, &end, e.msg);
	free(end.output);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int rollback_run(const char *build_id)
{
	char name[] = "watchdog", *argv[] = { name, NULL }, runner[RANDOM_UUID_TEXT];
	struct app app;
	struct err e = { 0 };
	struct pg *pg = NULL;
	int status = app_start(&app, "rollback", "Runs ROLLBACK_COMMAND.", NULL, 1, argv);
	enum rc rc;

	if (status >= 0)
		return status;
	random_uuid(runner);
	status = EXIT_FAILURE;
	pg = pg_new(app.cfg.database_url, "rollback", app.cfg.db_timeout_ms);
	rc = pg != NULL ? claim(pg, build_id, runner, &e) : err_no_memory(&e);
	if (rc == RC_OK)
		status = run_claimed(&app.cfg, pg, build_id, runner);
	else if (rc != RC_NOT_FOUND)
		log_error("rollback.start", "not claimed: %s", e.msg);
	pg_free(pg);
	app_stop(&app);
	return status;
}
