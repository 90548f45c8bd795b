/* Error answers in the provider's form, and the headers that it puts on every answer. */
#ifndef OPENAI_SIM_ERROR_H
#define OPENAI_SIM_ERROR_H

#include "openai_sim/faults.h"
#include "openai_sim/http.h"

/* What an error body tells; param and code may be NULL. */
struct error_text {
	const char *message;
	const char *type;
	const char *param;
	const char *code;
};

/* Put x-request-id (a new one), rate limits and the time taken on r.  NULL is fine. */
void error_add_headers(const struct call *c, struct MHD_Response *r, bool used_up);

/* Answer with an error. */
enum MHD_Result error_send(const struct call *c, unsigned status, const struct error_text *e);

/* Is this order for an HTTP error? */
bool error_is_fault(enum fault_kind kind);

/* Answer as ordered; error_is_fault(f->kind) holds. */
enum MHD_Result error_send_fault(const struct call *c, const struct fault *f);

#endif
