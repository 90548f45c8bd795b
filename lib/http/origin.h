/*
 * Requests that a foreign page makes a browser send (cross-site request forgery) tell so: by
 * Origin (RFC 6454 §7) or by Sec-Fetch-Site (W3C Fetch Metadata §2.4).
 */
#ifndef MIZAN_HTTP_ORIGIN_H
#define MIZAN_HTTP_ORIGIN_H

#include <stdbool.h>

#include "core/err.h"
#include "http/request.h"

/*
 * RC_INVALID "foreign_origin" (403): Origin is not https:// and the request's own Host,
 * Sec-Fetch-Site is neither same-origin nor none, or must_tell and neither is there.
 */
enum rc origin_check(const struct http_request *rq, bool must_tell, struct err *e) MUST_CHECK;

#endif
