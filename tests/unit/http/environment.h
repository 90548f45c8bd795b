/* A request's environment, from literals. */
#ifndef MIZAN_TESTS_UNIT_HTTP_ENVIRONMENT_H
#define MIZAN_TESTS_UNIT_HTTP_ENVIRONMENT_H

#include <stdio.h>

enum { ENV_MAX = 5, ENV_TEXT = 128 };

struct environment {
	char text[ENV_MAX][ENV_TEXT];
	char *env[ENV_MAX + 1];
};

/* of ends with NULL, or is full; e stays where it is for as long as env is used. */
static inline char *const *environment(struct environment *e, const char *const of[ENV_MAX])
{
	size_t n = 0;

	for (; n < ENV_MAX && of[n] != NULL; n++) {
		(void)snprintf(e->text[n], ENV_TEXT, "%s", of[n]);
		e->env[n] = e->text[n];
	}
	e->env[n] = NULL;
	return e->env;
}

#endif
