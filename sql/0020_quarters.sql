-- System health of a quarter: the front door by route, which is new, and sellers by week.

-- A quarter has a million minutes, so each day is added up while its minutes are counted.  Nobody counts meanwhile: who wants to goes on with the log when this is done.
lock table front_door_minutes in exclusive mode;

create table front_door_daily (
	tenant_id     text     not null,
	day           date     not null,
	route         text     not null,
	status_class  smallint not null check (status_class between 0 and 5),
	requests      bigint   not null,
	buckets       bigint[] not null,
	primary key (tenant_id, day, route, status_class)
);
comment on table front_door_daily is 'The sums of front_door_minutes by day';
comment on column front_door_daily.tenant_id is 'As in front_door_minutes, likewise the rest';
comment on column front_door_daily.day is 'The day, UTC';
comment on column front_door_daily.route is 'Route';
comment on column front_door_daily.status_class is 'First digit of the status';
comment on column front_door_daily.requests is 'How many';
comment on column front_door_daily.buckets is 'How many took how long';
alter table front_door_daily enable row level security;
create policy everything on front_door_daily to mizan_admin, mizan_watchdog using (true);
grant select on front_door_daily to mizan_admin, mizan_watchdog;
grant insert, update, delete on front_door_daily to mizan_watchdog;

-- The buckets one by one: taken apart by unnest() and put together again they take ten times as long.
insert into front_door_daily
select tenant_id, utc_date(minute), route, status_class, sum(requests),
       array[sum(buckets[1]), sum(buckets[2]), sum(buckets[3]), sum(buckets[4]), sum(buckets[5]), sum(buckets[6]),
             sum(buckets[7]), sum(buckets[8]), sum(buckets[9]), sum(buckets[10]), sum(buckets[11]),
             sum(buckets[12]), sum(buckets[13])]
  from front_door_minutes group by 1, 2, 3, 4;

create or replace function front_door_count(p_host text, p_path text, p_old_inode bigint, p_old_position bigint, p_old_head text,
    p_inode bigint, p_position bigint, p_head text, p_lines json) returns boolean language plpgsql volatile as $$
begin
	update access_log_positions
	   set inode = p_inode, position = p_position, head = p_head, changed_at = clock_timestamp()
	 where host = p_host and path = p_path
	   and inode = p_old_inode and position = p_old_position and head = p_old_head;
	if not found then
		return false;
	end if;
	with known as (
		select tenant_id from (select distinct tenant_id from json_to_recordset(p_lines) l (tenant_id text)) t
		 where exists (select from jobs j where j.tenant_id = t.tenant_id)
	), lines as (
		select coalesce(known.tenant_id, '') as tenant_id, to_timestamp(minute * 60) as minute, route, status_class, ms
		  from json_to_recordset(p_lines) l (minute bigint, route text, tenant_id text, status_class smallint, ms bigint)
		  left join known using (tenant_id)
	), minutes as (
		insert into front_door_minutes as m
		select tenant_id, minute, route, status_class, count(*), sum(ms) * 0.001, front_door_buckets(array_agg(ms))
		  from lines group by 1, 2, 3, 4 order by 1, 2, 3, 4
		    on conflict (tenant_id, minute, route, status_class) do update
		   set requests = m.requests + excluded.requests,
		       seconds = m.seconds + excluded.seconds,
		       buckets = add_counts(m.buckets, excluded.buckets)
	)
	insert into front_door_daily as d
	select tenant_id, utc_date(minute), route, status_class, count(*), front_door_buckets(array_agg(ms))
	  from lines group by 1, 2, 3, 4 order by 1, 2, 3, 4
	    on conflict (tenant_id, day, route, status_class) do update
	   set requests = d.requests + excluded.requests,
	       buckets = add_counts(d.buckets, excluded.buckets);
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

create or replace function front_door_forget() returns boolean language sql volatile as $$
	with gone as (
		delete from front_door_minutes where (tenant_id, minute, route, status_class) in (
			select tenant_id, minute, route, status_class from front_door_minutes
			 where minute < now() - interval '400 days' limit 10000)
		returning 1
	), days as (
		delete from front_door_daily where day < utc_date(now() - interval '400 days')
	)
	select count(*) = 10000 from gone
