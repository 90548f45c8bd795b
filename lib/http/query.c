#include "http/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/date.h"
#include "core/text.h"
#include "core/utf8.h"

enum { MAX_NAME = 256, MAX_NUMBER = 24, MAX_CHOICE = 64 };

struct encoded {
	const char *p;
	const char *end;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool next_byte(struct encoded *in, char *out)
{
	int high, low;

	if (in->p == in->end)
		return false;
	if (*in->p != '%') {
		*out = *in->p == '+' ? ' ' : *in->p;
		in->p++;
		return true;
	}
	if (in->end - in->p < 3)
		return false;
	high = hex_digit(in->p[1]);
	low = hex_digit(in->p[2]);
	if (high < 0 || low < 0)
		return false;
	*out = (char)(high << 4 | low);
	in->p += 3;
	return true;
}

/* The next character's length, its bytes in out; 0 if there is none that we accept. */
static size_t next_char(struct encoded *in, char out[4])
{
	uint32_t code_point;
	size_t length;

	if (!next_byte(in, &out[0]))
		return 0;
	length = utf8_length((unsigned char)out[0]);
	for (size_t i = 1; i < length; i++)
		if (!next_byte(in, &out[i]))
			return 0;
	if (length == 0 || utf8_decode(out, length, &code_point) == 0)
		return 0;
	return utf8_is_control(code_point) ? 0 : length;
}

/* All or nothing: out is written only if the whole of it can be. */
static bool decode(struct encoded in, char *out, size_t size)
{
	char c[4];
	size_t n = 0;

	for (struct encoded probe = in; probe.p < probe.end;) {
		size_t length = next_char(&probe, c);

		if (length == 0)
			return false;
		n += length;
	}
	if (n >= size)
		return false;
	for (n = 0; in.p < in.end;) {
		size_t length = next_char(&in, c);

		memcpy(out + n, c, length);
		n += length;
	}
	out[n] = '\0';
	return true;
}

enum rc query_get(const char *query, const char *name, char *out, size_t size, struct err *e)
{
	struct encoded value = { NULL, NULL };

	for (const char *p = query; *p != '\0'; p += *p == '&') {
		const char *end = p + strcspn(p, "&");
		const char *equals = memchr(p, '=', (size_t)(end - p));
		const char *name_end = equals != NULL ? equals : end;
		char found[MAX_NAME];

		if (!decode((struct encoded){ p, name_end }, found, sizeof found))
			return err_set(e, RC_INVALID, "invalid_query",
			    "the query holds a parameter whose name cannot be read");
		p = end;
		if (strcmp(found, name) != 0)
			continue;
		if (value.p != NULL)
			return err_set(e, RC_INVALID, "invalid_query",
			    "the parameter '%s' is there more than once", name);
		value.p = equals != NULL ? equals + 1 : end;
		value.end = end;
	}
	if (value.p == NULL)
		return RC_NOT_FOUND;
	if (!decode(value, out, size))
		return err_set(e, RC_INVALID, "invalid_query",
		    "the parameter '%s' is too long or cannot be read", name);
	return RC_OK;
}

enum rc query_bool(const char *query, const char *name, bool *out, struct err *e)
{
	char text[8];
	enum rc rc = query_get(query, name, text, sizeof text, e);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		*out = true;
	else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*out = false;
	else
		return err_set(e, RC_INVALID, "invalid_query",
		    "the parameter '%s' is neither true, false, 1 nor 0", name);
	return RC_OK;
}

/* Digits, a '-' before them or not, in the range of int64_t. */
static bool parse_integer(const char *text, int64_t *out)
{
	const char *digits = text + (text[0] == '-');

	if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return false;
	errno = 0;
	*out = strtoll(text, NULL, 10);
	return errno == 0;
}

enum rc query_int(
    const char *query, const char *name, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	char text[MAX_NUMBER];
	int64_t value;
	enum rc rc = query_get(query, name, text, sizeof text, e);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (!parse_integer(text, &value) || value < min || value > max)
		return err_set(e, RC_INVALID, "invalid_query",
		    "the parameter '%s' is not an integer from %lld to %lld", name, (long long)min,
		    (long long)max);
	*out = value;
	return RC_OK;
}

enum rc query_date(const char *query, const char *name, int64_t *days, struct err *e)
{
	char text[DATE_TEXT];
	enum rc rc = query_get(query, name, text, sizeof text, e);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (!date_parse(text, days))
		return err_set(e, RC_INVALID, "invalid_query",
		    "the parameter '%s' is not a date YYYY-MM-DD", name);
	return RC_OK;
}

enum rc query_choice(const char *query, const char *name, const char *const choices[],
    const char **out, struct err *e)
{
	char text[MAX_CHOICE];
	enum rc rc = query_get(query, name, text, sizeof text, e);

	if (rc == RC_NOT_FOUND || (rc == RC_OK && text[0] == '\0'))
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; choices[i] != NULL; i++) {
		if (strcmp(text, choices[i]) == 0) {
			*out = choices[i];
			return RC_OK;
		}
	}
	return err_set(e, RC_INVALID, "invalid_query",
	    "the parameter '%s' is none of the values that it may have", name);
}

enum rc query_text(const char *query, const char *name, size_t max, char *out, struct err *e)
{
	enum rc rc = query_get(query, name, out, 4 * max + 1, e);

	if (rc == RC_NOT_FOUND)
		out[0] = '\0';
	else if (rc != RC_OK)
		return rc;
	if (!text_fits(out, strlen(out), max))
		return err_set(e, RC_INVALID, "invalid_query",
		    "the parameter '%s' has more than %zu characters", name, max);
	return RC_OK;
}
