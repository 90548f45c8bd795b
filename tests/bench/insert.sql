-- The same rows with the same bytes as an upload, without HTTP and without us.
with d as (
	insert into documents (tenant_id, sha256, media_type, bytes, filename, content)
	select 'yardstick', sha256((random()::text || random()::text)::bytea), 'application/pdf',
	       length(content), 'bench.pdf', content from bench_content
	returning id)
insert into jobs (tenant_id, document_id, trace_id, state, finished_at)
select 'yardstick', id, 'bench', 'CANCELLED', now() from d;
