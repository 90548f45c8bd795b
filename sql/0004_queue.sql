-- The queue (SPEC 4): claim, renew, release, finish.  Each claim draws a new lease_token, and
-- whatever a worker writes afterwards names it: no row, no effect.

create function pilot_switched_on() returns boolean language sql stable
    as $$ select enabled from pilot_switch $$;
comment on function pilot_switched_on() is 'The run-time half of the pilot''s kill switch';

-- A lease that holds a probe counts only while it lives, so that a dead worker's probe ends
-- with its lease.
create function probe_is_live(p_token uuid) returns boolean language sql volatile as $$
	select exists (select from jobs where state = 'RUNNING' and lease_token = p_token
	                  and lease_until > clock_timestamp())
$$;
comment on function probe_is_live(uuid) is 'Whether the job that probes the provider is still being worked on';

create type claimed as (
	tenant_id     text,
	job_id        uuid,
	document_id   uuid,
	state         text,
	lease_token   uuid,
	attempts      integer,
	lost_leases   integer,
	queue_ms      bigint,
	trace_id      text,
	reply_channel text,
	probe         boolean
);
comment on type claimed is 'A job that left the queue: RUNNING under lease_token, or SKIPPED';
comment on column claimed.tenant_id is 'jobs.tenant_id';
comment on column claimed.job_id is 'jobs.id';
comment on column claimed.document_id is 'jobs.document_id';
comment on column claimed.state is 'RUNNING or SKIPPED';
comment on column claimed.lease_token is 'Null when SKIPPED';
comment on column claimed.attempts is 'Tries used before this one';
comment on column claimed.lost_leases is 'Workers lost with it before this one';
comment on column claimed.queue_ms is 'From acceptance to this claim';
comment on column claimed.trace_id is 'jobs.trace_id';
comment on column claimed.reply_channel is 'jobs.reply_channel';
comment on column claimed.probe is 'Its call is the one that finds out whether the provider is back';

create function skip_pilot_jobs(p_pilot_tenant text) returns setof claimed language sql volatile as $$
	update jobs j
	   set state = 'SKIPPED', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       error_code = 'pilot_disabled', error_detail = 'the pilot was off when its turn came'
	 where (tenant_id, id) in (select tenant_id, id from jobs
	                            where tenant_id = p_pilot_tenant and not smoke
	                              and (state = 'QUEUED' or (state = 'RUNNING' and lease_until < clock_timestamp()))
	                            limit 500 for update skip locked)
	returning tenant_id, id, document_id, state, null::uuid, attempts, lost_leases,
	          (extract(epoch from clock_timestamp() - created_at) * 1000)::bigint, trace_id, reply_channel, false
$$;
comment on function skip_pilot_jobs(text) is 'Takes the killed pilot''s jobs, those of dead workers too, out of the queue; their documents stay';

-- How many jobs may be claimed now: p_limit, one for a probe, or none; locks the provider's
-- row when it is not ok, so that of many workers one probes.
create function provider_allows(p_limit integer, out allowed integer, out probe boolean)
language plpgsql volatile as $$
declare
	p provider_state;
begin
	select * into p from provider_state where provider = 'openai';
	if p.state = 'ok' then
		allowed := p_limit;
		probe := false;
		return;
	end if;
	allowed := 0;
	probe := true;
	if p.blocked_until <= clock_timestamp() then
		select * into p from provider_state where provider = 'openai' for update;
		if p.state <> 'ok' and p.blocked_until <= clock_timestamp() and not probe_is_live(p.probe_token) then
			allowed := least(p_limit, 1);
		end if;
	end if;
end $$;
comment on function provider_allows(integer) is 'How many calls the provider''s state lets through';

create function claim_jobs(p_worker text, p_limit integer, p_lease_seconds integer,
    p_pilot_tenant text, p_pilot_enabled boolean) returns setof claimed language plpgsql as $$
declare
	gate  record;
	c     claimed;
	pilot boolean := p_pilot_enabled and pilot_switched_on();
