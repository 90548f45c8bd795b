/*
 * File names from strangers, made fit to be stored, logged and shown.  Never used as a path.
 */
#ifndef MIZAN_HTTP_FILENAME_H
#define MIZAN_HTTP_FILENAME_H

#include <stddef.h>

#define FILENAME_SIZE    256
#define FILENAME_DEFAULT "document"

/*
 * The last component of raw (n bytes; both '/' and '\' separate) without control characters
 * and without Unicode's bidirectional and other invisible format controls (they make
 * "fdp.exe" read "exe.pdf"), white space trimmed at both ends; bytes that are not UTF-8 become
 * U+FFFD; cut to 255 bytes between characters.  What leaves nothing, ".", or ".." becomes
 * FILENAME_DEFAULT.  Idempotent.
 */
void filename_clean(const char *raw, size_t n, char out[FILENAME_SIZE]);

#endif
