/*
 * A tiny HTTP server on 127.0.0.1 for tests of the client: one thread, one connection at a
 * time, kept alive.  What it does is the first part of the path ("/cut/chat/completions").
 */
#ifndef MIZAN_TESTS_OPENAI_SERVER_H
#define MIZAN_TESTS_OPENAI_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_MAX_REQUEST ((size_t)4 << 20)

struct server {
	int fd;
	unsigned port;
	pthread_t thread;
	/* written by the thread, read once the answer is in the client's hands */
	char *request; /* the latest one, headers and body */
	size_t request_len;
	int connections;
};

/* What is sent, word for word, before the connection goes on or (close) ends. */
static const struct server_act {
	const char *name, *answer;
	bool close;
} server_acts[] = {
	{ "ok",
	    "HTTP/1.1 200 OK\r\nX-Request-Id: req_ok\r\nContent-Length: 13\r\n\r\n{\"choices\":1}",
	    false },
	{ "continue",
	    "HTTP/1.1 103 Early Hints\r\nX-Request-Id: early\r\nRetry-After: 9\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nX-Request-Id: late\r\nContent-Length: 2\r\n\r\n{}",
	    false },
	{ "limited",
	    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}",
	    false },
	{ "patience", "HTTP/1.1 503 Later\r\nRetry-After: 20000\r\nContent-Length: 0\r\n\r\n",
	    false },
	{ "redirect",
	    "HTTP/1.1 302 Found\r\nLocation: /ok/chat/completions\r\nContent-Length: 0\r\n\r\n",
	    false },
	{ "cut", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choi", true },
	{ "cut_headers", "HTTP/1.1 429 Too Many Requests\r\nRetry-Af", true },
	{ "empty", "", true },
	{ "garbage", "220 mail.example.com ESMTP \x01\r\n", true },
	{ "slack", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false },
	{ "accepted", "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}", false },
	{ "gone", "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nno_service", false },
	{ "bad_event", "HTTP/1.1 400 Bad Request\r\nContent-Length: 13\r\n\r\ninvalid event",
	    false },
	{ "echo", "HTTP/1.1 403 Forbidden\r\nContent-Length: 19\r\n\r\nno such T0SECRET012",
	    false },
	{ "close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", true },
};

static inline bool server_send(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* One whole request into s->request; false when the client has gone. */
static inline bool server_receive(struct server *s, int fd)
{
	size_t want = SIZE_MAX;

	s->request_len = 0;
	while (s->request_len < want) {
		const char *end, *length;
		ssize_t n =
		    recv(fd, s->request + s->request_len, SERVER_MAX_REQUEST - s->request_len, 0);

		if (n <= 0)
			return false;
		s->request_len += (size_t)n;
		s->request[s->request_len] = '\0';
		end = strstr(s->request, "\r\n\r\n");
		length = strstr(s->request, "Content-Length: ");
		if (end != NULL)
			want = (size_t)(end + 4 - s->request) +
			       (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
	}
	return true;
}

/* Silence until the client hangs up. */
static inline void server_wait_for_end(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
}

/* 50 MB, or as much as the client takes. */
static inline void server_flood(int fd)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
	static char chunk[65536];

	memset(chunk, 'x', sizeof chunk);
	(void)server_send(fd, head, sizeof head - 1);
	for (int i = 0; i < 800 && server_send(fd, chunk, sizeof chunk); i++)
		;
}

/* Answer one request; true to keep the connection. */
static inline bool server_answer(struct server *s, int fd)
{
	char act[32] = "";

	(void)sscanf(s->request, "%*[A-Z] /%31[^/]/chat/completions ", act);
	if (strcmp(act, "slow") == 0)
		server_wait_for_end(fd);
	else if (strcmp(act, "big") == 0)
		server_flood(fd);
	for (size_t i = 0; i < sizeof server_acts / sizeof server_acts[0]; i++)
		if (strcmp(act, server_acts[i].name) == 0)
			return server_send(
				   fd, server_acts[i].answer, strlen(server_acts[i].answer)) &&
			       !server_acts[i].close;
	return false;
}

static inline void *server_run(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		s->connections++;
		while (server_receive(s, fd) && server_answer(s, fd))
			;
		(void)close(fd);
	}
	return NULL;
}

/* Listening on a port that was free; -1: it could not. */
static inline int server_listen(unsigned *ret_port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof addr;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0 ||
	    listen(fd, 16) != 0 || getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
		return -1;
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static inline bool server_start(struct server *s)
{
	memset(s, 0, sizeof *s);
	s->request = malloc(SERVER_MAX_REQUEST + 1);
	s->fd = server_listen(&s->port);
	return s->request != NULL && s->fd >= 0 &&
	       pthread_create(&s->thread, NULL, server_run, s) == 0;
}

/* Every client must have been freed before, so that no connection holds the thread. */
static inline void server_stop(struct server *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
	free(s->request);
}

#endif
