/*
 * Follows a log file that others write and rotate.  It keeps no account of its own of what was
 * read: the caller says from where, and keeps the place after it.
 *
 * Renamed (logrotate's default): the old file is read to its end first, also when it was renamed
 * while nobody looked, as long as it lies beside the new one as PATH.1 or PATH-20260117 or the
 * like; the next file is taken once nothing was added to the old one for a while (grace_ms), as
 * its writer may not have turned to the new one yet.  Copied and truncated: read from the start.
 */
#ifndef MIZAN_OPS_TAIL_H
#define MIZAN_OPS_TAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "store/front_door.h"

#define TAIL_CHUNK ((size_t)1 << 20)

struct tail;

struct tail_chunk {
	const char *text; /* whole lines, each with its newline; until the next call */
	size_t len;
	struct log_place after; /* where what follows begins; as before: nothing new */
	bool more;              /* look again at once */
	size_t passed_over;     /* bytes of a line over TAIL_CHUNK, or of one without an end */
	bool lost_sight;        /* the file of the place is gone, and what was not read of it */
};

/* The file need not be there.  NULL: out of memory. */
struct tail *tail_new(const char *path, int64_t grace_ms);
void tail_free(struct tail *t);

/*
 * What comes after `at`.
 * RC_NOT_FOUND: there is no such file (yet).  RC_UNAVAILABLE: it cannot be read; msg says why.
 */
enum rc tail_read(
    struct tail *t, const struct log_place *at, struct tail_chunk *ret, struct err *e) MUST_CHECK;

#endif
