-- Smoke runs: whoever waits for one is told when it has ended, and no gauge counts them.

-- As before (0016), and the job names the channel on which its end is told (0003).
create function smoke_accept(p_tenant text, p_job uuid, p_sha256 bytea, p_filename text, p_content bytea,
    p_trace_id text, p_reply_channel text, p_actor text) returns void language plpgsql security definer
set search_path = public, pg_temp as $$
declare
	document uuid;
begin
	insert into documents (tenant_id, sha256, media_type, bytes, filename, content)
	values (p_tenant, p_sha256, 'application/pdf', length(p_content), p_filename, p_content)
	on conflict (tenant_id, sha256) do nothing
	returning id into document;
	if document is null then
		select id into strict document from documents where tenant_id = p_tenant and sha256 = p_sha256;
	end if;
	insert into jobs (tenant_id, id, document_id, trace_id, reply_channel, smoke)
	values (p_tenant, p_job, document, p_trace_id, p_reply_channel, true)
	on conflict do nothing; -- the front door sent the request again
	if found then
		insert into audit_log (tenant_id, actor, action, object)
		values (p_tenant, p_actor, 'smoke.run', 'job ' || p_job);
	end if;
	perform give_content_back(p_tenant, p_sha256, p_content);
end $$;
comment on function smoke_accept(text, uuid, bytea, text, bytea, text, text, text) is
    'Takes the built-in invoice in as the job p_job, past every budget; the same call again changes nothing';
revoke execute on function smoke_accept(text, uuid, bytea, text, bytea, text, text, text) from public;
grant execute on function smoke_accept(text, uuid, bytea, text, bytea, text, text, text) to mizan_admin;

-- An older build's, whose run looks for the end by itself.
create or replace function smoke_accept(p_tenant text, p_job uuid, p_sha256 bytea, p_filename text, p_content bytea,
    p_trace_id text, p_actor text) returns void language sql security definer set search_path = public, pg_temp as $$
	select smoke_accept(p_tenant, p_job, p_sha256, p_filename, p_content, p_trace_id, null, p_actor)
$$;

-- As before (0005), but for smoke runs among the jobs that wait or are stuck.
create or replace function readiness(p_pilot_tenant text, p_stuck_minutes integer, p_alive_seconds integer)
returns readiness language sql volatile security definer set search_path = public, pg_temp as $$
	with clock as (
		select clock_timestamp() as now, make_interval(mins => p_stuck_minutes) as stuck
	), workers as (
		select count(*) filter (where stopped_at is null and seen_at > now - make_interval(secs => p_alive_seconds)) as alive,
		       coalesce(max(claimed_at) > now - stuck, false) as consuming,
		       coalesce((array_agg(key_configured order by seen_at desc))[1], false) as key_configured
		  from worker_heartbeats, clock group by now, stuck
	), provider as (
		-- A refusal that is over, with no job left that would find out, is no reason to be not
		-- ready: without traffic it would stay one for ever (the killed pilot's jobs are skipped).
		select case when blocked_until > now or exists (select from jobs where state = 'QUEUED')
		             or exists (select from jobs where state = 'RUNNING')
		            then state else 'ok' end as state, blocked_until
		  from provider_state, clock where provider = 'openai'
	)
	select (select max(version) from schema_migrations)::integer, p.state,
	       case when p.state <> 'ok' then p.blocked_until end,
	       coalesce((select key_configured from workers), false),
	       (select count(*) from jobs where state = 'QUEUED' and not smoke),
	       (select count(*) from jobs where state = 'RUNNING' and not smoke and lease_until < now - stuck)
	     + case when coalesce((select consuming from workers), false) then 0
	            else (select count(*) from jobs where state = 'QUEUED' and not smoke and run_at < now - stuck) end,
	       coalesce((select alive from workers), 0),
	       pilot_switched_on(),
	       (select count(*) from jobs where tenant_id = p_pilot_tenant and not smoke
	           and created_at > now - interval '1 hour'),
	       (select max(created_at) from incidents where tenant_id = p_pilot_tenant)
	  from provider p, clock
$$;

-- As before (0011), likewise.
create or replace function metric_samples(p_pilot_tenant text)
returns table (name text, label text, sublabel text, value text)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
begin
	return query
	select name, label, '', trim_scale(sum(value))::text
	  from (select * from metric_totals
	        union all
	        select c.* from metric_totals_end e, metric_counts(e."until", 'infinity') c) counters
	 group by 1, 2
	union all
	select 'http_requests', route, status_class::text, requests::text from front_door_totals
	union all
	select 'http_request_duration_seconds', route, to_char(i - 1, 'FM00'), sum(n)::text
	  from front_door_totals, unnest(buckets) with ordinality b (n, i) group by route, i
	union all
	select 'http_request_duration_seconds', route, 'sum', trim_scale(sum(seconds))::text
	  from front_door_totals group by route
	union all
	select 'queue_oldest_due_seconds', '', '',
	       coalesce(greatest(0, round(extract(epoch from clock_timestamp() - min(run_at)), 3)), 0)::text
	  from jobs where state = 'QUEUED' and not smoke
	union all
	select 'jobs_running', '', '', count(*)::text from jobs where state = 'RUNNING' and not smoke
	union all
	select 'pilot_incidents_used', '', '', (pilot_hour(p_pilot_tenant)).incidents::text
	 order by 1, 2, 3;
end $$;
