/*
 * What the calls to the model are made with.  Strings are borrowed: they must outlive every
 * client and request built from the settings.
 */
#ifndef MIZAN_OPENAI_SETTINGS_H
#define MIZAN_OPENAI_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

struct openai_settings {
	const char *base_url; /* "https://api.openai.com/v1"; a trailing slash is fine */
	const char *api_key;  /* NULL: no Authorization header is sent */
	const char *model;
	int64_t connect_timeout_ms;
	int64_t timeout_ms;      /* of one whole call */
	int64_t max_reply_bytes; /* a longer body is cut there, and the call counts as failed */
	size_t max_in_flight;    /* calls at a time, and connections kept alive */
};

/* The settings in cfg, which they borrow from. */
struct openai_settings openai_settings_from(const struct config *cfg);

#endif