$$;
comment on function front_door_forget() is 'Removes minutes, some at a time, and days older than 400 days; true: there may be more';

create function answered_within(p_buckets bigint[], p_share numeric) returns bigint language sql immutable parallel safe as $$
	select bound
	  from (select bound, place, sum(n) over (order by place) as answered, sum(n) over () as total
	          from unnest(p_buckets, array[5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000]::bigint[])
	               with ordinality b (n, bound, place)) counted
	 where answered > 0 and answered >= p_share * total
	 order by place limit 1
$$;
comment on function answered_within(bigint[], numeric) is
    'The least bound of front_door_minutes.buckets, in ms, within which that share was answered; null: none, or nothing was';

create function front_door_routes(p_tenant text, p_from date, p_to date) returns json language plpgsql stable as $$
begin
	return (
	with counted as (
		select route, sum(requests) as requests,
		       coalesce(sum(requests) filter (where status_class = 2), 0) as "2xx",
		       coalesce(sum(requests) filter (where status_class = 3), 0) as "3xx",
		       coalesce(sum(requests) filter (where status_class = 4), 0) as "4xx",
		       coalesce(sum(requests) filter (where status_class = 5), 0) as "5xx",
		       coalesce(sum(requests) filter (where status_class = 0), 0) as "left",
		       array[sum(buckets[1]), sum(buckets[2]), sum(buckets[3]), sum(buckets[4]), sum(buckets[5]), sum(buckets[6]),
		             sum(buckets[7]), sum(buckets[8]), sum(buckets[9]), sum(buckets[10]), sum(buckets[11]),
		             sum(buckets[12]), sum(buckets[13])]::bigint[] as buckets
		  from front_door_daily
		 where tenant_id in (p_tenant, case when p_tenant = 'default' then '' else p_tenant end)
		   and day between p_from and p_to
		 group by route
	), shown as (
		select route, requests, "2xx", "3xx", "4xx", "5xx", "left",
		       answered_within(buckets, 0.5) as p50_ms, answered_within(buckets, 0.95) as p95_ms
		  from counted
	)
	select coalesce(json_agg(shown order by requests desc, route), '[]') from shown);
end $$;
comment on function front_door_routes(text, date, date) is
    'What the front door saw of a tenant from p_from to p_to, by route; of the tenant default also those that name no tenant';

-- A quarter has a hundred thousand sellers of days, and a third of that where whole weeks are added up.  As the
-- days of 0017, weeks are marked stale by whoever changes an invoice, and made anew by the watchdog.

create table weekly_sellers (
	tenant_id         text          not null,
	week              date          not null,
	stale             boolean       not null default true,
	seller_keys       bigint[]      not null default '{}',
	seller_totals     integer[]     not null default '{}',
	seller_mismatches integer[]     not null default '{}',
	seller_last       timestamptz[] not null default '{}',
	primary key (tenant_id, week)
);
alter table weekly_sellers alter seller_keys set storage external, alter seller_totals set storage external,
    alter seller_mismatches set storage external, alter seller_last set storage external;
create index weekly_sellers_stale on weekly_sellers (tenant_id, week) where stale;
comment on table weekly_sellers is 'What the invoices of a week that is over say of their sellers; a week without a row, or with a stale one, is read by days';
comment on column weekly_sellers.tenant_id is 'Tenant';
comment on column weekly_sellers.week is 'The week''s Monday, UTC';
comment on column weekly_sellers.stale is 'To be made (anew): the rest of the row counts for nothing';
comment on column weekly_sellers.seller_keys is 'As in daily_figures, likewise the rest';
comment on column weekly_sellers.seller_totals is 'Of each: invoices';
comment on column weekly_sellers.seller_mismatches is 'Of each: mismatches';
comment on column weekly_sellers.seller_last is 'Of each: the latest invoice';
alter table weekly_sellers enable row level security;
create policy everything on weekly_sellers to mizan_admin, mizan_watchdog using (true);
grant select on weekly_sellers to mizan_admin, mizan_watchdog;

create function utc_week(p_day date) returns date language sql immutable parallel safe as $$
	select p_day - (extract(isodow from p_day)::integer - 1)
$$;
comment on function utc_week(date) is 'The Monday of its week';

insert into weekly_sellers (tenant_id, week) select distinct tenant_id, utc_week(day) from daily_figures;

