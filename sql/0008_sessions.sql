-- Operators in a browser: their sessions (SPEC 1); and the smoke run (issue 4).

-- The one form in which times leave the database as JSON.
create function rfc3339(p_at timestamptz) returns text language sql stable strict parallel safe as $$
	select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
comment on function rfc3339(timestamptz) is 'A time as RFC 3339 in UTC, with milliseconds; null for null';

-- --- Sessions

-- What cookies are signed with: the same for every process on every host, and over restarts.
create table session_secret (
	id     boolean primary key default true check (id),
	secret bytea   not null check (length(secret) = 32)
);
insert into session_secret (secret) values (sha256(convert_to(concat(
    gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8')));
comment on table session_secret is 'What the cookies of sessions are signed with: one row';
comment on column session_secret.id is 'Always true: there is one row';
comment on column session_secret.secret is 'HMAC-SHA-256''s key; another one ends every session';

create function session_secret() returns bytea language sql stable security definer
set search_path = public, pg_temp as $$ select secret from session_secret $$;
comment on function session_secret() is 'What cookies are signed with';

-- A session is as good as the key that opened it: revoked or changed, the session is over.
-- p_admin_key is the SHA-256 of the calling process's own ADMIN_API_KEY, null where it has none.
create function session_find(p_id uuid, p_admin_key bytea, out name text, out role text, out tenant_id text,
    out expires_at text) returns setof record language sql stable security definer
set search_path = public, pg_temp as $$
	select case when s.key_sha256 = p_admin_key then 'admin' else k.name end,
	       case when s.key_sha256 = p_admin_key then 'admin' else k.role end,
	       case when s.key_sha256 = p_admin_key then null else k.tenant_id end,
	       rfc3339(s.expires_at)
	  from sessions s
	  left join api_keys k on k.key_sha256 = s.key_sha256 and k.revoked_at is null and k.role <> 'client'
	 where s.id = p_id and s.ended_at is null and s.expires_at > clock_timestamp()
	   and (s.key_sha256 = p_admin_key or k.id is not null)
$$;
comment on function session_find(uuid, bytea) is 'Whose session it is, if it is still good';

create function session_open(p_id uuid, p_key_sha256 bytea, p_seconds integer, p_name text, p_tenant text)
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
	expires timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
begin
	delete from sessions where expires_at < now() - interval '1 day';
	insert into sessions (id, key_sha256, expires_at) values (p_id, p_key_sha256, expires);
	insert into audit_log (tenant_id, actor, action, object) values (p_tenant, p_name, 'session.opened', 'session');
	return rfc3339(expires);
end $$;
comment on function session_open(uuid, bytea, integer, text, text) is
    'Opens a session of p_seconds for the operator p_name, bound to p_tenant unless that is null; when it expires';

create function session_close(p_id uuid, p_name text, p_tenant text) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
	update sessions set ended_at = clock_timestamp() where id = p_id and ended_at is null;
	if found then
		insert into audit_log (tenant_id, actor, action, object) values (p_tenant, p_name, 'session.closed', 'session');
	end if;
end $$;
comment on function session_close(uuid, text, text) is 'Ends a session; of one that has ended already nothing is written';

create function login_failed(p_address text) returns void language sql volatile security definer
set search_path = public, pg_temp as $$
	delete from login_failures where minute < now() - interval '30 days';
	insert into login_failures as l (address, minute, failures)
	values (case when p_address ~* '^::ffff:[0-9.]+$' then substr(p_address, 8)
	             when p_address ~ ':.*:' then host(network(set_masklen(p_address::inet, 64)))
	             else left(p_address, 64) end,
	        date_trunc('minute', clock_timestamp(), 'UTC'), 1)
	on conflict (minute, address) do update set failures = l.failures + 1
$$;
comment on function login_failed(text) is 'Counts a refused login from that address';

revoke execute on function session_secret(), session_find(uuid, bytea),
    session_open(uuid, bytea, integer, text, text), session_close(uuid, text, text), login_failed(text) from public;
grant execute on function session_secret(), session_find(uuid, bytea) to mizan_app, mizan_admin;
grant execute on function session_open(uuid, bytea, integer, text, text), session_close(uuid, text, text),
    login_failed(text) to mizan_admin;

-- --- The smoke run: a job like any other but for smoke, which keeps it out of budgets, metrics and
-- incidents, and lets it through while the pilot is off.  Its document is the same each time.

create function smoke_accept(p_tenant text, p_job uuid, p_sha256 bytea, p_filename text, p_content bytea,
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
end $$;
comment on function smoke_accept(text, uuid, bytea, text, bytea, text, text) is
    'Takes the built-in invoice in as the job p_job, past every budget; the same call again changes nothing';

-- A job that nobody waits for any more must not be paid for later.
create function smoke_give_up(p_tenant text, p_job uuid, p_detail text) returns void language sql volatile
security definer set search_path = public, pg_temp as $$
	update jobs
	   set state = 'CANCELLED', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       error_code = coalesce(error_code, 'smoke_timeout'), error_detail = coalesce(error_detail, p_detail)
	 where tenant_id = p_tenant and id = p_job and smoke and state in ('QUEUED', 'RUNNING')
$$;
comment on function smoke_give_up(text, uuid, text) is 'Cancels a smoke run that has not ended; an earlier trouble stays its error';

create function smoke_look(p_tenant text, p_job uuid, p_alive_seconds integer, out state text, out claimed boolean,
    out queue_ms bigint, out running_ms bigint, out extraction_ms bigint, out audit_ms bigint, out store_ms bigint,
    out outcome text, out stated numeric, out error_code text, out error_detail text, out due_in_ms bigint,
    out workers bigint, out provider_state text, out provider_until text, out provider_in_ms bigint)
returns setof record language sql volatile as $$
	with clock as (select clock_timestamp() as now)
	select j.state, j.started_at is not null,
	       extract(epoch from coalesce(j.started_at, now) - j.created_at)::numeric * 1000,
	       extract(epoch from coalesce(j.finished_at, now) - j.started_at)::numeric * 1000,
	       i.extraction_ms, i.pipeline_total_ms - i.queue_ms - i.extraction_ms,
	       extract(epoch from now - i.created_at)::numeric * 1000,
	       i.outcome, round(i.stated, 2), j.error_code, j.error_detail,
	       extract(epoch from j.run_at - now)::numeric * 1000,
	       (select count(*) from worker_heartbeats
	         where stopped_at is null and seen_at > now - make_interval(secs => p_alive_seconds)),
	       p.state, rfc3339(p.blocked_until), extract(epoch from p.blocked_until - now)::numeric * 1000
	  from jobs j cross join clock
	  left join invoices i on i.tenant_id = j.tenant_id and i.job_id = j.id
	  left join provider_state p on p.provider = 'openai' and p.state <> 'ok'
	 where j.tenant_id = p_tenant and j.id = p_job
$$;
comment on function smoke_look(text, uuid, integer) is
    'How far a smoke run has come, how long each part took, and what may hold it up: times in milliseconds, the provider''s state only while it refuses us';

revoke execute on function smoke_accept(text, uuid, bytea, text, bytea, text, text), smoke_give_up(text, uuid, text)
    from public;
grant execute on function smoke_accept(text, uuid, bytea, text, bytea, text, text), smoke_give_up(text, uuid, text)
    to mizan_admin;
