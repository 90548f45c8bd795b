#include "core/json_read.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

enum outcome { READ, BROKEN, TWICE, NO_MEMORY };

/*
 * A recursive descent.  Strings are decoded onto a stack of bytes that all of the text would
 * fit on, since none gets longer by it: a key stays there while its value is read.
 */
struct reader {
	const unsigned char *p, *end;
	char *stack, *top;
	int depth;
	enum outcome outcome;
};

static bool fail(struct reader *r, enum outcome why)
{
	r->outcome = why;
	return false;
}

static bool at(const struct reader *r, char c)
{
	return r->p < r->end && *r->p == (unsigned char)c;
}

static bool take(struct reader *r, char c)
{
	bool there = at(r, c);

	r->p += there;
	return there;
}

static void skip_space(struct reader *r)
{
	while (at(r, ' ') || at(r, '\t') || at(r, '\n') || at(r, '\r'))
		r->p++;
}

/* *ret is there, or memory is out. */
static bool made(struct reader *r, struct json_object *value, struct json_object **ret)
{
	*ret = value;
	return value != NULL || fail(r, NO_MEMORY);
}

/* --- Numbers and words */

static size_t take_digits(struct reader *r)
{
	const unsigned char *start = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return (size_t)(r->p - start);
}

static bool scan_number(struct reader *r, bool *whole)
{
	*whole = true;
	(void)take(r, '-');
	if (!take(r, '0') && take_digits(r) == 0)
		return false;
	if (take(r, '.')) {
		*whole = false;
		if (take_digits(r) == 0)
			return false;
	}
	if (take(r, 'e') || take(r, 'E')) {
		*whole = false;
		if (!take(r, '+'))
			(void)take(r, '-');
		return take_digits(r) > 0;
	}
	return true;
}

static bool read_number(struct reader *r, struct json_object **ret)
{
	const unsigned char *start = r->p;
	bool whole;
	size_t n;
	int64_t value;

	if (!scan_number(r, &whole))
		return fail(r, BROKEN);
	n = (size_t)(r->p - start);
	memcpy(r->top, start, n);
	r->top[n] = '\0';
	errno = 0;
	value = whole ? strtoll(r->top, NULL, 10) : 0;
	if (whole && errno == 0)
		return made(r, json_object_new_int64(value), ret);
	return made(r, json_object_new_double_s(strtod(r->top, NULL), r->top), ret);
}

static bool take_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return fail(r, BROKEN);
	r->p += len;
	return true;
}

/* --- Strings */

static void put(struct reader *r, uint32_t c)
{
	static const unsigned char leads[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
	int length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (int i = length - 1; i > 0; i--, c >>= 6)
		r->top[i] = (char)(0x80 | (c & 0x3F));
	r->top[0] = (char)(leads[length] | c);
	r->top += length;
}

/* The four digits of \uXXXX; false: they are none. */
static bool take_hex(struct reader *r, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t value = 0;

	if (r->end - r->p < 4)
		return false;
	for (int i = 0; i < 4; i++, r->p++) {
		const char *digit = memchr(digits, *r->p | (*r->p >= 'A' ? 0x20 : 0), 16);

		if (digit == NULL)
			return false;
		value = value << 4 | (uint32_t)(digit - digits);
	}
	*ret = value;
	return true;
}

/* After \u.  Of a pair of surrogates the second follows, or the first stands alone. */
static bool take_unicode(struct reader *r, bool is_key)
{
	const unsigned char *back;
	uint32_t c, low;

	if (r->end - r->p < 4 || (is_key && memcmp(r->p, "0000", 4) == 0) || !take_hex(r, &c))
		return false;
	if (c >= 0xD800 && c <= 0xDBFF) {
		back = r->p;
		if (take(r, '\\') && take(r, 'u') && take_hex(r, &low) && low >= 0xDC00 &&
		    low <= 0xDFFF) {
			put(r, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
			return true;
		}
		r->p = back;
	}
	put(r, c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c);
	return true;
}

/* What follows a backslash. */
static bool take_escape(struct reader *r, bool is_key)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	if (take(r, 'u'))
		return take_unicode(r, is_key);
	letter = r->p < r->end && *r->p != '\0' ? strchr(letters, *r->p) : NULL;
	if (letter == NULL)
		return false;
	*r->top++ = meant[letter - letters];
	r->p++;
	return true;
}

/* Onto the stack, with a NUL after it that counts for nothing; the caller takes it down. */
static bool take_string(struct reader *r, bool is_key)
{
	if (!take(r, '"'))
		return fail(r, BROKEN);
	while (r->p < r->end && *r->p >= ' ') {
		uint32_t c;
		size_t length = 1;

		if (take(r, '"')) {
			*r->top = '\0';
			return true;
		}
		if (take(r, '\\')) {
			if (!take_escape(r, is_key))
				break;
			continue;
		}
		if (*r->p >= 0x80)
			length = utf8_decode((const char *)r->p, (size_t)(r->end - r->p), &c);
		if (length == 0)
			break;
		memcpy(r->top, r->p, length);
		r->top += length;
		r->p += length;
	}
	return fail(r, BROKEN);
}

static bool read_string(struct reader *r, struct json_object **ret)
{
	char *start = r->top;
	size_t n;

	if (!take_string(r, false))
		return false;
	n = (size_t)(r->top - start);
	r->top = start;
	return made(r, json_object_new_string_len(start, (int)n), ret);
}

/* --- Lists and objects */

static bool read_value(struct reader *r, struct json_object **ret);

static bool add_element(struct reader *r, struct json_object *list)
{
	struct json_object *value = NULL;

	if (!read_value(r, &value))
		return false;
	if (json_object_array_add(list, value) == 0)
		return true;
	json_object_put(value);
	return fail(r, NO_MEMORY);
}

/* json-c grows a table at two thirds, and where it cannot it loses the key's copy. */
static bool has_room(struct json_object *object)
{
	struct lh_table *table = json_object_get_object(object);

	return table->count < table->size * LH_LOAD_FACTOR ||
	       lh_table_resize(table, table->size * 2) == 0;
}

static bool put_member(
    struct reader *r, struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_get_ex(object, key, NULL))
		return fail(r, TWICE);
	return (has_room(object) && json_object_object_add(object, key, value) == 0) ||
	       fail(r, NO_MEMORY);
}

