#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_SYSTEMD_FD = 3, BACKLOG = 1024 };

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof on;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0;
}

static int handed_over(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (pid != NULL && fds != NULL && strtol(pid, NULL, 10) == getpid() &&
	    strtol(fds, NULL, 10) >= 1)
		return FIRST_SYSTEMD_FD;
	return STDIN_FILENO;
}

static enum rc no_socket(struct err *e, const char *path, const char *why)
{
	return err_set(e, RC_INVALID, "no_socket", "cannot listen on %s: %s", path, why);
}

static enum rc make(const char *path, int *ret_fd, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enum rc rc = RC_INVALID;

	if (fd < 0)
		return no_socket(e, path, strerror(errno));
	if (strlen(path) >= sizeof at.sun_path) {
		(void)no_socket(e, path, "the path is too long for a unix socket");
		goto out;
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) {
		(void)no_socket(e, path, "another process serves it");
		goto out;
	}
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || chmod(path, 0660) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		(void)no_socket(e, path, strerror(errno));
		goto out;
	}
	*ret_fd = fd;
	fd = -1;
	rc = RC_OK;
out:
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

enum rc listen_open(const char *path, int *ret_fd, struct err *e)
{
	int fd = -1;
	enum rc rc = RC_OK;

	if (path != NULL)
		rc = make(path, &fd, e);
	else if (is_listening(handed_over()))
		fd = handed_over();
	else
		rc = err_set(e, RC_INVALID, "no_socket",
		    "no listening socket was handed over; give --listen PATH");
	if (rc != RC_OK)
		return rc;
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		(void)close(fd);
		return no_socket(e, path != NULL ? path : "the socket", strerror(errno));
	}
	*ret_fd = fd;
	return RC_OK;
}
