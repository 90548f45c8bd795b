/* The /admin pages, one file each. */
#ifndef MIZAN_FCGI_ADMIN_H
#define MIZAN_FCGI_ADMIN_H

#include <pthread.h>

#include "app.h"

/* The latest answer of GET /metrics. */
struct metrics_text {
	pthread_mutex_t lock; /* held by the one who asks: the others wait for what it finds */
	struct buf text;
	int64_t asked_at; /* clock_ms(); 0: never */
};

struct admin {
	struct app app; /* first: see app.h */
	struct metrics_text metrics;
};

route_fn admin_alerts_get; /* admin_alerts.c */
route_fn admin_alert_get;
route_fn admin_silences_post;
route_fn admin_silence_end_post;
route_fn admin_audit_log_get; /* admin_audit_log.c */
route_fn admin_config_get;    /* admin_config.c */
route_fn admin_config_keys_get;
route_fn admin_feedback_stats_get;    /* admin_feedback_stats.c */
route_fn admin_incident_document_get; /* admin_documents.c */
route_fn admin_job_document_get;
route_fn admin_incidents_get; /* admin_incidents.c */
route_fn admin_incident_get;
route_fn admin_incident_patch; /* admin_incident_change.c */
route_fn admin_feedback_patch;
route_fn admin_jobs_get; /* admin_jobs.c */
route_fn admin_job_counts_get;
route_fn admin_job_get;
route_fn admin_job_cancel_post; /* admin_job_change.c */
route_fn admin_job_retry_post;
route_fn admin_jobs_cancel_post;
route_fn admin_jobs_retry_post;
route_fn admin_metrics_get; /* admin_metrics.c */
route_fn admin_pilot_get;   /* admin_pilot.c */
route_fn admin_pilot_put;
route_fn admin_run_summary_get; /* admin_run_summary.c */
route_fn admin_session_get;     /* admin_session.c */
route_fn admin_session_post;
route_fn admin_session_delete;
route_fn admin_system_health_get; /* admin_system_health.c */
route_fn admin_smoke_run;         /* admin_smoke.c */
route_fn admin_tenants_get;       /* admin_tenants.c */

/* The member "tenants": those that the principal can choose from. */
enum rc admin_add_tenants(
    const struct route_context *cx, struct pg *pg, struct json_writer *w, struct err *e) MUST_CHECK;

#endif
