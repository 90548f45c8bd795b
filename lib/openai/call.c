#include "openai/call.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "openai/headers.h"

#define USER_AGENT "mizan"

/*
 * Interim answers, headers and trailers together.  libcurl keeps all of them until the end, and
 * before 8.3 bounds only those before the body.
 */
enum { MAX_HEAD_BYTES = 256 << 10 };

/* A callback that returns less than n makes libcurl end the call. */
static size_t take_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct openai_call *call = arg;
	struct buf *body = &call->done.raw.body;
	size_t left = body->max - body->len;

	(void)one;
	call->too_large = n > left;
	buf_add(body, bytes, call->too_large ? left : n);
	return call->too_large || buf_broken(body) ? 0 : n;
}

static size_t take_header(char *bytes, size_t one, size_t n, void *arg)
{
	static const char status_line[] = "HTTP/";
	struct openai_call *call = arg;
	struct openai_headers *headers = &call->done.raw.headers;

	(void)one;
	call->head_bytes += n;
	if (call->head_bytes > MAX_HEAD_BYTES)
		return 0;
	/* an interim answer such as 100 Continue came before */
	if (n >= sizeof status_line - 1 && memcmp(bytes, status_line, sizeof status_line - 1) == 0)
		*headers = (struct openai_headers){ .date = "" };
	openai_headers_add(headers, bytes, n);
	return n;
}

CURL *openai_call_handle(struct openai_call *call, const struct openai_settings *s, const char *url,
    struct curl_slist *headers)
{
	CURL *h = curl_easy_init();
	bool ok = h != NULL;

#define SET(option, value) (ok = ok && curl_easy_setopt(h, option, value) == CURLE_OK)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_USERAGENT, USER_AGENT);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_ERRORBUFFER, call->errbuf);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, call);
#undef SET
	if (ok)
		return h;
	curl_easy_cleanup(h);
	return NULL;
}

bool openai_call_prepare(struct openai_call *call, const struct buf *body, size_t max_reply_bytes)
{
	call->too_large = false;
	call->head_bytes = 0;
	call->errbuf[0] = '\0';
	buf_init(&call->done.raw.body, max_reply_bytes);
	return curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, buf_str(body)) == CURLE_OK &&
	       curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len) ==
		   CURLE_OK;
}

static enum openai_transport transport_of(CURLcode code, const struct openai_call *call)
{
	switch (code) {
	case CURLE_OK:
		return OPENAI_ARRIVED;
	case CURLE_OPERATION_TIMEDOUT:
		return OPENAI_TIMED_OUT;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return OPENAI_NOT_CONNECTED;
	case CURLE_WRITE_ERROR:
		if (call->head_bytes > MAX_HEAD_BYTES)
			return OPENAI_CONNECTION_CUT;
		return call->too_large ? OPENAI_TOO_LARGE : OPENAI_CLIENT_FAILED;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
		return OPENAI_CLIENT_FAILED;
	default: /* of some hundred codes, the rest speak of a connection that was there */
		return OPENAI_CONNECTION_CUT;
	}
}

/* In words that hold printable ASCII only, although libcurl may quote the peer in its own. */
static void note_failure(struct openai_call *call, CURLcode code)
{
	struct openai_raw *raw = &call->done.raw;
	const char *words = call->errbuf[0] != '\0' ? call->errbuf : curl_easy_strerror(code);
	size_t n = 0;

	if (call->too_large)
		words = "the body is over the maximum";
	else if (call->head_bytes > MAX_HEAD_BYTES)
		words = "the headers are over the maximum";
	for (; words[n] != '\0' && n < sizeof raw->failure - 1; n++)
		raw->failure[n] = (char)(words[n] >= ' ' && words[n] <= '~' ? words[n] : '?');
	raw->failure[n] = '\0';
}

void openai_call_conclude(struct openai_call *call, CURLcode code)
{
	struct openai_raw *raw = &call->done.raw;
	curl_off_t microseconds = 0;
	long status = 0;
	CURLcode told = curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);

	(void)curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &microseconds);
	if (code == CURLE_OK)
		code = told; /* an answer without its status is none */
	buf_free(&call->sent);
	raw->transport = transport_of(code, call);
	raw->http_status = (int)status;
	raw->duration_ms = microseconds / 1000;
	if (code != CURLE_OK)
		note_failure(call, code);
	/* what is kept of a body that did not fit in memory is still a body */
	raw->body.broken = false;
	call->state = CALL_ENDED;
}
