-- The queue under load (SPEC 4): the same rules as in 0004, at a cost that does not grow with
-- what lies in the tables.  Builds of before go on working: what they call is kept, or replaced
-- by what does the same.

-- All at once and in this order: a worker that writes results holds jobs when it wants the others.
lock table jobs, provider_calls, invoices in access exclusive mode;

-- JSON and replies are compressed as they are written, for each invoice: lz4 takes a tenth of the time.
do $$ begin
	alter table invoices alter extraction set compression lz4, alter audit set compression lz4,
	                     alter quality set compression lz4;
	alter table provider_calls alter reply set compression lz4;
exception when feature_not_supported then
	raise notice 'this server has no lz4: pglz stays';
end $$;

-- Only the search for the killed pilot's jobs may use this one: a claim must walk jobs_queued.
create index jobs_queued_pilot on jobs (tenant_id) where state = 'QUEUED' and not smoke;
drop index jobs_queued_tenant;

create or replace function skip_pilot_jobs(p_pilot_tenant text) returns setof claimed language sql volatile as $$
	update jobs j
	   set state = 'SKIPPED', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       error_code = 'pilot_disabled', error_detail = 'the pilot was off when its turn came'
	 where (tenant_id, id) in (select tenant_id, id from jobs
	                            where tenant_id = p_pilot_tenant and not smoke
	                              and (state = 'QUEUED' or (state = 'RUNNING' and lease_until < (select clock_timestamp())))
	                            limit 500 for update skip locked)
	returning tenant_id, id, document_id, state, null::uuid, attempts, lost_leases,
	          (extract(epoch from clock_timestamp() - created_at) * 1000)::bigint, trace_id, reply_channel, false
$$;

-- A job that leaves the queue leaves a dead entry behind in jobs_queued and in jobs_running, and
-- for as long as any transaction is open that could still see it, nothing removes it.  So a claim
-- starts where the claims before it have left off, less a moment for commits that overlap, and
-- only now and then, in a sweep, from the beginning: that finds what became visible late, what was
-- handed back, and the jobs of dead workers.  Both marks live in the session; one that is lost or
-- comes from elsewhere makes a sweep earlier or later, nothing more.
create function claim_due(p_worker text, p_places integer, p_lease_seconds integer, p_pilot_tenant text,
    p_pilot boolean, p_probe uuid, p_sweep boolean, p_since timestamptz) returns claimed[] language plpgsql as $$
declare
	began timestamptz := clock_timestamp();
	got   claimed[];
	n     bigint;
	last  timestamptz;
begin
	with lost as (
		select tenant_id, id, run_at from jobs
		 where p_sweep and state = 'RUNNING' and lease_until < began
		   and (p_pilot or smoke or tenant_id <> p_pilot_tenant)
		 order by lease_until limit p_places for update skip locked
	), queued as (
		select tenant_id, id, run_at from jobs
		 where state = 'QUEUED' and run_at >= p_since and run_at <= began
		   and (p_pilot or smoke or tenant_id <> p_pilot_tenant)
		 order by run_at limit p_places for update skip locked
	), due as (
		select *, 1 as lost from lost union all select *, 0 from queued limit p_places
	), leased as (
		update jobs j
		   set state = 'RUNNING', lease_token = coalesce(p_probe, gen_random_uuid()),
		       lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds),
		       worker_id = p_worker, started_at = clock_timestamp(), lost_leases = j.lost_leases + due.lost
		  from due
		 where j.tenant_id = due.tenant_id and j.id = due.id
		returning j.*, due.lost as was_lost
	)
	select array_agg((tenant_id, id, document_id, state, lease_token, attempts, lost_leases,
	                  (extract(epoch from started_at - created_at) * 1000)::bigint,
	                  trace_id, reply_channel, p_probe is not null)::claimed order by was_lost desc, run_at),
	       count(*), max(run_at) filter (where was_lost = 0)
	  into got, n, last from leased;
	-- Every place taken: what is due after the last one is still to come.
	perform set_config('mizan.due_since', (case when n < p_places then began else last end
	                                       - interval '1 second')::text, false);
	return got;
