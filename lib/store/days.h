/* Days that are over: their run summaries (SPEC §9), and what is kept of their invoices. */
#ifndef MIZAN_STORE_DAYS_H
#define MIZAN_STORE_DAYS_H

#include "core/buf.h"
#include "core/random.h"
#include "pg/pg.h"

struct days_written {
	bool moved;           /* a day was done; the next one may be due */
	struct buf lines;     /* its new run summaries, each with its line feed; often none */
	struct buf uncounted; /* access logs that were not waited for any longer */
};

/*
 * Write the run summaries of the next day that is over and whose requests are counted, if there
 * is one.  `call` names the call: when its answer is lost, the same call again gets it; of several
 * callers one gets each line.
 * RC_OK: days_written_free() it.
 */
enum rc days_write_summaries(struct pg *pg, const char call[RANDOM_UUID_TEXT],
    struct days_written *ret, struct err *e) MUST_CHECK;
void days_written_free(struct days_written *d);

/* Keep the figures of some days that are over; *ret_more: there may be others. */
enum rc days_keep_figures(struct pg *pg, bool *ret_more, struct err *e) MUST_CHECK;

#endif
