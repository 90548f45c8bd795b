-- Metrics, each defined here once (SPEC 7 to 9): figures() for what the invoices and the operators
-- say, traffic() for the front door and the queue.  System health, run summary and trend are put
-- together from them.  A rate is exact until it is written down: rounded().  Days are UTC days,
-- whatever the server's time zone.

-- Whose invoice it is, small enough for an index whatever the name: by tax id where there is one.
create function seller_key(p_tax_id text, p_name text) returns bigint language sql immutable parallel safe as $$
	select hashtextextended(coalesce('tax id ' || nullif(p_tax_id, ''), 'name ' || nullif(p_name, '')), 0)
$$;
comment on function seller_key(text, text) is 'What tells sellers apart: the tax id, else the name';

-- Generated for the rows that are there, which rewrites the table once and leaves no dead rows; from
-- then on by a trigger, as finish_job() inserts whole rows.
alter table invoices add column seller_key bigint generated always as (seller_key(seller_tax_id, seller_name)) stored;
alter table invoices alter column seller_key drop expression;
comment on column invoices.seller_key is 'Hash of the seller''s tax id, or of the name where there is none; null without both';

create function invoices_seller_key() returns trigger language plpgsql as $$
begin
	new.seller_key := seller_key(new.seller_tax_id, new.seller_name);
	return new;
end $$;
comment on function invoices_seller_key() is 'Fills invoices.seller_key';
create trigger seller_key before insert on invoices for each row execute function invoices_seller_key();
alter table invoices enable always trigger seller_key;

-- Figures read nothing but this index: a tenant's rows of a month are scattered over the table.
-- For that the table must be known to be visible to all, which is vacuum's to find out, early.
create index invoices_figures on invoices (tenant_id, created_at) include (outcome, severity, ocr_suspect,
    action_class, ratio, pipeline_total_ms, incident_id, incident_skipped, seller_key) where not smoke;
drop index invoices_created;
alter table invoices set (autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000);

-- Statistics of feedback likewise: what they need of it is copied to its incident, which changes
-- seldom, so that one narrow index (0009) has it all.
create function incident_feedback_copy() returns trigger language plpgsql security definer
    set search_path = public, pg_temp as $$
begin
	update incidents set feedback_correct = new.was_hint_correct, feedback_seconds = new.resolution_time_seconds
	 where tenant_id = coalesce(new.tenant_id, old.tenant_id) and id = coalesce(new.incident_id, old.incident_id);
	return null;
end $$;
comment on function incident_feedback_copy() is 'Fills incidents.feedback_correct and feedback_seconds; with null where the feedback goes';
revoke execute on function incident_feedback_copy() from public;
create trigger copy after insert or update or delete on incident_feedback
    for each row execute function incident_feedback_copy();
alter table incident_feedback enable always trigger copy;

alter table run_summaries add column requests bigint not null, add column jobs_accepted bigint not null;
comment on column run_summaries.requests is 'Requests of that day, as traffic.requests';
comment on column run_summaries.jobs_accepted is 'Jobs accepted on that day';

grant select on jobs, invoices, incidents, worker_heartbeats to mizan_watchdog;

create function rate(p_part bigint, p_whole bigint) returns numeric language sql immutable parallel safe as $$
	select coalesce(p_part::numeric / nullif(p_whole, 0), 0)
$$;
comment on function rate(bigint, bigint) is 'A part of a whole; 0 of nothing';

create function rounded(p_value numeric) returns numeric language sql immutable parallel safe as $$
	select trim_scale(round(p_value, 4))
$$;
comment on function rounded(numeric) is 'As rates are written: four decimals at the most';

create function utc_day(p_day date) returns timestamptz language sql immutable parallel safe as $$
	select p_day::timestamp at time zone 'UTC'
$$;
comment on function utc_day(date) is 'When the day begins';

create function utc_today() returns date language sql stable parallel safe as $$
	select (now() at time zone 'UTC')::date
$$;
comment on function utc_today() is 'The day it is';

-- Invoices and feedback.

