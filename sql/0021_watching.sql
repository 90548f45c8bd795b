-- What the watchdog decides is the running build's fault alone, and whoever was told that something
-- is carried out hears what became of it (SPEC 10).

-- expand: these two, and "advised" and "done" as before; an older build takes them for "advised"
alter table alerts drop constraint alerts_carried_out_check,
    add constraint alerts_carried_out_check check (carried_out in ('advised', 'ordered', 'done', 'failed'));
-- expand: likewise
alter table decisions drop constraint decisions_carried_out_check,
    add constraint decisions_carried_out_check check (carried_out in ('advised', 'ordered', 'done', 'failed'));
comment on column alerts.carried_out is
    'advised: a person has to do it; done: the watchdog did; ordered: ROLLBACK_COMMAND has not ended yet; failed: it did not go well';
comment on column decisions.carried_out is 'As alerts.carried_out; advised where AUTO_STOP or AUTO_ROLLBACK does not allow more';
grant update (carried_out) on decisions to mizan_watchdog;

alter table alerts add column stopped_at timestamptz;
comment on column alerts.stopped_at is 'When its decision switched the pilot off: pilot_switch.changed_at since then';

comment on column rule_measure.ours is
    'The part of it that is the running build''s: not the provider''s, nor of a build that ran before';

-- --- What the rules see

create function watch_build(p_now timestamptz, out build_id text, out since timestamptz) language sql stable
    security definer set search_path = public, pg_temp as $$
	with latest as (
		select s.build_id from ready_samples s
		 where s.at <= p_now and s.at > p_now - interval '15 minutes' and s.build_id is not null
		 order by s.at desc limit 1
	), before as (
		select max(s.at) as at from ready_samples s, latest l
		 where s.at <= p_now and s.at > p_now - interval '1 hour' and s.build_id <> l.build_id
	)
	select l.build_id,
	       (select min(s.at) from ready_samples s where s.at > b.at and s.at <= p_now and s.build_id = l.build_id)
	  from latest l, before b
$$;
comment on function watch_build(timestamptz) is
    'The build that READY_URL named last, and since when, where another one ran within the hour; null where none was named lately';

create or replace function watch_ready(p_now timestamptz) returns rule_measure language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	latest ready_samples;
	was_ok timestamptz;
	build  record;
	r      record;
begin
	select * into latest from ready_samples where at <= p_now order by at desc limit 1;
	if latest.at is null or latest.at <= p_now - interval '60 seconds' then
		return ('ready_503', 0, 0, 0, 0, null, p_now, json_build_object('not_ready_since', null, 'samples', 0,
		    'failing_checks', json_build_array(), 'provider_alone', false, 'http_status', null, 'build_since', null))::rule_measure;
	end if;
	select at into was_ok from ready_samples
	 where ready and at <= p_now and at > p_now - interval '1 day' order by at desc limit 1;
	select * into build from watch_build(p_now);
	with recent as (
		select at, failing_checks, failing_checks = '{openai_api}' as provider_alone,
		       at - lag(at) over (order by at) > interval '60 seconds' as after_gap
		  from ready_samples where at <= p_now and at > coalesce(was_ok, p_now - interval '1 day')
	), run as (
		select * from recent where at >= coalesce((select max(at) from recent where after_gap), '-infinity')
	)
	select min(at) as began, count(*) as samples, bool_and(provider_alone) as provider_alone,
	       min(at) filter (where at > coalesce((select max(at) from run where provider_alone), '-infinity')
	                         and at >= coalesce(build.since, '-infinity')) as ours_since,
	       (select array_agg(distinct c order by c) from run, unnest(failing_checks) c) as checks
	  into r from run;
	return ('ready_503', greatest(r.samples, 1), microseconds(latest.at) - microseconds(r.began),
	    case when r.began is null then 0 else 1000000 end, microseconds(latest.at) - microseconds(r.ours_since),
	    r.began, latest.at,
	    json_build_object('not_ready_since', rfc3339(r.began), 'samples', r.samples,
	        'failing_checks', coalesce(to_json(r.checks), '[]'), 'provider_alone', coalesce(r.provider_alone, false),
	        'http_status', latest.http_status, 'build_since', rfc3339(build.since)))::rule_measure;
end $$;

