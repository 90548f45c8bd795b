-- What the front door saw: nginx's access log, counted by the watchdog.

-- An inode alone does not tell a file: it is used again, and a log may be cut and filled anew.
alter table access_log_positions drop column device, add column head text not null default '';
comment on column access_log_positions.head is 'SHA-256 of the first bytes counted, 256 at the most: another one means another file';

grant select on pilot_switch, jobs to mizan_watchdog;
grant delete on front_door_minutes to mizan_watchdog;

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
	return true;
end $$;
comment on function front_door_count(text, text, bigint, bigint, text, bigint, bigint, text, json) is
	'Counts these lines of the log and moves its place, both or neither; false: its place was another';

-- A year and a month, so that a month can be held against the same one of the year before.
create function front_door_forget() returns boolean language sql volatile as $$
	with gone as (
		delete from front_door_minutes where (tenant_id, minute, route, status_class) in (
			select tenant_id, minute, route, status_class from front_door_minutes
			 where minute < clock_timestamp() - interval '400 days' limit 10000)
		returning 1
	)
	select count(*) = 10000 from gone
$$;
comment on function front_door_forget() is 'Removes minutes older than 400 days, some at a time; true: there may be more';

revoke execute on function front_door_place(text, text), front_door_forget(),
    front_door_count(text, text, bigint, bigint, text, bigint, bigint, text, json) from public;
grant execute on function front_door_place(text, text), front_door_forget(),
    front_door_count(text, text, bigint, bigint, text, bigint, bigint, text, json) to mizan_watchdog;
