-- A database as operators have it after half a year: :jobs jobs (1000000) over 180 days and six
-- tenants of very different size, a fifth of them with an incident, most of those resolved, two
-- fifths of these with feedback, and the audit log of all that.  As mizan_owner, into an empty
-- schema, in some minutes:
--
--     psql "$DATABASE_OWNER_URL" -v jobs=1000000 -f tests/bench/fill_operators.sql
--
-- The same figures each time, but for identifiers.
\set ON_ERROR_STOP on
\if :{?jobs}
\else
	\set jobs 1000000
\endif
set client_min_messages = warning;
set work_mem = '128MB';
set maintenance_work_mem = '256MB';
set synchronous_commit = off;
begin;
alter table invoices disable trigger daily_figures_insert; -- for late ones, one at a time
alter table incidents disable trigger resolved_insert, disable trigger resolved_update;
select setseed(0.4) \g /dev/null

-- One row per job, with everything that is drawn at random.
create temp table drawn as
select n, gen_random_uuid() as job, gen_random_uuid() as document, gen_random_uuid() as incident,
       case when t < 0.40 then 'default' when t < 0.70 then 'acme' when t < 0.85 then 'globex'
            when t < 0.95 then 'pilot' when t < 0.999 then 'initech' else 'umbrella' end as tenant,
       clock_timestamp() - interval '180 days' * (1 - n::numeric / :jobs) - interval '1 hour' as at,
       s, state, r, x, case when k < 0.5 then 'S2' else 'S1' end as severity,
       n % 5 = 0 as has_incident, (k * 1000)::integer as k
  from (select n, random() as t, (random() ^ 2 * 2000)::integer as s, random() as r, random() as x,
               random() as k, 200 + (random() * 8000)::integer as state
          from generate_series(1, :jobs) n) one;
alter table drawn rename column state to took;

insert into documents (tenant_id, id, sha256, media_type, bytes, filename, content, created_at)
select tenant, document, sha256(document::text::bytea), 'application/pdf', 60,
       (array['fatura', 'invoice', 'scan', 'e-arşiv', 'İrsaliye'])[1 + n % 5] || '-' || n || '.pdf',
       convert_to('%PDF-1.4 ' || document, 'UTF8'), at
  from drawn;

insert into jobs (tenant_id, id, document_id, state, trace_id, created_at, run_at, attempts, worker_id,
                  started_at, finished_at, error_code, error_detail)
select tenant, job, document,
       case when r < 0.97 then 'SUCCEEDED' when r < 0.99 then 'FAILED' when r < 0.995 then 'SKIPPED' else 'CANCELLED' end,
       'trace-' || n, at, at, 0, 'worker-1', at + interval '20 milliseconds', at + took * interval '1 millisecond',
       case when r >= 0.97 then case when r < 0.99 then 'schema_violation' when r < 0.995 then 'pilot_disabled' else 'cancelled' end end,
       case when r >= 0.97 then 'as the sample has it' end
  from drawn;
insert into jobs (tenant_id, document_id, trace_id, run_at)
select tenant, document, 'queued-' || n, clock_timestamp() + interval '1 day' from drawn where n <= 200;

insert into incidents (tenant_id, id, job_id, category, severity, status, primary_flag, secondary_flags, fingerprint,
                       action_class, created_at, last_seen_at, revision, changed_by, changed_at, resolution_note,
                       resolved_by, resolved_at, seller_name, seller_tax_id, search)
