-- The rules of SPEC 10: what each sees at a time, the one that evaluates them, and putting down what
-- came of it.  What they make of what they see is in lib/ops/rules.c.
--
-- Each takes the time as p_now, so that any moment can be looked at, past ones and made up ones,
-- and looks at nothing after it.  All of them as the owner: they count over all tenants, and tell
-- nothing else about them.

create function microseconds(p_at timestamptz) returns bigint language sql immutable strict parallel safe as $$
	select (extract(epoch from p_at) * 1000000)::bigint
$$;
comment on function microseconds(timestamptz) is 'A time as microseconds since 1970, as lib/ops/rules.h has them';

create function from_microseconds(p_us bigint) returns timestamptz language sql immutable strict parallel safe as $$
	select timestamptz 'epoch' + p_us * interval '1 microsecond'
$$;
comment on function from_microseconds(bigint) is 'The same back again';

create type rule_measure as (
	rule      text,
	n         bigint,
	part      bigint,
	whole     bigint,
	ours      bigint,
	from_at   timestamptz,
	until_at  timestamptz,
	details   json
);
comment on type rule_measure is 'What a rule sees: its value is part / whole';
comment on column rule_measure.rule is 'Which rule';
comment on column rule_measure.n is 'Samples';
comment on column rule_measure.part is 'Numerator; of what lasts, microseconds';
comment on column rule_measure.whole is 'Denominator; 0: there is no value';
comment on column rule_measure.ours is 'Of what lasts: microseconds for which the fault was not the provider''s';
comment on column rule_measure.from_at is 'Where its window begins; of what lasts, when it began; null: it does not';
comment on column rule_measure.until_at is 'Where it ends';
comment on column rule_measure.details is 'What the value is made of';

-- Samples further apart than a minute leave a time in which nobody looked: what lasts begins anew.
create function watch_ready(p_now timestamptz) returns rule_measure language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	latest ready_samples;
	was_ok timestamptz;
	r      record;
begin
	select * into latest from ready_samples where at <= p_now order by at desc limit 1;
	if latest.at is null or latest.at <= p_now - interval '60 seconds' then
		return ('ready_503', 0, 0, 0, 0, null, p_now, json_build_object('not_ready_since', null, 'samples', 0,
		    'failing_checks', json_build_array(), 'provider_alone', false, 'http_status', null))::rule_measure;
	end if;
	select at into was_ok from ready_samples
	 where ready and at <= p_now and at > p_now - interval '1 day' order by at desc limit 1;
	with recent as (
		select at, failing_checks, failing_checks = '{openai_api}' as provider_alone,
		       at - lag(at) over (order by at) > interval '60 seconds' as after_gap
		  from ready_samples where at <= p_now and at > coalesce(was_ok, p_now - interval '1 day')
	), run as (
		select * from recent where at >= coalesce((select max(at) from recent where after_gap), '-infinity')
	)
	select min(at) as began, count(*) as samples, bool_and(provider_alone) as provider_alone,
	       min(at) filter (where at > coalesce((select max(at) from run where provider_alone), '-infinity')) as ours_since,
	       (select array_agg(distinct c order by c) from run, unnest(failing_checks) c) as checks
	  into r from run;
	return ('ready_503', greatest(r.samples, 1), microseconds(latest.at) - microseconds(r.began),
	    case when r.began is null then 0 else 1000000 end, microseconds(latest.at) - microseconds(r.ours_since),
	    r.began, latest.at,
	    json_build_object('not_ready_since', rfc3339(r.began), 'samples', r.samples,
	        'failing_checks', coalesce(to_json(r.checks), '[]'), 'provider_alone', coalesce(r.provider_alone, false),
	        'http_status', latest.http_status))::rule_measure;
end $$;
comment on function watch_ready(timestamptz) is 'ready_503: how long no sample was ready, up to the latest one; n is 0 where that one is too old';

