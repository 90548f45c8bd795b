#include "http/multipart_header.h"

#include <string.h>

#include "http/multipart.h"

static enum rc invalid(struct err *e, const char *why)
{
	return err_set(e, RC_INVALID, "invalid_multipart", "the form cannot be read: %s", why);
}

static bool has_control(struct field line)
{
	for (const char *p = line.p; p < line.end; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c < 0x20 && c != '\t') || c == 0x7F)
			return true;
	}
	return false;
}

/* The line at *p without its CRLF, and *p after it; false if it does not end before `end`. */
static bool next_line(const char **p, const char *end, struct field *line)
{
	const char *newline = memchr(*p, '\n', (size_t)(end - *p));

	if (newline == NULL || newline == *p || newline[-1] != '\r')
		return false;
	*line = (struct field){ *p, newline - 1 };
	*p = newline + 1;
	return true;
}

/* Keep value in *slot; false if something is there already. */
static bool set_once(struct field_text *slot, struct field_text value)
{
	if (slot->p != NULL)
		return false;
	*slot = value;
	return true;
}

/* form-data; name="…"; filename="…" */
static enum rc read_disposition(struct field f, struct multipart_header *out, struct err *e)
{
	struct field_text type;
	struct field_param param;
	enum field_next next;

	if (!field_token(&f, &type) || !field_is(type, "form-data"))
		return invalid(e, "a part's Content-Disposition is not form-data");
	while ((next = field_param(&f, &param)) == FIELD_PARAM) {
		if (param.value.p == NULL)
			return invalid(e, "a Content-Disposition parameter has no value");
		if (field_is(param.name, "name") && !set_once(&out->name, param.value))
			return invalid(e, "a part has two names");
		if (field_is(param.name, "filename") && !set_once(&out->filename, param.value))
			return invalid(e, "a part has two file names");
	}
	if (next == FIELD_BAD || f.p < f.end)
		return invalid(e, "a part's Content-Disposition is malformed");
	if (out->name.p == NULL)
		return invalid(e, "a part has no name");
	return RC_OK;
}

static enum rc read_line(struct field line, struct multipart_header *out, struct err *e)
{
	struct field_text name;

	if (has_control(line))
		return invalid(e, "a part's header holds a control character");
	if (!field_token(&line, &name) || !field_take(&line, ':'))
		return invalid(e, "a part's header has a line that is no header");
	field_skip_space(&line);
	if (field_is(name, "Content-Disposition")) {
		if (out->name.p != NULL)
			return invalid(e, "a part has two Content-Disposition headers");
		return read_disposition(line, out, e);
	}
	if (field_is(name, "Content-Type")) {
		struct field_text value = { line.p, (size_t)(line.end - line.p) };

		if (!set_once(&out->content_type, value))
			return invalid(e, "a part has two Content-Type headers");
	}
	return RC_OK;
}

enum rc multipart_header_read(const char *p, const char *end, const char *dash_boundary,
    struct multipart_header *out, struct err *e)
{
	struct multipart_header header = { .end = NULL };
	size_t dash_len = strlen(dash_boundary);

	if (end - p > MULTIPART_MAX_HEADERS)
		end = p + MULTIPART_MAX_HEADERS;
	for (;;) {
		struct field line;
		enum rc rc;

		if (!next_line(&p, end, &line))
			return invalid(
			    e, "a part's header is too long or not ended by a blank line");
		if (line.p == line.end)
			break;
		if ((size_t)(line.end - line.p) >= dash_len &&
		    memcmp(line.p, dash_boundary, dash_len) == 0)
			return invalid(e, "a delimiter stands in a part's header");
		rc = read_line(line, &header, e);
		if (rc != RC_OK)
			return rc;
	}
	if (header.name.p == NULL)
		return invalid(e, "a part has no Content-Disposition");
	header.end = p;
	*out = header;
	return RC_OK;
}
