/*
 * ROLLBACK_COMMAND's runs, at most one for each build: asked for by a decision, claimed by one
 * runner of any watchdog, and ended by it.
 */
#ifndef MIZAN_STORE_ROLLBACK_H
#define MIZAN_STORE_ROLLBACK_H

#include <stdbool.h>

#include "pg/pg.h"

#define ROLLBACK_BUILD_ID 128

/*
 * A rollback that was asked for within the last hour and is nobody's yet: RC_OK and its build in
 * build_id.  RC_NOT_FOUND: there is none.
 */
enum rc rollback_due(struct pg *pg, char build_id[ROLLBACK_BUILD_ID], struct err *e) MUST_CHECK;

/*
 * Make it runner's (unique in the world): it is to run the command now, once.  May be repeated by
 * that runner.  RC_NOT_FOUND: another's, or not asked for.
 */
enum rc rollback_claim(
    struct pg *pg, const char *build_id, const char *runner, struct err *e) MUST_CHECK;

/* status "": not known.  Output: UTF-8, at most 64 KiB.  May be repeated. */
enum rc rollback_finish(struct pg *pg, const char *build_id, const char *runner, const char *status,
    const char *output, struct err *e) MUST_CHECK;

/*
 * End, with no status, what was claimed this many seconds ago and never ended: its runner is gone.
 * *ret_n: how many.
 */
enum rc rollback_give_up(struct pg *pg, int64_t seconds, size_t *ret_n, struct err *e) MUST_CHECK;

#endif