create type figures as (
	total_invoices         bigint,
	mismatch_count         bigint,
	incident_count         bigint,
	s1_count               bigint,
	s2_count               bigint,
	ocr_suspect_count      bigint,
	accept_rounding_count  bigint,
	p95_pipeline_total_ms  bigint,
	resolved_total         bigint,
	resolved_with_feedback bigint,
	mismatch_rate          numeric,
	s1_rate                numeric,
	s2_rate                numeric,
	ocr_suspect_rate       numeric,
	accept_rounding_rate   numeric,
	feedback_coverage      numeric
);
comment on type figures is 'The figures of a tenant and a period (SPEC 8)';
comment on column figures.total_invoices is 'Invoices processed';
comment on column figures.mismatch_count is 'Of these: outcome mismatch';
comment on column figures.incident_count is '... for which an incident was due: opened, counted again or skipped';
comment on column figures.s1_count is '... of severity S1';
comment on column figures.s2_count is '... of severity S2';
comment on column figures.ocr_suspect_count is '... whose mismatch misreading explains';
comment on column figures.accept_rounding_count is '... outcome rounding';
comment on column figures.p95_pipeline_total_ms is 'The least time within which 95 of 100 were done; 0 without any';
comment on column figures.resolved_total is 'Incidents resolved in the period';
comment on column figures.resolved_with_feedback is 'Of these: with feedback';
comment on column figures.mismatch_rate is 'incident_count / total_invoices';
comment on column figures.s1_rate is 's1_count / incident_count';
comment on column figures.s2_rate is 's2_count / total_invoices';
comment on column figures.ocr_suspect_rate is 'ocr_suspect_count / incident_count';
comment on column figures.accept_rounding_rate is 'accept_rounding_count / total_invoices';
comment on column figures.feedback_coverage is 'resolved_with_feedback / resolved_total';

create function figures(p_tenant text, p_from timestamptz, p_to timestamptz) returns figures
language plpgsql stable as $$
declare
	f figures;
begin
	select count(*), count(*) filter (where outcome = 'mismatch'),
	       count(*) filter (where incident_id is not null or incident_skipped is not null),
	       count(*) filter (where severity = 'S1'), count(*) filter (where severity = 'S2'),
	       count(*) filter (where ocr_suspect), count(*) filter (where outcome = 'rounding'),
	       coalesce(percentile_disc(0.95) within group (order by pipeline_total_ms), 0)
	  into f.total_invoices, f.mismatch_count, f.incident_count, f.s1_count, f.s2_count,
	       f.ocr_suspect_count, f.accept_rounding_count, f.p95_pipeline_total_ms
	  from invoices
	 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to;
	select count(*), count(feedback_correct) into f.resolved_total, f.resolved_with_feedback
	  from incidents
	 where tenant_id = p_tenant and status = 'RESOLVED' and resolved_at >= p_from and resolved_at < p_to;
	f.mismatch_rate := rate(f.incident_count, f.total_invoices);
	f.s1_rate := rate(f.s1_count, f.incident_count);
	f.s2_rate := rate(f.s2_count, f.total_invoices);
	f.ocr_suspect_rate := rate(f.ocr_suspect_count, f.incident_count);
	f.accept_rounding_rate := rate(f.accept_rounding_count, f.total_invoices);
	f.feedback_coverage := rate(f.resolved_with_feedback, f.resolved_total);
	return f;
end $$;
comment on function figures(text, timestamptz, timestamptz) is 'The figures of [p_from, p_to); smoke runs never count';

-- The front door and the queue, per day.

create type traffic as (
	day           date,
	requests      bigint,
	errors_4xx    bigint,
	errors_5xx    bigint,
	jobs_accepted bigint,
	depth         bigint,
	max_depth     bigint
);
comment on type traffic is 'What the front door and the queue saw of a tenant on a day';
comment on column traffic.day is 'The day, UTC';
comment on column traffic.requests is 'Uploads and questions for jobs that clients made; of the tenant default also those that name no tenant';
comment on column traffic.errors_4xx is 'Of these: answered with 4xx, by whomever';
comment on column traffic.errors_5xx is 'Of these: answered with 5xx, by whomever';
comment on column traffic.jobs_accepted is 'Jobs accepted, smoke runs not counted';
comment on column traffic.depth is 'Jobs in the queue when the day ended, or now';
comment on column traffic.max_depth is 'Most jobs that were in the queue at once';

-- A job is in the queue from its acceptance, or its latest retry, to its latest claim, so one that
-- was handed back counts as if it had never been out of it.
create function queue_depths(p_tenant text, p_from date, p_to date)
returns table (day date, accepted bigint, depth bigint, max_depth bigint) language plpgsql stable as $$
declare
	began timestamptz := utc_day(p_from);
	ends  timestamptz := utc_day(p_to + 1);
	-- Older ones are looked for only among those that wait still.
	since timestamptz := began - interval '7 days';
