-- Incidents as operators see them (SPEC 6, 7): lists that stay quick among many, details, changes
-- with their audit, feedback; documents; the audit log.

-- A worker writes several results in a transaction and so wants incidents and invoices in any order, but
-- the queue before both: with that held, no one has the one and waits for the other.
lock table jobs in exclusive mode;
lock table incidents in access exclusive mode;
lock table audit_log, invoices in share mode;

-- Text search.  A schema of its own keeps the extension's functions apart from ours.
create schema extensions;
create extension pg_trgm with schema extensions;

create function search_form(p_text text) returns text language sql immutable strict parallel safe as $$
	select translate(lower(translate(p_text, 'İIı', 'iii')), 'çğöşüâîû', 'cgosuaiu')
$$;
comment on function search_form(text) is 'Text as it is searched: upper and lower case are one, with the Turkish letters and their plain forms';

-- Of one or two characters no trigram can be made but at the beginning of a word.
create function search_pattern(p_text text) returns text language sql immutable strict parallel safe as $$
	select case when char_length(btrim(p_text)) < 3 then '% ' else '%' end
	    || regexp_replace(search_form(btrim(p_text)), '([\\%_])', '\\\1', 'g') || '%'
$$;
comment on function search_pattern(text) is 'LIKE pattern that finds p_text anywhere, or at the beginning of a word where it is shorter than three characters';

create function incident_search(p_seller text, p_tax_id text, p_number text, p_filename text) returns text
language sql immutable parallel safe as $$
	select ' ' || search_form(concat_ws(' ', left(p_seller, 1000), left(p_tax_id, 100), left(p_number, 200), p_filename))
$$;
comment on function incident_search(text, text, text, text) is 'What incidents.search holds';

alter table incidents
	add column seller_name   text,
	add column seller_tax_id text,
	add column search        text;
comment on column incidents.seller_name is 'As read when it was opened (EN 16931 BT-27)';
comment on column incidents.seller_tax_id is 'As read when it was opened (EN 16931 BT-31 or BT-32)';
comment on column incidents.search is 'incident_search() of the first 1000 characters of the seller, tax id, invoice number and file name; null: opened by a build that knew none';

update incidents i
   set seller_name = v.seller_name, seller_tax_id = v.seller_tax_id,
       search = incident_search(v.seller_name, v.seller_tax_id, v.invoice_number, d.filename)
  from jobs j
  join documents d on d.tenant_id = j.tenant_id and d.id = j.document_id
  left join invoices v on v.tenant_id = j.tenant_id and v.job_id = j.id
 where j.tenant_id = i.tenant_id and j.id = i.job_id;

-- A list is walked in its order within the index alone, whatever else it is narrowed by.
drop index incidents_created;
create index incidents_created on incidents (tenant_id, created_at, id)
    include (status, severity, category, primary_flag, secondary_flags);
create index incidents_recent on incidents (created_at, id)
    include (tenant_id, status, severity, category, primary_flag, secondary_flags);
create index incidents_unresolved on incidents (created_at, id)
    include (tenant_id, status, severity, category, primary_flag, secondary_flags) where status <> 'RESOLVED';
create unique index incidents_id on incidents (id);
create index incidents_search on incidents using gin (search extensions.gin_trgm_ops)
    with (gin_pending_list_limit = 256);
-- For that the map of what is visible must be fresh.
alter table incidents set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

-- What statistics of feedback need; a trigger of 0010 fills it.  Here, so that 0010, which takes long to
-- rewrite invoices, locks nothing else and uploads go on meanwhile.
alter table incidents add column feedback_correct boolean, add column feedback_seconds bigint;
comment on column incidents.feedback_correct is 'Copy of incident_feedback.was_hint_correct; null: no feedback';
comment on column incidents.feedback_seconds is 'Copy of incident_feedback.resolution_time_seconds';
create index incidents_resolved_figures on incidents (tenant_id, resolved_at)
    include (action_class, feedback_correct, feedback_seconds) where status = 'RESOLVED';
drop index incidents_resolved;

create index invoices_incident on invoices (tenant_id, incident_id, created_at) where incident_id is not null;
create index audit_log_tenant on audit_log (tenant_id, id);
create index audit_log_action on audit_log (action, id);
create index audit_log_actor on audit_log (actor, id) where actor <> 'worker';

