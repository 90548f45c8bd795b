#include "http/media_type.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* ISO 32000-2 §7.5.2: "%PDF-1.7" */
static bool is_pdf(const uint8_t *p, size_t n)
{
	return n >= 8 && memcmp(p, "%PDF-", 5) == 0 && is_digit(p[5]) && p[6] == '.' &&
	       is_digit(p[7]);
}

/* PNG (Third Edition) §5.2, §11.2.1: the signature, then IHDR with 13 bytes and a CRC. */
static bool is_png(const uint8_t *p, size_t n)
{
	static const uint8_t start[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13,
		'I', 'H', 'D', 'R' };
	enum { WIDTH = 16, HEIGHT = 20, FIRST_CHUNK_END = 33 };

	if (n < FIRST_CHUNK_END || memcmp(p, start, sizeof start) != 0)
		return false;
	return be32(p + WIDTH) - 1 < INT32_MAX && be32(p + HEIGHT) - 1 < INT32_MAX;
}

/* ITU-T T.81 §B.1.1.3: SOI, then a marker that may begin a file: SOFn, DHT, DQT, DRI, APPn, COM. */
static bool is_jpeg(const uint8_t *p, size_t n)
{
	if (n < 4 || p[0] != 0xFF || p[1] != 0xD8 || p[2] != 0xFF)
		return false;
	return (p[3] & 0xF0) == 0xC0 || (p[3] & 0xF0) == 0xE0 || p[3] == 0xDB || p[3] == 0xDD ||
	       p[3] == 0xFE;
}

/* RFC 9649 §2.4: the RIFF length counts what follows it, "WEBP" and the first chunk at least. */
static bool is_webp(const uint8_t *p, size_t n)
{
	if (n < 20 || memcmp(p, "RIFF", 4) != 0 || memcmp(p + 8, "WEBPVP8", 7) != 0)
		return false;
	return strchr(" LX", p[15]) != NULL && p[15] != '\0' && le32(p + 4) >= 12 &&
	       le32(p + 4) <= n - 8;
}

static const struct {
	bool (*is)(const uint8_t *p, size_t n);
	struct media_type type;
} known[] = {
	{ is_pdf, { "application/pdf", "pdf" } },
	{ is_png, { "image/png", "png" } },
	{ is_jpeg, { "image/jpeg", "jpg" } },
	{ is_webp, { "image/webp", "webp" } },
};

const struct media_type *media_type_sniff(const void *p, size_t n)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].is(p, n))
			return &known[i].type;
	return NULL;
}

const struct media_type *media_type_named(const char *name)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(known[i].type.name, name) == 0)
			return &known[i].type;
	return NULL;
}
