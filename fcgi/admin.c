/* admin.fcgi: the operators' side, as JSON. */
#include "admin.h"

#include <stdlib.h>

enum { THREADS = 32, MAX_METRICS = 1 << 20 };

static const struct route routes[] = {
	{ "GET", "/admin/alerts", NEED_ADMIN, admin_alerts_get },
	{ "POST", "/admin/alerts/silences", NEED_ADMIN | NEED_CHANGE, admin_silences_post },
	{ "POST", "/admin/alerts/silences/{id}/end", NEED_ADMIN | NEED_CHANGE,
	    admin_silence_end_post },
	{ "GET", "/admin/alerts/{id}", NEED_ADMIN, admin_alert_get },
	{ "GET", "/admin/audit-log", NEED_ADMIN, admin_audit_log_get },
	{ "GET", "/admin/config", NEED_ADMIN, admin_config_get },
	{ "GET", "/admin/config/keys", NEED_ADMIN, admin_config_keys_get },
	{ "GET", "/admin/feedback-stats", NEED_ADMIN, admin_feedback_stats_get },
	{ "GET", "/admin/incidents", NEED_ADMIN, admin_incidents_get },
	{ "GET", "/admin/incidents/{id}", NEED_ADMIN, admin_incident_get },
	{ "PATCH", "/admin/incidents/{id}", NEED_ADMIN | NEED_CHANGE, admin_incident_patch },
	{ "GET", "/admin/incidents/{id}/document", NEED_ADMIN, admin_incident_document_get },
	{ "PATCH", "/admin/incidents/{id}/feedback", NEED_ADMIN | NEED_CHANGE,
	    admin_feedback_patch },
	{ "GET", "/admin/jobs", NEED_ADMIN, admin_jobs_get },
	{ "GET", "/admin/jobs/counts", NEED_ADMIN, admin_job_counts_get },
	{ "POST", "/admin/jobs/cancel", NEED_ADMIN | NEED_CHANGE, admin_jobs_cancel_post },
	{ "POST", "/admin/jobs/retry", NEED_ADMIN | NEED_CHANGE, admin_jobs_retry_post },
	{ "GET", "/admin/jobs/{id}", NEED_ADMIN, admin_job_get },
	{ "GET", "/admin/jobs/{id}/document", NEED_ADMIN, admin_job_document_get },
	{ "POST", "/admin/jobs/{id}/cancel", NEED_ADMIN | NEED_CHANGE, admin_job_cancel_post },
	{ "POST", "/admin/jobs/{id}/retry", NEED_ADMIN | NEED_CHANGE, admin_job_retry_post },
	{ "GET", "/admin/pilot", NEED_ADMIN, admin_pilot_get },
	{ "PUT", "/admin/pilot", NEED_ADMIN | NEED_CHANGE, admin_pilot_put },
	{ "GET", "/admin/run-summary", NEED_ADMIN, admin_run_summary_get },
	{ "GET", "/admin/session", NEED_ADMIN, admin_session_get },
	{ "POST", "/admin/session", NEED_ORIGIN, admin_session_post },
	{ "DELETE", "/admin/session", NEED_ADMIN, admin_session_delete },
	{ "GET", "/admin/system-health", NEED_ADMIN, admin_system_health_get },
	{ "POST", "/admin/smoke/run", NEED_ADMIN | NEED_CHANGE, admin_smoke_run },
	{ "GET", "/admin/tenants", NEED_ADMIN, admin_tenants_get },
	{ "GET", "/metrics", NEED_ADMIN | FREE_LOCAL, admin_metrics_get },
};

int main(int argc, char **argv)
{
	static struct admin admin = { .metrics.lock = PTHREAD_MUTEX_INITIALIZER };
	int status = app_start(&admin.app, "admin",
	    "Answers /admin for operators, and GET /metrics.", NULL, argc, argv);

	if (status >= 0)
		return status;
	buf_init(&admin.metrics.text, MAX_METRICS);
	status = app_serve(&admin.app, routes, sizeof routes / sizeof routes[0], THREADS, NULL);
	buf_free(&admin.metrics.text);
	app_stop(&admin.app);
	return status;
}
