-- Alerts as they go out to people and as the operators' page shows them (SPEC 10): messages are
-- leased, one at a time, by any watchdog that has their channel's address; silences; figures.

-- One message that is due.  Of an alert and channel the first comes first, so that no "resolved" is
-- there before its "firing"; of several, what was never tried goes before what failed, and what
-- wakes people before what they read.
create function delivery_claim(p_channels text[], p_lease_seconds integer, out id bigint, out alert_id uuid,
    out rule text, out channel text, out event text, out snapshot json, out attempts integer)
returns setof record language sql volatile as $$
	with due as (
		select d.id from alert_deliveries d
		 where d.delivered_at is null and d.given_up_at is null and d.channel = any (p_channels)
		   and d.due_at <= (select clock_timestamp())
		   and (d.lease_until is null or d.lease_until < (select clock_timestamp()))
		   and not exists (select from alert_deliveries earlier
		                    where earlier.alert_id = d.alert_id and earlier.channel = d.channel and earlier.id < d.id
		                      and earlier.delivered_at is null and earlier.given_up_at is null)
		 order by d.attempts, d.channel <> 'pagerduty', d.id limit 1 for update of d skip locked
	)
	update alert_deliveries d
	   set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds), attempts = d.attempts + 1
	  from due, alerts a
	 where d.id = due.id and a.id = d.alert_id
	returning d.id, d.alert_id, a.rule, d.channel, d.event, d.snapshot, d.attempts
$$;
comment on function delivery_claim(text[], integer) is
    'Leases the next message for one of these channels; no row: none is due. A lease that ends unfinished is leased again: at least once';

create function delivery_failed(p_id bigint, p_attempts integer, p_error text, p_wait_ms bigint, p_whole_channel boolean)
returns void language sql volatile as $$
	with failed as (
		update alert_deliveries
		   set due_at = clock_timestamp() + p_wait_ms * interval '1 millisecond', lease_until = null,
		       last_error = p_error
		 where id = p_id and attempts = p_attempts and delivered_at is null and given_up_at is null
		returning id, channel, due_at
	)
	update alert_deliveries d set due_at = failed.due_at from failed
	 where p_whole_channel and d.channel = failed.channel and d.id <> failed.id and d.due_at < failed.due_at
	   and d.delivered_at is null and d.given_up_at is null
$$;
comment on function delivery_failed(bigint, integer, text, bigint, boolean) is
    'Try it again in p_wait_ms, and nothing else on its channel sooner where p_whole_channel (429). p_attempts: whose lease it was; another''s is left alone';

-- Whatever the channel, also one that no watchdog has an address for any more.
create function deliveries_give_up(p_after interval, out id bigint, out alert_id uuid, out rule text, out channel text,
    out event text, out attempts integer) returns setof record language sql volatile as $$
	update alert_deliveries d set given_up_at = clock_timestamp()
	  from alerts a
	 where d.delivered_at is null and d.given_up_at is null and a.id = d.alert_id
	   and d.created_at < (select clock_timestamp()) - p_after
	   and (d.lease_until is null or d.lease_until < (select clock_timestamp()))
	returning d.id, d.alert_id, a.rule, d.channel, d.event, d.attempts
$$;
comment on function deliveries_give_up(interval) is 'Gives up the messages that nobody took for so long; which ones';

-- What GET /metrics adds to metric_samples().
create function alert_samples(out name text, out label text, out sublabel text, out value text) returns setof record
language sql stable as $$
	select 'alerts_firing', r, '', count(a.id)::text
	  from unnest(array['error_5xx', 'feedback_drop', 'latency_spike', 'queue_stuck', 'ready_503', 's1_spike']) r
	  left join alerts a on a.rule = r and a.state = 'firing'
	 group by r
	union all
	select 'watchdog_seen_seconds', '', '', round(extract(epoch from clock_timestamp() - seen_at), 1)::text
	  from watch_leader where seen_at > '-infinity'
