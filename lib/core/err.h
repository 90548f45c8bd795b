/*
 * Outcomes and error messages.
 *
 * A function that can fail returns an enum rc and fills a struct err that its caller owns.
 * Codes name what a caller acts on; the text is for people.  On success the struct err is
 * left untouched; on failure every output parameter is, unless its comment says otherwise.
 */
#ifndef MIZAN_CORE_ERR_H
#define MIZAN_CORE_ERR_H

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_CHECK             __attribute__((warn_unused_result))

enum rc {
	RC_OK = 0,
	RC_NOT_FOUND,   /* what was asked for does not exist */
	RC_INVALID,     /* the input is at fault; trying again cannot help */
	RC_CONFLICT,    /* it contradicts the present state */
	RC_LIMITED,     /* a limit is used up; try later */
	RC_UNAVAILABLE, /* a part we depend on does not answer, or memory is out; try later */
	RC_INTERNAL,    /* ours: a broken assumption */
};

struct err {
	enum rc rc;
	char code[40]; /* stable snake_case name, the `code` of problem+json (SPEC §1) */
	char msg[240]; /* one sentence, no secret, no content of a document */
};

/*
 * Fill *e (which may be NULL) and return rc, so that a failure is one line:
 *	return err_set(e, RC_INVALID, "empty_file", "the file holds no bytes");
 * A message that does not fit is cut at the end.
 */
enum rc err_set(struct err *e, enum rc rc, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* As err_set() with RC_UNAVAILABLE, "out_of_memory": it passes, and nothing is wrong with the
 * input. */
enum rc err_no_memory(struct err *e);

#endif
