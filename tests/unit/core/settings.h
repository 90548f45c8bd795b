/* Configurations for tests: the defaults with some settings on top. */
#ifndef MIZAN_TESTS_CORE_SETTINGS_H
#define MIZAN_TESTS_CORE_SETTINGS_H

#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "unit/unit.h"

/* A list of them ends with a row whose name is NULL. */
struct setting {
	const char *name, *value;
};

static inline const char *setting_source(const char *name, void *arg)
{
	for (const struct setting *s = arg; s->name != NULL; s++)
		if (strcmp(s->name, name) == 0)
			return s->value;
	return NULL;
}

/* Load what must be valid; config_free() it. */
static inline void load_settings(struct config *cfg, const struct setting *set)
{
	struct buf problems;

	buf_init(&problems, 4000);
	if (config_load(cfg, setting_source, (void *)(uintptr_t)set, &problems) != RC_OK)
		abort();
	buf_free(&problems);
}

/* The settings are refused for exactly these problems; NULL: they are accepted. */
static inline void check_settings(const struct setting *set, const char *problem, unsigned line)
{
	struct buf problems;
	struct config c = { .db_pool_size = -1 };
	enum rc rc;

	buf_init(&problems, 4000);
	rc = config_load(&c, setting_source, (void *)(uintptr_t)set, &problems);
	CHECK_STR_ROW(buf_str(&problems), problem != NULL ? problem : "", line);
	CHECK_ROW(rc == (problem != NULL ? RC_INVALID : RC_OK), line, set->name);
	CHECK_ROW(problem == NULL || (c.db_pool_size == 0 && c.env == NULL), line, "empty");
	config_free(&c);
	buf_free(&problems);
}

#endif
