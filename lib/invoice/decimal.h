/*
 * Exact decimals: a 128-bit coefficient and a scale.  No operation rounds unless its name
 * says so, and none overflows silently.
 */
#ifndef MIZAN_INVOICE_DECIMAL_H
#define MIZAN_INVOICE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define DECIMAL_MAX_SCALE 18 /* digits after the point */
#define DECIMAL_TEXT      48 /* bytes that hold any decimal as text, its NUL included */

/* coef * 10^-scale.  A zeroed struct is 0. */
struct decimal {
	__int128 coef;
	int scale; /* 0 to DECIMAL_MAX_SCALE */
};

#endif