begin
	return query
	with job as (
		select created_at, coalesce(retried_at, created_at) as entered_at,
		       case when state <> 'QUEUED' then coalesce(started_at, finished_at) end as left_at
		  from jobs where tenant_id = p_tenant and not smoke and created_at >= since and created_at < ends
		union all
		select created_at, coalesce(retried_at, created_at), null from jobs
		 where tenant_id = p_tenant and not smoke and state = 'QUEUED' and created_at < since
	), step (at, step, accepted) as (
		select greatest(entered_at, began), 1, 0 from job
		 where entered_at < ends and (left_at is null or left_at >= began)
		union all
		select left_at, -1, 0 from job where entered_at < ends and left_at >= began and left_at < ends
		union all
		select created_at, 0, 1 from job where created_at >= began
		union all
		select utc_day(p_from + n), 0, 0 from generate_series(0, p_to - p_from) n
	), running as (
		select (s.at at time zone 'UTC')::date as on_day, s.step, s.accepted,
		       sum(s.step) over (order by s.at, s.step <> 0, s.step desc rows unbounded preceding) as waiting
		  from step s
	)
	select r.on_day, sum(r.accepted), (sum(sum(r.step)) over (order by r.on_day))::bigint, max(r.waiting)
	  from running r group by r.on_day;
end $$;
comment on function queue_depths(text, date, date) is 'Jobs accepted, and the queue''s depth at the end and at its most, of each day from p_from to p_to';

create function front_door_days(p_tenant text, p_from date, p_to date)
returns table (day date, requests bigint, errors_4xx bigint, errors_5xx bigint) language plpgsql stable as $$
begin
	return query
	select (f.minute at time zone 'UTC')::date, sum(f.requests)::bigint,
	       coalesce(sum(f.requests) filter (where f.status_class = 4), 0)::bigint,
	       coalesce(sum(f.requests) filter (where f.status_class = 5), 0)::bigint
	  from front_door_minutes f
	 where f.tenant_id in (p_tenant, case when p_tenant = 'default' then '' else p_tenant end)
	   and f.route in ('/full-process', '/jobs/{id}')
	   and f.minute >= utc_day(p_from) and f.minute < utc_day(p_to + 1)
	 group by 1;
end $$;
comment on function front_door_days(text, date, date) is 'Requests of a tenant''s clients and those answered with an error, of each day that had any';

create function traffic(p_tenant text, p_from date, p_to date) returns setof traffic language plpgsql stable as $$
declare
	first date; -- of the days that are not kept
	last  date;
begin
	select min(d), max(d) into first, last from (
		select p_from + n from generate_series(0, p_to - p_from) n
		except select s.day from run_summaries s where s.tenant_id = p_tenant and s.day between p_from and p_to
	) missing (d);
	return query
	select s.day, s.requests, (s.summary->'errors'->>'4xx')::bigint, (s.summary->'errors'->>'5xx')::bigint,
	       s.jobs_accepted, (s.summary->'queue'->>'depth')::bigint, (s.summary->'queue'->>'max_depth')::bigint
	  from run_summaries s where s.tenant_id = p_tenant and s.day between p_from and p_to;
	if first is null then
		return;
	end if;
	return query
	select q.day, coalesce(d.requests, 0), coalesce(d.errors_4xx, 0), coalesce(d.errors_5xx, 0),
	       q.accepted, q.depth, q.max_depth
	  from queue_depths(p_tenant, first, last) q left join front_door_days(p_tenant, first, last) d on d.day = q.day
	 where not exists (select from run_summaries s where s.tenant_id = p_tenant and s.day = q.day);
end $$;
comment on function traffic(text, date, date) is 'Each day from p_from to p_to, in no order: as it was kept, else as the rows say';

-- System health (SPEC 8).

create function figures_json(f figures, p_from date, p_to date) returns json language sql immutable as $$
	select json_build_object('start_date', p_from, 'end_date', p_to, 'total_invoices', f.total_invoices,
	    'incident_count', f.incident_count, 'mismatch_count', f.mismatch_count, 's1_count', f.s1_count,
	    's2_count', f.s2_count, 'ocr_suspect_count', f.ocr_suspect_count,
	    'accept_rounding_count', f.accept_rounding_count, 'mismatch_rate', rounded(f.mismatch_rate),
	    's1_rate', rounded(f.s1_rate), 's2_rate', rounded(f.s2_rate),
	    'ocr_suspect_rate', rounded(f.ocr_suspect_rate), 'accept_rounding_rate', rounded(f.accept_rounding_rate),
	    'feedback_coverage', rounded(f.feedback_coverage), 'p95_pipeline_total_ms', f.p95_pipeline_total_ms)
