#include "openai_sim/answers.h"

#include <dirent.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "core/buf.h"

enum { BUCKETS = 1 << 16, MAX_FILE = 64 * 1024 * 1024 };

struct document {
	struct document *next;
	struct sha256 sha;
	struct answer *loaded; /* NULL: not among the data */
	struct answer *set;    /* NULL: not set since the last reset */
	long calls;
	long completions;
};

struct answers {
	pthread_mutex_t lock;
	struct answer *unreadable;  /* for unknown documents */
	struct answer *set_default; /* NULL: not set */
	struct document *buckets[BUCKETS];
};

/* Find the document, or make it; NULL: no memory.  Call with the lock held. */
static struct document *document_of(struct answers *as, const struct sha256 *sha)
{
	struct document **at = &as->buckets[(sha->b[0] << 8 | sha->b[1]) % BUCKETS];

	for (; *at != NULL; at = &(*at)->next)
		if (memcmp((*at)->sha.b, sha->b, sizeof sha->b) == 0)
			return *at;
	*at = calloc(1, sizeof **at);
	if (*at != NULL)
		(*at)->sha = *sha;
	return *at;
}

/* An extraction in which nothing could be read. */
static struct answer *unreadable_new(void)
{
	static const char nothing[] = "{\"value\":null,\"confidence\":0,\"evidence\":\"\"}";
	static const char *const fields[] = { "invoice_number", "ettn", "issue_date", "due_date",
		"period_start", "period_end", "currency", "line_total", "tax_exclusive_amount",
		"tax_total", "tax_inclusive_amount", "withholding_total", "prepaid_amount",
		"rounding_amount", "payable_amount" };
	struct answer *a = NULL;
	struct buf b;

	buf_init(&b, MAX_FILE);
	buf_addf(&b,
	    "{\"seller\":{\"name\":%s,\"tax_id\":%s},\"buyer\":{\"name\":%s,\"tax_id\":%s},"
	    "\"lines\":[],\"allowances\":[],\"charges\":[],\"taxes\":[]",
	    nothing, nothing, nothing, nothing);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		buf_addf(&b, ",\"%s\":%s", fields[i], nothing);
	buf_adds(&b, "}");
	if (!buf_broken(&b))
		a = answer_new(buf_str(&b), NULL, "stop");
	buf_free(&b);
	return a;
}

struct answers *answers_new(void)
{
	struct answers *as = calloc(1, sizeof *as);

	if (as == NULL)
		return NULL;
	as->unreadable = unreadable_new();
	if (as->unreadable == NULL) {
		free(as);
		return NULL;
	}
	(void)pthread_mutex_init(&as->lock, NULL);
	return as;
}

void answers_free(struct answers *as)
{
	if (as == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct document *d = as->buckets[i], *next; d != NULL; d = next) {
			next = d->next;
			answer_release(d->loaded);
			answer_release(d->set);
			free(d);
		}
	}
	answer_release(as->set_default);
	answer_release(as->unreadable);
	(void)pthread_mutex_destroy(&as->lock);
	free(as);
}

/* Read a whole file.  RC_INVALID: not possible, or it is too large. */
static enum rc slurp(const char *path, struct buf *ret, struct err *reterr)
{
	FILE *f = fopen(path, "rbe");
	enum rc rc = RC_OK;
	size_t n = 1;

	buf_init(ret, MAX_FILE);
	while (f != NULL && n > 0) {
		char *room = buf_reserve(ret, 65536);
		if (room == NULL)
			break;
		n = fread(room, 1, 65536, f);
		ret->len += n;
	}
	if (f == NULL || ferror(f) || buf_broken(ret)) {
		buf_free(ret);
		rc = err_set(reterr, RC_INVALID, "unreadable_file", "cannot read '%s'", path);
	}
	if (f != NULL)
		(void)fclose(f);
	return rc;
}

/* Know one document by its truth file.  RC_NOT_FOUND: there is none. */
static enum rc load_one(
    struct answers *as, const char *document, const char *truth, struct err *reterr)
{
	struct buf bytes = { 0 };
	struct json_object *o = NULL;
	struct answer *a = NULL;
	struct document *d;
	struct sha256 sha;
	enum rc rc;
	FILE *probe = fopen(truth, "re");

