-- The tables.  tenant_id leads every key of a tenant's rows, so that they can be walled off by
-- row-level security (0002) and one day be sharded.  All times are the database's clock.

create table documents (
	tenant_id  text        not null check (tenant_id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
	id         uuid        not null default gen_random_uuid(),
	sha256     bytea       not null check (length(sha256) = 32),
	media_type text        not null check (media_type in ('application/pdf', 'image/png', 'image/jpeg', 'image/webp')),
	bytes      bigint      not null check (bytes > 0),
	filename   text        not null check (octet_length(filename) <= 255),
	content    bytea       not null,
	created_at timestamptz not null default clock_timestamp(),
	primary key (tenant_id, id),
	unique (tenant_id, sha256)
);
-- PDF and image formats are compressed already: another try costs time and wins nothing.
alter table documents alter column content set storage external;
comment on table documents is 'Uploaded files, each once per tenant';
comment on column documents.tenant_id is 'Tenant that owns the row (SPEC 3)';
comment on column documents.id is 'Identifier within Mizan';
comment on column documents.sha256 is 'SHA-256 of content; the same bytes are one document';
comment on column documents.media_type is 'By the content''s own magic, not by what the client claimed';
comment on column documents.bytes is 'Length of content';
comment on column documents.filename is 'Name given at the first upload, cleaned; never a path';
comment on column documents.content is 'The file as it was uploaded';
comment on column documents.created_at is 'First upload';

create table jobs (
	tenant_id      text        not null,
	id             uuid        not null default gen_random_uuid(),
	document_id    uuid        not null,
	state          text        not null default 'QUEUED'
	    check (state in ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELLED')),
	smoke          boolean     not null default false,
	trace_id       text        not null,
	reply_channel  text,
	created_at     timestamptz not null default clock_timestamp(),
	run_at         timestamptz not null default clock_timestamp(),
	attempts       integer     not null default 0,
	lost_leases    integer     not null default 0,
	retries        integer     not null default 0,
	lease_token    uuid,
	lease_until    timestamptz,
	worker_id      text,
	started_at     timestamptz,
	finished_at    timestamptz,
	finished_token uuid,
	error_code     text,
	error_detail   text,
	primary key (tenant_id, id),
	foreign key (tenant_id, document_id) references documents (tenant_id, id),
	check ((state = 'RUNNING') = (lease_token is not null)),
	check ((lease_token is null) = (lease_until is null)),
	check ((state in ('QUEUED', 'RUNNING')) = (finished_at is null))
);
create unique index jobs_id on jobs (id);
create index jobs_document on jobs (tenant_id, document_id, created_at desc);
create index jobs_created on jobs (tenant_id, created_at);
create index jobs_queued on jobs (run_at) where state = 'QUEUED';
create index jobs_queued_tenant on jobs (tenant_id) where state = 'QUEUED';
create index jobs_running on jobs (lease_until) where state = 'RUNNING';
-- The queue's rows live for seconds: the dead ones must not pile up behind the two indexes above.
alter table jobs set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
comment on table jobs is 'The queue: one row per processing of a document (SPEC 4)';
comment on column jobs.tenant_id is 'Tenant that owns the row';
comment on column jobs.id is 'Identifier that clients see';
comment on column jobs.document_id is 'What is to be read';
comment on column jobs.state is 'QUEUED, RUNNING, SUCCEEDED, FAILED, SKIPPED or CANCELLED';
comment on column jobs.smoke is 'A smoke run: outside of metrics and budgets';
comment on column jobs.trace_id is 'Of the request that made the job';
comment on column jobs.reply_channel is 'NOTIFY channel of the process where a client may wait; a hint';
comment on column jobs.created_at is 'Accepted';
comment on column jobs.run_at is 'Due from';
comment on column jobs.attempts is 'Tries used on a document that could not be read; provider trouble uses none';
comment on column jobs.lost_leases is 'How often a worker died or stalled with it';
comment on column jobs.retries is 'How often it went back to the queue since it was accepted, for the backoff';
comment on column jobs.lease_token is 'New with each claim; whoever holds another cannot write';
comment on column jobs.lease_until is 'When the claim ends unless renewed';
comment on column jobs.worker_id is 'Worker of the latest claim';
comment on column jobs.started_at is 'Latest claim';
comment on column jobs.finished_at is 'When it left the queue for good';
comment on column jobs.finished_token is 'The lease under which it was finished: a repeated finish finds itself done';
comment on column jobs.error_code is 'Stable name of the latest trouble, also while queued again';
comment on column jobs.error_detail is 'One sentence about it; no content of the document';

create table idempotency_keys (
	tenant_id  text        not null,
	key        text        not null check (octet_length(key) between 1 and 255),
	sha256     bytea       not null,
	job_id     uuid        not null,
	created_at timestamptz not null default clock_timestamp(),
	primary key (tenant_id, key),
	foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade
);
create index idempotency_keys_job on idempotency_keys (tenant_id, job_id);
comment on table idempotency_keys is 'Idempotency-Key headers and the job that each one made';
comment on column idempotency_keys.tenant_id is 'Tenant that owns the row';
comment on column idempotency_keys.key is 'The header''s value';
comment on column idempotency_keys.sha256 is 'The document it came with; with another one the key is refused';
comment on column idempotency_keys.job_id is 'The job that answers it';
comment on column idempotency_keys.created_at is 'First use';

create table provider_calls (
	tenant_id         text        not null,
	id                bigint      generated always as identity,
	job_id            uuid        not null,
	lease_token       uuid        not null,
	outcome           text        not null,
	http_status       integer,
	request_id        text,
	model             text,
	duration_ms       bigint      not null,
	prompt_tokens     bigint,
	completion_tokens bigint,
	reply             bytea,
	created_at        timestamptz not null default clock_timestamp(),
	primary key (tenant_id, id),
	foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade
);
-- Read once in a while, written with every call: not worth compressing.
alter table provider_calls alter column reply set storage external;
create index provider_calls_job on provider_calls (tenant_id, job_id);
comment on table provider_calls is 'Every answered call to the provider, with its answer as it came';
comment on column provider_calls.tenant_id is 'Tenant that owns the row';
comment on column provider_calls.id is 'Order of arrival';
comment on column provider_calls.job_id is 'Job it was made for';
comment on column provider_calls.lease_token is 'Claim it was made under';
comment on column provider_calls.outcome is 'ok, or the stable name of what went wrong';
comment on column provider_calls.http_status is 'Null when there was no HTTP answer';
comment on column provider_calls.request_id is 'The provider''s x-request-id';
comment on column provider_calls.model is 'The model that the provider says it used';
comment on column provider_calls.duration_ms is 'From submission to the last byte';
comment on column provider_calls.prompt_tokens is 'Tokens paid for the question';
comment on column provider_calls.completion_tokens is 'Tokens paid for the answer';
comment on column provider_calls.reply is 'The body, raw and bounded: a replay never pays twice';
comment on column provider_calls.created_at is 'When the answer was recorded';

create table invoices (
	tenant_id         text        not null,
	job_id            uuid        not null,
	document_id       uuid        not null,
	smoke             boolean     not null,
	outcome           text        not null check (outcome in ('exact', 'minor', 'rounding', 'mismatch', 'failed')),
	severity          text        check (severity in ('S1', 'S2')),
	ocr_suspect       boolean     not null,
	action_class      text,
	stated            numeric,
	computed          numeric,
	delta             numeric,
	ratio             numeric,
	score             integer     not null check (score between 0 and 100),
	grade             text        not null check (grade in ('OK', 'CHECK', 'BAD')),
	seller_name       text,
	seller_tax_id     text,
	invoice_number    text,
	issue_date        date,
	currency          text,
	identity          text,
	fingerprint       text        not null,
	extraction        json,
	audit             json        not null,
	quality           json        not null,
	model             text,
	incident_id       uuid,
	incident_skipped  text        check (incident_skipped in ('incident_budget', 'pilot_disabled')),
	queue_ms          bigint      not null,
	extraction_ms     bigint      not null,
	pipeline_total_ms bigint      not null,
	created_at        timestamptz not null default clock_timestamp(),
	primary key (tenant_id, job_id),
	foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade,
	foreign key (tenant_id, document_id) references documents (tenant_id, id)
);
create index invoices_identity on invoices (tenant_id, identity) where identity is not null;
create index invoices_created on invoices (tenant_id, created_at);
create index invoices_document on invoices (tenant_id, document_id);
comment on table invoices is 'One row per processed invoice: what was read, its audit and its quality (SPEC 5, 6)';
comment on column invoices.tenant_id is 'Tenant that owns the row';
comment on column invoices.job_id is 'The job that made it';
comment on column invoices.document_id is 'The document it was read from';
comment on column invoices.smoke is 'As the job''s';
comment on column invoices.outcome is 'exact, minor, rounding, mismatch or failed';
comment on column invoices.severity is 'S1 or S2 of a mismatch';
comment on column invoices.ocr_suspect is 'A mismatch that misreading explains';
comment on column invoices.action_class is 'VERIFY_OCR, VERIFY_INVOICE_LOGIC or ACCEPT_ROUNDING_TOLERANCE';
comment on column invoices.stated is 'Tax inclusive amount as stated';
comment on column invoices.computed is 'The same from its parts';
comment on column invoices.delta is '|stated - computed|';
comment on column invoices.ratio is 'delta / max(|stated|, 0.01), four decimals';
comment on column invoices.score is 'Quality, 100 less the flags'' deductions';
comment on column invoices.grade is 'OK, CHECK or BAD';
comment on column invoices.seller_name is 'EN 16931 BT-27';
comment on column invoices.seller_tax_id is 'EN 16931 BT-31 or BT-32';
comment on column invoices.invoice_number is 'EN 16931 BT-1';
comment on column invoices.issue_date is 'EN 16931 BT-2';
comment on column invoices.currency is 'EN 16931 BT-5';
comment on column invoices.identity is 'Hash of seller and number; null when either is missing';
comment on column invoices.fingerprint is 'Hash of seller, number, period and total';
comment on column invoices.extraction is 'SPEC 5; null when nothing could be read';
comment on column invoices.audit is 'SPEC 3, the member audit of the result';
comment on column invoices.quality is 'SPEC 3, the member quality of the result';
comment on column invoices.model is 'The model that read it';
comment on column invoices.incident_id is 'Incident that was opened or repeated';
comment on column invoices.incident_skipped is 'Why none was, where one was due';
comment on column invoices.queue_ms is 'From acceptance to the claim that finished it';
comment on column invoices.extraction_ms is 'The provider''s part';
comment on column invoices.pipeline_total_ms is 'From acceptance to this row';
comment on column invoices.created_at is 'Processed';

create table incidents (
	tenant_id        text        not null,
	id               uuid        not null default gen_random_uuid(),
	job_id           uuid        not null,
	category         text        not null
	    check (category in ('EXTRACTION', 'COMPLETENESS', 'TOTALS', 'DUPLICATE', 'TAX')),
	severity         text        not null check (severity in ('S1', 'S2')),
	status           text        not null default 'OPEN' check (status in ('OPEN', 'ACK', 'RESOLVED')),
	primary_flag     text        not null,
	secondary_flags  text[]      not null default '{}',
	fingerprint      text        not null,
	action_class     text,
	occurrence_count integer     not null default 1,
	created_at       timestamptz not null default clock_timestamp(),
	last_seen_at     timestamptz not null default clock_timestamp(),
	primary key (tenant_id, id),
	foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade
);
create index incidents_job on incidents (tenant_id, job_id);
create index incidents_open on incidents (tenant_id, category, fingerprint) where status <> 'RESOLVED';
create index incidents_created on incidents (tenant_id, created_at);
comment on table incidents is 'What an operator has to look at (SPEC 6)';
comment on column incidents.tenant_id is 'Tenant that owns the row';
comment on column incidents.id is 'Identifier that operators see';
comment on column incidents.job_id is 'Job that opened it';
comment on column incidents.category is 'By the primary flag: EXTRACTION, COMPLETENESS, TOTALS, DUPLICATE or TAX';
comment on column incidents.severity is 'S1 or S2';
comment on column incidents.status is 'OPEN, ACK or RESOLVED';
comment on column incidents.primary_flag is 'The flag with the lowest priority number';
comment on column incidents.secondary_flags is 'The invoice''s other S1 and S2 flags';
comment on column incidents.fingerprint is 'Of the invoice; the same one again within 24 h is counted here';
comment on column incidents.action_class is 'The hint''s';
comment on column incidents.occurrence_count is 'How often it was seen';
comment on column incidents.created_at is 'Opened';
comment on column incidents.last_seen_at is 'Seen last';

create table pilot_switch (
	id         boolean     primary key default true check (id),
	enabled    boolean     not null default true,
	reason     text        not null default '',
	changed_by text        not null default 'migration',
	changed_at timestamptz not null default clock_timestamp()
);
insert into pilot_switch default values;
comment on table pilot_switch is 'The pilot''s run-time kill switch: one row (SPEC 11)';
comment on column pilot_switch.id is 'Always true: there is one row';
comment on column pilot_switch.enabled is 'Effective = PILOT_ENABLED and this';
comment on column pilot_switch.reason is 'Why it was flipped last';
comment on column pilot_switch.changed_by is 'Who flipped it last';
comment on column pilot_switch.changed_at is 'When';

create table provider_state (
	provider     text        primary key,
	state        text        not null default 'ok'
	    check (state in ('ok', 'rate_limited', 'unauthorized', 'quota_exhausted')),
	blocked_until timestamptz,
	consecutive  integer     not null default 0,
	probe_token  uuid,
	changed_at   timestamptz not null default clock_timestamp()
);
insert into provider_state (provider) values ('openai');
comment on table provider_state is 'What the provider last told us, shared by all workers: one row per provider';
comment on column provider_state.provider is 'openai';
comment on column provider_state.state is 'ok, rate_limited, unauthorized or quota_exhausted';
comment on column provider_state.blocked_until is 'No call before; after it, one probe at a time';
comment on column provider_state.consecutive is 'Refusals in a row, for the backoff';
comment on column provider_state.probe_token is 'Lease of the job that probes; it counts while that lease holds';
comment on column provider_state.changed_at is 'Last change of state';

create table worker_heartbeats (
	worker_id      text        primary key,
	host           text        not null,
	pid            integer     not null,
	build_id       text        not null,
	config_hash    text        not null,
	key_configured boolean     not null,
	in_flight      integer     not null,
	started_at     timestamptz not null default clock_timestamp(),
	seen_at        timestamptz not null default clock_timestamp(),
	claimed_at     timestamptz,
	stopped_at     timestamptz
);
comment on table worker_heartbeats is 'Workers and when they were last heard of';
comment on column worker_heartbeats.worker_id is 'Name of the process, unique';
comment on column worker_heartbeats.host is 'Where it runs';
comment on column worker_heartbeats.pid is 'Its process id there';
comment on column worker_heartbeats.build_id is 'Its build';
comment on column worker_heartbeats.config_hash is 'Its configuration';
comment on column worker_heartbeats.key_configured is 'Whether it holds a key of the provider';
comment on column worker_heartbeats.in_flight is 'Calls under way';
comment on column worker_heartbeats.started_at is 'Its start';
comment on column worker_heartbeats.seen_at is 'Last heartbeat';
comment on column worker_heartbeats.claimed_at is 'Last job taken from the queue';
comment on column worker_heartbeats.stopped_at is 'It ended in good order';

create table audit_log (
	id        bigint      generated always as identity primary key,
	at        timestamptz not null default clock_timestamp(),
	tenant_id text,
	actor     text        not null,
	action    text        not null,
	object    text        not null,
	detail    jsonb       not null default '{}'
);
create index audit_log_object on audit_log (object, id);
comment on table audit_log is 'Who changed what, and when; rows are only ever added';
comment on column audit_log.id is 'Order of entry';
comment on column audit_log.at is 'When';
comment on column audit_log.tenant_id is 'Whose data; null: the installation''s';
comment on column audit_log.actor is 'Operator, key or process';
comment on column audit_log.action is 'What was done, as noun.verb';
comment on column audit_log.object is 'To what, as its kind and id';
comment on column audit_log.detail is 'Old and new values; never text of a document';

create table api_keys (
	id         uuid        primary key default gen_random_uuid(),
	name       text        not null unique check (octet_length(name) between 1 and 63),
	role       text        not null check (role in ('client', 'viewer', 'operator', 'admin')),
	tenant_id  text        check (tenant_id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
	key_sha256 bytea       not null unique check (length(key_sha256) = 32),
	created_at timestamptz not null default clock_timestamp(),
	revoked_at timestamptz
);
comment on table api_keys is 'Keys of clients and operators; the keys themselves are not kept';
comment on column api_keys.id is 'Identifier';
comment on column api_keys.name is 'Whose it is; stands in logs and in the audit log';
comment on column api_keys.role is 'client, viewer, operator or admin';
comment on column api_keys.tenant_id is 'The one tenant it reaches; null: all';
comment on column api_keys.key_sha256 is 'SHA-256 of the key';
comment on column api_keys.created_at is 'Issued';
comment on column api_keys.revoked_at is 'Refused since; null: valid';