begin
	if not pilot then
		return query select * from skip_pilot_jobs(p_pilot_tenant);
	end if;
	if pilot or not found then
		-- No wait for the disk: a claim that a crash of the server undoes leaves the job queued
		-- and its holder without a lease, which is no harm.
		perform set_config('synchronous_commit', 'off', true);
	end if;
	select * into gate from provider_allows(p_limit);
	if gate.allowed <= 0 then
		return;
	end if;
	for c in
		with lost as (
			select tenant_id, id from jobs
			 where state = 'RUNNING' and lease_until < (select clock_timestamp())
			   and (pilot or smoke or tenant_id <> p_pilot_tenant)
			 order by lease_until limit gate.allowed for update skip locked
		), queued as (
			select tenant_id, id from jobs
			 where state = 'QUEUED' and run_at <= (select clock_timestamp())
			   and (pilot or smoke or tenant_id <> p_pilot_tenant)
			 order by run_at limit gate.allowed for update skip locked
		), due as (
			select *, 1 as lost from lost union all select *, 0 from queued limit gate.allowed
		)
		update jobs j
		   set state = 'RUNNING', lease_token = gen_random_uuid(),
		       lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds),
		       worker_id = p_worker, started_at = clock_timestamp(), lost_leases = j.lost_leases + due.lost
		  from due
		 where j.tenant_id = due.tenant_id and j.id = due.id
		returning j.tenant_id, j.id, j.document_id, j.state, j.lease_token, j.attempts, j.lost_leases,
		          (extract(epoch from j.started_at - j.created_at) * 1000)::bigint,
		          j.trace_id, j.reply_channel, gate.probe
	loop
		if gate.probe then
			update provider_state set probe_token = c.lease_token where provider = 'openai';
		end if;
		return next c;
	end loop;
	if c.job_id is not null then
		update worker_heartbeats set claimed_at = clock_timestamp() where worker_id = p_worker;
	end if;
end $$;
comment on function claim_jobs(text, integer, integer, text, boolean) is
    'Leases at most p_limit due jobs, those of dead workers first; skips the killed pilot''s; minds the provider''s state';

create function backoff_ms(p_n integer, p_base_ms bigint, p_max_ms bigint) returns double precision
language sql volatile as $$
	select least(p_max_ms, p_base_ms * 2 ^ least(p_n, 30)) * (0.75 + random() / 4)
$$;
comment on function backoff_ms(integer, bigint, bigint) is 'Exponential, with a quarter of jitter: p_n 0 is the first wait';

create function release_job(p_tenant text, p_job uuid, p_token uuid, p_delay_ms bigint, p_base_ms bigint,
    p_max_ms bigint, p_error_code text, p_error_detail text, p_attempt integer) returns boolean
language plpgsql as $$
begin
	update jobs
	   set state = 'QUEUED', lease_token = null, lease_until = null,
	       attempts = attempts + p_attempt, retries = retries + 1,
	       run_at = clock_timestamp()
	              + make_interval(secs => greatest(p_delay_ms, backoff_ms(retries, p_base_ms, p_max_ms)) / 1000.0),
	       error_code = p_error_code, error_detail = p_error_detail
	 where tenant_id = p_tenant and id = p_job and state = 'RUNNING' and lease_token = p_token;
	return found;
end $$;
comment on function release_job(text, uuid, uuid, bigint, bigint, bigint, text, text, integer) is
    'Hands a job back, due after the backoff or p_delay_ms, whichever is longer, with p_attempt (0 or 1) tries used; false: the lease was lost';

create function hand_back_job(p_tenant text, p_job uuid, p_token uuid) returns boolean language plpgsql as $$
begin
	update jobs set state = 'QUEUED', lease_token = null, lease_until = null
	 where tenant_id = p_tenant and id = p_job and state = 'RUNNING' and lease_token = p_token;
	return found;
end $$;
comment on function hand_back_job(text, uuid, uuid) is 'Undoes a claim, as if it had never been';

create function record_call(p_tenant text, p_job uuid, p_token uuid, p_outcome text, p_http_status integer,
    p_request_id text, p_model text, p_duration_ms bigint, p_prompt_tokens bigint, p_completion_tokens bigint,
    p_reply bytea) returns boolean language plpgsql as $$
begin
	insert into provider_calls (tenant_id, job_id, lease_token, outcome, http_status, request_id, model,
	                            duration_ms, prompt_tokens, completion_tokens, reply)
	select p_tenant, p_job, p_token, p_outcome, p_http_status, p_request_id, p_model,
	       p_duration_ms, p_prompt_tokens, p_completion_tokens, p_reply
	 where exists (select from jobs where tenant_id = p_tenant and id = p_job and state = 'RUNNING'
	                  and lease_token = p_token);
	return found;
end $$;
comment on function record_call(text, uuid, uuid, text, integer, text, text, bigint, bigint, bigint, bytea) is
    'Keeps what a call to the provider gave; false: the lease was lost, nothing was kept';

-- The one writer of the provider's state.  While it limits us, each refusal doubles the wait, or
-- makes it what the provider asked for where that is longer; a refused key and a used-up quota
-- are looked at every p_quota_ms.  Only a probe's success ends it.
create function provider_report(p_token uuid, p_state text, p_wait_ms bigint, p_base_ms bigint,
    p_max_ms bigint, p_quota_ms bigint) returns text language plpgsql as $$
