#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "core/buf.h"
#include "listen.h"

/* STOP_SECONDS after the signal it is over, whatever hangs; nginx answers 502 in our place. */
enum { STACK_BYTES = 512 << 10, IO_SECONDS = 30, STOP_SECONDS = 9 };

/* A connection that was just accepted has its request within moments. */
enum { LAST_LOOKS = 10, LAST_LOOK_US = 10000 };

struct loop {
	const struct server *server;
	int listen_fd, stop_fd, epoll_fd;
	atomic_bool stopping;
};

static bool watch(const struct loop *l, int fd, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(l->epoll_fd, op, fd, &ev) == 0;
}

/* The listening socket is watched once per event, so that one thread wakes, not all. */
static void accept_connections(const struct loop *l)
{
	const struct timeval limit = { .tv_sec = IO_SECONDS };
	int fd;

	while ((fd = accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		if (!watch(l, fd, EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT))
			(void)close(fd);
	}
	if (errno == EMFILE || errno == ENFILE)
		(void)usleep(20000); /* until another connection is closed */
	(void)watch(l, l->listen_fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT);
}

/* A request body: mapped from nginx's file, or read from the connection. */
struct body {
	const char *p;
	size_t len;
	void *mapped;
	struct buf read;
};

static enum rc map_file(const char *path, size_t max, struct body *b, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	enum rc rc = RC_OK;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
		rc = err_set(e, RC_UNAVAILABLE, "out_of_memory", "no descriptor is left: %s",
		    strerror(errno));
	} else if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		rc = err_set(e, RC_INTERNAL, "body_unreadable",
		    "the request body cannot be read: %s", strerror(errno));
	} else if ((size_t)st.st_size > max) {
		rc = err_set(
		    e, RC_INVALID, "file_too_large", "the request body is over %zu bytes", max);
	} else if (st.st_size > 0) {
		b->mapped = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (b->mapped == MAP_FAILED) {
			b->mapped = NULL;
			rc = err_no_memory(e);
		}
		b->p = b->mapped;
		b->len = b->mapped != NULL ? (size_t)st.st_size : 0;
	}
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static enum rc read_stream(FCGX_Stream *in, size_t max, struct body *b, struct err *e)
{
	char chunk[8192];
	int n;

	buf_init(&b->read, max);
	while ((n = FCGX_GetStr(chunk, sizeof chunk, in)) > 0)
		buf_add(&b->read, chunk, (size_t)n);
	if (buf_full(&b->read))
		return err_set(
		    e, RC_INVALID, "file_too_large", "the request body is over %zu bytes", max);
	if (buf_broken(&b->read))
		return err_no_memory(e);
	b->p = b->read.p;
	b->len = b->read.len;
	return RC_OK;
}

static void body_free(struct body *b)
{
	if (b->mapped != NULL)
		(void)munmap(b->mapped, b->len);
	buf_free(&b->read);
}

static const char *param(const FCGX_Request *fr, const char *name, const char *dflt)
{
	const char *v = FCGX_GetParam(name, fr->envp);

	return v != NULL ? v : dflt;
}

static void send_response(
    FCGX_Request *fr, const struct http_request *rq, const struct http_response *rs)
{
	bool head_only = strcmp(rq->method, "HEAD") == 0;

	(void)FCGX_FPrintF(fr->out, "Status: %d %s\r\nX-Trace-Id: %s\r\n", rs->status,
	    http_reason(rs->status), rq->trace_id);
	if (rs->body.len > 0)
		(void)FCGX_FPrintF(fr->out, "Content-Type: %s\r\nContent-Length: %lu\r\n",
		    rs->content_type, (unsigned long)rs->body.len);
	for (size_t i = 0; i < rs->n_headers; i++)
		(void)FCGX_FPrintF(
		    fr->out, "%s: %s\r\n", rs->headers[i].name, rs->headers[i].value);
	(void)FCGX_PutS("\r\n", fr->out);
	if (!head_only && rs->body.len > 0)
		(void)FCGX_PutStr(rs->body.p, (int)rs->body.len, fr->out);
}