-- Consumed is what left the queue for good by a worker's doing: a claim alone is none, as a worker
-- that dies of each job claims, too.  So the queue is what is accepted and not finished.  It is
-- stuck since the first job came in after the last one was consumed.
create function watch_queue(p_now timestamptz) returns rule_measure language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	consumed_at timestamptz;
	provider    text;
	r           record;
	excused     boolean;
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
		select coalesce(retried_at, created_at) as entered_at, run_at, started_at, state, error_code from jobs where state = 'QUEUED'
		union all
		select coalesce(retried_at, created_at), run_at, started_at, state, error_code from jobs where state = 'RUNNING'
		union all -- of the past: what was not finished by then
		select coalesce(j.retried_at, j.created_at), j.run_at, j.started_at, j.state, null from tenants() t (id), jobs j
		 where p_now < now() - interval '1 minute' and j.tenant_id = t.id and j.finished_at > p_now
		   and j.created_at <= p_now and j.created_at > p_now - interval '6 hours'
	)
	select count(*) as depth,
	       count(*) filter (where entered_at <= consumed_at) as depth_before,
	       min(entered_at) filter (where entered_at > coalesce(consumed_at, '-infinity')) as since,
	       min(run_at) filter (where state = 'QUEUED' and run_at <= p_now) as due_since,
	       coalesce(bool_or(state = 'QUEUED' and started_at > p_now - interval '10 minutes'
	           and error_code ~ '^(provider_(timeout|connection|http)|rate_limited$|unauthorized$|quota_exhausted$)'), false) as refused
	  into r from job where entered_at <= p_now;
	-- A refusal that was over long ago says only that nobody has asked since.
	select state into provider from provider_state
	 where provider_state.provider = 'openai' and (state = 'ok' or blocked_until > p_now - interval '5 minutes');
	excused := r.refused or coalesce(provider, 'ok') <> 'ok';
	stuck := r.since < p_now - interval '1 minute';
	return ('queue_stuck', r.depth, microseconds(p_now) - microseconds(r.since), case when stuck then 1000000 else 0 end,
	    case when excused then 0 else microseconds(p_now) - microseconds(r.since) end, case when stuck then r.since end, p_now,
	    json_build_object('depth', r.depth, 'depth_before', r.depth_before, 'consumed', 0,
	        'last_consumed_at', rfc3339(consumed_at),
	        'oldest_due_seconds', round(extract(epoch from p_now - r.due_since)),
	        'provider_state', coalesce(provider, 'ok'), 'provider_alone', excused))::rule_measure;
end $$;
comment on function watch_queue(timestamptz) is 'queue_stuck: how long ago the first job came in since which none was finished, from a minute on';

-- A minute counts when it began within the window.
create function watch_errors(p_now timestamptz) returns rule_measure language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	began timestamptz;
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
	select coalesce(sum(requests), 0)::bigint as requests,
	       coalesce(sum(requests) filter (where status_class = 5), 0)::bigint as errors into r
	  from front_door_minutes
	 where minute >= began and minute <= p_now and route not in ('/health', '/health/ready');
	return ('error_5xx', r.requests, r.errors, r.requests, 0, began, p_now,
	    json_build_object('errors', r.errors, 'requests', r.requests))::rule_measure;
end $$;
comment on function watch_errors(timestamptz) is 'error_5xx: of 10 minutes, or as many up to 60 as it takes to 20 requests';

create function watch_s1(p_now timestamptz, p_tenant text) returns rule_measure language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	began timestamptz := p_now - interval '1 hour';
	f     figures := figures(p_tenant, began, p_now);
begin
	return ('s1_spike', f.incident_count, f.s1_count, f.incident_count, 0, began, p_now,
	    json_build_object('s1', f.s1_count, 'incidents', f.incident_count))::rule_measure;
end $$;
comment on function watch_s1(timestamptz, text) is 's1_spike: S1 of the incidents that the audit found due within the hour';

create function watch_latency(p_now timestamptz, p_tenant text, p_first_day boolean, p_baseline_ms bigint)
returns rule_measure language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
	began    timestamptz := p_now - interval '30 minutes';
	f        figures := figures(p_tenant, began, p_now);
	measured bigint := (select baseline_ms from latency_baselines where tenant_id = p_tenant and p_first_day);
	baseline bigint := coalesce(measured, p_baseline_ms);
begin
	return ('latency_spike', f.total_invoices, f.p95_pipeline_total_ms, baseline, 0, began, p_now,
	    json_build_object('p95_ms', f.p95_pipeline_total_ms, 'baseline_ms', baseline,
	        'baseline', case when measured is not null then 'first_day' when p_first_day then 'default' else 'fixed' end))::rule_measure;
end $$;
comment on function watch_latency(timestamptz, text, boolean, bigint) is
    'latency_spike: p95 of half an hour in baselines: that of the first day once it is known (p_first_day), else p_baseline_ms';

create function watch_feedback(p_now timestamptz, p_tenant text) returns rule_measure language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	began timestamptz := p_now - interval '7 days';
	r     record;
