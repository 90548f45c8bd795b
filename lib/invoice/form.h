/*
 * The form of SPEC §5 as data: one description from which the strict schema, the JSON
 * writer, the JSON reader and invoice_clear() all follow, so that they cannot disagree.
 */
#ifndef MIZAN_INVOICE_FORM_H
#define MIZAN_INVOICE_FORM_H

#include <stdbool.h>
#include <stddef.h>

enum form_type {
	FORM_TEXT,       /* char *, at most INVOICE_MAX_TEXT characters */
	FORM_EVIDENCE,   /* char *, at most INVOICE_MAX_EVIDENCE characters */
	FORM_DECIMAL,    /* char *, canonical: number_normalize() */
	FORM_DATE,       /* char *, YYYY-MM-DD */
	FORM_CURRENCY,   /* char *, three capital letters */
	FORM_FLAG,       /* bool */
	FORM_CONFIDENCE, /* int, millionths */
	FORM_OBJECT,     /* a struct within the struct */
	FORM_LIST,       /* a pointer to elements, and their number */
};

/* One property of a JSON object, and where its value lives in the C struct. */
struct form_member {
	const char *name;
	const char *meaning; /* told to the model; NULL: the name says it */
	enum form_type type;
	bool nullable;         /* texts only: null in JSON, NULL in C */
	size_t offset;         /* in the struct of the form that lists this member */
	const struct form *of; /* FORM_OBJECT, FORM_LIST: what is in it; else NULL */
	size_t count_offset;   /* FORM_LIST: of the size_t that counts */
	size_t max;            /* FORM_LIST: elements at the most */
};

struct form {
	const struct form_member *members; /* in the order of SPEC §5 */
	size_t n;
	size_t size; /* of the C struct */
};

/* Of struct invoice. */
extern const struct form invoice_form;

#endif
