-- A call is recorded once.  Where a commit takes longer than the worker waits for it, the same
-- record comes again over another connection while the first is not to be seen yet, but holds the
-- job's row: whoever records a call waits for that row, and then finds that the lease is over.
create or replace function record_call(p_tenant text, p_job uuid, p_token uuid, p_outcome text, p_http_status integer,
    p_request_id text, p_model text, p_duration_ms bigint, p_prompt_tokens bigint, p_completion_tokens bigint,
    p_reply bytea) returns boolean language plpgsql as $$
begin
	perform from jobs where tenant_id = p_tenant and id = p_job and lease_token = p_token for no key update;
	if not found then
		return false;
	end if;
	insert into provider_calls (tenant_id, job_id, lease_token, outcome, http_status, request_id, model,
	                            duration_ms, prompt_tokens, completion_tokens, reply)
	values (p_tenant, p_job, p_token, p_outcome, p_http_status, p_request_id, p_model,
	        p_duration_ms, p_prompt_tokens, p_completion_tokens, p_reply);
	return true;
end $$;
