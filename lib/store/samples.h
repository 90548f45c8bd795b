/* What GET /metrics counts in the database. */
#ifndef MIZAN_STORE_SAMPLES_H
#define MIZAN_STORE_SAMPLES_H

#include <stdbool.h>

#include "pg/pg.h"

/* Ordered by name, label, sublabel; of a histogram's buckets, numbers of two digits, then "sum". */
struct sample {
	const char *name, *label, *sublabel, *value;
};

struct samples {
	struct pg_result *rows;
	size_t n;
};

/* RC_OK: samples_free() them. */
enum rc samples_load(
    struct pg *pg, const char *pilot_tenant, struct samples *ret, struct err *e) MUST_CHECK;
struct sample samples_at(const struct samples *s, size_t i);
void samples_free(struct samples *s);

/* Sum up one more day of what lies back, so that loading stays cheap; *ret_more: there is more. */
enum rc samples_sum_up(struct pg *pg, bool *ret_more, struct err *e) MUST_CHECK;

#endif
