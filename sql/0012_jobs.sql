-- Jobs and tenants as operators see and change them (SPEC 1, 4), and the pilot's hour (SPEC 11).

-- Few jobs end otherwise than well: these cost an upload nothing.
create index jobs_ended_otherwise on jobs (tenant_id, state, created_at) where state in ('FAILED', 'SKIPPED', 'CANCELLED');
create index jobs_ended_otherwise_at on jobs (finished_at, state, tenant_id) where state in ('FAILED', 'SKIPPED', 'CANCELLED');

-- One step of the index per tenant, however many rows each has.
create function tenants() returns setof text language sql stable as $$
	with recursive t (id) as (
		(select tenant_id from documents order by tenant_id limit 1)
		union all
		select (select tenant_id from documents where tenant_id > t.id order by tenant_id limit 1)
		  from t where t.id is not null
	)
	select id from t where id is not null
$$;
comment on function tenants() is 'The tenants that have documents, in order';

create type pilot_hour as (
	invoices                bigint,
	incidents               bigint,
	skipped_jobs            bigint,
	skipped_incident_budget bigint,
	skipped_pilot_disabled  bigint
);
comment on type pilot_hour is 'What the pilot used and skipped within the hour';
comment on column pilot_hour.invoices is 'Invoices accepted, as pilot_retry_after() counts them';
comment on column pilot_hour.incidents is 'Incidents opened, as open_incident() counts them';
comment on column pilot_hour.skipped_jobs is 'Jobs SKIPPED';
comment on column pilot_hour.skipped_incident_budget is 'Incidents that were due and over the limit';
comment on column pilot_hour.skipped_pilot_disabled is 'Incidents that were due when the pilot was off';

create function pilot_hour(p_tenant text) returns pilot_hour language sql stable as $$
	with clock as (select clock_timestamp() - interval '1 hour' as since),
	skipped as (
		select count(*) filter (where incident_skipped = 'incident_budget') as budget,
		       count(*) filter (where incident_skipped = 'pilot_disabled') as disabled
		  from invoices where tenant_id = p_tenant and not smoke and created_at > (select since from clock)
	)
	select (select count(*) from jobs where tenant_id = p_tenant and not smoke and created_at > since),
	       (select count(*) from incidents where tenant_id = p_tenant and created_at > since),
	       (select count(*) from jobs where tenant_id = p_tenant and state = 'SKIPPED' and finished_at > since),
	       skipped.budget, skipped.disabled
	  from clock, skipped
$$;
comment on function pilot_hour(text) is 'What the pilot used and skipped within the hour';

create function queue_is_consumed(p_stuck_minutes integer) returns boolean language sql stable as $$
	select coalesce(max(claimed_at) > clock_timestamp() - make_interval(mins => p_stuck_minutes), false)
	  from worker_heartbeats
$$;
comment on function queue_is_consumed(integer) is 'Whether any worker has claimed a job within the time after which jobs are stuck';

-- The same rule as in readiness(), of one job.
create function job_is_stuck(p_job jobs, p_stuck_minutes integer, p_consumed boolean) returns boolean
language sql stable as $$
	select case p_job.state when 'RUNNING' then p_job.lease_until < clock_timestamp() - make_interval(mins => p_stuck_minutes)
	                        when 'QUEUED' then not p_consumed
	                                       and p_job.run_at < clock_timestamp() - make_interval(mins => p_stuck_minutes)
	                        else false end
$$;
comment on function job_is_stuck(jobs, integer, boolean) is 'SPEC 4: a lease that ended long ago, or due for long while nothing is consumed';

