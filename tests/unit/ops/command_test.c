#include "ops/command.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "unit/unit.h"

enum { MAX_OUTPUT = 64, PATIENT_MS = 10000, SHORT_MS = 200 };

static enum rc run(const char *text, int64_t timeout_ms, struct command_end *ret)
{
	char path[] = "PATH=/usr/bin:/bin", own[] = "OWN=value";
	char *const env[] = { path, own, NULL };
	struct command c = { .text = text,
		.env = env,
		.timeout_ms = timeout_ms,
		.grace_ms = SHORT_MS,
		.max_output = MAX_OUTPUT };

	return command_run(&c, ret, NULL);
}

#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static void ways_to_end(void)
{
	static const struct {
		unsigned line;
		const char *text;
		int status;
		const char *output;
	} rows[] = {
		{ __LINE__, "true", 0, "" },
		{ __LINE__, "echo out; echo err >&2", 0, "out\nerr\n" },
		{ __LINE__, "echo a; exit 7", 7, "a\n" },
		{ __LINE__, "no-such-command 2>/dev/null", 127, "" },
		{ __LINE__, "kill -KILL $$", 128 + SIGKILL, "" },
		{ __LINE__, "echo $OWN; env | grep -c .", 0, "value\n3\n" }, /* and PWD */
		{ __LINE__, "cat", 0, "" },
		{ __LINE__, "exec >&- 2>&-; exit 3", 3, "" },
		{ __LINE__, "printf " FIFTY "0123456789abcd", 0, FIFTY "0123456789abcd" },
		{ __LINE__, "printf x" FIFTY "0123456789abcd", 0, FIFTY "0123456789abcd" },
		{ __LINE__, "printf '\\303\\2741" FIFTY "0123456789abc'", 0,
		    "1" FIFTY "0123456789abc" },
		{ __LINE__,
		    "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; printf " FIFTY
		    "0123456789abcd",
		    0, FIFTY "0123456789abcd" },
		{ __LINE__, "printf 'a\\377\\303\\274\\000b\\303'", 0, "a?\303\274?b?" },
		{ __LINE__, "sleep 30 & echo left", 0, "left\n" },
		{ __LINE__, "test $(ps -o sid= -p $$) = $$", 0, "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct command_end end = { .status = -1 };
		int64_t began = clock_ms();

		CHECK_ROW(run(rows[i].text, PATIENT_MS, &end) == RC_OK, rows[i].line, "rc");
		CHECK_ROW(end.status == rows[i].status, rows[i].line, "status");
		CHECK_ROW(!end.timed_out, rows[i].line, "timed out");
		CHECK_STR_ROW(end.output, rows[i].output, rows[i].line);
		CHECK_ROW(clock_ms() - began < PATIENT_MS / 2, rows[i].line, "time");
		free(end.output);
	}
}

static void time_is_up(void)
{
	static const struct {
		unsigned line;
		const char *text;
		int status;
		const char *output;
	} rows[] = {
		{ __LINE__, "echo a; sleep 30; echo b", 128 + SIGTERM, "a\n" },
		{ __LINE__, "trap 'echo ends; exit 5' TERM; sleep 30 & wait", 5, "ends\n" },
		{ __LINE__, "trap '' TERM; echo a; sleep 30", 128 + SIGKILL, "a\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct command_end end = { .status = -1 };
		int64_t began = clock_ms();

		CHECK_ROW(run(rows[i].text, SHORT_MS, &end) == RC_OK, rows[i].line, "rc");
		CHECK_ROW(end.status == rows[i].status, rows[i].line, "status");
		CHECK_ROW(end.timed_out, rows[i].line, "timed out");
		CHECK_STR_ROW(end.output, rows[i].output, rows[i].line);
		CHECK_ROW(clock_ms() - began < PATIENT_MS / 2, rows[i].line, "time");
		free(end.output);
	}
}

const struct unit_test unit_tests[] = {
	{ "ways to end", ways_to_end },
	{ "time is up", time_is_up },
	{ NULL, NULL },
};
