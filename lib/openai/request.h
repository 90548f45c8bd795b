/*
 * The body of one Chat Completions call (SPEC §5 and its appendix): what the model is told,
 * the document as a data URL, and the strict schema of the answer.
 */
#ifndef MIZAN_OPENAI_REQUEST_H
#define MIZAN_OPENAI_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "openai/settings.h"

/* Borrowed.  The client's file name stays here: the provider sees a neutral one. */
struct openai_document {
	const void *bytes;
	size_t len;
	const char *media_type; /* application/pdf, image/png, image/jpeg or image/webp */
};

enum { OPENAI_FRAMES = 4 /* one for each media type */ };

/*
 * What bodies are made of beside the document: the same in every request with the same settings,
 * written once and kept here.  Zeroed at first, then for openai_request_build() alone.
 */
struct openai_frames {
	struct openai_frame {
		char *text;
		size_t len, spot; /* the document goes where spot is */
		int64_t max_completion_tokens;
	} of[OPENAI_FRAMES];
};
void openai_frames_clear(struct openai_frames *frames);

/*
 * All calls with one frames must have the same settings.
 * RC_OK: *out, which need not be initialised, holds the body; buf_free() it or hand it to
 * openai_client_submit().
 * RC_INVALID: empty_file, unsupported_file_type, file_too_large (over 512 MiB).
 * RC_UNAVAILABLE: out of memory.  Unless RC_OK, *out is untouched.
 */
enum rc openai_request_build(struct buf *out, const struct openai_settings *settings,
    struct openai_frames *frames, const struct openai_document *doc, int64_t max_completion_tokens,
    struct err *e) MUST_CHECK;

#endif
