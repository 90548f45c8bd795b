"""What clients were told, against what the database holds and what the provider counted.

    history = History(stack)
    history.upload(document, tenant, expected="mismatch")  # stack.upload(), and remembers the answer
    ...                                                    # and whatever breaks meanwhile
    history.quiet()
    self.assertEqual([], judge(history.facts()))

An upload whose connection was cut, or that got a 502, 503 or 504, may have been accepted or not;
every other answer counts.  A journal, written by triggers that only this test has, tells in which
order jobs changed hands, and which transaction wrote what.
"""
import collections
import dataclasses
import http.client
import json
import threading

from harness import PILOT, wait_for

ENDED = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELLED"}
PROCESSED = {"SUCCEEDED", "FAILED"}  # with a row in invoices
ACCEPTED = {200, 202}
UNDECIDED = {None, 502, 503, 504}
SEND_AGAIN = {429, 502, 503, 504}
# A document that failed for one of these used an attempt; any other trouble is the provider's.
USES_ATTEMPT = {"refusal", "content_filter", "invalid_reply", "provider_rejected_document", "length"}

JOURNAL = """
create table if not exists journal (
	seq bigint generated always as identity primary key,
	at timestamptz not null default clock_timestamp(),
	xid text not null default pg_current_xact_id()::text,
	op text not null, kind text not null, tenant_id text, job_id text, row jsonb not null
);
create or replace function journal() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
declare
	-- What is large and of no interest stays out.
	r jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end)
	         - array['reply', 'extraction', 'audit', 'quality'];
	job text := case tg_table_name when 'jobs' then r->>'id' when 'audit_log' then r->'detail'->>'job'
	            else r->>'job_id' end;
begin
	insert into journal (op, kind, tenant_id, job_id, row)
	values (lower(tg_op), tg_table_name, r->>'tenant_id', job, r);
	return null;
end $$;
truncate journal;
""" + "".join(
    f"create or replace trigger journal after insert or update or delete on {table}"
    " for each row execute function journal();\n"
    for table in ("jobs", "invoices", "incidents", "provider_calls", "audit_log", "idempotency_keys"))
END_OF_JOURNAL = "drop function if exists journal() cascade; drop table if exists journal"

TABLES = {
    "documents": "select tenant_id, id, encode(sha256, 'hex') as sha256, media_type, bytes, filename from documents",
    "jobs": "select * from jobs",
    "invoices": "select * from invoices",
    "incidents": "select * from incidents",
    "calls": "select tenant_id, id, job_id, lease_token, outcome, duration_ms from provider_calls",
    "keys": "select tenant_id, key, encode(sha256, 'hex') as sha256, job_id from idempotency_keys",
    "audit_log": "select * from audit_log where object like 'incident %' and at >= '{began}'",
    "journal": "select * from journal",
}


@dataclasses.dataclass
class Told:
    """One upload as its client saw it."""
    tenant: str
    sha256: str
    status: int | None  # None: no answer
    result: dict | None = None  # with 200 and 202
    key: str | None = None
    force: bool = False
    expected: str | None = None  # the audit's outcome
    trouble: str = ""  # of an upload without an answer
    code: str | None = None  # of a refusal
    retry_after: str | None = None

    def __str__(self):
        return f"upload of {self.sha256[:8]} to {self.tenant}"

    @property
    def accepted(self):
        return self.status in ACCEPTED

    @property
    def job_id(self):
        return self.result["job_id"] if self.accepted else None