/* nginx closes the connection of a client that went away. */
static bool client_gone(void *connection)
{
	const FCGX_Request *fr = connection;
	char peek;

	return recv(fr->ipcFd, &peek, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void answer(const struct server *s, FCGX_Request *fr)
{
	const char *path = FCGX_GetParam("REQUEST_BODY_FILE", fr->envp);
	struct body body = { 0 };
	struct http_response rs;
	struct err e = { 0 };
	struct http_request rq = {
		.method = param(fr, "REQUEST_METHOD", "GET"),
		.path = param(fr, "DOCUMENT_URI", "/"),
		.query = param(fr, "QUERY_STRING", ""),
		.trace_id = param(fr, "TRACE_ID", "none"),
		.remote_addr = param(fr, "REMOTE_ADDR", ""),
		.env = fr->envp,
		.gone = client_gone,
		.connection = fr,
	};
	enum rc rc;

	http_response_init(&rs);
	rc = path != NULL && path[0] != '\0' ? map_file(path, s->max_body, &body, &e)
					     : read_stream(fr->in, s->max_body, &body, &e);
	rq.body = body.p;
	rq.body_len = body.len;
	if (rc == RC_OK)
		s->handle(s->app, &rq, &rs);
	else
		http_problem_err(&rs, &e, rq.trace_id);
	send_response(fr, &rq, &rs);
	http_response_free(&rs);
	body_free(&body);
}

/*
 * One request of a connection that is readable; then it waits for its next one again.
 *
 * libfcgi ties a connection to a struct for its whole life, and with it a thread.  Its
 * FCGX_Request is therefore lent the connection (ipcFd) for one request at a time; its own
 * listening socket is -1, so that it never accepts by itself.
 */
static void serve_connection(const struct loop *l, FCGX_Request *fr, int fd)
{
	char peek;

	if (recv(fd, &peek, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
		(void)close(fd);
		return;
	}
	fr->ipcFd = fd;
	fr->keepConnection = 1; /* or the clean-up that FCGX_Accept_r begins with would close it */
	if (FCGX_Accept_r(fr) != 0)
		return; /* not FastCGI, or cut: libfcgi has closed it */
	answer(l->server, fr);
	FCGX_Finish_r(fr);
	if (fr->ipcFd < 0)
		return;
	fr->ipcFd = -1;
	if (atomic_load(&l->stopping) || !watch(l, fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT))
		(void)close(fd);
}

/*
 * Until the process stops, and then until no connection has a request waiting, looked at
 * a few times: two events are asked for then, as stop_fd is always one of them.
 */
static void *thread_main(void *arg)
{
	const struct loop *l = arg;
	FCGX_Request fr;
	struct epoll_event ev[2];
	int max = 1, n = 0, looks = 0;

	if (FCGX_InitRequest(&fr, -1, 0) != 0)
		return NULL;
	fr.ipcFd = -1;
	while (n >= 0 || errno == EINTR) {
		n = epoll_wait(l->epoll_fd, ev, max, -1);
		if (n == 1 && max == 2 && ev[0].data.fd == l->stop_fd) {
			if (looks++ == LAST_LOOKS)
				break;
			(void)usleep(LAST_LOOK_US);
		}
		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == l->stop_fd)
				max = 2;
			else if (ev[i].data.fd != l->listen_fd)
				serve_connection(l, &fr, ev[i].data.fd);
			else if (!atomic_load(&l->stopping))
				accept_connections(l);
		}
	}
	FCGX_Free(&fr, 0);
	return NULL;
}

static void signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
}

/* From now on they wait for wait_for_signal(), none is lost to a handler of libfcgi's. */
static void block_signals(void)
{
	sigset_t set;

	signals(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static void wait_for_signal(void)
{
	sigset_t set;
	int sig;

	signals(&set);
	while (sigwait(&set, &sig) != 0)
		continue;
}

static size_t start_threads(const struct loop *l, pthread_t threads[])
{
	pthread_attr_t attr;
	size_t n = 0;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (n < l->server->threads &&
	       pthread_create(&threads[n], &attr, thread_main, (void *)(uintptr_t)l) == 0)
		n++;
	(void)pthread_attr_destroy(&attr);
	return n;
}

static enum rc serve(struct loop *l, struct err *e)
{
	const struct server *s = l->server;
	pthread_t *threads = calloc(s->threads, sizeof *threads);
	size_t n = 0;

	if (threads == NULL)
		return err_no_memory(e);
	n = start_threads(l, threads);
	if (n == s->threads)
		wait_for_signal();
	(void)alarm(STOP_SECONDS);
	atomic_store(&l->stopping, true);
	(void)eventfd_write(l->stop_fd, 1);
	if (s->stopping != NULL)
		s->stopping(s->app);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	free(threads);
	return n == s->threads ? RC_OK
			       : err_set(e, RC_INTERNAL, "no_threads",
				     "only %zu of %zu threads started", n, s->threads);
}

enum rc server_run(const struct server *server, struct err *e)
{
	struct loop l = { .server = server, .listen_fd = -1 };
	enum rc rc;

	block_signals();
	if (FCGX_Init() != 0)
		return err_set(e, RC_INTERNAL, "fcgi_init", "libfcgi does not start");
	l.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rc = listen_open(server->listen_path, &l.listen_fd, e);
	if (rc == RC_OK && (!watch(&l, l.listen_fd, EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT) ||
			       !watch(&l, l.stop_fd, EPOLL_CTL_ADD, EPOLLIN)))
		rc = err_set(e, RC_INTERNAL, "epoll", "epoll: %s", strerror(errno));
	if (rc == RC_OK)
		rc = serve(&l, e);
	if (l.listen_fd >= 0)
		(void)close(l.listen_fd);
	(void)close(l.epoll_fd);
	(void)close(l.stop_fd);
	return rc;
}