begin
	select count(*) as resolved, count(feedback_correct) as answered into r
	  from incidents
	 where tenant_id = p_tenant and status = 'RESOLVED' and resolved_at >= began and resolved_at <= p_now;
	return ('feedback_drop', r.resolved, r.answered, r.resolved, 0, began, p_now,
	    json_build_object('resolved_with_feedback', r.answered, 'resolved', r.resolved))::rule_measure;
end $$;
comment on function watch_feedback(timestamptz, text) is 'feedback_drop: coverage of the incidents resolved within seven days, as figures() has it';

-- The first 24 hours of a tenant, hour by hour, once they are over.  Under 20 invoices say nothing.
create function watch_baseline(p_now timestamptz, p_tenant text) returns void language plpgsql volatile
    security definer set search_path = public, pg_temp as $$
declare
	began timestamptz;
begin
	if exists (select from latency_baselines where tenant_id = p_tenant) then
		return;
	end if;
	select min(created_at) into began from invoices where tenant_id = p_tenant and not smoke;
	if began is null or began + interval '1 day' > p_now then
		return;
	end if;
	insert into latency_baselines (tenant_id, baseline_ms, hours, n, measured_at)
	select p_tenant, greatest(1, round(avg(p95))), count(*), sum(n), p_now
	  from (select count(*) as n, percentile_disc(0.95) within group (order by pipeline_total_ms) as p95
	          from invoices
	         where tenant_id = p_tenant and not smoke and created_at >= began and created_at < began + interval '1 day'
	         group by floor(extract(epoch from created_at - began) / 3600)) hour
	having sum(n) >= 20
	    on conflict do nothing;
end $$;
comment on function watch_baseline(timestamptz, text) is 'Keeps the mean p95 of the tenant''s first 24 hours, once (SPEC 10)';

-- --- What there is to judge

create type watch_sight as (
	rule         text,
	n            bigint,
	part         bigint,
	whole        bigint,
	ours         bigint,
	from_us      bigint,
	from_text    text,
	until_text   text,
	details      text,
	alert_id     uuid,
	state        text,
	decision     text,
	pending_us   bigint,
	fired_us     bigint,
	escalated_us bigint,
	clear_us     bigint,
	notified_us  bigint,
	silenced     boolean
);
comment on type watch_sight is 'What a rule sees, its current alert, and whether its messages are held back';
comment on column watch_sight.rule is 'As rule_measure, likewise the next four';
comment on column watch_sight.n is 'Samples';
comment on column watch_sight.part is 'Numerator';
comment on column watch_sight.whole is 'Denominator';
comment on column watch_sight.ours is 'The part that is not the provider''s';
comment on column watch_sight.from_us is 'rule_measure.from_at in microseconds';
comment on column watch_sight.from_text is 'The same, RFC 3339';
comment on column watch_sight.until_text is 'rule_measure.until_at, RFC 3339';
comment on column watch_sight.details is 'Members of a JSON object, without its braces';
comment on column watch_sight.alert_id is 'The current alert; null: there is none, and so the next seven';
comment on column watch_sight.state is 'alerts.state';
comment on column watch_sight.decision is 'alerts.decision';
comment on column watch_sight.pending_us is 'alerts.pending_at in microseconds';
comment on column watch_sight.fired_us is 'alerts.fired_at in microseconds';
comment on column watch_sight.escalated_us is 'alerts.escalated_at in microseconds';
comment on column watch_sight.clear_us is 'alerts.clear_since in microseconds';
comment on column watch_sight.notified_us is 'alerts.notified_at in microseconds';
comment on column watch_sight.silenced is 'A silence holds';

create function watch_look(p_now timestamptz, p_tenant text, p_first_day boolean, p_baseline_ms bigint)
returns setof watch_sight language sql stable as $$
	select m.rule, m.n, m.part, m.whole, m.ours, microseconds(m.from_at), rfc3339(m.from_at), rfc3339(m.until_at),
	       substring(m.details::text from '^\s*\{(.*)\}\s*$'),
	       a.id, a.state, a.decision, microseconds(a.pending_at), microseconds(a.fired_at), microseconds(a.escalated_at),
	       microseconds(a.clear_since), microseconds(a.notified_at),
	       exists (select from alert_silences s where s.rule = m.rule and s.ended_at is null and s.ends_at > p_now)
	  from (select 1 as place, * from watch_ready(p_now)
	        union all select 2, * from watch_queue(p_now)
	        union all select 3, * from watch_errors(p_now)
	        union all select 4, * from watch_s1(p_now, p_tenant)
	        union all select 5, * from watch_latency(p_now, p_tenant, p_first_day, p_baseline_ms)
	        union all select 6, * from watch_feedback(p_now, p_tenant)) m
	  left join alerts a on a.rule = m.rule and a.state <> 'resolved' order by m.place
