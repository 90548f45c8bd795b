#include "core/config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/sha256.h"
#include "core/tenant_id.h"

#define MAX_DECIMAL ((int64_t)1000000000000)
#define HOUR_MS     3600000
#define DAY_S       86400
#define HIDDEN      (CONFIG_SECRET | CONFIG_LOCAL)

/* clang-format off */
#define AT(member)           offsetof(struct config, member)
#define STR(n, d, m)         { n, d, CONFIG_STRING, 0, 0, 0, AT(m) }
#define KEY(n, d, m)         { n, d, CONFIG_STRING, CONFIG_SECRET, 0, 0, AT(m) }
#define LOCAL(n, d, m)       { n, d, CONFIG_STRING, CONFIG_LOCAL, 0, 0, AT(m) }
#define BOOL(n, d, m)        { n, d, CONFIG_BOOL, 0, 0, 0, AT(m) }
#define INT(n, d, lo, hi, m) { n, d, CONFIG_INT, 0, lo, hi, AT(m) }
/* Lower bounds so wide that I5, I6 and I7 speak for themselves. */
#define DEC(n, d, m)         { n, d, CONFIG_DECIMAL, 0, -MAX_DECIMAL, MAX_DECIMAL, AT(thresholds.m) }
#define LIMIT(n, d, m)       { n, d, CONFIG_INT, 0, -MAX_DECIMAL, INT32_MAX, AT(m) }