-- Consumed is what left the queue for good by a worker's doing: a claim alone is none, as a worker
-- that dies of each job claims, too.  So the queue is what is accepted and not finished.  It is
-- stuck since the first job came in after the last one was consumed, once there is another beside
-- it: a single job that takes long is no depth that rises.
--
-- The provider is to blame for as long as a job that it refused, or left without an answer, waits
-- for its next try or is at it: at night that may be the only job there is.
create or replace function watch_queue(p_now timestamptz) returns rule_measure language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	consumed_at timestamptz;
	provider    provider_state;
	build       record;
	r           record;
	refused_to  timestamptz;
	ours_since  timestamptz;
	stuck       boolean;
begin
	select max(at) into consumed_at from (
		select (select max(v.created_at) from invoices v
		         where v.tenant_id = t.id and not v.smoke and v.created_at <= p_now) as at
		  from tenants() t (id)
		union all
		(select finished_at from jobs
		  where state in ('FAILED', 'SKIPPED', 'CANCELLED') and state = 'SKIPPED' and finished_at <= p_now
		    and finished_at > p_now - interval '1 day' order by finished_at desc limit 1)) c;
	with job as (
		select coalesce(retried_at, created_at) as entered_at, run_at, state, run_at as next_try_at, error_code
		  from jobs where state = 'QUEUED'
		union all
		select coalesce(retried_at, created_at), run_at, state, lease_until, error_code from jobs where state = 'RUNNING'
		union all -- of the past: what was not finished by then
		select coalesce(j.retried_at, j.created_at), j.run_at, j.state, null, null from tenants() t (id), jobs j
		 where p_now < now() - interval '1 minute' and j.tenant_id = t.id and j.finished_at > p_now
		   and j.created_at <= p_now and j.created_at > p_now - interval '6 hours'
	)
	select count(*) as depth,
	       count(*) filter (where entered_at <= consumed_at) as depth_before,
	       min(entered_at) filter (where entered_at > coalesce(consumed_at, '-infinity')) as since,
	       min(run_at) filter (where state = 'QUEUED' and run_at <= p_now) as due_since,
	       max(next_try_at) filter (where error_code ~
	           '^(provider_(timeout|connection|http)|rate_limited$|unauthorized$|quota_exhausted$)') as refused_to
	  into r from job where entered_at <= p_now;
	select * into provider from provider_state where provider_state.provider = 'openai';
	select * into build from watch_build(p_now);
	refused_to := greatest(r.refused_to, case when provider.state <> 'ok' then provider.blocked_until end);
	ours_since := least(p_now, greatest(r.since, refused_to, build.since));
	stuck := r.depth > 1 and r.since < p_now - interval '1 minute';
	return ('queue_stuck', r.depth, microseconds(p_now) - microseconds(r.since), case when stuck then 1000000 else 0 end,
	    microseconds(p_now) - microseconds(ours_since), case when stuck then r.since end, p_now,
	    json_build_object('depth', r.depth, 'depth_before', r.depth_before, 'consumed', 0,
	        'last_consumed_at', rfc3339(consumed_at),
	        'oldest_due_seconds', round(extract(epoch from p_now - r.due_since)),
	        'provider_state', provider.state, 'provider_alone', coalesce(refused_to >= p_now, false),
	        'build_since', rfc3339(build.since)))::rule_measure;
end $$;
comment on function watch_queue(timestamptz) is
    'queue_stuck: how long ago the first of several jobs came in since which none was finished, from a minute on';

-- A minute counts when it began within the window; for the running build, when it ran by then.
create or replace function watch_errors(p_now timestamptz) returns rule_measure language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	began timestamptz;
	build record;
	r     record;
begin
	with minutes as (
		select minute, sum(sum(requests)) over (order by minute desc) as requests
		  from front_door_minutes
		 where minute >= p_now - interval '1 hour' and minute <= p_now and route not in ('/health', '/health/ready')
		 group by minute
	)
	select least(p_now - interval '10 minutes', coalesce(max(minute), p_now - interval '1 hour')) into began
	  from minutes where requests >= 20;
	select * into build from watch_build(p_now);
	select coalesce(sum(requests), 0)::bigint as requests,
	       coalesce(sum(requests) filter (where status_class = 5), 0)::bigint as errors,
	       coalesce(sum(requests) filter (where status_class = 5
	           and minute >= coalesce(build.since, '-infinity')), 0)::bigint as ours into r
	  from front_door_minutes
	 where minute >= began and minute <= p_now and route not in ('/health', '/health/ready');
	return ('error_5xx', r.requests, r.errors, r.requests, r.ours, began, p_now,
	    json_build_object('errors', r.errors, 'requests', r.requests, 'errors_of_build', r.ours,
	        'build_since', rfc3339(build.since)))::rule_measure;
