-- What the front door saw: nginx's access log, counted by the watchdog.

-- Before the other tables, as workers do.
lock table jobs in exclusive mode;

-- An inode alone does not tell a file: it is used again, and a log may be cut and filled anew.
alter table access_log_positions drop column device, add column head text not null default '';
comment on column access_log_positions.head is 'SHA-256 of the first bytes counted, 256 at the most: another one means another file';

grant select on pilot_switch, jobs to mizan_watchdog;
grant delete on front_door_minutes to mizan_watchdog;

create table front_door_totals (
	route         text     not null,
	status_class  smallint not null check (status_class between 0 and 5),
	requests      bigint   not null,
	seconds       numeric  not null,
	buckets       bigint[] not null,
	primary key (route, status_class)
);
comment on table front_door_totals is 'All that was ever counted of front_door_minutes: what GET /metrics shows';
comment on column front_door_totals.route is 'As in front_door_minutes, likewise the rest';
comment on column front_door_totals.status_class is 'First digit of the status';
comment on column front_door_totals.requests is 'How many';
comment on column front_door_totals.seconds is 'Time they took in all';
comment on column front_door_totals.buckets is 'How many took how long';
grant select, insert, update on front_door_totals to mizan_watchdog;

create function front_door_place(p_host text, p_path text) returns access_log_positions language sql volatile as $$
	insert into access_log_positions (host, path, inode, position) values (p_host, p_path, 0, 0)
	    on conflict do nothing;
	select * from access_log_positions where host = p_host and path = p_path
$$;
comment on function front_door_place(text, text) is 'How far this log has been counted; inode 0: it is new';

create function front_door_buckets(p_ms bigint[]) returns bigint[] language sql immutable parallel safe as $$
	select array_agg(coalesce(n, 0) order by bucket)
	  from generate_series(0, 12) bucket
	  left join (select width_bucket(ms, array[6, 11, 26, 51, 101, 251, 501, 1001, 2501, 5001, 10001, 30001]::bigint[]) as bucket,
	                    count(*) as n
	               from unnest(p_ms) ms group by 1) counted using (bucket)
$$;
comment on function front_door_buckets(bigint[]) is 'Times in ms as the counts of front_door_minutes.buckets';

create function add_counts(p_a bigint[], p_b bigint[]) returns bigint[] language sql immutable parallel safe as $$
	select array_agg(a + b order by i) from unnest(p_a, p_b) with ordinality u (a, b, i)
$$;
comment on function add_counts(bigint[], bigint[]) is 'Two lists of counts, added up one by one';

-- Strangers name what tenants they like: only those that have jobs are told apart.
create function front_door_count(p_host text, p_path text, p_old_inode bigint, p_old_position bigint, p_old_head text,
    p_inode bigint, p_position bigint, p_head text, p_lines json) returns boolean language plpgsql volatile as $$
begin
	update access_log_positions
	   set inode = p_inode, position = p_position, head = p_head, changed_at = clock_timestamp()
	 where host = p_host and path = p_path
	   and inode = p_old_inode and position = p_old_position and head = p_old_head;
	if not found then
		return false;
	end if;
	with lines as (
		select * from json_to_recordset(p_lines) l (minute bigint, route text, tenant_id text, status_class smallint, ms bigint)
	), known as (
		select tenant_id from (select distinct tenant_id from lines) t
		 where exists (select from jobs j where j.tenant_id = t.tenant_id)
	)
	insert into front_door_minutes as m
	select coalesce(known.tenant_id, ''), to_timestamp(minute * 60), route, status_class,
	       count(*), sum(ms) * 0.001, front_door_buckets(array_agg(ms))
	  from lines left join known using (tenant_id)
	 group by 1, 2, 3, 4 order by 1, 2, 3, 4
	    on conflict (tenant_id, minute, route, status_class) do update
	   set requests = m.requests + excluded.requests,
	       seconds = m.seconds + excluded.seconds,
	       buckets = add_counts(m.buckets, excluded.buckets);
	insert into front_door_totals as t
	select route, status_class, count(*), sum(ms) * 0.001, front_door_buckets(array_agg(ms))
	  from json_to_recordset(p_lines) l (route text, status_class smallint, ms bigint)
	 group by 1, 2 order by 1, 2
	    on conflict (route, status_class) do update
	   set requests = t.requests + excluded.requests,
	       seconds = t.seconds + excluded.seconds,
	       buckets = add_counts(t.buckets, excluded.buckets);
	return true;
end $$;
comment on function front_door_count(text, text, bigint, bigint, text, bigint, bigint, text, json) is
	'Counts these lines of the log and moves its place, both or neither; false: its place was another';

-- A year and a month, so that a month can be held against the same one of the year before.
create function front_door_forget() returns boolean language sql volatile as $$
	with gone as (
		delete from front_door_minutes where (tenant_id, minute, route, status_class) in (
			select tenant_id, minute, route, status_class from front_door_minutes
			 where minute < now() - interval '400 days' limit 10000)
		returning 1
	)
	select count(*) = 10000 from gone
