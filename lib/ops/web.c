#include "ops/web.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "core/buf.h"

/* Connecting may take that share of the whole time, so that a host which is gone is told apart. */
enum { CONNECT_SHARE = 2 };

/* Headers and trailers together, which libcurl keeps to the end and does not always bound. */
enum { MAX_HEAD_BYTES = 64 << 10 };

struct web {
	CURL *easy;
	struct buf body;
	size_t head_bytes;
	bool (*give_up)(void);
};

/* A callback that returns less than n makes libcurl end the call. */
static size_t take_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct web *w = arg;

	(void)one;
	buf_add(&w->body, bytes, n);
	return buf_broken(&w->body) ? 0 : n;
}

static size_t take_header(char *bytes, size_t one, size_t n, void *arg)
{
	struct web *w = arg;

	(void)bytes;
	(void)one;
	w->head_bytes += n;
	return w->head_bytes > MAX_HEAD_BYTES ? 0 : n;
}

static int on_progress(
    void *arg, curl_off_t to_get, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
	const struct web *w = arg;

	(void)to_get, (void)got, (void)to_send, (void)sent;
	return w->give_up != NULL && w->give_up();
}

enum rc web_new(struct web **ret, struct err *e)
{
	struct web *w = calloc(1, sizeof *w);

	if (w == NULL)
		return err_no_memory(e);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(w);
		return err_no_memory(e);
	}
	w->easy = curl_easy_init();
	if (w->easy == NULL) {
		web_free(w);
		return err_no_memory(e);
	}
	*ret = w;
	return RC_OK;
}

void web_free(struct web *w)
{
	if (w == NULL)
		return;
	curl_easy_cleanup(w->easy);
	buf_free(&w->body);
	free(w);
	curl_global_cleanup();
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
	struct curl_slist *longer;
	struct buf line;

	buf_init(&line, 256);
	buf_addf(&line, "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
	longer = buf_broken(&line) ? NULL : curl_slist_append(*list, buf_str(&line));
	buf_free(&line);
	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

static enum rc prepare_body(
    CURL *h, const struct web_request *rq, struct curl_slist **headers, struct err *e)
{
	const char *body = rq->body != NULL ? rq->body : "";
	const char *type = rq->content_type != NULL ? rq->content_type : "application/json";

	/* "Expect:": no round trip for 100-continue */
	if (!add_header(headers, "Content-Type", type) || !add_header(headers, "Expect", "") ||
	    curl_easy_setopt(h, CURLOPT_POST, 1L) != CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body)) !=
		CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_HTTPHEADER, *headers) != CURLE_OK)
		return err_no_memory(e);
	return RC_OK;
}

static enum rc prepare(
    struct web *w, const struct web_request *rq, struct curl_slist **headers, struct err *e)
{
	CURL *h = w->easy;
	bool ok = true;

	curl_easy_reset(h);
#define SET(option, value) (ok = ok && curl_easy_setopt(h, option, value) == CURLE_OK)
	SET(CURLOPT_URL, rq->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_USERAGENT, "mizan");
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(rq->timeout_ms / CONNECT_SHARE));
	SET(CURLOPT_TIMEOUT_MS, (long)rq->timeout_ms);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, w);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, w);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, w);
	if (rq->ca_file != NULL)
		SET(CURLOPT_CAINFO, rq->ca_file);
#undef SET
	if (!ok)
		return err_no_memory(e);
	return strcmp(rq->method, "POST") == 0 ? prepare_body(h, rq, headers, e) : RC_OK;
}

/*
 * In libcurl's words for the code.  Those for the case (CURLOPT_ERRORBUFFER) may quote the URL or
 * the other side.
 */
static enum rc failed(const struct web *w, CURLcode code, struct err *e)
{
	const char *words = curl_easy_strerror(code);

	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(e, RC_UNAVAILABLE, "web_timed_out", "no answer in time");
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
		return err_set(e, RC_UNAVAILABLE, "web_not_connected", "not connected: %s", words);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return err_set(e, RC_UNAVAILABLE, "web_not_trusted", "not trusted: %s", words);
	case CURLE_URL_MALFORMAT:
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(e, RC_INVALID, "web_request", "cannot be asked: %s", words);
	case CURLE_ABORTED_BY_CALLBACK:
		return err_set(e, RC_UNAVAILABLE, "web_given_up", "given up while waiting");
	case CURLE_OUT_OF_MEMORY:
		return err_no_memory(e);
	case CURLE_WRITE_ERROR:
		if (w->head_bytes > MAX_HEAD_BYTES || buf_full(&w->body))
			return err_set(e, RC_UNAVAILABLE, "web_too_large",
			    "the answer is larger than any of ours");
		return err_no_memory(e);
	default: /* of some hundred codes, the rest speak of a connection that was there */
		return err_set(e, RC_UNAVAILABLE, "web_cut", "no whole answer: %s", words);
	}
}

static void read_answer(const struct web *w, struct web_answer *ret)
{
	curl_off_t retry_after_s = 0, microseconds = 0;
	long status = 0;

	(void)curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(w->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	(void)curl_easy_getinfo(w->easy, CURLINFO_TOTAL_TIME_T, &microseconds);
	if (retry_after_s > WEB_MAX_RETRY_AFTER_MS / 1000)
		retry_after_s = WEB_MAX_RETRY_AFTER_MS / 1000;
	*ret = (struct web_answer){ .status = (int)status,
		.retry_after_ms = retry_after_s > 0 ? retry_after_s * 1000 : 0,
		.duration_ms = microseconds / 1000,
		.body = buf_str(&w->body),
		.len = w->body.len };
}

enum rc web_call(struct web *w, const struct web_request *rq, struct web_answer *ret, struct err *e)
{
	struct curl_slist *headers = NULL;
	enum rc rc;

	if (strncasecmp(rq->url, "https://", 8) != 0 && strncasecmp(rq->url, "http://", 7) != 0)
		return err_set(e, RC_INVALID, "web_request", "neither an http nor an https URL");
	buf_free(&w->body);
	buf_init(&w->body, rq->max_bytes);
	w->head_bytes = 0;
	w->give_up = rq->give_up;
	rc = prepare(w, rq, &headers, e);
	if (rc == RC_OK) {
		CURLcode code = curl_easy_perform(w->easy);

		if (code == CURLE_OK)
			read_answer(w, ret);
		else
			rc = failed(w, code, e);
	}
	curl_slist_free_all(headers);
	return rc;
}