$$;
comment on function watch_look(timestamptz, text, boolean, bigint) is 'What every rule sees at a time, the pilot being p_tenant; changes nothing';

-- --- Who evaluates

create function watch_lead(p_holder text, p_channels text[], p_auto_stop boolean, p_auto_rollback boolean,
    out leads boolean, out at text) language plpgsql volatile as $$
declare
	t timestamptz := clock_timestamp();
begin
	at := t::text;
	leads := pg_try_advisory_xact_lock(hashtextextended('mizan watchdog', 0));
	if leads then
		-- Seen later than now: the clock was set back since.
		update watch_leader
		   set since = case when holder = p_holder then since else t end, holder = p_holder, seen_at = t,
		       channels = p_channels, auto_stop = p_auto_stop, auto_rollback = p_auto_rollback
		 where holder = p_holder or seen_at < t - interval '20 seconds' or seen_at > t + interval '20 seconds';
		leads := found;
	end if;
end $$;
comment on function watch_lead(text, text[], boolean, boolean) is
    'Whether p_holder is the watchdog that evaluates, for the next 20 seconds: again, or since the one before was not heard of for so long; and the time';

create function watch_resign(p_holder text) returns void language sql volatile as $$
	update watch_leader set seen_at = '-infinity' where holder = p_holder
$$;
comment on function watch_resign(text) is 'Another watchdog may take over at once';

create function watch_sample(p_samples json) returns void language sql volatile as $$
	insert into ready_samples (at, http_status, ready, failing_checks, build_id, latency_ms)
	select clock_timestamp() - s.age_ms * interval '1 millisecond', s.http_status, s.ready,
	       array(select json_array_elements_text(s.failing_checks)), s.build_id, s.latency_ms
	  from json_to_recordset(p_samples) s (age_ms bigint, http_status integer, ready boolean, failing_checks json,
	       build_id text, latency_ms bigint)
	    on conflict do nothing
$$;
comment on function watch_sample(json) is 'Keeps samples of readiness, each taken age_ms ago';

create function watch_forget() returns boolean language sql volatile security definer set search_path = public, pg_temp as $$
	with gone as (
		delete from ready_samples where at in (
			select at from ready_samples where at < now() - interval '60 days' order by at limit 10000)
		returning 1
	)
	select count(*) = 10000 from gone
$$;
comment on function watch_forget() is 'Removes samples of readiness older than 60 days, some at a time; true: there may be more';

-- --- What came of it

create type watch_done as (
	rule        text,
	alert_id    uuid,
	carried_out text,
	stopped     boolean,
	ordered     boolean,
	nowhere     boolean
);
comment on type watch_done is 'What was put down of one rule''s alert';
comment on column watch_done.rule is 'Which rule';
comment on column watch_done.alert_id is 'Its alert';
comment on column watch_done.carried_out is 'advised or done, where something was decided; else null';
comment on column watch_done.stopped is 'The pilot was switched off';
comment on column watch_done.ordered is 'A rollback was ordered';
comment on column watch_done.nowhere is 'There was something to tell, and no channel to tell it on';

create function watch_stop(p_reason text) returns boolean language plpgsql volatile as $$
declare
	old pilot_switch;
begin
	select * into old from pilot_switch for update;
	if not old.enabled then
		return false;
	end if;
	update pilot_switch set enabled = false, reason = p_reason, changed_by = 'watchdog', changed_at = clock_timestamp();
	insert into audit_log (actor, action, object, detail)
	values ('watchdog', 'pilot.set', 'pilot', jsonb_build_object('enabled', false, 'reason', p_reason,
	        'old_enabled', old.enabled, 'old_reason', old.reason));
	return true;
end $$;
comment on function watch_stop(text) is 'Switches the pilot off, as PUT /admin/pilot does; false: it was off';