$$;
comment on function alert_samples() is 'For GET /metrics: which rules fire, and how long ago the leading watchdog was at work';

-- --- For operators

create function alert_summary(p_alert alerts) returns json language sql stable as $$
	select json_build_object('id', p_alert.id, 'rule', p_alert.rule, 'state', p_alert.state, 'owner', p_alert.owner,
	    'decision', p_alert.decision, 'carried_out', p_alert.carried_out, 'pending_at', rfc3339(p_alert.pending_at),
	    'fired_at', rfc3339(p_alert.fired_at), 'escalated_at', rfc3339(p_alert.escalated_at),
	    'resolved_at', rfc3339(p_alert.resolved_at), 'resolved_reason', p_alert.resolved_reason,
	    'inputs', p_alert.inputs, 'build_id', p_alert.build_id,
	    'undelivered', (select count(*) from alert_deliveries d where d.alert_id = p_alert.id and d.delivered_at is null))
$$;
comment on function alert_summary(alerts) is 'An alert as a row of the operators'' list';

create function silence_summary(p_silence alert_silences) returns json language sql stable as $$
	select json_build_object('id', p_silence.id, 'rule', p_silence.rule, 'reason', p_silence.reason,
	    'operator', p_silence.operator, 'created_at', rfc3339(p_silence.created_at),
	    'ends_at', rfc3339(p_silence.ends_at), 'ended_at', rfc3339(p_silence.ended_at), 'ended_by', p_silence.ended_by)
$$;
comment on function silence_summary(alert_silences) is 'A silence as operators see it';

create function silences_now() returns setof alert_silences language sql stable as $$
	select * from alert_silences where ended_at is null and ends_at > (select clock_timestamp())
$$;
comment on function silences_now() is 'The silences that hold';

create function watchdog_summary() returns json language sql stable as $$
	select json_build_object('leader', nullif(holder, ''),
	    'since', case when holder <> '' then rfc3339(since) end,
	    'seen_at', case when holder <> '' then rfc3339(seen_at) end,
	    'evaluated_at', rfc3339(nullif(evaluated_at, '-infinity')),
	    'alive', seen_at > clock_timestamp() - interval '30 seconds',
	    'auto_stop', auto_stop, 'auto_rollback', auto_rollback, 'channels', channels)
	  from watch_leader
$$;
comment on function watchdog_summary() is 'Whether somebody watches, and with which settings';

create function alert_list(p_rules json, p_state text, p_rule text, p_limit integer, p_cursor text) returns json
language sql stable as $$
	with page as materialized (
		select * from alerts
		 where (p_rule is null or rule = p_rule)
		   and (p_state is null or state = p_state or p_state = 'current' and state <> 'resolved')
		   and (p_cursor is null
		        or pending_at < to_timestamp(0) + split_part(p_cursor, '.', 1)::bigint * interval '1 microsecond'
		        or pending_at = to_timestamp(0) + split_part(p_cursor, '.', 1)::bigint * interval '1 microsecond'
		           and id > split_part(p_cursor, '.', 2)::uuid)
		 order by pending_at desc, id limit p_limit + 1
	)
	select json_build_object(
	    'generated_at', rfc3339(clock_timestamp()),
	    'watchdog', watchdog_summary(),
	    'rules', (
		select json_agg((
			select json_object_agg(m.key, m.value)
			  from (select * from json_each(r.rule)
			        union all
			        select 'silenced_until', coalesce(to_json(rfc3339(max(s.ends_at))), 'null')
			          from silences_now() s where s.rule = r.rule->>'rule') m) order by r.place)
		  from json_array_elements(p_rules) with ordinality r (rule, place)),
	    'alerts', coalesce((
		select json_agg(alert_summary(p) order by p.pending_at desc, p.id)
		  from (select * from page order by pending_at desc, id limit p_limit) p), '[]'),
	    'silences', coalesce((select json_agg(silence_summary(s) order by s.ends_at, s.id) from silences_now() s), '[]'),
	    'next_cursor', (
		select (extract(epoch from p.pending_at) * 1000000)::bigint || '.' || p.id
		  from page p where (select count(*) from page) > p_limit
		 order by p.pending_at desc, p.id offset p_limit - 1 limit 1))
