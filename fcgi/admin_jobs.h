/* What the two files of /admin/jobs share. */
#ifndef MIZAN_FCGI_ADMIN_JOBS_H
#define MIZAN_FCGI_ADMIN_JOBS_H

#include <stdbool.h>

#include "http/route.h"

bool job_state_valid(const char *state);

/* RC_NOT_FOUND "job_not_found": the path's id is none. */
enum rc job_id_check(const struct route_context *cx, struct err *e) MUST_CHECK;

#endif
