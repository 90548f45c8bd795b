/*
 * ROLLBACK_COMMAND's runs, at most one for each build: asked for by a decision, claimed by one
 * runner of any watchdog, and ended by it.  Its end is told to whoever was told of the decision
 * (sql/0021, rollback_ended()).
 */
#ifndef MIZAN_STORE_ROLLBACK_H
#define MIZAN_STORE_ROLLBACK_H

#include <stdbool.h>

#include "pg/pg.h"

#define ROLLBACK_BUILD_ID 128

/*
 * A rollback that was asked for and is nobody's yet: RC_OK and its build in build_id.
 * RC_NOT_FOUND: there is none.
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

/* What was given up, as `each` is told it: the build that was to be left, and why. */
typedef void rollback_given_up_fn(const char *build_id, const char *why);

/*
 * End, with no status, what was claimed this many seconds ago and never ended, as its runner is
 * gone, and what nobody has claimed for ten minutes, as it says nothing of what runs by now.
 */
enum rc rollback_give_up(
    struct pg *pg, int64_t seconds, rollback_given_up_fn *each, struct err *e) MUST_CHECK;

#endif
