#include "ops/tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"

enum { HEAD = 256 /* bytes that tell one file from another */ };

struct tail {
	char *path, *folder; /* folder of path, and name in it */
	const char *name;
	int64_t grace_ms;
	int fd;           /* -1: none is open */
	int64_t ended_at; /* clock_ms() of when a rotated file was first seen at its end; 0: not */
	char *room;       /* TAIL_CHUNK */
};

struct tail *tail_new(const char *path, int64_t grace_ms)
{
	struct tail *t = calloc(1, sizeof *t);
	const char *slash = strrchr(path, '/');

	if (t == NULL)
		return NULL;
	t->fd = -1;
	t->grace_ms = grace_ms;
	t->path = strdup(path);
	t->folder = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	t->room = malloc(TAIL_CHUNK);
	if (t->path == NULL || t->folder == NULL || t->room == NULL) {
		tail_free(t);
		return NULL;
	}
	t->name = slash != NULL ? t->path + (slash - path) + 1 : t->path;
	return t;
}

static void close_file(struct tail *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	t->ended_at = 0;
}

void tail_free(struct tail *t)
{
	if (t == NULL)
		return;
	close_file(t);
	free(t->path);
	free(t->folder);
	free(t->room);
	free(t);
}

static enum rc unreadable(struct err *e, int error)
{
	if (error == ENOENT || error == ENOTDIR)
		return err_set(e, RC_NOT_FOUND, "log_missing", "the log is not there");
	return err_set(
	    e, RC_UNAVAILABLE, "log_unreadable", "the log cannot be read: %s", strerror(error));
}

/* A regular file, or -1 with errno. */
static int open_file(int folder, const char *name, struct stat *ret)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (fstat(fd, ret) == 0 && S_ISREG(ret->st_mode))
		return fd;
	(void)close(fd);
	errno = EINVAL;
	return -1;
}

/* As many bytes as there are of n; -1 with errno. */
static ssize_t read_at(int fd, char *room, size_t n, int64_t position)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = pread(fd, room + have, n - have, position + (int64_t)have);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -1;
		have += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)have;
}

/* Of the bytes before position, the first HEAD; "" where there are none, or no longer all. */
static void head_of(int fd, int64_t position, char out[SHA256_TEXT])
{
	char bytes[HEAD];
	size_t n = position < HEAD ? (size_t)position : HEAD;

	out[0] = '\0';
	if (n > 0 && read_at(fd, bytes, n, 0) == (ssize_t)n)
		sha256_hex(bytes, n, out);
}

/* Is it the file of that place, and has it not been cut since? */
static bool holds(int fd, const struct log_place *at)
{
	struct stat s;
	char head[SHA256_TEXT];

	if (fd < 0 || fstat(fd, &s) != 0 || (int64_t)s.st_ino != at->inode ||
	    s.st_size < at->position)
		return false;
	head_of(fd, at->position, head);
	return strcmp(head, at->head) == 0;
}

/* PATH.1, PATH-20260117, PATH.2026-01-17: what rotation makes of a name, and nothing compressed. */
static bool is_sibling(const struct tail *t, const char *name)
{
	size_t n = strlen(t->name);

	if (strncmp(name, t->name, n) != 0 || (name[n] != '.' && name[n] != '-'))
		return false;
	return name[n + 1] != '\0' && strspn(name + n + 1, "0123456789-") == strlen(name + n + 1);
}

/* For each file that was once this log; fn keeps the descriptor (true) or not. */
static void each_sibling(
    const struct tail *t, bool (*fn)(void *arg, int fd, const struct stat *s), void *arg)
{
	DIR *dir = opendir(t->folder);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat s;
		int fd =
		    is_sibling(t, entry->d_name) ? open_file(dirfd(dir), entry->d_name, &s) : -1;

		if (fd >= 0 && !fn(arg, fd, &s))
			(void)close(fd);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

struct search {
	const struct log_place *at;
	int fd;
};

static bool find(void *arg, int fd, const struct stat *s)
{
	struct search *search = arg;

	(void)s;
	if (search->fd >= 0 || !holds(fd, search->at))
		return false;
	search->fd = fd;
	return true;
}

/* Open the file of *at; where there is none any more, *at becomes the beginning of the log. */
static enum rc open_at(struct tail *t, struct log_place *at, bool *ret_lost_sight, struct err *e)
{
	struct search search = { .at = at, .fd = -1 };
	struct stat s;
	int error;

	if (holds(t->fd, at))
		return RC_OK;
	close_file(t);
	t->fd = open_file(AT_FDCWD, t->path, &s);
	error = errno;
	if (t->fd >= 0 && holds(t->fd, at))
		return RC_OK;
	if (at->inode != 0)
		each_sibling(t, find, &search);
	if (search.fd >= 0) {
		close_file(t);
		t->fd = search.fd;
		return RC_OK;
	}
	if (t->fd < 0)
		return unreadable(e, error);
	*ret_lost_sight = at->inode != 0 && at->inode != (int64_t)s.st_ino;
	*at = (struct log_place){ .inode = (int64_t)s.st_ino };
	return RC_OK;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

struct succession {
	struct stat old, next; /* next.st_ino 0: none yet */
};

static bool compare(void *arg, int fd, const struct stat *s)
{
	struct succession *sought = arg;

	(void)fd;
	if (s->st_ino != sought->old.st_ino && later(s->st_mtim, sought->old.st_mtim) &&
	    (sought->next.st_ino == 0 || later(sought->next.st_mtim, s->st_mtim)))
		sought->next = *s;
	return false;
}

/*
 * At the end of the open file.  Was it rotated, and is its writer done with it?  Then *after is the
 * beginning of the next one: of those rotated since the first that was, else of the log itself.
 */
static bool move_on(struct tail *t, struct log_place *after)
{
	struct succession s = { .next = { .st_ino = 0 } };
	struct stat log;

	if (fstat(t->fd, &s.old) != 0 || stat(t->path, &log) != 0 || log.st_ino == s.old.st_ino)
		return false;
	if (t->ended_at == 0)
		t->ended_at = clock_ms();
	if (clock_ms() - t->ended_at < t->grace_ms)
		return false;
	each_sibling(t, compare, &s);
	*after = (struct log_place){
		.inode = (int64_t)(s.next.st_ino != 0 ? s.next.st_ino : log.st_ino),
	};
	return true;
}

enum rc tail_read(struct tail *t, const struct log_place *at, struct tail_chunk *ret, struct err *e)
{
	struct tail_chunk chunk = { .after = *at };
	struct log_place *after = &chunk.after;
	enum rc rc = open_at(t, after, &chunk.lost_sight, e);
	const char *newline;
	ssize_t n;

	if (rc != RC_OK)
		return rc;
	n = read_at(t->fd, t->room, TAIL_CHUNK, after->position);
	if (n < 0)
		return unreadable(e, errno);
	newline = memrchr(t->room, '\n', (size_t)n);
	chunk.text = t->room;
	chunk.len = newline != NULL ? (size_t)(newline - t->room) + 1 : 0;
	chunk.more = (size_t)n == TAIL_CHUNK;
	if (chunk.len == 0 && chunk.more)
		chunk.passed_over = (size_t)n;
	if (chunk.len + chunk.passed_over > 0) {
		t->ended_at = 0;
		after->position += (int64_t)(chunk.len + chunk.passed_over);
		head_of(t->fd, after->position, after->head);
	} else if (move_on(t, after)) {
		chunk.passed_over = (size_t)n;
		chunk.more = true;
	}
	*ret = chunk;
	return RC_OK;
}
