/* The input is a chunk of nginx's access log. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "ops/access_log.h"

static bool known(const char *route)
{
	size_t n;
	const char *const *routes = access_log_routes(&n);

	for (size_t i = 0; i < n; i++)
		if (routes[i] == route)
			return true;
	return false;
}

/* 1: a line of the access log. */
static size_t check_line(const char *text, size_t len)
{
	struct access_line line;
	struct err e = { .rc = RC_OK };
	enum rc rc = access_log_parse(text, len, &line, &e);

	if (rc != RC_OK) {
		INVARIANT(rc == RC_INVALID && strcmp(e.code, "invalid_line") == 0);
		return 0;
	}
	INVARIANT(len <= ACCESS_LOG_MAX_LINE);
	INVARIANT(line.minute >= -24 * 60 && line.minute < (int64_t)9000 * 366 * 1440);
	INVARIANT(line.status_class >= 0 && line.status_class <= 5);
	INVARIANT(line.ms >= 0 && known(line.route));
	INVARIANT(line.tenant_id[0] == '\0' || tenant_id_valid(line.tenant_id));
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *rest = data;
	struct buf out;
	struct json_writer w = { .out = &out };
	size_t lines = 0, good = 0, objects = 0, skipped = 0;

	while (rest < data + size) {
		const uint8_t *start = rest;
		char *line = fuzz_line(&rest, data + size);

		good += check_line(line, (size_t)(rest - start) - (rest[-1] == '\n'));
		free(line);
		lines++;
	}
	buf_init(&out, 64 << 20);
	INVARIANT(access_log_lines((const char *)data, size, &w, &skipped, NULL) == RC_OK);
	INVARIANT(skipped == lines - good);
	for (size_t i = 0; i < out.len; i++)
		objects += out.p[i] == '}' && out.p[i + 1] != '"' && out.p[i + 1] != '/';
	INVARIANT(objects == good);
	buf_free(&out);
	return 0;
}