$$;
comment on function alert_list(json, text, text, integer, text) is
    'A page of alerts, newest first, with what the rules and the watchdog are at present. p_state: one of alerts.state, or current; null: all. p_rules: what is to be told of each rule, a list of objects with the member rule';

create function alert_detail(p_alert uuid) returns json language sql stable as $$
	select json_object_agg(m.key, m.value)
	  from alerts a
	 cross join lateral (
		select * from json_each(alert_summary(a))
		union all
		select * from json_each(json_build_object(
		    'decisions', coalesce((
			select json_agg(json_build_object('id', d.id, 'at', rfc3339(d.at), 'decision', d.decision,
			                                  'carried_out', d.carried_out, 'inputs', d.inputs, 'build_id', d.build_id)
			                order by d.id)
			  from decisions d where d.alert_id = a.id), '[]'),
		    'deliveries', coalesce((
			select json_agg(json_build_object('id', d.id, 'channel', d.channel, 'event', d.event,
			                   'state', case when d.delivered_at is not null then 'delivered'
			                                 when d.given_up_at is not null then 'given_up' else 'pending' end,
			                   'attempts', d.attempts, 'created_at', rfc3339(d.created_at), 'due_at', rfc3339(d.due_at),
			                   'delivered_at', rfc3339(d.delivered_at), 'last_error', d.last_error) order by d.id)
			  from alert_deliveries d where d.alert_id = a.id), '[]'),
		    'rollback', (
			select json_build_object('build_id', r.build_id, 'created_at', rfc3339(r.created_at),
			           'started_at', rfc3339(r.started_at), 'finished_at', rfc3339(r.finished_at),
			           'exit_status', r.exit_status, 'output', r.output)
			  from rollbacks r join decisions d on d.id = r.decision_id
			 where d.alert_id = a.id order by r.created_at desc limit 1)))) m
	 where a.id = p_alert
$$;
comment on function alert_detail(uuid) is 'An alert with its decisions, messages and rollback; null: no such alert';

create function alert_silence(p_rule text, p_minutes integer, p_reason text, p_operator text) returns json
language plpgsql volatile as $$
declare
	s alert_silences;
begin
	insert into alert_silences (rule, reason, operator, ends_at)
	values (p_rule, p_reason, p_operator, clock_timestamp() + make_interval(mins => p_minutes))
	returning * into s;
	insert into audit_log (actor, action, object, detail)
	values (p_operator, 'alert.silence', 'rule ' || p_rule,
	        jsonb_build_object('silence', s.id, 'reason', p_reason, 'minutes', p_minutes));
	return silence_summary(s);
end $$;
comment on function alert_silence(text, integer, text, text) is 'Holds back a rule''s messages for so long; an entry in the audit log';

create function alert_silence_end(p_silence uuid, p_operator text) returns json language plpgsql volatile as $$
declare
	s alert_silences;
begin
	update alert_silences set ended_at = clock_timestamp(), ended_by = p_operator
	 where id = p_silence and ended_at is null and ends_at > clock_timestamp()
	returning * into s;
	if found then
		insert into audit_log (actor, action, object, detail)
		values (p_operator, 'alert.silence_end', 'rule ' || s.rule, jsonb_build_object('silence', s.id));
	else
		select * into s from alert_silences where id = p_silence;
	end if;
	return case when s.id is not null then silence_summary(s) end;
end $$;
comment on function alert_silence_end(uuid, text) is
    'Ends a silence before its time; one that is over stays as it is. null: no such silence';
