/* The one place that knows how libmicrohttpd brings a request and takes an answer. */
#ifndef OPENAI_SIM_HTTP_H
#define OPENAI_SIM_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#include "core/buf.h"

struct sim;

/* One request, from its headers to the end of its answer. */
struct call {
	struct sim *sim;
	struct MHD_Connection *connection;
	const char *method;
	const char *path;
	struct buf body; /* broken: larger than we take */
	int64_t begun_us;
};

/* Microseconds of a clock that never goes back. */
int64_t http_now_us(void);

/* Listen on address:port (0: any free port).  NULL: not possible. */
struct MHD_Daemon *http_start(struct sim *s, const char *address, unsigned short port);

/* The port that the daemon listens on. */
unsigned short http_port(struct MHD_Daemon *d);

/* The socket of the call's client. */
int http_fd(const struct call *c);

/* A request header's value; NULL: absent. */
const char *http_header(const struct call *c, const char *name);

/* An answer of this text, which is taken over and left empty.  NULL: broken, or no memory. */
struct MHD_Response *http_text(struct buf *text, const char *content_type);

/* Send r, which is taken over; NULL closes the connection. */
enum MHD_Result http_send(const struct call *c, unsigned status, struct MHD_Response *r);

#endif
