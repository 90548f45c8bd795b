#include "http/etag.h"

#include <string.h>

#include "http/field.h"

static bool is_etagc(unsigned char c)
{
	return c == 0x21 || (c >= 0x23 && c != 0x7F);
}

/* [ "W/" ] DQUOTE *etagc DQUOTE: no escapes, "W" in upper case. */
static bool take_tag(struct field *f, struct etag *out)
{
	bool weak = f->end - f->p > 1 && f->p[0] == 'W' && f->p[1] == '/';

	f->p += weak ? 2 : 0;
	if (!field_take(f, '"'))
		return false;
	*out = (struct etag){ .text = f->p, .weak = weak };
	while (f->p < f->end && is_etagc((unsigned char)*f->p))
		f->p++;
	out->len = (size_t)(f->p - out->text);
	return field_take(f, '"');
}

/* Lists may have empty members (RFC 9110 §5.6.1.2). */
static bool take_list(struct field *f, struct etags *list)
{
	for (;;) {
		field_skip_space(f);
		if (f->p == f->end)
			return list->n > 0;
		if (field_take(f, ','))
			continue;
		if (list->n == ETAG_MAX || !take_tag(f, &list->tags[list->n++]))
			return false;
		field_skip_space(f);
		if (f->p < f->end && !field_take(f, ','))
			return false;
	}
}

enum rc etags_parse(const char *value, struct etags *ret, struct err *e)
{
	struct field f = field_of(value);
	struct etags list = { .any = false };

	field_skip_space(&f);
	if (field_take(&f, '*')) {
		list.any = true;
		field_skip_space(&f);
	}
	if (list.any ? f.p < f.end : !take_list(&f, &list))
		return err_set(e, RC_INVALID, "invalid_precondition",
		    "If-Match and If-None-Match hold * or up to %d entity tags in quotes",
		    ETAG_MAX);
	*ret = list;
	return RC_OK;
}

bool etags_have(const struct etags *list, const char *text, bool weak_too)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < list->n; i++) {
		const struct etag *tag = &list->tags[i];

		if (tag->len == n && memcmp(tag->text, text, n) == 0 && (weak_too || !tag->weak))
			return true;
	}
	return list->any;
}
