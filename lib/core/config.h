/*
 * Configuration: one table of keys, read from the environment.  The table feeds the loader,
 * the invariants, GET /admin/config, the config hash and the test that docs/configuration.md
 * lists every key.
 */
#ifndef MIZAN_CORE_CONFIG_H
#define MIZAN_CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/json_write.h"

/* Decimal settings are held in ten-thousandths: 0.05 is 500. */
#define CONFIG_DECIMAL_ONE 10000

/* SPEC §6, in ten-thousandths */
struct thresholds {
	int64_t mismatch_ratio;         /* MISMATCH_RATIO 0.05 */
	int64_t mismatch_absolute;      /* MISMATCH_ABSOLUTE 50 */
	int64_t severe_ratio;           /* SEVERE_RATIO 0.20 */
	int64_t severe_absolute;        /* SEVERE_ABSOLUTE 500 */
	int64_t rounding_ratio;         /* ROUNDING_RATIO 0.005 */
	int64_t rounding_delta;         /* ROUNDING_DELTA 10 */
	int64_t low_confidence;         /* LOW_CONFIDENCE 0.6: the LOW_CONFIDENCE flag */
	int64_t ocr_suspect_confidence; /* OCR_SUSPECT_CONFIDENCE 0.7 */
	int64_t line_tolerance;         /* LINE_TOLERANCE 0.02: LINE_MISMATCH */
};

struct config {
	char *access_log; /* nginx's; NULL: not to be counted */
	char *env;        /* development, staging or production */
	char *api_key, *admin_api_key;
	int64_t wrong_keys_per_minute;
	char *database_url;
	int64_t db_pool_size, db_timeout_ms;
	char *openai_api_key; /* NULL: none */
	char *openai_base_url, *openai_model;
	int64_t openai_timeout_ms, openai_connect_timeout_ms;
	int64_t openai_max_completion_tokens, openai_max_reply_bytes;
	int64_t max_upload_bytes, sync_wait_ms, fcgi_threads;
	int64_t worker_concurrency, worker_poll_ms, worker_alive_seconds;
	int64_t job_lease_seconds, job_max_attempts, job_max_lost_leases;
	int64_t retry_base_ms, retry_max_ms, quota_probe_seconds;
	int64_t stuck_minutes, queue_depth_alarm;
	bool pilot_enabled;
	char *pilot_tenant_id;
	int64_t pilot_max_invoices_per_hour, pilot_max_incidents_per_hour;
	struct thresholds thresholds;
	/* The watchdog's (SPEC §10) */
	bool auto_stop, auto_rollback;
	int64_t watch_interval_seconds, alert_repeat_minutes;
	char *latency_baseline; /* first_day or fixed */
	int64_t latency_baseline_ms;
	char *public_url;  /* as people reach it, for links; NULL: no links */
	char *runbook_url; /* NULL: the page of the documentation is named */
	char *ready_url,
	    *ready_ca_file;     /* what it asks whether clients find it ready; NULL: nothing */
	char *rollback_command; /* NULL: none */
	int64_t rollback_timeout_seconds;
	char *slack_alerts_webhook, *slack_product_webhook; /* NULL: none */
	char *pagerduty_url, *pagerduty_routing_key;        /* key NULL: none */
	int64_t document_retention_days;                    /* 0: kept for good */
};

enum {
	CONFIG_SECRET = 1 << 0, /* never printed, never hashed */
	CONFIG_LOCAL = 1 << 1,  /* may differ from machine to machine: likewise */
};
enum config_type { CONFIG_STRING, CONFIG_INT, CONFIG_DECIMAL, CONFIG_BOOL };

/* One row of the table; config_keys() lists them in alphabetical order. */
struct config_key {
	const char *name; /* of the environment variable and in /admin/config */
	const char *dflt; /* as text; NULL: none, the value stays NULL */
	enum config_type type;
	unsigned flags;
	int64_t min, max; /* inclusive, for CONFIG_INT and CONFIG_DECIMAL (ten-thousandths) */
	size_t offset;    /* in struct config */
};
const struct config_key *config_keys(size_t *ret_n);

/* Where a value comes from: getenv(), or a table in tests. */
typedef const char *config_source(const char *name, void *arg);

/*
 * Read every key from source (NULL: the environment) and check SPEC §2's invariants.
 * An empty variable counts as unset.
 * *problems, empty before, names every value that does not parse and every broken invariant,
 * separated by "; " ("I3: ROUNDING_RATIO must be ..."), never a secret's value.  *cfg holds what
 * could be read, so that more can be asked of it; config_free() it in any case.
 */
void config_read(struct config *cfg, config_source *source, void *arg, struct buf *problems);

/*
 * config_read(), all or nothing.
 * RC_OK: *cfg is filled; config_free() when done.
 * RC_INVALID: *problems says why; *cfg is empty.
 */
enum rc config_load(
    struct config *cfg, config_source *source, void *arg, struct buf *problems) MUST_CHECK;

/* Release what *cfg holds and zero it; secrets are wiped first. */
void config_free(struct config *cfg);

/*
 * The effective configuration without secrets as canonical JSON: keys sorted, no white
 * space, exactly the bytes of `jq -cjS .` over it.  This is GET /admin/config.
 */
enum rc config_json(const struct config *cfg, struct buf *out, struct err *e) MUST_CHECK;

/*
 * The list `name` of what config_json() has, for people: {"name", "value", "default", "is_default",
 * "type": "string", "integer", "decimal" or "boolean"} each.
 */
enum rc config_write_keys(
    const struct config *cfg, struct json_writer *w, const char *name, struct err *e) MUST_CHECK;

#define CONFIG_HASH_TEXT 24 /* "sha256:" + 16 hex digits + NUL */

/* "sha256:" and the first 16 hex digits of SHA-256 over config_json(). */
enum rc config_hash(const struct config *cfg, char out[CONFIG_HASH_TEXT], struct err *e) MUST_CHECK;

#endif
