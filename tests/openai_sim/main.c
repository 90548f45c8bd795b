/*
 * openai_sim: stands in for an OpenAI-compatible provider in tests and benchmarks.
 * README.md beside this file describes it; control.h lists what steers it.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "openai_sim/answers.h"
#include "openai_sim/faults.h"
#include "openai_sim/http.h"
#include "openai_sim/sim.h"
#include "openai_sim/stats.h"

static const char default_data[] = "tests/data/invoices";

static const char usage[] =
    "usage: openai_sim --port N [options]\n"
    "Simulates POST /v1/chat/completions for tests and benchmarks.\n"
    "\n"
    "  --port N          port to listen on; 0: any free one\n"
    "  --listen ADDRESS  IPv4 address to listen on (127.0.0.1)\n"
    "  --port-file PATH  write the port there once it listens\n"
    "  --data DIR        documents and their answers (tests/data/invoices)\n"
    "  --delay-ms N      wait before every answer (0)\n"
    "  --api-key KEY     the only key that is taken; without: any\n"
    "  --help            this text\n";

struct options {
	long port; /* −1: not given */
	const char *listen;
	const char *port_file;
	const char *data; /* NULL: not given */
	const char *api_key;
	long delay_ms;
	bool help;
};

/* Read a whole number from 0 to max. */
static bool read_number(const char *s, long max, long *ret)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (*s == '\0' || *end != '\0' || errno != 0 || n < 0 || n > max)
		return false;
	*ret = n;
	return true;
}

static bool read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "listen", required_argument, NULL, 'l' },
		{ "port-file", required_argument, NULL, 'f' },
		{ "data", required_argument, NULL, 'd' },
		{ "delay-ms", required_argument, NULL, 'm' },
		{ "api-key", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool ok = true;

	*o = (struct options){ .port = -1, .listen = "127.0.0.1" };
	for (int c; ok && (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'p')
			ok = read_number(optarg, 65535, &o->port);
		else if (c == 'l')
			o->listen = optarg;
		else if (c == 'f')
			o->port_file = optarg;
		else if (c == 'd')
			o->data = optarg;
		else if (c == 'm')
			ok = read_number(optarg, 3600000, &o->delay_ms);
		else if (c == 'k')
			o->api_key = optarg;
		else if (c == 'h')
			o->help = true;
		else
			ok = false;
	}
	return ok && optind == argc && (o->help || o->port >= 0);
}

/* Write the port such that a reader sees all of it or no file. */
static bool write_port(const char *path, unsigned short port)
{
	char part[4096];
	FILE *f;
	bool ok;

	(void)snprintf(part, sizeof part, "%s.part", path);
	f = fopen(part, "we");
	if (f == NULL)
		return false;
	ok = fprintf(f, "%d\n", port) > 0;
	ok = fclose(f) == 0 && ok;
	return ok && rename(part, path) == 0;
}

/* Know the documents.  The default folder may be missing, one that was named may not. */
static bool load(struct sim *s, const struct options *o)
{
	struct err e;
	size_t n = 0;
	enum rc rc = answers_load(s->answers, o->data != NULL ? o->data : default_data, &n, &e);

	if (rc != RC_OK)
		(void)fprintf(stderr, "openai_sim: %s\n", e.msg);
	else
		(void)fprintf(stderr, "openai_sim: %zu documents known\n", n);
	return rc == RC_OK || (rc == RC_NOT_FOUND && o->data == NULL);
}

/* Serve until one of the signals comes. */
static int run(struct sim *s, const struct options *o, const sigset_t *stop)
{
	static const uint64_t one = 1;
	struct MHD_Daemon *d = http_start(s, o->listen, (unsigned short)o->port);
	int signal_number, status = 0;

	if (d == NULL) {
		(void)fprintf(stderr, "openai_sim: cannot listen on %s:%ld\n", o->listen, o->port);
		return 1;
	}
	if (o->port_file != NULL && !write_port(o->port_file, http_port(d))) {
		(void)fprintf(stderr, "openai_sim: cannot write '%s'\n", o->port_file);
		status = 1;
	} else {
		(void)fprintf(
		    stderr, "openai_sim: listening on http://%s:%d/v1\n", o->listen, http_port(d));
		(void)sigwait(stop, &signal_number);
	}
	if (write(s->stop_fd, &one, sizeof one) != (ssize_t)sizeof one)
		status = 1;
	MHD_stop_daemon(d);
	return status;
}

int main(int argc, char **argv)
{
	struct options o;
	struct sim s = { .stop_fd = eventfd(0, EFD_CLOEXEC) };
	sigset_t stop;
	int status = 1;

	if (!read_options(argc, argv, &o)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (o.help) {
		(void)fputs(usage, stdout);
		return 0;
	}
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL); /* the threads inherit it */
	(void)signal(SIGPIPE, SIG_IGN);
	s.api_key = o.api_key;
	s.delay_ms = s.start_delay_ms = o.delay_ms;
	s.answers = answers_new();
	s.faults = faults_new();
	s.stats = stats_new();
	if (s.answers == NULL || s.faults == NULL || s.stats == NULL || s.stop_fd < 0)
		(void)fprintf(stderr, "openai_sim: cannot start\n");
	else if (load(&s, &o))
		status = run(&s, &o, &stop);
	answers_free(s.answers);
	faults_free(s.faults);
	stats_free(s.stats);
	(void)close(s.stop_fd);
	return status;
}
