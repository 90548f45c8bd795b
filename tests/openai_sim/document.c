#include "openai_sim/document.h"

#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

enum { MAGIC_MAX = 12, CHUNK_CHARS = 16384 };

static const struct media {
	const char *head;
	enum document_media media;
	const char *magic;
	size_t magic_len;
} medias[] = {
	{ "data:application/pdf;base64,", DOCUMENT_PDF, "%PDF-", 5 },
	{ "data:image/png;base64,", DOCUMENT_IMAGE, "\x89PNG\r\n\x1a\n", 8 },
	{ "data:image/jpeg;base64,", DOCUMENT_IMAGE, "\xff\xd8\xff", 3 },
	{ "data:image/webp;base64,", DOCUMENT_IMAGE, "RIFF", 4 },
};

static const struct media *media_of(const char *head, size_t n, enum document_media media)
{
	for (size_t i = 0; i < sizeof medias / sizeof medias[0]; i++)
		if (medias[i].media == media && strlen(medias[i].head) == n &&
		    memcmp(medias[i].head, head, n) == 0)
			return &medias[i];
	return NULL;
}

/* clang-format off */
/* One more than a character's six bits; 0: outside the alphabet. */
static const unsigned char alphabet[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};
/* clang-format on */

/* Decode whole quartets without padding; false: a character outside the alphabet. */
static bool decode(const char *in, size_t n, unsigned char *out)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < n; i += 4, out += 3) {
		uint32_t a = alphabet[(unsigned char)in[i]] - 1U;
		uint32_t b = alphabet[(unsigned char)in[i + 1]] - 1U;
		uint32_t c = alphabet[(unsigned char)in[i + 2]] - 1U;
		uint32_t d = alphabet[(unsigned char)in[i + 3]] - 1U;
		uint32_t v = a << 18 | b << 12 | c << 6 | d;

		seen |= a | b | c | d;
		out[0] = (unsigned char)(v >> 16);
		out[1] = (unsigned char)(v >> 8);
		out[2] = (unsigned char)v;
	}
	return seen < 64;
}

/* The last quartet, which may be padded: its number of bytes, 0 when it is not canonical. */
static size_t decode_last(const char *in, unsigned char *out)
{
	char full[4];
	size_t pad = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;

	memcpy(full, in, sizeof full);
	for (size_t i = 4 - pad; i < 4; i++)
		full[i] = 'A';
	if (!decode(full, 4, out))
		return 0;
	if ((pad == 1 && out[2] != 0) || (pad == 2 && (out[1] != 0 || out[2] != 0)))
		return 0;
	return 3 - pad;
}

/* Decode and hash; the first bytes go to start.  The number of bytes, 0: not base64. */
static size_t decode_all(const char *in, size_t n, EVP_MD_CTX *md, unsigned char start[MAGIC_MAX])
{
	unsigned char out[CHUNK_CHARS / 4 * 3];
	size_t total = 0;

	if (n == 0 || n % 4 != 0)
		return 0;
	for (size_t at = 0; at < n;) {
		size_t take = n - at <= CHUNK_CHARS ? n - at : CHUNK_CHARS;
		size_t plain = at + take == n ? take - 4 : take;
		size_t got = plain / 4 * 3;

		if (!decode(in + at, plain, out))
			return 0;
		if (plain < take) {
			size_t last = decode_last(in + at + plain, out + got);
			if (last == 0)
				return 0;
			got += last;
		}
		if (at == 0)
			memcpy(start, out, got < MAGIC_MAX ? got : MAGIC_MAX);
		if (EVP_DigestUpdate(md, out, got) != 1)
			return 0;
		total += got;
		at += take;
	}
	return total;
}

const char *document_check(const char *head, size_t head_len, const char *payload,
    size_t payload_len, enum document_media media, struct document_info *ret)
{
	const struct media *m = media_of(head, head_len, media);
	unsigned char start[MAGIC_MAX] = { 0 };
	struct document_info info;
	EVP_MD_CTX *md;
	const char *wrong = "the base64 data could not be decoded";

	if (m == NULL)
		return media == DOCUMENT_PDF
			   ? "expected a data URL that begins with 'data:application/pdf;base64,'"
			   : "expected a base64 data URL of image/png, image/jpeg or image/webp";
	md = EVP_MD_CTX_new();
	if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		goto out;
	info.bytes = decode_all(payload, payload_len, md, start);
	if (info.bytes == 0)
		goto out;
	wrong = "the document's content is not of the type that its data URL names";
	if (memcmp(start, m->magic, m->magic_len) != 0)
		goto out;
	if (m->magic[0] == 'R' && memcmp(start + 8, "WEBP", 4) != 0)
		goto out;
	if (EVP_DigestFinal_ex(md, info.sha.b, NULL) != 1)
		goto out;
	*ret = info;
	wrong = NULL;
out:
	EVP_MD_CTX_free(md);
	return wrong;
}

struct sha256 sha256_of(const void *bytes, size_t n)
{
	struct sha256 sha = { { 0 } };

	(void)EVP_Digest(bytes, n, sha.b, NULL, EVP_sha256(), NULL);
	return sha;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sha256_parse(const char *hex, struct sha256 *ret)
{
	struct sha256 sha;

	if (strlen(hex) != SHA256_HEX)
		return false;
	for (size_t i = 0; i < sizeof sha.b; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		sha.b[i] = (unsigned char)(high << 4 | low);
	}
	*ret = sha;
	return true;
}
