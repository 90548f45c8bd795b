-- What the watchdog sees, decides and says (SPEC 10), and what becomes of it: readiness as a client
-- sees it, alerts with the decisions behind them, the messages on their way out, silences, and
-- rollbacks.  The functions over it follow in the next migrations.

create table watch_leader (
	only_one   boolean     primary key default true check (only_one),
	holder     text        not null default '',
	since      timestamptz not null default clock_timestamp(),
	seen_at    timestamptz not null default '-infinity',
	evaluated_at timestamptz not null default '-infinity',
	channels   text[]      not null default '{}',
	auto_stop  boolean     not null default false,
	auto_rollback boolean  not null default false
);
insert into watch_leader default values;
comment on table watch_leader is 'Which of several watchdogs evaluates the rules';
comment on column watch_leader.only_one is 'There is one row';
comment on column watch_leader.holder is 'The leader, as host:pid; "" before there was one';
comment on column watch_leader.since is 'It leads since then';
comment on column watch_leader.seen_at is 'It was at work; another takes over when this is too long ago';
comment on column watch_leader.evaluated_at is 'The rules were evaluated last, as of then: set in the evaluation''s own transaction';
comment on column watch_leader.channels is 'The channels that it has an address for';
comment on column watch_leader.auto_stop is 'Its AUTO_STOP';
comment on column watch_leader.auto_rollback is 'Its AUTO_ROLLBACK';

create table ready_samples (
	at             timestamptz primary key default clock_timestamp(),
	http_status    integer     not null,
	ready          boolean     not null,
	failing_checks text[]      not null default '{}',
	build_id       text,
	latency_ms     bigint      not null
);
comment on table ready_samples is 'GET /health/ready as the watchdog saw it, every ten seconds';
comment on column ready_samples.at is 'When it was asked';
comment on column ready_samples.http_status is '0: no answer in time';
comment on column ready_samples.ready is '200 and "status":"ready"';
comment on column ready_samples.failing_checks is 'As the answer named them; empty where there was no answer of ours';
comment on column ready_samples.build_id is 'The build that answered';
comment on column ready_samples.latency_ms is 'How long the answer took';

create table latency_baselines (
	tenant_id   text        primary key,
	baseline_ms bigint      not null check (baseline_ms > 0),
	hours       integer     not null,
	n           bigint      not null,
	measured_at timestamptz not null default clock_timestamp()
);
comment on table latency_baselines is 'Mean p95 of a tenant''s first 24 hours, measured once (SPEC 10)';
comment on column latency_baselines.tenant_id is 'Tenant';
comment on column latency_baselines.baseline_ms is 'Mean of the hours'' p95 of the pipeline, in milliseconds';
comment on column latency_baselines.hours is 'Hours with invoices among the 24';
comment on column latency_baselines.n is 'Invoices in them';
comment on column latency_baselines.measured_at is 'When it was measured';

create table alerts (
	id              uuid        primary key default gen_random_uuid(),
	rule            text        not null,
	state           text        not null default 'pending' check (state in ('pending', 'firing', 'resolved')),
	owner           text        not null check (owner in ('on_call', 'product')),
	decision        text        check (decision in ('INVESTIGATE', 'STOP', 'ROLLBACK')),
	carried_out     text        check (carried_out in ('advised', 'done')),
	inputs          json        not null,
	build_id        text        not null,
	pending_at      timestamptz not null,
	fired_at        timestamptz,
	escalated_at    timestamptz,
	clear_since     timestamptz,
	notified_at     timestamptz,
	resolved_at     timestamptz,
	resolved_reason text        check (resolved_reason in ('clear', 'too_few_samples', 'never_fired')),
	check ((state = 'resolved') = (resolved_at is not null)),
	check ((resolved_at is null) = (resolved_reason is null)),
	check (state <> 'firing' or (fired_at is not null and decision is not null))
);
create unique index alerts_current on alerts (rule) where state <> 'resolved';
create index alerts_pending_at on alerts (pending_at desc, id);
comment on table alerts is 'Each time that a rule of SPEC 10 spoke up, from first sign to resolution';
comment on column alerts.id is 'Identifier; the dedup_key towards PagerDuty is made of it';
comment on column alerts.rule is 'ready_503, queue_stuck, error_5xx, s1_spike, latency_spike or feedback_drop';
comment on column alerts.state is 'pending: the condition holds, but not for long enough; firing; resolved';
comment on column alerts.owner is 'Whose it is (the runbook''s 8.1)';
comment on column alerts.decision is 'The latest decision; null while pending';
comment on column alerts.carried_out is 'advised: a person has to do it; done: the watchdog did';
comment on column alerts.inputs is 'What the rule saw at the latest evaluation: value, threshold, n, window, and what they were made of';
comment on column alerts.build_id is 'The build that was running when it began';
comment on column alerts.pending_at is 'First sign';
comment on column alerts.fired_at is 'When it began to fire';
comment on column alerts.escalated_at is 'When the time to investigate was over';
comment on column alerts.clear_since is 'The condition has not held since then; null: it holds';
comment on column alerts.notified_at is 'Latest message asked for';
comment on column alerts.resolved_at is 'When it was over';
comment on column alerts.resolved_reason is 'clear, too_few_samples (nothing can be said any more) or never_fired';

