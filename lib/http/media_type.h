/*
 * What a file is, by its content (SPEC §3); what the client claims plays no part.
 */
#ifndef MIZAN_HTTP_MEDIA_TYPE_H
#define MIZAN_HTTP_MEDIA_TYPE_H

#include <stddef.h>

struct media_type {
	const char *name;      /* "application/pdf" */
	const char *extension; /* "pdf", without a dot */
};

/*
 * The type of these bytes, static; NULL where it is none of PDF, PNG, JPEG and WebP.
 *
 * Every magic must stand at offset 0.  Readers forgive up to 1024 bytes before "%PDF-"
 * (ISO 32000-1 Annex H, note 13), but that is just what a file needs that is to be a PDF to
 * one program and HTML or a script to another.  Beyond the magic: PDF a version digit, PNG a
 * first chunk IHDR with a possible size, JPEG a marker after SOI, WebP a RIFF length that the
 * file holds and a known first chunk.
 */
const struct media_type *media_type_sniff(const void *p, size_t n);

/* The one with this name; NULL if it is none of them. */
const struct media_type *media_type_named(const char *name);

#endif
