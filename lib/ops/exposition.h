/* The document of GET /metrics. */
#ifndef MIZAN_OPS_EXPOSITION_H
#define MIZAN_OPS_EXPOSITION_H

#include "ops/ready.h"
#include "store/samples.h"

/* Write it.  in->facts or samples NULL: the database did not answer, and what it would say is left
 * out. */
void exposition_write(struct buf *out, const struct ready_input *in, const struct samples *samples);

#endif