declare
	p       provider_state;
	probing boolean;
	wait_ms double precision;
begin
	select * into strict p from provider_state where provider = 'openai' for update;
	probing := p.probe_token is not distinct from p_token and p.probe_token is not null;
	if p_state = 'ok' then
		if probing then
			update provider_state
			   set state = 'ok', blocked_until = null, consecutive = 0, probe_token = null, changed_at = clock_timestamp()
			 where provider = 'openai';
		end if;
		return case when probing then 'ok' else p.state end;
	end if;
	if p_state = 'unavailable' then
		if p.state = 'ok' or not probing then
			return p.state; -- trouble that is not about us: the job alone waits
		end if;
		p_state := p.state;
	end if;
	if p_state = 'rate_limited' and p.state in ('unauthorized', 'quota_exhausted') and not probing then
		return p.state; -- a straggler; the graver state stands
	end if;
	-- Calls that were under way when the first refusal came are one refusal, not many.
	if p.state = 'ok' or probing then
		p.consecutive := p.consecutive + 1;
	end if;
	wait_ms := case when p_state <> 'rate_limited' then p_quota_ms
	                else greatest(p_wait_ms, backoff_ms(p.consecutive - 1, p_base_ms, p_max_ms)) end;
	update provider_state
	   set state = p_state, consecutive = p.consecutive,
	       blocked_until = greatest(case when not probing then blocked_until end,
	                                clock_timestamp() + make_interval(secs => wait_ms / 1000)),
	       probe_token = case when not probing then p.probe_token end,
	       changed_at = case when p.state = p_state then p.changed_at else clock_timestamp() end
	 where provider = 'openai';
	return p_state;
end $$;
comment on function provider_report(uuid, text, bigint, bigint, bigint, bigint) is
    'What a call under lease p_token taught about the provider: ok, unavailable, or a refusal with the wait it asked for (null: none); the state after it';

create function lock_invoice(p_tenant text, p_lock text, p_identity text, p_document uuid)
returns boolean language plpgsql as $$
begin
	perform pg_advisory_xact_lock(hashtextextended(p_tenant || '/' || p_lock, 1));
	return p_identity is not null and exists (
		select from invoices where tenant_id = p_tenant and identity = p_identity
		   and document_id <> p_document and not smoke);
end $$;
comment on function lock_invoice(text, text, text, uuid) is
    'Makes the transaction the only one at work on this invoice; whether another document holds the same seller and number';

create function open_incident(p_tenant text, p_job uuid, p_incident json, p_pilot_limit integer,
    p_pilot_enabled boolean, out incident uuid, out action text) language plpgsql as $$
declare
	i incidents := json_populate_record(null::incidents, p_incident);
begin
	if p_pilot_limit is not null and not (p_pilot_enabled and pilot_switched_on()) then
		action := 'pilot_disabled';
		return;
	end if;
	select id into incident from incidents
	 where tenant_id = p_tenant and category = i.category and fingerprint = i.fingerprint
	   and status <> 'RESOLVED' and created_at > (select clock_timestamp()) - interval '24 hours'
	 order by created_at desc limit 1 for update;
	if incident is not null then
		update incidents set occurrence_count = occurrence_count + 1, last_seen_at = clock_timestamp()
		 where tenant_id = p_tenant and id = incident;
		action := 'repeated';
	else
		if p_pilot_limit is not null then
			perform pilot_lock();
			if (select count(*) from incidents
			     where tenant_id = p_tenant
			       and created_at > (select clock_timestamp()) - interval '1 hour') >= p_pilot_limit then
				action := 'incident_budget';
				return;
			end if;
		end if;
		insert into incidents (tenant_id, job_id, category, severity, primary_flag, secondary_flags, fingerprint, action_class)
		values (p_tenant, p_job, i.category, i.severity, i.primary_flag, i.secondary_flags, i.fingerprint, i.action_class)
		returning id into incident;
		action := 'opened';
	end if;
	insert into audit_log (tenant_id, actor, action, object, detail)
	values (p_tenant, 'worker', 'incident.' || action, 'incident ' || incident,
	        jsonb_build_object('job', p_job, 'category', i.category, 'severity', i.severity));
end $$;
comment on function open_incident(text, uuid, json, integer, boolean) is
    'Opens the incident, or counts it on the one that is open (24 h), or says which of the pilot''s limits skipped it; under lock_invoice(). p_pilot_limit null: not the pilot';