create function job_summary(p_job jobs, p_stuck boolean) returns json language sql stable as $$
	select json_build_object('id', p_job.id, 'tenant_id', p_job.tenant_id, 'status', p_job.state, 'stuck', p_stuck,
	           'smoke', p_job.smoke, 'created_at', rfc3339(p_job.created_at), 'run_at', rfc3339(p_job.run_at),
	           'started_at', rfc3339(p_job.started_at), 'finished_at', rfc3339(p_job.finished_at),
	           'attempts', p_job.attempts, 'retries', p_job.retries, 'lost_leases', p_job.lost_leases,
	           'worker_id', p_job.worker_id,
	           'error', case when p_job.error_code is not null
	                         then json_build_object('code', p_job.error_code, 'detail', p_job.error_detail) end,
	           'filename', d.filename, 'bytes', d.bytes, 'media_type', d.media_type, 'trace_id', p_job.trace_id,
	           'outcome', v.outcome, 'severity', v.severity, 'incident_id', v.incident_id,
	           'pipeline_total_ms', v.pipeline_total_ms)
	  from documents d left join invoices v on v.tenant_id = d.tenant_id and v.job_id = p_job.id
	 where d.tenant_id = p_job.tenant_id and d.id = p_job.document_id
$$;
comment on function job_summary(jobs, boolean) is 'A job as a row of the operators'' list';

create function job_detail(p_tenant text, p_job uuid, p_stuck_minutes integer) returns json language sql stable as $$
	select json_object_agg(m.key, m.value)
	  from jobs j
	  join documents d on d.tenant_id = j.tenant_id and d.id = j.document_id
	  left join invoices v on v.tenant_id = j.tenant_id and v.job_id = j.id
	  left join incidents i on i.tenant_id = v.tenant_id and i.id = v.incident_id
	 cross join lateral (
		select * from json_each(job_summary(j, job_is_stuck(j, p_stuck_minutes, queue_is_consumed(p_stuck_minutes))))
		union all
		select * from json_each(json_build_object('job_id', j.id, 'duplicate', false,
		    'document', json_build_object('sha256', encode(d.sha256, 'hex'), 'media_type', d.media_type,
		                                  'bytes', d.bytes, 'filename', d.filename),
		    'extraction', v.extraction, 'audit', v.audit, 'quality', v.quality,
		    'incident', case when i.id is not null then json_build_object('id', i.id, 'severity', i.severity,
		        'category', i.category, 'status', i.status, 'primary_flag', i.primary_flag,
		        'secondary_flags', i.secondary_flags, 'occurrence_count', i.occurrence_count) end,
		    'incident_skipped', v.incident_skipped,
		    'timings', json_build_object('queue_ms', v.queue_ms, 'extraction_ms', v.extraction_ms,
		                                 'pipeline_total_ms', v.pipeline_total_ms),
		    'model', v.model))) m
	 where j.id = p_job and (p_tenant is null or j.tenant_id = p_tenant)
$$;
comment on function job_detail(text, uuid, integer) is 'The result of SPEC 3 and the members of job_summary(); null: no such job in p_tenant (null: every tenant)';

-- Each page walks an index from where the page before ended.  Which index serves depends on what is
-- asked, so the statement is planned for the values it runs with: what does not apply falls away.
-- Text is looked for among p_seen jobs at a time, so that a page costs the same however rare the hit:
-- it may be short, or empty, and still have a next_cursor.
create function job_list(p_tenant text, p_state text, p_stuck boolean, p_q text, p_limit integer, p_cursor text,
    p_stuck_minutes integer, p_seen integer default 2000) returns json language plpgsql stable
set plan_cache_mode = force_custom_plan set jit = off as $$
declare
	v_at       timestamptz := coalesce(to_timestamp(0) + split_part(p_cursor, '.', 1)::bigint * interval '1 microsecond',
	                                   'infinity');
	v_below    uuid := coalesce(split_part(p_cursor, '.', 2), 'ffffffff-ffff-ffff-ffff-ffffffffffff')::uuid;
	v_id       uuid := case when p_q ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_q::uuid end;
	v_by       text := case when v_id is not null then 'id' when p_stuck then 'stuck'
	                        when p_state in ('QUEUED', 'RUNNING') then 'live' else 'created' end;
	v_seen     integer := case when p_q is null then p_limit + 1 else p_seen end;
	v_consumed boolean := queue_is_consumed(p_stuck_minutes);
	v_before   timestamptz := clock_timestamp() - make_interval(mins => p_stuck_minutes);
	v_answer   json;
