#include "admin_body.h"

#include <string.h>

#include "core/buf.h"
#include "core/text.h"

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

bool admin_text(struct json_object *value, size_t max, const char **ret)
{
	const char *text = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string) ||
	    !text_fits(text, (size_t)json_object_get_string_len(value), max))
		return false;
	*ret = text;
	return true;
}

bool admin_reason(struct json_object *value, const char **ret)
{
	const char *text;

	if (!admin_text(value, TEXT_MAX_REASON, &text) || text[strspn(text, " \t\n")] == '\0')
		return false;
	*ret = text;
	return true;
}

enum rc admin_if_match(
    const struct http_request *rq, char room[ADMIN_REVISIONS_SIZE], const char **ret, struct err *e)
{
	const char *header = http_header(rq, "If-Match");
	struct etags list;
	struct buf b;
	enum rc rc;

	if (header == NULL)
		return RC_OK;
	rc = etags_parse(header, &list, e);
	if (rc != RC_OK || list.any)
		return rc;
	buf_init_fixed(&b, room, ADMIN_REVISIONS_SIZE);
	buf_adds(&b, "{");
	for (size_t i = 0; i < list.n; i++) {
		const struct etag *tag = &list.tags[i];

		if (!tag->weak && tag->len > 0 && tag->len <= ADMIN_REVISION_DIGITS &&
		    strspn(tag->text, "0123456789") == tag->len)
			buf_addf(&b, "%s%.*s", b.len > 1 ? "," : "", (int)tag->len, tag->text);
	}
	buf_adds(&b, "}");
	*ret = buf_str(&b);
	return RC_OK;
}
