#include "invoice/form_value.h"

#include <stdlib.h>
#include <string.h>

#include "invoice/invoice.h"
#include "unit/unit.h"

static void dates(void)
{
	static const struct {
		unsigned line;
		const char *in, *want; /* NULL: no date */
	} rows[] = {
		{ __LINE__, "2026-02-03", "2026-02-03" },
		{ __LINE__, "03.02.2026", "2026-02-03" },
		{ __LINE__, "3.2.2026", "2026-02-03" },
		{ __LINE__, "03/02/2026", "2026-02-03" },
		{ __LINE__, "03-02-2026", "2026-02-03" },
		{ __LINE__, "31.12.2026", "2026-12-31" },
		{ __LINE__, "2024-02-29", "2024-02-29" },
		{ __LINE__, "2000-02-29", "2000-02-29" },
		{ __LINE__, "0001-01-01", "0001-01-01" },
		{ __LINE__, "1900-02-29", NULL },
		{ __LINE__, "2026-02-29", NULL },
		{ __LINE__, "2026-04-31", NULL },
		{ __LINE__, "2026-13-01", NULL },
		{ __LINE__, "2026-00-01", NULL },
		{ __LINE__, "2026-01-00", NULL },
		{ __LINE__, "2026-01-32", NULL },
		{ __LINE__, "0000-01-01", NULL },
		{ __LINE__, "12/31/2026", NULL },
		{ __LINE__, "03.02/2026", NULL },
		{ __LINE__, "03.02.26", NULL },
		{ __LINE__, "2026/02/03", NULL },
		{ __LINE__, "2026-2-3", NULL },
		{ __LINE__, "2026-02-03T10:00:00Z", NULL },
		{ __LINE__, "20260203", NULL },
		{ __LINE__, "03.02.20260", NULL },
		{ __LINE__, "3", NULL },
		{ __LINE__, "", NULL },
		{ __LINE__, "-", NULL },
		{ __LINE__, "2026-", NULL },
		{ __LINE__, "3 Şubat 2026", NULL },
		{ __LINE__, "+3.02.2026", NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char out[FORM_DATE_TEXT] = "untouched";
		bool ok = form_date(rows[i].in, out);

		CHECK_ROW(ok == (rows[i].want != NULL), rows[i].line, rows[i].in);
		CHECK_STR_ROW(out, ok ? rows[i].want : "untouched", rows[i].line);
	}
}

static void currencies(void)
{
	static const struct {
		unsigned line;
		const char *in, *want;
	} rows[] = {
		{ __LINE__, "TRY", "TRY" },
		{ __LINE__, "eur", "EUR" },
		{ __LINE__, "TL", "TRY" },
		{ __LINE__, "₺", "TRY" },
		{ __LINE__, "€", "EUR" },
		{ __LINE__, "$", "USD" },
		{ __LINE__, "Türk Lirası", NULL },
		{ __LINE__, "US", NULL },
		{ __LINE__, "EURO", NULL },
		{ __LINE__, "E1R", NULL },
		{ __LINE__, "[]^", NULL },
		{ __LINE__, "", NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char out[FORM_CURRENCY_TEXT] = "old";
		bool ok = form_currency(rows[i].in, out);

		CHECK_ROW(ok == (rows[i].want != NULL), rows[i].line, rows[i].in);
		CHECK_STR_ROW(out, ok ? rows[i].want : "old", rows[i].line);
	}
}

static void confidences(void)
{
	static const struct {
		unsigned line;
		const char *in;
		int want; /* -1: refused */
	} rows[] = {
		{ __LINE__, "0", 0 },
		{ __LINE__, "1", 1000000 },
		{ __LINE__, "0.7", 700000 },
		{ __LINE__, "0.29", 290000 },
		{ __LINE__, "0.123456", 123456 },
		{ __LINE__, "0.9999999", 999999 },
		{ __LINE__, "0.0000019", 1 },
		{ __LINE__, "0.0000009", 0 },
		{ __LINE__, "1.0", 1000000 },
		{ __LINE__, "1.000000", 1000000 },
		{ __LINE__, "1e0", 1000000 },
		{ __LINE__, "7e-1", 700000 },
		{ __LINE__, "70E-2", 700000 },
		{ __LINE__, "0.07e+1", 700000 },
		{ __LINE__, "12.5e-2", 125000 },
		{ __LINE__, "100e-2", 1000000 },
		{ __LINE__, "1e-7", 0 },
		{ __LINE__, "1e-999999999999999999999", 0 },
		{ __LINE__, "0e999999999999999999999", 0 },
		{ __LINE__, "-0", 0 },
		{ __LINE__, "-0.0", 0 },
		{ __LINE__, "1.0000000000000000000000001", -1 },
		{ __LINE__, "1.000001", -1 },
		{ __LINE__, "101e-2", -1 },
		{ __LINE__, "1e1", -1 },
		{ __LINE__, "7", -1 },
		{ __LINE__, "-0.1", -1 },
		{ __LINE__, "-1", -1 },
		{ __LINE__, "1e999999999999999999999", -1 },
		{ __LINE__, "1e+400", -1 },
		{ __LINE__, "NaN", -1 },
		{ __LINE__, "Infinity", -1 },
		{ __LINE__, "", -1 },
		{ __LINE__, "-", -1 },
		{ __LINE__, ".5", -1 },
		{ __LINE__, "1.", -1 },
		{ __LINE__, "0.5e", -1 },
		{ __LINE__, "0.5e+", -1 },
		{ __LINE__, "0.5e1x", -1 },
		{ __LINE__, "0.5 ", -1 },
		{ __LINE__, "0.5.1", -1 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int got = -1;
		bool ok = form_confidence(rows[i].in, &got);

		CHECK_ROW(ok == (rows[i].want >= 0), rows[i].line, rows[i].in);
		CHECK_ROW(got == rows[i].want, rows[i].line, rows[i].in);
	}
}

static void texts(void)
{
	static const struct {
		unsigned line;
		const char *in;
		size_t max;
		const char *want;
	} rows[] = {
		{ __LINE__, "", 5, "" },
		{ __LINE__, " \t\n ", 5, "" },
		{ __LINE__, "  a b  ", 5, "a b" },
		{ __LINE__, "a\tb\nc", 5, "a\tb\nc" },
		{ __LINE__,
		    "a\rb\x01"
		    "c\x7f"
		    "d",
		    9, "a b c d" },
		{ __LINE__,
		    "a\xc2\x85"
		    "b\xc2\xa0"
		    "c",
		    9,
		    "a b\xc2\xa0"
		    "c" },
		{ __LINE__, "\x1b[31mred", 20, "[31mred" },
		{ __LINE__, "ğğğğ", 3, "ğğğ" },
		{ __LINE__, "ğğğ", 3, "ğğğ" },
		{ __LINE__, "a₺😀b", 3, "a₺😀" },
		{ __LINE__, "abc", 0, "" },
		{ __LINE__, "abc def", 4, "abc" },
		{ __LINE__, " a   b", 3, "a" },
		{ __LINE__, "trailing \xc2", 20, "trailing \xc2" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *got = form_text(rows[i].in, strlen(rows[i].in), rows[i].max);

		CHECK_STR_ROW(got, rows[i].want, rows[i].line);
		free(got);
	}
}

static void nul_in_text(void)
{
	char *got = form_text("a\0b", 3, 10);

	CHECK_STR(got, "a b");
	free(got);
}

const struct unit_test unit_tests[] = {
	{ "dates", dates },
	{ "currencies", currencies },
	{ "confidences", confidences },
	{ "texts", texts },
	{ "NUL in text", nul_in_text },
	{ NULL, NULL },
};
