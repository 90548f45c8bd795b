-- What operators were told or given wrongly: drift that was none, smoke runs paid for again.

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