end $$;
comment on function claim_due(text, integer, integer, text, boolean, uuid, boolean, timestamptz) is
    'Leases at most p_places jobs due from p_since on, those of dead workers first in a sweep; null when there are none';

create or replace function claim_jobs(p_worker text, p_limit integer, p_lease_seconds integer,
    p_pilot_tenant text, p_pilot_enabled boolean) returns setof claimed language plpgsql as $$
declare
	began  timestamptz := clock_timestamp();
	pilot  boolean := p_pilot_enabled and (select enabled from pilot_switch);
	-- A mark from long after now is of before the clock was set back.
	sweep  boolean := coalesce(not nullif(current_setting('mizan.next_sweep', true), '')::timestamptz
	                  between began and began + interval '10 minutes', true);
	since  timestamptz := least(coalesce(nullif(current_setting('mizan.due_since', true), '')::timestamptz, '-infinity'),
	                            began - interval '1 second');
	places integer := p_limit;
	probe  uuid;
	got    claimed[];
begin
	if not pilot then
		return query select * from skip_pilot_jobs(p_pilot_tenant);
	end if;
	if pilot or not found then
		-- No wait for the disk: a claim that a crash of the server undoes leaves the job queued
		-- and its holder without a lease, which is no harm.
		perform set_config('synchronous_commit', 'off', true);
	end if;
	if not exists (select from provider_state where provider = 'openai' and state = 'ok') then
		select allowed, case when g.probe then gen_random_uuid() end into places, probe
		  from provider_allows(p_limit) g;
	end if;
	if places <= 0 then
		return;
	end if;
	if sweep then
		begin
			got := claim_due(p_worker, places, p_lease_seconds, p_pilot_tenant, pilot, probe, true, '-infinity');
		exception when query_canceled then
			-- Too much lies there to be walked in time; what has come lately must not wait for it.
			raise warning 'the sweep of the queue was given up after % s', extract(epoch from clock_timestamp() - began);
			got := claim_due(p_worker, places, p_lease_seconds, p_pilot_tenant, pilot, probe, false,
			                  began - interval '10 minutes');
		end;
		-- However long it took: a twentieth of a worker's time at most.
		perform set_config('mizan.next_sweep', (clock_timestamp()
		    + least(greatest(make_interval(secs => least(5, p_lease_seconds / 3.0)), 20 * (clock_timestamp() - began)),
		            interval '9 minutes'))::text, false);
	else
		got := claim_due(p_worker, places, p_lease_seconds, p_pilot_tenant, pilot, probe, false, since);
	end if;
	if got is null then
		return;
	end if;
	update worker_heartbeats set claimed_at = began
	 where worker_id = p_worker and (claimed_at is null or claimed_at < began - interval '1 second');
	if probe is not null then
		update provider_state set probe_token = probe where provider = 'openai';
	end if;
	return query select * from unnest(got);
end $$;

create or replace function accept_document(p_tenant text, p_job uuid, p_sha256 bytea, p_media_type text, p_filename text,
    p_content bytea, p_trace_id text, p_reply_channel text, p_force boolean, p_idempotency_key text,
    p_pilot_limit integer) returns accepted language plpgsql as $$
declare
	answer   accepted;
	document uuid;
	known    idempotency_keys;
	wait_s   integer;
