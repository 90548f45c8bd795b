/*
 * The FastCGI side of an endpoint, and the only place that knows FCGX: a listening socket, a
 * fixed number of threads, any number of kept-alive connections.  A connection that waits for
 * its next request costs a file descriptor, not a thread.
 */
#ifndef MIZAN_FCGI_SERVER_H
#define MIZAN_FCGI_SERVER_H

#include <stddef.h>

#include "core/err.h"
#include "http/request.h"
#include "http/response.h"

/* Answer one request; called on any thread, at the same time on many. */
typedef void server_handle_fn(void *app, const struct http_request *rq, struct http_response *rs);

struct server {
	const char *listen_path; /* unix socket to make; NULL: the one handed over (see below) */
	size_t threads;
	size_t max_body; /* bytes; a longer request body is answered with 413 */
	server_handle_fn *handle;
	void (*stopping)(
	    void *app); /* told once that the process stops: let waits end; may be NULL */
	void *app;
};

/*
 * Serve until SIGTERM or SIGINT; then finish what is being answered, take no more, return.
 * Without a path the socket is systemd's (LISTEN_FDS, sd_listen_fds(3)) or, as FastCGI has it,
 * descriptor 0.  Call it before any other thread exists: it blocks signals for all.
 * RC_OK: stopped in good order.  RC_INVALID: no socket.  RC_INTERNAL: no threads, no memory.
 */
enum rc server_run(const struct server *server, struct err *e) MUST_CHECK;

#endif
