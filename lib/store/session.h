/* Operators' sessions: the rows behind the cookies of lib/http/session.h. */
#ifndef MIZAN_STORE_SESSION_H
#define MIZAN_STORE_SESSION_H

#include <stdint.h>

#include "core/clock.h"
#include "core/sha256.h"
#include "pg/pg.h"
#include "store/api_key.h"

/* What cookies are signed with. */
enum rc session_secret(struct pg *pg, uint8_t ret[SHA256_BYTES], struct err *e) MUST_CHECK;

struct session {
	struct api_key owner;
	char expires_at[CLOCK_TEXT];
};

/*
 * Whose session it is.  admin_key: SHA-256 of this process's ADMIN_API_KEY, or NULL.
 * RC_NOT_FOUND: it has ended, by time, by logout or with its key; normal, *e is not filled.
 */
enum rc session_find(struct pg *pg, const char *id, const uint8_t *admin_key, struct session *ret,
    struct err *e) MUST_CHECK;

/*
 * Open the session `id` with a key that was found right, for so many seconds; name and tenant ("":
 * every one) are its holder's and go into the audit log.
 */
enum rc session_open(struct pg *pg, const char *id, const uint8_t key[SHA256_BYTES],
    int64_t seconds, const char *name, const char *tenant, char ret_expires_at[CLOCK_TEXT],
    struct err *e) MUST_CHECK;

/* End it; one that has ended already stays as it is. */
enum rc session_close(
    struct pg *pg, const char *id, const char *name, const char *tenant, struct err *e) MUST_CHECK;

/* Count a refused login from this address. */
enum rc session_login_failed(struct pg *pg, const char *address, struct err *e) MUST_CHECK;

#endif