@dataclasses.dataclass
class Facts:
    """All that there is to judge by: rows as dicts."""
    told: list
    looks: list  # results of GET /jobs/{id}
    documents: list
    jobs: list
    invoices: list
    incidents: list
    calls: list
    keys: list
    audit_log: list
    journal: list
    provider: dict  # sha256: {"calls": N, "completions": N}
    max_attempts: int = 3
    pilot_limits: tuple = (50, 20)  # invoices and incidents an hour

    def __post_init__(self):
        self.job = {j["id"]: j for j in self.jobs}
        self.document = {d["id"]: d for d in self.documents}
        self.incident = {i["id"]: i for i in self.incidents}
        self.invoices_of = grouped(self.invoices, "job_id")
        self.calls_of = grouped(self.calls, "job_id")
        self.tries = collections.defaultdict(list)
        for told in self.told:
            self.tries[told.tenant, told.sha256].append(told)
        self.journal = sorted(self.journal, key=lambda entry: entry["seq"])
        self.changes = grouped([e for e in self.journal if e["kind"] == "jobs"], "job_id")

    def sha256_of(self, job):
        return self.document[job["document_id"]]["sha256"]


def grouped(rows, key):
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


# --- The rules.  Each gives its violations in words.

def every_answer_is_one_of_ours(facts):
    for told in facts.told:
        if told.status == 500 or told.status is not None and told.status not in ACCEPTED | UNDECIDED and not (
                400 <= told.status < 500):
            yield f"{told} was answered with {told.status}"
        elif told.status is not None and not told.accepted and told.code is None:
            yield f"{told} was refused with {told.status} and no problem"
        if told.status in SEND_AGAIN and told.retry_after is None:
            yield f"{told} was refused with {told.status}, and not told when to come back"
        if "timed out" in told.trouble:
            yield f"{told} hung: {told.trouble}"


def accepted_jobs_exist(facts):
    for told in facts.told:
        job = facts.job.get(told.job_id)
        if told.accepted and job is None:
            yield f"{told} was answered with job {told.job_id}, which does not exist"
        elif told.accepted and (job["tenant_id"], facts.sha256_of(job)) != (told.tenant, told.sha256):
            yield f"{told} was answered with job {told.job_id}, which is another's"


def jobs_end_once(facts):
    for job in facts.jobs:
        if job["state"] not in ENDED:
            yield f"job {job['id']} is still {job['state']}"
        ends = [e for e in facts.changes[job["id"]] if e["row"]["state"] in ENDED]
        if len(ends) > 1:
            yield f"job {job['id']} ended, and was changed {len(ends) - 1} times after that"
        elif job["state"] in ENDED and not ends:
            yield f"job {job['id']} is {job['state']}, but nothing ended it"


def one_invoice_each(facts):
    for job in facts.jobs:
        n = len(facts.invoices_of[job["id"]])
        due = int(job["state"] in PROCESSED)
        if n != due:
            yield f"job {job['id']} is {job['state']} and has {n} rows in invoices"
        elif n and (facts.invoices_of[job["id"]][0]["outcome"] == "failed") != (job["state"] == "FAILED"):
            yield f"job {job['id']} is {job['state']}, its invoice {facts.invoices_of[job['id']][0]['outcome']}"


def outcomes_are_the_documents(facts):
    for told in facts.told:
        job = facts.job.get(told.job_id)
        outcomes = [v["outcome"] for v in facts.invoices_of[told.job_id]]
        if job and told.expected and job["state"] in PROCESSED and outcomes != [told.expected]:
            yield f"{told} gave {outcomes}, expected {told.expected}"


def documents_have_their_jobs(facts):
    """One each, and one more for each forced upload; none for what was refused."""
    jobs = grouped(facts.jobs, "document_id")
    for document in facts.documents:
        name = f"document {document['sha256'][:8]} of {document['tenant_id']}"
        tries = facts.tries.get((document["tenant_id"], document["sha256"]), [])
        possible = [t for t in tries if t.accepted or t.status in UNDECIDED]
        n, forced = len(jobs[document["id"]]), sum(t.force for t in possible)
        if not tries:
            yield f"{name} was never uploaded"
        elif not possible:
            yield f"{name} has {n} jobs, but every upload of it was refused"
        elif n > max(forced, 1) + (0 < forced < len(possible)):
            yield f"{name} has {n} jobs from {len(possible)} uploads, {forced} of them forced"
        elif n == 0:
            yield f"{name} has no job"
    copies = collections.Counter((d["tenant_id"], d["sha256"]) for d in facts.documents)
    for (tenant, sha256), n in copies.items():
        if n > 1:
            yield f"document {sha256[:8]} of {tenant} is there {n} times"


