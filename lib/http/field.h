/*
 * Pieces of a header field's value (RFC 9110 §5.6), read in place from left to right.
 */
#ifndef MIZAN_HTTP_FIELD_H
#define MIZAN_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>

/* What is left to read.  Every function below moves p past what it took. */
struct field {
	const char *p;
	const char *end;
};

struct field_text {
	const char *p; /* not NUL-terminated; NULL: there is none */
	size_t n;
};

/* A parameter: name, name=token or name="quoted-string". */
struct field_param {
	struct field_text name;
	struct field_text
	    value; /* of a quoted-string what is between the quotes, escapes and all */
	bool quoted;
};

enum field_next {
	FIELD_END,   /* no further parameter: the end, or a character other than ';' */
	FIELD_PARAM, /* *out is filled */
	FIELD_BAD,   /* not as the grammar has it */
};

struct field field_of(const char *s);

void field_skip_space(struct field *f);

/* Take c if it is next. */
bool field_take(struct field *f, char c);

/* A token (§5.6.2); false, and f as it was, if there is none. */
bool field_token(struct field *f, struct field_text *out);

/* A parameter without what precedes it; the value may be missing.  False: malformed. */
bool field_pair(struct field *f, struct field_param *out);

/* The next of *( OWS ";" OWS [ parameter ] ) (§5.6.6). */
enum field_next field_param(struct field *f, struct field_param *out);

/* Equal, but for the case of ASCII letters? */
bool field_is(struct field_text text, const char *s);

#endif
