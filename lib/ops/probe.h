/* Readiness as a client sees it: one GET of READY_URL. */
#ifndef MIZAN_OPS_PROBE_H
#define MIZAN_OPS_PROBE_H

#include "core/config.h"
#include "core/json_write.h"
#include "ops/web.h"

struct probe {
	int64_t asked_ms;         /* clock_ms() */
	int http_status;          /* 0: no answer in time */
	bool ready;               /* 200 and "status":"ready" */
	char failing_checks[256]; /* a JSON list, as the answer named them */
	char build_id[80];        /* "": not known */
	int64_t latency_ms;
};

/* What an answer says; one that is none of ours is not ready, whatever its status. */
void probe_read(int http_status, const char *body, size_t len, struct probe *ret);

/*
 * Ask, for four seconds at the most.  RC_OK: *ret is what came of it, also where nothing came.
 * RC_INVALID: READY_URL or READY_CA_FILE is of no use, so nothing was asked.
 * RC_UNAVAILABLE: out of memory.
 */
enum rc probe_ask(struct web *web, const struct config *cfg, bool (*give_up)(void),
    struct probe *ret, struct err *e) MUST_CHECK;

/* As a member of what watch_sample() takes; `now` is clock_ms(). */
void probe_write(struct json_writer *w, const struct probe *p, int64_t now);

#endif
