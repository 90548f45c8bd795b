/* Answers that the database puts together as JSON: one statement, one document. */
#ifndef MIZAN_STORE_ANSWER_H
#define MIZAN_STORE_ANSWER_H

#include "core/buf.h"
#include "pg/pg.h"

/*
 * Run q, whose one row has one column of JSON text, and add that text to out.
 * RC_NOT_FOUND: the column is null, or there is no row; out is as it was and *e is not filled.
 */
enum rc store_answer(struct pg *pg, struct pg_query *q, struct buf *out, struct err *e) MUST_CHECK;

#endif