begin
	with tenant (id) as (
		select p_tenant where p_tenant is not null union all select tenants() where p_tenant is null
	), found as (
		select j.* from tenant cross join lateral (
			select * from jobs
			 where tenant_id = tenant.id and (p_state is null or state = p_state) and (created_at, id) < (v_at, v_below)
			 order by created_at desc, id desc limit v_seen) j
		 where v_by = 'created'
		union all
		select * from jobs where v_by = 'live' and state = p_state
		union all
		select * from jobs where v_by = 'stuck' and state = 'RUNNING' and lease_until < v_before
		union all
		select * from jobs where v_by = 'stuck' and state = 'QUEUED' and run_at < v_before and not v_consumed
		union all
		select * from jobs where v_by = 'id' and id = v_id
	), seen as materialized (
		select * from found
		 where (p_tenant is null or tenant_id = p_tenant) and (p_state is null or state = p_state)
		   and (created_at, id) < (v_at, v_below)
		 order by created_at desc, id desc limit v_seen
	), hit as materialized (
		select s.created_at, s.id, s::jobs as job
		  from seen s join documents d on d.tenant_id = s.tenant_id and d.id = s.document_id
		 where p_q is null or v_by = 'id'
		    or position(lower(p_q) in lower(concat_ws(e'\n', s.id, s.trace_id, s.error_code, d.filename, encode(d.sha256, 'hex')))) > 0
		 order by s.created_at desc, s.id desc limit p_limit
	), last as (
		(select created_at, id from hit where (select count(*) from hit) = p_limit order by created_at, id limit 1)
		union all
		(select created_at, id from seen where (select count(*) from hit) < p_limit order by created_at, id limit 1)
	)
	select json_build_object(
	    'jobs', coalesce((select json_agg(job_summary(job, job_is_stuck(job, p_stuck_minutes, v_consumed))
	                                      order by created_at desc, id desc) from hit), '[]'),
	    'next_cursor', (select (extract(epoch from created_at) * 1000000)::bigint || '.' || id from last
	                     where (select count(*) from seen) = v_seen
	                        or exists (select from seen s where (s.created_at, s.id) < (last.created_at, last.id))))
	  into v_answer;
	return v_answer;
end $$;
comment on function job_list(text, text, boolean, text, integer, text, integer, integer) is
    'A page of jobs, newest first, and the cursor of the next: of p_tenant and in p_state (null: all), only the stuck ones, those with the text p_q in what names them';

create function job_counts(p_tenant text, p_stuck_minutes integer, p_most integer default 100000) returns json
language plpgsql stable set plan_cache_mode = force_custom_plan set jit = off as $$
declare
	v_now      timestamptz := clock_timestamp();
	v_before   timestamptz := v_now - make_interval(mins => p_stuck_minutes);
	v_since    timestamptz := v_now - interval '24 hours';
	v_consumed boolean := queue_is_consumed(p_stuck_minutes);
	v_answer   json;
