/* A job as the API shows it: the result of SPEC §3, these names exactly. */
#ifndef MIZAN_FCGI_JOB_JSON_H
#define MIZAN_FCGI_JOB_JSON_H

#include <stdbool.h>

#include <json-c/json.h>

#include "store/job.h"

/* The caller's to json_object_put(), before job goes: it borrows from it.  NULL: out of memory. */
struct json_object *job_json(const struct job *job, bool duplicate);

#endif