create function finish_job(p_tenant text, p_job uuid, p_token uuid, p_state text, p_error_code text,
    p_error_detail text, p_lock text, p_invoice json, p_if_duplicate json, p_pilot_limit integer,
    p_pilot_enabled boolean, out done boolean, out incident_action text, out incident uuid,
    out pipeline_total_ms bigint) language plpgsql as $$
declare
	j   jobs;
	row json := p_invoice;
	v   invoices;
begin
	update jobs
	   set state = p_state, finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       finished_token = p_token, error_code = p_error_code, error_detail = p_error_detail,
	       attempts = attempts + (p_state = 'FAILED')::integer
	 where tenant_id = p_tenant and id = p_job and state = 'RUNNING' and lease_token = p_token
	returning * into j;
	if not found then
		-- Written already, by a commit whose answer never arrived?
		select true, i.incident_id, i.incident_skipped, i.pipeline_total_ms
		  into done, incident, incident_action, pipeline_total_ms
		  from jobs f join invoices i on i.tenant_id = f.tenant_id and i.job_id = f.id
		 where f.tenant_id = p_tenant and f.id = p_job and f.finished_token = p_token;
		done := coalesce(done, false);
		return;
	end if;
	done := true;
	if lock_invoice(p_tenant, p_lock, p_invoice->>'identity', j.document_id) then
		row := p_if_duplicate;
	end if;
	if json_typeof(row->'incident') = 'object' and not j.smoke then
		select o.incident, o.action into incident, incident_action
		  from open_incident(p_tenant, p_job, row->'incident', p_pilot_limit, p_pilot_enabled) o;
	end if;
	v := json_populate_record(null::invoices, row);
	v.tenant_id := p_tenant;
	v.job_id := p_job;
	v.document_id := j.document_id;
	v.smoke := j.smoke;
	v.incident_id := incident;
	v.incident_skipped := case when incident is null then incident_action end;
	v.queue_ms := extract(epoch from j.started_at - j.created_at) * 1000;
	v.pipeline_total_ms := extract(epoch from j.finished_at - j.created_at) * 1000;
	v.created_at := j.finished_at;
	insert into invoices values (v.*);
	pipeline_total_ms := v.pipeline_total_ms;
end $$;
comment on function finish_job(text, uuid, uuid, text, text, text, text, json, json, integer, boolean) is
    'Ends a job with its result and incident, all or nothing: p_invoice has the columns of invoices and the member incident, p_if_duplicate the same for the case that another document holds the same invoice. done is false when the lease was lost, and then nothing was written; the same call again is done, too';

create function abandon_job(p_tenant text, p_job uuid, p_token uuid, p_error_code text, p_error_detail text)
returns boolean language plpgsql as $$
begin
	update jobs
	   set state = 'FAILED', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       error_code = p_error_code, error_detail = p_error_detail
	 where tenant_id = p_tenant and id = p_job and state = 'RUNNING' and lease_token = p_token;
	return found;
end $$;
comment on function abandon_job(text, uuid, uuid, text, text) is
    'Ends a job whose result cannot be written at all, so that it is not paid for again and again; false: the lease was lost';

create function heartbeat(p_worker text, p_host text, p_pid integer, p_build_id text, p_config_hash text,
    p_key_configured boolean, p_in_flight integer) returns void language plpgsql as $$
begin
	update worker_heartbeats set seen_at = clock_timestamp(), in_flight = p_in_flight where worker_id = p_worker;
	if found then
		return;
	end if;
	delete from worker_heartbeats where seen_at < clock_timestamp() - interval '1 day';
	insert into worker_heartbeats (worker_id, host, pid, build_id, config_hash, key_configured, in_flight)
	values (p_worker, p_host, p_pid, p_build_id, p_config_hash, p_key_configured, p_in_flight);
	if p_key_configured then
		-- It may have come with the key that was missing: one probe finds out.
		update provider_state set blocked_until = clock_timestamp()
		 where provider = 'openai' and state = 'unauthorized' and blocked_until > clock_timestamp();
	end if;
end $$;
comment on function heartbeat(text, text, integer, text, text, boolean, integer) is 'A worker says that it lives; the first time, that it has come';

create function sign_off(p_worker text) returns void language sql volatile
    as $$ update worker_heartbeats set stopped_at = clock_timestamp() where worker_id = p_worker $$;
comment on function sign_off(text) is 'A worker says that it goes';

-- LISTEN takes no parameter, and no SQL text is pasted together outside of the database.
create function listen_on(p_channel text) returns void language plpgsql as $$
begin
	execute format('listen %I', p_channel);
end $$;
comment on function listen_on(text) is 'LISTEN on the channel, for this connection';
