#include "openai/client.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "openai/call.h"

struct openai_client {
	struct openai_settings settings; /* strings borrowed, as settings.h says */
	CURLM *multi;
	char *url;
	struct curl_slist *headers;
	struct openai_call *calls;
	size_t n_calls, n_used;
};

static bool add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

static bool add_key(struct curl_slist **list, const char *api_key)
{
	struct buf line;
	bool ok;

	buf_init(&line, SIZE_MAX / 2);
	buf_addf(&line, "Authorization: Bearer %s", api_key);
	ok = !buf_broken(&line) && add_header(list, buf_str(&line));
	buf_free(&line);
	return ok;
}

/* NULL: out of memory. */
static struct curl_slist *header_list(const char *api_key)
{
	struct curl_slist *list = NULL;

	if (add_header(&list, "Content-Type: application/json") &&
	    add_header(&list, "Accept: application/json") &&
	    add_header(&list, "Expect:") && /* no round trip for 100-continue */
	    (api_key == NULL || add_key(&list, api_key)))
		return list;
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

/* Give the place back: nothing of the call is left in it. */
static void vacate(struct openai_client *c, struct openai_call *call)
{
	buf_free(&call->sent);
	openai_raw_clear(&call->done.raw);
	call->state = CALL_IDLE;
	c->n_used--;
}

static bool start(struct openai_client *c, struct openai_call *call, const struct buf *body)
{
	if (call->easy == NULL)
		call->easy = openai_call_handle(call, &c->settings, c->url, c->headers);
	return call->easy != NULL &&
	       openai_call_prepare(call, body, (size_t)c->settings.max_reply_bytes) &&
	       curl_multi_add_handle(c->multi, call->easy) == CURLM_OK;
}

enum rc openai_client_submit(struct openai_client *c, struct buf *body, void *user, struct err *e)
{
	struct openai_call *call = c->calls;

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

static void conclude(struct openai_client *c, CURL *easy, CURLcode code)
{
	struct openai_call *call = c->calls;

	while (call->easy != easy)
		call++;
	(void)curl_multi_remove_handle(c->multi, easy);
	openai_call_conclude(call, code);
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

static const struct openai_call *first_ended(const struct openai_client *c)
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
	code = curl_multi_poll(c->multi, &extra, extra_fd >= 0, timeout_ms, NULL);
	if (code != CURLM_OK)
		return err_set(e, RC_INTERNAL, "curl_multi_poll", "%s", curl_multi_strerror(code));
	rc = move_on(c, e);
	if (rc == RC_OK && ret_extra_ready != NULL)
		*ret_extra_ready = (extra.revents & CURL_WAIT_POLLIN) != 0;
	return rc;
}

bool openai_client_next(struct openai_client *c, struct openai_done *ret)
{
	const struct openai_call *ended = first_ended(c);
	struct openai_call *call;

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

static void cancel(struct openai_client *c, struct openai_call *call)
{
	if (call->state == CALL_RUNNING)
		(void)curl_multi_remove_handle(c->multi, call->easy);
	if (call->state != CALL_IDLE)
		vacate(c, call);
}

void openai_client_cancel(struct openai_client *c, const void *user)
{
	for (size_t i = 0; i < c->n_calls; i++)
		if (c->calls[i].done.user == user)
			cancel(c, &c->calls[i]);
}

void openai_client_cancel_all(struct openai_client *c)
{
	for (size_t i = 0; i < c->n_calls; i++)
		cancel(c, &c->calls[i]);
}
