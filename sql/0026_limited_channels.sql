-- A channel that is limited (429) takes no message before its wait is over, also none that was written since.

alter table alert_deliveries add column limited boolean not null default false;
comment on column alert_deliveries.limited is 'Its last answer was 429: nothing goes out on its channel before due_at';

-- As before (0015), but for channels that are limited.
create or replace function delivery_claim(p_channels text[], p_lease_seconds integer, out id bigint, out alert_id uuid,
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
		   and not exists (select from alert_deliveries l
		                    where l.channel = d.channel and l.limited and l.due_at > (select clock_timestamp())
		                      and l.delivered_at is null and l.given_up_at is null)
		 order by d.attempts, d.channel <> 'pagerduty', d.id limit 1 for update of d skip locked
	)
	update alert_deliveries d
	   set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds), attempts = d.attempts + 1
	  from due, alerts a
	 where d.id = due.id and a.id = d.alert_id
	returning d.id, d.alert_id, a.rule, d.channel, d.event, d.snapshot, d.attempts
$$;

create or replace function delivery_failed(p_id bigint, p_attempts integer, p_error text, p_wait_ms bigint, p_whole_channel boolean)
returns void language sql volatile as $$
	update alert_deliveries
	   set due_at = clock_timestamp() + p_wait_ms * interval '1 millisecond', lease_until = null,
	       last_error = p_error, limited = p_whole_channel
	 where id = p_id and attempts = p_attempts and delivered_at is null and given_up_at is null
$$;
