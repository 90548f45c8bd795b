"""Rows of a tenant as they would stand after a past of the test's own choice: invoices of given outcomes and
times, jobs in the queue, resolved incidents, requests at the front door.

    ledger = Ledger(self.stack, self.tenant)
    ledger.invoices(23, "2026-01-17T10:00:00Z", "mismatch", severity="S2", incident="opened")
    ledger.resolved(7, "2026-01-17", feedback=True)
    ledger.write()
    ...
    ledger.erase()
"""
TABLES = ("run_summaries", "front_door_minutes", "front_door_daily", "incident_feedback", "invoices", "incidents", "jobs", "documents")


def literal(value):
    """A value as SQL; all of them are the test's own."""
    if value is None:
        return "null"
    return str(value) if isinstance(value, (bool, int, float)) else "'" + str(value).replace("'", "''") + "'"


class Ledger:
    def __init__(self, stack, tenant):
        self.stack, self.tenant = stack, tenant
        self.statements = [
            "insert into documents (tenant_id, sha256, media_type, bytes, filename, content)"
            f" values ('{tenant}', sha256('{tenant}'), 'application/pdf', 1, 'ledger.pdf', 'x') on conflict do nothing"]

    def write(self):
        """All that was asked for since the last time, at once."""
        self.stack.sql("begin;" + ";\n".join(self.statements) + "; commit")
        self.statements = []
        return self

    def erase(self):
        self.stack.sql("".join(f"delete from {table} where tenant_id = '{self.tenant}';" for table in TABLES))

    def job_rows(self, n, at, every, state="SUCCEEDED", waited="1 millisecond", finished="started_at", smoke=False):
        """A CTE job of n jobs that were accepted at, at + every, ... and claimed after `waited` (None: never)."""
        started = f"at + interval '{waited}'" if waited else "null::timestamptz"
        return (
            "job as (insert into jobs (tenant_id, document_id, state, smoke, trace_id, created_at, run_at, started_at, finished_at)"
            f" select '{self.tenant}', (select id from documents where tenant_id = '{self.tenant}' limit 1), '{state}', {smoke},"
            f" 'ledger', at, now() + interval '1 year', started_at, {finished}"
            f" from generate_series(0, {n} - 1) i, lateral (select {literal(at)}::timestamptz + i * interval '{every}' as at) a,"
            f" lateral (select {started} as started_at) s returning id, created_at)")

    def jobs(self, n, at, every="0", **options):
        """Jobs without a result, see job_rows(); finished: SQL over at and started_at."""
        self.statements.append(f"with {self.job_rows(n, at, every, **options)} select from job")
        return self

    def invoices(self, n, at, outcome="exact", every="1 second", incident=None, ms=1000, smoke=False, **columns):
        """n invoices accepted and done at, at + every, ...  incident: opened, or why it was skipped."""
        skipped = incident if incident != "opened" else None
        row = {"outcome": outcome, "severity": None, "ocr_suspect": False, "action_class": None, "ratio": None,
               "seller_name": None, "seller_tax_id": None, "pipeline_total_ms": ms,
               "incident_skipped": skipped} | columns
        due = "gen_random_uuid()" if incident == "opened" else "null::uuid"
        self.statements.append(
            f"with {self.job_rows(n, at, every, smoke=smoke)}"
            f" insert into invoices (tenant_id, job_id, document_id, smoke, score, grade, fingerprint, audit, quality,"
            f" queue_ms, extraction_ms, created_at, incident_id, {', '.join(row)})"
            f" select '{self.tenant}', id, (select id from documents where tenant_id = '{self.tenant}' limit 1), {smoke},"
            f" 90, 'OK', 'ledger', '{{}}', '{{}}', 1, 1, created_at, {due}, {', '.join(map(literal, row.values()))} from job")
        return self

    def resolved(self, n, at, feedback=None, action_class=None, seconds=60, status="RESOLVED"):
        """n incidents resolved then; feedback: whether the hint was correct, or None for no feedback."""
        row = f"'{self.tenant}', id, 'TOTALS', 'S2', '{status}', 'INVOICE_TOTAL_MISMATCH', 'ledger', {literal(action_class)}"
        given = "" if feedback is None else (
            ", told as (insert into incident_feedback (tenant_id, incident_id, action_taken, was_hint_correct,"
            f" resolution_time_seconds, operator) select '{self.tenant}', id, 'VERIFIED_LOGIC', {feedback}, {seconds}, 'ledger' from incident)")
        self.statements.append(
            f"with {self.job_rows(n, '2001-01-01T00:00:00Z', '1 second')}, incident as (insert into incidents"
            " (tenant_id, job_id, category, severity, status, primary_flag, fingerprint, action_class, created_at, resolved_at)"
            f" select {row}, {literal(at)}::timestamptz - interval '1 minute',"
            f" {literal(at) if status == 'RESOLVED' else 'null'}::timestamptz from job returning id){given} select from incident")
        return self

    def requests(self, n, minute, status_class, route="/full-process", tenant=None, ms=0):
        """Counted at the front door: n at once, each of which took so long."""
        who = literal(self.tenant if tenant is None else tenant)
        took = f"front_door_buckets(array_fill({ms}::bigint, array[{n}]))"
        self.statements.append(
            f"insert into front_door_minutes values ({who}, {literal(minute)}, {literal(route)}, {status_class}, {n}, {n * ms} * 0.001, {took});"
            f" insert into front_door_daily as d values ({who}, utc_date({literal(minute)}), {literal(route)}, {status_class}, {n}, {took})"
            " on conflict (tenant_id, day, route, status_class) do update"
            " set requests = d.requests + excluded.requests, buckets = add_counts(d.buckets, excluded.buckets)")
        return self