	if (probe == NULL)
		return err_set(reterr, RC_NOT_FOUND, "no_truth", "no '%s'", truth);
	(void)fclose(probe);
	rc = slurp(document, &bytes, reterr);
	if (rc != RC_OK)
		return rc;
	sha = sha256_of(bytes.p, bytes.len);
	buf_free(&bytes);
	o = json_object_from_file(truth);
	if (o == NULL)
		return err_set(reterr, RC_INVALID, "invalid_truth", "no JSON in '%s'", truth);
	rc = answer_parse(o, &a, reterr);
	json_object_put(o);
	if (rc != RC_OK)
		return rc;
	(void)pthread_mutex_lock(&as->lock);
	d = document_of(as, &sha);
	if (d != NULL) {
		answer_release(d->loaded);
		d->loaded = a;
	}
	(void)pthread_mutex_unlock(&as->lock);
	if (d != NULL)
		return RC_OK;
	answer_release(a);
	return err_no_memory(reterr);
}

/* The position of the dot of a document's extension; 0: not the name of a document. */
static size_t extension_at(const char *name)
{
	static const char *const known[] = { ".pdf", ".png", ".jpg", ".jpeg", ".webp" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof known / sizeof known[0]; i++)
		if (strcmp(dot, known[i]) == 0)
			return (size_t)(dot - name);
	return 0;
}

enum rc answers_load(struct answers *as, const char *dir, size_t *ret_count, struct err *reterr)
{
	DIR *d = opendir(dir);
	size_t count = 0;
	enum rc rc = RC_OK;

	if (d == NULL)
		return err_set(reterr, RC_NOT_FOUND, "no_data", "no folder '%s'", dir);
	for (struct dirent *e; (rc == RC_OK || rc == RC_NOT_FOUND) && (e = readdir(d)) != NULL;) {
		size_t dot = extension_at(e->d_name);
		char path[4096], truth[4096];

		if (dot == 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		(void)snprintf(truth, sizeof truth, "%s/%.*s.json", dir, (int)dot, e->d_name);
		rc = load_one(as, path, truth, reterr);
		count += rc == RC_OK;
	}
	(void)closedir(d);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_count = count;
	return RC_OK;
}

enum rc answers_set(struct answers *as, const struct sha256 *sha, struct answer *a)
{
	struct answer **at = &as->set_default, *old = a;
	struct document *d = NULL;

	(void)pthread_mutex_lock(&as->lock);
	if (sha != NULL) {
		d = document_of(as, sha);
		at = d != NULL ? &d->set : NULL;
	}
	if (at != NULL) {
		old = *at;
		*at = a;
	}
	(void)pthread_mutex_unlock(&as->lock);
	answer_release(old);
	return at != NULL ? RC_OK : RC_INTERNAL;
}

struct answer *answers_call(struct answers *as, const struct sha256 *sha)
{
	struct answer *a = NULL;
	struct document *d;

	(void)pthread_mutex_lock(&as->lock);
	d = document_of(as, sha);
	if (d != NULL) {
		d->calls++;
		a = d->set != NULL            ? d->set
		    : d->loaded != NULL       ? d->loaded
		    : as->set_default != NULL ? as->set_default
					      : as->unreadable;
		atomic_fetch_add(&a->refs, 1);
	}
	(void)pthread_mutex_unlock(&as->lock);
	return a;
}

void answers_completed(struct answers *as, const struct sha256 *sha)
{
	struct document *d;

	(void)pthread_mutex_lock(&as->lock);
	d = document_of(as, sha);
	if (d != NULL)
		d->completions++;
	(void)pthread_mutex_unlock(&as->lock);
}

void answers_count(
    struct answers *as, const struct sha256 *sha, long *ret_calls, long *ret_completions)
{
	struct document *d;

	(void)pthread_mutex_lock(&as->lock);
	d = document_of(as, sha);
	*ret_calls = d != NULL ? d->calls : 0;
	*ret_completions = d != NULL ? d->completions : 0;
	(void)pthread_mutex_unlock(&as->lock);
}

void answers_reset(struct answers *as)
{
	(void)pthread_mutex_lock(&as->lock);
	answer_release(as->set_default);
	as->set_default = NULL;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct document *d = as->buckets[i]; d != NULL; d = d->next) {
			answer_release(d->set);
			d->set = NULL;
			d->calls = d->completions = 0;
		}
	}
	(void)pthread_mutex_unlock(&as->lock);
}