select tenant, incident, job,
       case when k < 700 then 'TOTALS' when k < 880 then 'COMPLETENESS' when k < 980 then 'TAX' when k < 995 then 'EXTRACTION' else 'DUPLICATE' end,
       severity, status,
       case when k < 700 then 'INVOICE_TOTAL_MISMATCH' when k < 880 then 'MISSING_FIELDS' when k < 980 then 'TAX_MISMATCH'
            when k < 995 then 'EXTRACTION_FAILED' else 'DUPLICATE_INVOICE' end,
       case when k % 4 = 0 then '{TAX_MISMATCH}'::text[] else '{}' end, md5(job::text),
       case when k < 700 then (array['VERIFY_OCR', 'VERIFY_INVOICE_LOGIC', 'ACCEPT_ROUNDING_TOLERANCE'])[1 + n / 5 % 3] end,
       at + took * interval '1 millisecond', at + took * interval '1 millisecond',
       case status when 'OPEN' then 1 when 'ACK' then 2 else 3 end, case when status <> 'OPEN' then 'operator-' || n % 7 end,
       case when status <> 'OPEN' then at + x * interval '2 days' end,
       case when status = 'RESOLVED' then 'looked at, note ' || n end,
       case when status = 'RESOLVED' then 'operator-' || n % 7 end,
       case when status = 'RESOLVED' then at + x * interval '2 days' end,
       'Satıcı ' || s || ' Elektrik A.Ş.', (1000000000 + s)::text,
       incident_search('Satıcı ' || s || ' Elektrik A.Ş.', (1000000000 + s)::text, 'FTR' || n, 'fatura-' || n || '.pdf')
  from (select *, case when x < 0.85 then 'RESOLVED' when x < 0.9 then 'ACK' else 'OPEN' end as status
          from drawn where has_incident) d;

insert into invoices (tenant_id, job_id, document_id, smoke, outcome, severity, ocr_suspect, action_class, stated, computed,
                      delta, ratio, score, grade, seller_name, seller_tax_id, invoice_number, issue_date, currency,
                      identity, fingerprint, extraction, audit, quality, model, incident_id, queue_ms, extraction_ms,
                      pipeline_total_ms, created_at)
select tenant, job, document, false,
       case when r >= 0.97 then 'failed' when has_incident then 'mismatch' when k < 80 then 'rounding' when k < 200 then 'minor' else 'exact' end,
       case when has_incident then severity end, has_incident and k % 3 = 0,
       case when has_incident then (array['VERIFY_OCR', 'VERIFY_INVOICE_LOGIC', 'ACCEPT_ROUNDING_TOLERANCE'])[1 + n / 5 % 3] end,
       1180.00, 1180.00 - case when has_incident then k else 0 end, case when has_incident then k else 0 end,
       round(case when has_incident then k / 1180.0 else 0 end, 4), 75, 'CHECK', 'Satıcı ' || s || ' Elektrik A.Ş.',
       (1000000000 + s)::text, 'FTR' || n, at::date, 'TRY', md5('identity ' || n), md5(job::text),
       json_build_object('seller', json_build_object('name', json_build_object('value', 'Satıcı ' || s, 'confidence', 0.93, 'evidence', repeat('kanıt ', 20)))),
       json_build_object('outcome', 'mismatch', 'stated', 1180.00), json_build_object('score', 75, 'grade', 'CHECK', 'flags', '[]'::json),
       'gpt-sample', case when has_incident then incident end, 20, took - 40, took, at + took * interval '1 millisecond'
  from drawn where r < 0.99;

insert into provider_calls (tenant_id, job_id, lease_token, outcome, http_status, model, duration_ms, prompt_tokens,
                            completion_tokens, reply, created_at)
select tenant, job, document, 'ok', 200, 'gpt-sample', took - 40, 2000, 400, '{}', at + took * interval '1 millisecond'
  from drawn where r < 0.97;

-- What clients saw: uploads of three tenants and their refusals, per minute of the days not yet forgotten.
insert into front_door_minutes (tenant_id, minute, route, status_class, requests, seconds, buckets)
select tenant, minute, '/full-process', class, 3, 1.5, '{0,0,0,0,1,1,1,0,0,0,0,0,0}'
  from generate_series(date_trunc('minute', clock_timestamp()) - interval '30 days', clock_timestamp(), '1 minute') minute,
       unnest('{default,acme,globex}'::text[]) tenant, unnest('{2,4}'::integer[]) class;