create table decisions (
	id          bigint      generated always as identity primary key,
	alert_id    uuid        not null references alerts (id) on delete cascade,
	at          timestamptz not null,
	rule        text        not null,
	decision    text        not null check (decision in ('INVESTIGATE', 'STOP', 'ROLLBACK')),
	carried_out text        not null check (carried_out in ('advised', 'done')),
	inputs      json        not null,
	build_id    text        not null
);
create index decisions_alert on decisions (alert_id, id);
comment on table decisions is 'What the watchdog decided, with all that it decided by';
comment on column decisions.id is 'Order of the decisions';
comment on column decisions.alert_id is 'The alert it belongs to';
comment on column decisions.at is 'When; the end of the windows';
comment on column decisions.rule is 'Which rule';
comment on column decisions.decision is 'INVESTIGATE, STOP or ROLLBACK';
comment on column decisions.carried_out is 'advised: AUTO_STOP or AUTO_ROLLBACK does not allow more; done';
comment on column decisions.inputs is 'value, threshold, n, min_samples, window_seconds, from, to, and what they were made of';
comment on column decisions.build_id is 'The build that was running';

create table alert_deliveries (
	id           bigint      generated always as identity primary key,
	alert_id     uuid        not null references alerts (id) on delete cascade,
	channel      text        not null check (channel in ('slack_alerts', 'slack_product', 'pagerduty')),
	event        text        not null check (event in ('firing', 'escalated', 'repeated', 'resolved')),
	snapshot     json        not null,
	created_at   timestamptz not null default clock_timestamp(),
	due_at       timestamptz not null default clock_timestamp(),
	lease_until  timestamptz,
	attempts     integer     not null default 0,
	delivered_at timestamptz,
	given_up_at  timestamptz,
	last_error   text,
	check (delivered_at is null or given_up_at is null)
);
create index alert_deliveries_due on alert_deliveries (due_at) where delivered_at is null and given_up_at is null;
create index alert_deliveries_alert on alert_deliveries (alert_id, id);
comment on table alert_deliveries is 'Messages on their way out: written with the decision, delivered at least once';
comment on column alert_deliveries.id is 'Order; of one alert and channel, the order of delivery';
comment on column alert_deliveries.alert_id is 'What it is about';
comment on column alert_deliveries.channel is 'Where to; the address is a secret of the watchdog''s environment';
comment on column alert_deliveries.event is 'What happened to the alert';
comment on column alert_deliveries.snapshot is 'The alert as it was then: the message is made of it';
comment on column alert_deliveries.created_at is 'Written';
comment on column alert_deliveries.due_at is 'Next try';
comment on column alert_deliveries.lease_until is 'A watchdog is at it until then';
comment on column alert_deliveries.attempts is 'Tries so far';
comment on column alert_deliveries.delivered_at is 'Accepted by the other side';
comment on column alert_deliveries.given_up_at is 'Refused for good, or too old';
comment on column alert_deliveries.last_error is 'What the latest failed try ended with; no secret';

create table alert_silences (
	id         uuid        primary key default gen_random_uuid(),
	rule       text        not null,
	reason     text        not null check (char_length(reason) between 1 and 500),
	operator   text        not null,
	created_at timestamptz not null default clock_timestamp(),
	ends_at    timestamptz not null,
	ended_at   timestamptz,
	ended_by   text
);
create index alert_silences_current on alert_silences (rule, ends_at) where ended_at is null;
comment on table alert_silences is 'A rule''s messages are held back for a while; its decisions are not';
comment on column alert_silences.id is 'Identifier';
comment on column alert_silences.rule is 'Whose messages';
comment on column alert_silences.reason is 'Why, in the operator''s words';
comment on column alert_silences.operator is 'Who said so';
comment on column alert_silences.created_at is 'From';
comment on column alert_silences.ends_at is 'Until';
comment on column alert_silences.ended_at is 'Ended before its time';
comment on column alert_silences.ended_by is 'By whom';

create table rollbacks (
	build_id    text        primary key,
	decision_id bigint      references decisions (id) on delete set null,
	created_at  timestamptz not null default clock_timestamp(),
	started_at  timestamptz,
	runner      text,
	finished_at timestamptz,
	exit_status integer,
	output      text        check (octet_length(output) <= 65536)
);
comment on table rollbacks is 'ROLLBACK_COMMAND, at most once for each build';
comment on column rollbacks.build_id is 'The build that was to be left';
comment on column rollbacks.decision_id is 'Why';
comment on column rollbacks.created_at is 'Decided';
comment on column rollbacks.started_at is 'The command was started; never again for this build';
comment on column rollbacks.runner is 'The process that runs it, by a random name';
comment on column rollbacks.finished_at is 'The command ended, or its time was up';
comment on column rollbacks.exit_status is 'The command''s; 128 + signal when it was killed; null: not known';
comment on column rollbacks.output is 'The last 64 KiB that it printed, UTF-8';

alter table latency_baselines enable row level security;
create policy everything on latency_baselines to mizan_admin, mizan_watchdog using (true);

grant select on watch_leader, ready_samples, latency_baselines, alerts, decisions, alert_deliveries, alert_silences,
    rollbacks to mizan_admin, mizan_watchdog;
grant insert, update on alerts, alert_deliveries, latency_baselines, rollbacks to mizan_watchdog;
grant insert on ready_samples, decisions, audit_log to mizan_watchdog;
grant update on watch_leader to mizan_watchdog;
grant select, update on pilot_switch to mizan_watchdog;
grant insert, update on alert_silences to mizan_admin;
