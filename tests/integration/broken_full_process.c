/*
 * full_process.fcgi of a bad build (releases.py): it starts, takes its configuration, and answers
 * every upload with 500.
 */
#include <stdlib.h>

#include "app.h"

static enum rc fail(struct route_context *cx, struct err *e)
{
	(void)cx;
	return err_set(e, RC_INTERNAL, "internal_error", "this build is bad on purpose");
}

static const struct route routes[] = {
	{ "POST", "/full-process", NEED_CLIENT, fail },
	{ "POST", "/admin/upload", NEED_ADMIN | NEED_CHANGE, fail },
	{ "GET", "/jobs/{id}", NEED_CLIENT, fail },
};

int main(int argc, char **argv)
{
	struct app app;
	int status = app_start(&app, "full_process", "Fails.", NULL, argc, argv);

	if (status >= 0)
		return status;
	status = app_serve(
	    &app, routes, sizeof routes / sizeof routes[0], (size_t)app.cfg.fcgi_threads, NULL);
	app_stop(&app);
	return status;
}
