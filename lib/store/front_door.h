/* What clients saw of nginx, per minute, and how far its access log has been counted. */
#ifndef MIZAN_STORE_FRONT_DOOR_H
#define MIZAN_STORE_FRONT_DOOR_H

#include <stdint.h>

#include "core/sha256.h"
#include "pg/pg.h"

/* A place in a log that is rotated now and then.  All zero: before its beginning. */
struct log_place {
	int64_t inode;
	int64_t position;       /* bytes before it */
	char head[SHA256_TEXT]; /* of the first of them: an inode may come to be another file's */
};

/* A log, known by its machine and its path there. */
struct front_door_log {
	const char *host, *path;
};

/* How far it has been counted; a log that nobody knew is known from now on. */
enum rc front_door_place(struct pg *pg, const struct front_door_log *log, struct log_place *ret,
    struct err *e) MUST_CHECK;

/*
 * Count these lines (a list of access_log_lines()) and move the place from `was` to `now`: both or
 * neither, so that it may be tried again, or by two at once, and each line counts once.
 * RC_CONFLICT: "log_moved": the place is not `was` (any more); nothing was counted.
 */
enum rc front_door_count(struct pg *pg, const struct front_door_log *log,
    const struct log_place *was, const struct log_place *now, const char *lines,
    struct err *e) MUST_CHECK;

/* Note that the log ends at `place` now: whatever was written to it is counted. */
enum rc front_door_caught_up(struct pg *pg, const struct front_door_log *log,
    const struct log_place *place, struct err *e) MUST_CHECK;

/* Remove some of the minutes that are past keeping; *ret_more: there may be others. */
enum rc front_door_forget(struct pg *pg, bool *ret_more, struct err *e) MUST_CHECK;

#endif
