#include "http/request.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_VARIABLE = 128 };

const char *http_env(const struct http_request *rq, const char *name)
{
	size_t n = strlen(name);

	for (char *const *v = rq->env; v != NULL && *v != NULL; v++)
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return *v + n + 1;
	return NULL;
}

/* "X-API-Key" as "X_API_KEY" (RFC 3875 §4.1.18); false if it is no header's name. */
static bool meta_name(const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	if (n == 0 || n >= size)
		return false;
	for (size_t i = 0; i <= n; i++) {
		char c = name[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (c == '-')
			c = '_';
		else if (c != '\0' && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			return false;
		out[i] = c;
	}
	return true;
}

const char *http_header(const struct http_request *rq, const char *name)
{
	char variable[MAX_VARIABLE] = "HTTP_";
	char *bare = variable + strlen(variable);
	const char *value;

	if (!meta_name(name, bare, sizeof variable - (size_t)(bare - variable)))
		return NULL;
	if (strcmp(bare, "CONTENT_TYPE") != 0 && strcmp(bare, "CONTENT_LENGTH") != 0)
		return http_env(rq, variable);
	value = http_env(rq, bare);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

void http_request_uuid(const struct http_request *rq, char out[RANDOM_UUID_TEXT])
{
	const char *request_id = http_env(rq, "REQUEST_ID");

	if (request_id == NULL || !uuid_from_hex(request_id, out))
		random_uuid(out);
}