$$;
comment on function figures_json(figures, date, date) is 'A period of system health';

-- Rates are compared as fractions: no rounding moves a boundary.
create function drift(p_new figures, p_old figures)
returns table (alert_type text, old_rate numeric, new_rate numeric, old_count bigint, new_count bigint,
    triggered boolean, message text) language sql immutable as $$
	select a.alert_type, rounded(rate(a.old_count, a.old_of)), rounded(rate(a.new_count, a.new_of)),
	       a.old_count, a.new_count, w.why_not is null,
	       coalesce('no drift: ' || w.why_not,
	           format('%s rate rose from %s (%s) to %s (%s)', a.what, rounded(rate(a.old_count, a.old_of)),
	                  a.old_count, rounded(rate(a.new_count, a.new_of)), a.new_count))
	  from (values
	    ('S1_RATE_DRIFT', 'S1', p_old.s1_count, p_old.incident_count, p_new.s1_count, p_new.incident_count),
	    ('OCR_SUSPECT_DRIFT', 'OCR suspect', p_old.ocr_suspect_count, p_old.incident_count,
	                          p_new.ocr_suspect_count, p_new.incident_count),
	    ('MISMATCH_RATE_DRIFT', 'mismatch', p_old.incident_count, p_old.total_invoices,
	                            p_new.incident_count, p_new.total_invoices)
	  ) a (alert_type, what, old_count, old_of, new_count, new_of),
	  lateral (select case
	    when p_new.total_invoices < 20 then 'fewer than 20 invoices'
	    when abs(a.new_count - a.old_count) < 5 then 'the count changed by less than 5'
	    when a.new_count * a.old_of < 2 * a.old_count * a.new_of then 'less than twice the rate before'
	  end) w (why_not)
$$;
comment on function drift(figures, figures) is 'What has changed for the worse since the period before (SPEC 8)';

create function metrics(f figures, p_traffic traffic)
returns table (name text, value numeric, n bigint, target text, alarm text, state text) language sql immutable as $$
	select m.name, rounded(m.value), m.n, m.target, m.alarm,
	       case when m.n < 20 then 'insufficient_data' when m.past_alarm then 'alarm'
	            when m.on_target then 'ok' else 'warn' end
	  from (values
	    ('s1_rate', f.s1_rate, f.incident_count, '< 0.10', '> 0.30', f.s1_rate < 0.10, f.s1_rate > 0.30),
	    ('s2_rate', f.s2_rate, f.total_invoices, '< 0.20', '> 0.40', f.s2_rate < 0.20, f.s2_rate > 0.40),
	    ('ocr_suspect_rate', f.ocr_suspect_rate, f.incident_count, '< 0.15', '> 0.30',
	        f.ocr_suspect_rate < 0.15, f.ocr_suspect_rate > 0.30),
	    ('accept_rounding_rate', f.accept_rounding_rate, f.total_invoices, '0.05-0.15', '< 0.02 or > 0.25',
	        f.accept_rounding_rate between 0.05 and 0.15, f.accept_rounding_rate not between 0.02 and 0.25),
	    ('feedback_coverage', f.feedback_coverage, f.resolved_total, '> 0.50', '< 0.10',
	        f.feedback_coverage > 0.50, f.feedback_coverage < 0.10),
	    ('p95_pipeline_total_ms', f.p95_pipeline_total_ms, f.total_invoices, '< 3000', '> 6000',
	        f.p95_pipeline_total_ms < 3000, f.p95_pipeline_total_ms > 6000),
	    ('queue_max_depth', p_traffic.max_depth, p_traffic.jobs_accepted, '< 10', '> 50',
	        p_traffic.max_depth < 10, p_traffic.max_depth > 50),
	    ('error_5xx_rate', rate(p_traffic.errors_5xx, p_traffic.requests), p_traffic.requests, '0', '> 0.05',
	        p_traffic.errors_5xx = 0, rate(p_traffic.errors_5xx, p_traffic.requests) > 0.05)
	  ) m (name, value, n, target, alarm, on_target, past_alarm)
