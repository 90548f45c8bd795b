/* Operators' sessions, as every process that serves operators knows them. */
#include <string.h>

#include "app.h"
#include "http/key.h"
#include "http/session.h"
#include "store/session.h"

/* It never changes while we run, and is asked for until the database once had an answer. */
enum rc app_session_secret(struct app *app, uint8_t ret[SESSION_SECRET_SIZE], struct err *e)
{
	struct pg *pg;
	bool known;
	enum rc rc;

	(void)pthread_mutex_lock(&app->session_lock);
	known = app->session_secret_known;
	if (known)
		memcpy(ret, app->session_secret, SESSION_SECRET_SIZE);
	(void)pthread_mutex_unlock(&app->session_lock);
	if (known)
		return RC_OK;
	rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = session_secret(pg, ret, e);
	pool_put(app->pool, pg);
	if (rc != RC_OK)
		return rc;
	(void)pthread_mutex_lock(&app->session_lock);
	memcpy(app->session_secret, ret, SESSION_SECRET_SIZE);
	app->session_secret_known = true;
	(void)pthread_mutex_unlock(&app->session_lock);
	return RC_OK;
}

static enum rc ended(struct err *e)
{
	return err_set(
	    e, RC_INVALID, "session_ended", "the session has ended; log in again with your key");
}

/* RC_NOT_FOUND: no cookie of ours.  RC_INVALID: one that we never gave, or gave otherwise. */
static enum rc signed_id(
    struct app *app, const char *cookies, char id[RANDOM_UUID_TEXT], struct err *e)
{
	uint8_t secret[SESSION_SECRET_SIZE];
	char value[SESSION_VALUE_SIZE];
	enum rc rc = session_cookie(cookies, value);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? rc : ended(e);
	rc = app_session_secret(app, secret, e);
	if (rc == RC_OK && !session_verify(secret, value, id))
		rc = ended(e);
	return rc;
}

enum rc app_session(void *arg, const char *cookies, struct principal *out, struct err *e)
{
	struct app *app = arg;
	uint8_t admin_key[KEY_HASH_SIZE];
	const char *own = app->cfg.admin_api_key;
	char id[RANDOM_UUID_TEXT];
	struct session s;
	struct pg *pg;
	enum rc rc = signed_id(app, cookies, id, e);

	if (rc == RC_OK)
		rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	if (own != NULL)
		key_hash(own, admin_key);
	rc = session_find(pg, id, own != NULL ? admin_key : NULL, &s, e);
	pool_put(app->pool, pg);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? ended(e) : rc;
	*out = (struct principal){ .kind = PRINCIPAL_ADMIN };
	memcpy(out->name, s.owner.name, sizeof out->name);
	memcpy(out->role, s.owner.role, sizeof out->role);
	memcpy(out->tenant_id, s.owner.tenant_id, sizeof out->tenant_id);
	memcpy(out->session_id, id, sizeof out->session_id);
	memcpy(out->session_expires_at, s.expires_at, sizeof out->session_expires_at);
	return RC_OK;
}
