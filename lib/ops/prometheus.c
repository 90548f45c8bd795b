#include "ops/prometheus.h"

#include <string.h>

/* In a HELP line a quote stands for itself. */
static void escaped(struct buf *out, const char *text, bool quote_too)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			buf_adds(out, "\\\\");
		else if (*text == '\n')
			buf_adds(out, "\\n");
		else if (*text == '"' && quote_too)
			buf_adds(out, "\\\"");
		else
			buf_add(out, text, 1);
	}
}

void prometheus_begin(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s ", name);
	escaped(out, help, false);
	buf_addf(out, "\n# TYPE %s %s\n", name, type);
}

void prometheus_sample(struct buf *out, const char *name, const char *suffix,
    const struct prometheus_label *labels, const char *value)
{
	const char *before = "{";

	buf_addf(out, "%s%s", name, suffix);
	for (; labels != NULL && labels->name != NULL; labels++) {
		buf_addf(out, "%s%s=\"", before, labels->name);
		escaped(out, labels->value, true);
		buf_adds(out, "\"");
		before = ",";
	}
	buf_addf(out, "%s %s\n", *before == ',' ? "}" : "", value);
}

void prometheus_int(struct buf *out, const char *name, int64_t value)
{
	buf_addf(out, "%s %lld\n", name, (long long)value);
}
