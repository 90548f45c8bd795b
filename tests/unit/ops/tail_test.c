#include "ops/tail.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "unit/unit.h"

/* A log in a folder of its own, and who follows it from where. */
struct log {
	char folder[32], path[48];
	struct tail *tail;
	struct log_place place;
	struct buf read; /* all that came */
	size_t passed_over;
	bool lost_sight;
};

static void log_begin(struct log *l)
{
	*l = (struct log){ .folder = "/tmp/mizan-tail-XXXXXX" };
	CU_ASSERT_FATAL(mkdtemp(l->folder) != NULL);
	(void)snprintf(l->path, sizeof l->path, "%s/access.log", l->folder);
	l->tail = tail_new(l->path, 0);
	CU_ASSERT_FATAL(l->tail != NULL);
	buf_init(&l->read, 16 << 20);
}

static void log_end(struct log *l)
{
	char command[64];

	(void)snprintf(command, sizeof command, "rm -r %s", l->folder);
	CU_ASSERT(system(command) == 0);
	tail_free(l->tail);
	buf_free(&l->read);
}

/* As after the end of the process. */
static void log_restart(struct log *l)
{
	tail_free(l->tail);
	l->tail = tail_new(l->path, 0);
}

static void put(const struct log *l, const char *suffix, int flags, const char *text)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof path, "%s%s", l->path, suffix);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	(void)close(fd);
	(void)usleep(5000); /* the clock of files goes in steps: which was written last must show */
}

static void add(const struct log *l, const char *text)
{
	put(l, "", O_APPEND, text);
}

static void move(const struct log *l, const char *from, const char *to)
{
	char old[64], new[64];

	(void)snprintf(old, sizeof old, "%s%s", l->path, from);
	(void)snprintf(new, sizeof new, "%s%s", l->path, to);
	CU_ASSERT(rename(old, new) == 0);
}

/* Read until there is nothing new: what came, all of it since the beginning. */
static const char *all(struct log *l)
{
	for (int quiet = 0; quiet < 2;) {
		struct tail_chunk chunk;

		if (tail_read(l->tail, &l->place, &chunk, NULL) != RC_OK)
			return "(none)";
		buf_add(&l->read, chunk.text, chunk.len);
		l->passed_over += chunk.passed_over;
		l->lost_sight |= chunk.lost_sight;
		quiet = memcmp(&chunk.after, &l->place, sizeof l->place) == 0 ? quiet + 1 : 0;
		l->place = chunk.after;
	}
	return buf_str(&l->read);
}

static void test_whole_lines(void)
{
	struct tail_chunk chunk;
	struct err e = { .rc = RC_OK };
	struct log l;

	log_begin(&l);
	CU_ASSERT(tail_read(l.tail, &l.place, &chunk, &e) == RC_NOT_FOUND);
	CHECK_STR(e.code, "log_missing");
	add(&l, "one\ntw");
	CHECK_STR(all(&l), "one\n");
	CHECK_STR(all(&l), "one\n");
	add(&l, "o\n");
	CHECK_STR(all(&l), "one\ntwo\n");
	log_restart(&l);
	add(&l, "three\n");
	CHECK_STR(all(&l), "one\ntwo\nthree\n");
	CU_ASSERT(l.passed_over == 0 && !l.lost_sight);
	log_end(&l);
}

/* The old file first, what is added to it late as well, whether we looked on or were away. */
static void test_renamed(void)
{
	for (int away = 0; away < 2; away++) {
		struct log l;

		log_begin(&l);
		add(&l, "one\n");
		CHECK_STR(all(&l), "one\n");
		if (away)
			log_restart(&l);
		add(&l, "two\n");
		move(&l, "", ".1");
		CHECK_STR(all(&l), "one\ntwo\n");
		put(&l, ".1", O_APPEND, "three\nhal");
		if (away)
			log_restart(&l);
		CHECK_STR(all(&l), "one\ntwo\nthree\n");
		add(&l, "four\n");
		CHECK_STR(all(&l), "one\ntwo\nthree\nfour\n");
		CU_ASSERT(l.passed_over == 3 && !l.lost_sight);
		log_end(&l);
	}
}

