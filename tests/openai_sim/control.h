/*
 * The control API, by which a test or a benchmark steers the simulator.  JSON in and out;
 * an order that is not understood is 400 {"error": "…"}.  README.md describes each in full.
 *
 *	PUT    /sim/answers/{sha256}  extraction | {"content"|"refusal"|"finish_reason": …}
 *	PUT    /sim/default           the same, for every unknown document
 *	PUT    /sim/fault             {"kind": …, "count": n, …}: put trouble into the queue
 *	DELETE /sim/fault             empty that queue
 *	PUT    /sim/delay             {"ms": n, "jitter_ms": n}: before every answer
 *	GET    /sim/stats             what came in, and what became of it
 *	GET    /sim/calls/{sha256}    {"calls": n, "completions": n}
 *	POST   /sim/reset             as after the start
 */
#ifndef OPENAI_SIM_CONTROL_H
#define OPENAI_SIM_CONTROL_H

#include "openai_sim/http.h"

enum MHD_Result control_serve(struct call *c);

#endif
