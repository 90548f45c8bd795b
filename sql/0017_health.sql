-- Days that are over, once: the watchdog writes their run summaries, and keeps what invoices say of a
-- day, so that system health over a month or a quarter need not read them all again.  The figures
-- are the same either way: where a day is not kept, or its invoices change, the rows are read.

-- Before the other tables, as workers do.
lock table jobs in exclusive mode;

create function utc_date(p_at timestamptz) returns date language sql immutable parallel safe as $$
	select (p_at at time zone 'UTC')::date
$$;
comment on function utc_date(timestamptz) is 'The day of that moment';

-- How far a log has been counted, also where nothing was added to it.
alter table access_log_positions add column caught_up_at timestamptz not null default '-infinity';
comment on column access_log_positions.caught_up_at is 'Everything that stood in the log then is counted';

create function front_door_caught_up(p_host text, p_path text, p_inode bigint, p_position bigint, p_head text)
returns void language sql volatile as $$
	update access_log_positions set caught_up_at = clock_timestamp()
	 where host = p_host and path = p_path and inode = p_inode and position = p_position and head = p_head
$$;
comment on function front_door_caught_up(text, text, bigint, bigint, text) is
    'The log ends at this place; nothing where that is no longer how far it has been counted';

create table days_done (
	only_one  boolean     primary key default true check (only_one),
	summaries timestamptz not null,
	call      uuid,
	lines     text        not null default '',
	uncounted text,
	figures   timestamptz not null
);
insert into days_done (summaries, figures) values (utc_day(utc_today() - 31), utc_day(utc_today() - 181));
comment on table days_done is 'How far the watchdog has come with the days that are over: one row';
comment on column days_done.only_one is 'There is one row';
comment on column days_done.summaries is 'The days before it have their run summaries';
comment on column days_done.call is 'The call that wrote those of the latest day; asked again, it gets the same answer';
comment on column days_done.lines is 'The lines that it wrote';
comment on column days_done.uncounted is 'The access logs that it did not wait for any longer';
comment on column days_done.figures is 'The days before it are in daily_figures';

-- The run summaries.

create function access_logs_behind(p_from timestamptz, p_to timestamptz) returns text language sql stable as $$
	select string_agg(host || ':' || path, ', ' order by host, path) from access_log_positions
	 where greatest(changed_at, caught_up_at) >= p_from and caught_up_at < p_to
$$;
comment on function access_logs_behind(timestamptz, timestamptz) is
    'The logs that were counted since p_from and not yet up to p_to; null: none';

-- A minute after midnight, since nginx's clock is not the database's; at one o'clock at the latest,
-- since a machine that was taken away counts nothing any more.
create function run_summaries_next(p_now timestamptz, p_call uuid, out moved boolean, out lines text, out uncounted text)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
	done  days_done;
	v_day date;
	v_end timestamptz;
begin
	select * into done from days_done;
	moved := false;
	if done.summaries >= date_trunc('day', p_now, 'UTC') and done.call is distinct from p_call then
		return;
	end if;
	select * into done from days_done for update;
	if done.call = p_call then
		moved := true;
		lines := done.lines;
		uncounted := done.uncounted;
		return;
	end if;
	v_day := utc_date(done.summaries);
	v_end := utc_day(v_day + 1);
	if p_now < v_end + interval '1 minute' then
		return;
	end if;
	uncounted := access_logs_behind(utc_day(v_day), v_end + interval '1 minute');
	if uncounted is not null and p_now < v_end + interval '1 hour' then
		return;
	end if;
	moved := true;
	select coalesce(string_agg(w.line || E'\n', '' order by w.tenant), '') into lines
	  from run_summary_write(v_day, null) w where w.is_new;
	update days_done set summaries = v_end, call = p_call, lines = run_summaries_next.lines,
	       uncounted = run_summaries_next.uncounted;
end $$;
comment on function run_summaries_next(timestamptz, uuid) is
    'Writes the run summaries of the next day that is over and counted; not moved: there is none. The lines that are new, each with its line feed, and the logs that were not waited for';

-- figures() in parts that others use, too.

create function resolved_counts(p_tenant text, p_from timestamptz, p_to timestamptz, out total bigint, out with_feedback bigint)
language sql stable as $$
	select count(*), count(feedback_correct) from incidents
	 where tenant_id = p_tenant and status = 'RESOLVED' and resolved_at >= p_from and resolved_at < p_to
