/*
 * The query string: application/x-www-form-urlencoded pairs (WHATWG URL §5.1), read strictly,
 * one parameter at a time.  '&' separates, '+' is a space, %XX a byte.
 */
#ifndef MIZAN_HTTP_QUERY_H
#define MIZAN_HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/*
 * A parameter's decoded value in out, NUL-terminated; "name" and "name=" are both "".
 * RC_NOT_FOUND: absent; normal, *e is not filled.
 * RC_INVALID "invalid_query": a bad escape, a control character, bytes that are not UTF-8,
 * more than size - 1 bytes, or the parameter is there twice; also an undecodable name anywhere
 * in the query, as it could be this one.
 */
enum rc query_get(
    const char *query, const char *name, char *out, size_t size, struct err *e) MUST_CHECK;

/*
 * Typed parameters with a default: *out holds it before the call and keeps it where the
 * parameter is absent, which is RC_OK.
 * RC_INVALID "invalid_query": as query_get(), or not true|false|1|0, or not a plain decimal
 * integer from min to max, or not a date as date_parse() wants it.
 */
enum rc query_bool(const char *query, const char *name, bool *out, struct err *e) MUST_CHECK;
enum rc query_int(const char *query, const char *name, int64_t min, int64_t max, int64_t *out,
    struct err *e) MUST_CHECK;
enum rc query_date(const char *query, const char *name, int64_t *days, struct err *e) MUST_CHECK;

/*
 * One of the names in `choices`, which ends with NULL: *out is that name.  Absent, or "" as a
 * form sends it: *out keeps what it holds.  RC_INVALID "invalid_query": as query_get(), or none
 * of them.
 */
enum rc query_choice(const char *query, const char *name, const char *const choices[],
    const char **out, struct err *e) MUST_CHECK;

/*
 * Text of at most max characters (text_fits()) in out, whose size is 4 * max + 1; "" where it is
 * absent.  RC_INVALID "invalid_query": as query_get(), or longer.
 */
enum rc query_text(
    const char *query, const char *name, size_t max, char *out, struct err *e) MUST_CHECK;

#endif