begin
	if p_idempotency_key is not null then
		-- Two requests with one key at once: the second waits here for the first.
		perform pg_advisory_xact_lock(hashtextextended(p_tenant || '/' || p_idempotency_key, 0));
		select * into known from idempotency_keys where tenant_id = p_tenant and key = p_idempotency_key;
		if found and known.sha256 <> p_sha256 then
			return row('idempotency_key_reused', null)::accepted;
		elsif found then
			return row(case when known.job_id = p_job then 'accepted' else 'duplicate' end, known.job_id)::accepted;
		end if;
	end if;

	insert into documents (tenant_id, sha256, media_type, bytes, filename, content)
	values (p_tenant, p_sha256, p_media_type, length(p_content), p_filename, p_content)
	on conflict (tenant_id, sha256) do nothing
	returning id into document;
	if document is null then
		-- The front door sends a request again whose connection was cut: it is the same job.
		if exists (select from jobs where tenant_id = p_tenant and id = p_job) then
			return row('accepted', p_job)::accepted;
		end if;
		select id into strict document from documents where tenant_id = p_tenant and sha256 = p_sha256;
		if not p_force then
			select 'duplicate', id into answer.outcome, answer.job_id from jobs
			 where tenant_id = p_tenant and document_id = document and not smoke
			 order by created_at desc limit 1;
		end if;
	end if;

	if answer.job_id is null then
		if p_pilot_limit is not null then
			perform pilot_lock();
			wait_s := pilot_retry_after(p_tenant, p_pilot_limit);
			if wait_s is not null then
				-- Refused means refused: the document goes with it.
				raise exception using errcode = 'MZ429', message = wait_s::text;
			end if;
		end if;
		answer.outcome := 'accepted';
		answer.job_id := p_job;
		insert into jobs (tenant_id, id, document_id, trace_id, reply_channel)
		values (p_tenant, p_job, document, p_trace_id, p_reply_channel)
		on conflict do nothing; -- the same request, accepted while this one was on its way
	end if;
	if p_idempotency_key is not null then
		insert into idempotency_keys (tenant_id, key, sha256, job_id)
		values (p_tenant, p_idempotency_key, p_sha256, answer.job_id);
	end if;
	return answer;
end $$;

-- Below, a lease is looked for by its job's key and its token alone.  That a token means RUNNING
-- is the table's own constraint; asked for here, it would let the planner choose jobs_running.
create or replace function release_job(p_tenant text, p_job uuid, p_token uuid, p_delay_ms bigint, p_base_ms bigint,
    p_max_ms bigint, p_error_code text, p_error_detail text, p_attempt integer) returns boolean
language plpgsql as $$
begin
	update jobs
	   set state = 'QUEUED', lease_token = null, lease_until = null,
	       attempts = attempts + p_attempt, retries = retries + 1,
	       run_at = clock_timestamp()
	              + make_interval(secs => greatest(p_delay_ms, backoff_ms(retries, p_base_ms, p_max_ms)) / 1000.0),
	       error_code = p_error_code, error_detail = p_error_detail
	 where tenant_id = p_tenant and id = p_job and lease_token = p_token;
	return found;
end $$;

create or replace function hand_back_job(p_tenant text, p_job uuid, p_token uuid) returns boolean language plpgsql as $$
begin
	update jobs set state = 'QUEUED', lease_token = null, lease_until = null
	 where tenant_id = p_tenant and id = p_job and lease_token = p_token;
	return found;
end $$;

create or replace function abandon_job(p_tenant text, p_job uuid, p_token uuid, p_error_code text, p_error_detail text)
returns boolean language plpgsql as $$
begin
	update jobs
	   set state = 'FAILED', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       error_code = p_error_code, error_detail = p_error_detail
	 where tenant_id = p_tenant and id = p_job and lease_token = p_token;
	return found;
end $$;

-- A call is recorded once.  Where a commit takes longer than the worker waits for it, the same
-- record comes again over another connection while the first is not to be seen yet, but holds the
-- job's row: whoever records a call waits for that row, and then finds that the lease is over.
create or replace function record_call(p_tenant text, p_job uuid, p_token uuid, p_outcome text, p_http_status integer,
    p_request_id text, p_model text, p_duration_ms bigint, p_prompt_tokens bigint, p_completion_tokens bigint,
    p_reply bytea) returns boolean language plpgsql as $$
begin
	perform from jobs where tenant_id = p_tenant and id = p_job and lease_token = p_token for no key update;
	if not found then
		return false;
	end if;
	insert into provider_calls (tenant_id, job_id, lease_token, outcome, http_status, request_id, model,
	                            duration_ms, prompt_tokens, completion_tokens, reply)
	values (p_tenant, p_job, p_token, p_outcome, p_http_status, p_request_id, p_model,
	        p_duration_ms, p_prompt_tokens, p_completion_tokens, p_reply);
	return true;
end $$;