def each_job_was_made_by_one_upload(facts):
    makers = collections.Counter(t.job_id for t in facts.told if t.accepted and not t.result["duplicate"])
    for job_id, n in makers.items():
        if n > 1:
            yield f"{n} uploads were told that job {job_id} is theirs, not a duplicate"
    for told in facts.told:
        others = [t for t in facts.tries[told.tenant, told.sha256]
                  if t is not told and (t.accepted or t.status in UNDECIDED)]
        if told.accepted and told.result["duplicate"] and not others:
            yield f"{told} was called a duplicate, and is the only one"


def a_key_is_one_job(facts):
    rows = {(k["tenant_id"], k["key"]): k for k in facts.keys}
    for told in facts.told:
        row = rows.get((told.tenant, told.key))
        if told.accepted and told.key is not None and (
                row is None or (row["job_id"], row["sha256"]) != (told.job_id, told.sha256)):
            yield (f"{told} with key {told.key} was answered with job {told.job_id},"
                   f" the key's is {row and row['job_id']}")


def answers_are_what_is_stored(facts):
    for told in facts.told:
        if told.accepted:
            yield from differences(facts, told.result, f"{told} was told")
            if (told.status == 200) != (told.result["status"] in ENDED):
                yield f"{told} was answered with {told.status} and {told.result['status']}"
    for result in facts.looks:
        yield from differences(facts, result, "a look at the job found")


def differences(facts, result, who):
    job = facts.job.get(result["job_id"])
    if job is None:
        return  # accepted_jobs_exist() says so
    stored = stored_result(facts, job)
    said = {name: result[name] for name in stored}
    if result["status"] not in ENDED:
        stored |= dict.fromkeys(RESULT) | {"status": result["status"], "incident": None, "timings": NO_TIMINGS,
                                           "error": result["error"]}
    if said["incident"] and stored["incident"]:
        if said["incident"]["occurrence_count"] > stored["incident"].pop("occurrence_count"):
            yield f"{who} more occurrences of job {job['id']}'s incident than there are"
        said["incident"] = {name: said["incident"][name] for name in stored["incident"]}
    for name, value in stored.items():
        if said[name] != value:
            yield f"{who} {name} {said[name]!r} of job {job['id']}, stored is {value!r}"


RESULT = ("extraction", "audit", "quality", "incident_skipped", "model")
INCIDENT = ("id", "severity", "category", "primary_flag", "secondary_flags", "occurrence_count")
TIMINGS = ("queue_ms", "extraction_ms", "pipeline_total_ms")
NO_TIMINGS = dict.fromkeys(TIMINGS)


def stored_result(facts, job):
    """The job's result as the API has to give it, but for what may change later."""
    document = facts.document[job["document_id"]]
    invoice = (facts.invoices_of[job["id"]] or [{}])[0]
    incident = facts.incident.get(invoice.get("incident_id"))
    error = {"code": job["error_code"], "detail": job["error_detail"]} if job["error_code"] else None
    return {name: invoice.get(name) for name in RESULT} | {
        "tenant_id": job["tenant_id"], "status": job["state"], "trace_id": job["trace_id"], "error": error,
        "document": {name: document[name] for name in ("sha256", "media_type", "bytes", "filename")},
        "timings": {name: invoice.get(name) for name in TIMINGS},
        "incident": incident and {name: incident[name] for name in INCIDENT},
    }


