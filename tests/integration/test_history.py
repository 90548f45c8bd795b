"""The history checker finds what is wrong: a small history in order, and then with one thing broken."""
import copy
import unittest

from harness import PILOT
from history import RULES, Facts, Told, judge

GRAVE = {"code": "INVOICE_TOTAL_MISMATCH", "severity": "S2"}
MEMBERS = ("extraction", "audit", "quality", "incident_skipped", "model")


class World:
    """Rows as the system would have written them, its journal, and what clients were told."""

    def __init__(self):
        self.rows = {name: [] for name in ("documents", "jobs", "invoices", "incidents", "calls", "keys",
                                           "audit_log", "journal")}
        self.told, self.looks, self.provider = [], [], {}
        self.seconds = self.xid = 0

    def facts(self):
        return Facts(told=self.told, looks=self.looks, provider=self.provider, **self.rows)

    def time(self, more=0):
        return f"2026-01-01T00:{self.seconds + more:02d}:00+00:00"

    def commit(self):
        self.xid += 1
        self.seconds += 1

    def log(self, kind, row, job_id, op="insert"):
        row = copy.deepcopy({"lease_token": None} | row)
        self.rows["journal"].append({"seq": len(self.rows["journal"]) + 1, "at": self.time(), "xid": str(self.xid),
                                     "op": op, "kind": kind, "job_id": job_id, "row": row})

    def upload(self, name, tenant="t", key=None, expected=None, sha256=None):
        """Accepted: the job, NAME."""
        document = {"tenant_id": tenant, "id": f"document-{name}", "sha256": sha256 or name * 8, "bytes": 1,
                    "media_type": "application/pdf", "filename": "a.pdf"}
        job = {"tenant_id": tenant, "id": name, "document_id": document["id"], "state": "QUEUED", "trace_id": name,
               "attempts": 0, "lost_leases": 0, "lease_token": None, "lease_until": None, "finished_token": None,
               "error_code": None, "error_detail": None}
        self.rows["documents"].append(document)
        self.rows["jobs"].append(job)
        if key:
            self.rows["keys"].append({"tenant_id": tenant, "key": key, "sha256": document["sha256"], "job_id": name})
        self.provider[document["sha256"]] = {"calls": 0, "completions": 0}
        self.told.append(Told(tenant, document["sha256"], 202, self.result(job), key, expected=expected))
        self.log("jobs", job, name)
        self.commit()
        return job

    def result(self, job, duplicate=False):
        document = next(d for d in self.rows["documents"] if d["id"] == job["document_id"])
        invoice = next((v for v in self.rows["invoices"] if v["job_id"] == job["id"]), {})
        incident = next((i for i in self.rows["incidents"] if i["id"] == invoice.get("incident_id")), None)
        return copy.deepcopy({
            "job_id": job["id"], "tenant_id": job["tenant_id"], "status": job["state"], "trace_id": job["trace_id"],
            "duplicate": duplicate, "incident": incident,
            "error": job["error_code"] and {"code": job["error_code"], "detail": job["error_detail"]},
            "document": {name: document[name] for name in ("sha256", "media_type", "bytes", "filename")},
            "timings": {name: invoice.get(name) for name in ("queue_ms", "extraction_ms", "pipeline_total_ms")},
        } | {name: invoice.get(name) for name in MEMBERS})

    def again(self, job, **options):
        """The same document sent once more, and answered as a duplicate."""
        first = next(t for t in self.told if t.job_id == job["id"])
        self.told.append(Told(first.tenant, first.sha256, 200, self.result(job, True), first.key, **options))

    def change(self, job, **columns):
        job |= columns
        self.log("jobs", job, job["id"], "update")

    def claim(self, job, token):
        self.change(job, state="RUNNING", lost_leases=job["lost_leases"] + bool(job["lease_token"]),
                    lease_token=token, lease_until=self.time(2))
        self.commit()

    def call(self, job, outcome):
        """Answered, and recorded under the job's lease; its transaction goes on."""
        count = self.provider[next(d for d in self.rows["documents"] if d["id"] == job["document_id"])["sha256"]]
        count["calls"] += 1
        count["completions"] += outcome != "provider_http_5xx"
        row = {"job_id": job["id"], "lease_token": job["lease_token"], "outcome": outcome}
        self.rows["calls"].append(row)
        self.log("provider_calls", row, job["id"])

    def release(self, job, outcome, attempt):
        self.call(job, outcome)
        self.change(job, state="QUEUED", attempts=job["attempts"] + attempt, lease_token=None, lease_until=None)
        self.commit()

    def finish(self, job, outcome, reason=None, incident=None):
        """incident: a name; opened by the first job that gives it."""
        self.call(job, reason or "ok")
        self.change(job, state="FAILED" if reason else "SUCCEEDED", finished_token=job["lease_token"], lease_token=None,
                    lease_until=None, attempts=job["attempts"] + bool(reason), error_code=reason)
        grave = {"flag_details": [GRAVE] if incident else []}
        row = {"tenant_id": job["tenant_id"], "job_id": job["id"], "outcome": outcome, "incident_id": incident,
               "incident_skipped": None, "quality": grave, "audit": {"outcome": outcome}, "extraction": {},
               "model": "m", "queue_ms": 1, "extraction_ms": 2, "pipeline_total_ms": 4}
        if incident:
            self.incident(job, incident)
        self.rows["invoices"].append(row)
        self.log("invoices", row, job["id"])
        self.commit()

    def incident(self, job, name):
        known = next((i for i in self.rows["incidents"] if i["id"] == name), None)
        if known:
            known["occurrence_count"] += 1
            self.log("incidents", known, known["job_id"], "update")
        else:
            row = {"tenant_id": job["tenant_id"], "id": name, "job_id": job["id"], "severity": "S2",
                   "category": "TOTALS", "primary_flag": GRAVE["code"], "secondary_flags": [], "occurrence_count": 1}
            self.rows["incidents"].append(row)
            self.log("incidents", row, job["id"])
        entry = {"object": f"incident {name}", "action": f"incident.{'repeated' if known else 'opened'}",
                 "detail": {"job": job["id"]}}
        self.rows["audit_log"].append(entry)
        self.log("audit_log", entry, job["id"])


