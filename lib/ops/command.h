/*
 * A command of the operator's, run by /bin/sh: in a session of its own, so that it outlives whoever
 * asked for it, with a time limit, and with the end of what it printed kept.
 */
#ifndef MIZAN_OPS_COMMAND_H
#define MIZAN_OPS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct command {
	const char *text;   /* for /bin/sh -c */
	char *const *env;   /* all that it finds in its environment, NULL at the end */
	int64_t timeout_ms; /* then SIGTERM to its process group, and SIGKILL grace_ms later */
	int64_t grace_ms;
	size_t max_output; /* bytes kept of standard output and standard error, the last ones */
};

struct command_end {
	int status; /* the command's; 128 + signal where one ended it, as the shell counts */
	bool timed_out;
	char *output; /* UTF-8 without NULs, what was none replaced by '?'; free() it */
};

/*
 * RC_OK: it was run, and has ended; what it left running in the background is left alone, unless
 * its time was up.
 * RC_UNAVAILABLE "not_started": it never ran.
 */
enum rc command_run(
    const struct command *command, struct command_end *ret, struct err *e) MUST_CHECK;

#endif
