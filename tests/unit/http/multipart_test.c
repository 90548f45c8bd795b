#include "http/multipart.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "unit/unit.h"

#define B70                "0123456789012345678901234567890123456789012345678901234567890123456789"
#define FD(x)              "Content-Disposition: form-data; " x "\r\n"
#define FILE_PART(content) "--b\r\n" FD("name=\"file\"; filename=\"a.pdf\"") "\r\n" content
#define END                "\r\n--b--\r\n"

static void test_boundary(void)
{
	static const struct {
		unsigned line;
		const char *type, *want, *code;
	} cases[] = {
		{ __LINE__, "multipart/form-data; boundary=b", "b", "" },
		{ __LINE__, "Multipart/Form-Data;charset=utf-8 ; BOUNDARY=\"a b?c\"", "a b?c", "" },
		{ __LINE__, "multipart/form-data; boundary=" B70, B70, "" },
		{ __LINE__, "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk",
		    "----WebKitFormBoundary7MA4YWxk", "" },
		{ __LINE__, "multipart/form-data; boundary=b;", "b", "" },
		{ __LINE__, NULL, NULL, "no_file" },
		{ __LINE__, "", NULL, "no_file" },
		{ __LINE__, "application/pdf", NULL, "invalid_content_type" },
		{ __LINE__, "multipart/mixed; boundary=b", NULL, "invalid_content_type" },
		{ __LINE__, "multipart/form-data2; boundary=b", NULL, "invalid_content_type" },
		{ __LINE__, "multipart / form-data; boundary=b", NULL, "invalid_content_type" },
		{ __LINE__, "; boundary=b", NULL, "invalid_content_type" },
		{ __LINE__, "multipart/form-data", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=\"\"", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=" B70 "0", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=\"b ", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=\"b \"", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=\"a\\\"b\"", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=a b", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=a, b", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=a*b", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=b; boundary=b", NULL,
		    "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=b; =", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=\"a\r\nb\"", NULL, "invalid_multipart" },
		{ __LINE__, "multipart/form-data; boundary=\xC5\x9F", NULL, "invalid_multipart" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[MULTIPART_BOUNDARY_SIZE] = "before";
		struct err e = { .rc = RC_OK };
		enum rc rc = multipart_boundary(cases[i].type, out, &e);
		bool ok = cases[i].want != NULL;

		CHECK_ROW(rc == (ok ? RC_OK : RC_INVALID), cases[i].line, cases[i].type);
		CHECK_STR_ROW(out, ok ? cases[i].want : "before", cases[i].line);
		CHECK_STR_ROW(e.code, cases[i].code, cases[i].line);
	}
}

/* find over a heap copy of just this size, so that a sanitizer sees any read past it. */
static enum rc find(const char *body, size_t len, const char *boundary, struct multipart_part *part,
    size_t *offset, struct err *e)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum rc rc;

	memcpy(copy, body, len);
	rc = multipart_find_file(copy, len, boundary, "file", part, e);
	if (rc == RC_OK)
		*offset = (size_t)(part->data - copy);
	free(copy);
	return rc;
}

#define BODY(text) __LINE__, text, sizeof(text) - 1