end $$;

-- --- What came of it

create function pilot_off_by(p_alert alerts) returns boolean language sql stable as $$
	select exists (select from pilot_switch where not enabled and changed_at = p_alert.stopped_at)
$$;
comment on function pilot_off_by(alerts) is 'The pilot is off, and it was this alert that switched it off';

-- A build that comes back by a rollback was well once: what troubles it, too, is another thing than
-- the build, and the next rollback would only go further back.
create function may_roll_back(p_build_id text, p_now timestamptz) returns boolean language sql stable as $$
	select not exists (
		select from rollbacks r
		 where r.build_id = p_build_id or r.created_at > p_now - interval '1 hour'
		    or r.exit_status = 0
		       and p_build_id = (select s.build_id from ready_samples s
		                          where s.at > r.created_at and s.at < r.finished_at + interval '15 minutes'
	                            and s.build_id <> r.build_id order by s.at limit 1))
$$;
comment on function may_roll_back(text, timestamptz) is
    'No rollback left this build, brought it, or was ordered within the hour: then it is for a person to do';

create or replace function alert_snapshot(a alerts, p_event text, p_now timestamptz, p_config_hash text) returns json
language sql stable as $$
	select json_build_object('alert_id', a.id, 'rule', a.rule, 'state', a.state, 'event', p_event,
	    'decision', a.decision, 'carried_out', a.carried_out, 'stopped', pilot_off_by(a), 'owner', a.owner,
	    'pending_at', rfc3339(a.pending_at), 'fired_at', rfc3339(a.fired_at), 'escalated_at', rfc3339(a.escalated_at),
	    'resolved_at', rfc3339(a.resolved_at), 'resolved_reason', a.resolved_reason, 'at', rfc3339(p_now),
	    'build_id', a.build_id, 'config_hash', p_config_hash, 'inputs', a.inputs,
	    'rollback', (select json_build_object('build_id', r.build_id, 'created_at', rfc3339(r.created_at),
	                           'finished_at', rfc3339(r.finished_at), 'exit_status', r.exit_status)
	                   from rollbacks r join decisions d on d.id = r.decision_id where d.alert_id = a.id
	                  order by r.created_at desc limit 1))
$$;

-- The switch is the pilot's, and so is what the audit log says of it, whoever flips it.
create function watch_stop(p_reason text, p_pilot_tenant text) returns boolean language plpgsql volatile as $$
declare
	old pilot_switch;
begin
	select * into old from pilot_switch for update;
	if not old.enabled then
		return false;
	end if;
	update pilot_switch set enabled = false, reason = p_reason, changed_by = 'watchdog', changed_at = clock_timestamp();
	insert into audit_log (tenant_id, actor, action, object, detail)
	values (p_pilot_tenant, 'watchdog', 'pilot.set', 'pilot', jsonb_build_object('enabled', false, 'reason', p_reason,
	        'old_enabled', old.enabled, 'old_reason', old.reason));
	return true;
end $$;
comment on function watch_stop(text, text) is 'Switches the pilot off, as PUT /admin/pilot does; false: it was off';

-- p_changes as before (0014); builds of before do not say whose the switch is.
create function watch_record(p_holder text, p_now timestamptz, p_build_id text, p_config_hash text,
    p_auto_stop boolean, p_auto_rollback boolean, p_pilot_tenant text, p_changes json) returns setof watch_done
language plpgsql volatile as $$
declare
	c     record;
	a     alerts;
	d     watch_done;
	build text;
	made  bigint;