def incidents_count_their_jobs(facts):
    pointing = grouped([v for v in facts.invoices if v["incident_id"]], "incident_id")
    openers = collections.Counter(i["job_id"] for i in facts.incidents)
    for job_id, n in openers.items():
        if n > 1:
            yield f"job {job_id} opened {n} incidents"
    for incident in facts.incidents:
        jobs = [v["job_id"] for v in pointing[incident["id"]]]
        if incident["job_id"] not in jobs:
            yield f"incident {incident['id']} was opened by job {incident['job_id']}, whose invoice does not say so"
        if incident["occurrence_count"] != len(jobs):
            yield f"incident {incident['id']} was seen {incident['occurrence_count']} times, by {len(jobs)} jobs"
    for invoice in facts.invoices:
        incident = facts.incident.get(invoice["incident_id"])
        if invoice["incident_id"] and (incident is None or incident["tenant_id"] != invoice["tenant_id"]):
            yield f"job {invoice['job_id']} points to incident {invoice['incident_id']}, which its tenant does not have"


def incidents_are_due(facts):
    for invoice in facts.invoices:
        grave = [f["code"] for f in invoice["quality"]["flag_details"] if f["severity"] in ("S1", "S2")]
        if grave and not invoice["incident_id"] and not invoice["incident_skipped"]:
            yield f"job {invoice['job_id']} has {grave} and no incident"
        if not grave and invoice["incident_id"]:
            yield f"job {invoice['job_id']} has an incident and no reason for it"
        if invoice["incident_skipped"] and (invoice["incident_id"] or invoice["tenant_id"] != PILOT):
            yield f"job {invoice['job_id']} skipped its incident as {invoice['incident_skipped']}"


def audit_log_agrees(facts):
    """Of each invoice that has an incident one entry: opened by the first, repeated by the others."""
    logged = collections.Counter(
        (entry["object"], entry["action"], entry["detail"]["job"]) for entry in facts.audit_log)
    due = collections.Counter()
    for invoice in facts.invoices:
        incident = facts.incident.get(invoice["incident_id"])
        if incident is not None:
            action = "opened" if incident["job_id"] == invoice["job_id"] else "repeated"
            due[f"incident {incident['id']}", f"incident.{action}", invoice["job_id"]] += 1
    for entry in sorted(set(due) | set(logged)):
        if due[entry] != logged[entry]:
            yield f"the audit log has {logged[entry]} entries {' '.join(entry)}, due are {due[entry]}"


def leases_hold(facts):
    """Each change of a job is one that its lease allowed."""
    for job_id, changes in facts.changes.items():
        before, tokens = None, set()
        for entry in changes:
            why = forbidden(before, entry, tokens)
            if why:
                yield f"job {job_id}, journal {entry['seq']}: {why}"
            before = entry["row"]
            tokens.add(before["lease_token"])


def forbidden(before, entry, tokens):
    """Why a job must not go from one row to the next; None: it may."""
    row = entry["row"]
    if entry["op"] == "delete":
        return "deleted"
    if before is None:
        return None if row["state"] == "QUEUED" else f"began as {row['state']}"
    step = f"{before['state']} to {row['state']}"
    held, token = before["lease_token"], row["lease_token"]
    if before["state"] in ENDED:
        return f"changed after its end, {step}"
    if token and token != held:
        if token in tokens:
            return "claimed under a token that was used before"
        if held and before["lease_until"] > entry["at"]:
            return f"taken over, its lease held until {before['lease_until']}"
        if row["lost_leases"] != before["lost_leases"] + bool(held):
            return f"claimed with {row['lost_leases']} lost leases, before it {before['lost_leases']}"
    elif token and row["lease_until"] < before["lease_until"]:
        return "its lease was made shorter"
    elif row["state"] in PROCESSED and (held is None or row["finished_token"] != held):
        return f"{step} under the token {row['finished_token']}, held was {held}"
    if not token and row["lost_leases"] != before["lost_leases"]:
        return f"a lease was lost, {step}"
    return None


