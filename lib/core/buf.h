/*
 * A growable byte buffer with a hard maximum and sticky failure: after an addition that did
 * not fit (memory or maximum) the buffer is broken, later additions are no-ops, and one
 * check at the end tells.
 */
#ifndef MIZAN_CORE_BUF_H
#define MIZAN_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

struct buf {
	char *p;     /* NUL-terminated whenever it is not NULL; the NUL is not counted */
	size_t len;  /* bytes held */
	size_t cap;  /* bytes allocated */
	size_t max;  /* len never exceeds this */
	bool broken; /* an addition failed; the content is a prefix of what was meant */
	bool full;   /* likewise, as it would have gone over max */
	bool fixed;  /* the memory is the caller's: buf_init_fixed() */
};

/* An empty buffer that may grow to max bytes.  Allocates nothing. */
void buf_init(struct buf *b, size_t max);

/*
 * An empty buffer in the caller's memory, which outlives it: at most size - 1 bytes, and no
 * allocation ever, for what has to be said when there is no memory.
 */
void buf_init_fixed(struct buf *b, char *room, size_t size);

/* Append.  No return value by design: see buf_broken(). */
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Room for n more bytes, returned for the caller to fill and then add to b->len itself;
 * NULL, and broken, when they do not fit.
 */
char *buf_reserve(struct buf *b, size_t n);

bool buf_broken(const struct buf *b);

/* Broken by its maximum, not for want of memory. */
bool buf_full(const struct buf *b);

/* The content as a C string: "" while nothing was added, never NULL. */
const char *buf_str(const struct buf *b);

/* Empty it, keeping memory and maximum; it is whole again. */
void buf_clear(struct buf *b);

/*
 * Hand the memory to the caller (free()); NULL if broken or empty.  b is empty afterwards.  Not
 * for a fixed buffer.
 */
char *buf_detach(struct buf *b);

/* Release the memory.  Safe on a zeroed struct and twice. */
void buf_free(struct buf *b);

#endif
