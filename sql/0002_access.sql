-- Who may do what.  The roles exist before (scripts/db_init): mizan_app (full_process, health),
-- mizan_admin (admin), mizan_worker, mizan_watchdog.  Tenants are walled off by row-level
-- security: a transaction names its tenant in mizan.tenant_id, and without it there is nothing
-- to see.  The worker claims across tenants, so it sees every job, but what belongs to a job
-- (document, invoice, incident) only in the job's own tenant.

grant usage on schema public to mizan_app, mizan_admin, mizan_worker, mizan_watchdog;


alter table documents enable row level security;
alter table jobs enable row level security;
alter table idempotency_keys enable row level security;
alter table provider_calls enable row level security;
alter table invoices enable row level security;
alter table incidents enable row level security;
alter table audit_log enable row level security;

create policy tenant on documents to mizan_app, mizan_worker using (tenant_id = current_setting('mizan.tenant_id', true));
create policy tenant on jobs to mizan_app using (tenant_id = current_setting('mizan.tenant_id', true));
create policy tenant on idempotency_keys to mizan_app using (tenant_id = current_setting('mizan.tenant_id', true));
create policy tenant on provider_calls to mizan_worker using (tenant_id = current_setting('mizan.tenant_id', true));
create policy tenant on invoices to mizan_app, mizan_worker using (tenant_id = current_setting('mizan.tenant_id', true));
create policy tenant on incidents to mizan_app, mizan_worker using (tenant_id = current_setting('mizan.tenant_id', true));
create policy tenant on audit_log to mizan_app, mizan_worker using (tenant_id = current_setting('mizan.tenant_id', true));
create policy every_job on jobs to mizan_worker using (true);
create policy everything on jobs to mizan_admin, mizan_watchdog using (true);
create policy everything on documents to mizan_admin using (true);
create policy everything on invoices to mizan_admin, mizan_watchdog using (true);
create policy everything on incidents to mizan_admin, mizan_watchdog using (true);
create policy everything on audit_log to mizan_admin, mizan_watchdog using (true);

grant select, insert on documents, jobs, idempotency_keys to mizan_app;
grant select on invoices, incidents to mizan_app;
grant select on pilot_switch to mizan_app, mizan_admin;

grant select on documents to mizan_worker;
grant select, update (state, run_at, attempts, lost_leases, retries, lease_token, lease_until, worker_id,
    started_at, finished_at, finished_token, error_code, error_detail) on jobs to mizan_worker;
grant select, insert on invoices to mizan_worker;
grant select, insert, update (occurrence_count, last_seen_at) on incidents to mizan_worker;
grant insert on provider_calls, audit_log to mizan_worker;
grant select, insert, update, delete on worker_heartbeats to mizan_worker;
grant select, update on provider_state to mizan_worker;
grant select on pilot_switch to mizan_worker;

grant select (tenant_id, id, sha256, media_type, bytes, filename, created_at) on documents to mizan_admin;
grant select on jobs, invoices, incidents, audit_log, worker_heartbeats, provider_state to mizan_admin;
grant update on pilot_switch to mizan_admin;
grant insert on audit_log to mizan_admin;

-- Keys are looked up one at a time, by who has the key; nobody reads the table.
create function api_key_find(p_sha256 bytea, out name text, out role text, out tenant_id text)
returns setof record language sql stable security definer set search_path = public, pg_temp as $$
	select name, role, tenant_id from api_keys where key_sha256 = p_sha256 and revoked_at is null
$$;
comment on function api_key_find(bytea) is 'The valid key with this SHA-256, if there is one';
revoke execute on function api_key_find(bytea) from public;
grant execute on function api_key_find(bytea) to mizan_app, mizan_admin;

create function audit_log_is_append_only() returns trigger language plpgsql as $$
begin
	raise exception 'audit_log is append-only';
end $$;
comment on function audit_log_is_append_only() is 'Refuses to change or remove a row of the audit log';
create trigger append_only before update or delete on audit_log
    for each row execute function audit_log_is_append_only();
create trigger append_only_truncate before truncate on audit_log
    for each statement execute function audit_log_is_append_only();