def effects_are_the_lease_holders(facts):
    """Calls, results and incidents stand in the journal where the job's lease allowed them."""
    token, finished_in, ended = {}, {}, {}
    for entry in facts.journal:
        job_id, row = entry["job_id"], entry["row"]
        what = f"{entry['op']} of {entry['kind']} for job {job_id}, journal {entry['seq']}"
        if entry["kind"] == "jobs":
            if row["state"] in ENDED:
                finished_in[job_id], ended[job_id] = entry["xid"], token.get(job_id)
            token[job_id] = row["lease_token"]
        elif entry["kind"] == "provider_calls":
            # Its transaction may have ended the job, or handed it back, just before.
            if row["lease_token"] != token.get(job_id) and not (
                    finished_in.get(job_id) == entry["xid"] and ended[job_id] == row["lease_token"]):
                yield f"{what}: under the lease {row['lease_token']}, held was {token.get(job_id)}"
        elif entry["kind"] in ("invoices", "audit_log") or entry["op"] == "insert" and entry["kind"] == "incidents":
            if job_id in token and finished_in.get(job_id) != entry["xid"]:
                yield f"{what}: not in the transaction that ended it"
        if entry["op"] == "delete" or entry["op"] == "update" and entry["kind"] not in ("jobs", "incidents"):
            yield f"{what}: never done by us"


def calls_were_made(facts):
    """What was recorded was answered; what succeeded was read once under the lease that wrote it."""
    recorded = collections.Counter()
    for job in facts.jobs:
        calls = facts.calls_of[job["id"]]
        recorded[facts.sha256_of(job)] += sum(c["outcome"] in USES_ATTEMPT | {"ok"} for c in calls)
        good = [c["lease_token"] for c in calls if c["outcome"] == "ok"]
        due = [job["finished_token"]] if job["state"] == "SUCCEEDED" else []
        if good != due:
            yield f"job {job['id']} is {job['state']} under {job['finished_token']}, good calls under {good}"
    for sha256, count in facts.provider.items():
        if recorded[sha256] > count["completions"]:
            yield f"{recorded[sha256]} answers for {sha256[:8]} were recorded, {count['completions']} given"


def calls_have_leases(facts):
    """Under each lease the provider is asked once, and once more after an answer that was cut."""
    asked = collections.Counter()
    for job in facts.jobs:
        leases = {e["row"]["lease_token"] for e in facts.changes[job["id"]]} - {None}
        again = sum(c["outcome"] == "length" for c in facts.calls_of[job["id"]])
        asked[facts.sha256_of(job)] += len(leases) + again
    for sha256, count in facts.provider.items():
        if count["calls"] > asked[sha256]:
            yield f"{count['calls']} calls were made for {sha256[:8]}, its leases allow {asked[sha256]}"


def attempts_are_the_documents_fault(facts):
    for job in facts.jobs:
        failing = [c["outcome"] for c in facts.calls_of[job["id"]] if c["outcome"] in USES_ATTEMPT]
        used = job["attempts"] - (job["error_code"] == "worker_lost")
        if used > len(failing) or "length" not in failing and used != len(failing):
            yield f"job {job['id']} used {used} attempts for the answers {failing}"
        if job["state"] == "FAILED" and job["error_code"] in USES_ATTEMPT and used != facts.max_attempts:
            yield f"job {job['id']} failed after {used} attempts"


def timings_are_plausible(facts):
    for invoice in facts.invoices:
        queue, extraction, total = (invoice[name] for name in TIMINGS)
        if min(queue, extraction, total) < 0 or queue > total or extraction > total + 50:
            yield f"job {invoice['job_id']} took {queue} + {extraction} of {total} ms"


def pilot_keeps_its_limits(facts):
    """In a run shorter than an hour; every limit met is one that held."""
    jobs = sum(j["tenant_id"] == PILOT for j in facts.jobs)
    incidents = sum(i["tenant_id"] == PILOT for i in facts.incidents)
    for what, n, limit in zip(("invoices", "incidents"), (jobs, incidents), facts.pilot_limits):
        if n > limit:
            yield f"the pilot took {n} {what}, its limit is {limit}"


