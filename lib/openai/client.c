#include "openai/client.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "openai/headers.h"

#define USER_AGENT "mizan"

enum call_state { CALL_IDLE, CALL_RUNNING, CALL_ENDED };

/* One place for a call.  Its easy handle is set up once and used again and again. */
struct call {
	enum call_state state;
	CURL *easy; /* NULL until the place is first used */
	char errbuf[CURL_ERROR_SIZE];
	struct buf sent;
	bool too_large;
	struct openai_done done;
};

struct openai_client {
	struct openai_settings settings; /* strings borrowed, as settings.h says */
	CURLM *multi;
	char *url;
	struct curl_slist *headers;
	struct call *calls;
	size_t n_calls, n_used;
};

/* A callback that returns less than n makes libcurl end the call. */
static size_t take_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct call *call = arg;
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
	struct openai_headers *headers = arg;

	(void)one;
	/* an interim answer such as 100 Continue came before */
	if (n >= sizeof status_line - 1 && memcmp(bytes, status_line, sizeof status_line - 1) == 0)
		*headers = (struct openai_headers){ .date = "" };
	openai_headers_add(headers, bytes, n);
	return n;
}

static struct curl_slist *header_list(const char *api_key)
{
	static const char *const fixed[] = {
		"Content-Type: application/json", "Accept: application/json",
		"Expect:", /* no 100-continue round trip */
	};
	struct curl_slist *list = NULL;
	struct buf bearer;

	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
		struct curl_slist *longer = curl_slist_append(list, fixed[i]);

		if (longer == NULL)
			goto fail;
		list = longer;
	}
	if (api_key != NULL) {
		struct curl_slist *longer;

		buf_init(&bearer, SIZE_MAX / 2);
		buf_addf(&bearer, "Authorization: Bearer %s", api_key);
		longer = buf_broken(&bearer) ? NULL : curl_slist_append(list, buf_str(&bearer));
		buf_free(&bearer);
		if (longer == NULL)
			goto fail;
		list = longer;
	}
	return list;
fail:
	curl_slist_free_all(list);
	return NULL;
}

static enum rc check_settings(const struct openai_settings *s, struct err *e)
{
	static const char invalid[] = "invalid_openai_settings";

	if (strncasecmp(s->base_url, "https://", 8) != 0 &&
	    strncasecmp(s->base_url, "http://", 7) != 0)
		return err_set(e, RC_INVALID, invalid, "the base URL is neither http nor https");
	for (const char *p = s->api_key; p != NULL && *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(e, RC_INVALID, invalid,
			    "the API key holds a character that no key has");
	if (s->max_in_flight == 0 || s->max_reply_bytes <= 0)
		return err_set(e, RC_INVALID, invalid, "a limit is not positive");
	return RC_OK;
}

static char *endpoint(const char *base_url)
{
	size_t len = strlen(base_url);
	char *url;

	while (len > 0 && base_url[len - 1] == '/')
		len--;
	return asprintf(&url, "%.*s/chat/completions", (int)len, base_url) >= 0 ? url : NULL;
}

enum rc openai_client_new(
    const struct openai_settings *settings, struct openai_client **ret, struct err *e)
{
	enum rc rc = check_settings(settings, e);
	struct openai_client *c;

	if (rc != RC_OK)
		return rc;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, RC_INTERNAL, "curl_init", "libcurl does not start");
	c = calloc(1, sizeof *c);
	if (c == NULL) {
		curl_global_cleanup();
		return err_no_memory(e);
	}
	c->settings = *settings;
	c->n_calls = settings->max_in_flight;
	c->calls = calloc(c->n_calls, sizeof *c->calls);
	c->multi = curl_multi_init();
	c->url = endpoint(settings->base_url);
	c->headers = header_list(settings->api_key);
	if (c->calls == NULL || c->multi == NULL || c->url == NULL || c->headers == NULL ||
	    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->n_calls) != CURLM_OK) {
		openai_client_free(c);
		return err_no_memory(e);
	}
	*ret = c;
	return RC_OK;
}

void openai_client_free(struct openai_client *c)
{
	if (c == NULL)
		return;
	if (c->calls != NULL)
		openai_client_cancel_all(c);
	for (size_t i = 0; c->calls != NULL && i < c->n_calls; i++)
		curl_easy_cleanup(c->calls[i].easy);
	free(c->calls);
	curl_multi_cleanup(c->multi);
	curl_slist_free_all(c->headers);
	free(c->url);
	free(c);
	curl_global_cleanup();
}

/* What is the same for every call. */
static CURL *new_easy(const struct openai_client *c, struct call *call)
{
	const struct openai_settings *s = &c->settings;
	CURL *h = curl_easy_init();
	bool ok = h != NULL;

#define SET(option, value) (ok = ok && curl_easy_setopt(h, option, value) == CURLE_OK)
	SET(CURLOPT_URL, c->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_HTTPHEADER, c->headers);
	SET(CURLOPT_USERAGENT, USER_AGENT);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_ERRORBUFFER, call->errbuf);
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, &call->done.raw.headers);
#undef SET
	if (ok)
		return h;
	curl_easy_cleanup(h);
	return NULL;
}

/* Give the place back: nothing of the call is left in it. */
static void vacate(struct openai_client *c, struct call *call)
{
	buf_free(&call->sent);
	openai_raw_clear(&call->done.raw);
	call->state = CALL_IDLE;
	c->n_used--;
}