grant select on documents to mizan_admin;
grant update (status, revision, changed_by, changed_at, resolution_note, resolved_by, resolved_at) on incidents to mizan_admin;
grant insert, update on incident_feedback to mizan_admin;

-- Opening an incident, with what it is searched by.

create function open_incident(p_incident json, p_invoice invoices, p_pilot_limit integer, p_pilot_enabled boolean,
    out incident uuid, out action text) language plpgsql as $$
declare
	i        incidents := json_populate_record(null::incidents, p_incident);
	v        invoices := p_invoice;
	filename text;
begin
	if p_pilot_limit is not null and not (p_pilot_enabled and pilot_switched_on()) then
		action := 'pilot_disabled';
		return;
	end if;
	select id into incident from incidents
	 where tenant_id = v.tenant_id and category = i.category and fingerprint = i.fingerprint
	   and status <> 'RESOLVED' and created_at > (select clock_timestamp()) - interval '24 hours'
	 order by created_at desc limit 1 for update;
	if incident is not null then
		update incidents set occurrence_count = occurrence_count + 1, last_seen_at = clock_timestamp()
		 where tenant_id = v.tenant_id and id = incident;
		action := 'repeated';
	else
		if p_pilot_limit is not null then
			perform pilot_lock();
			if (select count(*) from incidents
			     where tenant_id = v.tenant_id
			       and created_at > (select clock_timestamp()) - interval '1 hour') >= p_pilot_limit then
				action := 'incident_budget';
				return;
			end if;
		end if;
		select d.filename into filename from documents d where d.tenant_id = v.tenant_id and d.id = v.document_id;
		insert into incidents (tenant_id, job_id, category, severity, primary_flag, secondary_flags, fingerprint,
		                       action_class, seller_name, seller_tax_id, search)
		values (v.tenant_id, v.job_id, i.category, i.severity, i.primary_flag, i.secondary_flags, i.fingerprint,
		        i.action_class, v.seller_name, v.seller_tax_id,
		        incident_search(v.seller_name, v.seller_tax_id, v.invoice_number, filename))
		returning id into incident;
		action := 'opened';
	end if;
	insert into audit_log (tenant_id, actor, action, object, detail)
	values (v.tenant_id, 'worker', 'incident.' || action, 'incident ' || incident,
	        jsonb_build_object('job', v.job_id, 'category', i.category, 'severity', i.severity));
end $$;
comment on function open_incident(json, invoices, integer, boolean) is
    'Opens the incident, or counts it on the one that is open (24 h), or says which of the pilot''s limits skipped it; under lock_invoice(). p_pilot_limit null: not the pilot';

-- As in 0006, but that the incident is told of the invoice, and that the hours which a job lay there
-- before an operator retried it are not the pipeline's.
create or replace function finish_job(p_tenant text, p_job uuid, p_token uuid, p_state text, p_error_code text,
    p_error_detail text, p_lock text, p_invoice json, p_extraction json, p_verdict json, p_if_duplicate json,
    p_pilot_limit integer, p_pilot_enabled boolean, out done boolean, out incident_action text,
    out incident uuid, out pipeline_total_ms bigint) language plpgsql as $$
declare
	j       jobs;
	verdict json := p_verdict;
	v       invoices := json_populate_record(null::invoices, p_invoice);
begin
	update jobs
	   set state = p_state, finished_at = clock_timestamp(), lease_token = null, lease_until = null,
	       finished_token = p_token, error_code = p_error_code, error_detail = p_error_detail,
	       attempts = attempts + (p_state = 'FAILED')::integer
	 where tenant_id = p_tenant and id = p_job and lease_token = p_token
	returning * into j;
	if not found then
		-- Written already, by a commit whose answer never arrived?
		select true, i.incident_id, i.incident_skipped, i.pipeline_total_ms
		  into done, incident, incident_action, pipeline_total_ms
		  from jobs f join invoices i on i.tenant_id = f.tenant_id and i.job_id = f.id
		 where f.tenant_id = p_tenant and f.id = p_job and f.finished_token = p_token;
		done := coalesce(done, false);
		return;
	end if;
	done := true;
	if lock_invoice(p_tenant, p_lock, v.identity, j.document_id) then
		verdict := p_if_duplicate;
	end if;
	v := json_populate_record(v, verdict);
	v.tenant_id := p_tenant;
	v.job_id := p_job;
	v.document_id := j.document_id;
	if json_typeof(verdict->'incident') = 'object' and not j.smoke then
		select o.incident, o.action into incident, incident_action
		  from open_incident(verdict->'incident', v, p_pilot_limit, p_pilot_enabled) o;
	end if;
	v.smoke := j.smoke;
	v.extraction := p_extraction;
	v.incident_id := incident;
	v.incident_skipped := case when incident is null then incident_action end;
	v.queue_ms := extract(epoch from j.started_at - coalesce(j.retried_at, j.created_at)) * 1000;
	v.pipeline_total_ms := extract(epoch from j.finished_at - coalesce(j.retried_at, j.created_at)) * 1000;
	v.created_at := j.finished_at;
	insert into invoices values (v.*);
	pipeline_total_ms := v.pipeline_total_ms;