$$;
comment on function resolved_counts(text, timestamptz, timestamptz) is 'Incidents resolved in [p_from, p_to), and those with feedback';

create function figures_rates(f figures) returns figures language plpgsql immutable as $$
begin
	f.mismatch_rate := rate(f.incident_count, f.total_invoices);
	f.s1_rate := rate(f.s1_count, f.incident_count);
	f.s2_rate := rate(f.s2_count, f.total_invoices);
	f.ocr_suspect_rate := rate(f.ocr_suspect_count, f.incident_count);
	f.accept_rounding_rate := rate(f.accept_rounding_count, f.total_invoices);
	f.feedback_coverage := rate(f.resolved_with_feedback, f.resolved_total);
	return f;
end $$;
comment on function figures_rates(figures) is 'The same with the rates of its counts';

create or replace function figures(p_tenant text, p_from timestamptz, p_to timestamptz) returns figures
language plpgsql stable as $$
declare
	f figures;
begin
	select count(*), count(*) filter (where outcome = 'mismatch'),
	       count(*) filter (where incident_id is not null or incident_skipped is not null),
	       count(*) filter (where severity = 'S1'), count(*) filter (where severity = 'S2'),
	       count(*) filter (where ocr_suspect), count(*) filter (where outcome = 'rounding'),
	       coalesce(percentile_disc(0.95) within group (order by pipeline_total_ms), 0)
	  into f.total_invoices, f.mismatch_count, f.incident_count, f.s1_count, f.s2_count,
	       f.ocr_suspect_count, f.accept_rounding_count, f.p95_pipeline_total_ms
	  from invoices
	 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to;
	select r.total, r.with_feedback into f.resolved_total, f.resolved_with_feedback from resolved_counts(p_tenant, p_from, p_to) r;
	return figures_rates(f);
end $$;

-- What invoices say of a day.

create type mismatch_counts as (
	under_2              bigint,
	under_5              bigint,
	under_10             bigint,
	under_20             bigint,
	over_20              bigint,
	verify_ocr           bigint,
	verify_invoice_logic bigint,
	accept_rounding      bigint,
	hints                bigint
);
comment on type mismatch_counts is 'Mismatches by how large they are (lower bound in, upper out), and by what their hints say';
comment on column mismatch_counts.under_2 is 'Ratio below 0.02';
comment on column mismatch_counts.under_5 is 'Ratio from 0.02 to 0.05';
comment on column mismatch_counts.under_10 is 'Ratio from 0.05 to 0.10';
comment on column mismatch_counts.under_20 is 'Ratio from 0.10 to 0.20';
comment on column mismatch_counts.over_20 is 'Ratio of 0.20 and more';
comment on column mismatch_counts.verify_ocr is 'Hint VERIFY_OCR';
comment on column mismatch_counts.verify_invoice_logic is 'Hint VERIFY_INVOICE_LOGIC';
comment on column mismatch_counts.accept_rounding is 'Hint ACCEPT_ROUNDING_TOLERANCE';
comment on column mismatch_counts.hints is 'With a hint';

create table daily_figures (
	tenant_id         text            not null,
	day               date            not null,
	stale             boolean         not null default true,
	figures           figures,
	mismatch          mismatch_counts,
	pipeline_ms       bigint[]        not null default '{}',
	seller_keys       bigint[]        not null default '{}',
	seller_totals     integer[]       not null default '{}',
	seller_mismatches integer[]       not null default '{}',
	seller_last       timestamptz[]   not null default '{}',
	primary key (tenant_id, day)
);
-- Read often and written once; what there is to compress would save a third.
alter table daily_figures alter pipeline_ms set storage external, alter seller_keys set storage external,
    alter seller_totals set storage external, alter seller_mismatches set storage external, alter seller_last set storage external;
