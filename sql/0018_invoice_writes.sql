-- What the writing of an invoice costs besides its row: nothing here changes what it means.

-- All at once, and in the order in which uploads and results take them: who comes later waits, and
-- holds nothing of it.
lock table documents, jobs, invoices in access exclusive mode;

-- A trigger's condition is prepared anew for each statement, and SQL functions in it are parsed for
-- that: this is the day that utc_day(utc_today()) gives, without any.
create or replace trigger daily_figures_insert after insert on invoices for each row
    when (not new.smoke and new.created_at < date_trunc('day', now(), 'UTC')) execute function daily_figures_stale();
alter table invoices enable always trigger daily_figures_insert;

-- finish_job() takes the document from the job, whose own foreign key holds it, as that of the
-- invoice holds the job: the second way to the same document locked its row each time, and nothing
-- looks an invoice up by it.
-- expand: builds before insert and read the column as ever
alter table invoices drop constraint invoices_tenant_id_document_id_fkey;
drop index invoices_document; -- expand: it served that constraint alone
