/*
 * The cookie of an operator's session: "ID.MAC", the session's UUID and HMAC-SHA-256 (RFC 2104)
 * of it in hex.  What was not signed with our secret is known as such without asking anybody.
 */
#ifndef MIZAN_HTTP_SESSION_H
#define MIZAN_HTTP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/random.h"
#include "core/sha256.h"
#include "http/response.h"

#define SESSION_SECRET_SIZE 32
#define SESSION_SECONDS     (12 * 3600)
/* ID, '.', MAC and the NUL. */
#define SESSION_VALUE_SIZE (RANDOM_UUID_TEXT + SHA256_TEXT)

/* The cookie's value for the session `id`; false, and out is "", where libcrypto fails. */
bool session_sign(const uint8_t secret[SESSION_SECRET_SIZE], const char id[RANDOM_UUID_TEXT],
    char out[SESSION_VALUE_SIZE]) MUST_CHECK;

/* Was value signed with secret?  id, where not NULL, is then the session's, else untouched. */
bool session_verify(const uint8_t secret[SESSION_SECRET_SIZE], const char *value,
    char id[RANDOM_UUID_TEXT]) MUST_CHECK;

/*
 * The session cookie's value among a Cookie header's (RFC 6265 §4.2.1), which may be NULL.
 * RC_NOT_FOUND: there is none.  RC_INVALID: it is there twice, or not as long as ours are.
 * Neither fills a struct err.
 */
enum rc session_cookie(const char *cookies, char out[SESSION_VALUE_SIZE]) MUST_CHECK;

/* Set-Cookie with this value for SESSION_SECONDS; NULL: the browser is to forget it. */
void session_set_cookie(struct http_response *rs, const char *value);

#endif
