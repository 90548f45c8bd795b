/*
 * UUIDs as text (RFC 9562 §4): 8-4-4-4-12 hexadecimal digits, either case, nothing else.
 */
#ifndef MIZAN_CORE_UUID_H
#define MIZAN_CORE_UUID_H

#include <stdbool.h>

bool uuid_valid(const char *s);

#endif
