/*
 * Calls that fail on demand: memory, libpq and libcurl, one at a time, at any moment.
 *
 * Preloaded (LD_PRELOAD, FAIL_NTH=FILE) it is steered through FILE, which holds a struct
 * fail_nth and is mapped by both sides; linked into a program, through fail_nth() itself.
 * Only calls from the program itself and from json-c, libpq and libcurl count: what nginx, libc
 * or the dynamic loader do on their own account is nobody's to mend here.  libfcgi's memory is a
 * class of its own, since libfcgi ends its process where it gets none.
 */
#ifndef MIZAN_TESTS_TORTURE_FAIL_NTH_H
#define MIZAN_TESTS_TORTURE_FAIL_NTH_H

#include <stdint.h>

enum fail_class { FAIL_MEMORY, FAIL_LIBPQ, FAIL_LIBCURL, FAIL_FCGI_MEMORY, FAIL_CLASSES };

/* In the machine's own byte order; failpoints.py knows it as 4 times "IIII64s" and a "q". */
struct fail_nth {
	struct fail_point {
		uint32_t at;    /* the call that fails, counted from 1; 0: none.  Set it last */
		uint32_t until; /* and those after it that fail likewise, exclusive */
		uint32_t count; /* calls since it was set to 0 */
		uint32_t fired; /* failures, likewise */
		char what[64];  /* the last that failed, and whence it was called */
	} points[FAIL_CLASSES];
	int64_t live; /* blocks of memory that were allocated and not freed */
};

struct fail_nth *fail_nth(void);

/* Those of this thread alone. */
int64_t fail_nth_live_blocks(void);

#endif