-- Held until he commits who changes the day's invoices, as the day itself.
create function weekly_sellers_stale() returns trigger language plpgsql volatile security definer
    set search_path = public, pg_temp as $$
begin
	insert into weekly_sellers (tenant_id, week) values (new.tenant_id, utc_week(new.day))
	    on conflict (tenant_id, week) do update set stale = true;
	return null;
end $$;
comment on function weekly_sellers_stale() is 'A week of which a day has to be made anew has to be, too';
revoke execute on function weekly_sellers_stale() from public;
create trigger weekly_sellers after insert or update on daily_figures for each row
    when (new.stale) execute function weekly_sellers_stale();
alter table daily_figures enable always trigger weekly_sellers;

-- As before (0017), and weeks when there are no days to be made.
create or replace function daily_figures_keep() returns boolean language plpgsql volatile security definer
    set search_path = public, pg_temp as $$
declare
	v_day date;
	next  record;
	n     integer := 0;
begin
	for next in select tenant_id, day from daily_figures where stale order by tenant_id, day limit 20 for update skip locked loop
		perform daily_figures_make(next.tenant_id, next.day);
		n := n + 1;
	end loop;
	if n > 0 then
		return true;
	end if;
	select utc_date(figures) into v_day from days_done for update;
	if utc_day(v_day + 1) <= clock_timestamp() - interval '1 hour' then
		insert into daily_figures (tenant_id, day)
		select t.id, v_day from tenants() t (id)
		 where exists (select from invoices v where v.tenant_id = t.id and not v.smoke
		                  and v.created_at >= utc_day(v_day) and v.created_at < utc_day(v_day + 1))
		 order by 1 on conflict do nothing;
		update days_done set figures = utc_day(v_day + 1);
		return true;
	end if;
	for next in select tenant_id, week from weekly_sellers where stale and week + 7 <= v_day
	             order by tenant_id, week limit 5 for update skip locked loop
		perform weekly_sellers_make(next.tenant_id, next.week);
		n := n + 1;
	end loop;
	return n > 0;
end $$;
comment on function daily_figures_keep() is 'Makes some of the days and weeks that are over; true: there may be more';

create function weekly_sellers_make(p_tenant text, p_week date) returns void language plpgsql volatile as $$
begin
	update weekly_sellers w
	   set stale = false,
	       (seller_keys, seller_totals, seller_mismatches, seller_last) = (
	           select coalesce(array_agg(s.seller_key order by s.seller_key), '{}'), coalesce(array_agg(s.total order by s.seller_key), '{}'),
	                  coalesce(array_agg(s.mismatches order by s.seller_key), '{}'), coalesce(array_agg(s.last order by s.seller_key), '{}')
	             from seller_counts(p_tenant, utc_day(p_week), utc_day(p_week + 7)) s)
	 where w.tenant_id = p_tenant and w.week = p_week;
	delete from weekly_sellers w where w.tenant_id = p_tenant and w.week = p_week and w.seller_keys = '{}';
end $$;
comment on function weekly_sellers_make(text, date) is 'Makes a row that is there from the invoices; without any seller, it goes';
revoke execute on function weekly_sellers_make(text, date) from public;

-- As before (0017), by weeks where they are whole.  Lists are taken apart in the select list, which takes half the time.
create or replace function top_offenders(p_tenant text, p_from timestamptz, p_to timestamptz, out by_rate json, out by_count json)
language plpgsql stable as $$
declare
	v_first constant date := utc_date(p_from);
	v_last  constant date := utc_date(p_to) - 1;
	v_weeks constant date[] := array(select week from weekly_sellers where tenant_id = p_tenant
	                                    and week >= v_first and week + 6 <= v_last and not stale);