create index daily_figures_stale on daily_figures (tenant_id, day) where stale;
comment on table daily_figures is 'What the invoices of a day that is over say; a day without a row, or with a stale one, is read from the invoices';
comment on column daily_figures.tenant_id is 'Tenant';
comment on column daily_figures.day is 'The day, UTC';
comment on column daily_figures.stale is 'To be made (anew): the rest of the row counts for nothing';
comment on column daily_figures.figures is 'Of the day; what is said there of incidents resolved may have changed since';
comment on column daily_figures.mismatch is 'Of the day';
comment on column daily_figures.pipeline_ms is 'invoices.pipeline_total_ms, slowest first';
comment on column daily_figures.seller_keys is 'invoices.seller_key, each once';
comment on column daily_figures.seller_totals is 'Of each: invoices';
comment on column daily_figures.seller_mismatches is 'Of each: mismatches';
comment on column daily_figures.seller_last is 'Of each: the latest invoice';
alter table daily_figures enable row level security;
create policy everything on daily_figures to mizan_admin, mizan_watchdog using (true);
grant select on daily_figures to mizan_admin, mizan_watchdog;

-- Whoever changes the invoices of a day that is over holds its row until he commits, so that nobody
-- makes it meanwhile from what he is about to change.
create function daily_figures_stale() returns trigger language plpgsql volatile security definer
    set search_path = public, pg_temp as $$
begin
	if tg_op = 'INSERT' then
		insert into daily_figures (tenant_id, day) values (new.tenant_id, utc_date(new.created_at))
		    on conflict (tenant_id, day) do update set stale = true;
	else
		insert into daily_figures (tenant_id, day)
		select distinct tenant_id, utc_date(created_at) from gone
		 where not smoke and created_at < utc_day(utc_today()) order by 1, 2
		    on conflict (tenant_id, day) do update set stale = true;
	end if;
	return null;
end $$;
comment on function daily_figures_stale() is 'A day whose invoices change has to be made anew';
revoke execute on function daily_figures_stale() from public;
create trigger daily_figures_insert after insert on invoices for each row
    when (not new.smoke and new.created_at < utc_day(utc_today())) execute function daily_figures_stale();
create trigger daily_figures_delete after delete on invoices referencing old table as gone
    for each statement execute function daily_figures_stale();
create trigger daily_figures_update_old after update on invoices referencing old table as gone
    for each statement execute function daily_figures_stale();
create trigger daily_figures_update_new after update on invoices referencing new table as gone
    for each statement execute function daily_figures_stale();
alter table invoices enable always trigger daily_figures_insert;
alter table invoices enable always trigger daily_figures_delete;
alter table invoices enable always trigger daily_figures_update_old;
alter table invoices enable always trigger daily_figures_update_new;

create function mismatch_counts(p_tenant text, p_from timestamptz, p_to timestamptz) returns mismatch_counts
language sql stable as $$
	select count(*) filter (where ratio < 0.02), count(*) filter (where ratio >= 0.02 and ratio < 0.05),
	       count(*) filter (where ratio >= 0.05 and ratio < 0.10), count(*) filter (where ratio >= 0.10 and ratio < 0.20),
	       count(*) filter (where ratio >= 0.20), count(*) filter (where action_class = 'VERIFY_OCR'),
	       count(*) filter (where action_class = 'VERIFY_INVOICE_LOGIC'),
	       count(*) filter (where action_class = 'ACCEPT_ROUNDING_TOLERANCE'), count(action_class)
	  from invoices
	 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to and outcome = 'mismatch'
$$;
comment on function mismatch_counts(text, timestamptz, timestamptz) is 'Those of [p_from, p_to), from the rows; smoke runs never count';

create function seller_counts(p_tenant text, p_from timestamptz, p_to timestamptz)
returns table (seller_key bigint, total integer, mismatches integer, last timestamptz) language sql stable as $$
	select seller_key, count(*)::integer, (count(*) filter (where outcome = 'mismatch'))::integer, max(created_at)
	  from invoices
	 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to and seller_key is not null
	 group by seller_key
$$;
comment on function seller_counts(text, timestamptz, timestamptz) is 'Each seller''s invoices and mismatches in [p_from, p_to), and the latest of them, from the rows';

create function daily_figures_make(p_tenant text, p_day date) returns void language plpgsql volatile as $$
declare
	began timestamptz := utc_day(p_day);
	ends  timestamptz := utc_day(p_day + 1);
