#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_CAP = 256 };

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_init_fixed(struct buf *b, char *room, size_t size)
{
	*b = (struct buf){ .p = room, .cap = size, .max = size - 1, .fixed = true };
	room[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap < MIN_CAP ? MIN_CAP : b->cap;

	if (b->broken)
		return NULL;
	if (n > b->max - b->len) {
		b->broken = b->full = true;
		return NULL;
	}
	while (cap < b->len + n + 1)
		cap *= 2;
	if (cap > b->max + 1 && b->len + n <= b->max)
		cap = b->max + 1;
	if (cap != b->cap || b->p == NULL) {
		char *p = realloc(b->p, cap);
		if (p == NULL) {
			b->broken = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	b->p[b->len + n] = '\0';
	return b->p + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
	char *room = n > 0 ? buf_reserve(b, n) : NULL;

	if (room == NULL)
		return;
	memcpy(room, bytes, n);
	b->len += n;
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;
	char *room;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	room = n > 0 ? buf_reserve(b, (size_t)n) : NULL;
	if (n < 0)
		b->broken = true;
	if (room != NULL) {
		(void)vsnprintf(room, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

bool buf_broken(const struct buf *b)
{
	return b->broken;
}

bool buf_full(const struct buf *b)
{
	return b->full;
}

const char *buf_str(const struct buf *b)
{
	return b->p != NULL ? b->p : "";
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->broken = b->full = false;
	if (b->p != NULL)
		b->p[0] = '\0';
}

char *buf_detach(struct buf *b)
{
	char *p = b->broken ? NULL : b->p;

	if (p == NULL)
		free(b->p);
	buf_init(b, b->max);
	return p;
}

void buf_free(struct buf *b)
{
	if (!b->fixed)
		free(b->p);
	buf_init(b, b->max);
}
