#include "unit/unit.h"

#include "invoice/fingerprint.h"
#include "unit/invoice/model.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct model model;

static void test_fold(void)
{
	static const struct {
		unsigned line;
		const char *in, *want, *dropped;
	} cases[] = {
		{ __LINE__, "", "", "" },
		{ __LINE__, "  \t ", "", "" },
		{ __LINE__, "  Acme \t GmbH\n", "acme gmbh", "acmegmbh" },
		{ __LINE__, "A\u00a0\u2009B\u202fC", "a b c", "abc" },
		{ __LINE__, "A\001B", "a b", "ab" },
		/* all letters i are one */
		{ __LINE__, "İIıi", "iiii", "iiii" },
		{ __LINE__, "i\u0307stanbul", "istanbul", "istanbul" },
		{ __LINE__, "ĞÜŞÖÇ ğüşöç", "ğüşöç ğüşöç", "ğüşöçğüşöç" },
		{ __LINE__, "ÀÉÞ×ß", "àéþ×ß", "àéþ×ß" },
		{ __LINE__, "ĀŁŃŻŸŇ", "āłńżÿň", "āłńżÿň" },
		/* other scripts and broken bytes stay */
		{ __LINE__, "ΑΒ 公司 😠", "ΑΒ 公司 😠", "ΑΒ公司😠" },
		{ __LINE__, "a\xff\xc3", "a\xff\xc3", "a\xff\xc3" },
		{ __LINE__, "\xe2\x80", "\xe2\x80", "\xe2\x80" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[64], again[64];

		fingerprint_fold(cases[i].in, FOLD_KEEP_BLANKS, out, sizeof out);
		CHECK_STR_ROW(out, cases[i].want, cases[i].line);
		fingerprint_fold(out, FOLD_KEEP_BLANKS, again, sizeof again);
		CHECK_STR_ROW(again, out, cases[i].line);
		fingerprint_fold(cases[i].in, FOLD_DROP_BLANKS, out, sizeof out);
		CHECK_STR_ROW(out, cases[i].dropped, cases[i].line);
	}
}

static void test_fold_is_bounded(void)
{
	char out[6];

	fingerprint_fold("abcdefgh", FOLD_KEEP_BLANKS, out, sizeof out);
	CHECK_STR(out, "abcde");
	fingerprint_fold("abcd  e", FOLD_KEEP_BLANKS, out, sizeof out);
	CHECK_STR(out, "abcd");
	fingerprint_fold("abcdş", FOLD_KEEP_BLANKS, out, sizeof out);
	CHECK_STR(out, "abcd");
	fingerprint_fold("abc", FOLD_KEEP_BLANKS, out, 1);
	CHECK_STR(out, "");
}

/* What a document gives of an invoice's identity; NULL: nothing. */
struct facts {
	const char *name, *tax_id, *number, *start, *end, *total;
};

static struct invoice *invoice_of(const struct facts *f)
{
	struct invoice *inv = model_build(&model, &(struct figures){ .tax_inclusive = f->total });

	model_set(&model, &inv->seller_name, f->name);
	model_set(&model, &inv->seller_tax_id, f->tax_id);
	model_set(&model, &inv->invoice_number, f->number);
	model_set(&model, &inv->period_start, f->start);
	model_set(&model, &inv->period_end, f->end);
	return inv;
}

static void test_same_and_different(void)
{
	static const struct facts base = { "Işık A.Ş.", NULL, "ABC 1", "2026-01-01", "2026-01-31",
		"118.00" };
	static const struct {
		unsigned line;
		struct facts facts;
		bool same_fingerprint, same_identity;
	} cases[] = {
		{ __LINE__, { "Işık A.Ş.", NULL, "ABC 1", "2026-01-01", "2026-01-31", "118.00" },
		    true, true },
		{ __LINE__, { " IŞIK  a.ş. ", NULL, "abc1", "2026-01-01", "2026-01-31", "118" },
		    true, true },
		{ __LINE__, { "Işıl A.Ş.", NULL, "ABC 1", "2026-01-01", "2026-01-31", "118.00" },
		    false, false },
		{ __LINE__, { "Işık A.Ş.", NULL, "ABC 2", "2026-01-01", "2026-01-31", "118.00" },
		    false, false },
		{ __LINE__, { "Işık A.Ş.", NULL, "ABC 1", "2026-02-01", "2026-01-31", "118.00" },
		    false, true },
		{ __LINE__, { "Işık A.Ş.", NULL, "ABC 1", "2026-01-01", NULL, "118.00" }, false,
		    true },
		{ __LINE__, { "Işık A.Ş.", NULL, "ABC 1", NULL, "2026-01-31", "118.00" }, false,
		    true },
		{ __LINE__, { "Işık A.Ş.", NULL, "ABC 1", "2026-01-01", "2026-01-31", "118.01" },
		    false, true },
		{ __LINE__, { "Işık A.Ş.", NULL, "ABC 1", "2026-01-01", "2026-01-31", NULL }, false,
		    true },
		{ __LINE__,
		    { "Işık A.Ş.", "4840847211", "ABC 1", "2026-01-01", "2026-01-31", "118.00" },
		    false, false },
	};
	char fingerprint[SHA256_TEXT], identity[SHA256_TEXT], other[SHA256_TEXT];

	CU_ASSERT_FATAL(invoice_fingerprint(invoice_of(&base), fingerprint));
	CU_ASSERT_FATAL(invoice_identity(invoice_of(&base), identity));
	CU_ASSERT_EQUAL(strlen(fingerprint), SHA256_TEXT - 1);
	CU_ASSERT(strcmp(fingerprint, identity) != 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct invoice *inv = invoice_of(&cases[i].facts);

		CHECK_ROW(invoice_fingerprint(inv, other), cases[i].line, "has a fingerprint");
		CHECK_ROW((strcmp(other, fingerprint) == 0) == cases[i].same_fingerprint,
		    cases[i].line, "fingerprint");
		CHECK_ROW(invoice_identity(inv, other), cases[i].line, "has an identity");
		CHECK_ROW((strcmp(other, identity) == 0) == cases[i].same_identity, cases[i].line,
		    "identity");
	}
}

/* Where there is a tax id, the name as read does not matter, nor how the number is printed. */
static void test_seller_by_tax_id(void)
{
	static const struct facts same[] = {
		{ "Işık A.Ş.", "4840847211", "ABC1", NULL, NULL, NULL },
		{ "ISIK AS", "TR 484 084 72 11", "ABC1", NULL, NULL, NULL },
		{ NULL, "tr4840847211", "ABC1", NULL, NULL, NULL },
	};
	static const struct facts odd = { NULL, "VKN: 4840847211", "ABC1", NULL, NULL, NULL };
	static const struct facts blank = { "Işık", " ", "ABC1", NULL, NULL, NULL };
	static const struct facts name = { "Işık", NULL, "ABC1", NULL, NULL, NULL };
	char first[SHA256_TEXT], other[SHA256_TEXT];

	CU_ASSERT_FATAL(invoice_identity(invoice_of(&same[0]), first));
	for (size_t i = 1; i < COUNT(same); i++) {
		CU_ASSERT_FATAL(invoice_identity(invoice_of(&same[i]), other));
		CHECK_STR(other, first);
	}
	CU_ASSERT(invoice_identity(invoice_of(&odd), other));
	CU_ASSERT(strcmp(other, first) != 0);
	CU_ASSERT_FATAL(invoice_identity(invoice_of(&blank), first));
	CU_ASSERT_FATAL(invoice_identity(invoice_of(&name), other));
	CHECK_STR(other, first);
}

static void test_too_little_is_known(void)
{
	static const struct {
		unsigned line;
		struct facts facts;
		bool fingerprint, identity;
	} cases[] = {
		{ __LINE__, { "A", NULL, "1", NULL, NULL, NULL }, true, true },
		{ __LINE__, { "A", NULL, NULL, NULL, NULL, "5" }, true, false },
		{ __LINE__, { NULL, NULL, "1", NULL, NULL, "5" }, true, false },
		{ __LINE__, { " ", NULL, " ", NULL, NULL, "5" }, false, false },
		{ __LINE__, { NULL, NULL, NULL, "2026-01-01", "2026-01-31", "5" }, false, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct invoice *inv = invoice_of(&cases[i].facts);
		char out[SHA256_TEXT] = "untouched";

		CHECK_ROW(
		    invoice_identity(inv, out) == cases[i].identity, cases[i].line, "identity");
		CHECK_ROW(invoice_fingerprint(inv, out) == cases[i].fingerprint, cases[i].line,
		    "fingerprint");
		if (!cases[i].fingerprint)
			CHECK_STR_ROW(out, "untouched", cases[i].line);
	}
}

const struct unit_test unit_tests[] = {
	{ "folding", test_fold },
	{ "folding is bounded", test_fold_is_bounded },
	{ "same and different", test_same_and_different },
	{ "seller by tax id", test_seller_by_tax_id },
	{ "too little is known", test_too_little_is_known },
	{ NULL, NULL },
};