begin
	with tenant (id) as (
		select p_tenant where p_tenant is not null union all select tenants() where p_tenant is null
	), queued as (
		select count(*) as n, count(*) filter (where run_at <= v_now) as due,
		       count(*) filter (where run_at < v_before and not v_consumed) as stuck
		  from jobs where state = 'QUEUED' and (p_tenant is null or tenant_id = p_tenant)
	), running as (
		select count(*) as n, count(*) filter (where lease_until < v_before) as stuck
		  from jobs where state = 'RUNNING' and (p_tenant is null or tenant_id = p_tenant)
	), otherwise as (
		-- What failed has a row of invoices, too, unless not even that could be stored.
		select count(*) filter (where state = 'FAILED') as failed, count(*) filter (where state = 'SKIPPED') as skipped,
		       count(*) filter (where state = 'CANCELLED') as cancelled,
		       count(*) filter (where state = 'FAILED' and finished_token is not null) as failed_invoices
		  from jobs where state in ('FAILED', 'SKIPPED', 'CANCELLED') and finished_at > v_since and not smoke
		   and (p_tenant is null or tenant_id = p_tenant)
	), invoiced as (
		select count(*) as n from (
			select from tenant cross join lateral (
				select from invoices where tenant_id = tenant.id and not smoke and created_at > v_since limit p_most) i
			 limit p_most) i
	)
	select json_build_object('queued', q.n, 'due', q.due, 'running', r.n, 'stuck', q.stuck + r.stuck,
	           'failed', o.failed, 'skipped', o.skipped, 'cancelled', o.cancelled,
	           'succeeded', greatest(i.n - o.failed_invoices, 0), 'succeeded_is_minimum', i.n = p_most)
	  into v_answer from queued q, running r, otherwise o, invoiced i;
	return v_answer;
end $$;
comment on function job_counts(text, integer, integer) is
    'How many jobs are in which state: queued, due, running and stuck now, the others within 24 h and without smoke runs. Of those that succeeded p_most are counted at the most';

create type job_change as (
	job_id uuid,
	code   text
);
comment on type job_change is 'What became of an operator''s wish for one job';
comment on column job_change.job_id is 'jobs.id';
comment on column job_change.code is 'Null: done; else why not: job_not_found, job_ended, job_not_retryable or job_busy';

-- One job is waited for.  Several are not, while a worker writes one of them and may want the next:
-- nobody waits for somebody who waits for him.
create function lock_jobs(p_tenant text, p_jobs uuid[]) returns setof jobs language plpgsql as $$
begin
	if cardinality(p_jobs) = 1 then
		return query select * from jobs where id = p_jobs[1] and (p_tenant is null or tenant_id = p_tenant) for update;
	else
		return query select * from jobs where id = any(p_jobs) and (p_tenant is null or tenant_id = p_tenant)
		              order by tenant_id, id for update skip locked;
	end if;
end $$;
comment on function lock_jobs(text, uuid[]) is 'Those of the jobs that are in p_tenant (null: any), locked';

create function cancel_job(p_job jobs, p_actor text) returns void language plpgsql as $$
begin
	-- Without its lease the worker that holds it writes nothing any more.
	update jobs
	   set state = 'CANCELLED', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       error_code = 'cancelled', error_detail = 'cancelled by ' || p_actor
	 where tenant_id = p_job.tenant_id and id = p_job.id;
	if p_job.reply_channel is not null then
		perform pg_notify(p_job.reply_channel, p_job.id::text);
	end if;
end $$;
comment on function cancel_job(jobs, text) is 'Takes a locked job out of the queue, or away from its worker, and tells the client that waits';

create function retry_job(p_job jobs) returns void language plpgsql as $$
begin
	delete from invoices where tenant_id = p_job.tenant_id and job_id = p_job.id;
	update jobs
	   set state = 'QUEUED', run_at = clock_timestamp(), retried_at = clock_timestamp(), attempts = 0, retries = 0, lost_leases = 0,
	       finished_at = null, finished_token = null, error_code = null, error_detail = null
	 where tenant_id = p_job.tenant_id and id = p_job.id;
end $$;
comment on function retry_job(jobs) is 'Puts a locked job back into the queue as if it had just come; its incident stays';

create function change_jobs(p_verb text, p_tenant text, p_jobs uuid[], p_actor text) returns setof job_change
language plpgsql security definer set search_path = public, pg_temp as $$
declare
	v_from text[] := case p_verb when 'cancel' then array['QUEUED', 'RUNNING'] when 'retry' then array['FAILED', 'SKIPPED', 'CANCELLED'] end;
	v_met  uuid[] := '{}';
	v_any  boolean := false;
	j      jobs;
