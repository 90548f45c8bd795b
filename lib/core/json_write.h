/*
 * Writing JSON (RFC 8259): the only code that does, straight into a struct buf.  What goes wrong
 * (no memory, the buffer's maximum) is the buffer's sticky failure, which one check at the end
 * tells: a document is whole or it is none.
 *
 *	struct json_writer w = { .out = &b };
 *	json_write_object(&w, NULL);
 *	json_write_text(&w, "status", "ok");
 *	json_write_object_end(&w);
 *
 * `name` is the member's within an object, NULL within a list and for the whole document.
 */
#ifndef MIZAN_CORE_JSON_WRITE_H
#define MIZAN_CORE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

struct json_writer {
	struct buf *out; /* whatever it holds already stays in front */
	bool spaced;     /* { "a": 1, "b": 2 } rather than {"a":1,"b":2} */
	bool more;       /* a value stands before the next, within the same brackets */
};

void json_write_object(struct json_writer *w, const char *name);
void json_write_object_end(struct json_writer *w);
void json_write_list(struct json_writer *w, const char *name);
void json_write_list_end(struct json_writer *w);

/* A string, or null for NULL.  Each byte that is no part of a UTF-8 character becomes U+FFFD. */
void json_write_text(struct json_writer *w, const char *name, const char *value);

void json_write_int(struct json_writer *w, const char *name, int64_t value);
void json_write_bool(struct json_writer *w, const char *name, bool value);
void json_write_null(struct json_writer *w, const char *name);

/* JSON text as it is: a number's own digits, or what the database keeps as JSON; NULL: null. */
void json_write_raw(struct json_writer *w, const char *name, const char *json);

#endif