$$;
comment on function metrics(figures, traffic) is 'The metrics to watch with target, alarm and state';

create function mismatch_distribution(p_tenant text, p_from timestamptz, p_to timestamptz, out histogram json,
    out action_classes json) language plpgsql stable as $$
begin
	select json_build_array(
	           json_build_object('label', '0-2%', 'count', count(*) filter (where ratio < 0.02)),
	           json_build_object('label', '2-5%', 'count', count(*) filter (where ratio >= 0.02 and ratio < 0.05)),
	           json_build_object('label', '5-10%', 'count', count(*) filter (where ratio >= 0.05 and ratio < 0.10)),
	           json_build_object('label', '10-20%', 'count', count(*) filter (where ratio >= 0.10 and ratio < 0.20)),
	           json_build_object('label', '20%+', 'count', count(*) filter (where ratio >= 0.20))),
	       json_build_object('VERIFY_OCR', count(*) filter (where action_class = 'VERIFY_OCR'),
	           'VERIFY_INVOICE_LOGIC', count(*) filter (where action_class = 'VERIFY_INVOICE_LOGIC'),
	           'ACCEPT_ROUNDING_TOLERANCE', count(*) filter (where action_class = 'ACCEPT_ROUNDING_TOLERANCE'),
	           'total', count(action_class),
	           'rates', json_build_object(
	               'VERIFY_OCR', rounded(rate(count(*) filter (where action_class = 'VERIFY_OCR'), count(action_class))),
	               'VERIFY_INVOICE_LOGIC', rounded(rate(count(*) filter (where action_class = 'VERIFY_INVOICE_LOGIC'), count(action_class))),
	               'ACCEPT_ROUNDING_TOLERANCE', rounded(rate(count(*) filter (where action_class = 'ACCEPT_ROUNDING_TOLERANCE'), count(action_class)))))
	  into histogram, action_classes
	  from invoices
	 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to and outcome = 'mismatch';
end $$;
comment on function mismatch_distribution(text, timestamptz, timestamptz) is 'Mismatches by how large they are (lower bound in, upper out), and by what their hints say';

create function top_offenders(p_tenant text, p_from timestamptz, p_to timestamptz, out by_rate json, out by_count json)
language plpgsql stable as $$
begin
	with seller as (
		select seller_key, count(*) as total, count(*) filter (where outcome = 'mismatch') as mismatches,
		       max(created_at) as last
		  from invoices
		 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to and seller_key is not null
		 group by seller_key having count(*) filter (where outcome = 'mismatch') > 0
	), ranked as (
		select *, row_number() over (order by mismatches desc, total, seller_key) as place_by_count,
		       row_number() over (order by total >= 20 desc, rate(mismatches, total) desc, mismatches desc, seller_key) as place_by_rate
		  from seller
	), shown as (
		select place_by_count, place_by_rate, total >= 20 as enough,
		       json_build_object('seller', name, 'total_count', total, 'mismatch_count', mismatches,
		           'mismatch_rate', rounded(rate(mismatches, total))) as entry
		  from ranked, lateral (
			select coalesce(nullif(seller_name, ''), seller_tax_id) as name from invoices
			 where tenant_id = p_tenant and not smoke and created_at = ranked.last and seller_key = ranked.seller_key
			 limit 1) latest
		 where place_by_count <= 10 or place_by_rate <= 10
	)
	select coalesce(json_agg(entry order by place_by_rate) filter (where place_by_rate <= 10 and enough), '[]'),
	       coalesce(json_agg(entry order by place_by_count) filter (where place_by_count <= 10), '[]')
	  into by_rate, by_count from shown;
end $$;
comment on function top_offenders(text, timestamptz, timestamptz) is 'The ten sellers with most mismatches, and the ten with the highest rate of them among those with 20 invoices; by their latest name';

create function trend(p_tenant text, p_from date, p_to date) returns json language plpgsql stable as $$
declare
	d    date;
	f    figures;
	kept json;
	days json[] := '{}';