static bool start(struct openai_client *c, struct call *call, const struct buf *body)
{
	if (call->easy == NULL)
		call->easy = new_easy(c, call);
	if (call->easy == NULL)
		return false;
	call->too_large = false;
	call->errbuf[0] = '\0';
	buf_init(&call->done.raw.body, (size_t)c->settings.max_reply_bytes);
	return curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, buf_str(body)) == CURLE_OK &&
	       curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len) ==
		   CURLE_OK &&
	       curl_multi_add_handle(c->multi, call->easy) == CURLM_OK;
}

enum rc openai_client_submit(struct openai_client *c, struct buf *body, void *user, struct err *e)
{
	struct call *call = c->calls;

	if (c->n_used == c->n_calls)
		return err_set(
		    e, RC_LIMITED, "too_many_calls", "%zu calls are under way", c->n_used);
	while (call->state != CALL_IDLE)
		call++;
	if (!start(c, call, body))
		return err_no_memory(e);
	call->sent = *body;
	*body = (struct buf){ .max = body->max };
	call->done.user = user;
	call->state = CALL_RUNNING;
	c->n_used++;
	return RC_OK;
}

static enum openai_transport transport_of(CURLcode code, const struct call *call)
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
		return call->too_large ? OPENAI_TOO_LARGE : OPENAI_CLIENT_FAILED;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return OPENAI_CLIENT_FAILED;
	default: /* of some hundred codes, the rest speak of a connection that was there */
		return OPENAI_CONNECTION_CUT;
	}
}

/* libcurl may quote the peer in it: printable ASCII only, as much as fits. */
static void note_failure(struct openai_raw *raw, const char *text)
{
	size_t n = 0;

	for (; text[n] != '\0' && n < sizeof raw->failure - 1; n++)
		raw->failure[n] = (char)(text[n] >= ' ' && text[n] <= '~' ? text[n] : '?');
	raw->failure[n] = '\0';
}

static void conclude(struct openai_client *c, CURL *easy, CURLcode code)
{
	struct call *call = NULL;
	struct openai_raw *raw;
	curl_off_t microseconds = 0;
	long status = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &microseconds);
	(void)curl_multi_remove_handle(c->multi, easy);
	buf_free(&call->sent);
	raw = &call->done.raw;
	raw->transport = transport_of(code, call);
	raw->http_status = (int)status;
	raw->received_at = (int64_t)time(NULL);
	raw->duration_ms = microseconds / 1000;
	if (code != CURLE_OK)
		note_failure(
		    raw, call->errbuf[0] != '\0' ? call->errbuf : curl_easy_strerror(code));
	/* what is kept of a body that did not fit in memory is still a body */
	raw->body.broken = false;
	call->state = CALL_ENDED;
}

static enum rc move_on(struct openai_client *c, struct err *e)
{
	int running, left;
	CURLMcode code = curl_multi_perform(c->multi, &running);

	if (code != CURLM_OK)
		return err_set(
		    e, RC_INTERNAL, "curl_multi_perform", "%s", curl_multi_strerror(code));
	for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;)
		if (m->msg == CURLMSG_DONE)
			conclude(c, m->easy_handle, m->data.result);
	return RC_OK;
}

static const struct call *first_ended(const struct openai_client *c)
{
	for (size_t i = 0; i < c->n_calls; i++)
		if (c->calls[i].state == CALL_ENDED)
			return &c->calls[i];
	return NULL;
}

enum rc openai_client_poll(
    struct openai_client *c, int extra_fd, int timeout_ms, bool *ret_extra_ready, struct err *e)
{
	struct curl_waitfd extra = { .fd = extra_fd, .events = CURL_WAIT_POLLIN };
	enum rc rc = move_on(c, e);
	CURLMcode code;

	if (rc != RC_OK)
		return rc;
	if (first_ended(c) != NULL)
		timeout_ms = 0;
	errno = 0;
	code = curl_multi_poll(c->multi, &extra, extra_fd >= 0, timeout_ms, NULL);
	/* libcurl before 8.2 calls a signal unrecoverable when it polls no socket (issue 11135) */
	if (code != CURLM_OK && !(code == CURLM_UNRECOVERABLE_POLL && errno == EINTR))
		return err_set(e, RC_INTERNAL, "curl_multi_poll", "%s", curl_multi_strerror(code));
	rc = move_on(c, e);
	if (rc == RC_OK && ret_extra_ready != NULL)
		*ret_extra_ready = (extra.revents & CURL_WAIT_POLLIN) != 0;
	return rc;
}

bool openai_client_next(struct openai_client *c, struct openai_done *ret)
{
	const struct call *ended = first_ended(c);
	struct call *call;

	if (ended == NULL)
		return false;
	call = &c->calls[ended - c->calls];
	*ret = call->done;
	call->done.raw = (struct openai_raw){ .body = { 0 } };
	vacate(c, call);
	return true;
}

size_t openai_client_in_flight(const struct openai_client *c)
{
	return c->n_used;
}

void openai_client_cancel_all(struct openai_client *c)
{
	for (size_t i = 0; i < c->n_calls; i++) {
		struct call *call = &c->calls[i];

		if (call->state == CALL_RUNNING)
			(void)curl_multi_remove_handle(c->multi, call->easy);
		if (call->state != CALL_IDLE)
			vacate(c, call);
	}
}
