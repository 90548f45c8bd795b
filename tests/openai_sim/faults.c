#include "openai_sim/faults.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

enum { MAX_ORDERS = 1024 };

struct faults {
	pthread_mutex_t lock;
	size_t n;
	struct fault orders[MAX_ORDERS];
};

static const char *const names[FAULT__MAX] = {
	[FAULT_NONE] = "none",
	[FAULT_RATE_LIMIT] = "rate_limit",
	[FAULT_SLOW_DOWN] = "slow_down",
	[FAULT_INSUFFICIENT_QUOTA] = "insufficient_quota",
	[FAULT_UNAUTHORIZED] = "unauthorized",
	[FAULT_FORBIDDEN] = "forbidden",
	[FAULT_SERVER_ERROR] = "server_error",
	[FAULT_BAD_REQUEST] = "bad_request",
	[FAULT_HANG] = "hang",
	[FAULT_DRIP] = "drip",
	[FAULT_CUT] = "cut",
	[FAULT_HUGE] = "huge",
	[FAULT_NOT_JSON] = "not_json",
	[FAULT_REFUSAL] = "refusal",
	[FAULT_LENGTH] = "length",
	[FAULT_CONTENT_FILTER] = "content_filter",
	[FAULT_BROKEN_JSON] = "broken_json",
	[FAULT_SCHEMA_VIOLATION] = "schema_violation",
	[FAULT_CONFIDENCE] = "confidence_out_of_range",
};

/* Options that are plain numbers. */
static const struct {
	const char *name;
	size_t offset;
	long min, max;
} numbers[] = {
	{ "count", offsetof(struct fault, count), -1, 1000000000 },
	{ "below", offsetof(struct fault, below), 1, 1000000000 },
	{ "retry_after_ms", offsetof(struct fault, retry_after_ms), 0, 86400000 },
	{ "ms", offsetof(struct fault, ms), 0, 3600000 },
	{ "bytes", offsetof(struct fault, bytes), 0, 1000000000 },
	{ "size", offsetof(struct fault, size), 1, 2000000000 },
};

const char *fault_name(enum fault_kind kind)
{
	return names[kind];
}

static enum rc wrong(struct err *e, const char *option)
{
	return err_set(e, RC_INVALID, "invalid_fault", "not a fault's '%s'", option);
}

/* Copy a string of at most 63 bytes; a number is taken in its decimal form. */
static enum rc copy_text(char out[64], struct json_object *v, const char *option, struct err *e)
{
	if (!json_object_is_type(v, json_type_string) && !json_object_is_type(v, json_type_int))
		return wrong(e, option);
	if (json_object_get_string_len(v) > 63)
		return wrong(e, option);
	(void)snprintf(out, 64, "%s", json_object_get_string(v));
	return RC_OK;
}

static enum rc parse_kind(struct json_object *v, struct fault *f, struct err *e)
{
	const char *name = json_object_get_string(v);

	for (int kind = FAULT_NONE + 1; kind < FAULT__MAX; kind++) {
		if (name != NULL && strcmp(name, names[kind]) == 0) {
			f->kind = (enum fault_kind)kind;
			return RC_OK;
		}
	}
	return wrong(e, "kind");
}

static enum rc parse_number(const char *key, struct json_object *v, struct fault *f, struct err *e)
{
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		long n;
		if (strcmp(key, numbers[i].name) != 0)
			continue;
		n = json_object_get_int64(v);
		if (!json_object_is_type(v, json_type_int) || n < numbers[i].min ||
		    n > numbers[i].max)
			return wrong(e, key);
		memcpy((char *)f + numbers[i].offset, &n, sizeof n);
		return RC_OK;
	}
	return wrong(e, key);
}

