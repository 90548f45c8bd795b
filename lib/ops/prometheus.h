/* Writing Prometheus's text format, 0.0.4: the only code that does. */
#ifndef MIZAN_OPS_PROMETHEUS_H
#define MIZAN_OPS_PROMETHEUS_H

#include <stdint.h>

#include "core/buf.h"

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct prometheus_label {
	const char *name, *value;
};

/* Begin the metric `name` (type "counter", "gauge" or "histogram"): its HELP and TYPE. */
void prometheus_begin(struct buf *out, const char *name, const char *type, const char *help);

/*
 * One sample.  name and suffix ("", "_bucket", ...) make its name; labels end with a row whose name
 * is NULL (NULL: none), and their values may hold anything; value is a number's own digits.
 */
void prometheus_sample(struct buf *out, const char *name, const char *suffix,
    const struct prometheus_label *labels, const char *value);
void prometheus_int(struct buf *out, const char *name, int64_t value);

#endif
