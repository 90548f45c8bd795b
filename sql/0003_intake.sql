-- Taking a document in (SPEC 3, 11): one call, one transaction, all or nothing.

create type accepted as (
	outcome text, -- accepted, duplicate or idempotency_key_reused
	job_id  uuid  -- with accepted and duplicate
);
comment on type accepted is 'What became of an upload';
comment on column accepted.outcome is 'accepted, duplicate or idempotency_key_reused';
comment on column accepted.job_id is 'The job that answers it: with accepted and duplicate';

-- The pilot's limits hold over a sliding hour and over all processes: whoever counts does it
-- alone, until its own row is committed.
create function pilot_lock() returns void language sql as
    $$ select pg_advisory_xact_lock(hashtext('mizan.pilot')) $$;
comment on function pilot_lock() is 'Serialises admissions to the pilot''s budgets until the transaction ends';

create function pilot_retry_after(p_tenant text, p_limit integer) returns integer
language sql volatile as $$
	select greatest(1, ceil(extract(epoch from created_at + interval '1 hour' - clock_timestamp())))::integer
	  from jobs
	 where tenant_id = p_tenant and not smoke
	   and created_at > (select clock_timestamp()) - interval '1 hour' -- as a subquery an index condition
	 order by created_at desc offset p_limit - 1 limit 1
$$;
comment on function pilot_retry_after(text, integer) is
    'Null while fewer than p_limit jobs were accepted within the hour; else seconds until a place is free';

create function accept_document(p_tenant text, p_job uuid, p_sha256 bytea, p_media_type text, p_filename text,
    p_content bytea, p_trace_id text, p_reply_channel text, p_force boolean, p_idempotency_key text,
    p_pilot_limit integer) returns accepted language plpgsql as $$
declare
	answer   accepted;
	document uuid;
	known    idempotency_keys;
	wait_s   integer;
begin
	-- The front door sends a request again whose connection was cut: it is the same job.
	if exists (select from jobs where tenant_id = p_tenant and id = p_job) then
		return row('accepted', p_job)::accepted;
	end if;
	if p_idempotency_key is not null then
		-- Two requests with one key at once: the second waits here for the first.
		perform pg_advisory_xact_lock(hashtextextended(p_tenant || '/' || p_idempotency_key, 0));
		select * into known from idempotency_keys where tenant_id = p_tenant and key = p_idempotency_key;
		if found and known.sha256 <> p_sha256 then
			return row('idempotency_key_reused', null)::accepted;
		elsif found then
			return row('duplicate', known.job_id)::accepted;
		end if;
	end if;

	insert into documents (tenant_id, sha256, media_type, bytes, filename, content)
	values (p_tenant, p_sha256, p_media_type, length(p_content), p_filename, p_content)
	on conflict (tenant_id, sha256) do nothing
	returning id into document;
	if document is null then
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
comment on function accept_document(text, uuid, bytea, text, text, bytea, text, text, boolean, text, integer) is
    'Stores the document and its job p_job, or says which job answers it; p_pilot_limit null: not the pilot. Raises MZ429 with the seconds to wait when the pilot''s hour is full';

create function job_tenant(p_job uuid) returns text language sql stable security definer
    set search_path = public, pg_temp as $$ select tenant_id from jobs where id = p_job $$;
comment on function job_tenant(uuid) is 'Whose job it is, for a key that reaches every tenant';
revoke execute on function job_tenant(uuid) from public;
grant execute on function job_tenant(uuid) to mizan_app, mizan_admin;
