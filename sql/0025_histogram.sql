-- The histogram of mismatches by what their ratio is, not by what it is rounded to.

-- In the order in which results take them.
lock table invoices, daily_figures in exclusive mode;

-- A ratio is kept with four decimals: only what came out as a bound may be under it.
create index invoices_on_bound on invoices (tenant_id, created_at) include (ratio, delta, stated)
    where not smoke and outcome = 'mismatch' and ratio in (0.02, 0.05, 0.10, 0.20);

-- As before (0017), but a ratio that was rounded up to a bound is taken from above it and put below.
create or replace function mismatch_counts(p_tenant text, p_from timestamptz, p_to timestamptz) returns mismatch_counts
language sql stable as $$
	with rounded_up as (
		select ratio from invoices
		 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to and outcome = 'mismatch'
		   and ratio in (0.02, 0.05, 0.10, 0.20) and delta < ratio * greatest(abs(stated), 0.01)
	), mismatch (action_class, ratio, n) as (
		select action_class, ratio, 1 from invoices
		 where tenant_id = p_tenant and not smoke and created_at >= p_from and created_at < p_to and outcome = 'mismatch'
		union all
		select null, ratio - below, n from rounded_up, (values (0, -1), (0.0001, 1)) v (below, n)
	)
	select coalesce(sum(n) filter (where ratio < 0.02), 0), coalesce(sum(n) filter (where ratio >= 0.02 and ratio < 0.05), 0),
	       coalesce(sum(n) filter (where ratio >= 0.05 and ratio < 0.10), 0),
	       coalesce(sum(n) filter (where ratio >= 0.10 and ratio < 0.20), 0), coalesce(sum(n) filter (where ratio >= 0.20), 0),
	       count(*) filter (where action_class = 'VERIFY_OCR'), count(*) filter (where action_class = 'VERIFY_INVOICE_LOGIC'),
	       count(*) filter (where action_class = 'ACCEPT_ROUNDING_TOLERANCE'), count(action_class)
	  from mismatch
$$;

-- The days that were counted the other way are counted anew.
update daily_figures d set stale = true
 where exists (select from invoices i
                where i.tenant_id = d.tenant_id and i.created_at >= utc_day(d.day) and i.created_at < utc_day(d.day + 1)
                  and not i.smoke and i.outcome = 'mismatch' and i.ratio in (0.02, 0.05, 0.10, 0.20)
                  and i.delta < i.ratio * greatest(abs(i.stated), 0.01));
