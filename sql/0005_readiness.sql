-- What GET /health/ready asks, in one call (SPEC 2).  It counts over all tenants and tells
-- nothing else about them.

create type readiness as (
	schema_version    integer,
	provider_state    text,
	provider_until    timestamptz,
	key_configured    boolean,
	queue_depth       bigint,
	stuck_count       bigint,
	workers           bigint,
	pilot_switched_on boolean,
	pilot_used        bigint,
	last_incident_at  timestamptz
);
comment on type readiness is 'The facts behind GET /health/ready';
comment on column readiness.schema_version is 'Newest migration';
comment on column readiness.provider_state is 'provider_state.state; ok once its wait is over and no job is left to probe with';
comment on column readiness.provider_until is 'provider_state.blocked_until; null when ok';
comment on column readiness.key_configured is 'The worker heard of last holds a key of the provider';
comment on column readiness.queue_depth is 'Jobs QUEUED';
comment on column readiness.stuck_count is 'Jobs stuck (SPEC 4)';
comment on column readiness.workers is 'Workers alive';
comment on column readiness.pilot_switched_on is 'The run-time half of the kill switch';
comment on column readiness.pilot_used is 'Pilot invoices accepted within the hour';
comment on column readiness.last_incident_at is 'Newest incident of the pilot';

create function readiness(p_pilot_tenant text, p_stuck_minutes integer, p_alive_seconds integer)
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
	       (select count(*) from jobs where state = 'QUEUED'),
	       (select count(*) from jobs where state = 'RUNNING' and lease_until < now - stuck)
	     + case when coalesce((select consuming from workers), false) then 0
	            else (select count(*) from jobs where state = 'QUEUED' and run_at < now - stuck) end,
	       coalesce((select alive from workers), 0),
	       pilot_switched_on(),
	       (select count(*) from jobs where tenant_id = p_pilot_tenant and not smoke
	           and created_at > now - interval '1 hour'),
	       (select max(created_at) from incidents where tenant_id = p_pilot_tenant)
	  from provider p, clock
$$;
comment on function readiness(text, integer, integer) is 'The facts behind GET /health/ready';
revoke execute on function readiness(text, integer, integer) from public;
grant execute on function readiness(text, integer, integer) to mizan_app, mizan_admin, mizan_watchdog;
