/* The listening socket of an endpoint. */
#ifndef MIZAN_FCGI_LISTEN_H
#define MIZAN_FCGI_LISTEN_H

#include "core/err.h"

/*
 * A non-blocking listening socket: made at `path` (mode 0660, an abandoned one is replaced),
 * or, where path is NULL, systemd's (LISTEN_FDS) or else descriptor 0.
 * RC_INVALID "no_socket": there is none, or another process serves that path.
 */
enum rc listen_open(const char *path, int *ret_fd, struct err *e) MUST_CHECK;

#endif
