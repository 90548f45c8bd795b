/*
 * A request as the handlers see it: plain CGI meta-variables (RFC 3875), so that nothing
 * above fcgi/server.c knows FastCGI.
 */
#ifndef MIZAN_HTTP_REQUEST_H
#define MIZAN_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/random.h"

struct http_request {
	const char *method;      /* never NULL, likewise the rest unless it says so */
	const char *path;        /* decoded by nginx, without the query */
	const char *query;       /* raw, "" if none */
	const char *trace_id;    /* 1 to 64 of [A-Za-z0-9_-] */
	const char *remote_addr; /* of the client, as nginx saw it */
	char *const *env;        /* "NAME=value" meta-variables, NULL-terminated */
	const char *body;        /* the raw body, mapped or read; NULL if there is none */
	size_t body_len;
	bool (*gone)(void *connection); /* has the client given up?  NULL: nobody knows */
	void *connection;               /* what gone() is given */
};

/* A meta-variable's value ("" where it is set and empty), or NULL. */
const char *http_env(const struct http_request *rq, const char *name);

/*
 * A header by its HTTP name, any case ("X-API-Key"); NULL if absent.  Content-Type and
 * Content-Length live in meta-variables of their own (RFC 3875 §4.1.2, §4.1.3), which
 * servers set to "" for want of the header: that reads as absent.
 */
const char *http_header(const struct http_request *rq, const char *name);

/*
 * A UUID that is this request's own, and the same when the front door sends it again
 * (REQUEST_ID), so that what it makes is made once.  Without a front door: a random one.
 */
void http_request_uuid(const struct http_request *rq, char out[RANDOM_UUID_TEXT]);

#endif