end $$;

-- What builds before 0006 call.
create or replace function finish_job(p_tenant text, p_job uuid, p_token uuid, p_state text, p_error_code text,
    p_error_detail text, p_lock text, p_invoice json, p_if_duplicate json, p_pilot_limit integer,
    p_pilot_enabled boolean, out done boolean, out incident_action text, out incident uuid,
    out pipeline_total_ms bigint) language sql volatile as $$
	select * from finish_job(p_tenant, p_job, p_token, p_state, p_error_code, p_error_detail, p_lock, p_invoice,
	                         (p_invoice->>'extraction')::json, p_invoice, p_if_duplicate,
	                         p_pilot_limit, p_pilot_enabled)
$$;
drop function open_incident(text, uuid, json, integer, boolean);

-- Reading.  A tenant of null is every tenant.

create view incident_items as
select i.id, i.tenant_id, i.job_id, i.severity, i.category, i.status, i.primary_flag, i.secondary_flags,
       i.action_class, i.occurrence_count, rfc3339(i.created_at) as created_at,
       rfc3339(i.last_seen_at) as last_seen_at, i.seller_name, i.seller_tax_id, v.invoice_number, v.issue_date,
       v.currency, v.stated, v.computed, v.delta, v.ratio, d.filename,
       f.incident_id is not null as has_feedback, i.revision
  from incidents i
  left join invoices v on v.tenant_id = i.tenant_id and v.job_id = i.job_id
  left join jobs j on j.tenant_id = i.tenant_id and j.id = i.job_id
  left join documents d on d.tenant_id = j.tenant_id and d.id = j.document_id
  left join incident_feedback f on f.tenant_id = i.tenant_id and f.incident_id = i.id;
comment on view incident_items is 'Incidents as the operators'' list has them; a job that is tried again has no invoice';
comment on column incident_items.id is 'incidents.id';
comment on column incident_items.tenant_id is 'incidents.tenant_id';
comment on column incident_items.job_id is 'incidents.job_id';
comment on column incident_items.severity is 'incidents.severity';
comment on column incident_items.category is 'incidents.category';
comment on column incident_items.status is 'incidents.status';
comment on column incident_items.primary_flag is 'incidents.primary_flag';
comment on column incident_items.secondary_flags is 'incidents.secondary_flags';
comment on column incident_items.action_class is 'incidents.action_class';
comment on column incident_items.occurrence_count is 'incidents.occurrence_count';
comment on column incident_items.created_at is 'incidents.created_at, RFC 3339';
comment on column incident_items.last_seen_at is 'incidents.last_seen_at, RFC 3339';
comment on column incident_items.seller_name is 'incidents.seller_name';
comment on column incident_items.seller_tax_id is 'incidents.seller_tax_id';
comment on column incident_items.invoice_number is 'invoices.invoice_number';
comment on column incident_items.issue_date is 'invoices.issue_date';
comment on column incident_items.currency is 'invoices.currency';
comment on column incident_items.stated is 'invoices.stated';
comment on column incident_items.computed is 'invoices.computed';
comment on column incident_items.delta is 'invoices.delta';
comment on column incident_items.ratio is 'invoices.ratio';
comment on column incident_items.filename is 'documents.filename';
comment on column incident_items.has_feedback is 'Whether an operator has given feedback';
comment on column incident_items.revision is 'incidents.revision';
grant select on incident_items to mizan_admin;