static const struct config_key keys[] = {
	LOCAL("ACCESS_LOG", NULL, access_log),
	KEY("ADMIN_API_KEY", NULL, admin_api_key),
	INT("ALERT_REPEAT_MINUTES", "60", 1, 10080, alert_repeat_minutes),
	KEY("API_KEY", NULL, api_key),
	BOOL("AUTO_ROLLBACK", "false", auto_rollback),
	BOOL("AUTO_STOP", "false", auto_stop),
	KEY("DATABASE_URL", NULL, database_url),
	INT("DB_POOL_SIZE", "8", 1, 128, db_pool_size),
	INT("DB_TIMEOUT_MS", "5000", 100, HOUR_MS, db_timeout_ms),
	INT("DOCUMENT_RETENTION_DAYS", "0", 0, 36500, document_retention_days),
	STR("ENV", "development", env),
	INT("FCGI_THREADS", "256", 4, 1024, fcgi_threads),
	INT("JOB_LEASE_SECONDS", "30", 1, DAY_S, job_lease_seconds),
	INT("JOB_MAX_ATTEMPTS", "3", 1, 100, job_max_attempts),
	INT("JOB_MAX_LOST_LEASES", "10", 1, 1000, job_max_lost_leases),
	STR("LATENCY_BASELINE", "first_day", latency_baseline),
	INT("LATENCY_BASELINE_MS", "3000", 1, HOUR_MS, latency_baseline_ms),
	DEC("LINE_TOLERANCE", "0.02", line_tolerance),
	DEC("LOW_CONFIDENCE", "0.6", low_confidence),
	INT("MAX_UPLOAD_BYTES", "10485760", 1, 268435456, max_upload_bytes),
	DEC("MISMATCH_ABSOLUTE", "50", mismatch_absolute),
	DEC("MISMATCH_RATIO", "0.05", mismatch_ratio),
	DEC("OCR_SUSPECT_CONFIDENCE", "0.7", ocr_suspect_confidence),
	KEY("OPENAI_API_KEY", NULL, openai_api_key),
	STR("OPENAI_BASE_URL", "https://api.openai.com/v1", openai_base_url),
	INT("OPENAI_CONNECT_TIMEOUT_MS", "5000", 1, HOUR_MS, openai_connect_timeout_ms),
	INT("OPENAI_MAX_COMPLETION_TOKENS", "16384", 1, 1000000, openai_max_completion_tokens),
	INT("OPENAI_MAX_REPLY_BYTES", "4194304", 1024, 268435456, openai_max_reply_bytes),
	STR("OPENAI_MODEL", "gpt-4.1", openai_model),
	INT("OPENAI_TIMEOUT_MS", "120000", 1, HOUR_MS, openai_timeout_ms),
	KEY("PAGERDUTY_ROUTING_KEY", NULL, pagerduty_routing_key),
	STR("PAGERDUTY_URL", "https://events.pagerduty.com/v2/enqueue", pagerduty_url),
	BOOL("PILOT_ENABLED", "true", pilot_enabled),
	LIMIT("PILOT_MAX_INCIDENTS_PER_HOUR", "20", pilot_max_incidents_per_hour),
	LIMIT("PILOT_MAX_INVOICES_PER_HOUR", "50", pilot_max_invoices_per_hour),
	STR("PILOT_TENANT_ID", "pilot", pilot_tenant_id),
	LOCAL("PUBLIC_URL", NULL, public_url),
	INT("QUEUE_DEPTH_ALARM", "50", 1, 1000000000, queue_depth_alarm),
	INT("QUOTA_PROBE_SECONDS", "300", 1, DAY_S, quota_probe_seconds),
	LOCAL("READY_CA_FILE", NULL, ready_ca_file),
	LOCAL("READY_URL", NULL, ready_url),
	INT("RETRY_BASE_MS", "1000", 1, HOUR_MS, retry_base_ms),
	INT("RETRY_MAX_MS", "300000", 1, DAY_S * 1000, retry_max_ms),
	LOCAL("ROLLBACK_COMMAND", NULL, rollback_command),
	INT("ROLLBACK_TIMEOUT_SECONDS", "600", 1, 3600, rollback_timeout_seconds),
	DEC("ROUNDING_DELTA", "10", rounding_delta),
	DEC("ROUNDING_RATIO", "0.005", rounding_ratio),
	LOCAL("RUNBOOK_URL", NULL, runbook_url),
	DEC("SEVERE_ABSOLUTE", "500", severe_absolute),
	DEC("SEVERE_RATIO", "0.20", severe_ratio),
	KEY("SLACK_ALERTS_WEBHOOK", NULL, slack_alerts_webhook),
	KEY("SLACK_PRODUCT_WEBHOOK", NULL, slack_product_webhook),
	LIMIT("STUCK_MINUTES", "10", stuck_minutes),
	INT("SYNC_WAIT_MS", "30000", 0, HOUR_MS, sync_wait_ms),
	INT("WATCH_INTERVAL_SECONDS", "30", 1, 30, watch_interval_seconds),
	INT("WORKER_ALIVE_SECONDS", "30", 2, DAY_S, worker_alive_seconds),
	INT("WORKER_CONCURRENCY", "32", 1, 1024, worker_concurrency),
	INT("WORKER_POLL_MS", "500", 10, 60000, worker_poll_ms),
	INT("WRONG_KEYS_PER_MINUTE", "60", 1, 1000000, wrong_keys_per_minute),
};
/* clang-format on */

const struct config_key *config_keys(size_t *ret_n)
{
	*ret_n = sizeof keys / sizeof keys[0];
	return keys;
}

static const char *from_environment(const char *name, void *arg)
{
	(void)arg;
	return getenv(name);
}

/* "-12.5" in ten-thousandths; at most four decimals, so that jq prints it as we do. */
static bool parse_decimal(const char *text, int64_t *ret)
{
	bool negative = *text == '-';
	int64_t v = 0;
	int decimals = -1;

	text += negative;
	if (*text < '0' || *text > '9')
		return false;
	for (; *text != '\0'; text++) {
		if (*text == '.' && decimals < 0 && text[1] != '\0') {
			decimals = 0;
			continue;
		}
		if (*text < '0' || *text > '9' || decimals >= 4 || v > INT64_MAX / 100000 - 1)
			return false;
		v = v * 10 + (*text - '0');
		decimals += decimals >= 0;
	}
	for (int i = decimals > 0 ? decimals : 0; i < 4; i++)
		v *= 10;
	*ret = negative ? -v : v;
	return true;
}

