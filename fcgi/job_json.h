/* A job as the API shows it: the result of SPEC §3, these names exactly. */
#ifndef MIZAN_FCGI_JOB_JSON_H
#define MIZAN_FCGI_JOB_JSON_H

#include <stdbool.h>

#include "core/json_write.h"
#include "store/job.h"

void job_json(struct json_writer *w, const struct job *job, bool duplicate);

#endif
