#include "openai/json.h"

#include <limits.h>
#include <string.h>

/* A recursive descent over the text that only says yes or no. */
struct scan {
	const unsigned char *p, *end;
	size_t members; /* of all objects, duplicates included */
	int depth;
};

static bool scan_value(struct scan *s);

static bool at(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == (unsigned char)c;
}

static bool take(struct scan *s, char c)
{
	bool there = at(s, c);

	s->p += there;
	return there;
}

static void skip_space(struct scan *s)
{
	while (at(s, ' ') || at(s, '\t') || at(s, '\n') || at(s, '\r'))
		s->p++;
}

static bool take_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return false;
	s->p += len;
	return true;
}

static size_t take_digits(struct scan *s)
{
	const unsigned char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - start);
}

static bool scan_number(struct scan *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && take_digits(s) == 0)
		return false;
	if (take(s, '.') && take_digits(s) == 0)
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			(void)take(s, '-');
		return take_digits(s) > 0;
	}
	return true;
}

/* What follows a backslash. */
static bool scan_escape(struct scan *s, bool is_key)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (!take(s, 'u')) {
		bool known = s->p < s->end && *s->p != '\0' && strchr("\"\\/bfnrt", *s->p) != NULL;

		s->p += known;
		return known;
	}
	if (s->end - s->p < 4 || (is_key && memcmp(s->p, "0000", 4) == 0))
		return false;
	for (int i = 0; i < 4; i++, s->p++)
		if (memchr(hex, *s->p, sizeof hex - 1) == NULL)
			return false;
	return true;
}

/* One character outside ASCII: the well-formed sequences of RFC 3629, section 4. */
static bool scan_utf8(struct scan *s)
{
	static const struct {
		unsigned char first_lo, first_hi, second_lo, second_hi, len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (*s->p < forms[i].first_lo || *s->p > forms[i].first_hi)
			continue;
		if (s->end - s->p < forms[i].len || s->p[1] < forms[i].second_lo ||
		    s->p[1] > forms[i].second_hi)
			return false;
		for (int k = 2; k < forms[i].len; k++)
			if ((s->p[k] & 0xc0) != 0x80)
				return false;
		s->p += forms[i].len;
		return true;
	}
	return false;
}

static bool scan_string(struct scan *s, bool is_key)
{
	if (!take(s, '"'))
		return false;
	while (s->p < s->end && *s->p >= ' ') {
		if (take(s, '"'))
			return true;
		if (take(s, '\\')) {
			if (!scan_escape(s, is_key))
				return false;
		} else if (*s->p >= 0x80) {
			if (!scan_utf8(s))
				return false;
		} else {
			s->p++;
		}
	}
	return false;
}

/* What stands between the brackets of a list or object, and the closing one. */
static bool scan_elements(struct scan *s, char close, bool keyed)
{
	skip_space(s);
	if (take(s, close))
		return true;
	do {
		skip_space(s);
		if (keyed) {
			s->members++;
			if (!scan_string(s, true))
				return false;
			skip_space(s);
			if (!take(s, ':'))
				return false;
			skip_space(s);
		}
		if (!scan_value(s))
			return false;
		skip_space(s);
	} while (take(s, ','));
	return take(s, close);
}

static bool scan_value(struct scan *s)
{
	bool keyed = at(s, '{'), ok;

	if (at(s, '"'))
		return scan_string(s, false);
	if (at(s, 't') || at(s, 'f') || at(s, 'n'))
		return take_word(s, "true") || take_word(s, "false") || take_word(s, "null");
	if (!keyed && !at(s, '['))
		return scan_number(s);
	if (s->depth >= OPENAI_JSON_MAX_DEPTH)
		return false;
	s->p++;
	s->depth++;
	ok = scan_elements(s, keyed ? '}' : ']', keyed);
	s->depth--;
	return ok;
}

static bool scan_object(struct scan *s)
{
	skip_space(s);
	if (!at(s, '{') || !scan_value(s))
		return false;
	skip_space(s);
	return s->p == s->end;
}

static size_t count_members(struct json_object *json)
{
	size_t n = 0;

	if (json_object_is_type(json, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(json); i++)
			n += count_members(json_object_array_get_idx(json, i));
	} else if (json_object_is_type(json, json_type_object)) {
		json_object_object_foreach(json, key, value)
		{
			(void)key;
			n += 1 + count_members(value);
		}
	}
	return n;
}

enum rc openai_json_parse(const char *text, size_t len, struct json_object **ret, struct err *e)
{
	struct scan s = { .p = (const unsigned char *)text };
	struct json_tokener *tok;
	struct json_object *json;
	bool out_of_memory;

	s.end = s.p + len;
	if (len >= INT_MAX || !scan_object(&s))
		return err_set(e, RC_INVALID, "invalid_json", "not a JSON object, from byte %zu",
		    (size_t)((const char *)s.p - text));
	tok = json_tokener_new_ex(OPENAI_JSON_MAX_DEPTH + 1);
	if (tok == NULL)
		return err_no_memory(e);
	json = json_tokener_parse_ex(tok, text, (int)len);
	/* the text is known to be JSON: nothing else can have stopped json-c */
	out_of_memory = json == NULL;
	json_tokener_free(tok);
	if (out_of_memory)
		return err_no_memory(e);
	if (count_members(json) != s.members) {
		json_object_put(json);
		return err_set(e, RC_INVALID, "invalid_json", "an object has a key twice");
	}
	*ret = json;
	return RC_OK;
}

bool openai_json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (object != NULL && value != NULL && json_object_object_add(object, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

bool openai_json_append(struct json_object *list, struct json_object *value)
{
	if (list != NULL && value != NULL && json_object_array_add(list, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

struct json_object *openai_json_complete(struct json_object *object, bool ok)
{
	if (ok)
		return object;
	json_object_put(object);
	return NULL;
}
