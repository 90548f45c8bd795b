/* What is kept for so long and no longer: the content of documents, and the provider's answers. */
#ifndef MIZAN_STORE_RETENTION_H
#define MIZAN_STORE_RETENTION_H

#include <stdbool.h>

#include "pg/pg.h"

struct retention {
	int64_t documents, replies; /* emptied just now */
	bool more;                  /* there is more to do */
};

/* Empty some of what is older than `days` (at least 1); any number of processes may do so at once.
 */
enum rc retention_expire(
    struct pg *pg, int64_t days, struct retention *ret, struct err *e) MUST_CHECK;

#endif