-- ... and the sums of the half year before today, with all that operators and probes asked for.
insert into front_door_daily
select tenant, day, route, class, 4320, '{0,0,0,0,1440,1440,1440,0,0,0,0,0,0}'
  from generate_series(utc_today() - 180, utc_today() - 1, '1 day') day,
       unnest('{"",default,acme,globex,pilot,initech}'::text[]) tenant, unnest('{2,4}'::integer[]) class,
       unnest(array['/full-process', '/jobs/{id}', '/health/ready', '/metrics', '/admin/assets', '/admin/session',
             '/admin/system-health', '/admin/incidents', '/admin/incidents/{id}',
             '/admin/incidents/{id}/document', '/admin/incidents/{id}/feedback', '/admin/jobs',
             '/admin/jobs/counts', '/admin/pilot', '/admin/alerts', '/admin/run-summary']) route;

-- Three alerts a day, each with what was decided and said.
insert into alerts (rule, state, owner, decision, carried_out, inputs, build_id, pending_at, fired_at, resolved_at, resolved_reason)
select (array['ready_503', 'queue_stuck', 'error_5xx', 's1_spike', 'latency_spike', 'feedback_drop'])[1 + g % 6], 'resolved', 'on_call',
       'INVESTIGATE', 'advised', '{"value": 1, "threshold": 0.5, "n": 30}', 'git:sample', at, at, at + interval '1 hour', 'clear'
  from (select g, clock_timestamp() - g * interval '8 hours' as at from generate_series(1, 540) g) a;
insert into decisions (alert_id, at, rule, decision, carried_out, inputs, build_id)
select id, fired_at, rule, decision, carried_out, inputs, build_id from alerts;
insert into alert_deliveries (alert_id, channel, event, snapshot, created_at, attempts, delivered_at)
select id, channel, event, '{}', fired_at, 1, fired_at from alerts,
       unnest('{slack_alerts,pagerduty}'::text[]) channel, unnest('{firing,repeated,resolved}'::text[]) event;

insert into incident_feedback (tenant_id, incident_id, action_taken, was_hint_correct, actual_root_cause,
                               resolution_time_seconds, operator, created_at, changed_at)
select tenant_id, i.id, (array['VERIFIED_OCR', 'VERIFIED_LOGIC', 'ACCEPTED_ROUNDING', 'ESCALATED', 'NO_ACTION_REQUIRED'])[1 + n / 5 % 5],
       k % 10 < 7, 'cause ' || k, 30 + k, 'operator-' || n % 7, resolved_at, resolved_at
  from incidents i join drawn on incident = i.id
 where status = 'RESOLVED' and n / 5 % 5 < 2;

insert into audit_log (at, tenant_id, actor, action, object, detail)
select * from (
	select created_at as at, tenant_id, 'worker', 'incident.opened', 'incident ' || id,
	       jsonb_build_object('job', job_id, 'category', category, 'severity', severity) from incidents
	union all
	select changed_at, tenant_id, changed_by, case status when 'ACK' then 'incident.acknowledged' else 'incident.resolved' end,
	       'incident ' || id, jsonb_build_object('old_status', 'OPEN', 'status', status)
	  from incidents where status <> 'OPEN'
	union all
	select created_at, tenant_id, operator, 'feedback.given', 'incident ' || incident_id,
	       jsonb_build_object('feedback', jsonb_build_object('action_taken', action_taken), 'old_feedback', null)
	  from incident_feedback
	union all
	select clock_timestamp() - g * interval '1 day', null, 'admin', 'pilot.set', 'pilot', '{"enabled": true}'
	  from generate_series(1, 180) g) entries
 order by at;
alter table invoices enable always trigger daily_figures_insert;
alter table incidents enable always trigger resolved_insert, enable always trigger resolved_update;
commit;
vacuum analyze documents, jobs, incidents, invoices, provider_calls, front_door_minutes, incident_feedback, audit_log;
-- A system in use has kept the days that are over, and summed up the counters of /metrics.
update days_done set figures = utc_day(utc_today() - 181);
select count(*) from generate_series(1, 1000) n where daily_figures_keep() \g /dev/null
select count(*) from generate_series(1, 92) n, run_summary_write(utc_today() - n, null) \g /dev/null
update metric_totals_end set "until" = (select date_trunc('day', min(created_at), 'UTC') from jobs);
select count(*) from generate_series(1, 200) n where metrics_sum_up() \g /dev/null
vacuum analyze run_summaries, daily_figures, metric_totals, front_door_daily, alerts, decisions, alert_deliveries;