begin
	for d, kept in select p_from + n, s.summary from generate_series(0, p_to - p_from) n
	               left join run_summaries s on s.tenant_id = p_tenant and s.day = p_from + n order by n loop
		if kept is null then
			f := figures(p_tenant, utc_day(d), utc_day(d + 1));
			days := days || json_build_object('date', d, 'total_invoices', f.total_invoices,
			    'incident_count', f.incident_count, 's1_rate', rounded(f.s1_rate),
			    'p95_pipeline_total_ms', f.p95_pipeline_total_ms, 'feedback_coverage', rounded(f.feedback_coverage));
		else
			days := days || json_build_object('date', d, 'total_invoices', kept->'counts'->'total_invoices',
			    'incident_count', kept->'counts'->'incident_count', 's1_rate', kept->'rates'->'s1_rate',
			    'p95_pipeline_total_ms', kept->'latency'->'p95_pipeline_total_ms',
			    'feedback_coverage', kept->'rates'->'feedback_coverage');
		end if;
	end loop;
	return array_to_json(days);
end $$;
comment on function trend(text, date, date) is 'Figures of each day from p_from to p_to: as its run summary has them, where one is kept';

create function queue_now(p_tenant text, p_stuck_minutes integer, out depth bigint, out stuck_count bigint)
language sql stable as $$
	with clock as (select now() - make_interval(mins => p_stuck_minutes) as stuck)
	select (select count(*) from jobs where tenant_id = p_tenant and not smoke and state = 'QUEUED'),
	       (select count(*) from jobs where tenant_id = p_tenant and state = 'RUNNING' and lease_until < stuck)
	     + case when exists (select from worker_heartbeats where claimed_at > stuck) then 0
	            else (select count(*) from jobs where tenant_id = p_tenant and not smoke and state = 'QUEUED' and run_at < stuck) end
	  from clock
$$;
comment on function queue_now(text, integer) is 'A tenant''s part of the queue, and what of it is stuck (SPEC 4)';

create function system_health(p_tenant text, p_reference date, p_days integer, p_stuck_minutes integer)
returns json language plpgsql stable as $$
declare
	last      date := coalesce(p_reference, utc_today());
	first     date := last - p_days + 1;
	began     timestamptz := utc_day(first);
	ends      timestamptz := utc_day(last + 1);
	current   figures := figures(p_tenant, began, ends);
	previous  figures := figures(p_tenant, utc_day(first - p_days), began);
	offenders record := top_offenders(p_tenant, began, ends);
	mismatch  record := mismatch_distribution(p_tenant, began, ends);
	passed    traffic;
begin
	select null, sum(requests), sum(errors_4xx), sum(errors_5xx), sum(jobs_accepted), null, max(max_depth)
	  into passed from traffic(p_tenant, first, last);
	return json_build_object(
	    'tenant_id', p_tenant,
	    'generated_at', rfc3339(now()),
	    'current_period', figures_json(current, first, last),
	    'previous_period', figures_json(previous, first - p_days, first - 1),
	    'drift_alerts', (select json_agg(d) from drift(current, previous) d),
	    'top_offenders_by_rate', offenders.by_rate,
	    'top_offenders_by_count', offenders.by_count,
	    'histogram', mismatch.histogram,
	    'action_class_distribution', mismatch.action_classes,
	    'metrics', (select json_agg(m) from metrics(current, passed) m),
	    'trend', trend(p_tenant, first, last),
	    'front_door', json_build_object('requests', passed.requests, '4xx', passed.errors_4xx,
	        '5xx', passed.errors_5xx, 'error_rate_5xx', rounded(rate(passed.errors_5xx, passed.requests))),
	    'queue', (select json_build_object('depth', q.depth, 'stuck_count', q.stuck_count)
	                from queue_now(p_tenant, p_stuck_minutes) q));
end $$;
comment on function system_health(text, date, integer, integer) is
    'GET /admin/system-health: the p_days days that end with p_reference (null: today) and as many before';

-- Feedback (SPEC 7).

create function feedback_stats(p_tenant text, p_from date, p_to date) returns json language plpgsql stable as $$
declare
	began timestamptz := coalesce(utc_day(p_from), '-infinity');
	ends  timestamptz := coalesce(utc_day(p_to + 1), 'infinity');
