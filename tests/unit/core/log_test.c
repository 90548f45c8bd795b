#include "core/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "core/utf8.h"
#include "unit/unit.h"

#define MAX_LINE 8192

/* Standard output goes into a pipe while a line is written; what came through is the answer. */
static int saved, ends[2];

static void capture_start(void)
{
	(void)fflush(stdout);
	saved = dup(STDOUT_FILENO);
	if (saved < 0 || pipe2(ends, O_CLOEXEC) != 0 || dup2(ends[1], STDOUT_FILENO) < 0)
		abort();
	(void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	(void)close(ends[1]);
}

static char *capture_end(void)
{
	size_t cap = 1 << 20, len = 0;
	char *text = calloc(1, cap + 1);
	ssize_t n;

	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
	while (text != NULL && (n = read(ends[0], text + len, cap - len)) > 0)
		len += (size_t)n;
	(void)close(ends[0]);
	return text;
}

/* One line, and the JSON object that it is. */
static struct json_object *parse_line(const char *text)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;
	size_t len = strlen(text);

	CU_ASSERT_FATAL(len > 1 && text[len - 1] == '\n');
	CU_ASSERT(strchr(text, '\n') == text + len - 1);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, text, (int)len);
	CU_ASSERT(json_tokener_get_error(tok) == json_tokener_success);
	json_tokener_free(tok);
	return o;
}

static const char *member(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) ? json_object_get_string(v) : NULL;
}

static void test_line(void)
{
	static const char *const names[] = { "time", "level", "process", "pid", "event", "message",
		"trace_id", "attempts", "empty" };
	const char *nothing = NULL;
	const struct log_field fields[] = { LOG_TEXT("trace_id", "7f/3a"), LOG_NUM("attempts", -3),
		LOG_TEXT("empty", nothing), { .name = NULL } };
	char pid[16], *text;
	struct json_object *o;
	size_t i = 0;

	log_init("unit");
	capture_start();
	log_event(LOG_WARN_LEVEL, "job.done", fields, "%d of %s", 2, "two");
	text = capture_end();
	o = parse_line(text);
	CU_ASSERT_FATAL(o != NULL);
	json_object_object_foreach(o, name, value)
	{
		(void)value;
		CU_ASSERT_FATAL(i < sizeof names / sizeof names[0]);
		CHECK_STR(name, names[i++]);
	}
	CU_ASSERT(i == sizeof names / sizeof names[0]);
	CU_ASSERT(strlen(member(o, "time")) == 24);
	CHECK_STR(member(o, "level"), "warning");
	CHECK_STR(member(o, "process"), "unit");
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	CHECK_STR(member(o, "pid"), pid);
	CHECK_STR(member(o, "event"), "job.done");
	CHECK_STR(member(o, "message"), "2 of two");
	CHECK_STR(member(o, "trace_id"), "7f/3a");
	CHECK_STR(member(o, "attempts"), "-3");
	CHECK_STR(member(o, "empty"), "");
	CU_ASSERT(strstr(text, "\"event\": \"job.done\"") != NULL); /* the seed's grep (SPEC 9) */
	CU_ASSERT(strstr(text, "7f/3a") != NULL);
	(void)json_object_put(o);
	free(text);
}

static void test_levels(void)
{
	static const char *const want[] = { "debug", "info", "warning", "error" };

	for (int level = LOG_DEBUG_LEVEL; level <= LOG_ERROR_LEVEL; level++) {
		char *text;
		struct json_object *o;

		capture_start();
		if (level == LOG_INFO_LEVEL)
			log_info("e", "m");
		else if (level == LOG_WARN_LEVEL)
			log_warn("e", "m");
		else if (level == LOG_ERROR_LEVEL)
			log_error("e", "m");
		else
			log_event((enum log_level)level, "e", NULL, "m");
		text = capture_end();
		o = parse_line(text);
		CHECK_STR(member(o, "level"), want[level]);
		(void)json_object_put(o);
		free(text);
	}
}