$$;
comment on function front_door_forget() is 'Removes minutes older than 400 days, some at a time; true: there may be more';

revoke execute on function front_door_place(text, text), front_door_forget(),
    front_door_count(text, text, bigint, bigint, text, bigint, bigint, text, json) from public;
grant execute on function front_door_place(text, text), front_door_forget(),
    front_door_count(text, text, bigint, bigint, text, bigint, bigint, text, json) to mizan_watchdog;

-- GET /metrics.  Its counters are counts of rows.  What lies over an hour back is summed up once,
-- into metric_totals, so that only the rest is counted at each scrape: no statement of ours runs
-- that long (DB_TIMEOUT_MS), so nothing of that time can still be committed.  Where nobody sums up,
-- the same is counted, but slower.

create table metric_totals (
	name  text    not null,
	label text    not null default '',
	value numeric not null default 0,
	primary key (name, label)
);
comment on table metric_totals is 'The counters of GET /metrics before metric_totals_end';
comment on column metric_totals.name is 'Its name without mizan_ and _total';
comment on column metric_totals.label is 'Value of its label; of a histogram the number of the bucket, or sum';
comment on column metric_totals.value is 'How many, or how much';

create table metric_totals_end (
	id      boolean     primary key default true check (id),
	"until" timestamptz not null
);
insert into metric_totals_end ("until")
select date_trunc('day', least(clock_timestamp(), min(created_at)), 'UTC') from jobs;
comment on table metric_totals_end is 'How far metric_totals goes: one row';
comment on column metric_totals_end.id is 'Always true: there is one row';
comment on column metric_totals_end."until" is 'What came before is in metric_totals';

-- A counter that has not counted yet is there, and 0.
insert into metric_totals (name, label)
select 'jobs', unnest(array['SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELLED'])
union all select 'invoices', unnest(array['exact', 'minor', 'rounding', 'mismatch', 'failed'])
union all select 'incidents', unnest(array['S1', 'S2'])
union all select 'incidents_skipped', unnest(array['incident_budget', 'pilot_disabled'])
union all select 'provider_calls', 'ok'
union all select 'login_failures', ''
union all select 'pipeline_duration_seconds', to_char(i, 'FM00') from generate_series(0, 11) i
union all select 'pipeline_duration_seconds', 'sum';

create index provider_calls_created on provider_calls using brin (created_at) with (autosummarize = on);
create index jobs_smoke on jobs (tenant_id, id) where smoke;

create function pipeline_bucket(p_ms bigint) returns text language sql immutable parallel safe as $$
	select to_char(width_bucket(p_ms, array[101, 251, 501, 1001, 2501, 5001, 10001, 30001, 60001, 120001, 300001]::bigint[]), 'FM00')
$$;
comment on function pipeline_bucket(bigint) is 'Bucket of the histogram of pipeline_total_ms: at most 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300 s, or more';

create function invoice_counts(p_outcome text, p_skipped text, p_bucket text, p_n numeric, p_ms numeric)
returns table (name text, label text, value numeric) language sql immutable parallel safe as $$
	select 'invoices', p_outcome, p_n
	union all select 'jobs', 'SUCCEEDED', p_n where p_outcome <> 'failed'
	union all select 'incidents_skipped', p_skipped, p_n where p_skipped is not null
	union all select 'pipeline_duration_seconds', p_bucket, p_n
	union all select 'pipeline_duration_seconds', 'sum', p_ms * 0.001
$$;
comment on function invoice_counts(text, text, text, numeric, numeric) is 'What n invoices of a kind add to which counters';

create function metric_counts(p_from timestamptz, p_to timestamptz)
returns table (name text, label text, value numeric) language plpgsql stable as $$
#variable_conflict use_column
begin
	return query
	select c.*
	  from (select outcome, incident_skipped, pipeline_bucket(pipeline_total_ms) as bucket, count(*) as n,
	               sum(pipeline_total_ms) as ms
	          from tenants() t (id), invoices
	         where tenant_id = t.id and not smoke and created_at >= p_from and created_at < p_to
	         group by 1, 2, 3) i,
	       invoice_counts(outcome, incident_skipped, bucket, n, ms) c
	union all
	select 'jobs', state, count(*)::numeric
	  from jobs where state in ('FAILED', 'SKIPPED', 'CANCELLED') and not smoke
	   and finished_at >= p_from and finished_at < p_to group by state
	union all
	select 'incidents', severity, count(*)::numeric
	  from tenants() t (id), incidents
	 where tenant_id = t.id and created_at >= p_from and created_at < p_to group by severity
	union all
	select 'provider_calls', outcome, count(*)::numeric
	  from provider_calls where created_at >= p_from and created_at < p_to
	   and (tenant_id, job_id) not in (select tenant_id, id from jobs where smoke) group by outcome
	union all
	select 'login_failures', '', sum(failures) from login_failures
	 where minute >= p_from and minute < p_to having count(*) > 0;