begin
	return (
	with resolved as (
		select action_class, count(*) as total, count(feedback_correct) as answered,
		       count(*) filter (where feedback_correct) as correct, sum(feedback_seconds) as seconds
		  from incidents
		 where tenant_id = p_tenant and status = 'RESOLVED' and resolved_at >= began and resolved_at < ends
		 group by action_class
	), whole as (
		select coalesce(sum(total), 0)::bigint as total, coalesce(sum(answered), 0)::bigint as answered,
		       coalesce(sum(correct), 0)::bigint as correct from resolved
	), class as (
		select c.name, rounded(rate(coalesce(r.correct, 0), r.answered)) as accuracy,
		       coalesce(trim_scale(round(r.seconds / nullif(r.answered, 0), 1)), 0) as seconds
		  from unnest(array['VERIFY_OCR', 'VERIFY_INVOICE_LOGIC', 'ACCEPT_ROUNDING_TOLERANCE']) with ordinality c (name, place)
		  left join resolved r on r.action_class = c.name order by c.place
	)
	select json_build_object(
	    'feedback_coverage', rounded(rate(answered, total)),
	    'hint_accuracy_rate', rounded(rate(correct, answered)),
	    'total_feedback_count', answered,
	    'action_class_accuracy', (select json_object_agg(name, accuracy) from class),
	    'avg_resolution_time_by_class', (select json_object_agg(name, seconds) from class),
	    'resolved_with_feedback', answered,
	    'resolved_total', total)
	  from whole);
end $$;
comment on function feedback_stats(text, date, date) is
    'GET /admin/feedback-stats, of the incidents resolved from p_from to p_to (null: no bound) and resolved still';

-- Run summaries (SPEC 9).

create function run_summary_line(p_tenant text, t traffic) returns text language plpgsql stable as $$
declare
	ends   timestamptz := utc_day(t.day + 1);
	f      figures := figures(p_tenant, utc_day(t.day), ends);
	worker worker_heartbeats;
