-- The histogram of mismatches by what their ratio is, not by what it is rounded to.

-- As before (0017), but a ratio that was rounded up to a bound is under it.
create or replace function mismatch_counts(p_tenant text, p_from timestamptz, p_to timestamptz) returns mismatch_counts
language sql stable as $$
	with mismatch as (
		select action_class,
		       ratio - case when delta < ratio * greatest(abs(stated), 0.01) then 0.00005 else 0 end as ratio
		  from invoices
		 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to and outcome = 'mismatch'
	)
	select count(*) filter (where ratio < 0.02), count(*) filter (where ratio >= 0.02 and ratio < 0.05),
	       count(*) filter (where ratio >= 0.05 and ratio < 0.10), count(*) filter (where ratio >= 0.10 and ratio < 0.20),
	       count(*) filter (where ratio >= 0.20), count(*) filter (where action_class = 'VERIFY_OCR'),
	       count(*) filter (where action_class = 'VERIFY_INVOICE_LOGIC'),
	       count(*) filter (where action_class = 'ACCEPT_ROUNDING_TOLERANCE'), count(action_class)
	  from mismatch
$$;

-- The days that were counted the other way are counted anew.
update daily_figures d set stale = true
  from (select distinct tenant_id, utc_date(created_at) as day from invoices
         where outcome = 'mismatch' and not smoke and ratio in (0.02, 0.05, 0.10, 0.20)
           and delta < ratio * greatest(abs(stated), 0.01)) counted
 where d.tenant_id = counted.tenant_id and d.day = counted.day;