def in_order():
    """What may happen: a lease lost, trouble of the provider, a bad document, an incident seen twice, a skipped job."""
    w = World()
    a, b, c = w.upload("a", key="k", expected="exact"), w.upload("b", expected="mismatch"), w.upload("c")
    d, s = w.upload("d", expected="failed"), w.upload("s", PILOT)
    w.claim(a, "a1")
    w.release(a, "provider_http_5xx", 0)
    w.claim(a, "a2")
    w.finish(a, "exact")
    w.again(a, expected="exact")
    w.claim(b, "b1")
    w.provider["b" * 8]["calls"] += 1  # whose answer nobody took
    w.seconds += 2
    w.claim(b, "b2")
    w.change(b, lease_until=w.time(3))
    w.finish(b, "mismatch", incident="i")
    w.looks.append(w.result(b))
    w.claim(c, "c1")
    w.finish(c, "mismatch", incident="i")
    for n in range(3):
        w.claim(d, f"d{n}")
        w.release(d, "refusal", 1) if n < 2 else w.finish(d, "failed", "refusal", incident="j")
    w.change(s, state="SKIPPED", error_code="pilot_disabled")
    w.told.append(Told("t", "e" * 8, 415, code="unsupported_file_type"))
    w.told.append(Told("t", "e" * 8, 503, code="database_unavailable", retry_after="1"))
    w.told.append(Told("t", "f" * 8, None, trouble="RemoteDisconnected()"))
    return w


def find(rows, **wanted):
    return next(r for r in rows if all(r[name] == value for name, value in wanted.items()))


def job(w, name, **columns):
    find(w.rows["jobs"], id=name).update(columns)


def invoice(w, name, **columns):
    find(w.rows["invoices"], job_id=name).update(columns)


def answer(w, name, **members):
    """Of the last upload that was answered with the job."""
    [t for t in w.told if t.job_id == name][-1].result.update(members)


def find_told(w, status):
    return next(t for t in w.told if t.status == status)


def journal(w, kind, n, job_id, **columns):
    """The nth entry of that kind about the job."""
    [e for e in w.rows["journal"] if (e["kind"], e["job_id"]) == (kind, job_id)][n]["row"].update(columns)


def drop(w, table, **wanted):
    w.rows[table].remove(find(w.rows[table], **wanted))


def double(w, table, **wanted):
    w.rows[table].append(copy.deepcopy(find(w.rows[table], **wanted)))


def late_call(w):
    """The worker that lost b records its answer after all."""
    row = {"job_id": "b", "lease_token": "b1", "outcome": "provider_http_5xx"}
    w.rows["calls"].append(row)
    w.xid += 1
    w.log("provider_calls", row, "b")


def late_result(w):
    w.xid += 1
    w.log("invoices", find(w.rows["invoices"], job_id="b"), "b")


def changed_later(w, name, **columns):
    w.xid += 1
    w.log("jobs", find(w.rows["jobs"], id=name) | columns, name, "update")


