-- What the operators' side keeps (SPEC 7 to 9): who looked at an incident and what came of it,
-- sessions, daily summaries, and what the front door saw.  The functions over it follow in the
-- next migrations.

-- The queue first, as workers do: who has written a job goes on to the incidents.
lock table jobs, incidents in access exclusive mode;

alter table incidents
	add column revision        integer     not null default 1,
	add column changed_by      text,
	add column changed_at      timestamptz,
	add column resolution_note text,
	add column resolved_by     text,
	add column resolved_at     timestamptz;
comment on column incidents.revision is 'Grows with each change by an operator: the ETag';
comment on column incidents.changed_by is 'Operator who changed it last';
comment on column incidents.changed_at is 'When';
comment on column incidents.resolution_note is 'What the operator wrote when resolving it';
comment on column incidents.resolved_by is 'Operator who resolved it; null unless RESOLVED';
comment on column incidents.resolved_at is 'When; null unless RESOLVED';
create index incidents_resolved on incidents (tenant_id, resolved_at) where status = 'RESOLVED';

alter table jobs add column retried_at timestamptz;
comment on column jobs.retried_at is 'Latest retry by an operator: its times count from here';

create table incident_feedback (
	tenant_id               text        not null,
	incident_id             uuid        not null,
	action_taken            text        not null check (action_taken in
	    ('VERIFIED_OCR', 'VERIFIED_LOGIC', 'ACCEPTED_ROUNDING', 'ESCALATED', 'NO_ACTION_REQUIRED')),
	was_hint_correct        boolean     not null,
	actual_root_cause       text        check (char_length(actual_root_cause) <= 200),
	resolution_time_seconds bigint      not null check (resolution_time_seconds >= 0),
	operator                text        not null,
	created_at              timestamptz not null default clock_timestamp(),
	changed_at              timestamptz not null default clock_timestamp(),
	primary key (tenant_id, incident_id),
	foreign key (tenant_id, incident_id) references incidents (tenant_id, id) on delete cascade
);
comment on table incident_feedback is 'What operators say of a resolved incident and its hint (SPEC 7)';
comment on column incident_feedback.tenant_id is 'Tenant that owns the row';
comment on column incident_feedback.incident_id is 'The incident';
comment on column incident_feedback.action_taken is 'What was done about it';
comment on column incident_feedback.was_hint_correct is 'Whether the hint pointed at the cause';
comment on column incident_feedback.actual_root_cause is 'What it was, in the operator''s words';
comment on column incident_feedback.resolution_time_seconds is 'How long it took';
comment on column incident_feedback.operator is 'Who says so';
comment on column incident_feedback.created_at is 'Said first';
comment on column incident_feedback.changed_at is 'Said last';

create table run_summaries (
	tenant_id  text        not null,
	day        date        not null,
	summary    json        not null,
	created_at timestamptz not null default clock_timestamp(),
	primary key (tenant_id, day)
);
comment on table run_summaries is 'The line of the log for each tenant and day that is over (SPEC 9)';
comment on column run_summaries.tenant_id is 'Tenant that owns the row';
comment on column run_summaries.day is 'The day, UTC';
comment on column run_summaries.summary is 'The line as it was written';
comment on column run_summaries.created_at is 'When it was written';

create table sessions (
	id         uuid        primary key,
	key_sha256 bytea       not null check (length(key_sha256) = 32),
	created_at timestamptz not null default clock_timestamp(),
	expires_at timestamptz not null,
	ended_at   timestamptz
);
create index sessions_expires on sessions (expires_at);
comment on table sessions is 'Operators who logged in with a browser; as good as the key behind them';
comment on column sessions.id is 'What the cookie names';
comment on column sessions.key_sha256 is 'The key it was opened with: revoked, the session is over';
comment on column sessions.created_at is 'Login';
comment on column sessions.expires_at is 'It ends by itself';
comment on column sessions.ended_at is 'Logout';

create table login_failures (
	address  text        not null,
	minute   timestamptz not null,
	failures bigint      not null,
	primary key (minute, address)
);
comment on table login_failures is 'Refused logins, counted per address and minute';
comment on column login_failures.address is 'Where from; of IPv6 the first 64 bits';
comment on column login_failures.minute is 'When, cut to the minute';
comment on column login_failures.failures is 'How many';

create table front_door_minutes (
	tenant_id     text        not null,
	minute        timestamptz not null,
	route         text        not null,
	status_class  smallint    not null check (status_class between 0 and 5),
	requests      bigint      not null,
	seconds       numeric     not null,
	buckets       bigint[]    not null,
	primary key (tenant_id, minute, route, status_class)
);
create index front_door_minutes_minute on front_door_minutes (minute);
comment on table front_door_minutes is 'What clients saw of nginx, counted from its access log';
comment on column front_door_minutes.tenant_id is 'Tenant named in the request; "" where none, or none that exists';
comment on column front_door_minutes.minute is 'When they were answered, cut to the minute';
comment on column front_door_minutes.route is 'Route as the access log has it';
comment on column front_door_minutes.status_class is 'First digit of the status; 0: the client left without one';
comment on column front_door_minutes.requests is 'How many';
comment on column front_door_minutes.seconds is 'Time they took in all';
comment on column front_door_minutes.buckets is 'How many took at most 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10, 30 s, and more; each counted once';

create table access_log_positions (
	host       text        not null,
	path       text        not null,
	device     bigint      not null,
	inode      bigint      not null,
	position   bigint      not null,
	changed_at timestamptz not null default clock_timestamp(),
	primary key (host, path)
);
comment on table access_log_positions is 'How far each access log has been counted: written together with the counts';
comment on column access_log_positions.host is 'Machine the log is on';
comment on column access_log_positions.path is 'Its path there';
comment on column access_log_positions.device is 'Device of the file that was being read';
comment on column access_log_positions.inode is 'Its inode: another one means the log was rotated';
comment on column access_log_positions.position is 'Bytes counted of it';
comment on column access_log_positions.changed_at is 'When';

alter table incident_feedback enable row level security;
alter table run_summaries enable row level security;
alter table front_door_minutes enable row level security;
create policy everything on incident_feedback to mizan_admin, mizan_watchdog using (true);
create policy everything on run_summaries to mizan_admin, mizan_watchdog using (true);
create policy everything on front_door_minutes to mizan_admin, mizan_watchdog using (true);

grant select on incident_feedback, run_summaries, front_door_minutes, login_failures to mizan_admin, mizan_watchdog;
grant select, insert, update on front_door_minutes, access_log_positions to mizan_watchdog;
grant insert on run_summaries to mizan_watchdog;
grant select on access_log_positions to mizan_admin;
