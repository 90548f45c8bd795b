#include "invoice/decimal.h"

/* Magnitudes are computed unsigned, so that an overflow is a comparison and never undefined. */
typedef unsigned __int128 magnitude;

static magnitude pow10_of(int n)
{
	magnitude p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

static magnitude magnitude_of(struct decimal a)
{
	return a.coef < 0 ? -(magnitude)a.coef : (magnitude)a.coef;
}

static bool fits(magnitude m)
{
	return m < pow10_of(DECIMAL_MAX_DIGITS);
}

static struct decimal signed_decimal(bool negative, magnitude m, int scale)
{
	return (struct decimal){ negative ? -(__int128)m : (__int128)m, scale };
}

static bool magnitude_mul(magnitude a, magnitude b, magnitude *ret)
{
	if (a != 0 && b > (pow10_of(DECIMAL_MAX_DIGITS) - 1) / a)
		return false;
	*ret = a * b;
	return true;
}

/* The same value without trailing zeros after the point. */
static struct decimal trim(struct decimal a)
{
	while (a.scale > 0 && a.coef % 10 == 0) {
		a.coef /= 10;
		a.scale--;
	}
	return a;
}

static bool rescale(struct decimal a, int scale, struct decimal *ret)
{
	magnitude m;

	if (!magnitude_mul(magnitude_of(a), pow10_of(scale - a.scale), &m))
		return false;
	*ret = signed_decimal(a.coef < 0, m, scale);
	return true;
}

bool decimal_parse(const char *text, struct decimal *ret)
{
	const char *p = text;
	bool negative, digits = false, point = false;
	magnitude m = 0;
	int scale = 0;

	if (text == NULL)
		return false;
	negative = *p == '-';
	for (p += negative; *p != '\0'; p++) {
		if (*p == '.' && digits && !point) {
			point = true;
			digits = false;
			continue;
		}
		if (*p < '0' || *p > '9' || (point && scale == DECIMAL_MAX_SCALE))
			return false;
		if (!magnitude_mul(m, 10, &m))
			return false;
		m += (unsigned)(*p - '0');
		scale += point;
		digits = true;
	}
	if (!digits)
		return false;
	*ret = signed_decimal(negative, m, scale);
	return true;
}

struct decimal decimal_from_e4(int64_t e4)
{
	return (struct decimal){ e4, 4 };
}

bool decimal_add(struct decimal a, struct decimal b, struct decimal *ret)
{
	struct decimal sum;
	int scale;

	a = trim(a);
	b = trim(b);
	scale = a.scale > b.scale ? a.scale : b.scale;
	if (!rescale(a, scale, &a) || !rescale(b, scale, &b))
		return false;
	sum.scale = scale;
	if (__builtin_add_overflow(a.coef, b.coef, &sum.coef) || !fits(magnitude_of(sum)))
		return false;
	*ret = sum;
	return true;
}

bool decimal_sub(struct decimal a, struct decimal b, struct decimal *ret)
{
	return decimal_add(a, decimal_neg(b), ret);
}

bool decimal_mul(struct decimal a, struct decimal b, struct decimal *ret)
{
	magnitude m;

	a = trim(a);
	b = trim(b);
	if (a.scale + b.scale > DECIMAL_MAX_SCALE)
		return false;
	if (!magnitude_mul(magnitude_of(a), magnitude_of(b), &m))
		return false;
	*ret = signed_decimal((a.coef < 0) != (b.coef < 0), m, a.scale + b.scale);
	return true;
}

/* n / d, half away from zero. */
static magnitude div_half_up(magnitude n, magnitude d)
{
	magnitude rest = n % d;

	return n / d + (rest >= d - rest);
}

bool decimal_div_round(struct decimal a, struct decimal b, int digits, struct decimal *ret)
{
	int shift;
	magnitude n, d, q;

	if (b.coef == 0)
		return false;
	a = trim(a);
	b = trim(b);
	shift = digits + b.scale - a.scale;
	if (!magnitude_mul(magnitude_of(a), pow10_of(shift > 0 ? shift : 0), &n))
		return false;
	if (!magnitude_mul(magnitude_of(b), pow10_of(shift < 0 ? -shift : 0), &d))
		return false;
	q = div_half_up(n, d);
	*ret = signed_decimal((a.coef < 0) != (b.coef < 0), q, digits);
	return true;
}

struct decimal decimal_round(struct decimal a, int digits)
{
	if (a.scale <= digits)
		return a;
	return signed_decimal(
	    a.coef < 0, div_half_up(magnitude_of(a), pow10_of(a.scale - digits)), digits);
}

struct decimal decimal_abs(struct decimal a)
{
	return a.coef < 0 ? decimal_neg(a) : a;
}

struct decimal decimal_neg(struct decimal a)
{
	a.coef = -a.coef;
	return a;
}

bool decimal_is_zero(struct decimal a)
{
	return a.coef == 0;
}

int decimal_sign(struct decimal a)
{
	return (a.coef > 0) - (a.coef < 0);
}

/* Whole parts first, so that no alignment can overflow. */
int decimal_cmp(struct decimal a, struct decimal b)
{
	__int128 pa = (__int128)pow10_of(a.scale), pb = (__int128)pow10_of(b.scale);
	__int128 x = a.coef / pa, y = b.coef / pb;

	if (x == y) {
		x = a.coef % pa * (__int128)pow10_of(DECIMAL_MAX_SCALE - a.scale);
		y = b.coef % pb * (__int128)pow10_of(DECIMAL_MAX_SCALE - b.scale);
	}
	return (x > y) - (x < y);
}

void decimal_text(struct decimal a, int min_digits, char out[DECIMAL_TEXT])
{
	char reversed[DECIMAL_TEXT];
	size_t n = 0;
	int scale;
	magnitude m;

	a = trim(a);
	m = magnitude_of(a);
	if (min_digits > DECIMAL_MAX_PAD)
		min_digits = DECIMAL_MAX_PAD;
	for (scale = a.scale; scale < min_digits; scale++)
		reversed[n++] = '0';
	for (int i = 0; i < a.scale; i++, m /= 10)
		reversed[n++] = (char)('0' + (int)(m % 10));
	if (scale > 0)
		reversed[n++] = '.';
	do
		reversed[n++] = (char)('0' + (int)(m % 10));
	while ((m /= 10) != 0);
	if (a.coef < 0)
		reversed[n++] = '-';
	for (size_t i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	out[n] = '\0';
}
