#include "http/prefer.h"

#include <limits.h>

#include "http/field.h"

/* preference *( OWS ";" [ OWS parameter ] ), up to the comma or the end. */
static bool next_preference(struct field *f, struct field_param *out)
{
	struct field_param ignored;
	enum field_next next = FIELD_PARAM;

	if (!field_pair(f, out))
		return false;
	while (next == FIELD_PARAM)
		next = field_param(f, &ignored);
	return next == FIELD_END && (f->p == f->end || *f->p == ',');
}

/* Seconds, at most INT_MAX; -1 if it is no number. */
static int delta_seconds(struct field_text value)
{
	int seconds = 0;

	for (size_t i = 0; i < value.n; i++) {
		int digit = value.p[i] - '0';

		if (digit < 0 || digit > 9)
			return -1;
		if (seconds > (INT_MAX - digit) / 10)
			seconds = INT_MAX;
		else
			seconds = seconds * 10 + digit;
	}
	return value.n > 0 ? seconds : -1;
}

struct prefer prefer_parse(const char *header)
{
	struct prefer result = { .respond_async = false, .wait_s = -1 };
	struct field f = field_of(header != NULL ? header : "");
	bool seen_async = false, seen_wait = false;

	while (f.p < f.end) {
		struct field_param preference;

		field_skip_space(&f);
		if (next_preference(&f, &preference)) {
			if (!seen_async && field_is(preference.name, "respond-async")) {
				seen_async = true;
				result.respond_async = preference.value.n == 0;
			}
			if (!seen_wait && field_is(preference.name, "wait")) {
				seen_wait = true;
				result.wait_s = delta_seconds(preference.value);
			}
		}
		while (f.p < f.end && !field_take(&f, ','))
			f.p++;
	}
	return result;
}
