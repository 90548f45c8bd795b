#include "http/response.h"

#include <stdarg.h>
#include <stdio.h>

void http_response_init(struct http_response *rs)
{
	rs->status = 200;
	rs->content_type = "application/json";
	rs->n_headers = 0;
	buf_init(&rs->body, HTTP_MAX_RESPONSE);
}

void http_response_free(struct http_response *rs)
{
	buf_free(&rs->body);
}

void http_response_header(struct http_response *rs, const char *name, const char *fmt, ...)
{
	char *value;
	va_list ap;

	if (rs->n_headers == HTTP_MAX_HEADERS)
		return;
	value = rs->headers[rs->n_headers].value;
	va_start(ap, fmt);
	if (vsnprintf(value, HTTP_MAX_HEADER_VALUE, fmt, ap) < 0)
		value[0] = '\0';
	va_end(ap);
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < 0x20 || *value == 0x7F)
			*value = '?';
	rs->headers[rs->n_headers++].name = name;
}

struct json_writer http_json(struct http_response *rs, int status)
{
	buf_free(&rs->body);
	buf_init(&rs->body, HTTP_MAX_RESPONSE);
	rs->status = status;
	rs->content_type = "application/json";
	return (struct json_writer){ .out = &rs->body };
}