RULES = (
    every_answer_is_one_of_ours, accepted_jobs_exist, jobs_end_once, one_invoice_each,
    outcomes_are_the_documents, documents_have_their_jobs, each_job_was_made_by_one_upload,
    a_key_is_one_job, answers_are_what_is_stored, incidents_count_their_jobs, incidents_are_due,
    audit_log_agrees, leases_hold, effects_are_the_lease_holders, calls_were_made, calls_have_leases,
    attempts_are_the_documents_fault, timings_are_plausible, pilot_keeps_its_limits,
)


def judge(facts, crashed=False):
    """All violations, in words.  crashed: the database's server was, and with it some claims, which do not wait for
    the disk: what was asked under those is nowhere but with the provider."""
    return [said for rule in RULES if not (crashed and rule is calls_have_leases) for said in rule(facts)]


# --- The witness

class History:
    """Remembers what clients were told from its making on; threads may share it."""

    def __init__(self, stack, **limits):
        """limits: max_attempts, pilot_limits where the stack has others than the defaults."""
        self.stack = stack
        self.limits = limits
        self.lock = threading.Lock()
        self.told = []
        self.looks = []
        stack.reset_pilot()
        stack.sql(JOURNAL)
        self.began = stack.value("select clock_timestamp()")  # the audit log keeps what was before

    def upload(self, document, tenant, key=None, force=False, expected=None, headers=None, **options):
        """stack.upload(), but with status None where there is no answer."""
        headers = (headers or {}) | ({"Idempotency-Key": key} if key else {})
        query = {"force": "true"} if force else None
        told = Told(tenant, document.sha256, None, key=key, force=force, expected=expected)
        try:
            answer = self.stack.upload(document, tenant, headers=headers, query=query, **options)
            told.status = answer.status
            told.result = answer.json if told.accepted else None
            told.code = (answer.json or {}).get("code")
            told.retry_after = answer.headers.get("Retry-After")
        except (OSError, http.client.HTTPException) as cut:
            told.trouble = repr(cut)
        with self.lock:
            self.told.append(told)
        return told

    def look(self, job_id):
        """The job's result by GET /jobs/{id}; None where it could not be had."""
        try:
            answer = self.stack.job(job_id)
        except (OSError, http.client.HTTPException):
            return None
        if answer.status != 200:
            return None
        with self.lock:
            self.looks.append(answer.json)
        return answer.json

    def quiet(self, timeout=60):
        """Every job has ended, and no transaction is under way."""
        def rest():
            return self.stack.value("select (select count(*) from jobs where state in ('QUEUED', 'RUNNING'))"
                                    " + (select count(*) from pg_locks where locktype = 'transactionid'"
                                    "    and pid <> pg_backend_pid())") == 0
        wait_for(rest, timeout, "quiet", every=0.1)

    def facts(self):
        tenants = {t.tenant for t in self.told}
        names = ", ".join(f"'{tenant}'" for tenant in sorted(tenants))
        members = ", ".join(
            f"'{name}', (select coalesce(json_agg(t), '[]') from ({query.format(began=self.began)}) t"
            f" where tenant_id in ({names}))" for name, query in TABLES.items())
        rows = json.loads(self.stack.sql(f"select json_build_object({members})")[0][0])
        for entry in rows["journal"]:
            entry["row"].setdefault("lease_token", None)
        provider = {sha256: self.stack.sim.order("GET", f"/calls/{sha256}")
                    for sha256 in {t.sha256 for t in self.told}}
        return Facts(told=self.told, looks=self.looks, provider=provider, **rows, **self.limits)

    def end(self):
        """The triggers gone."""
        self.stack.sql(END_OF_JOURNAL)