/* Twice and more while we were away, under either kind of name. */
static void test_renamed_often(void)
{
	static const char *const names[][3] = { { ".3", ".2", ".1" },
		{ "-20260101", "-20260102", "-20260103" } };

	for (size_t i = 0; i < 2; i++) {
		struct log l;

		log_begin(&l);
		put(&l, ".7", 0, "before our time\n");
		put(&l, ".8.gz", 0, "packed\n");
		add(&l, "one\n");
		CHECK_STR(all(&l), "one\n");
		log_restart(&l);
		for (size_t n = 0; n < 3; n++) {
			add(&l, n == 0 ? "two\n" : n == 1 ? "three\n" : "four\n");
			move(&l, "", names[i][n]);
		}
		add(&l, "five\n");
		put(&l, ".bak", 0, "a copy\n");
		put(&l, ".1.gz", 0, "packed\n");
		CHECK_STR(all(&l), "one\ntwo\nthree\nfour\nfive\n");
		CU_ASSERT(l.passed_over == 0 && !l.lost_sight);
		log_end(&l);
	}
}

/* The writer may need a moment to turn to the new file. */
static void test_grace(void)
{
	struct log l;

	log_begin(&l);
	tail_free(l.tail);
	l.tail = tail_new(l.path, 200);
	add(&l, "one\n");
	CHECK_STR(all(&l), "one\n");
	move(&l, "", ".1");
	add(&l, "three\n");
	CHECK_STR(all(&l), "one\n");
	put(&l, ".1", O_APPEND, "two\n");
	CHECK_STR(all(&l), "one\ntwo\n");
	for (int i = 0; i < 1000 && strcmp(all(&l), "one\ntwo\n") == 0; i++)
		(void)usleep(1000);
	CHECK_STR(all(&l), "one\ntwo\nthree\n");
	log_end(&l);
}

/* Cut, and filled again: shorter than it was, or longer. */
static void test_truncated(void)
{
	static const char *const fillings[] = { "", "new\n", "a new line that is longer\n" };

	for (size_t i = 0; i < 3; i++) {
		struct log l;
		char want[64];

		log_begin(&l);
		add(&l, "one\ntwo\n");
		CHECK_STR(all(&l), "one\ntwo\n");
		put(&l, "", O_TRUNC, fillings[i]);
		(void)snprintf(want, sizeof want, "one\ntwo\n%s", fillings[i]);
		CHECK_STR(all(&l), want);
		CU_ASSERT(!l.lost_sight);
		log_end(&l);
	}
}

/* Gone for good, and what was not read of it with it. */
static void test_lost(void)
{
	struct log l;

	log_begin(&l);
	add(&l, "one\n");
	CHECK_STR(all(&l), "one\n");
	log_restart(&l);
	move(&l, "", ".1");
	add(&l, "two\n");
	move(&l, ".1", ".1.gz");
	CHECK_STR(all(&l), "one\ntwo\n");
	CU_ASSERT(l.lost_sight);
	log_end(&l);
}

static void test_long_line(void)
{
	static char line[TAIL_CHUNK + 2];
	struct log l;

	log_begin(&l);
	memset(line, 'x', sizeof line - 1);
	add(&l, "one\n");
	add(&l, line);
	CHECK_STR(all(&l), "one\n");
	CU_ASSERT(l.passed_over == TAIL_CHUNK);
	add(&l, "\ntwo\n");
	CHECK_STR(all(&l), "one\nx\ntwo\n");
	log_end(&l);
}

/* A chunk never cuts a line. */
static void test_many_chunks(void)
{
	static char text[3 * TAIL_CHUNK];
	size_t n = 0;
	struct log l;

	log_begin(&l);
	for (int i = 0; n + 100 < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "line %d of many\n", i);
	add(&l, text);
	CU_ASSERT(strcmp(all(&l), text) == 0);
	log_end(&l);
}

static void test_unreadable(void)
{
	struct tail_chunk chunk;
	struct err e = { .rc = RC_OK };
	struct log l;

	log_begin(&l);
	CU_ASSERT(mkdir(l.path, 0700) == 0);
	CU_ASSERT(tail_read(l.tail, &l.place, &chunk, &e) == RC_UNAVAILABLE);
	CHECK_STR(e.code, "log_unreadable");
	CU_ASSERT(rmdir(l.path) == 0 && mkfifo(l.path, 0600) == 0);
	CU_ASSERT(tail_read(l.tail, &l.place, &chunk, &e) == RC_UNAVAILABLE);
	log_end(&l);
}

const struct unit_test unit_tests[] = {
	{ "whole lines", test_whole_lines },
	{ "renamed", test_renamed },
	{ "renamed often", test_renamed_often },
	{ "grace", test_grace },
	{ "truncated", test_truncated },
	{ "lost", test_lost },
	{ "a line that is too long", test_long_line },
	{ "many chunks", test_many_chunks },
	{ "unreadable", test_unreadable },
	{ NULL, NULL },
};