begin
	perform from watch_leader where holder = p_holder;
	if not found then
		return;
	end if;
	build := coalesce((select b.build_id from watch_build(p_now) b), p_build_id);
	for c in
		select x.*, from_microseconds(x.pending_at) as pending, from_microseconds(x.fired_at) as fired,
		       from_microseconds(x.escalated_at) as escalated, from_microseconds(x.clear_since) as clear,
		       from_microseconds(x.notified_at) as notified
		  from json_to_recordset(p_changes) x (rule text, id uuid, state text, owner text, decision text, inputs json,
		       pending_at bigint, fired_at bigint, escalated_at bigint, clear_since bigint, notified_at bigint,
		       resolved_reason text, decide boolean, reason text, event text, channels json)
	loop
		d := (c.rule, c.id, null, false, false, c.event is not null and json_array_length(c.channels) = 0);
		if c.id is null then
			insert into alerts (rule, owner, inputs, build_id, pending_at)
			values (c.rule, c.owner, c.inputs, build, c.pending) returning id into d.alert_id;
		end if;
		if c.decide then
			d.carried_out := 'advised';
			if p_auto_stop and c.decision in ('STOP', 'ROLLBACK') then
				d.stopped := watch_stop(left(c.reason, 500), p_pilot_tenant);
			end if;
			if c.decision = 'STOP' and p_auto_stop then
				d.carried_out := 'done';
			elsif c.decision = 'ROLLBACK' and p_auto_rollback and may_roll_back(build, p_now) then
				d.carried_out := 'ordered';
			end if;
			d.ordered := d.carried_out = 'ordered';
			insert into decisions (alert_id, at, rule, decision, carried_out, inputs, build_id)
			values (d.alert_id, p_now, c.rule, c.decision, d.carried_out, c.inputs, build) returning id into made;
			if d.ordered then
				insert into rollbacks (build_id, decision_id, created_at) values (build, made, p_now);
			end if;
		end if;
		update alerts
		   set state = c.state, decision = c.decision, carried_out = coalesce(d.carried_out, carried_out),
		       inputs = c.inputs, pending_at = c.pending, fired_at = c.fired, escalated_at = c.escalated,
		       clear_since = c.clear, notified_at = c.notified, resolved_reason = c.resolved_reason,
		       resolved_at = case when c.state = 'resolved' then p_now end,
		       stopped_at = case when d.stopped then (select changed_at from pilot_switch) else stopped_at end
		 where id = d.alert_id and state <> 'resolved' returning * into strict a;
		if c.event is not null then
			insert into alert_deliveries (alert_id, channel, event, snapshot)
			select a.id, channel, c.event, alert_snapshot(a, c.event, p_now, p_config_hash)
			  from json_array_elements_text(c.channels) channel;
		end if;
		return next d;
	end loop;
end $$;
comment on function watch_record(text, timestamptz, text, text, boolean, boolean, text, json) is
    'Puts down what an evaluation by p_holder came to: alerts, decisions with what follows from them, and messages; nothing where another leads by now';
create or replace function watch_record(p_holder text, p_now timestamptz, p_build_id text, p_config_hash text,
    p_auto_stop boolean, p_auto_rollback boolean, p_changes json) returns setof watch_done language sql volatile as $$
	select * from watch_record(p_holder, p_now, p_build_id, p_config_hash, p_auto_stop, p_auto_rollback, null, p_changes)
$$;
drop function watch_stop(text); -- expand: watch_record() alone called it

revoke execute on function watch_stop(text, text),
    watch_record(text, timestamptz, text, text, boolean, boolean, text, json) from public;
grant execute on function watch_stop(text, text),
    watch_record(text, timestamptz, text, text, boolean, boolean, text, json) to mizan_watchdog;
comment on column watch_done.carried_out is 'advised, ordered or done, where something was decided; else null';
comment on column watch_done.ordered is 'carried_out = ''ordered'', for builds of before';

-- Whoever heard that it was ordered hears how it ended, also where the rule is silenced.
create function rollback_ended() returns trigger language plpgsql volatile as $$
declare
	good boolean := new.exit_status is not distinct from 0;
	what text := case when good then 'repeated' else 'escalated' end;
	a    alerts;
begin
	update decisions set carried_out = case when good then 'done' else 'failed' end where id = new.decision_id;
	update alerts set carried_out = case when good then 'done' else 'failed' end, notified_at = clock_timestamp()
	 where id = (select alert_id from decisions where id = new.decision_id) returning * into a;
	if a.state = 'firing' or not good then
		insert into alert_deliveries (alert_id, channel, event, snapshot)
		select a.id, d.channel, what, alert_snapshot(a, what, clock_timestamp(), max(d.snapshot->>'config_hash'))
		  from alert_deliveries d where d.alert_id = a.id group by d.channel;
	end if;
	return null;
end $$;
comment on function rollback_ended() is
    'How ROLLBACK_COMMAND ended, in the decision, its alert, and messages to whoever has heard of it';
