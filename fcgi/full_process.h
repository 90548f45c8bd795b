/* POST /full-process and GET /jobs/{id}: one file per page. */
#ifndef MIZAN_FCGI_FULL_PROCESS_H
#define MIZAN_FCGI_FULL_PROCESS_H

#include "app.h"
#include "hub.h"

struct full_process {
	struct app app; /* first: see app.h */
	struct hub *hub;
};

route_fn upload_post; /* upload.c */
route_fn job_get;     /* job_get.c */

#endif
