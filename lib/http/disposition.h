/* Content-Disposition with a file's name (RFC 6266, RFC 8187). */
#ifndef MIZAN_HTTP_DISPOSITION_H
#define MIZAN_HTTP_DISPOSITION_H

#include "http/filename.h"

#define DISPOSITION_SIZE (32 + 3 * FILENAME_SIZE)

/*
 * `inline; filename*=UTF-8''<percent-encoded>` for a name of less than FILENAME_SIZE bytes, which
 * is UTF-8; a longer one is cut.
 */
void disposition_inline(const char *filename, char out[DISPOSITION_SIZE]);

#endif
