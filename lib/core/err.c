#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>

enum rc err_set(struct err *e, enum rc rc, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return rc;
	e->rc = rc;
	(void)snprintf(e->code, sizeof e->code, "%s", code);
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	return rc;
}

enum rc err_no_memory(struct err *e)
{
	return err_set(e, RC_UNAVAILABLE, "out_of_memory", "out of memory");
}
