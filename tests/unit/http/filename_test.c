#include "http/filename.h"

#include <string.h>

#include "unit/unit.h"

static void test_clean(void)
{
	static const struct {
		unsigned line;
		const char *raw, *want;
	} cases[] = {
		{ __LINE__, "invoice.pdf", "invoice.pdf" },
		{ __LINE__, "/etc/passwd", "passwd" },
		{ __LINE__, "../../x.pdf", "x.pdf" },
		{ __LINE__, "C:\\Users\\me\\x.pdf", "x.pdf" },
		{ __LINE__, "a/b\\c/d.pdf", "d.pdf" },
		{ __LINE__, "dir/", "document" },
		{ __LINE__, "", "document" },
		{ __LINE__, ".", "document" },
		{ __LINE__, "a/..", "document" },
		{ __LINE__, " .. ", "document" },
		{ __LINE__, "...", "..." },
		{ __LINE__, " \t\r\n ", "document" },
		{ __LINE__, "  a  b  ", "a  b" },
		{ __LINE__,
		    "\xC2\xA0"
		    "a\xE3\x80\x80",
		    "a" },
		{ __LINE__, "a\r\nX-Evil: 1.pdf", "aX-Evil: 1.pdf" },
		{ __LINE__, "a\x7F\xC2\x85z", "az" },
		{ __LINE__,
		    "\xE2\x80\xAE"
		    "fdp.exe",
		    "fdp.exe" },
		{ __LINE__, "a\xE2\x81\xA6z\xEF\xBB\xBF\xF3\xA0\x81\x81", "az" },
		{ __LINE__, "a\xE2\x80\xA8z", "az" },
		{ __LINE__, ".\xE2\x80\x8B.", "document" },
		{ __LINE__, "fatura_\xC5\x9F\xC4\xB1.pdf", "fatura_\xC5\x9F\xC4\xB1.pdf" },
		{ __LINE__, "a\xFFz", "a\xEF\xBF\xBDz" },
		{ __LINE__, "a\xC5", "a\xEF\xBF\xBD" },
		{ __LINE__, "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD" },
		{ __LINE__, "\xF0\x9F\xA7\xBE.png", "\xF0\x9F\xA7\xBE.png" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[FILENAME_SIZE], again[FILENAME_SIZE];

		filename_clean(cases[i].raw, strlen(cases[i].raw), out);
		CHECK_STR_ROW(out, cases[i].want, cases[i].line);
		filename_clean(out, strlen(out), again);
		CHECK_STR_ROW(again, out, cases[i].line);
	}
}

static void test_nul_and_length(void)
{
	char raw[600], out[FILENAME_SIZE];

	filename_clean("a\0b.pdf", 7, out);
	CHECK_STR(out, "ab.pdf");
	memset(raw, 'x', sizeof raw);
	filename_clean(raw, 255, out);
	CU_ASSERT(strlen(out) == 255);
	filename_clean(raw, sizeof raw, out);
	CU_ASSERT(strlen(out) == 255);
	memcpy(raw + 254, "\xC5\x9F", 2); /* would end at byte 256 */
	filename_clean(raw, sizeof raw, out);
	CU_ASSERT(strlen(out) == 254);
	raw[254] = ' '; /* the cut lays it bare */
	memcpy(raw + 255, "\xC5\x9F", 2);
	filename_clean(raw, sizeof raw, out);
	CU_ASSERT(strlen(out) == 254);
}

const struct unit_test unit_tests[] = {
	{ "names made harmless", test_clean },
	{ "NUL and length", test_nul_and_length },
	{ NULL, NULL },
};
