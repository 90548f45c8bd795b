/*
 * nginx's access log (log_format mizan, nginx/mizan.conf.in), as far as it is counted: one JSON
 * object a line.  Pure: no I/O.
 */
#ifndef MIZAN_OPS_ACCESS_LOG_H
#define MIZAN_OPS_ACCESS_LOG_H

#include <stdint.h>

#include "core/json_write.h"
#include "core/tenant_id.h"

#define ACCESS_LOG_MAX_LINE 8192 /* bytes, without the newline; nginx writes under 2000 */

struct access_line {
	int64_t minute;                 /* when it was answered, in minutes since 1970, UTC */
	const char *route;              /* a name of access_log_routes(); static */
	char tenant_id[TENANT_ID_SIZE]; /* "": none, or none that a tenant may have */
	int status_class; /* 1 to 5; 0: the client left without an answer (499, 000) */
	int64_t ms;       /* from the first byte of the request to the last answered */
};

/* The routes that are counted by name; all others are the last one, "other". */
const char *const *access_log_routes(size_t *ret_n);

/*
 * One line, without its newline.  Members that are not counted may be there or not.
 * RC_INVALID: not a line of the access log ("invalid_line").  RC_UNAVAILABLE: out of memory.
 */
enum rc access_log_parse(
    const char *line, size_t len, struct access_line *ret, struct err *e) MUST_CHECK;

/*
 * Whole lines, each with its newline, as the list that front_door_count() takes.  *ret_skipped:
 * how many were none of the access log, and are left out.
 * RC_UNAVAILABLE: out of memory; the list is then of no use.
 */
enum rc access_log_lines(const char *text, size_t len, struct json_writer *w, size_t *ret_skipped,
    struct err *e) MUST_CHECK;

#endif