begin
	update daily_figures d
	   set stale = false, figures = figures(p_tenant, began, ends), mismatch = mismatch_counts(p_tenant, began, ends),
	       pipeline_ms = array(select pipeline_total_ms from invoices
	                            where tenant_id = p_tenant and not smoke and created_at >= began and created_at < ends
	                            order by pipeline_total_ms desc),
	       (seller_keys, seller_totals, seller_mismatches, seller_last) = (
	           select coalesce(array_agg(s.seller_key order by s.seller_key), '{}'), coalesce(array_agg(s.total order by s.seller_key), '{}'),
	                  coalesce(array_agg(s.mismatches order by s.seller_key), '{}'), coalesce(array_agg(s.last order by s.seller_key), '{}')
	             from seller_counts(p_tenant, began, ends) s)
	 where d.tenant_id = p_tenant and d.day = p_day;
	delete from daily_figures d where d.tenant_id = p_tenant and d.day = p_day and (d.figures).total_invoices = 0;
end $$;
comment on function daily_figures_make(text, date) is 'Makes a row that is there from the invoices; without any, it goes';

-- An hour after the day's end: no statement of ours runs that long, so nothing of that day can still
-- be committed.
create function daily_figures_keep() returns boolean language plpgsql volatile security definer
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
	if utc_day(v_day + 1) > clock_timestamp() - interval '1 hour' then
		return false;
	end if;
	insert into daily_figures (tenant_id, day)
	select t.id, v_day from tenants() t (id)
	 where exists (select from invoices v where v.tenant_id = t.id and not v.smoke
	                  and v.created_at >= utc_day(v_day) and v.created_at < utc_day(v_day + 1))
	 order by 1 on conflict do nothing;
	update days_done set figures = utc_day(v_day + 1);
	return true;
end $$;
comment on function daily_figures_keep() is 'Makes some of the days that are over; true: there may be more';

revoke execute on function run_summaries_next(timestamptz, uuid), daily_figures_make(text, date), daily_figures_keep(),
    front_door_caught_up(text, text, bigint, bigint, text) from public;
grant execute on function run_summaries_next(timestamptz, uuid), daily_figures_keep(),
    front_door_caught_up(text, text, bigint, bigint, text) to mizan_watchdog;

-- The figures of whole days, kept or not.

create function days_not_kept(p_tenant text, p_from date, p_to date) returns table (began timestamptz, ends timestamptz)
language sql stable as $$
	select utc_day(d), utc_day(d + 1)
	  from (select p_from + n from generate_series(0, p_to - p_from) n
	        except
	        select day from daily_figures where tenant_id = p_tenant and day between p_from and p_to and not stale) missing (d)
$$;
comment on function days_not_kept(text, date, date) is 'The days from p_from to p_to whose invoices have to be read';

-- The slowest of each day are looked at first, and more of them until the p95 is not below what was
-- left out.
create function p95_of_days(p_tenant text, p_from date, p_to date, p_total bigint) returns bigint
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
			select i.pipeline_total_ms from days_not_kept(p_tenant, p_from, p_to) d, invoices i
			 where i.tenant_id = p_tenant and not i.smoke and i.created_at >= d.began and i.created_at < d.ends
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
comment on function p95_of_days(text, date, date, bigint) is 'p95_pipeline_total_ms of the p_total invoices of the days from p_from to p_to';

create function figures_of_days(p_tenant text, p_from date, p_to date) returns figures language plpgsql stable as $$
declare
	f figures;
begin
	select coalesce(sum((d.figures).total_invoices), 0), coalesce(sum((d.figures).mismatch_count), 0),
	       coalesce(sum((d.figures).incident_count), 0), coalesce(sum((d.figures).s1_count), 0),
	       coalesce(sum((d.figures).s2_count), 0), coalesce(sum((d.figures).ocr_suspect_count), 0),
	       coalesce(sum((d.figures).accept_rounding_count), 0)
	  into f.total_invoices, f.mismatch_count, f.incident_count, f.s1_count, f.s2_count,
	       f.ocr_suspect_count, f.accept_rounding_count
	  from (select figures from daily_figures
	         where tenant_id = p_tenant and day between p_from and p_to and not stale
	        union all
	        select figures(p_tenant, n.began, n.ends) from days_not_kept(p_tenant, p_from, p_to) n) d;
	f.p95_pipeline_total_ms := p95_of_days(p_tenant, p_from, p_to, f.total_invoices);
	select r.total, r.with_feedback into f.resolved_total, f.resolved_with_feedback
	  from resolved_counts(p_tenant, utc_day(p_from), utc_day(p_to + 1)) r;
	return figures_rates(f);
end $$;
comment on function figures_of_days(text, date, date) is 'figures() of the days from p_from to p_to';

