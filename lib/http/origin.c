#include "http/origin.h"

#include <string.h>
#include <strings.h>

/* The front door speaks nothing but TLS, and browsers leave the default port out of both. */
static bool is_own(const char *origin, const char *host)
{
	static const char scheme[] = "https://";

	return host != NULL && strncmp(origin, scheme, sizeof scheme - 1) == 0 &&
	       strcasecmp(origin + sizeof scheme - 1, host) == 0;
}

enum rc origin_check(const struct http_request *rq, bool must_tell, struct err *e)
{
	const char *origin = http_header(rq, "Origin");
	const char *site = http_header(rq, "Sec-Fetch-Site");

	if (origin != NULL && !is_own(origin, http_header(rq, "Host")))
		return err_set(
		    e, RC_INVALID, "foreign_origin", "this request comes from a foreign page");
	if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return err_set(
		    e, RC_INVALID, "foreign_origin", "this request comes from a foreign site");
	if (must_tell && origin == NULL && site == NULL)
		return err_set(e, RC_INVALID, "foreign_origin",
		    "with a session a change must say where it comes from: Origin is missing");
	return RC_OK;
}
