/*
 * Who is asking, once a key has been recognised (SPEC §1).
 */
#ifndef MIZAN_HTTP_PRINCIPAL_H
#define MIZAN_HTTP_PRINCIPAL_H

#include <stdbool.h>

#include "core/clock.h"
#include "core/random.h"

enum principal_kind {
	PRINCIPAL_NONE, /* no key was asked for */
	PRINCIPAL_CLIENT,
	PRINCIPAL_ADMIN,
};

struct principal {
	enum principal_kind kind;
	char name[64];      /* for the audit log; never a part of a key */
	char tenant_id[64]; /* the one tenant it may touch; "" = every tenant */
	char role[16];
	/* Who came with a session's cookie instead of a key; else both are "". */
	char session_id[RANDOM_UUID_TEXT];
	char session_expires_at[CLOCK_TEXT];
};

/* May it touch this tenant?  PRINCIPAL_NONE may touch none. */
bool principal_may(const struct principal *p, const char *tenant);

#endif
