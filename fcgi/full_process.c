/*
 * full_process.fcgi: takes invoices in and answers with what became of them (SPEC §3).  It
 * runs as nginx's own user, because nginx keeps uploads in files of mode 0600.
 */
#include "full_process.h"

#include <stdlib.h>

#include "core/log.h"

static const struct route routes[] = {
	{ "POST", "/full-process", NEED_CLIENT, upload_post },
	{ "POST", "/admin/upload", NEED_ADMIN | NEED_CHANGE, upload_post },
	{ "GET", "/jobs/{id}", NEED_CLIENT, job_get },
};

static void stopping(void *app)
{
	struct full_process *fp = app;

	hub_stop(fp->hub);
}

int main(int argc, char **argv)
{
	struct full_process fp = { 0 };
	struct err e = { 0 };
	int status = app_start(&fp.app, "full_process",
	    "Takes invoices in and answers with their audit.", NULL, argc, argv);

	if (status >= 0)
		return status;
	if (hub_start(&fp.hub, &fp.app.cfg, &e) != RC_OK) {
		log_error("start.failed", "%s", e.msg);
		app_stop(&fp.app);
		return EXIT_FAILURE;
	}
	status = app_serve(&fp.app, routes, sizeof routes / sizeof routes[0],
	    (size_t)fp.app.cfg.fcgi_threads, stopping);
	hub_stop(fp.hub);
	hub_free(fp.hub);
	app_stop(&fp.app);
	return status;
}
