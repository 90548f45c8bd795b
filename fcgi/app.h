/*
 * What every process has: its configuration, its identity, its way to the database.  A
 * process that needs more has a struct whose first member is this one.
 */
#ifndef MIZAN_FCGI_APP_H
#define MIZAN_FCGI_APP_H

#include <pthread.h>

#include "core/config.h"
#include "http/route.h"
#include "http/session.h"
#include "pg/pool.h"

struct app {
	const char *process; /* "full_process", for the log */
	struct config cfg;
	char config_hash[CONFIG_HASH_TEXT];
	char *config_json; /* the bytes of GET /admin/config */
	struct pool *pool;
	const char *listen_path;      /* --listen, or NULL */
	pthread_mutex_t session_lock; /* of the next two, app_session_secret()'s */
	bool session_secret_known;
	uint8_t session_secret[SESSION_SECRET_SIZE];
};

/*
 * What one program alone wants of the configuration, of which only a part may be valid; faults go
 * to problems, "; " between them.
 */
typedef void app_check_fn(const struct config *cfg, struct buf *problems);

/*
 * Everything before serving (SPEC §2): the command line, the configuration, its invariants and
 * check (may be NULL), the start-up lines of the log in their order.
 * Returns -1 to go on, with *app filled for app_stop(); else the exit status: 0 after --help,
 * --version and --check-config, 2 for a wrong command line or configuration, whose every fault
 * is named in one message on standard error and in the log.
 */
int app_start(struct app *app, const char *process, const char *summary, app_check_fn *check,
    int argc, char **argv);
void app_stop(struct app *app);

/*
 * Serve these routes until SIGTERM: the exit status.  The handlers get app as
 * route_context.app, and so does stopping (may be NULL), see server.h.
 */
int app_serve(struct app *app, const struct route *routes, size_t n, size_t threads,
    void (*stopping)(void *app));

/*
 * Who holds this key: the environment's own key of that kind, which reaches every tenant and is
 * called "env" (client) or "admin" (SPEC §1), else a row of api_keys.  A route_authenticate_fn.
 */
enum rc app_authenticate(void *app, const char *key, enum principal_kind wanted,
    struct principal *out, struct err *e) MUST_CHECK;

/* Whose session's cookie this is: a route_session_fn. */
enum rc app_session(
    void *app, const char *cookies, struct principal *out, struct err *e) MUST_CHECK;

/* What cookies are signed with, from the database once and then from memory. */
enum rc app_session_secret(
    struct app *app, uint8_t ret[SESSION_SECRET_SIZE], struct err *e) MUST_CHECK;

#endif
