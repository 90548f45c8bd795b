#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json_write.h"

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

void log_as_is(const char *line, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(STDOUT_FILENO, line + done, len - done);
		if (n < 0 && errno != EINTR)
			return; /* nowhere left to say it */
		done += n > 0 ? (size_t)n : 0;
	}
}

static void add_fields(struct json_writer *w, const struct log_field *f)
{
	for (; f != NULL && f->name != NULL; f++)
		if (f->text != NULL)
			json_write_text(w, f->name, f->text);
		else
			json_write_int(w, f->name, f->number);
}

/* In out, whole or broken. */
static void render(struct buf *out, enum log_level level, const char *event, const char *message,
    const struct log_field *fields)
{
	struct json_writer w = { .out = out, .spaced = true };
	char now[CLOCK_TEXT];

	clock_rfc3339(now);
	json_write_object(&w, NULL);
	json_write_text(&w, "time", now);
	json_write_text(&w, "level", level_names[level]);
	json_write_text(&w, "process", process);
	json_write_int(&w, "pid", getpid());
	json_write_text(&w, "event", event);
	json_write_text(&w, "message", message);
	add_fields(&w, fields);
	json_write_object_end(&w);
	buf_add(out, "\n", 1);
}

void log_event(
    enum log_level level, const char *event, const struct log_field *fields, const char *fmt, ...)
{
	char line[MAX_LINE + 1], message[MAX_MESSAGE];
	struct buf out;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	buf_init_fixed(&out, line, sizeof line);
	render(&out, level, event, message, fields);
	if (buf_broken(&out)) {
		buf_clear(&out);
		render(&out, level, event, message, NULL);
	}
	if (!buf_broken(&out))
		log_as_is(out.p, out.len);
}
