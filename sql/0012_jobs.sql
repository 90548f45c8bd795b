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
