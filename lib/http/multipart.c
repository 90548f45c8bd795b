#include "http/multipart.h"

#include <stdio.h>
#include <string.h>

#include "http/field.h"
#include "http/multipart_header.h"

/* "\r\n--boundary"; at the very start of a body it may lack the CRLF. */
struct delimiter {
	char text[4 + MULTIPART_BOUNDARY_SIZE];
	size_t len;
};

/* A delimiter's place in a body. */
struct mark {
	const char *start; /* where the content before it ends */
	const char *end;   /* after its line */
	bool closing;
};

static enum rc invalid(struct err *e, const char *why)
{
	return err_set(e, RC_INVALID, "invalid_multipart", "the form cannot be read: %s", why);
}

/* RFC 2046 §5.1.1: 1 to 70 bchars, the last not a space. */
static bool boundary_valid(struct field_text b)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ";

	if (b.n == 0 || b.n >= MULTIPART_BOUNDARY_SIZE || b.p[b.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] == '\0' || strchr(allowed, b.p[i]) == NULL)
			return false;
	return true;
}

static bool is_form_data(struct field *f)
{
	struct field_text type, subtype;

	field_skip_space(f);
	return field_token(f, &type) && field_take(f, '/') && field_token(f, &subtype) &&
	       field_is(type, "multipart") && field_is(subtype, "form-data");
}

enum rc multipart_boundary(
    const char *content_type, char out[MULTIPART_BOUNDARY_SIZE], struct err *e)
{
	struct field f = field_of(content_type != NULL ? content_type : "");
	struct field_text boundary = { NULL, 0 };
	struct field_param param;
	enum field_next next;

	if (f.p == f.end)
		return err_set(e, RC_INVALID, "no_file", "the request holds no form");
	if (!is_form_data(&f))
		return err_set(e, RC_INVALID, "invalid_content_type",
		    "the request is not multipart/form-data");
	while ((next = field_param(&f, &param)) == FIELD_PARAM) {
		if (!field_is(param.name, "boundary"))
			continue;
		if (boundary.p != NULL)
			return invalid(e, "Content-Type has two boundaries");
		boundary = param.value;
	}
	if (next == FIELD_BAD || f.p < f.end || boundary.p == NULL || !boundary_valid(boundary))
		return invalid(e, "Content-Type has no sound boundary");
	memcpy(out, boundary.p, boundary.n);
	out[boundary.n] = '\0';
	return RC_OK;
}

/* After the text of a delimiter: ["--"] padding CRLF; after the closing one the body may end. */
static bool delimiter_line(const char *p, const char *end, struct mark *out)
{
	bool closing = end - p >= 2 && p[0] == '-' && p[1] == '-';
	struct field f = { closing ? p + 2 : p, end };

	field_skip_space(&f);
	if (end - f.p >= 2 && f.p[0] == '\r' && f.p[1] == '\n')
		f.p += 2;
	else if (!closing || f.p != end)
		return false;
	out->end = f.p;
	out->closing = closing;
	return true;
}

/* The first delimiter at or after p; one that more text follows on its line is content. */
static bool find_delimiter(
    const char *p, const char *end, const struct delimiter *d, struct mark *out)
{
	while ((p = memmem(p, (size_t)(end - p), d->text, d->len)) != NULL) {
		out->start = p;
		p += d->len;
		if (delimiter_line(p, end, out))
			return true;
	}
	return false;
}

static bool find_first_delimiter(
    const char *body, size_t len, const struct delimiter *d, struct mark *out)
{
	size_t bare_len = d->len - 2;

	out->start = body;
	if (len >= bare_len && memcmp(body, d->text + 2, bare_len) == 0 &&
	    delimiter_line(body + bare_len, body + len, out))
		return true;
	return find_delimiter(body, body + len, d, out);
}

/* The character that browsers write as %22, %0D or %0A (HTML §4.10.22.8); NUL if p is none. */
static char percent_form(const char *p, const char *end)
{
	if (end - p < 3 || p[0] != '%')
		return '\0';
	if (p[1] == '2' && p[2] == '2')
		return '"';
	if (p[1] != '0')
		return '\0';
	if (p[2] == 'D' || p[2] == 'd')
		return '\r';
	return p[2] == 'A' || p[2] == 'a' ? '\n' : '\0';
}

static void read_filename(struct field_text raw, char out[FILENAME_SIZE])
{
	char name[MULTIPART_MAX_HEADERS];
	const char *p = raw.p != NULL ? raw.p : "";
	const char *end = p + raw.n;
	size_t n = 0;

	while (p < end) {
		char c = percent_form(p, end);
		bool pair = *p == '\\' && end - p > 1 && (p[1] == '"' || p[1] == '\\');

		name[n++] = c != '\0' ? c : p[pair];
		p += c != '\0' ? 3 : 1 + pair;
	}
	filename_clean(name, n, out);
}

static void read_content_type(struct field_text raw, char *out, size_t size)
{
	out[0] = '\0';
	if (raw.p == NULL || raw.n >= size)
		return;
	for (size_t i = 0; i < raw.n; i++)
		if (raw.p[i] < ' ' || raw.p[i] > '~')
			return;
	memcpy(out, raw.p, raw.n);
	out[raw.n] = '\0';
}

static void fill_part(
    const struct multipart_header *header, const char *content_end, struct multipart_part *out)
{
	out->data = header->end;
	out->len = content_end > header->end ? (size_t)(content_end - header->end) : 0;
	read_filename(header->filename, out->filename);
	read_content_type(header->content_type, out->content_type, sizeof out->content_type);
}

enum rc multipart_find_file(const char *body, size_t len, const char *boundary, const char *field,
    struct multipart_part *out, struct err *e)
{
	struct delimiter d;
	struct mark mark;
	struct multipart_header header, file = { .end = NULL };
	const char *file_end = NULL;

	d.len = (size_t)snprintf(d.text, sizeof d.text, "\r\n--%s", boundary);
	if (d.len >= sizeof d.text)
		return invalid(e, "its boundary is too long");
	if (body == NULL || !find_first_delimiter(body, len, &d, &mark))
		return invalid(e, "its first delimiter is missing");
	for (size_t parts = 0; !mark.closing; parts++) {
		enum rc rc;

		if (parts == MULTIPART_MAX_PARTS)
			return invalid(e, "it has too many parts");
		rc = multipart_header_read(mark.end, body + len, d.text + 2, &header, e);
		if (rc != RC_OK)
			return rc;
		/* The blank line's CRLF may be the delimiter's too: a part without content. */
		if (!find_delimiter(header.end - 2, body + len, &d, &mark))
			return invalid(e, "its closing delimiter is missing");
		if (header.name.n != strlen(field) ||
		    memcmp(header.name.p, field, header.name.n) != 0)
			continue;
		if (file.end != NULL)
			return err_set(e, RC_INVALID, "duplicate_file",
			    "the form has more than one field '%s'", field);
		file = header;
		file_end = mark.start;
	}
	if (file.end == NULL)
		return err_set(e, RC_INVALID, "no_file", "the form has no field '%s'", field);
	fill_part(&file, file_end, out);
	return RC_OK;
}
