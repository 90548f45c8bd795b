-- What operators look at reads less.  Of system health: what was resolved on a day that is over is counted
-- once, as its invoices are (0017), the queue's week before is read only where jobs waited, and the front
-- door's days as they are kept (0020).  Of incidents: those with a rare text or flag are not looked for
-- among all.

-- In the order in which results take them: who comes later waits, and holds nothing of it.
lock table jobs, incidents, daily_figures in exclusive mode;

-- Incidents resolved on days that are over are kept in daily_figures, too.  Whoever changes one of them
-- later says so here, in a row of his own, so that nobody waits for another and the day's invoices need
-- not be read again.  A mark is seen with the change, or neither is.
create table resolved_changes (
	tenant_id text not null,
	day       date not null
);
create index resolved_changes_day on resolved_changes (tenant_id, day);
comment on table resolved_changes is 'Days that are over and whose resolved incidents have changed since: how many there are is counted anew';
comment on column resolved_changes.tenant_id is 'Tenant';
comment on column resolved_changes.day is 'The day, UTC';
alter table resolved_changes enable row level security;
create policy everything on resolved_changes to mizan_admin, mizan_watchdog using (true);
grant select on resolved_changes to mizan_admin, mizan_watchdog;

create function resolved_changed() returns trigger language plpgsql volatile security definer
    set search_path = public, pg_temp as $$
begin
	if tg_level = 'ROW' then
		insert into resolved_changes (tenant_id, day)
		select distinct new.tenant_id, utc_date(at) from unnest(array[old.resolved_at, new.resolved_at]) at
		 where at < utc_day(utc_today());
	else
		insert into resolved_changes (tenant_id, day)
		select distinct tenant_id, utc_date(resolved_at) from gone where resolved_at < utc_day(utc_today());
	end if;
	return null;
end $$;
comment on function resolved_changed() is 'Marks the days on which what has changed was resolved';
revoke execute on function resolved_changed() from public;
create trigger resolved_insert after insert on incidents for each row
    when (new.resolved_at < date_trunc('day', now(), 'UTC')) execute function resolved_changed();
create trigger resolved_update after update on incidents for each row
    when ((old.status is distinct from new.status or old.resolved_at is distinct from new.resolved_at
           or (old.feedback_correct is null) is distinct from (new.feedback_correct is null))
          and least(old.resolved_at, new.resolved_at) < date_trunc('day', now(), 'UTC'))
    execute function resolved_changed();
create trigger resolved_delete after delete on incidents referencing old table as gone
    for each statement execute function resolved_changed();
alter table incidents enable always trigger resolved_insert;
alter table incidents enable always trigger resolved_update;
alter table incidents enable always trigger resolved_delete;

comment on table daily_figures is 'What the invoices of a day that is over say; a day without a row, or with a stale one, is read from the rows';
comment on column daily_figures.figures is 'Of the day; what is said there of incidents resolved may have changed where resolved_changes says so';

-- Kept rows have had no marks so far.
insert into resolved_changes (tenant_id, day) select tenant_id, day from daily_figures where not stale;

-- As before (0017), with the incidents resolved as they are kept.
create or replace function figures_of_days(p_tenant text, p_from date, p_to date) returns figures language plpgsql stable as $$
declare
	f         figures;
	corrected record;
begin
	select coalesce(sum((d.figures).total_invoices), 0), coalesce(sum((d.figures).mismatch_count), 0),
	       coalesce(sum((d.figures).incident_count), 0), coalesce(sum((d.figures).s1_count), 0),
	       coalesce(sum((d.figures).s2_count), 0), coalesce(sum((d.figures).ocr_suspect_count), 0),
	       coalesce(sum((d.figures).accept_rounding_count), 0), coalesce(sum((d.figures).resolved_total), 0),
	       coalesce(sum((d.figures).resolved_with_feedback), 0)
	  into f.total_invoices, f.mismatch_count, f.incident_count, f.s1_count, f.s2_count,
	       f.ocr_suspect_count, f.accept_rounding_count, f.resolved_total, f.resolved_with_feedback
	  from (select figures from daily_figures
	         where tenant_id = p_tenant and day between p_from and p_to and not stale
	        union all
	        select figures(p_tenant, n.began, n.ends) from days_not_kept(p_tenant, p_from, p_to) n) d;
	select coalesce(sum(r.total - (d.figures).resolved_total), 0) as total,
	       coalesce(sum(r.with_feedback - (d.figures).resolved_with_feedback), 0) as with_feedback
	  into corrected
	  from daily_figures d, resolved_counts(p_tenant, utc_day(d.day), utc_day(d.day + 1)) r
	 where d.tenant_id = p_tenant and not d.stale
	   and d.day = any (array(select day from resolved_changes where tenant_id = p_tenant and day between p_from and p_to));
	f.resolved_total := f.resolved_total + corrected.total;
	f.resolved_with_feedback := f.resolved_with_feedback + corrected.with_feedback;
	f.p95_pipeline_total_ms := p95_of_days(p_tenant, p_from, p_to, f.total_invoices);
	return figures_rates(f);