create function renew_leases(p_tenants text[], p_jobs uuid[], p_tokens uuid[], p_lease_seconds integer)
returns void language sql volatile as $$
	update jobs j set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
	  from unnest(p_tenants, p_jobs, p_tokens) as held (tenant_id, id, token)
	 where j.tenant_id = held.tenant_id and j.id = held.id and j.lease_token = held.token
$$;
comment on function renew_leases(text[], uuid[], uuid[], integer) is 'Keeps those of the leases that still hold for another while';

-- Plans are kept, and those made while the tables were empty know no better than to walk a whole
-- tenant for one key.  The server's own ANALYZE ends that, but comes only once a minute.  Large
-- tables are left to it, and so is what does not come about at once.
create function catch_up_statistics() returns void language plpgsql security definer
    set search_path = public, pg_temp as $$
declare
	name text;
begin
	for name in
		select c.oid::regclass::text from pg_stat_user_tables s join pg_class c on c.oid = s.relid
		 where s.schemaname = 'public' and c.reltuples < 100 and s.n_live_tup >= 100 and s.n_mod_since_analyze >= 100
		   and pg_relation_size(c.oid) < 64 << 20
	loop
		execute 'analyze (skip_locked) ' || name;
	end loop;
exception when query_canceled then
	raise warning 'statistics are left to the server: out of time';
end $$;
comment on function catch_up_statistics() is 'ANALYZE for tables that were all but empty and have rows now, so that their plans are made anew';
revoke execute on function catch_up_statistics() from public;
grant execute on function catch_up_statistics() to mizan_worker;

create or replace function heartbeat(p_worker text, p_host text, p_pid integer, p_build_id text, p_config_hash text,
    p_key_configured boolean, p_in_flight integer) returns void language plpgsql as $$
begin
	update worker_heartbeats set seen_at = clock_timestamp(), in_flight = p_in_flight where worker_id = p_worker;
	if found then
		perform catch_up_statistics();
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

create function finish_job(p_tenant text, p_job uuid, p_token uuid, p_state text, p_error_code text,
    p_error_detail text, p_lock text, p_invoice json, p_extraction json, p_verdict json, p_if_duplicate json,
    p_pilot_limit integer, p_pilot_enabled boolean, out done boolean, out incident_action text,
    out incident uuid, out pipeline_total_ms bigint) language plpgsql as $$
declare
	j       jobs;
	verdict json := p_verdict;
	v       invoices := json_populate_record(null::invoices, p_invoice);
begin
	update jobs
	   set state = p_state, finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       finished_token = p_token, error_code = p_error_code, error_detail = p_error_detail,
	       attempts = attempts + (p_state = 'FAILED')::integer
	 where tenant_id = p_tenant and id = p_job and lease_token = p_token
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
	if lock_invoice(p_tenant, p_lock, v.identity, j.document_id) then
		verdict := p_if_duplicate;
	end if;
	if json_typeof(verdict->'incident') = 'object' and not j.smoke then
		select o.incident, o.action into incident, incident_action
		  from open_incident(p_tenant, p_job, verdict->'incident', p_pilot_limit, p_pilot_enabled) o;
	end if;
	v := json_populate_record(v, verdict);
	v.tenant_id := p_tenant;
	v.job_id := p_job;
	v.document_id := j.document_id;
	v.smoke := j.smoke;
	v.extraction := p_extraction;
	v.incident_id := incident;
	v.incident_skipped := case when incident is null then incident_action end;
	v.queue_ms := extract(epoch from j.started_at - j.created_at) * 1000;
	v.pipeline_total_ms := extract(epoch from j.finished_at - j.created_at) * 1000;
	v.created_at := j.finished_at;
	insert into invoices values (v.*);
	pipeline_total_ms := v.pipeline_total_ms;
end $$;
comment on function finish_job(text, uuid, uuid, text, text, text, text, json, json, json, json, integer, boolean) is
    'Ends a job with its result and incident, all or nothing: p_invoice has columns of invoices, p_verdict those that depend on whether another document holds the same invoice and the member incident, p_if_duplicate the same for the case that one does. done is false when the lease was lost, and then nothing was written; the same call again is done, too';
