/* API keys in the database: scripts/api_key makes them, this finds them. */
#ifndef MIZAN_STORE_API_KEY_H
#define MIZAN_STORE_API_KEY_H

#include <stdint.h>

#include "core/sha256.h"
#include "pg/pg.h"

struct api_key {
	char name[64];
	char role[16];      /* client, viewer, operator or admin */
	char tenant_id[64]; /* "": every tenant */
};

/*
 * The valid key with this SHA-256.  RC_NOT_FOUND: none, or it was revoked.
 */
enum rc api_key_find(struct pg *pg, const uint8_t sha256[SHA256_BYTES], struct api_key *ret,
    struct err *e) MUST_CHECK;

#endif
