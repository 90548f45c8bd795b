/*
 * What a smoke run tells: of each stage of the pipeline whether the built-in invoice came through
 * it, how long that took, and if not, why.
 */
#ifndef MIZAN_OPS_SMOKE_H
#define MIZAN_OPS_SMOKE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/smoke.h"

enum smoke_stage_name {
	SMOKE_ACCEPT,
	SMOKE_QUEUE,
	SMOKE_EXTRACT,
	SMOKE_AUDIT,
	SMOKE_STORE,
	SMOKE_STAGES
};
enum smoke_status { SMOKE_OK, SMOKE_FAILED, SMOKE_NOT_REACHED };

struct smoke_stage {
	enum smoke_status status;
	int64_t ms;       /* -1: not known */
	char detail[320]; /* why it failed; else "" */
};

struct smoke_report {
	struct smoke_stage stages[SMOKE_STAGES];
	int failed; /* which stage, or -1: the run has passed */
};

/* Has the job left the queue for good? */
bool smoke_ended(const struct smoke_look *look);

/*
 * Is it in the queue, and nothing will take it out within left_ms?  Without a worker only after a
 * moment: one may just be restarting.
 */
bool smoke_is_stuck(const struct smoke_look *look, int64_t waited_ms, int64_t left_ms);

/* The report on a run that has ended, or was given up; accepting it took accept_ms. */
void smoke_judge(const struct smoke_look *look, int64_t accept_ms, struct smoke_report *ret);

#endif
