/* Text that people write into a form, before it is kept. */
#ifndef MIZAN_CORE_TEXT_H
#define MIZAN_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_MAX_REASON 500 /* characters of why an operator did something */

/*
 * Are these n bytes well-formed UTF-8 of at most max characters, without any control character
 * but newline and tab?
 */
bool text_fits(const char *p, size_t n, size_t max);

#endif