/* A line over the limit loses its fields; a message over its own is cut; both stay one line. */
static void test_long(void)
{
	static const struct {
		unsigned line;
		size_t field, message;
		bool field_kept;
	} cases[] = {
		{ __LINE__, 7000, 10, true },
		{ __LINE__, 8192, 10, false },
		{ __LINE__, 100000, 10, false },
		{ __LINE__, 10, 1023, true },
		{ __LINE__, 10, 50000, true },
		{ __LINE__, 50000, 50000, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *field = calloc(1, cases[i].field + 1), *text;
		char *message = calloc(1, cases[i].message + 1);
		struct log_field fields[] = { LOG_TEXT("field", field), { .name = NULL } };
		struct json_object *o;

		CU_ASSERT_FATAL(field != NULL && message != NULL);
		memset(field, 'f', cases[i].field);
		memset(message, 'm', cases[i].message);
		capture_start();
		log_event(LOG_INFO_LEVEL, "long", fields, "%s", message);
		text = capture_end();
		CHECK_ROW(strlen(text) <= MAX_LINE, cases[i].line, "length");
		o = parse_line(text);
		CHECK_ROW(
		    (member(o, "field") != NULL) == cases[i].field_kept, cases[i].line, "field");
		CHECK_ROW(strlen(member(o, "message")) ==
			      (cases[i].message < 1023 ? cases[i].message : 1023),
		    cases[i].line, "message");
		(void)json_object_put(o);
		free(text);
		free(message);
		free(field);
	}
}

/* Whatever a message holds, the line is one line, and JSON in UTF-8. */
static void test_hostile(void)
{
	static const struct {
		unsigned line;
		const char *text, *want;
	} cases[] = {
		{ __LINE__, "two\nlines\r\n", "two\nlines\r\n" },
		{ __LINE__, "\",\"event\":\"forged\"}", "\",\"event\":\"forged\"}" },
		{ __LINE__, "tab\tback\\slash\x01\x1b[31m", "tab\tback\\slash\x01\x1b[31m" },
		{ __LINE__, "ölçü ₺ 😀", "ölçü ₺ 😀" },
		{ __LINE__, "\xff broken", UTF8_REPLACEMENT " broken" },
		{ __LINE__, "cut \xc3", "cut " UTF8_REPLACEMENT },
		{ __LINE__, "overlong \xc0\xaf", "overlong " UTF8_REPLACEMENT UTF8_REPLACEMENT },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct log_field fields[] = { LOG_TEXT("f", cases[i].text), { .name = NULL } };
		struct json_object *o;
		char *text;

		capture_start();
		log_event(LOG_INFO_LEVEL, "hostile", fields, "%s", cases[i].text);
		text = capture_end();
		o = parse_line(text);
		CHECK_ROW(o != NULL, cases[i].line, cases[i].text);
		CHECK_STR_ROW(member(o, "event"), "hostile", cases[i].line);
		CHECK_STR_ROW(member(o, "message"), cases[i].want, cases[i].line);
		CHECK_STR_ROW(member(o, "f"), cases[i].want, cases[i].line);
		(void)json_object_put(o);
		free(text);
	}
}

/* A cut in the middle of a letter leaves valid UTF-8, too. */
static void test_cut_letter(void)
{
	char message[3000], *text;

	for (size_t i = 0; i + 1 < sizeof message; i += 2)
		memcpy(message + i, "\xc3\xbc", 2);
	message[sizeof message - 2] = '\0';
	for (size_t shift = 0; shift < 2; shift++) {
		capture_start();
		log_info("cut", "%s%s", shift > 0 ? "x" : "", message);
		text = capture_end();
		(void)json_object_put(parse_line(text));
		free(text);
	}
}

static void *write_lines(void *arg)
{
	for (int i = 0; i < 50; i++)
		log_event(LOG_INFO_LEVEL, "thread", arg, "line %d", i);
	return NULL;
}

/* Lines of threads do not mix. */
static void test_threads(void)
{
	enum { THREADS = 8 };
	const struct log_field fields[] = { LOG_TEXT("name", "one of eight"), { .name = NULL } };
	pthread_t threads[THREADS];
	char *text, *at;
	size_t lines = 0;

	capture_start();
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t)fields) != 0)
			abort();
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	text = capture_end();
	for (at = text; *at != '\0'; lines++) {
		char *end = strchr(at, '\n'), next;

		CU_ASSERT_FATAL(end != NULL);
		next = end[1];
		end[1] = '\0';
		(void)json_object_put(parse_line(at));
		end[1] = next;
		at = end + 1;
	}
	CU_ASSERT(lines == THREADS * 50);
	free(text);
}

/* Standard output may be gone: the line is lost, the process is not. */
static void test_nowhere(void)
{
	int out, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)fflush(stdout);
	out = dup(STDOUT_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	log_info("lost", "nobody reads this");
	(void)dup2(out, STDOUT_FILENO);
	(void)close(out);
	(void)close(null);
}

const struct unit_test unit_tests[] = {
	{ "a line and its fields", test_line },
	{ "levels", test_levels },
	{ "long lines lose their fields", test_long },
	{ "newlines, quotes and broken UTF-8", test_hostile },
	{ "a cut letter", test_cut_letter },
	{ "threads", test_threads },
	{ "no standard output", test_nowhere },
	{ NULL, NULL },
};