create or replace function mismatch_distribution(p_tenant text, p_from timestamptz, p_to timestamptz, out histogram json,
    out action_classes json) language plpgsql stable as $$
declare
	c mismatch_counts;
begin
	select coalesce(sum((d.c).under_2), 0), coalesce(sum((d.c).under_5), 0), coalesce(sum((d.c).under_10), 0),
	       coalesce(sum((d.c).under_20), 0), coalesce(sum((d.c).over_20), 0), coalesce(sum((d.c).verify_ocr), 0),
	       coalesce(sum((d.c).verify_invoice_logic), 0), coalesce(sum((d.c).accept_rounding), 0), coalesce(sum((d.c).hints), 0)
	  into c
	  from (select mismatch from daily_figures
	         where tenant_id = p_tenant and day >= utc_date(p_from) and day < utc_date(p_to) and not stale
	        union all
	        select mismatch_counts(p_tenant, n.began, n.ends)
	          from days_not_kept(p_tenant, utc_date(p_from), utc_date(p_to) - 1) n) d (c);
	histogram := json_build_array(
	    json_build_object('label', '0-2%', 'count', c.under_2), json_build_object('label', '2-5%', 'count', c.under_5),
	    json_build_object('label', '5-10%', 'count', c.under_10), json_build_object('label', '10-20%', 'count', c.under_20),
	    json_build_object('label', '20%+', 'count', c.over_20));
	action_classes := json_build_object('VERIFY_OCR', c.verify_ocr, 'VERIFY_INVOICE_LOGIC', c.verify_invoice_logic,
	    'ACCEPT_ROUNDING_TOLERANCE', c.accept_rounding, 'total', c.hints,
	    'rates', json_build_object('VERIFY_OCR', rounded(rate(c.verify_ocr, c.hints)),
	        'VERIFY_INVOICE_LOGIC', rounded(rate(c.verify_invoice_logic, c.hints)),
	        'ACCEPT_ROUNDING_TOLERANCE', rounded(rate(c.accept_rounding, c.hints))));
end $$;
comment on function mismatch_distribution(text, timestamptz, timestamptz) is
    'Mismatches of the days from p_from to before p_to by how large they are, and by what their hints say';

create or replace function top_offenders(p_tenant text, p_from timestamptz, p_to timestamptz, out by_rate json, out by_count json)
language plpgsql stable as $$
begin
	with seller as (
		select s.seller_key, sum(s.total) as total, sum(s.mismatches) as mismatches, max(s.last) as last
		  from (select u.* from daily_figures d, unnest(d.seller_keys, d.seller_totals, d.seller_mismatches, d.seller_last) u
		         where d.tenant_id = p_tenant and d.day >= utc_date(p_from) and d.day < utc_date(p_to) and not d.stale
		        union all
		        select c.* from days_not_kept(p_tenant, utc_date(p_from), utc_date(p_to) - 1) n,
		               seller_counts(p_tenant, n.began, n.ends) c) s (seller_key, total, mismatches, last)
		 group by s.seller_key having sum(s.mismatches) > 0
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
comment on function top_offenders(text, timestamptz, timestamptz) is
    'Of the days from p_from to before p_to: the ten sellers with most mismatches, and the ten with the highest rate of them among those with 20 invoices; by their latest name';

-- Nearly all jobs of the week before had left the queue: they are passed over as they are read.
create or replace function queue_depths(p_tenant text, p_from date, p_to date)
returns table (day date, accepted bigint, depth bigint, max_depth bigint) language plpgsql stable as $$
declare
	began timestamptz := utc_day(p_from);
	ends  timestamptz := utc_day(p_to + 1);
	-- Older ones are looked for only among those that wait still.
	since timestamptz := began - interval '7 days';
begin
	return query
	with job as (
		select created_at, coalesce(retried_at, created_at) as entered_at,
		       case when state <> 'QUEUED' then coalesce(started_at, finished_at) end as left_at
		  from jobs where tenant_id = p_tenant and not smoke and created_at >= since and created_at < ends
		   and (created_at >= began or state = 'QUEUED' or coalesce(started_at, finished_at, 'infinity') >= began)
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
	                from queue_now(p_tenant, p_stuck_minutes) q));
end $$;

-- Two who retry several jobs each must not wait for one another: one after the other, from the first row on.
create or replace function metrics_keep() returns trigger language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
	v_until timestamptz;
begin
	select "until" into v_until from metric_totals_end for update;
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
