#include "http/media_type.h"

#include <string.h>

#include "unit/unit.h"

#define PNG(width, height)                                                                         \
	"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR" width height "\x08\x02\0\0\0\xAA\xBB\xCC\xDD"
#define ONE       "\0\0\0\1"
#define ROW(text) __LINE__, text, sizeof(text) - 1

static void test_sniff(void)
{
	static const struct {
		unsigned line;
		const char *bytes;
		size_t n;
		const char *want, *extension;
	} cases[] = {
		{ ROW("%PDF-1.7"), "application/pdf", "pdf" },
		{ ROW("%PDF-2.0\n%..."), "application/pdf", "pdf" },
		{ ROW(PNG(ONE, ONE)), "image/png", "png" },
		{ ROW(PNG("\x7F\xFF\xFF\xFF", ONE)), "image/png", "png" },
		{ ROW("\xFF\xD8\xFF\xE0"), "image/jpeg", "jpg" },
		{ ROW("\xFF\xD8\xFF\xDB\0\x43"), "image/jpeg", "jpg" },
		{ ROW("\xFF\xD8\xFF\xFE\0\x02"), "image/jpeg", "jpg" },
		{ ROW("RIFF\x0C\0\0\0WEBPVP8 \0\0\0\0"), "image/webp", "webp" },
		{ ROW("RIFF\x0C\0\0\0WEBPVP8L\0\0\0\0"), "image/webp", "webp" },
		{ ROW("RIFF\x0C\0\0\0WEBPVP8X\0\0\0\0trailing"), "image/webp", "webp" },
		{ ROW(""), NULL, NULL },
		{ ROW("%PDF-"), NULL, NULL },
		{ ROW("%PDF-1."), NULL, NULL },
		{ ROW("%PDF-x.y"), NULL, NULL },
		{ ROW("%PDF-1x7"), NULL, NULL },
		{ ROW(" %PDF-1.7"), NULL, NULL },
		{ ROW("\xEF\xBB\xBF%PDF-1.7"), NULL, NULL },
		{ ROW("<script>alert(1)</script>\n%PDF-1.7"), NULL, NULL },
		{ ROW(PNG(ONE, "\0\0\0\0")), NULL, NULL },
		{ ROW(PNG("\0\0\0\0", ONE)), NULL, NULL },
		{ ROW(PNG("\x80\0\0\0", ONE)), NULL, NULL },
		{ __LINE__, PNG(ONE, ONE), 32, NULL, NULL },
		{ ROW("\x89PNG\r\n\x1A\n"), NULL, NULL },
		{ ROW("\x89PNG\n\x1A\n\0\0\0\x0DIHDR" ONE ONE "0123456789"), NULL, NULL },
		{ ROW("\xFF\xD8\xFF"), NULL, NULL },
		{ ROW("\xFF\xD8\xFF\xD9"), NULL, NULL },
		{ ROW("\xFF\xD8\xFF\0"), NULL, NULL },
		{ ROW("\xFF\xD8\0\xE0"), NULL, NULL },
		{ ROW("RIFF\x0D\0\0\0WEBPVP8 \0\0\0\0"), NULL, NULL },
		{ ROW("RIFF\xFF\xFF\xFF\xFFWEBPVP8 \0\0\0\0"), NULL, NULL },
		{ ROW("RIFF\x0B\0\0\0WEBPVP8 \0\0\0\0"), NULL, NULL },
		{ ROW("RIFF\x0C\0\0\0WEBPVP8\0\0\0\0\0"), NULL, NULL },
		{ ROW("RIFF\x0C\0\0\0WAVEfmt \0\0\0\0"), NULL, NULL },
		{ ROW("RIFF\x0C\0\0\0WEBPVP8"), NULL, NULL },
		{ ROW("GIF89a\1\0\1\0\0\0\0;"), NULL, NULL },
		{ ROW("PK\3\4 a zip of some length"), NULL, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct media_type *type = media_type_sniff(cases[i].bytes, cases[i].n);

		CHECK_STR_ROW(type != NULL ? type->name : NULL, cases[i].want, cases[i].line);
		CHECK_STR_ROW(
		    type != NULL ? type->extension : NULL, cases[i].extension, cases[i].line);
	}
}

static void test_named(void)
{
	static const char *const names[] = { "application/pdf", "image/png", "image/jpeg",
		"image/webp" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		CHECK_STR(media_type_named(names[i])->name, names[i]);
	CU_ASSERT(media_type_named("text/html") == NULL);
	CU_ASSERT(media_type_named("") == NULL);
}

const struct unit_test unit_tests[] = {
	{ "types by content", test_sniff },
	{ "types by name", test_named },
	{ NULL, NULL },
};
