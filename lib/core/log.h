/*
 * The log: one JSON line per event on standard output, the only thing written there.  Only
 * programs log (fcgi/); lib/ returns errors.  No key and no content of a document goes in.
 */
#ifndef MIZAN_CORE_LOG_H
#define MIZAN_CORE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARN_LEVEL, LOG_ERROR_LEVEL };

/* A named value of a line: text unless it is NULL, else the number. */
struct log_field {
	const char *name;
	const char *text;
	int64_t number;
};
#define LOG_TEXT(n, v)                                                                             \
	{                                                                                          \
		.name = (n), .text = (v) != NULL ? (v) : ""                                        \
	}
#define LOG_NUM(n, v)                                                                              \
	{                                                                                          \
		.name = (n), .number = (int64_t)(v)                                                \
	}

/* Name the process for every later line; `name` is kept, not copied. */
void log_init(const char *name);

/*
 * Write {"time", "level", "process", "pid", "event", "message", fields...} as one line with
 * one write(2), so that threads and processes that share the descriptor do not mix.  fields
 * ends with a row whose name is NULL; NULL: none.  A line over 8 KiB loses its fields.  It
 * takes no memory, so that a want of it can be logged.
 */
void log_event(enum log_level level, const char *event, const struct log_field *fields,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Write a line that is ready-made, its newline included, likewise. */
void log_as_is(const char *line, size_t len);

#define log_info(event, ...)  log_event(LOG_INFO_LEVEL, (event), NULL, __VA_ARGS__)
#define log_warn(event, ...)  log_event(LOG_WARN_LEVEL, (event), NULL, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_ERROR_LEVEL, (event), NULL, __VA_ARGS__)

#endif
