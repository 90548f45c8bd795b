/* Bodies that do not arrive as they should: byte by byte, cut off, or without end. */
#ifndef OPENAI_SIM_STREAM_H
#define OPENAI_SIM_STREAM_H

#include "openai_sim/faults.h"
#include "openai_sim/http.h"

/* Is this order for such a body? */
bool stream_is_fault(enum fault_kind kind);

/*
 * An answer whose body is text, a completion, as the order spoils it; text is taken over.
 * It ends the call in the statistics.  NULL: no memory; the call has ended as well.
 */
struct MHD_Response *stream_response(const struct call *c, const struct fault *f, struct buf *text);

#endif