static enum rc parse_option(const char *key, struct json_object *v, struct fault *f, struct err *e)
{
	if (strcmp(key, "kind") == 0)
		return parse_kind(v, f, e);
	if (strcmp(key, "code") == 0)
		return copy_text(f->code, v, key, e);
	if (strcmp(key, "key") == 0)
		return copy_text(f->key, v, key, e);
	if (strcmp(key, "retry_after") == 0)
		return v == NULL ? RC_OK : copy_text(f->retry_after, v, key, e);
	if (strcmp(key, "status") == 0) {
		int status = json_object_get_int(v);
		f->status = (unsigned)status;
		return status >= 400 && status <= 599 ? RC_OK : wrong(e, key);
	}
	if (strcmp(key, "sha256") == 0) {
		const char *hex = json_object_get_string(v);
		f->one_document = hex != NULL && sha256_parse(hex, &f->sha);
		return f->one_document ? RC_OK : wrong(e, key);
	}
	return parse_number(key, v, f, e);
}

enum rc fault_parse(struct json_object *o, struct fault *ret, struct err *reterr)
{
	struct fault f = { .count = 1, .retry_after_ms = -1, .ms = -1, .bytes = -1, .size = -1 };

	if (!json_object_is_type(o, json_type_object))
		return err_set(reterr, RC_INVALID, "invalid_fault", "expected a JSON object");
	json_object_object_foreach(o, key, v)
	{
		enum rc rc = parse_option(key, v, &f, reterr);
		if (rc != RC_OK)
			return rc;
	}
	if ((f.kind == FAULT_RATE_LIMIT || f.kind == FAULT_SLOW_DOWN) &&
	    !json_object_object_get_ex(o, "retry_after", NULL))
		(void)snprintf(f.retry_after, sizeof f.retry_after, "1");
	if (f.kind == FAULT_NONE || f.count == 0)
		return wrong(reterr, f.kind == FAULT_NONE ? "kind" : "count");
	*ret = f;
	return RC_OK;
}

struct faults *faults_new(void)
{
	struct faults *fs = calloc(1, sizeof *fs);

	if (fs != NULL)
		(void)pthread_mutex_init(&fs->lock, NULL);
	return fs;
}

void faults_free(struct faults *fs)
{
	if (fs != NULL)
		(void)pthread_mutex_destroy(&fs->lock);
	free(fs);
}

enum rc faults_add(struct faults *fs, const struct fault *f, struct err *reterr)
{
	bool room;

	(void)pthread_mutex_lock(&fs->lock);
	room = fs->n < MAX_ORDERS;
	if (room)
		fs->orders[fs->n++] = *f;
	(void)pthread_mutex_unlock(&fs->lock);
	return room ? RC_OK : err_set(reterr, RC_LIMITED, "queue_full", "too many faults wait");
}

static bool applies(const struct fault *f, const struct sha256 *sha, long max_completion_tokens)
{
	if (f->one_document && memcmp(f->sha.b, sha->b, sizeof sha->b) != 0)
		return false;
	return f->below == 0 || max_completion_tokens < f->below;
}

bool faults_take(
    struct faults *fs, const struct sha256 *sha, long max_completion_tokens, struct fault *ret)
{
	size_t i = 0;
	bool found;

	(void)pthread_mutex_lock(&fs->lock);
	while (i < fs->n && !applies(&fs->orders[i], sha, max_completion_tokens))
		i++;
	found = i < fs->n;
	if (found) {
		struct fault *f = &fs->orders[i];
		*ret = *f;
		if (f->count > 0 && --f->count == 0) {
			fs->n--;
			memmove(f, f + 1, (fs->n - i) * sizeof *f);
		}
	}
	(void)pthread_mutex_unlock(&fs->lock);
	return found;
}

long faults_pending(struct faults *fs)
{
	long n;

	(void)pthread_mutex_lock(&fs->lock);
	n = (long)fs->n;
	(void)pthread_mutex_unlock(&fs->lock);
	return n;
}

void faults_clear(struct faults *fs)
{
	(void)pthread_mutex_lock(&fs->lock);
	fs->n = 0;
	(void)pthread_mutex_unlock(&fs->lock);
}
