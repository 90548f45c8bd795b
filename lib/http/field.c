#include "http/field.h"

#include <string.h>
#include <strings.h>

struct field field_of(const char *s)
{
	return (struct field){ s, s + strlen(s) };
}

void field_skip_space(struct field *f)
{
	while (f->p < f->end && (*f->p == ' ' || *f->p == '\t'))
		f->p++;
}

bool field_take(struct field *f, char c)
{
	if (f->p == f->end || *f->p != c)
		return false;
	f->p++;
	return true;
}

static bool is_tchar(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool field_token(struct field *f, struct field_text *out)
{
	const char *start = f->p;

	while (f->p < f->end && is_tchar(*f->p))
		f->p++;
	if (f->p == start)
		return false;
	*out = (struct field_text){ start, (size_t)(f->p - start) };
	return true;
}

/* A backslash escapes '"' and itself: what it does before others is the caller's business. */
static bool quoted_string(struct field *f, struct field_text *out)
{
	const char *start = f->p + 1;

	if (!field_take(f, '"'))
		return false;
	while (f->p < f->end && *f->p != '"') {
		bool pair =
		    *f->p == '\\' && f->end - f->p > 1 && (f->p[1] == '"' || f->p[1] == '\\');

		f->p += pair ? 2 : 1;
	}
	*out = (struct field_text){ start, (size_t)(f->p - start) };
	return field_take(f, '"');
}

bool field_pair(struct field *f, struct field_param *out)
{
	const char *after_name;

	*out = (struct field_param){ .quoted = false };
	if (!field_token(f, &out->name))
		return false;
	after_name = f->p;
	field_skip_space(f);
	if (!field_take(f, '=')) {
		f->p = after_name;
		return true;
	}
	field_skip_space(f);
	out->quoted = f->p < f->end && *f->p == '"';
	return out->quoted ? quoted_string(f, &out->value) : field_token(f, &out->value);
}

enum field_next field_param(struct field *f, struct field_param *out)
{
	for (;;) {
		field_skip_space(f);
		if (!field_take(f, ';'))
			return FIELD_END;
		field_skip_space(f);
		if (f->p < f->end && *f->p != ';' && *f->p != ',')
			return field_pair(f, out) ? FIELD_PARAM : FIELD_BAD;
	}
}

bool field_is(struct field_text text, const char *s)
{
	return text.n == strlen(s) && strncasecmp(text.p, s, text.n) == 0;
}
