#include "admin_body.h"

enum rc admin_body(const struct http_request *rq, size_t max, const char *code, const char *refusal,
    struct json_object **ret, struct err *e)
{
	struct err why = { .rc = RC_OK };
	enum rc rc;

	if (rq->body == NULL || rq->body_len > max)
		return err_set(e, RC_INVALID, code, "%s", refusal);
	rc = json_read(rq->body, rq->body_len, ret, &why);
	if (rc == RC_INVALID)
		return err_set(e, rc, code, "%s", why.msg);
	return rc == RC_OK ? RC_OK : err_no_memory(e);
}