static void test_content(void)
{
	static const struct {
		unsigned line;
		const char *body;
		size_t len;
		const char *want;
		size_t want_len;
	} cases[] = {
#define WANT(text) text, sizeof(text) - 1
		{ BODY(FILE_PART("%PDF") END), WANT("%PDF") },
		{ BODY(FILE_PART("") END), WANT("") },
		{ BODY(FILE_PART("%PDF") "\r\n--b--"), WANT("%PDF") },
		{ BODY(FILE_PART("%PDF") "\r\n--b-- \t\r\nepilogue\r\n--b\r\n"), WANT("%PDF") },
		{ BODY("preamble --b\r\n\r\n" FILE_PART("x") END), WANT("x") },
		{ BODY("\r\n" FILE_PART("x") END), WANT("x") },
		{ BODY("--bb\r\n" FILE_PART("x") END), WANT("x") },
		{ BODY(FILE_PART("\r\n") END), WANT("\r\n") },
		{ BODY(FILE_PART("\r\n\r\n\r") END), WANT("\r\n\r\n\r") },
		{ BODY(FILE_PART("\0\1\xFF") END), WANT("\0\1\xFF") },
		{ BODY(FILE_PART("a--b\r\nc") END), WANT("a--b\r\nc") },
		{ BODY(FILE_PART("a\n--b\r\nc") END), WANT("a\n--b\r\nc") },
		{ BODY(FILE_PART("a\r--b\r\nc") END), WANT("a\r--b\r\nc") },
		{ BODY(FILE_PART("a\r\n--bc\r\nd") END), WANT("a\r\n--bc\r\nd") },
		{ BODY(FILE_PART("a\r\n--b \nd") END), WANT("a\r\n--b \nd") },
		{ BODY(FILE_PART("a\r\n--b--x\r\nd") END), WANT("a\r\n--b--x\r\nd") },
		{ BODY(FILE_PART("a\r\n--b-\r\nd") END), WANT("a\r\n--b-\r\nd") },
		{ BODY(FILE_PART("a\r\n--B\r\nd") END), WANT("a\r\n--B\r\nd") },
		{ BODY(FILE_PART("a\r\n-\r\n--\r\n--") END), WANT("a\r\n-\r\n--\r\n--") },
		/* a part without content: the blank line's CRLF is the delimiter's */
		{ BODY("--b\r\n" FD("name=\"file\"") "\r\n--b--\r\n"), WANT("") },
		{ BODY("--b \t \r\n" FD("name=file; filename=a") "\r\nx" END), WANT("x") },
		/* other fields, before and after */
		{ BODY("--b\r\n" FD("name=\"note\"") "\r\nhi\r\n" FILE_PART("x") "\r\n--b\r\n" FD(
		      "name=\"z\"") "\r\nhi" END),
		    WANT("x") },
		{ BODY("--b\r\n" FD("name=\"File\"") "\r\nhi\r\n" FILE_PART("x") END), WANT("x") },
		{ BODY("--b\r\n" FD("name=\"files\"") "\r\nhi\r\n" FILE_PART("x") END), WANT("x") },
		/* a nested multipart is content */
		{ BODY("--b\r\n" FD(
		      "name=\"file\"") "Content-Type: multipart/mixed; boundary=in\r\n"
				       "\r\n--in\r\n" FD("name=\"file\"") "\r\nx\r\n--in--" END),
		    WANT("--in\r\n" FD("name=\"file\"") "\r\nx\r\n--in--") },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct multipart_part part;
		size_t at = 0;
		struct err e = { .rc = RC_OK };
		enum rc rc = find(cases[i].body, cases[i].len, "b", &part, &at, &e);

		CHECK_STR_ROW(e.code, "", cases[i].line);
		CHECK_ROW(rc == RC_OK && part.len == cases[i].want_len &&
			      memcmp(cases[i].body + at, cases[i].want, part.len) == 0,
		    cases[i].line, "content");
	}
}

static const struct {
	unsigned line;
	const char *body;
	size_t len;
	const char *code;
} refused_cases[] = {
	{ BODY("--b--\r\n"), "no_file" },
	{ BODY("--b\r\n" FD("name=\"other\"") "\r\nx" END), "no_file" },
	{ BODY("--b\r\n" FD("name=\"file\0\"") "\r\nx" END), "invalid_multipart" },
	{ BODY(FILE_PART("x") "\r\n" FILE_PART("x") END), "duplicate_file" },
	{ BODY(FILE_PART("x") "\r\n--b\r\n" FD("name=file") "\r\n" END), "duplicate_file" },
	{ BODY(""), "invalid_multipart" },
	{ BODY("--"), "invalid_multipart" },
	{ BODY("--b"), "invalid_multipart" },
	{ BODY("--b\r"), "invalid_multipart" },
	{ BODY("--b\r\n"), "invalid_multipart" },
	{ BODY("no delimiter"), "invalid_multipart" },
	{ BODY(FILE_PART("x")), "invalid_multipart" },
	{ BODY(FILE_PART("x") "\r\n--b"), "invalid_multipart" },
	{ BODY(FILE_PART("x") "\r\n--b-"), "invalid_multipart" },
	{ BODY(FILE_PART("x") "\r\n--b\r\n"), "invalid_multipart" },
	{ BODY(FILE_PART("x") "--b--\r\n"), "invalid_multipart" },
	{ BODY(FILE_PART("x") "\n--b--\n"), "invalid_multipart" },
	/* line ends */
	{ BODY("--b\nContent-Disposition: form-data; name=\"file\"\n\nx\n--b--\n"),
	    "invalid_multipart" },
	{ BODY("--b\r\nContent-Disposition: form-data; name=\"file\"\n\nx" END),
	    "invalid_multipart" },
	{ BODY("--b\r\nContent-Disposition: form-data; name=\"file\"\r\r\nx" END),
	    "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"") "\nx" END), "invalid_multipart" },
	/* headers */
	{ BODY("--b\r\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\nContent-Type: text/plain\r\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"") "--b--\r\n"), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"") "X: a\0b\r\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"") "X: \x1B[2J\r\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"") "no colon\r\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"") ": no name\r\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"") "X : space\r\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\";") " filename=\"folded\"\r\n\r\nx" END),
	    "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"") FD("name=\"file\"") "\r\nx" END),
	    "invalid_multipart" },
	{ BODY("--b\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n" FD("name=\"file\"") "\r\nx" END),
	    "invalid_multipart" },
	{ BODY("--b\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nx" END),
	    "invalid_multipart" },
	{ BODY("--b\r\nContent-Disposition:\r\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("filename=\"a\"") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\\\"") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\" x") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"; =x") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=\"file\"; name=\"file\"") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=file; filename=a; filename=b") "\r\nx" END),
	    "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=file") "X: ab\n\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("name=file") FD("filename=a") "\r\nx" END), "invalid_multipart" },
	{ BODY("--b\r\n" FD("filename=a") FD("name=file") "\r\nx" END), "invalid_multipart" },
	/* CRLF in a file name ends the line, and with it the string */
	{ BODY("--b\r\n" FD("name=\"file\"; filename=\"a\r\nX-Evil: 1\"") "\r\nx" END),
	    "invalid_multipart" },
};

