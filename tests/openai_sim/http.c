#include "openai_sim/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "openai_sim/completion.h"
#include "openai_sim/control.h"

enum {
	MAX_BODY = 64 * 1024 * 1024,
	MAX_CONNECTIONS = 4096,
	STACK = 512 * 1024,
	READ_BUFFER = 128 * 1024,
};

int64_t http_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int http_fd(const struct call *c)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return i != NULL ? i->connect_fd : -1;
}

const char *http_header(const struct call *c, const char *name)
{
	return MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name);
}

struct MHD_Response *http_text(struct buf *text, const char *content_type)
{
	size_t n = text->len;
	char *p = buf_detach(text);
	struct MHD_Response *r =
	    p != NULL ? MHD_create_response_from_buffer(n, p, MHD_RESPMEM_MUST_FREE) : NULL;

	if (r == NULL)
		free(p);
	else
		(void)MHD_add_response_header(r, "Content-Type", content_type);
	return r;
}

enum MHD_Result http_send(const struct call *c, unsigned status, struct MHD_Response *r)
{
	enum MHD_Result result;

	if (r == NULL)
		return MHD_NO;
	result = MHD_queue_response(c->connection, status, r);
	MHD_destroy_response(r);
	return result;
}

/* Called once for the headers, then for each piece of the body, then to answer. */
static enum MHD_Result serve(void *cls, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *data_size, void **state)
{
	struct call *c = *state;

	(void)version;
	if (c == NULL) {
		c = calloc(1, sizeof *c);
		if (c == NULL)
			return MHD_NO;
		*c = (struct call){ .sim = cls, .connection = connection };
		buf_init(&c->body, MAX_BODY);
		*state = c;
		return MHD_YES;
	}
	if (*data_size > 0) {
		buf_add(&c->body, data, *data_size);
		*data_size = 0;
		return MHD_YES;
	}
	c->method = method;
	c->path = url;
	c->begun_us = http_now_us();
	return strncmp(url, "/sim/", 5) == 0 ? control_serve(c) : completion_serve(c);
}

static void finished(
    void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
	struct call *c = *state;

	(void)cls, (void)connection, (void)why;
	if (c != NULL)
		buf_free(&c->body);
	free(c);
	*state = NULL;
}

struct MHD_Daemon *http_start(struct sim *s, const char *address, unsigned short port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		return NULL;
	return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION |
				    MHD_USE_ITC | MHD_USE_ERROR_LOG,
	    port, NULL, NULL, serve, s, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
	    MHD_OPTION_NOTIFY_COMPLETED, finished, NULL, MHD_OPTION_THREAD_STACK_SIZE,
	    (size_t)STACK, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)READ_BUFFER, MHD_OPTION_LISTEN_BACKLOG_SIZE,
	    (unsigned)1024, MHD_OPTION_END);
}

unsigned short http_port(struct MHD_Daemon *d)
{
	const union MHD_DaemonInfo *i = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);

	return i != NULL ? i->port : 0;
}
