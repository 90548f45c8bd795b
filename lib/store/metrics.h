/*
 * Figures of one tenant, put together by the database (sql/0010_metrics.sql defines each once).
 * Dates are texts YYYY-MM-DD of real days, UTC.
 */
#ifndef MIZAN_STORE_METRICS_H
#define MIZAN_STORE_METRICS_H

#include <stdint.h>

#include "core/buf.h"
#include "pg/pg.h"

/* Add SPEC §8's answer to out: the period_days that end with `reference`, and as many before. */
enum rc metrics_system_health(struct pg *pg, const char *tenant, const char *reference,
    int64_t period_days, int64_t stuck_minutes, struct buf *out, struct err *e) MUST_CHECK;

/* Add SPEC §7's statistics of the incidents resolved from..to, both inclusive; NULL: no bound. */
enum rc metrics_feedback_stats(struct pg *pg, const char *tenant, const char *from, const char *to,
    struct buf *out, struct err *e) MUST_CHECK;

enum run_summary_format { RUN_SUMMARY_JSON, RUN_SUMMARY_JSONL, RUN_SUMMARY_CSV };

/*
 * Add SPEC §9's summaries of the days from..to to out, both inclusive, none of the future: in
 * {"run_summaries":[...]}, as one line each, or as a table (RFC 4180, harmless to spreadsheets).
 */
enum rc metrics_run_summary(struct pg *pg, const char *tenant, const char *from, const char *to,
    enum run_summary_format format, struct buf *out, struct err *e) MUST_CHECK;

#endif
