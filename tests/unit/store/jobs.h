/* Jobs for tests of the store: tenants of their own, an empty queue, a quiet provider. */
#ifndef MIZAN_TESTS_STORE_JOBS_H
#define MIZAN_TESTS_STORE_JOBS_H

#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/random.h"
#include "store/intake.h"
#include "store/queue.h"
#include "unit/database.h"

#define JOB_LEASE 30

/* A configuration with the pilot on and small waits; its strings are static. */
static inline struct config jobs_config(void)
{
	static char tenant[] = "no-such-pilot";

	return (struct config){
		.job_lease_seconds = JOB_LEASE,
		.retry_base_ms = 1000,
		.retry_max_ms = 60000,
		.quota_probe_seconds = 300,
		.pilot_enabled = true,
		.pilot_tenant_id = tenant,
		.pilot_max_invoices_per_hour = 50,
		.pilot_max_incidents_per_hour = 20,
	};
}

/* Nothing in the queue, the provider fine, the pilot on: as every queue test starts and ends. */
static inline void jobs_reset(void)
{
	db_change("update jobs set state = 'CANCELLED', finished_at = clock_timestamp(),"
		  " lease_token = null, lease_until = null where state in ('QUEUED', 'RUNNING')",
	    NULL, NULL);
	db_change("update provider_state set state = 'ok', blocked_until = null, consecutive = 0,"
		  " probe_token = null",
	    NULL, NULL);
	db_change("update pilot_switch set enabled = true, reason = ''", NULL, NULL);
	db_change("delete from worker_heartbeats", NULL, NULL);
}

/* Accept `content` for tenant; id is the job that answers it. */
static inline enum rc jobs_accept(struct pg *pg, const char *tenant, const char *content,
    int64_t limit, char id[RANDOM_UUID_TEXT], struct err *e)
{
	struct intake_answer answer = { .duplicate = false };
	char fresh[RANDOM_UUID_TEXT];
	struct intake in = { .tenant_id = tenant,
		.job_id = fresh,
		.content = content,
		.len = strlen(content),
		.media_type = "application/pdf",
		.filename = "a.pdf",
		.trace_id = "trace-1",
		.reply_channel = "reply_1",
		.pilot_limit = limit };
	int64_t retry_after = 0;
	enum rc rc;

	random_uuid(fresh);
	rc = intake_accept(pg, &in, &answer, &retry_after, e);
	if (rc == RC_OK)
		(void)snprintf(id, RANDOM_UUID_TEXT, "%s", answer.job_id);
	return rc;
}

/* A new job of a document of its own. */
static inline void jobs_add(const char *tenant, char id[RANDOM_UUID_TEXT])
{
	char content[40] = "%PDF-";

	random_hex(content + 5, 16);
	if (jobs_accept(db_as(DB_APP), tenant, content, 0, id, NULL) != RC_OK)
		abort();
}

/* The worker's session forgets where its claims have left off: the next one is a sweep. */
static inline void jobs_sweep(void)
{
	struct pg_query q = { .sql = "select set_config('mizan.next_sweep', '', false)" };

	if (pg_run(db_as(DB_WORKER), &q, 1, NULL, NULL) != RC_OK)
		abort();
}

/* Claim at most `limit` jobs into jobs[]; how many came. */
static inline size_t jobs_claim_on(const struct config *cfg, size_t limit, struct queue_job jobs[])
{
	struct queue_job *got = NULL;
	size_t n = 0;

	if (queue_claim(db_as(DB_WORKER), cfg, "worker-1", limit, &got, &n, NULL) != RC_OK)
		abort();
	for (size_t i = 0; i < n; i++)
		jobs[i] = got[i];
	free(got);
	return n;
}

/* The same with a sweep, so that nothing which is due is left out. */
static inline size_t jobs_claim(const struct config *cfg, size_t limit, struct queue_job jobs[])
{
	jobs_sweep();
	return jobs_claim_on(cfg, limit, jobs);
}

/* One new job of tenant, claimed. */
static inline struct queue_job jobs_running(const struct config *cfg, const char *tenant)
{
	char id[RANDOM_UUID_TEXT];
	struct queue_job job;

	jobs_add(tenant, id);
	if (jobs_claim(cfg, 1, &job) != 1 || strcmp(job.id, id) != 0)
		abort();
	return job;
}

static inline void jobs_expire(const char *id)
{
	db_change("update jobs set lease_until = clock_timestamp() - interval '1 second'"
		  " where id = $1::uuid",
	    id, NULL);
}

static inline void jobs_due(const char *id)
{
	db_change("update jobs set run_at = clock_timestamp() where id = $1::uuid", id, NULL);
}

static inline struct db_text jobs_state(const char *id)
{
	return db_value("select state from jobs where id = $1::uuid", id, NULL);
}

#endif
