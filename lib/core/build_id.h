/* Which build this is, and which database schema it needs. */
#ifndef MIZAN_CORE_BUILD_ID_H
#define MIZAN_CORE_BUILD_ID_H

/*
 * SPEC §2: BUILD_ID from the environment; else "git:<short sha>" fixed at build time; else
 * "unknown".  The text lives as long as the environment does.
 */
const char *build_id(void);

/* The number of the newest migration in sql/ when this was built. */
int build_schema_version(void);

#endif