static bool parse_int(const char *text, int64_t *ret)
{
	int64_t tenthousandths;

	if (strchr(text, '.') != NULL || !parse_decimal(text, &tenthousandths))
		return false;
	*ret = tenthousandths / CONFIG_DECIMAL_ONE;
	return true;
}

static bool parse_bool(const char *text, bool *ret)
{
	bool yes = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
	bool no = strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0;

	*ret = yes;
	return yes || no;
}

static bool printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static void problem(struct buf *problems, const char *text)
{
	if (problems->len > 0)
		buf_adds(problems, "; ");
	buf_adds(problems, text);
}

static void *member(const struct config *cfg, const struct config_key *k)
{
	/* The loader's one cast: cfg is const only for the printers, which read. */
	return (void *)((uintptr_t)cfg + k->offset);
}

/* Where the value does not fit, say what would; a secret's value is never repeated. */
static void set(
    struct config *cfg, const struct config_key *k, const char *text, struct buf *problems)
{
	const long long one = k->type == CONFIG_DECIMAL ? CONFIG_DECIMAL_ONE : 1;
	char room[400], **string;
	struct buf b;
	int64_t v = 0;
	bool ok = true, in_range = true;

	buf_init_fixed(&b, room, sizeof room);
	switch (k->type) {
	case CONFIG_STRING:
		ok = printable(text);
		string = member(cfg, k);
		*string = ok ? strdup(text) : NULL;
		if (!ok)
			buf_addf(&b, "%s must be printable ASCII", k->name);
		else if (*string == NULL)
			buf_addf(&b, "%s: out of memory", k->name);
		break;
	case CONFIG_BOOL:
		if (!parse_bool(text, member(cfg, k)))
			buf_addf(&b, "%s must be true or false", k->name);
		break;
	case CONFIG_INT:
	case CONFIG_DECIMAL:
		ok = k->type == CONFIG_INT ? parse_int(text, &v) : parse_decimal(text, &v);
		in_range = v >= k->min && v <= k->max;
		if (ok && in_range)
			*(int64_t *)member(cfg, k) = v;
		else if (ok)
			buf_addf(&b, "%s must be from %lld to %lld", k->name, k->min / one,
			    k->max / one);
		else
			buf_addf(&b, "%s must be a %s", k->name,
			    k->type == CONFIG_INT ? "whole number"
						  : "number with at most four decimals");
		break;
	}
	if (b.len > 0)
		problem(problems, buf_str(&b));
}

static bool one_of_environments(const char *env)
{
	return env != NULL && (strcmp(env, "development") == 0 || strcmp(env, "staging") == 0 ||
				  strcmp(env, "production") == 0);
}

static bool thresholds_positive(const struct thresholds *t)
{
	return t->mismatch_ratio > 0 && t->mismatch_absolute > 0 && t->severe_ratio > 0 &&
	       t->severe_absolute > 0 && t->rounding_ratio > 0 && t->rounding_delta > 0 &&
	       t->low_confidence > 0 && t->ocr_suspect_confidence > 0 && t->line_tolerance > 0;
}

static bool strong_key(const char *key)
{
	return key != NULL && strlen(key) >= 32;
}

/* What is asked, and what stands in links. */
static void check_urls(const struct config *c, struct buf *p)
{
	const struct {
		const char *name, *value;
	} urls[] = {
		{ "PAGERDUTY_URL", c->pagerduty_url },
		{ "PUBLIC_URL", c->public_url },
		{ "RUNBOOK_URL", c->runbook_url },
		{ "SLACK_ALERTS_WEBHOOK", c->slack_alerts_webhook },
		{ "SLACK_PRODUCT_WEBHOOK", c->slack_product_webhook },
	};

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
		if (urls[i].value != NULL && strncasecmp(urls[i].value, "https://", 8) != 0 &&
		    strncasecmp(urls[i].value, "http://", 7) != 0) {
			problem(p, urls[i].name);
			buf_adds(p, " must be an https or http URL");
		}
}

