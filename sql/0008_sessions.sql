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
	delete from sessions where expires_at < clock_timestamp() - interval '1 day';
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
	delete from login_failures where minute < clock_timestamp() - interval '30 days';
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
