-- What is kept for how long, and what is removed on purpose: documents and raw answers lose their
-- content after DOCUMENT_RETENTION_DAYS, and the pilot's data can be purged.

-- In the order in which workers come to them.
lock table provider_calls, documents in access exclusive mode;

-- --- Documents without their content.  Row, SHA-256, sizes, results and audit stay.

alter table documents
	alter column content drop not null, -- expand: it becomes null by a newer build's retention alone; an old one shows an empty file then
	add column content_at timestamptz;
comment on column documents.content is 'The file as it was uploaded; null: it was kept for long enough (DOCUMENT_RETENTION_DAYS)';
comment on column documents.content_at is 'When the content came back with a later upload; null: it is of the first one';
comment on column provider_calls.reply is 'The body, raw and bounded; null: none, or kept for long enough (DOCUMENT_RETENTION_DAYS)';
create index documents_content_age on documents ((coalesce(content_at, created_at))) where content is not null;
create index provider_calls_reply_age on provider_calls (created_at) where reply is not null;

-- Nobody but this function changes a document, and it only to what it was.
create function give_content_back(p_tenant text, p_sha256 bytea, p_content bytea) returns void language sql volatile
security definer set search_path = public, pg_temp as $$
	update documents set content = p_content, content_at = clock_timestamp()
	 where tenant_id = p_tenant and documents.sha256 = p_sha256 and content is null and sha256(p_content) = p_sha256
$$;
comment on function give_content_back(text, bytea, bytea) is
    'A known document that has lost its content gets it from a new upload of the same bytes; otherwise nothing';
revoke execute on function give_content_back(text, bytea, bytea) from public;
grant execute on function give_content_back(text, bytea, bytea) to mizan_app;

-- As before (0006), but a known document is given its content back: after the job is inserted,
-- since from then on expire_content() leaves the document alone.
create or replace function accept_document(p_tenant text, p_job uuid, p_sha256 bytea, p_media_type text, p_filename text,
    p_content bytea, p_trace_id text, p_reply_channel text, p_force boolean, p_idempotency_key text,
    p_pilot_limit integer) returns accepted language plpgsql as $$
declare
	answer   accepted;
	document uuid;
	is_known boolean := false;
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
			perform give_content_back(p_tenant, p_sha256, p_content);
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
		is_known := true;
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
	if is_known then
		perform give_content_back(p_tenant, p_sha256, p_content);
	end if;
	if p_idempotency_key is not null then
		insert into idempotency_keys (tenant_id, key, sha256, job_id)
		values (p_tenant, p_idempotency_key, p_sha256, answer.job_id);
	end if;
	return answer;
end $$;

-- As before (0008), likewise.
create or replace function smoke_accept(p_tenant text, p_job uuid, p_sha256 bytea, p_filename text, p_content bytea,
    p_trace_id text, p_actor text) returns void language plpgsql security definer
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
	insert into jobs (tenant_id, id, document_id, trace_id, smoke)
	values (p_tenant, p_job, document, p_trace_id, true)
	on conflict do nothing; -- the front door sent the request again
	if found then
		insert into audit_log (tenant_id, actor, action, object)
		values (p_tenant, p_actor, 'smoke.run', 'job ' || p_job);
	end if;
	perform give_content_back(p_tenant, p_sha256, p_content);
end $$;

-- As before (0012), but what cannot be read any more is not tried again.
comment on column job_change.code is
    'Null: done; else why not: job_not_found, job_ended, job_not_retryable, document_expired or job_busy';
create or replace function change_jobs(p_verb text, p_tenant text, p_jobs uuid[], p_actor text) returns setof job_change
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
			-- Held, so that it does not lose its content before the job is seen in the queue.
			perform from documents where tenant_id = j.tenant_id and id = j.document_id and content is not null for key share;
			if not found then
				return next row(j.id, 'document_expired')::job_change;
				continue;
			end if;
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

-- As before (0012), but "all in that state" are those that can be read still.
create function can_be_changed(p_verb text, p_job jobs) returns boolean language sql stable as $$
	select p_verb = 'cancel' or exists (
		select from documents where tenant_id = p_job.tenant_id and id = p_job.document_id and content is not null)
$$;
comment on function can_be_changed(text, jobs) is 'Whether a retry has a document to read; anything can be cancelled';
create or replace function change_many_jobs(p_verb text, p_tenant text, p_jobs uuid[], p_state text, p_actor text) returns json
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
	v_jobs   uuid[] := p_jobs;
	v_answer json;
begin
	if p_state is not null then
		v_jobs := array(select id from jobs where state = p_state and (p_tenant is null or tenant_id = p_tenant)
		                   and can_be_changed(p_verb, jobs) order by created_at limit 500);
	end if;
	select json_build_object('done', coalesce(json_agg(job_id) filter (where code is null), '[]'),
	                         'refused', coalesce(json_agg(json_build_object('id', job_id, 'code', code)) filter (where code is not null), '[]'))
	  into v_answer from change_jobs(p_verb, p_tenant, v_jobs, p_actor);
	return (select json_build_object('done', v_answer->'done', 'refused', v_answer->'refused', 'remaining', count(*))
	          from jobs where state = p_state and (p_tenant is null or tenant_id = p_tenant) and can_be_changed(p_verb, jobs));