def taken_over_early(w):
    journal(w, "jobs", 1, "b", lease_until="2026-01-01T00:59:00+00:00")


def used_token(w):
    journal(w, "jobs", 3, "a", lease_token="a1")


def stored_elsewhere(w):
    """Another transaction than the one that ended the job."""
    find(w.rows["journal"], kind="invoices", job_id="a")["xid"] = "999"


def never_uploaded(w):
    w.upload("x")
    w.told.pop()


def refused_but_there(w):
    w.upload("x")
    w.told[-1] = Told("t", "x" * 8, 429, code="pilot_rate_limited", retry_after="9")


def accepted_twice(w):
    second = w.upload("x", sha256="a" * 8)
    second["document_id"] = "document-a"
    w.rows["documents"].pop()


def lonely_duplicate(w):
    answer(w, "c", duplicate=True)


def own_twice(w):
    answer(w, "a", duplicate=False)


# What is broken, and a part of what has to be said about it.
BROKEN = {
    "an answer 500": (lambda w: w.told.append(Told("t", "e" * 8, 500)), "was answered with 500"),
    "an answer 304": (lambda w: w.told.append(Told("t", "e" * 8, 304)), "was answered with 304"),
    "a refusal without a reason": (lambda w: find_told(w, 415).__setattr__("code", None), "415 and no problem"),
    "a refusal without an end": (lambda w: find_told(w, 503).__setattr__("retry_after", None), "when to come back"),
    "no answer at all": (lambda w: w.told.append(Told("t", "e" * 8, None, trouble="timed out")), "hung"),
    "a lost job": (lambda w: drop(w, "jobs", id="c"), "job c, which does not exist"),
    "another's job": (lambda w: w.told.append(Told("t", "c" * 8, 202, w.result(w.rows["jobs"][1]))),
                      "job b, which is another's"),
    "a job that never ended": (lambda w: job(w, "c", state="RUNNING"), "job c is still RUNNING"),
    "a job that waits for ever": (lambda w: job(w, "s", state="QUEUED"), "job s is still QUEUED"),
    "an end that nobody saw": (lambda w: journal(w, "jobs", -1, "c", state="RUNNING"), "nothing ended it"),
    "an end twice": (lambda w: changed_later(w, "a", state="FAILED"), "job a ended, and was changed 1 times"),
    "a second run after the end": (lambda w: changed_later(w, "a", state="RUNNING", lease_token="a3"),
                                   "changed after its end"),
    "no result": (lambda w: drop(w, "invoices", job_id="a"), "job a is SUCCEEDED and has 0 rows"),
    "two results": (lambda w: double(w, "invoices", job_id="a"), "job a is SUCCEEDED and has 2 rows"),
    "a result of a skipped job": (lambda w: invoice(w, "a", job_id="s"), "job s is SKIPPED and has 1 rows"),
    "a result of another state": (lambda w: invoice(w, "a", outcome="failed"),
                                  "job a is SUCCEEDED, its invoice failed"),
    "another document's outcome": (lambda w: invoice(w, "a", outcome="minor"), "gave ['minor'], expected exact"),
    "a document from nowhere": (never_uploaded, "was never uploaded"),
    "a refused document": (refused_but_there, "every upload of it was refused"),
    "two jobs of a document": (accepted_twice, "has 2 jobs from 3 uploads"),
    "a document twice": (lambda w: double(w, "documents", id="document-a"), "is there 2 times"),
    "a document without a job": (lambda w: drop(w, "jobs", id="c"), "has no job"),
    "two owners of a job": (own_twice, "2 uploads were told that job a is theirs"),
    "a duplicate of nothing": (lonely_duplicate, "is the only one"),
    "a key of another job": (lambda w: find(w.rows["keys"], key="k").update(job_id="b"), "the key's is b"),
    "a key that was lost": (lambda w: drop(w, "keys", key="k"), "the key's is None"),
    "an answer that is not stored": (lambda w: answer(w, "a", audit={"outcome": "minor"}), "was told audit"),
    "an answer of another tenant": (lambda w: answer(w, "a", tenant_id="u"), "was told tenant_id 'u'"),
    "an answer of another trace": (lambda w: answer(w, "a", trace_id="z"), "was told trace_id 'z'"),
    "an answer with a failure": (lambda w: answer(w, "a", status="FAILED"), "was told status 'FAILED'"),
    "an answer with no end": (lambda w: answer(w, "a", status="RUNNING"), "was answered with 200 and RUNNING"),
    "a look that is not stored": (lambda w: w.looks[0].update(model="n"), "a look at the job found model 'n'"),
    "a look at another incident": (lambda w: w.looks[0]["incident"].update(id="j"), "a look at the job found incident"),
    "occurrences taken back": (lambda w: w.looks[0]["incident"].update(occurrence_count=3), "more occurrences"),
    "two incidents of a job": (lambda w: double(w, "incidents", id="i"), "job b opened 2 incidents"),
    "an incident of nobody": (lambda w: invoice(w, "d", incident_id=None), "whose invoice does not say so"),
    "a count too high": (lambda w: find(w.rows["incidents"], id="i").update(occurrence_count=3), "seen 3 times, by 2"),
    "a lost incident": (lambda w: drop(w, "incidents", id="j"), "points to incident j"),
    "another tenant's incident": (lambda w: find(w.rows["incidents"], id="j").update(tenant_id="u"),
                                  "points to incident j"),
    "an incident that was due": (lambda w: invoice(w, "c", incident_id=None), "and no incident"),
    "an incident without reason": (lambda w: invoice(w, "a", incident_id="i"), "no reason for it"),
    "a skip outside of the pilot": (lambda w: invoice(w, "a", incident_skipped="incident_budget"),
                                    "skipped its incident"),
    "an unlogged incident": (lambda w: drop(w, "audit_log", object="incident j"), "has 0 entries incident j"),
    "an incident logged twice": (lambda w: double(w, "audit_log", object="incident j"), "has 2 entries incident j"),
    "a lease taken early": (taken_over_early, "taken over, its lease held until"),
    "a token used twice": (used_token, "a token that was used before"),
    "a lease that nobody counted": (lambda w: journal(w, "jobs", 2, "b", lost_leases=0), "claimed with 0 lost leases"),
    "a lease made shorter": (lambda w: journal(w, "jobs", 3, "b", lease_until="2026-01-01T00:00:00+00:00"),
                             "made shorter"),
    "an end under a lost lease": (lambda w: journal(w, "jobs", -1, "b", finished_token="b1"),
                                  "under the token b1, held was b2"),
    "a lost lease handed back": (lambda w: journal(w, "jobs", 2, "a", lost_leases=1), "a lease was lost"),
    "a call under a lost lease": (late_call, "under the lease b1, held was None"),
    "a result under a lost lease": (late_result, "insert of invoices for job b"),
    "a result by itself": (stored_elsewhere, "not in the transaction that ended it"),
    "a row that was changed": (lambda w: find(w.rows["journal"], kind="invoices").update(op="update"),
                               "never done by us"),
    "a row that was removed": (lambda w: find(w.rows["journal"], kind="jobs").update(op="delete"), "never done by us"),
    "a result without a call": (lambda w: drop(w, "calls", job_id="c"), "good calls under []"),
    "a result of another call": (lambda w: find(w.rows["calls"], job_id="c").update(lease_token="b1"),
                                 "good calls under ['b1']"),
    "two good calls": (lambda w: double(w, "calls", job_id="c"), "good calls under ['c1', 'c1']"),
    "an answer from nowhere": (lambda w: w.provider["a" * 8].update(completions=0),
                               "1 answers for aaaaaaaa were recorded"),
    "a call too many": (lambda w: w.provider["c" * 8].update(calls=2), "2 calls were made for cccccccc"),
    "an attempt for trouble": (lambda w: job(w, "a", attempts=1), "job a used 1 attempts"),
    "an end too early": (lambda w: (job(w, "d", attempts=2), drop(w, "calls", job_id="d")), "failed after 2 attempts"),
    "a negative time": (lambda w: invoice(w, "a", queue_ms=-3600000), "job a took -3600000"),
    "an hour too much": (lambda w: invoice(w, "a", extraction_ms=3600000), "job a took 1 + 3600000 of 4"),
    "an overfull pilot": (lambda w: [w.upload(f"p{n}", PILOT) for n in range(50)], "the pilot took 51 invoices"),
}


class Checker(unittest.TestCase):
    def test_history_in_order(self):
        self.assertEqual([], judge(in_order().facts()))

    def test_each_violation_is_found(self):
        for name, (break_it, words) in BROKEN.items():
            with self.subTest(name):
                world = in_order()
                break_it(world)
                said = judge(world.facts())
                self.assertTrue(any(words in violation for violation in said), f"{name}: {said}")

    def test_each_rule_has_something_to_find(self):
        found = set()
        for break_it, _ in BROKEN.values():
            world = in_order()
            break_it(world)
            facts = world.facts()
            found |= {rule for rule in RULES if list(rule(facts))}
        self.assertEqual(set(RULES), found)


if __name__ == "__main__":
    unittest.main()
