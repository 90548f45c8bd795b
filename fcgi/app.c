#include "app.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/build_id.h"
#include "core/clock.h"
#include "core/log.h"
#include "http/key.h"
#include "server.h"
#include "store/api_key.h"
#include "store/pilot.h"

enum { EXIT_USAGE = 2, MULTIPART_OVERHEAD = 64 << 10 };

static void usage(FILE *to, const char *process, const char *summary)
{
	(void)fprintf(to,
	    "Usage: %s [--listen PATH] [--check-config] [--version] [--help]\n"
	    "%s\n\n"
	    "  --listen PATH   make this unix socket; without it the socket is systemd's\n"
	    "                  (LISTEN_FDS) or descriptor 0\n"
	    "  --check-config  name every fault of the configuration, or none, and exit\n"
	    "  --version       print build, schema version and exit\n\n"
	    "Configuration comes from the environment; docs/configuration.md lists every key.\n",
	    process, summary);
}

/* -1: go on; else the exit status. */
static int read_command_line(
    struct app *app, const char *summary, int argc, char **argv, bool *check_only)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "check-config", no_argument, NULL, 'c' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'l':
			app->listen_path = optarg;
			break;
		case 'c':
			*check_only = true;
			break;
		case 'v':
			(void)printf("mizan %s %s, schema %d\n", app->process, build_id(),
			    build_schema_version());
			return EXIT_SUCCESS;
		case 'h':
			usage(stdout, app->process, summary);
			return EXIT_SUCCESS;
		default:
			usage(stderr, app->process, summary);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		usage(stderr, app->process, summary);
		return EXIT_USAGE;
	}
	return -1;
}

/* Whatever else is wrong: every fault is named at once. */
static void run_check(const struct config *cfg, app_check_fn *check, struct buf *problems)
{
	struct buf own;
	char room[1 << 10];

	buf_init_fixed(&own, room, sizeof room);
	check(cfg, &own);
	if (own.len > 0)
		buf_addf(problems, "%s%s", problems->len > 0 ? "; " : "", buf_str(&own));
}

static bool load_config(struct app *app, app_check_fn *check, bool check_only)
{
	struct buf problems, json;
	char room[8 << 10];
	bool ok;

	buf_init_fixed(&problems, room, sizeof room);
	config_read(&app->cfg, NULL, NULL, &problems);
	if (check != NULL)
		run_check(&app->cfg, check, &problems);
	if (problems.len > 0 || buf_broken(&problems)) {
		(void)fprintf(
		    stderr, "%s: invalid configuration: %s\n", app->process, buf_str(&problems));
		if (!check_only)
			log_error(
			    "config.invalid", "Config validation failed: %s", buf_str(&problems));
		return false;
	}
	buf_init(&json, 64 << 10);
	ok = config_json(&app->cfg, &json, NULL) == RC_OK &&
	     config_hash(&app->cfg, app->config_hash, NULL) == RC_OK;
	app->config_json = buf_detach(&json);
	ok = ok && app->config_json != NULL;
	if (!ok)
		log_error("start.failed", "out of memory");
	return ok;
}

/* The run-time half is asked once; a database that is not there yet stops nothing. */
static const char *run_time_switch(struct app *app)
{
	struct pilot_switch sw;
	struct pg *pg;
	const char *state = "unknown";

	if (pool_get(app->pool, &pg, NULL) != RC_OK)
		return state;
	if (pilot_get(pg, &sw, NULL) == RC_OK)
		state = sw.enabled ? "on" : "off";
	pool_put(app->pool, pg);
	return state;
}

/* SPEC §2: these lines, in this order. */
static void say_hello(struct app *app)
{
	const struct config *c = &app->cfg;
	const char *run_time;

	log_info("start.config", "Config validation passed");
	log_info("start.build", "build_id=%s config_hash=%s", build_id(), app->config_hash);
	run_time = run_time_switch(app);
	log_info("start.pilot",
	    "pilot %s: PILOT_ENABLED=%s, run-time switch %s, tenant_id=%s, %lld invoices and %lld "
	    "incidents an hour",
	    c->pilot_enabled && strcmp(run_time, "off") != 0 ? "enabled" : "disabled",
	    c->pilot_enabled ? "true" : "false", run_time, c->pilot_tenant_id,
	    (long long)c->pilot_max_invoices_per_hour, (long long)c->pilot_max_incidents_per_hour);
}

/*
 * In production no other program of the same user, www-data's say, reads our keys in /proc/PID or
 * attaches to us, and no crash writes them to a file.  Elsewhere debuggers may; so may sanitizers.
 */