create trigger rollback_ended after update of finished_at on rollbacks for each row
    when (old.finished_at is null and new.finished_at is not null) execute function rollback_ended();

create function rollback_give_up(p_lost_after interval) returns setof rollbacks language sql volatile as $$
	update rollbacks
	   set finished_at = clock_timestamp(),
	       output = case when started_at is null then 'nobody ran it in time: it is not carried out any more'
	                else 'its runner ended without a word: whether the command ran to its end is not known' end
	 where finished_at is null
	   and coalesce(started_at + p_lost_after, created_at + interval '10 minutes') < clock_timestamp()
	returning *
$$;
comment on function rollback_give_up(interval) is
    'Ends, with no status, what was started that long ago and never ended, and what nobody has started for ten minutes';

-- --- Whether somebody watches

create function watched_ago() returns interval language sql stable as $$
	select clock_timestamp() - least(seen_at, evaluated_at) from watch_leader
	 where seen_at > '-infinity' and evaluated_at > '-infinity'
$$;
comment on function watched_ago() is
    'How long ago the leading watchdog was at work and had its rules evaluated; null: nobody leads, or it never was';

-- A machine that was taken away counts no more, and its log is nobody's concern a day later.
create function counted_at() returns timestamptz language sql stable as $$
	select nullif(coalesce(
	           min(caught_up_at) filter (where greatest(changed_at, caught_up_at) > clock_timestamp() - interval '1 day'),
	           max(caught_up_at)), '-infinity')
	  from access_log_positions
$$;
comment on function counted_at() is 'By then every access log was counted to its end; null: one never was, or there is none';

create or replace function alert_samples(out name text, out label text, out sublabel text, out value text) returns setof record
language sql stable as $$
	select 'access_log_counted_seconds', '', '', round(extract(epoch from clock_timestamp() - counted_at()), 1)::text
	 where counted_at() is not null
	union all
	select 'alerts_firing', r, '', count(a.id)::text
	  from unnest(array['error_5xx', 'feedback_drop', 'latency_spike', 'queue_stuck', 'ready_503', 's1_spike']) r
	  left join alerts a on a.rule = r and a.state = 'firing'
	 group by r
	union all
	select 'watchdog_seen_seconds', '', '', round(extract(epoch from watched_ago()), 1)::text
	 where watched_ago() is not null
$$;
comment on function alert_samples() is
    'For GET /metrics: which rules fire, and how long ago they were evaluated and the access log was counted';

create or replace function watchdog_summary() returns json language sql stable as $$
	select json_build_object('leader', nullif(holder, ''),
	    'since', case when holder <> '' then rfc3339(since) end,
	    'seen_at', case when holder <> '' then rfc3339(seen_at) end,
	    'evaluated_at', rfc3339(nullif(evaluated_at, '-infinity')),
	    'alive', seen_at > clock_timestamp() - interval '30 seconds'
	             and evaluated_at > clock_timestamp() - interval '90 seconds',
	    'counted_at', rfc3339(counted_at()),
	    'counts', coalesce(counted_at() > clock_timestamp() - interval '90 seconds', false),
	    'auto_stop', auto_stop, 'auto_rollback', auto_rollback, 'channels', channels)
	  from watch_leader
$$;

create or replace function alert_summary(p_alert alerts) returns json language sql stable as $$
	select json_build_object('id', p_alert.id, 'rule', p_alert.rule, 'state', p_alert.state, 'owner', p_alert.owner,
	    'decision', p_alert.decision, 'carried_out', p_alert.carried_out, 'stopped', pilot_off_by(p_alert),
	    'pending_at', rfc3339(p_alert.pending_at),
	    'fired_at', rfc3339(p_alert.fired_at), 'escalated_at', rfc3339(p_alert.escalated_at),
	    'resolved_at', rfc3339(p_alert.resolved_at), 'resolved_reason', p_alert.resolved_reason,
	    'inputs', p_alert.inputs, 'build_id', p_alert.build_id,
	    'undelivered', (select count(*) from alert_deliveries d where d.alert_id = p_alert.id and d.delivered_at is null))
$$;

revoke execute on function watch_build(timestamptz), may_roll_back(text, timestamptz), rollback_give_up(interval) from public;
grant execute on function watch_build(timestamptz), may_roll_back(text, timestamptz), rollback_give_up(interval) to mizan_watchdog;