static bool add_member(struct reader *r, struct json_object *object)
{
	struct json_object *value = NULL;
	char *key = r->top;
	bool ok;

	if (!take_string(r, true))
		return false;
	r->top++;
	skip_space(r);
	if (!take(r, ':'))
		return fail(r, BROKEN);
	skip_space(r);
	ok = read_value(r, &value);
	r->top = key;
	if (ok && put_member(r, object, key, value))
		return true;
	if (ok)
		json_object_put(value);
	return false;
}

/* What stands between the brackets, and the closing one. */
static bool add_elements(struct reader *r, struct json_object *to, char close, bool keyed)
{
	skip_space(r);
	if (take(r, close))
		return true;
	do {
		skip_space(r);
		if (!(keyed ? add_member(r, to) : add_element(r, to)))
			return false;
		skip_space(r);
	} while (take(r, ','));
	return take(r, close) || fail(r, BROKEN);
}

static bool read_nested(struct reader *r, struct json_object **ret)
{
	bool keyed = at(r, '{'), ok;
	struct json_object *value;

	if (r->depth >= JSON_READ_MAX_DEPTH)
		return fail(r, BROKEN);
	if (!made(r, keyed ? json_object_new_object() : json_object_new_array(), &value))
		return false;
	r->p++;
	r->depth++;
	ok = add_elements(r, value, keyed ? '}' : ']', keyed);
	r->depth--;
	if (ok)
		*ret = value;
	else
		json_object_put(value);
	return ok;
}

static bool read_truth(struct reader *r, struct json_object **ret)
{
	bool value = at(r, 't');

	return take_word(r, value ? "true" : "false") &&
	       made(r, json_object_new_boolean(value), ret);
}

static bool read_value(struct reader *r, struct json_object **ret)
{
	if (at(r, '"'))
		return read_string(r, ret);
	if (at(r, 't') || at(r, 'f'))
		return read_truth(r, ret);
	if (at(r, 'n'))
		return take_word(r, "null"); /* which json-c has as NULL */
	if (at(r, '{') || at(r, '['))
		return read_nested(r, ret);
	return read_number(r, ret);
}

static bool read_document(struct reader *r, struct json_object **ret)
{
	struct json_object *object;

	skip_space(r);
	if (!at(r, '{'))
		return fail(r, BROKEN);
	if (!read_nested(r, &object))
		return false;
	skip_space(r);
	if (r->p < r->end) {
		json_object_put(object);
		return fail(r, BROKEN);
	}
	*ret = object;
	return true;
}

enum rc json_read(const char *text, size_t len, struct json_object **ret, struct err *e)
{
	struct reader r = { .p = (const unsigned char *)text, .stack = NULL };
	struct json_object *object = NULL;

	r.end = r.p + len;
	if (len >= INT32_MAX)
		return err_set(e, RC_INVALID, "invalid_json", "not a JSON object, from byte 0");
	r.stack = r.top = malloc(len + 1);
	if (r.stack == NULL)
		return err_no_memory(e);
	(void)read_document(&r, &object);
	free(r.stack);
	switch (r.outcome) {
	case READ:
		*ret = object;
		return RC_OK;
	case TWICE:
		return err_set(e, RC_INVALID, "invalid_json", "an object has a key twice");
	case NO_MEMORY:
		return err_no_memory(e);
	case BROKEN:
		break;
	}
	return err_set(e, RC_INVALID, "invalid_json", "not a JSON object, from byte %zu",
	    (size_t)((const char *)r.p - text));
}