end $$;

-- As before (0017), but the rows of a day are looked up by that day: how much of the tenant's lies
-- between two moments of another table is a guess of a ninth, for which all of it may be read instead.
create or replace function p95_of_days(p_tenant text, p_from date, p_to date, p_total bigint) returns bigint
language plpgsql stable as $$
declare
	-- As percentile_disc() counts, from the other end.
	v_place bigint := p_total - ceil(0.95::float8 * p_total::float8)::bigint + 1;
	v_share numeric := 0.1;
	v_p95   bigint;
	v_left  bigint; -- the slowest that was left out is at most this
begin
	if p_total = 0 then
		return 0;
	end if;
	loop
		with kept as (
			select pipeline_ms, ceil(cardinality(pipeline_ms) * v_share)::integer as seen
			  from daily_figures where tenant_id = p_tenant and day between p_from and p_to and not stale
		), slow (ms) as (
			select unnest(pipeline_ms[1:seen]) from kept
			union all
			select i.ms from days_not_kept(p_tenant, p_from, p_to) d cross join lateral (
				select pipeline_total_ms as ms from invoices
				 where tenant_id = p_tenant and not smoke and created_at >= d.began and created_at < d.ends offset 0) i
		)
		select (select ms from slow order by ms desc offset v_place - 1 limit 1),
		       (select max(pipeline_ms[seen]) from kept where seen < cardinality(pipeline_ms))
		  into v_p95, v_left;
		if v_left is null or v_left <= v_p95 then
			return v_p95;
		end if;
		v_share := least(1, v_share * 3);
	end loop;
end $$;

-- Marks whose day is not kept, as one without invoices, say nothing: it is read from the rows, or made after them.
create function resolved_keep() returns boolean language plpgsql volatile as $$
declare
	next record;
	r    record;
	n    integer := 0;
begin
	delete from resolved_changes c
	 where not exists (select from daily_figures d where d.tenant_id = c.tenant_id and d.day = c.day and not d.stale);
	for next in select d.tenant_id, d.day from daily_figures d
	             where not d.stale and exists (select from resolved_changes c where c.tenant_id = d.tenant_id and c.day = d.day)
	             order by 1, 2 limit 100 for update skip locked loop
		delete from resolved_changes c where c.tenant_id = next.tenant_id and c.day = next.day;
		select * into r from resolved_counts(next.tenant_id, utc_day(next.day), utc_day(next.day + 1));
		update daily_figures d set figures.resolved_total = r.total, figures.resolved_with_feedback = r.with_feedback
		 where d.tenant_id = next.tenant_id and d.day = next.day;
		n := n + 1;
	end loop;
	return n > 0;
end $$;
comment on function resolved_keep() is 'Counts what was resolved on some of the days that are marked; true: there may be more';
revoke execute on function resolved_keep() from public;

-- As before (0020), but a day that is marked waits for its hour, too; and the incidents resolved.
create or replace function daily_figures_keep() returns boolean language plpgsql volatile security definer
    set search_path = public, pg_temp as $$
declare
	v_day date;
	next  record;
	n     integer := 0;