end $$;
comment on function metric_counts(timestamptz, timestamptz) is 'What the rows of that time add to the counters of GET /metrics';

create function metric_add(p_name text, p_label text, p_value numeric) returns void language sql volatile as $$
	insert into metric_totals as t values (p_name, p_label, p_value)
	    on conflict (name, label) do update set value = t.value + excluded.value
$$;
comment on function metric_add(text, text, numeric) is 'Adds to a counter''s total';

create function metrics_sum_up() returns boolean language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
	v_from timestamptz;
	v_to   timestamptz;
begin
	select "until" into v_from from metric_totals_end for update;
	v_to := least(v_from + interval '1 day',
	    date_bin('10 minutes', clock_timestamp() - interval '1 hour', '2000-01-01 00:00Z'));
	if v_to <= v_from then
		return false;
	end if;
	perform metric_add(c.name, c.label, sum(c.value)) from metric_counts(v_from, v_to) c group by c.name, c.label;
	update metric_totals_end set "until" = v_to;
	return v_to = v_from + interval '1 day';
end $$;
comment on function metrics_sum_up() is 'Sums up at most one more day; true: there is more to do';

-- A counter never goes back: what is undone (a job that is tried again) or deleted (a purge) goes
-- to the totals, unless it is there already.
create function metrics_keep() returns trigger language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
	v_until timestamptz;
begin
	select "until" into v_until from metric_totals_end for share;
	case tg_table_name
	when 'jobs' then
		if not old.smoke and old.finished_at >= v_until and old.state <> 'SUCCEEDED' then
			perform metric_add('jobs', old.state, 1);
		end if;
	when 'invoices' then
		if not old.smoke and old.created_at >= v_until then
			perform metric_add(c.name, c.label, c.value)
			   from invoice_counts(old.outcome, old.incident_skipped, pipeline_bucket(old.pipeline_total_ms),
			        1, old.pipeline_total_ms) c;
		end if;
	when 'incidents' then
		if old.created_at >= v_until then
			perform metric_add('incidents', old.severity, 1);
		end if;
	when 'provider_calls' then
		if old.created_at >= v_until
		   and not exists (select from jobs where tenant_id = old.tenant_id and id = old.job_id and smoke) then
			perform metric_add('provider_calls', old.outcome, 1);
		end if;
	when 'login_failures' then
		if old.minute >= v_until then
			perform metric_add('login_failures', '', old.failures);
		end if;
	end case;
	return null;
end $$;
comment on function metrics_keep() is 'Keeps the counts of rows that go';
create trigger metrics_keep_undone after update of finished_at on jobs for each row
    when (old.finished_at is not null and new.finished_at is null) execute function metrics_keep();
create trigger metrics_keep after delete on jobs for each row
    when (old.finished_at is not null) execute function metrics_keep();
create trigger metrics_keep after delete on invoices for each row execute function metrics_keep();
create trigger metrics_keep after delete on incidents for each row execute function metrics_keep();
create trigger metrics_keep after delete on login_failures for each row execute function metrics_keep();
create trigger metrics_keep after delete on provider_calls for each row execute function metrics_keep();

create function metric_samples(p_pilot_tenant text)
returns table (name text, label text, sublabel text, value text)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
begin
	return query
	select name, label, '', trim_scale(sum(value))::text
	  from (select * from metric_totals
	        union all
	        select c.* from metric_totals_end e, metric_counts(e."until", 'infinity') c) counters
	 group by 1, 2
	union all
	select 'http_requests', route, status_class::text, requests::text from front_door_totals
	union all
	select 'http_request_duration_seconds', route, to_char(i - 1, 'FM00'), sum(n)::text
	  from front_door_totals, unnest(buckets) with ordinality b (n, i) group by route, i
	union all
	select 'http_request_duration_seconds', route, 'sum', trim_scale(sum(seconds))::text
	  from front_door_totals group by route
	union all
	select 'queue_oldest_due_seconds', '', '',
	       coalesce(greatest(0, round(extract(epoch from clock_timestamp() - min(run_at)), 3)), 0)::text
	  from jobs where state = 'QUEUED'
	union all
	select 'jobs_running', '', '', count(*)::text from jobs where state = 'RUNNING'
	union all
	select 'pilot_incidents_used', '', '', (pilot_hour(p_pilot_tenant)).incidents::text
	 order by 1, 2, 3;
end $$;
comment on function metric_samples(text) is 'All of GET /metrics that is counted, in the order in which it is written';

revoke execute on function metric_counts(timestamptz, timestamptz), metric_add(text, text, numeric), metrics_sum_up(),
    metrics_keep(), metric_samples(text) from public;
grant execute on function metrics_sum_up() to mizan_watchdog;
grant execute on function metric_samples(text) to mizan_admin, mizan_watchdog;