-- The statement holds a clause for each filter that is set, none for the others: each combination
-- gets its own plan, for its own values.  The clauses are fixed text; values are parameters.  As the
-- owner, since under row-level security the planner knows nothing of how often a text occurs.
create function incident_list(p_tenant text, p_status text, p_severity text, p_category text, p_flag text,
    p_seller text, p_q text, p_limit integer, p_cursor text) returns json language plpgsql stable
    security definer set search_path = public, pg_temp as $$
declare
	hex    text := replace(p_q, '-', '');
	is_id  boolean := p_q ~* '^[0-9a-f]{8}-?[0-9a-f-]*$' and length(hex) <= 32;
	before timestamptz := timestamptz 'epoch' + split_part(p_cursor, '.', 1)::bigint * interval '1 microsecond';
	found  json;
begin
	execute 'with page as materialized (
	           select i.tenant_id, i.id, i.created_at from incidents i where true'
	    || case when p_tenant is not null then ' and i.tenant_id = $1' else '' end
	    || case when p_status is not null then ' and i.status = $2' else '' end
	    || case when p_severity is not null then ' and i.severity = $3' else '' end
	    || case when p_category is not null then ' and i.category = $4' else '' end
	    || case when p_flag is not null then ' and (i.primary_flag = $5 or $5 = any (i.secondary_flags))' else '' end
	    || case when p_seller is not null
	            then ' and i.search like search_pattern($6)'
	              || ' and search_form(concat_ws('' '', '''', i.seller_name, i.seller_tax_id)) like search_pattern($6)'
	            else '' end
	    || case when is_id then ' and (i.search like search_pattern($7) or i.id between $11 and $12)'
	            when p_q is not null then ' and i.search like search_pattern($7)' else '' end
	    || case when p_cursor is not null then ' and (i.created_at, i.id) < ($9, $10)' else '' end
	    || ' order by i.created_at desc, i.id desc limit $8 + 1
	         )
	         select json_build_object(
	           ''incidents'', coalesce((
	             select json_agg(row_to_json(l) order by p.created_at desc, p.id desc)
	               from (select * from page order by created_at desc, id desc limit $8) p
	               join incident_items l on l.tenant_id = p.tenant_id and l.id = p.id), ''[]''),
	           ''next_cursor'', (
	             select (extract(epoch from created_at) * 1000000)::bigint || ''.'' || id
	               from page where (select count(*) from page) > $8
	              order by created_at desc, id desc offset $8 - 1 limit 1))'
	   into found
	  using p_tenant, p_status, p_severity, p_category, p_flag, p_seller, p_q, p_limit, before,
	        nullif(split_part(p_cursor, '.', 2), '')::uuid,
	        case when is_id then rpad(hex, 32, '0')::uuid end, case when is_id then rpad(hex, 32, 'f')::uuid end;
	return found;
end $$;
comment on function incident_list(text, text, text, text, text, text, text, integer, text) is
    'GET /admin/incidents: the page of p_limit after p_cursor (microseconds since 1970, a dot, the id), newest first; null: no such filter';
revoke execute on function incident_list(text, text, text, text, text, text, text, integer, text) from public;
grant execute on function incident_list(text, text, text, text, text, text, text, integer, text) to mizan_admin;

create function incident_detail(p_tenant text, p_id uuid) returns json language sql stable as $$
	select row_to_json(x) from (
		select l.*, i.resolution_note, i.resolved_by, rfc3339(i.resolved_at) as resolved_at,
		       i.changed_by, rfc3339(i.changed_at) as changed_at,
		       (select json_build_object('id', d.id, 'sha256', encode(d.sha256, 'hex'), 'media_type', d.media_type,
		                                 'bytes', d.bytes, 'filename', d.filename)
		          from jobs j join documents d on d.tenant_id = j.tenant_id and d.id = j.document_id
		         where j.tenant_id = i.tenant_id and j.id = i.job_id) as document,
		       v.extraction, v.audit, v.quality,
		       (select json_build_object('action_taken', f.action_taken, 'was_hint_correct', f.was_hint_correct,
		                                 'actual_root_cause', f.actual_root_cause,
		                                 'resolution_time_seconds', f.resolution_time_seconds,
		                                 'operator', f.operator, 'created_at', rfc3339(f.created_at),
		                                 'changed_at', rfc3339(f.changed_at))
		          from incident_feedback f where f.tenant_id = i.tenant_id and f.incident_id = i.id) as feedback,
		       (select coalesce(json_agg(json_build_object('job_id', o.job_id, 'filename', d.filename,
		                                                   'created_at', rfc3339(o.created_at))
		                                 order by o.created_at desc), '[]')
		          from (select * from invoices o where o.tenant_id = i.tenant_id and o.incident_id = i.id
		                 order by o.created_at desc limit 20) o
		          join documents d on d.tenant_id = o.tenant_id and d.id = o.document_id) as occurrences,
		       (select coalesce(json_agg(json_build_object('at', rfc3339(a.at), 'actor', a.actor, 'action', a.action,
		                                                   'detail', a.detail) order by a.id), '[]')
		          from (select * from audit_log a where a.object = 'incident ' || i.id
		                 order by a.id desc limit 100) a) as history
		  from incidents i
		  join incident_items l on l.tenant_id = i.tenant_id and l.id = i.id
		  left join invoices v on v.tenant_id = i.tenant_id and v.job_id = i.job_id
		 where i.id = p_id and (p_tenant is null or i.tenant_id = p_tenant)) x
$$;
comment on function incident_detail(text, uuid) is 'GET /admin/incidents/{id}; null: there is none';

-- Changing.  Each locks the row first, so that of two operators at once the second sees what the
-- first has done.

create type incident_answer as (
	outcome    text,
	status     text,
	revision   integer,
	changed_by text,
	changed_at text,
	incident   json
);
comment on type incident_answer is 'What became of an operator''s change';
comment on column incident_answer.outcome is 'done, or the code of the refusal';
comment on column incident_answer.status is 'incidents.status, where it was refused';
comment on column incident_answer.revision is 'incidents.revision, as it is now';
comment on column incident_answer.changed_by is 'Who made the last change, where this one was refused; null: nobody has';
comment on column incident_answer.changed_at is 'When, RFC 3339';
comment on column incident_answer.incident is 'incident_detail(), where it was done';

create function lock_incident(p_tenant text, p_id uuid) returns setof incidents language sql volatile as $$
	select * from incidents where id = p_id and (p_tenant is null or tenant_id = p_tenant) for no key update
$$;
comment on function lock_incident(text, uuid) is 'The incident, nobody else''s to change until the transaction ends';

create function change_incident(p_tenant text, p_id uuid, p_revisions integer[], p_status text, p_note_given boolean,
    p_note text, p_actor text) returns incident_answer language plpgsql as $$
declare
	old    incidents;
	at     timestamptz;
	answer incident_answer;
begin
	select * into old from lock_incident(p_tenant, p_id);
	if not found then
		answer.outcome := 'incident_not_found';
		return answer;
	end if;
	answer := (null, old.status, old.revision, old.changed_by, rfc3339(old.changed_at), null);
	if old.revision <> all (p_revisions) then
		answer.outcome := 'precondition_failed';
		return answer;
	elsif (old.status, p_status) not in (('OPEN', 'ACK'), ('OPEN', 'RESOLVED'), ('ACK', 'RESOLVED'),
	                                     ('ACK', 'OPEN'), ('RESOLVED', 'OPEN')) then
		answer.outcome := 'invalid_transition';
		return answer;
	end if;
	at := clock_timestamp();
	update incidents
	   set status = p_status, revision = revision + 1, changed_by = p_actor, changed_at = at,
	       resolution_note = case when p_note_given then p_note else resolution_note end,
	       resolved_by = case when p_status = 'RESOLVED' then p_actor end,
	       resolved_at = case when p_status = 'RESOLVED' then at end
	 where tenant_id = old.tenant_id and id = old.id;
	insert into audit_log (tenant_id, actor, action, object, detail)
	values (old.tenant_id, p_actor,
	        'incident.' || case p_status when 'ACK' then 'acknowledged' when 'RESOLVED' then 'resolved' else 'reopened' end,
	        'incident ' || old.id,
	        jsonb_build_object('old_status', old.status, 'status', p_status)
	        || case when p_note_given
	                then jsonb_build_object('old_resolution_note', old.resolution_note, 'resolution_note', p_note)
	                else '{}' end);
	answer.outcome := 'done';
	answer.revision := old.revision + 1;
	answer.incident := incident_detail(old.tenant_id, old.id);
	return answer;
end $$;
comment on function change_incident(text, uuid, integer[], text, boolean, text, text) is
    'PATCH /admin/incidents/{id}: done, incident_not_found, precondition_failed (its revision is none of p_revisions; null: any will do) or invalid_transition';

create function give_feedback(p_tenant text, p_id uuid, p_revisions integer[], p_action text, p_hint_correct boolean,
    p_cause text, p_seconds bigint, p_actor text) returns incident_answer language plpgsql as $$
declare
	i      incidents;
	old    incident_feedback;
	new    incident_feedback;
	answer incident_answer;
begin
	select * into i from lock_incident(p_tenant, p_id);
	if not found then
		answer.outcome := 'incident_not_found';
		return answer;
	end if;
	answer := (null, i.status, i.revision, i.changed_by, rfc3339(i.changed_at), null);
	if i.revision <> all (p_revisions) then
		answer.outcome := 'precondition_failed';
		return answer;
	elsif i.status <> 'RESOLVED' then
		answer.outcome := 'incident_not_resolved';
		return answer;
	end if;
	select * into old from incident_feedback where tenant_id = i.tenant_id and incident_id = i.id;
	insert into incident_feedback as f (tenant_id, incident_id, action_taken, was_hint_correct, actual_root_cause,
	                                    resolution_time_seconds, operator)
	values (i.tenant_id, i.id, p_action, p_hint_correct, p_cause, p_seconds, p_actor)
	on conflict (tenant_id, incident_id) do update
	   set action_taken = excluded.action_taken, was_hint_correct = excluded.was_hint_correct,
	       actual_root_cause = excluded.actual_root_cause, operator = excluded.operator,
	       resolution_time_seconds = excluded.resolution_time_seconds, changed_at = clock_timestamp()
	returning * into new;
	update incidents set revision = revision + 1, changed_by = p_actor, changed_at = clock_timestamp()
	 where tenant_id = i.tenant_id and id = i.id;
	insert into audit_log (tenant_id, actor, action, object, detail)
	values (i.tenant_id, p_actor, case when old.incident_id is null then 'feedback.given' else 'feedback.replaced' end,
	        'incident ' || i.id,
	        jsonb_build_object(
	            'feedback', to_jsonb(new) - '{tenant_id,incident_id,created_at,changed_at}'::text[],
	            'old_feedback', case when old.incident_id is not null
	                            then to_jsonb(old) - '{tenant_id,incident_id,created_at,changed_at}'::text[] end));
	answer.outcome := 'done';
	answer.revision := i.revision + 1;
	answer.incident := incident_detail(i.tenant_id, i.id);
	return answer;
end $$;
comment on function give_feedback(text, uuid, integer[], text, boolean, text, bigint, text) is
    'PATCH /admin/incidents/{id}/feedback: done, incident_not_found, precondition_failed (as change_incident()) or incident_not_resolved';

-- The audit log.

create function audit_log_list(p_tenant text, p_actor text, p_action text, p_object text, p_limit integer,
    p_cursor text) returns json language plpgsql stable as $$
declare
	found json;
begin
	execute 'with page as materialized (
	           select a.* from audit_log a where true'
	    || case when p_tenant is not null then ' and a.tenant_id = $1' else '' end
	    || case when p_actor is not null then ' and a.actor = $2' else '' end
	    || case when p_action is not null then ' and a.action = $3' else '' end
	    || case when p_object is not null then ' and a.object = $4' else '' end
	    || case when p_cursor is not null then ' and a.id < $6' else '' end
	    || ' order by a.id desc limit $5 + 1
	         )
	         select json_build_object(
	           ''entries'', coalesce((
	             select json_agg(json_build_object(''id'', id, ''at'', rfc3339(at), ''tenant_id'', tenant_id,
	                                               ''actor'', actor, ''action'', action, ''object'', object,
	                                               ''detail'', detail) order by id desc)
	               from (select * from page order by id desc limit $5) p), ''[]''),
	           ''next_cursor'', (
	             select p.id::text from page p where (select count(*) from page) > $5
	              order by p.id desc offset $5 - 1 limit 1))'
	   into found using p_tenant, p_actor, p_action, p_object, p_limit, p_cursor::bigint;
	return found;
end $$;
comment on function audit_log_list(text, text, text, text, integer, text) is
    'GET /admin/audit-log: the page of p_limit before the entry p_cursor, newest first; null: no such filter';