begin
	-- Who was at work that day, as far as that is still known.
	select * into worker from worker_heartbeats
	 where started_at < ends and seen_at >= utc_day(t.day) order by seen_at desc limit 1;
	return format('{"event": "run_summary", "timestamp": "%s", "build_id": %s, "config_hash": %s, "tenant_id": %s, '
	    '"counts": {"total_invoices": %s, "incident_count": %s, "s1_count": %s, "s2_count": %s, '
	    '"ocr_suspect_count": %s, "accept_rounding_count": %s}, '
	    '"rates": {"mismatch_rate": %s, "s1_rate": %s, "ocr_suspect_rate": %s, "feedback_coverage": %s}, '
	    '"latency": {"p95_pipeline_total_ms": %s}, "queue": {"depth": %s, "max_depth": %s}, '
	    '"errors": {"4xx": %s, "5xx": %s}}',
	    to_char(least(now(), ends - interval '1 second') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
	    coalesce(to_json(worker.build_id)::text, 'null'), coalesce(to_json(worker.config_hash)::text, 'null'), to_json(p_tenant),
	    f.total_invoices, f.incident_count, f.s1_count, f.s2_count, f.ocr_suspect_count, f.accept_rounding_count,
	    rounded(f.mismatch_rate), rounded(f.s1_rate), rounded(f.ocr_suspect_rate), rounded(f.feedback_coverage),
	    f.p95_pipeline_total_ms, t.depth, t.max_depth, t.errors_4xx, t.errors_5xx);
end $$;
comment on function run_summary_line(text, traffic) is
    'The line of the log: its time is now, or the day''s last second; build_id and config_hash are the latest worker''s of that day, null where none is known';

create function run_summary(p_tenant text, p_from date, p_to date) returns table (day date, line text)
language plpgsql stable as $$
declare
	last date := least(p_to, utc_today());
begin
	return query
	select t.day, coalesce(s.summary::text, run_summary_line(p_tenant, t))
	  from traffic(p_tenant, p_from, last) t
	  left join run_summaries s on s.tenant_id = p_tenant and s.day = t.day
	 where p_from <= last order by t.day;
end $$;
comment on function run_summary(text, date, date) is 'The lines of the days from p_from to p_to, none of the future: as they were kept, else as the rows say';

create function run_summary_tenants(p_day date) returns setof text language plpgsql stable as $$
declare
	began timestamptz := utc_day(p_day);
	ends  timestamptz := utc_day(p_day + 1);
begin
	return query
	select case when f.tenant_id = '' then 'default' else f.tenant_id end from front_door_minutes f
	 where f.minute >= began and f.minute < ends and f.route in ('/full-process', '/jobs/{id}')
	union
	select t.id from tenants() t (id)
	 where exists (select from jobs j where j.tenant_id = t.id and not j.smoke and j.created_at >= began and j.created_at < ends)
	    or exists (select from invoices v where v.tenant_id = t.id and not v.smoke and v.created_at >= began and v.created_at < ends)
	    or exists (select from incidents i where i.tenant_id = t.id and i.status = 'RESOLVED' and i.resolved_at >= began and i.resolved_at < ends);
end $$;
comment on function run_summary_tenants(date) is 'The tenants for which anything happened on the day';

create function run_summary_write(p_day date, p_tenant text) returns table (tenant text, line text, is_new boolean)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
	if p_day >= utc_today() then
		raise exception 'the day % is not over', p_day;
	end if;
	return query
	with written as (
		insert into run_summaries as s (tenant_id, day, summary, requests, jobs_accepted)
		select d.id, p_day, run_summary_line(d.id, t)::json, t.requests, t.jobs_accepted
		  from run_summary_tenants(p_day) d (id), traffic(d.id, p_day, p_day) t
		 where (p_tenant is null or d.id = p_tenant)
		   and not exists (select from run_summaries k where k.tenant_id = d.id and k.day = p_day)
		on conflict do nothing returning s.tenant_id, s.summary
	), known as (
		select w.tenant_id, w.summary, true as is_new from written w
		union all
		select k.tenant_id, k.summary, false from run_summaries k -- as of before
		 where k.day = p_day and (p_tenant is null or k.tenant_id = p_tenant)
	)
	select k.tenant_id, k.summary::text, k.is_new from known k order by k.tenant_id;
end $$;
comment on function run_summary_write(date, text) is
    'Keeps the line of each tenant (null: all) for which anything happened on a day that is over, once; all lines of the day';
revoke execute on function run_summary_write(date, text) from public;
grant execute on function run_summary_write(date, text) to mizan_watchdog;

create function run_summary_now(p_tenant text) returns table (tenant text, line text)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
	return query
	select d.id, r.line from run_summary_tenants(utc_today()) d (id), run_summary(d.id, utc_today(), utc_today()) r
	 where p_tenant is null or d.id = p_tenant order by d.id;
end $$;
comment on function run_summary_now(text) is 'The lines of the day that is not over, of a tenant or (null) of all; nothing is kept';
revoke execute on function run_summary_now(text) from public;
grant execute on function run_summary_now(text) to mizan_watchdog;

-- A spreadsheet takes a cell that begins like this for a formula; an apostrophe makes it text.
create function csv_row(p_cells text[]) returns text language sql immutable parallel safe as $$
	select string_agg(case when safe ~ '[",\r\n]' then '"' || replace(safe, '"', '""') || '"' else safe end, ',' order by place) || E'\r\n'
	  from unnest(p_cells) with ordinality c (cell, place),
	       lateral (select case when cell ~ '^[=+@\t\r-]' then '''' || cell else coalesce(cell, '') end) s (safe)
$$;
comment on function csv_row(text[]) is 'A record of RFC 4180, harmless to spreadsheets; null is an empty cell';

create function run_summary_csv(p_tenant text, p_from date, p_to date) returns text language sql stable as $$
	select csv_row(array['timestamp', 'build_id', 'config_hash', 'tenant_id', 'total_invoices', 'incident_count', 's1_count',
	           's2_count', 'ocr_suspect_count', 'accept_rounding_count', 'mismatch_rate', 's1_rate', 'ocr_suspect_rate',
	           'feedback_coverage', 'p95_pipeline_total_ms', 'queue_depth', 'queue_max_depth', 'errors_4xx', 'errors_5xx'])
	    || coalesce(string_agg(csv_row(array[s->>'timestamp', s->>'build_id', s->>'config_hash', s->>'tenant_id',
	           s->'counts'->>'total_invoices', s->'counts'->>'incident_count', s->'counts'->>'s1_count',
	           s->'counts'->>'s2_count', s->'counts'->>'ocr_suspect_count', s->'counts'->>'accept_rounding_count',
	           s->'rates'->>'mismatch_rate', s->'rates'->>'s1_rate', s->'rates'->>'ocr_suspect_rate',
	           s->'rates'->>'feedback_coverage', s->'latency'->>'p95_pipeline_total_ms', s->'queue'->>'depth',
	           s->'queue'->>'max_depth', s->'errors'->>'4xx', s->'errors'->>'5xx']), '' order by day), '')
	  from run_summary(p_tenant, p_from, p_to), lateral (select line::json) l (s)
$$;
comment on function run_summary_csv(text, date, date) is 'The same lines as a table';
