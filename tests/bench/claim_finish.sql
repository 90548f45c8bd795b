-- What a worker asks of the database for one job, with results that are at hand.
select tenant_id as tenant, job_id as job, document_id as document, lease_token as token
  from claim_jobs('pgbench', 1, 60, 'pilot', true) \gset
begin;
select set_config('mizan.tenant_id', :tenant, true);
select content, media_type, encode(sha256, 'hex') from documents where tenant_id = :tenant and id = (:document)::uuid;
commit;
begin;
select set_config('mizan.tenant_id', :tenant, true);
select record_call(:tenant, (:job)::uuid, (:token)::uuid, 'ok', 200, 'req', 'gpt', 10, 100, 100, reply) from bench_result;
select done from bench_result, finish_job(:tenant, (:job)::uuid, (:token)::uuid, 'SUCCEEDED', null, null, :job,
    invoice, extraction, verdict, verdict, null, true);
commit;