static void test_refused(void)
{
	for (size_t i = 0; i < sizeof refused_cases / sizeof refused_cases[0]; i++) {
		struct multipart_part part = { .len = 77 };
		size_t at;
		struct err e = { .rc = RC_OK };
		enum rc rc = find(refused_cases[i].body, refused_cases[i].len, "b", &part, &at, &e);

		CHECK_ROW(rc == RC_INVALID, refused_cases[i].line, "refused");
		CHECK_STR_ROW(e.code, refused_cases[i].code, refused_cases[i].line);
		CHECK_ROW(part.len == 77, refused_cases[i].line, "untouched");
	}
}

/* Whole bodies, cut short after every byte: never found, never read past the end. */
static void test_every_prefix(void)
{
	static const char body[] =
	    "preamble\r\n--b\r\n" FD("name=\"x\"") "\r\n1\r\n" FILE_PART("%PDF-1.7") "\r\n--b--";
	struct multipart_part part;
	struct err e;
	size_t at;

	for (size_t n = 0; n < sizeof body - 1; n++)
		CHECK_ROW(find(body, n, "b", &part, &at, &e) == RC_INVALID, __LINE__, "prefix");
	CU_ASSERT(find(body, sizeof body - 1, "b", &part, &at, &e) == RC_OK);
	CU_ASSERT(part.len == 8);
}

