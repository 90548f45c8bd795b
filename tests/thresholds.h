/* The thresholds that are in force unless somebody sets others (docs/configuration.md). */
#ifndef MIZAN_TESTS_THRESHOLDS_H
#define MIZAN_TESTS_THRESHOLDS_H

#include "core/config.h"

static const struct thresholds model_thresholds = {
	.mismatch_ratio = 500,
	.mismatch_absolute = 500000,
	.severe_ratio = 2000,
	.severe_absolute = 5000000,
	.rounding_ratio = 50,
	.rounding_delta = 100000,
	.low_confidence = 6000,
	.ocr_suspect_confidence = 7000,
	.line_tolerance = 200,
};

#endif
