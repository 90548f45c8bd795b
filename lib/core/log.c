#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "core/clock.h"
#include "core/utf8.h"

enum { MAX_LINE = 8192, MAX_MESSAGE = 1024 };

static const char *process = "mizan";
static const char *const level_names[] = {
	[LOG_DEBUG_LEVEL] = "debug",
	[LOG_INFO_LEVEL] = "info",
	[LOG_WARN_LEVEL] = "warning",
	[LOG_ERROR_LEVEL] = "error",
};

void log_init(const char *name)
{
	process = name;
}

static void add_text(struct json_object *line, const char *name, const char *text)
{
	struct buf clean;

	buf_init(&clean, strlen(text) * strlen(UTF8_REPLACEMENT));
	utf8_clean(&clean, text);
	(void)json_object_object_add(line, name, json_object_new_string(buf_str(&clean)));
	buf_free(&clean);
}

static void add_fields(struct json_object *line, const struct log_field *f)
{
	for (; f != NULL && f->name != NULL; f++)
		if (f->text != NULL)
			add_text(line, f->name, f->text);
		else
			(void)json_object_object_add(
			    line, f->name, json_object_new_int64(f->number));
}

/* The whole line, or NULL when memory is short or it is too long. */
static const char *render(struct json_object *line)
{
	const char *text = json_object_to_json_string_ext(
	    line, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	return text != NULL && strlen(text) < MAX_LINE ? text : NULL;
}

static void write_line(const char *text)
{
	char line[MAX_LINE + 1];
	size_t len = strlen(text);

	memcpy(line, text, len);
	line[len++] = '\n';
	for (size_t done = 0; done < len;) {
		ssize_t n = write(STDOUT_FILENO, line + done, len - done);
		if (n < 0 && errno != EINTR)
			return; /* nowhere left to say it */
		done += n > 0 ? (size_t)n : 0;
	}
}

void log_event(
    enum log_level level, const char *event, const struct log_field *fields, const char *fmt, ...)
{
	struct json_object *line = json_object_new_object();
	char now[CLOCK_TEXT], message[MAX_MESSAGE];
	const char *text;
	va_list ap;

	if (line == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	clock_rfc3339(now);
	add_text(line, "time", now);
	add_text(line, "level", level_names[level]);
	add_text(line, "process", process);
	(void)json_object_object_add(line, "pid", json_object_new_int(getpid()));
	add_text(line, "event", event);
	add_text(line, "message", message);
	add_fields(line, fields);
	text = render(line);
	if (text == NULL) {
		for (const struct log_field *f = fields; f != NULL && f->name != NULL; f++)
			json_object_object_del(line, f->name);
		text = render(line);
	}
	if (text != NULL)
		write_line(text);
	(void)json_object_put(line);
}
