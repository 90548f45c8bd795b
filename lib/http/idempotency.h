/*
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header §2.1).
 */
#ifndef MIZAN_HTTP_IDEMPOTENCY_H
#define MIZAN_HTTP_IDEMPOTENCY_H

#include "core/err.h"

#define IDEMPOTENCY_KEY_SIZE 256

/*
 * The key in out: 1 to 255 visible ASCII characters (no space), either the draft's
 * quoted string (RFC 8941 §3.3.3) or, as most clients send it, bare; "abc" with and without
 * quotes is the same key.  A bare key holds no '"'.
 * RC_NOT_FOUND: header is NULL; normal, *e is not filled.  RC_INVALID "invalid_idempotency_key".
 */
enum rc idempotency_key_parse(
    const char *header, char out[IDEMPOTENCY_KEY_SIZE], struct err *e) MUST_CHECK;

#endif