begin
	select utc_date(figures) into v_day from days_done for update;
	for next in select tenant_id, day from daily_figures where stale and day < v_day
	             order by tenant_id, day limit 20 for update skip locked loop
		perform daily_figures_make(next.tenant_id, next.day);
		n := n + 1;
	end loop;
	if n > 0 then
		return true;
	end if;
	if utc_day(v_day + 1) <= clock_timestamp() - interval '1 hour' then
		insert into daily_figures (tenant_id, day)
		select t.id, v_day from tenants() t (id)
		 where exists (select from invoices v where v.tenant_id = t.id and not v.smoke
		                  and v.created_at >= utc_day(v_day) and v.created_at < utc_day(v_day + 1))
		 order by 1 on conflict do nothing;
		update days_done set figures = utc_day(v_day + 1);
		return true;
	end if;
	if resolved_keep() then
		return true;
	end if;
	for next in select tenant_id, week from weekly_sellers where stale and week + 7 <= v_day
	             order by tenant_id, week limit 5 for update skip locked loop
		perform weekly_sellers_make(next.tenant_id, next.week);
		n := n + 1;
	end loop;
	return n > 0;
end $$;
comment on function daily_figures_keep() is 'Makes some of the days and weeks that are over, and counts some that are marked; true: there may be more';

-- As before (0020), and resolved_changes after the incidents, which mark it.
create or replace function tenant_tables() returns table (place integer, name text, fate text) language sql immutable as $$
	values (1, 'idempotency_keys', 'purged'), (2, 'provider_calls', 'purged'), (3, 'invoices', 'purged'),
	       (4, 'incident_feedback', 'purged'), (5, 'incidents', 'purged'), (6, 'jobs', 'purged'), (7, 'documents', 'purged'),
	       (8, 'latency_baselines', 'purged'), (9, 'daily_figures', 'purged'), -- after the invoices: they mark it
	       (10, 'weekly_sellers', 'purged'), (11, 'resolved_changes', 'purged'), (12, 'front_door_minutes', 'report'),
	       (13, 'front_door_daily', 'report'), (14, 'run_summaries', 'report'), (15, 'audit_log', 'kept'), (16, 'api_keys', 'kept')
$$;

-- The queue.

create index jobs_retried on jobs (tenant_id, retried_at) where retried_at is not null;

-- As before (0017), but of the week before only the last day is read where its run summary says that
-- nothing waited at its end.  That day is: who was at work then may have been handed back since, and
-- counts as if it had waited all the time.
create or replace function queue_depths(p_tenant text, p_from date, p_to date)
returns table (day date, accepted bigint, depth bigint, max_depth bigint) language plpgsql stable as $$
declare
	began timestamptz := utc_day(p_from);
	ends  timestamptz := utc_day(p_to + 1);
	-- Older ones are looked for only among those that wait still.
	since timestamptz := case
	    when (select (s.summary->'queue'->>'depth')::bigint from run_summaries s
	           where s.tenant_id = p_tenant and s.day = p_from - 1) = 0 then began - interval '1 day'
	    else began - interval '7 days' end;
begin
	return query
	with job as (
		select created_at, coalesce(retried_at, created_at) as entered_at,
		       case when state <> 'QUEUED' then coalesce(started_at, finished_at) end as left_at
		  from jobs where tenant_id = p_tenant and not smoke and created_at >= since and created_at < ends
		   and (created_at >= began or state = 'QUEUED' or coalesce(started_at, finished_at, 'infinity') >= began)
		union all
		select created_at, retried_at, coalesce(started_at, finished_at) from jobs
		 where tenant_id = p_tenant and not smoke and state <> 'QUEUED' and created_at < since
		   and retried_at >= began and retried_at < ends
		union all
		select created_at, coalesce(retried_at, created_at), null from jobs
		 where tenant_id = p_tenant and not smoke and state = 'QUEUED' and created_at < since
	), step (at, step, accepted) as (
		select greatest(entered_at, began), 1, 0 from job
		 where entered_at < ends and (left_at is null or left_at >= began)
		union all
		select left_at, -1, 0 from job where entered_at < ends and left_at >= began and left_at < ends
		union all
		select created_at, 0, 1 from job where created_at >= began
		union all
		select utc_day(p_from + n), 0, 0 from generate_series(0, p_to - p_from) n
	), running as (
		select (s.at at time zone 'UTC')::date as on_day, s.step, s.accepted,
		       sum(s.step) over (order by s.at, s.step <> 0, s.step desc rows unbounded preceding) as waiting
		  from step s
	)
	select r.on_day, sum(r.accepted), (sum(sum(r.step)) over (order by r.on_day))::bigint, max(r.waiting)
	  from running r group by r.on_day;