end $$;
revoke execute on function can_be_changed(text, jobs) from public;

-- Documents are locked first and looked at again then: who gives one a new job locks it as well.
create function expire_content(p_now timestamptz, p_days integer, out documents bigint, out replies bigint, out more boolean)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
	v_before constant timestamptz := p_now - make_interval(days => p_days);
	v_due    tid[];
begin
	documents := 0;
	replies := 0;
	more := false;
	if p_days < 1 then
		return; -- 0 days: kept for good
	end if;
	v_due := array(
		select d.ctid from documents d
		 where content is not null and coalesce(content_at, created_at) < v_before
		   and not exists (select from jobs j where j.tenant_id = d.tenant_id and j.document_id = d.id and j.state in ('QUEUED', 'RUNNING'))
		 order by coalesce(content_at, created_at) limit 25 for update skip locked);
	update documents d set content = null
	 where d.ctid = any (v_due)
	   and not exists (select from jobs j where j.tenant_id = d.tenant_id and j.document_id = d.id and j.state in ('QUEUED', 'RUNNING'));
	get diagnostics documents = row_count;
	update provider_calls set reply = null where ctid = any (array(
		select ctid from provider_calls where reply is not null and created_at < v_before
		 order by created_at limit 200 for update skip locked));
	get diagnostics replies = row_count;
	more := documents = 25 or replies = 200;
end $$;
comment on function expire_content(timestamptz, integer) is
    'Empties documents and raw answers older than p_days (0: never) at p_now, some at a time: how many, and whether there may be more. Documents with a job in the queue wait';
revoke execute on function expire_content(timestamptz, integer) from public;
grant execute on function expire_content(timestamptz, integer) to mizan_watchdog;

-- --- The pilot's data, removed on purpose (scripts/purge_pilot)

create function tenant_tables() returns table (place integer, name text, fate text) language sql immutable as $$
	values (1, 'idempotency_keys', 'purged'), (2, 'provider_calls', 'purged'), (3, 'invoices', 'purged'),
	       (4, 'incident_feedback', 'purged'), (5, 'incidents', 'purged'), (6, 'jobs', 'purged'), (7, 'documents', 'purged'),
	       (8, 'latency_baselines', 'purged'), (9, 'daily_figures', 'purged'), -- after the invoices: they mark it
	       (10, 'front_door_minutes', 'report'), (11, 'run_summaries', 'report'), (12, 'audit_log', 'kept'), (13, 'api_keys', 'kept')
$$;
comment on function tenant_tables() is
    'Every table with rows of tenants, in the order in which a purge may empty them, and what becomes of them: purged; report: of the pilot''s report, purged on request; kept';

create function tenant_rows(p_tenant text) returns table (name text, fate text, n bigint) language plpgsql stable as $$
#variable_conflict use_column
declare
	t record;
begin
	for t in select * from tenant_tables() order by place loop
		return query execute format('select $1, $2, count(*) from %I where tenant_id = $3', t.name) using t.name, t.fate, p_tenant;
	end loop;
end $$;
comment on function tenant_rows(text) is 'How many rows a tenant has in which table, and what a purge would do with them';

-- Workers lock a job and then what belongs to it, and so does this; who is admitted waits at
-- pilot_lock().  A worker that was still at it finds its job gone, and writes nothing.
create function purge_pilot(p_tenant text, p_with_report boolean, p_detail jsonb)
returns table (name text, n bigint) language plpgsql volatile as $$
#variable_conflict use_column
declare
	t         record;
	v_running bigint;
	v_rows    jsonb := '{}';
begin
	perform from pilot_switch where not enabled for share;
	if not found then
		raise exception 'the pilot is on: switch it off first (PUT /admin/pilot)';
	end if;
	perform from jobs where tenant_id = p_tenant order by id for update;
	select count(*) into v_running from jobs where tenant_id = p_tenant and lease_until > clock_timestamp();
	if v_running > 0 then
		raise exception '% of its jobs are being read just now: try again when they have ended', v_running;
	end if;
	perform pilot_lock();
	for t in select * from tenant_tables() where fate = 'purged' or (fate = 'report' and p_with_report) order by place loop
		execute format('delete from %I where tenant_id = $1', t.name) using p_tenant;
		get diagnostics n = row_count;
		name := t.name;
		v_rows := v_rows || jsonb_build_object(name, n);
		return next;
	end loop;
	insert into audit_log (tenant_id, actor, action, object, detail)
	values (p_tenant, 'purge_pilot', 'pilot.purged', 'tenant ' || p_tenant, p_detail || jsonb_build_object('rows', v_rows));
end $$;
comment on function purge_pilot(text, boolean, jsonb) is
    'Removes the tenant''s data and says how much of each table, in the audit log too; refused while the pilot''s switch is on or a worker holds one of its jobs';
revoke execute on function tenant_tables(), tenant_rows(text), purge_pilot(text, boolean, jsonb) from public;