begin
	for j in select * from lock_jobs(p_tenant, p_jobs) loop
		v_met := v_met || j.id;
		if j.state <> all (v_from) then
			return next row(j.id, case p_verb when 'cancel' then 'job_ended' else 'job_not_retryable' end)::job_change;
			continue;
		elsif p_verb = 'cancel' then
			perform cancel_job(j, p_actor);
		else
			perform retry_job(j);
		end if;
		v_any := true;
		insert into audit_log (tenant_id, actor, action, object, detail)
		values (j.tenant_id, p_actor, case p_verb when 'cancel' then 'job.cancelled' else 'job.retried' end, 'job ' || j.id,
		        jsonb_build_object('old_status', j.state, 'old_error', j.error_code));
		return next row(j.id, null)::job_change;
	end loop;
	if v_any and p_verb = 'retry' then
		perform pg_notify('mizan_jobs', '');
	end if;
	return query
		select id, case when exists (select from jobs where jobs.id = asked.id and (p_tenant is null or tenant_id = p_tenant))
		                then 'job_busy' else 'job_not_found' end
		  from (select distinct unnest(p_jobs)) asked (id) where id <> all (v_met);
end $$;
comment on function change_jobs(text, text, uuid[], text) is
    'Cancels or retries (p_verb) those of the jobs that are in p_tenant (null: any) and in a state that allows it, each with its row of the audit log';

create function change_many_jobs(p_verb text, p_tenant text, p_jobs uuid[], p_state text, p_actor text) returns json
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
	v_jobs   uuid[] := p_jobs;
	v_answer json;
begin
	if p_state is not null then
		v_jobs := array(select id from jobs where state = p_state and (p_tenant is null or tenant_id = p_tenant)
		                 order by created_at limit 500);
	end if;
	select json_build_object('done', coalesce(json_agg(job_id) filter (where code is null), '[]'),
	                         'refused', coalesce(json_agg(json_build_object('id', job_id, 'code', code)) filter (where code is not null), '[]'))
	  into v_answer from change_jobs(p_verb, p_tenant, v_jobs, p_actor);
	return (select json_build_object('done', v_answer->'done', 'refused', v_answer->'refused', 'remaining', count(*))
	          from jobs where state = p_state and (p_tenant is null or tenant_id = p_tenant));
end $$;
comment on function change_many_jobs(text, text, uuid[], text, text) is
    'change_jobs() for these, or for the oldest 500 in p_state: which were done, which were refused and why, how many remain in p_state';

revoke execute on function lock_jobs(text, uuid[]), cancel_job(jobs, text), retry_job(jobs),
    change_jobs(text, text, uuid[], text), change_many_jobs(text, text, uuid[], text, text) from public;
grant execute on function change_jobs(text, text, uuid[], text), change_many_jobs(text, text, uuid[], text, text) to mizan_admin;

create type lost_lease as (
	token     uuid,
	cancelled boolean
);
comment on type lost_lease is 'A lease that no longer holds';
comment on column lost_lease.token is 'What was jobs.lease_token';
comment on column lost_lease.cancelled is 'An operator cancelled the job; else another worker has it, or had it';

create function keep_leases(p_tenants text[], p_jobs uuid[], p_tokens uuid[], p_lease_seconds integer)
returns setof lost_lease language sql volatile as $$
	with held as (
		select * from unnest(p_tenants, p_jobs, p_tokens) as h (tenant_id, id, token)
	), kept as (
		update jobs j set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
		  from held where j.tenant_id = held.tenant_id and j.id = held.id and j.lease_token = held.token
		returning j.lease_token
	)
	select h.token, coalesce(j.state = 'CANCELLED', false)
	  from held h left join jobs j on j.tenant_id = h.tenant_id and j.id = h.id
	 where h.token not in (select lease_token from kept)
$$;
comment on function keep_leases(text[], uuid[], uuid[], integer) is
    'Keeps those of the leases that still hold for another while, as renew_leases() of builds before; returns those that do not';
revoke execute on function keep_leases(text[], uuid[], uuid[], integer) from public;
grant execute on function keep_leases(text[], uuid[], uuid[], integer) to mizan_worker;
