/*
 * Exact decimals: a 128-bit coefficient and a scale.  No operation rounds unless its name
 * says so, and none overflows silently: a result that does not fit is refused.
 */
#ifndef MIZAN_INVOICE_DECIMAL_H
#define MIZAN_INVOICE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define DECIMAL_MAX_DIGITS 38 /* of the coefficient */
#define DECIMAL_MAX_SCALE  18 /* digits after the point */
#define DECIMAL_MAX_PAD    6  /* digits after the point that decimal_text() can be asked for */
#define DECIMAL_TEXT       48 /* bytes that hold any decimal as text, its NUL included */

/* coef * 10^-scale, |coef| < 10^DECIMAL_MAX_DIGITS.  A zeroed struct is 0. */
struct decimal {
	__int128 coef;
	int scale; /* 0 to DECIMAL_MAX_SCALE */
};

/*
 * Read `-?digits[.digits]` and nothing else: no blanks, no '+', no exponent; leading zeros are
 * allowed.  False, and *ret untouched, for NULL, any other text, or more digits than fit.
 */
bool decimal_parse(const char *text, struct decimal *ret) MUST_CHECK;

/* A setting in ten-thousandths (core/config.h). */
struct decimal decimal_from_e4(int64_t e4);

/* False, and *ret untouched, when the exact result does not fit. */
bool decimal_add(struct decimal a, struct decimal b, struct decimal *ret) MUST_CHECK;
bool decimal_sub(struct decimal a, struct decimal b, struct decimal *ret) MUST_CHECK;
bool decimal_mul(struct decimal a, struct decimal b, struct decimal *ret) MUST_CHECK;

/*
 * a / b rounded half-up (away from zero) to `digits` digits after the point, 0 to
 * DECIMAL_MAX_SCALE.  False, and *ret untouched, when b is 0 or the result or a step on the
 * way to it does not fit.
 */
bool decimal_div_round(
    struct decimal a, struct decimal b, int digits, struct decimal *ret) MUST_CHECK;

/* At most `digits` digits after the point, rounded half-up (away from zero). */
struct decimal decimal_round(struct decimal a, int digits);

struct decimal decimal_abs(struct decimal a);
struct decimal decimal_neg(struct decimal a);
bool decimal_is_zero(struct decimal a);

/* -1, 0 or 1 */
int decimal_sign(struct decimal a);

/* -1, 0 or 1 as a is less than, equal to or greater than b, whatever their scales. */
int decimal_cmp(struct decimal a, struct decimal b);

/*
 * The exact value as decimal_parse() takes it, with trailing zeros after the point dropped
 * or added until min_digits (0 to DECIMAL_MAX_PAD) are left.  Never "-0".
 */
void decimal_text(struct decimal a, int min_digits, char out[DECIMAL_TEXT]);

#endif
