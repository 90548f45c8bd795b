/* POST /v1/chat/completions, and an error for every other path of the API. */
#ifndef OPENAI_SIM_COMPLETION_H
#define OPENAI_SIM_COMPLETION_H

#include "openai_sim/http.h"

enum MHD_Result completion_serve(struct call *c);

#endif
