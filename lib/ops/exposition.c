#include "ops/exposition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/prometheus.h"

static const char *const request_les[] = { "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
	"1", "2.5", "5", "10", "30", "+Inf" };
static const char *const pipeline_les[] = { "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60",
	"120", "300", "+Inf" };

/* What the database counts: by the name of its samples there. */
static const struct family {
	const char *sample, *name, *type, *help;
	const char *label, *sublabel; /* NULL: it has none */
	const char *const *les;       /* of a histogram */
	size_t n_les;
} families[] = {
	{ "access_log_counted_seconds", "mizan_access_log_counted_seconds", "gauge",
	    "Since all of nginx's access log was counted", NULL, NULL, NULL, 0 },
	{ "alerts_firing", "mizan_alerts_firing", "gauge", "1 while the watchdog's rule fires",
	    "rule", NULL, NULL, 0 },
	{ "http_request_duration_seconds", "mizan_http_request_duration_seconds", "histogram",
	    "Time of nginx's answers, from its access log", "route", NULL, request_les, 13 },
	{ "http_requests", "mizan_http_requests_total", "counter",
	    "Requests that nginx answered, its own refusals included", "route", "status_class",
	    NULL, 0 },
	{ "incidents", "mizan_incidents_total", "counter", "Incidents opened", "severity", NULL,
	    NULL, 0 },
	{ "incidents_skipped", "mizan_incidents_skipped_total", "counter",
	    "Incidents that were due and not opened", "reason", NULL, NULL, 0 },
	{ "invoices", "mizan_invoices_total", "counter", "Invoices processed, by their audit",
	    "outcome", NULL, NULL, 0 },
	{ "jobs", "mizan_jobs_total", "counter", "Jobs that left the queue", "state", NULL, NULL,
	    0 },
	{ "jobs_running", "mizan_jobs_running", "gauge", "Jobs that a worker has", NULL, NULL, NULL,
	    0 },
	{ "login_failures", "mizan_login_failures_total", "counter",
	    "Refused logins of operators in a browser", NULL, NULL, NULL, 0 },
	{ "pilot_incidents_used", "mizan_pilot_incidents_used", "gauge",
	    "Incidents of the pilot opened within the hour", NULL, NULL, NULL, 0 },
	{ "pipeline_duration_seconds", "mizan_pipeline_duration_seconds", "histogram",
	    "From an invoice's acceptance to its result", NULL, NULL, pipeline_les, 12 },
	{ "provider_calls", "mizan_provider_calls_total", "counter",
	    "Calls to the provider that were answered", "outcome", NULL, NULL, 0 },
	{ "queue_oldest_due_seconds", "mizan_queue_oldest_due_seconds", "gauge",
	    "How long the job that is due longest has waited", NULL, NULL, NULL, 0 },
	{ "watchdog_seen_seconds", "mizan_watchdog_seen_seconds", "gauge",
	    "Since the leading watchdog had the rules evaluated", NULL, NULL, NULL, 0 },
};

static const struct family *family_of(const char *sample)
{
	for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
		if (strcmp(families[i].sample, sample) == 0)
			return &families[i];
	return NULL;
}

/* "2": "2xx"; "0": nobody was there to be answered. */
static const char *class_name(const char *digit)
{
	static const char *const names[] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };
	size_t i = (size_t)(digit[0] - '0');

	return i < sizeof names / sizeof names[0] ? names[i] : "none";
}

/*
 * A bucket of a histogram, or its sum and count.  The samples have each time once, in the first
 * bucket that it fits; *below adds them up.
 */
static void write_bucket(
    struct buf *out, const struct family *f, const struct sample *s, int64_t *below)
{
	const char *which = f->label != NULL ? s->sublabel : s->label;
	size_t i = (size_t)strtoul(which, NULL, 10);
	const struct prometheus_label labels[] = {
		{ "le", f->les[i < f->n_les ? i : f->n_les - 1] },
		{ f->label, s->label },
		{ NULL, NULL },
	};
	const bool is_sum = strcmp(which, "sum") == 0;
	char count[24];

	if (is_sum)
		prometheus_sample(out, f->name, "_sum", labels + 1, s->value);
	else
		*below += strtoll(s->value, NULL, 10);
	(void)snprintf(count, sizeof count, "%lld", (long long)*below);
	prometheus_sample(out, f->name, is_sum ? "_count" : "_bucket", labels + is_sum, count);
	if (is_sum)
		*below = 0;
}

static void write_sample(struct buf *out, const struct family *f, const struct sample *s)
{
	const struct prometheus_label labels[] = {
		{ f->label, s->label },
		{ f->sublabel, f->sublabel != NULL ? class_name(s->sublabel) : NULL },
		{ NULL, NULL },
	};

	prometheus_sample(out, f->name, "", labels, s->value);
}

static void write_counted(struct buf *out, const struct samples *samples)
{
	const struct family *last = NULL;
	int64_t below = 0;

	for (size_t i = 0; i < samples->n; i++) {
		const struct sample s = samples_at(samples, i);
		const struct family *f = family_of(s.name);

		if (f == NULL)
			continue; /* of a newer schema */
		if (f != last)
			prometheus_begin(out, f->name, f->type, f->help);
		last = f;
		if (f->les != NULL)
			write_bucket(out, f, &s, &below);
		else
			write_sample(out, f, &s);
	}
}

static void gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
	prometheus_begin(out, name, "gauge", help);
	prometheus_int(out, name, value);
}

static void write_build(struct buf *out, const struct ready_input *in)
{
	const struct prometheus_label labels[] = {
		{ "build_id", in->build_id },
		{ "config_hash", in->config_hash },
		{ NULL, NULL },
	};

	prometheus_begin(out, "mizan_build_info", "gauge", "What runs, and with which settings");
	prometheus_sample(out, "mizan_build_info", "", labels, "1");
}

static bool is_ready(const struct ready_input *in)
{
	char room[16 << 10];
	struct buf doc;
	struct json_writer w = { .out = &doc };

	buf_init_fixed(&doc, room, sizeof room);
	return ready_report(&w, in);
}

static void write_facts(struct buf *out, const struct config *cfg, const struct readiness_facts *f)
{
	gauge(out, "mizan_queue_depth", "Jobs queued", f->queue_depth);
	gauge(out, "mizan_queue_stuck", "Jobs that are stuck", f->stuck_count);
	gauge(out, "mizan_workers_alive", "Workers heard of lately", f->workers);
	gauge(out, "mizan_provider_available", "1 unless the provider refuses calls at present",
	    strcmp(f->provider_state, "ok") == 0);
	gauge(out, "mizan_pilot_enabled", "1 if both halves of the kill switch are on",
	    cfg->pilot_enabled && f->pilot_switched_on);
	gauge(out, "mizan_pilot_invoices_used", "Invoices of the pilot accepted within the hour",
	    f->pilot_used);
	gauge(
	    out, "mizan_pilot_invoices_limit", "How many may be", cfg->pilot_max_invoices_per_hour);
	gauge(out, "mizan_pilot_incidents_limit", "How many incidents may be opened in an hour",
	    cfg->pilot_max_incidents_per_hour);
}

void exposition_write(struct buf *out, const struct ready_input *in, const struct samples *samples)
{
	write_build(out, in);
	gauge(out, "mizan_ready", "1 if GET /health/ready answers 200", is_ready(in));
	gauge(out, "mizan_database_up", "1 if the database answers",
	    in->facts != NULL && samples != NULL);
	if (in->facts != NULL)
		write_facts(out, in->cfg, in->facts);
	if (samples != NULL)
		write_counted(out, samples);
}