/* SPEC §2, I1 to I9, and what else would leave a guard without effect */
static void check_invariants(const struct config *c, struct buf *p)
{
	const struct thresholds *t = &c->thresholds;

	if (t->severe_ratio < t->mismatch_ratio)
		problem(p, "I1: SEVERE_RATIO must be at least MISMATCH_RATIO");
	if (t->severe_absolute < t->mismatch_absolute)
		problem(p, "I2: SEVERE_ABSOLUTE must be at least MISMATCH_ABSOLUTE");
	if (t->rounding_ratio >= t->mismatch_ratio)
		problem(p, "I3: ROUNDING_RATIO must be below MISMATCH_RATIO");
	if (t->rounding_delta >= t->mismatch_absolute)
		problem(p, "I4: ROUNDING_DELTA must be below MISMATCH_ABSOLUTE");
	if (!thresholds_positive(t))
		problem(p, "I5: every threshold must be above 0");
	if (t->low_confidence <= 0 || t->low_confidence >= CONFIG_DECIMAL_ONE ||
	    t->ocr_suspect_confidence <= 0 || t->ocr_suspect_confidence >= CONFIG_DECIMAL_ONE)
		problem(
		    p, "I6: LOW_CONFIDENCE and OCR_SUSPECT_CONFIDENCE must lie between 0 and 1");
	if (c->pilot_max_invoices_per_hour < 1 || c->pilot_max_incidents_per_hour < 1 ||
	    c->stuck_minutes < 1)
		problem(p, "I7: PILOT_MAX_INVOICES_PER_HOUR, PILOT_MAX_INCIDENTS_PER_HOUR and "
			   "STUCK_MINUTES must be positive whole numbers");
	/* One that no upload can name would be guarded by nothing. */
	if (c->pilot_tenant_id == NULL || !tenant_id_valid(c->pilot_tenant_id))
		problem(p, "PILOT_TENANT_ID must be a tenant id: [a-z0-9][a-z0-9_-]{0,62}");
	if (c->retry_max_ms < c->retry_base_ms)
		problem(p, "RETRY_MAX_MS must be at least RETRY_BASE_MS");
	if (c->latency_baseline == NULL || (strcmp(c->latency_baseline, "first_day") != 0 &&
					       strcmp(c->latency_baseline, "fixed") != 0))
		problem(p, "LATENCY_BASELINE must be first_day or fixed");
	check_urls(c, p);
	if (!one_of_environments(c->env))
		problem(p, "I8: ENV must be development, staging or production");
	if (one_of_environments(c->env) && strcmp(c->env, "production") == 0 &&
	    (!strong_key(c->api_key) || !strong_key(c->admin_api_key) ||
		strcmp(c->api_key, c->admin_api_key) == 0))
		problem(p,
		    "I9: in production API_KEY and ADMIN_API_KEY must both be set, differ, and "
		    "have at least 32 characters");
}

void config_read(struct config *cfg, config_source *source, void *arg, struct buf *problems)
{
	*cfg = (struct config){ 0 };
	if (source == NULL)
		source = from_environment;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const char *text = source(keys[i].name, arg);
		if (text == NULL || text[0] == '\0')
			text = keys[i].dflt;
		/* A bad number leaves the default, so that it breaks no invariant besides. */
		if (keys[i].type == CONFIG_INT || keys[i].type == CONFIG_DECIMAL)
			set(cfg, &keys[i], keys[i].dflt, problems);
		if (text != NULL)
			set(cfg, &keys[i], text, problems);
	}
	check_invariants(cfg, problems);
}

enum rc config_load(struct config *cfg, config_source *source, void *arg, struct buf *problems)
{
	config_read(cfg, source, arg, problems);
	if (problems->len == 0 && !buf_broken(problems))
		return RC_OK;
	config_free(cfg);
	return RC_INVALID;
}

void config_free(struct config *cfg)
{
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		char **s = keys[i].type == CONFIG_STRING ? member(cfg, &keys[i]) : NULL;
		if (s != NULL && *s != NULL && (keys[i].flags & CONFIG_SECRET))
			explicit_bzero(*s, strlen(*s));
		if (s != NULL)
			free(*s);
	}
	*cfg = (struct config){ 0 };
}