begin
	with counted (seller_key, total, mismatches, last) as (
		select unnest(seller_keys), unnest(seller_totals), unnest(seller_mismatches), unnest(seller_last)
		  from weekly_sellers where tenant_id = p_tenant and week = any (v_weeks)
		union all
		select unnest(seller_keys), unnest(seller_totals), unnest(seller_mismatches), unnest(seller_last)
		  from daily_figures
		 where tenant_id = p_tenant and day between v_first and v_last and not stale and utc_week(day) <> all (v_weeks)
		union all
		select c.* from days_not_kept(p_tenant, v_first, v_last) n, seller_counts(p_tenant, n.began, n.ends) c
		 where utc_week(utc_date(n.began)) <> all (v_weeks)
	), seller as (
		select seller_key, sum(total) as total, sum(mismatches) as mismatches, max(last) as last
		  from counted group by seller_key having sum(mismatches) > 0
	), ranked as (
		select *, row_number() over (order by mismatches desc, total, seller_key) as place_by_count,
		       row_number() over (order by total >= 20 desc, rate(mismatches, total) desc, mismatches desc, seller_key) as place_by_rate
		  from seller
	), shown as (
		select place_by_count, place_by_rate, total >= 20 as enough,
		       json_build_object('seller', name, 'total_count', total, 'mismatch_count', mismatches,
		           'mismatch_rate', rounded(rate(mismatches, total))) as entry
		  from ranked, lateral (
			select coalesce(nullif(seller_name, ''), seller_tax_id) as name from invoices
			 where tenant_id = p_tenant and not smoke and created_at = ranked.last and seller_key = ranked.seller_key
			 limit 1) latest
		 where place_by_count <= 10 or place_by_rate <= 10
	)
	select coalesce(json_agg(entry order by place_by_rate) filter (where place_by_rate <= 10 and enough), '[]'),
	       coalesce(json_agg(entry order by place_by_count) filter (where place_by_count <= 10), '[]')
	  into by_rate, by_count from shown;
end $$;

-- As before (0017), with the front door by route.
create or replace function system_health(p_tenant text, p_reference date, p_days integer, p_stuck_minutes integer)
returns json language plpgsql stable as $$
declare
	last      date := coalesce(p_reference, utc_today());
	first     date := last - p_days + 1;
	began     timestamptz := utc_day(first);
	ends      timestamptz := utc_day(last + 1);
	current   figures := figures_of_days(p_tenant, first, last);
	previous  figures := figures_of_days(p_tenant, first - p_days, first - 1);
	offenders record := top_offenders(p_tenant, began, ends);
	mismatch  record := mismatch_distribution(p_tenant, began, ends);
	passed    traffic;
begin
	select null, sum(requests), sum(errors_4xx), sum(errors_5xx), sum(jobs_accepted), null, max(max_depth)
	  into passed from traffic(p_tenant, first, last);
	return json_build_object(
	    'tenant_id', p_tenant,
	    'generated_at', rfc3339(now()),
	    'current_period', figures_json(current, first, last),
	    'previous_period', figures_json(previous, first - p_days, first - 1),
	    'drift_alerts', (select json_agg(d) from drift(current, previous) d),
	    'top_offenders_by_rate', offenders.by_rate,
	    'top_offenders_by_count', offenders.by_count,
	    'histogram', mismatch.histogram,
	    'action_class_distribution', mismatch.action_classes,
	    'metrics', (select json_agg(m) from metrics(current, passed) m),
	    'trend', trend(p_tenant, first, last),
	    'front_door', json_build_object('requests', passed.requests, '4xx', passed.errors_4xx,
	        '5xx', passed.errors_5xx, 'error_rate_5xx', rounded(rate(passed.errors_5xx, passed.requests))),
	    'queue', (select json_build_object('depth', q.depth, 'stuck_count', q.stuck_count)
	                from queue_now(p_tenant, p_stuck_minutes) q),
	    'front_door_routes', front_door_routes(p_tenant, first, last));
end $$;

create or replace function tenant_tables() returns table (place integer, name text, fate text) language sql immutable as $$
	values (1, 'idempotency_keys', 'purged'), (2, 'provider_calls', 'purged'), (3, 'invoices', 'purged'),
	       (4, 'incident_feedback', 'purged'), (5, 'incidents', 'purged'), (6, 'jobs', 'purged'), (7, 'documents', 'purged'),
	       (8, 'latency_baselines', 'purged'), (9, 'daily_figures', 'purged'), -- after the invoices: they mark it
	       (10, 'weekly_sellers', 'purged'), (11, 'front_door_minutes', 'report'), (12, 'front_door_daily', 'report'),
	       (13, 'run_summaries', 'report'), (14, 'audit_log', 'kept'), (15, 'api_keys', 'kept')
$$;
