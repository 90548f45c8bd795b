#include "ops/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/utf8.h"

enum { CHUNK = 4096, MAX_KILLS = 3 };

/* The last `max` bytes that were read, of room for twice as many. */
struct tail_buffer {
	char *p;
	size_t len, max;
};

struct running {
	pid_t pid;
	int pid_fd, out_fd; /* out_fd -1: it closed its output */
	struct tail_buffer out;
};

static enum rc not_started(struct err *e, int error)
{
	return err_set(
	    e, RC_UNAVAILABLE, "not_started", "the command cannot be started: %s", strerror(error));
}

/* Everything that is there to read; false at its end. */
static bool read_output(struct running *r)
{
	struct tail_buffer *t = &r->out;

	for (;;) {
		char chunk[CHUNK];
		ssize_t n = read(r->out_fd, chunk, sizeof chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		if (t->len + (size_t)n > 2 * t->max + CHUNK) {
			memmove(t->p, t->p + t->len - t->max, t->max);
			t->len = t->max;
		}
		memcpy(t->p + t->len, chunk, (size_t)n);
		t->len += (size_t)n;
	}
}

/* The last max bytes as a C string that Postgres takes; a character cut at the front goes. */
static void make_text(struct tail_buffer *t)
{
	char *from = t->p + (t->len > t->max ? t->len - t->max : 0), *end = t->p + t->len;

	if (from > t->p)
		while (from < end && (*from & 0xC0) == 0x80)
			from++;
	t->len = (size_t)(end - from);
	memmove(t->p, from, t->len);
	t->p[t->len] = '\0';
	for (size_t i = 0, length; i < t->len; i += length) {
		uint32_t c;

		length = utf8_decode(t->p + i, t->len - i, &c);
		if (length == 0 || c == 0) {
			t->p[i] = '?';
			length = 1;
		}
	}
}

/* Files: nothing as input, the pipe as output, and no other. */
static int spawn(const struct command *c, int out_fd, pid_t *ret)
{
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char *)(uintptr_t)c->text,
		NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int error = posix_spawn_file_actions_init(&files);

	if (error != 0)
		return error;
	(void)posix_spawnattr_init(&attr);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(
	    &attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&files, out_fd, STDERR_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	if (error == 0)
		error = posix_spawn(ret, "/bin/sh", &files, &attr, argv, c->env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return error;
}

/* Until it has ended; when its time is up it and all of its process group are ended. */
static void wait_for_end(struct running *r, const struct command *c, struct command_end *ret)
{
	int64_t deadline = clock_ms() + c->timeout_ms;
	struct pollfd fds[] = { { .fd = r->pid_fd, .events = POLLIN },
		{ .fd = r->out_fd, .events = POLLIN } };
	int kills = 0;

	while (fds[0].revents == 0 && kills <= MAX_KILLS) {
		int64_t left = deadline - clock_ms();

		if (left <= 0) {
			(void)kill(-r->pid, ret->timed_out ? SIGKILL : SIGTERM);
			kills += ret->timed_out ? 1 : 0;
			ret->timed_out = true;
			deadline = clock_ms() + c->grace_ms;
			continue;
		}
		if (poll(fds, 2, (int)left) < 0)
			fds[0].revents = fds[1].revents = 0; /* a signal of ours */
		if (fds[1].revents != 0 && !read_output(r))
			fds[1].fd = -1;
	}
	if (ret->timed_out)
		(void)kill(-r->pid, SIGKILL); /* what the leader left of its group */
}

static enum rc attend(struct running *r, const struct command *c, struct command_end *ret)
{
	int status = 0;

	*ret = (struct command_end){ .status = 128 + SIGKILL };
	wait_for_end(r, c, ret);
	if (waitpid(r->pid, &status, WNOHANG) == r->pid)
		ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	(void)read_output(r);
	make_text(&r->out);
	ret->output = r->out.p;
	r->out.p = NULL;
	return RC_OK;
}

enum rc command_run(const struct command *c, struct command_end *ret, struct err *e)
{
	struct running r = { .pid_fd = -1, .out_fd = -1, .out.max = c->max_output };
	int fds[2] = { -1, -1 };
	enum rc rc = RC_UNAVAILABLE;
	int error;

	r.out.p = malloc(2 * c->max_output + CHUNK + 1);
	if (r.out.p == NULL || pipe2(fds, O_CLOEXEC) != 0) {
		(void)not_started(e, errno);
		goto out;
	}
	r.out_fd = fds[0];
	(void)fcntl(r.out_fd, F_SETFL, O_NONBLOCK);
	error = spawn(c, fds[1], &r.pid);
	(void)close(fds[1]);
	if (error != 0) {
		(void)not_started(e, error);
		goto out;
	}
	r.pid_fd = pidfd_open(r.pid, 0);
	rc = attend(&r, c, ret);
out:
	if (r.pid_fd >= 0)
		(void)close(r.pid_fd);
	if (r.out_fd >= 0)
		(void)close(r.out_fd);
	free(r.out.p);
	return rc;
}
