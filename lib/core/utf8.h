/*
 * UTF-8, character by character (RFC 3629).
 */
#ifndef MIZAN_CORE_UTF8_H
#define MIZAN_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* How many bytes a character takes that starts with this byte; 0 if none can. */
size_t utf8_length(unsigned char lead);

/*
 * The character at p (n bytes, at least one): its length in bytes and *code_point, or 0 and
 * nothing where the bytes are not well-formed (overlong, surrogate, past U+10FFFF, cut off).
 */
size_t utf8_decode(const char *p, size_t n, uint32_t *code_point);

/* A control character of C0 or C1, or DEL? */
bool utf8_is_control(uint32_t code_point);

#endif