end $$;

-- The front door.

create or replace function front_door_days(p_tenant text, p_from date, p_to date)
returns table (day date, requests bigint, errors_4xx bigint, errors_5xx bigint) language sql stable as $$
	select f.day, sum(f.requests)::bigint,
	       coalesce(sum(f.requests) filter (where f.status_class = 4), 0)::bigint,
	       coalesce(sum(f.requests) filter (where f.status_class = 5), 0)::bigint
	  from front_door_daily f
	 where f.tenant_id in (p_tenant, case when p_tenant = 'default' then '' else p_tenant end)
	   and f.route in ('/full-process', '/jobs/{id}')
	   and f.day between p_from and p_to
	 group by 1
$$;

-- Text and flags.

create index incidents_flags on incidents using gin (array_append(secondary_flags, primary_flag));

-- As before (0009), but how rare a text or a flag is does not hang on the planner's guess.  It is looked for
-- in the newest 2,000 that fit otherwise, and where these do not fill a page, in all that fit: put in order
-- only after they are found, or a rare one would be looked for from the newest incident to the oldest.
create or replace function incident_list(p_tenant text, p_status text, p_severity text, p_category text, p_flag text,
    p_seller text, p_q text, p_limit integer, p_cursor text) returns json language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	hex      text := replace(p_q, '-', '');
	is_id    boolean := p_q ~* '^[0-9a-f]{8}-?[0-9a-f-]*$' and length(hex) <= 32;
	before   timestamptz := timestamptz 'epoch' + split_part(p_cursor, '.', 1)::bigint * interval '1 microsecond';
	v_fits   text := 'select i.id, i.created_at from incidents i where true'
	    || case when p_tenant is not null then ' and i.tenant_id = $1' else '' end
	    || case when p_status is not null then ' and i.status = $2' else '' end
	    || case when p_severity is not null then ' and i.severity = $3' else '' end
	    || case when p_category is not null then ' and i.category = $4' else '' end
	    || case when p_cursor is not null then ' and (i.created_at, i.id) < ($9, $10)' else '' end;
	v_rare   text :=
	       case when p_flag is not null then ' and array_append(i.secondary_flags, i.primary_flag) @> array[$5]' else '' end
	    || case when p_seller is not null
	            then ' and i.search like search_pattern($6)'
	              || ' and search_form(concat_ws('' '', '''', i.seller_name, i.seller_tax_id)) like search_pattern($6)'
	            else '' end
	    || case when is_id then ' and (i.search like search_pattern($7) or i.id between $11 and $12)'
	            when p_q is not null then ' and i.search like search_pattern($7)' else '' end;
	v_page   text := ' order by i.created_at desc, i.id desc limit $8 + 1)';
	v_look   text;
	v_all    boolean;
	v_ids    uuid[];
	found    json;
begin
	foreach v_look in array case when v_rare = '' then array['select true, array(select i.id from (' || v_fits || ') i' || v_page]
	    else array['with seen as materialized (' || v_fits || ' order by i.created_at desc, i.id desc limit 2000)
	                select (select count(*) from seen) < 2000,
	                       array(select i.id from seen cross join lateral (
	                           select * from incidents where id = seen.id offset 0) i where true' || v_rare || v_page,
	               'select true, array(select i.id from (' || v_fits || v_rare || ' offset 0) i' || v_page] end loop
		execute v_look into v_all, v_ids
		  using p_tenant, p_status, p_severity, p_category, p_flag, p_seller, p_q, p_limit, before,
		        nullif(split_part(p_cursor, '.', 2), '')::uuid,
		        case when is_id then rpad(hex, 32, '0')::uuid end, case when is_id then rpad(hex, 32, 'f')::uuid end;
		exit when v_all or cardinality(v_ids) > p_limit;
	end loop;
	select json_build_object(
	         'incidents', coalesce((
	           select json_agg(row_to_json(l) order by p.place)
	             from unnest(v_ids[:p_limit]) with ordinality p (id, place) join incident_items l using (id)), '[]'),
	         'next_cursor', (
	           select (extract(epoch from created_at) * 1000000)::bigint || '.' || id
	             from incidents where cardinality(v_ids) > p_limit and id = v_ids[p_limit]))
	  into found;
	return found;
end $$;
