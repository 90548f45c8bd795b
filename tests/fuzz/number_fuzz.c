/*
 * Whatever text comes in, number_normalize() either refuses it or yields what decimal_parse()
 * takes, and what it yields again when given its own answer.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "invoice/number.h"

#define MAX_INPUT (2 * NUMBER_MAX_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[MAX_INPUT + 1], out[DECIMAL_TEXT], again[DECIMAL_TEXT];
	struct decimal d;

	if (size > MAX_INPUT)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (number_normalize(text, out, NULL) != RC_OK)
		return 0;
	INVARIANT(decimal_parse(out, &d));
	INVARIANT(number_normalize(out, again, NULL) == RC_OK);
	INVARIANT(strcmp(out, again) == 0);
	return 0;
}