/* 500 as 0.05: no trailing zeros, which is how jq prints it. */
static void write_decimal(struct json_writer *w, const char *name, int64_t v)
{
	int64_t whole = v / CONFIG_DECIMAL_ONE, part = v % CONFIG_DECIMAL_ONE;
	char digits[32];
	size_t len = (size_t)snprintf(
	    digits, sizeof digits, "%lld.%04lld", (long long)whole, (long long)part);

	while (digits[len - 1] == '0')
		len--;
	digits[digits[len - 1] == '.' ? len - 1 : len] = '\0';
	json_write_raw(w, name, digits);
}

static void write_value(
    struct json_writer *w, const char *name, const struct config *cfg, const struct config_key *k)
{
	void *at = member(cfg, k);

	switch (k->type) {
	case CONFIG_STRING:
		json_write_text(w, name, *(char **)at);
		break;
	case CONFIG_BOOL:
		json_write_bool(w, name, *(bool *)at);
		break;
	case CONFIG_INT:
		json_write_int(w, name, *(int64_t *)at);
		break;
	case CONFIG_DECIMAL:
		write_decimal(w, name, *(int64_t *)at);
		break;
	}
}

enum rc config_json(const struct config *cfg, struct buf *out, struct err *e)
{
	struct json_writer w = { .out = out };

	json_write_object(&w, NULL);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) /* sorted as they stand */
		if (!(keys[i].flags & HIDDEN))
			write_value(&w, keys[i].name, cfg, &keys[i]);
	json_write_object_end(&w);
	return buf_broken(out) ? err_no_memory(e) : RC_OK;
}

static const char *nothing(const char *name, void *arg)
{
	(void)name;
	(void)arg;
	return NULL;
}

static bool same_value(const struct config *a, const struct config *b, const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_STRING:
		return strcmp(*(char **)member(a, k), *(char **)member(b, k)) == 0;
	case CONFIG_BOOL:
		return *(bool *)member(a, k) == *(bool *)member(b, k);
	case CONFIG_INT:
	case CONFIG_DECIMAL:
		break;
	}
	return *(int64_t *)member(a, k) == *(int64_t *)member(b, k);
}

enum rc config_write_keys(
    const struct config *cfg, struct json_writer *w, const char *name, struct err *e)
{
	static const char *const types[] = {
		[CONFIG_STRING] = "string",
		[CONFIG_INT] = "integer",
		[CONFIG_DECIMAL] = "decimal",
		[CONFIG_BOOL] = "boolean",
	};
	struct config defaults;
	struct buf problems;
	char room[64];

	buf_init_fixed(&problems, room, sizeof room);
	if (config_load(&defaults, nothing, NULL, &problems) != RC_OK)
		return err_no_memory(e);
	json_write_list(w, name);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const struct config_key *k = &keys[i];

		if (k->flags & HIDDEN)
			continue;
		json_write_object(w, NULL);
		json_write_text(w, "name", k->name);
		write_value(w, "value", cfg, k);
		write_value(w, "default", &defaults, k);
		json_write_bool(w, "is_default", same_value(cfg, &defaults, k));
		json_write_text(w, "type", types[k->type]);
		json_write_object_end(w);
	}
	json_write_list_end(w);
	config_free(&defaults);
	return RC_OK;
}

enum rc config_hash(const struct config *cfg, char out[CONFIG_HASH_TEXT], struct err *e)
{
	char hex[SHA256_TEXT];
	struct buf b;
	enum rc rc;

	buf_init(&b, 64 << 10);
	rc = config_json(cfg, &b, e);
	if (rc == RC_OK) {
		sha256_hex(b.p, b.len, hex);
		memcpy(out, "sha256:", 7);
		memcpy(out + 7, hex, 16);
		out[23] = '\0';
	}
	buf_free(&b);
	return rc;
}
