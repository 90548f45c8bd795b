-- What operators were told or given wrongly: drift that was none, smoke runs paid for again, the
-- pilot's switch missing from the pilot's own audit log.

-- As before (0010), but the rate of nothing is 0, which is not twice any other.
create or replace function drift(p_new figures, p_old figures)
returns table (alert_type text, old_rate numeric, new_rate numeric, old_count bigint, new_count bigint,
    triggered boolean, message text) language sql immutable as $$
	select a.alert_type, rounded(rate(a.old_count, a.old_of)), rounded(rate(a.new_count, a.new_of)),
	       a.old_count, a.new_count, w.why_not is null,
	       coalesce('no drift: ' || w.why_not,
	           format('%s rate rose from %s (%s) to %s (%s)', a.what, rounded(rate(a.old_count, a.old_of)),
	                  a.old_count, rounded(rate(a.new_count, a.new_of)), a.new_count))
	  from (values
	    ('S1_RATE_DRIFT', 'S1', p_old.s1_count, p_old.incident_count, p_new.s1_count, p_new.incident_count),
	    ('OCR_SUSPECT_DRIFT', 'OCR suspect', p_old.ocr_suspect_count, p_old.incident_count,
	                          p_new.ocr_suspect_count, p_new.incident_count),
	    ('MISMATCH_RATE_DRIFT', 'mismatch', p_old.incident_count, p_old.total_invoices,
	                            p_new.incident_count, p_new.total_invoices)
	  ) a (alert_type, what, old_count, old_of, new_count, new_of),
	  lateral (select case
	    when p_new.total_invoices < 20 then 'fewer than 20 invoices'
	    when abs(a.new_count - a.old_count) < 5 then 'the count changed by less than 5'
	    when a.new_of = 0 or a.new_count * a.old_of < 2 * a.old_count * a.new_of then 'less than twice the rate before'
	  end) w (why_not)
$$;

-- As before (0016), but "all in that state" are invoices: a smoke run that was given up is over.
create or replace function can_be_changed(p_verb text, p_job jobs) returns boolean language sql stable as $$
	select p_verb = 'cancel' or not p_job.smoke and exists (
		select from documents where tenant_id = p_job.tenant_id and id = p_job.document_id and content is not null)
$$;
comment on function can_be_changed(text, jobs) is
    'Whether a retry of all in a state takes it in: it has a document to read and is no smoke run; anything can be cancelled';

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

-- As before (0014), but for p_pilot_tenant.
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
				d.stopped := watch_stop(left(c.reason, 500), p_pilot_tenant);
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
comment on function watch_record(text, timestamptz, text, text, boolean, boolean, text, json) is
    'Puts down what an evaluation by p_holder came to: alerts, decisions with what follows from them, and messages; nothing where another leads by now';

create or replace function watch_record(p_holder text, p_now timestamptz, p_build_id text, p_config_hash text,
    p_auto_stop boolean, p_auto_rollback boolean, p_changes json) returns setof watch_done language sql volatile as $$
	select * from watch_record(p_holder, p_now, p_build_id, p_config_hash, p_auto_stop, p_auto_rollback, null, p_changes)
$$;
comment on function watch_record(text, timestamptz, text, text, boolean, boolean, json) is
    'The same for builds that do not say whose the pilot''s switch is';
drop function watch_stop(text); -- expand: watch_record() alone called it

revoke execute on function watch_stop(text, text),
    watch_record(text, timestamptz, text, text, boolean, boolean, text, json) from public;
grant execute on function watch_stop(text, text),
    watch_record(text, timestamptz, text, text, boolean, boolean, text, json) to mizan_watchdog;
