#include "core/json_write.h"

#include <string.h>

#include "core/utf8.h"

static void escaped(struct buf *out, unsigned char c)
{
	static const char letters[] = "btnvfr"; /* from 8 on; there is no \v in JSON */

	if (c == '"' || c == '\\')
		buf_addf(out, "\\%c", c);
	else if (c >= '\b' && c <= '\r' && c != '\v')
		buf_addf(out, "\\%c", letters[c - '\b']);
	else
		buf_addf(out, "\\u%04x", c);
}

/* Runs of what needs no escape go out in one piece. */
static void string(struct buf *out, const char *s)
{
	const char *end = s + strlen(s), *run = s;

	buf_add(out, "\"", 1);
	while (s < end) {
		unsigned char c = (unsigned char)*s;
		uint32_t code_point;
		size_t length = c < 0x80 ? 1 : utf8_decode(s, (size_t)(end - s), &code_point);

		if (length > 0 && c >= ' ' && c != '"' && c != '\\') {
			s += length;
			continue;
		}
		buf_add(out, run, (size_t)(s - run));
		if (length > 0)
			escaped(out, c);
		else
			buf_adds(out, UTF8_REPLACEMENT);
		run = ++s;
	}
	buf_add(out, run, (size_t)(s - run));
	buf_add(out, "\"", 1);
}

/* What goes before a value: the comma after the one before it, and its name. */
static void begin(struct json_writer *w, const char *name)
{
	if (w->more)
		buf_adds(w->out, w->spaced ? ", " : ",");
	w->more = true;
	if (name == NULL)
		return;
	string(w->out, name);
	buf_adds(w->out, w->spaced ? ": " : ":");
}

static void bracket_open(struct json_writer *w, const char *name, const char *bracket)
{
	begin(w, name);
	buf_adds(w->out, bracket);
	if (w->spaced)
		buf_add(w->out, " ", 1);
	w->more = false;
}

static void bracket_close(struct json_writer *w, const char *bracket)
{
	if (w->spaced && w->more)
		buf_add(w->out, " ", 1);
	buf_adds(w->out, bracket);
	w->more = true;
}

void json_write_object(struct json_writer *w, const char *name)
{
	bracket_open(w, name, "{");
}

void json_write_object_end(struct json_writer *w)
{
	bracket_close(w, "}");
}

void json_write_list(struct json_writer *w, const char *name)
{
	bracket_open(w, name, "[");
}

void json_write_list_end(struct json_writer *w)
{
	bracket_close(w, "]");
}

void json_write_raw(struct json_writer *w, const char *name, const char *json)
{
	begin(w, name);
	buf_adds(w->out, json != NULL ? json : "null");
}

void json_write_text(struct json_writer *w, const char *name, const char *value)
{
	if (value == NULL) {
		json_write_null(w, name);
		return;
	}
	begin(w, name);
	string(w->out, value);
}

void json_write_int(struct json_writer *w, const char *name, int64_t value)
{
	begin(w, name);
	buf_addf(w->out, "%lld", (long long)value);
}

void json_write_bool(struct json_writer *w, const char *name, bool value)
{
	json_write_raw(w, name, value ? "true" : "false");
}

void json_write_null(struct json_writer *w, const char *name)
{
	json_write_raw(w, name, NULL);
}