static void test_filename(void)
{
	static const struct {
		unsigned line;
		const char *parameters, *want;
	} cases[] = {
		{ __LINE__, "filename=\"a.pdf\"", "a.pdf" },
		{ __LINE__, "filename=a.pdf", "a.pdf" },
		{ __LINE__, "FileName=\"a;b=c.pdf\"", "a;b=c.pdf" },
		{ __LINE__, "x=y", "document" },
		{ __LINE__, "filename=\"\"", "document" },
		{ __LINE__, "filename=\"say \\\"hi\\\".pdf\"", "say \"hi\".pdf" },
		{ __LINE__, "filename=\"say %22hi%22.pdf\"", "say \"hi\".pdf" },
		{ __LINE__, "filename=\"a%0D%0aX-Evil: 1.pdf\"", "aX-Evil: 1.pdf" },
		{ __LINE__, "filename=\"100%.pdf\"", "100%.pdf" },
		{ __LINE__, "filename=\"a%2Fb%20c%0\"", "a%2Fb%20c%0" },
		{ __LINE__, "filename=\"%0B%\"", "%0B%" },
		{ __LINE__, "filename=\"C:\\dir\\a.pdf\"", "a.pdf" },
		{ __LINE__, "filename=\"C:\\\\dir\\\\a.pdf\"", "a.pdf" },
		{ __LINE__, "filename=\"../../etc/passwd\"", "passwd" },
		{ __LINE__, "filename=\"fatura \xC5\x9F.pdf\"", "fatura \xC5\x9F.pdf" },
		{ __LINE__, "filename=\"a\xFF.pdf\"", "a\xEF\xBF\xBD.pdf" },
		{ __LINE__, "filename=\"a\tb\"", "ab" },
		{ __LINE__, "filename*=UTF-8''%65vil.pdf; filename=\"a.pdf\"", "a.pdf" },
		{ __LINE__, "filename*=UTF-8''%65vil.pdf", "document" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char body[512] = "--b\r\nContent-Disposition: form-data; name=\"file\"; ";
		struct multipart_part part;
		size_t at;
		struct err e = { .rc = RC_OK };

		strncat(body, cases[i].parameters, 200);
		strncat(body, "\r\n\r\nx" END, 50);
		CHECK_ROW(
		    find(body, strlen(body), "b", &part, &at, &e) == RC_OK, cases[i].line, e.msg);
		CHECK_STR_ROW(part.filename, cases[i].want, cases[i].line);
	}
}

static void test_content_type(void)
{
	static const struct {
		unsigned line;
		const char *header, *want;
	} cases[] = {
		{ __LINE__, "", "" },
		{ __LINE__, "Content-Type: application/pdf\r\n", "application/pdf" },
		{ __LINE__, "content-type:image/png; x=\"y\"\r\n", "image/png; x=\"y\"" },
		{ __LINE__, "Content-Type: a/\xC5\x9F\r\n", "" },
		{ __LINE__, "Content-Type: a/b\tc\r\n", "" },
		{ __LINE__, "Content-Type: " B70 B70 "\r\n", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char body[512] = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n";
		struct multipart_part part;
		size_t at;
		struct err e = { .rc = RC_OK };

		strncat(body, cases[i].header, 200);
		strncat(body, "\r\nx" END, 50);
		CHECK_ROW(
		    find(body, strlen(body), "b", &part, &at, &e) == RC_OK, cases[i].line, e.msg);
		CHECK_STR_ROW(part.content_type, cases[i].want, cases[i].line);
	}
}

/* `fields` parts and then the file; the code, or "" if it was found. */
static const char *with_parts(size_t fields, struct err *e)
{
	struct buf body;
	struct multipart_part part;
	size_t at;

	*e = (struct err){ .rc = RC_OK };
	buf_init(&body, 1 << 20);
	for (size_t i = 0; i < fields; i++)
		buf_addf(&body, "--b\r\n" FD("name=\"n%zu\"") "\r\n1\r\n", i);
	buf_adds(&body, FILE_PART("x") END);
	(void)!find(body.p, body.len, "b", &part, &at, e);
	buf_free(&body);
	return e->code;
}

/* One part with a header of n bytes besides its disposition. */
static const char *with_header(size_t n, struct err *e)
{
	struct buf body;
	struct multipart_part part;
	size_t at;

	*e = (struct err){ .rc = RC_OK };
	buf_init(&body, 1 << 20);
	buf_adds(&body, "--b\r\n" FD("name=\"file\""));
	buf_adds(&body, "X: ");
	memset(buf_reserve(&body, n), 'h', n);
	body.len += n;
	buf_adds(&body, "\r\n\r\nx" END);
	(void)!find(body.p, body.len, "b", &part, &at, e);
	buf_free(&body);
	return e->code;
}

static void test_limits(void)
{
	const size_t rest = strlen(FD("name=\"file\"") "X: \r\n\r\n");
	struct err e;

	CHECK_STR(with_parts(MULTIPART_MAX_PARTS - 1, &e), "");
	CHECK_STR(with_parts(MULTIPART_MAX_PARTS, &e), "invalid_multipart");
	CHECK_STR(with_parts(5000, &e), "invalid_multipart");
	CHECK_STR(with_header(MULTIPART_MAX_HEADERS - rest, &e), "");
	CHECK_STR(with_header(MULTIPART_MAX_HEADERS - rest + 1, &e), "invalid_multipart");
	CHECK_STR(with_header(500000, &e), "invalid_multipart");
}

static void test_long_filename(void)
{
	struct buf body;
	struct multipart_part part;
	struct err e;
	size_t at;

	buf_init(&body, 1 << 20);
	buf_adds(&body, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"");
	for (int i = 0; i < 2000; i++)
		buf_adds(&body, "\xC5\x9F");
	buf_adds(&body, "\"\r\n\r\nx" END);
	CU_ASSERT(find(body.p, body.len, "b", &part, &at, &e) == RC_OK);
	CU_ASSERT(strlen(part.filename) == 254);
	buf_free(&body);
}

static void test_boundaries(void)
{
	static const char colon[] = "--a:b\r\n" FD("name=\"file\"") "--a:b\r\n\r\nx\r\n--a:b--\r\n";
	static const char longest[] = "--" B70 "\r\n" FD("name=\"file\"") "\r\nx\r\n--" B70 "--";
	struct multipart_part part;
	struct err e;
	size_t at;

	CU_ASSERT(find(longest, sizeof longest - 1, B70, &part, &at, &e) == RC_OK);
	CU_ASSERT(find(longest, sizeof longest - 1, B70 "0", &part, &at, &e) == RC_INVALID);
	/* such a delimiter could pass for a header */
	CU_ASSERT(find(colon, sizeof colon - 1, "a:b", &part, &at, &e) == RC_INVALID);
	CHECK_STR(e.code, "invalid_multipart");
	CU_ASSERT(multipart_find_file(NULL, 0, "b", "file", &part, &e) == RC_INVALID);
}

const struct unit_test unit_tests[] = {
	{ "the boundary of a request", test_boundary },
	{ "content found in place", test_content },
	{ "hostile forms refused", test_refused },
	{ "a body cut anywhere", test_every_prefix },
	{ "file names", test_filename },
	{ "claimed types", test_content_type },
	{ "parts and headers at their limits", test_limits },
	{ "a long file name", test_long_filename },
	{ "odd boundaries", test_boundaries },
	{ NULL, NULL },
};