static void keep_to_ourselves(const struct config *cfg)
{
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
	if (strcmp(cfg->env, "production") == 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#else
	(void)cfg;
#endif
}

int app_start(struct app *app, const char *process, const char *summary, app_check_fn *check,
    int argc, char **argv)
{
	bool check_only = false;
	int status;

	*app = (struct app){ .process = process, .session_lock = PTHREAD_MUTEX_INITIALIZER };
	log_init(process);
	status = read_command_line(app, summary, argc, argv, &check_only);
	if (status >= 0)
		return status;
	if (!load_config(app, check, check_only)) {
		app_stop(app);
		return EXIT_USAGE;
	}
	keep_to_ourselves(&app->cfg);
	if (check_only) {
		(void)printf("configuration is valid: config_hash=%s\n", app->config_hash);
		app_stop(app);
		return EXIT_SUCCESS;
	}
	if (app->cfg.database_url == NULL) {
		(void)fprintf(stderr, "%s: DATABASE_URL is not set\n", process);
		app_stop(app);
		return EXIT_USAGE;
	}
	if (pool_new(&app->pool, app->cfg.database_url, process, (size_t)app->cfg.db_pool_size,
		app->cfg.db_timeout_ms, NULL) != RC_OK) {
		log_error("start.failed", "out of memory");
		app_stop(app);
		return EXIT_FAILURE;
	}
	say_hello(app);
	return -1;
}

void app_stop(struct app *app)
{
	pool_free(app->pool);
	free(app->config_json);
	config_free(&app->cfg);
	*app = (struct app){ .process = app->process };
}

struct serving {
	const struct route *routes;
	size_t n;
	struct app *app;
	struct key_guard *key_guard;
	void (*stopping)(void *);
};

/*
 * Answers that are our own fault, or the database's, leave a line with what the client is not
 * told.  A handler that chooses such a status itself, as readiness does, has said why.
 */
static void handle(void *arg, const struct http_request *rq, struct http_response *rs)
{
	const struct serving *s = arg;
	int64_t began = clock_ms();
	struct route_context cx = {
		.app = s->app,
		.authenticate = app_authenticate,
		.session = app_session,
		.key_guard = s->key_guard,
		.rq = rq,
		.rs = rs,
	};

	route_dispatch(s->routes, s->n, &cx);
	if (cx.err.rc != RC_OK) {
		const struct log_field fields[] = {
			LOG_TEXT("trace_id", rq->trace_id),
			LOG_TEXT("principal", cx.principal.name),
			LOG_NUM("status", rs->status),
			LOG_TEXT("code", cx.err.code),
			LOG_NUM("duration_ms", clock_ms() - began),
			{ 0 },
		};
		log_event(rs->status >= 500 ? LOG_ERROR_LEVEL : LOG_INFO_LEVEL, "request.refused",
		    fields, "%s", cx.err.msg);
	}
}

static void stopping(void *arg)
{
	const struct serving *s = arg;

	log_info("stop", "stopping: no new requests, finishing what is under way");
	if (s->stopping != NULL)
		s->stopping(s->app);
}

int app_serve(
    struct app *app, const struct route *routes, size_t n, size_t threads, void (*on_stop)(void *))
{
	struct serving s = {
		.routes = routes,
		.n = n,
		.app = app,
		.key_guard = key_guard_new(app->cfg.wrong_keys_per_minute),
		.stopping = on_stop,
	};
	struct server server = {
		.listen_path = app->listen_path,
		.threads = threads,
		.max_body = (size_t)app->cfg.max_upload_bytes + MULTIPART_OVERHEAD,
		.handle = handle,
		.stopping = stopping,
		.app = &s,
	};
	struct err e = { 0 };
	enum rc rc = s.key_guard != NULL ? server_run(&server, &e) : err_no_memory(&e);

	key_guard_free(s.key_guard);
	if (rc != RC_OK) {
		(void)fprintf(stderr, "%s: %s\n", app->process, e.msg);
		log_error("stop", "%s", e.msg);
		return EXIT_FAILURE;
	}
	log_info("stop", "stopped");
	return EXIT_SUCCESS;
}

static void principal_set(struct principal *p, enum principal_kind kind, const char *name,
    const char *role, const char *tenant_id)
{
	*p = (struct principal){ .kind = kind };
	(void)snprintf(p->name, sizeof p->name, "%s", name);
	(void)snprintf(p->role, sizeof p->role, "%s", role);
	(void)snprintf(p->tenant_id, sizeof p->tenant_id, "%s", tenant_id);
}

enum rc app_authenticate(
    void *arg, const char *key, enum principal_kind wanted, struct principal *out, struct err *e)
{
	struct app *app = arg;
	bool admin = wanted == PRINCIPAL_ADMIN;
	uint8_t hash[KEY_HASH_SIZE];
	struct api_key found;
	struct pg *pg;
	enum rc rc;

	if (key_equal(key, admin ? app->cfg.admin_api_key : app->cfg.api_key)) {
		principal_set(out, wanted, admin ? "admin" : "env", admin ? "admin" : "client", "");
		return RC_OK;
	}
	key_hash(key, hash);
	rc = pool_get(app->pool, &pg, e);
	if (rc != RC_OK)
		return rc;
	rc = api_key_find(pg, hash, &found, e);
	pool_put(app->pool, pg);
	if (rc != RC_OK)
		return rc;
	if (admin == (strcmp(found.role, "client") == 0))
		return err_set(e, RC_NOT_FOUND, "invalid_api_key", "the key is of another kind");
	principal_set(out, wanted, found.name, found.role, found.tenant_id);
	return RC_OK;
}