create function alert_snapshot(a alerts, p_event text, p_now timestamptz, p_config_hash text) returns json
language sql stable as $$
	select json_build_object('alert_id', a.id, 'rule', a.rule, 'state', a.state, 'event', p_event,
	    'decision', a.decision, 'carried_out', a.carried_out, 'owner', a.owner,
	    'pending_at', rfc3339(a.pending_at), 'fired_at', rfc3339(a.fired_at), 'escalated_at', rfc3339(a.escalated_at),
	    'resolved_at', rfc3339(a.resolved_at), 'resolved_reason', a.resolved_reason, 'at', rfc3339(p_now),
	    'build_id', a.build_id, 'config_hash', p_config_hash, 'inputs', a.inputs,
	    'rollback', (select json_build_object('build_id', r.build_id, 'created_at', rfc3339(r.created_at))
	                   from rollbacks r join decisions d on d.id = r.decision_id where d.alert_id = a.id
	                  order by r.created_at desc limit 1))
$$;
comment on function alert_snapshot(alerts, text, timestamptz, text) is 'An alert as its messages show it';

-- p_changes, for each rule: {"rule", "id" (null: a new alert), "state", "owner", "decision", "inputs",
-- "pending_at", "fired_at", "escalated_at", "clear_since", "notified_at" (microseconds or null),
-- "resolved_reason", "decide" (whether that decision is new), "reason" (in words), "event", "channels"}.
create function watch_record(p_holder text, p_now timestamptz, p_build_id text, p_config_hash text,
    p_auto_stop boolean, p_auto_rollback boolean, p_changes json) returns setof watch_done
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
	build := coalesce((select s.build_id from ready_samples s
	                    where s.at <= p_now and s.at > p_now - interval '15 minutes' and s.build_id is not null
	                    order by s.at desc limit 1), p_build_id);
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
				d.stopped := watch_stop(left(c.reason, 500));
			end if;
			if c.decision = 'STOP' and p_auto_stop
			   or c.decision = 'ROLLBACK' and p_auto_rollback and not exists (select from rollbacks r where r.build_id = build) then
				d.carried_out := 'done';
			end if;
			insert into decisions (alert_id, at, rule, decision, carried_out, inputs, build_id)
			values (d.alert_id, p_now, c.rule, c.decision, d.carried_out, c.inputs, build) returning id into made;
			if c.decision = 'ROLLBACK' and d.carried_out = 'done' then
				insert into rollbacks (build_id, decision_id) values (build, made);
				d.ordered := true;
			end if;
		end if;
		update alerts
		   set state = c.state, decision = c.decision, carried_out = coalesce(d.carried_out, carried_out),
		       inputs = c.inputs, pending_at = c.pending, fired_at = c.fired, escalated_at = c.escalated,
		       clear_since = c.clear, notified_at = c.notified, resolved_reason = c.resolved_reason,
		       resolved_at = case when c.state = 'resolved' then p_now end
		 where id = d.alert_id and state <> 'resolved' returning * into strict a;
		if c.event is not null then
			insert into alert_deliveries (alert_id, channel, event, snapshot)
			select a.id, channel, c.event, alert_snapshot(a, c.event, p_now, p_config_hash)
			  from json_array_elements_text(c.channels) channel;
		end if;
		return next d;
	end loop;
end $$;
comment on function watch_record(text, timestamptz, text, text, boolean, boolean, json) is
    'Puts down what an evaluation by p_holder came to: alerts, decisions with what follows from them, and messages; nothing where another leads by now';

revoke execute on function watch_ready(timestamptz), watch_queue(timestamptz), watch_errors(timestamptz),
    watch_s1(timestamptz, text), watch_latency(timestamptz, text, boolean, bigint), watch_feedback(timestamptz, text),
    watch_baseline(timestamptz, text), watch_look(timestamptz, text, boolean, bigint),
    watch_lead(text, text[], boolean, boolean), watch_resign(text), watch_sample(json), watch_forget(),
    watch_stop(text), watch_record(text, timestamptz, text, text, boolean, boolean, json) from public;
grant execute on function watch_ready(timestamptz), watch_queue(timestamptz), watch_errors(timestamptz),
    watch_s1(timestamptz, text), watch_latency(timestamptz, text, boolean, bigint), watch_feedback(timestamptz, text),
    watch_baseline(timestamptz, text), watch_look(timestamptz, text, boolean, bigint),
    watch_lead(text, text[], boolean, boolean), watch_resign(text), watch_sample(json), watch_forget(),
    watch_stop(text), watch_record(text, timestamptz, text, text, boolean, boolean, json) to mizan_watchdog;
