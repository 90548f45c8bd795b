"""Jobs as operators see and change them: lists, counts, cancel, retry (SPEC §1, §4)."""
import concurrent.futures
import contextlib
import json
import time
import unittest
import uuid

from failures import accept, transaction
from harness import PILOT, StackCase, fresh_tenant, wait_for
from ledger import Ledger

SUMMARY = {"id", "tenant_id", "status", "stuck", "smoke", "created_at", "run_at", "started_at", "finished_at",
           "attempts", "retries", "lost_leases", "worker_id", "error", "filename", "bytes", "media_type", "trace_id",
           "outcome", "severity", "incident_id", "pipeline_total_ms"}


class JobsCase(StackCase):
    def accept(self, document, tenant=None):
        return accept(self.stack, document, tenant or self.tenant)

    def get(self, path="", key=None, **query):
        answer = self.stack.admin("GET", "/admin/jobs" + path, key=key, query=query)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def jobs(self, **query):
        return self.get(tenant_id=self.tenant, **query)["jobs"]

    def ids(self, **query):
        return [j["id"] for j in self.jobs(**query)]

    def order(self, verb, job_id, key=None):
        return self.stack.admin("POST", f"/admin/jobs/{job_id}/{verb}", key=key)

    def done(self, verb, job_id, key=None):
        answer = self.order(verb, job_id, key)
        self.assertEqual(200, answer.status, answer)
        self.assertEqual(SUMMARY, set(answer.json))
        return answer.json

    def bulk(self, verb, body, key=None):
        answer = self.stack.admin("POST", f"/admin/jobs/{verb}", body, key=key)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def audit(self, job_id):
        """(who, what, detail) of each change, in order."""
        rows = self.stack.sql("select actor, action, detail, tenant_id from audit_log"
                              f" where object = 'job {job_id}' order by id")
        self.assertLessEqual({row[3] for row in rows}, {self.tenant, PILOT})
        return [(who, what, json.loads(detail)) for who, what, detail, _ in rows]

    def under_way(self, document):
        """Its job, once the provider has its call."""
        job_id = self.accept(document)
        wait_for(lambda: self.sim.calls(document.sha256), what="the call")
        return job_id

    def hanging(self, name="mismatch-s2"):
        """A document whose call is never answered."""
        document = self.stack.unique_pdf(name)
        self.sim.fault("hang", count=-1, sha256=document.sha256)
        return document

    @contextlib.contextmanager
    def provider_blocked(self):
        """Nothing is claimed within the block."""
        self.stack.sql("update provider_state set state = 'rate_limited', consecutive = 1,"
                       " blocked_until = clock_timestamp() + interval '1 hour'")
        try:
            yield
        finally:
            self.stack.tidy()

    def failed(self):
        """A document that could not be read, and its job, which failed."""
        document = self.stack.unique_pdf("mismatch-s2")
        self.sim.fault("content_filter", count=-1, sha256=document.sha256)
        job_id = self.accept(document)
        self.assertEqual("FAILED", self.stack.ended_job(job_id)["status"])
        self.sim.clear_faults()
        return document, job_id


class Lists(JobsCase):
    def test_members(self):
        done = self.upload_done(self.stack.unique_pdf("mismatch-s1"), headers={"X-Trace-Id": "list-members"})
        job, = self.jobs()
        self.assertEqual(SUMMARY, set(job))
        self.assertEqual((done["job_id"], self.tenant, "SUCCEEDED", False, False, None, "list-members"), tuple(
            job[k] for k in ("id", "tenant_id", "status", "stuck", "smoke", "error", "trace_id")))
        self.assertEqual(("mismatch", "S1", done["incident"]["id"], done["timings"]["pipeline_total_ms"]), tuple(
            job[k] for k in ("outcome", "severity", "incident_id", "pipeline_total_ms")))
        self.assertEqual({k: done["document"][k] for k in ("filename", "bytes", "media_type")},
                         {k: job[k] for k in ("filename", "bytes", "media_type")})
        for name in ("created_at", "run_at", "started_at", "finished_at"):
            self.assertRegex(job[name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_detail_is_the_result_and_more(self):
        done = self.upload_done(self.stack.unique_pdf("mismatch-s2"))
        detail = self.get("/" + done["job_id"])
        self.assertEqual(self.stack.job(done["job_id"]).json, {k: detail[k] for k in done})
        self.assertEqual({**self.jobs()[0], **done}, detail)

    def test_detail_of_what_is_not_there_yet(self):
        with self.provider_blocked():
            job_id = self.accept(self.stack.unique_pdf())
            detail = self.get("/" + job_id)
            self.assertEqual(self.stack.job(job_id).json, {k: detail[k] for k in self.stack.job(job_id).json})
            self.assertEqual(("QUEUED", None, None), tuple(detail[k] for k in ("status", "started_at", "outcome")))

    def many(self, n):
        """Jobs of one document in this tenant, most of them created at the same moments, newest first."""
        self.upload_done(self.stack.unique_pdf())
        self.stack.sql("insert into jobs (tenant_id, document_id, trace_id, state, created_at, finished_at)"
                       " select tenant_id, document_id, 'many-of-them', 'CANCELLED', created_at - (i / 3 + 1) * interval '1 second',"
                       f" clock_timestamp() from jobs, generate_series(1, {n - 1}) i where tenant_id = '{self.tenant}'")
        return [row[0] for row in self.stack.sql(
            f"select id from jobs where tenant_id = '{self.tenant}' order by created_at desc, id desc")]

    def pages(self, **query):
        query.setdefault("tenant_id", self.tenant)
        cursor, pages = {}, []
        while cursor is not None:
            page = self.get(**query, **cursor)
            pages.append([j["id"] for j in page["jobs"]])
            cursor = page["next_cursor"] and {"cursor": page["next_cursor"]}
        return pages

    def test_paging(self):
        """Every job once, in order, though several have one and the same time."""
        expected = self.many(25)
        for limit in (1, 7, 25, 26, 200):
            pages = self.pages(limit=limit)
            self.assertEqual(expected, sum(pages, []))
            self.assertEqual(-(-25 // limit), len(pages))
        self.assertEqual(expected[1:], sum(self.pages(limit=7, status="CANCELLED"), []))
        self.assertEqual([expected[:1]], self.pages(status="SUCCEEDED"))

    def test_all_tenants(self):
        """Merged by time; an operator of one tenant sees that one alone."""
        mine = self.many(5)
        self.tenant, first = fresh_tenant("other"), self.tenant
        theirs = self.many(5)
        self.stack.sql("update jobs set created_at = created_at + interval '1 day'"
                       f" where tenant_id in ('{first}', '{self.tenant}')")
        expected = [row[0] for row in self.stack.sql(
            f"select id from jobs where tenant_id in ('{first}', '{self.tenant}') order by created_at desc, id desc")]
        self.assertEqual(expected, [j["id"] for j in self.get(limit=10)["jobs"]])
        _, key = self.stack.make_key(first, "viewer")
        self.assertEqual(mine, [j["id"] for j in self.get(key=key)["jobs"]])
        self.assert_problem(self.stack.admin("GET", "/admin/jobs", key=key, query={"tenant_id": self.tenant}),
                            403, "wrong_tenant")
        self.assert_problem(self.stack.admin("GET", f"/admin/jobs/{theirs[0]}", key=key), 404, "job_not_found")

    def test_text(self):
        def named(filename, trace):
            document = self.stack.unique_pdf()
            document.filename = filename
            return self.upload_done(document, headers={"X-Trace-Id": trace})
        one, two = named("Ödeme %_Nisan.pdf", "trace-one"), named("rent.pdf", "trace-two")
        for text, expected in (("nisan", one), ("%_", one), ("RENT", two), ("trace-two", two),
                               (two["document"]["sha256"], two), (one["job_id"], one), (one["job_id"][:13], one)):
            with self.subTest(text=text):
                self.assertEqual([expected["job_id"]], self.ids(q=text))
        for text in ("nothing like it", "\\", "%", "'; drop table jobs"):
            with self.subTest(text=text):
                self.assertEqual([one["job_id"]] if text == "%" else [], self.ids(q=text))
        self.assertEqual([], self.ids(q=one["job_id"], status="FAILED"))
        _, key = self.stack.make_key(fresh_tenant("other"), "viewer")
        self.assertEqual([], self.get(key=key, q=one["job_id"])["jobs"])

    def test_rare_text_among_many(self):
        """Looked for piece by piece: each page costs the same, and the hit comes in the end."""
        self.many(4500)
        rare = self.stack.value(f"update jobs set trace_id = 'rare-one' where id = (select id from jobs where tenant_id ="
                                f" '{self.tenant}' order by created_at, id limit 1) returning id")
        pages = self.pages(q="rare")
        self.assertEqual([[], [], [rare]], pages)

    def test_wrong_queries(self):
        for query, code in (({"status": "DONE"}, "invalid_query"), ({"status": "queued"}, "invalid_query"),
                            ({"stuck": "maybe"}, "invalid_query"), ({"limit": "0"}, "invalid_query"),
                            ({"limit": "201"}, "invalid_query"), ({"cursor": "x"}, "invalid_cursor"),
                            ({"q": "ğ" * 201}, "invalid_query"), ({"tenant_id": "No"}, "invalid_tenant_id")):
            with self.subTest(query=query):
                self.assert_problem(self.stack.admin("GET", "/admin/jobs", query=query), 400, code)
        for path in ("/1", f"/{uuid.uuid4()}"):
            self.assert_problem(self.stack.admin("GET", "/admin/jobs" + path), 404, "job_not_found")
        for path in ("", "/counts", f"/{uuid.uuid4()}"):
            self.assert_problem(self.stack.admin("GET", "/admin/jobs" + path, key=False), 401, "missing_api_key")


class Counts(JobsCase):
    def counts(self, **query):
        counts = self.get("/counts", tenant_id=self.tenant, **query)
        self.assertEqual({"queued", "due", "running", "stuck", "failed", "skipped", "cancelled", "succeeded",
                          "succeeded_is_minimum"}, set(counts))
        return {k: v for k, v in counts.items() if v}

    def test_while_draining(self):
        """No job is ever lost from sight, and in the end all have succeeded."""
        self.assertEqual({}, self.counts())
        with self.provider_blocked():
            for _ in range(12):
                self.accept(self.stack.unique_pdf())
            self.assertEqual({"queued": 12, "due": 12}, self.counts())
        def drained():
            counts = self.counts()
            self.assertEqual(12, sum(counts.get(k, 0) for k in ("queued", "running", "succeeded")), counts)
            return counts == {"succeeded": 12}
        wait_for(drained, what="12 that succeeded")

    def test_how_they_ended(self):
        self.failed()
        with self.provider_blocked():
            self.done("cancel", self.accept(self.stack.unique_pdf()))
        self.upload_done(self.stack.unique_pdf())
        self.assertEqual({"failed": 1, "cancelled": 1, "succeeded": 1}, self.counts())
        self.stack.sql(f"update jobs set finished_at = finished_at - interval '1 day' where tenant_id = '{self.tenant}';"
                       f" update invoices set created_at = created_at - interval '1 day' where tenant_id = '{self.tenant}'")
        self.assertEqual({}, self.counts())

    def test_due_later(self):
        with self.provider_blocked():
            job_id = self.accept(self.stack.unique_pdf())
            self.stack.sql(f"update jobs set run_at = run_at + interval '1 hour' where id = '{job_id}'")
            self.assertEqual({"queued": 1}, self.counts())
            self.done("cancel", job_id)


class Stuck(JobsCase):
    def test_dead_workers_lease(self):
        """Ended longer than STUCK_MINUTES ago: shown, found, cancelled."""
        with self.stack.stopped("worker-1"):
            job_id, other = self.accept(self.stack.unique_pdf()), self.accept(self.stack.unique_pdf())
            self.lease(job_id, "11 minutes")
            self.lease(other, "9 minutes")
            self.assertEqual([job_id], self.ids(stuck="true"))
            self.assertEqual({job_id: True, other: False}, {j["id"]: j["stuck"] for j in self.jobs(stuck="false")})
            self.assertTrue(self.get("/" + job_id)["stuck"])
            self.assertEqual((2, 1), tuple(self.get("/counts", tenant_id=self.tenant)[k] for k in ("running", "stuck")))
            self.assertEqual("CANCELLED", self.done("cancel", job_id)["status"])
            self.assertEqual([], self.ids(stuck="true"))

    def lease(self, job_id, ago):
        self.stack.sql("update jobs set state = 'RUNNING', lease_token = gen_random_uuid(), worker_id = 'dead',"
                       f" lease_until = clock_timestamp() - interval '{ago}' where id = '{job_id}'")

    def test_nothing_is_consumed(self):
        with self.stack.stopped("worker-1"):
            job_id = self.accept(self.stack.unique_pdf())
            self.stack.sql(f"update jobs set run_at = run_at - interval '11 minutes' where id = '{job_id}'")
            self.stack.sql("update worker_heartbeats set claimed_at = clock_timestamp()")
            self.assertEqual([], self.ids(stuck="true"))
            self.stack.sql("update worker_heartbeats set claimed_at = claimed_at - interval '11 minutes'")
            self.assertEqual([job_id], self.ids(stuck="true"))
            self.assertEqual([job_id], self.ids(stuck="true", status="QUEUED"))
            self.assertEqual([], self.ids(stuck="true", status="RUNNING"))
            self.assertEqual(1, self.get("/counts", tenant_id=self.tenant)["stuck"])
            self.done("cancel", job_id)


class Cancel(JobsCase):
    def test_queued(self):
        with self.stack.stopped("worker-1"):
            document = self.stack.unique_pdf()
            job_id = self.accept(document)
            name, key = self.stack.make_key(role="operator")
            job = self.done("cancel", job_id, key)
            self.assertEqual(("CANCELLED", {"code": "cancelled", "detail": f"cancelled by {name}"}),
                             (job["status"], job["error"]))
            self.assertIsNotNone(job["finished_at"])
            self.assert_problem(self.order("cancel", job_id), 409, "job_ended")
            self.assertEqual([(name, "job.cancelled", {"old_status": "QUEUED", "old_error": None})], self.audit(job_id))
        later = self.upload_done(self.stack.unique_pdf())
        self.assertEqual("SUCCEEDED", later["status"])
        self.assertEqual(0, self.sim.calls(document.sha256))
        self.assertEqual("CANCELLED", self.stack.job(job_id).json["status"])

    def test_running(self):
        """The worker ends its call with its next heartbeat; no result ever comes of it."""
        document = self.hanging()
        job_id = self.under_way(document)
        logged = len(self.stack.log_text("worker-1"))
        self.assertEqual("CANCELLED", self.done("cancel", job_id)["status"])
        event, = wait_for(lambda: self.stack.log("worker-1", "job.cancelled", logged), what="the worker to notice")
        self.assertEqual((job_id, "info"), (event["job_id"], event["level"]))
        wait_for(lambda: self.stack.value("select sum(in_flight) from worker_heartbeats where stopped_at is null") == 0,
                 what="no call in flight")
        self.assert_nothing_written(job_id)

    def test_answer_comes_after_all(self):
        """Cancelled while the answer was on its way: it is dropped."""
        self.sim.delay(700)
        document = self.stack.unique_pdf("mismatch-s2")
        job_id = self.under_way(document)
        self.done("cancel", job_id)
        wait_for(lambda: self.sim.completions(document.sha256) or self.stack.log("worker-1", "job.cancelled"))
        wait_for(lambda: self.stack.value("select sum(in_flight) from worker_heartbeats where stopped_at is null") == 0,
                 what="no call in flight")
        self.assert_nothing_written(job_id)

    def assert_nothing_written(self, job_id):
        self.assertEqual([["CANCELLED", "0", "0", "0"]], self.stack.sql(
            "select state, (select count(*) from invoices where job_id = j.id), (select count(*) from incidents"
            " where job_id = j.id), (select count(*) from provider_calls where job_id = j.id)"
            f" from jobs j where id = '{job_id}'"))

    def test_waiting_client_is_told(self):
        """At once: it would look by itself only after half a second."""
        self.assertLess(min(self.cancelled_amid_wait() for _ in range(3)), 0.3)

    def cancelled_amid_wait(self):
        """Seconds from the cancel to the end of the upload that waits."""
        document = self.hanging()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.upload, document)
            wait_for(lambda: self.sim.calls(document.sha256), what="the call")
            job, = self.jobs(status="RUNNING")
            began = time.monotonic()
            self.done("cancel", job["id"])
            answer = waiting.result()
        self.assertEqual((200, "CANCELLED", "cancelled"),
                         (answer.status, answer.json["status"], answer.json["error"]["code"]))
        return time.monotonic() - began

    def test_probe(self):
        """The job that probes the provider, cancelled: another one probes."""
        with self.provider_blocked():
            probe = self.hanging()
            job_id = self.accept(probe)
            self.stack.sql("update provider_state set blocked_until = clock_timestamp()")
            wait_for(lambda: self.sim.calls(probe.sha256), what="the probe")
            waiting = self.accept(self.stack.unique_pdf())
            self.done("cancel", job_id)
            self.assertEqual("SUCCEEDED", self.stack.ended_job(waiting)["status"])

    def test_budget_place_stays_used(self):
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        with self.provider_blocked():
            self.done("cancel", self.accept(self.stack.unique_pdf(), PILOT))
        self.assertEqual(1, self.stack.admin("GET", "/admin/pilot").json["invoices"]["used"])

    def test_ended(self):
        job_id = self.upload_done(self.stack.unique_pdf())["job_id"]
        self.assert_problem(self.order("cancel", job_id), 409, "job_ended")
        self.assertEqual([], self.audit(job_id))

    def test_at_once(self):
        """Of many that cancel the same job one does."""
        with self.provider_blocked():
            job_id = self.accept(self.stack.unique_pdf())
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                statuses = sorted(pool.map(lambda _: self.order("cancel", job_id).status, range(8)))
        self.assertEqual([200] + [409] * 7, statuses)
        self.assertEqual(1, len(self.audit(job_id)))

    def test_who_may(self):
        with self.provider_blocked():
            job_id = self.accept(self.stack.unique_pdf())
            _, viewer = self.stack.make_key(role="viewer")
            _, foreign = self.stack.make_key(fresh_tenant("foreign"), "operator")
            for verb in ("cancel", "retry"):
                self.assert_problem(self.order(verb, job_id, viewer), 403, "read_only")
                self.assert_problem(self.order(verb, job_id, foreign), 404, "job_not_found")
                self.assert_problem(self.order(verb, uuid.uuid4()), 404, "job_not_found")
                self.assert_problem(self.order(verb, "1"), 404, "job_not_found")
                self.assert_problem(self.order(verb, job_id, False), 401, "missing_api_key")
            self.assertEqual("QUEUED", self.get("/" + job_id)["status"])
            _, own = self.stack.make_key(self.tenant, "operator")
            self.done("cancel", job_id, own)


class Retry(JobsCase):
    def test_failed(self):
        """After the provider has recovered: one result, in the place of the failure."""
        document, job_id = self.failed()
        incident = self.stack.job(job_id).json["incident"]
        self.assertEqual("EXTRACTION_FAILED", incident["primary_flag"])
        name, key = self.stack.make_key(role="operator")
        before = self.sim.completions(document.sha256)
        self.stack.sql(f"update jobs set created_at = created_at - interval '2 hours' where id = '{job_id}'")
        job = self.done("retry", job_id, key)
        self.assertEqual(("QUEUED", 0, 0, 0, None, None, None), tuple(
            job[k] for k in ("status", "attempts", "retries", "lost_leases", "error", "finished_at", "outcome")))
        done = self.stack.ended_job(job_id)
        self.assertEqual(("SUCCEEDED", "mismatch", None), (done["status"], done["audit"]["outcome"], done["error"]))
        self.assertLess(done["timings"]["pipeline_total_ms"], 3600_000, "the time before the retry counts")
        self.assertEqual(1, self.stack.value(f"select count(*) from invoices where job_id = '{job_id}'"))
        self.assertEqual(1, self.stack.value(f"select count(*) from incidents where id = '{incident['id']}'"))
        self.assertEqual(before + 1, self.sim.completions(document.sha256))
        (who, what, detail), = self.audit(job_id)
        self.assertEqual((name, "job.retried", "FAILED"), (who, what, detail["old_status"]))

    def test_fails_again(self):
        document, job_id = self.failed()
        self.sim.fault("content_filter", count=-1, sha256=document.sha256)
        self.done("retry", job_id)
        self.assertEqual("FAILED", self.stack.ended_job(job_id)["status"])
        self.assertEqual("3", self.stack.sql(f"select attempts from jobs where id = '{job_id}'")[0][0])

    def test_skipped_by_the_pilots_switch(self):
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        with self.provider_blocked():
            jobs = [self.accept(self.stack.unique_pdf(), PILOT) for _ in range(3)]
            self.flip(False)
            for job_id in jobs:
                self.assertEqual("SKIPPED", self.stack.ended_job(job_id)["status"])
        self.flip(True)
        answer = self.bulk("retry", {"tenant_id": PILOT, "status": "SKIPPED"})
        self.assertEqual((sorted(jobs), [], 0), (sorted(answer["done"]), answer["refused"], answer["remaining"]))
        for job_id in jobs:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])

    def flip(self, enabled):
        answer = self.stack.admin("PUT", "/admin/pilot", {"enabled": enabled, "reason": "a test"})
        self.assertEqual(200, answer.status, answer)

    def test_cancelled_while_running(self):
        """Back at once, while the worker may still have the first call: that one writes nothing."""
        document = self.hanging()
        job_id = self.under_way(document)
        self.done("cancel", job_id)
        self.sim.clear_faults()
        self.done("retry", job_id)
        done = self.stack.ended_job(job_id)
        self.assertEqual(("SUCCEEDED", 1), (done["status"], done["incident"]["occurrence_count"]))
        self.assertEqual(1, self.stack.value(f"select count(*) from invoices where job_id = '{job_id}'"))
        self.assertEqual(["job.cancelled", "job.retried"], [what for _, what, _ in self.audit(job_id)])

    def test_not_retryable(self):
        job_id = self.under_way(self.hanging())
        self.assert_problem(self.order("retry", job_id), 409, "job_not_retryable")
        self.done("cancel", job_id)
        job_id = self.upload_done(self.stack.unique_pdf())["job_id"]
        self.assert_problem(self.order("retry", job_id), 409, "job_not_retryable")
        self.assertEqual(1, self.stack.value(f"select count(*) from invoices where job_id = '{job_id}'"))


class Bulk(JobsCase):
    def test_mixed(self):
        ended = self.upload_done(self.stack.unique_pdf())["job_id"]
        foreign = self.upload_done(self.stack.unique_pdf(), tenant=fresh_tenant("foreign"))["job_id"]
        missing = str(uuid.uuid4())
        _, key = self.stack.make_key(self.tenant, "operator")
        with self.provider_blocked():
            queued = [self.accept(self.stack.unique_pdf()) for _ in range(2)]
            answer = self.bulk("cancel", {"ids": [ended, queued[1], foreign, missing, queued[0], queued[0]]}, key)
            self.assertEqual(sorted(queued), sorted(answer["done"]))
            self.assertEqual({(ended, "job_ended"), (foreign, "job_not_found"), (missing, "job_not_found")},
                             {(r["id"], r["code"]) for r in answer["refused"]})
            self.assertEqual(0, answer["remaining"])
            answer = self.bulk("retry", {"ids": queued + [ended]})
            self.assertEqual((sorted(queued), [{"id": ended, "code": "job_not_retryable"}]),
                             (sorted(answer["done"]), answer["refused"]))
        for job_id in queued:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
            self.assertEqual(["job.cancelled", "job.retried"], [what for _, what, _ in self.audit(job_id)])

    def test_all_in_a_state(self):
        """At most 500 at a time, the oldest first; remaining tells of the others."""
        with self.provider_blocked():
            self.accept(self.stack.unique_pdf())
            self.stack.sql("insert into jobs (tenant_id, document_id, trace_id, created_at) select tenant_id, document_id,"
                           " 'many-of-them', created_at + i * interval '1 ms' from jobs, generate_series(1, 520) i"
                           f" where tenant_id = '{self.tenant}'")
            oldest = {row[0] for row in self.stack.sql(
                f"select id from jobs where tenant_id = '{self.tenant}' order by created_at limit 500")}
            order = {"tenant_id": self.tenant, "status": "QUEUED"}
            first = self.bulk("cancel", order)
            self.assertEqual((oldest, [], 21), (set(first["done"]), first["refused"], first["remaining"]))
            second = self.bulk("cancel", order)
            self.assertEqual((21, 0), (len(second["done"]), second["remaining"]))
            self.assertEqual({"done": [], "refused": [], "remaining": 0}, self.bulk("cancel", order))
            self.assertEqual(521, self.get("/counts", tenant_id=self.tenant)["cancelled"])

    def test_smoke_runs_are_not_paid_for_again(self):
        """One that was given up is no invoice: whoever retries all that was cancelled does not mean it."""
        with self.provider_blocked():
            job = self.accept(self.stack.unique_pdf())
            self.done("cancel", job)
            self.stack.sql("insert into jobs (tenant_id, document_id, smoke, state, trace_id, finished_at)"
                           f" select tenant_id, document_id, true, 'CANCELLED', 'smoke-run', finished_at from jobs where id = '{job}'")
            answer = self.bulk("retry", {"tenant_id": self.tenant, "status": "CANCELLED"})
        self.assertEqual({"done": [job], "refused": [], "remaining": 0}, answer)
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job)["status"])
        self.assertEqual("CANCELLED", self.stack.sql(f"select state from jobs where tenant_id = '{self.tenant}' and smoke")[0][0])

    def test_a_bound_operator_reaches_its_own(self):
        other = fresh_tenant("other")
        _, key = self.stack.make_key(self.tenant, "operator")
        with self.provider_blocked():
            mine, theirs = self.accept(self.stack.unique_pdf()), self.accept(self.stack.unique_pdf(), other)
            self.assertEqual([mine], self.bulk("cancel", {"status": "QUEUED"}, key)["done"])
            self.assertEqual("QUEUED", self.get("/" + theirs)["status"])
            self.assert_problem(self.stack.admin("POST", "/admin/jobs/cancel", {"tenant_id": other, "status": "QUEUED"},
                                                 key=key), 403, "wrong_tenant")
            self.bulk("cancel", {"ids": [theirs]})

    def test_held_by_a_worker_that_writes(self):
        """Of several none is waited for: the answer says which could not be had."""
        with self.provider_blocked():
            jobs = [self.accept(self.stack.unique_pdf()) for _ in range(2)]
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                pool.submit(self.stack.sql, f"begin; select pg_advisory_lock(4711); select 1 from jobs"
                                            f" where id = '{jobs[0]}' for update; select pg_sleep(2); commit")
                wait_for(lambda: self.stack.value("select count(*) from pg_locks where locktype = 'advisory' and"
                                                  " objid = 4711") and self.row_locked(jobs[0]), what="the lock")
                answer = self.bulk("cancel", {"ids": jobs})
        self.assertEqual(([jobs[1]], [{"id": jobs[0], "code": "job_busy"}]), (answer["done"], answer["refused"]))
        self.assertEqual("SUCCEEDED", self.stack.ended_job(jobs[0])["status"])

    def test_two_who_retry_many_do_not_wait_for_each_other(self):
        """Each holds the counter that the other wants next, unless one is first from its first job on."""
        ledger = Ledger(self.stack, self.tenant)
        self.addCleanup(ledger.erase)
        ledger.jobs(2, "2026-01-17T00:00:00Z", state="FAILED").jobs(2, "2026-01-17T00:00:00Z", state="CANCELLED").write()
        self.stack.sql(f"update jobs set finished_at = now(), run_at = now() + interval '1 day' where tenant_id = '{self.tenant}'")
        failed, cancelled = ([row[0] for row in self.stack.sql(
            f"select id from jobs where tenant_id = '{self.tenant}' and state = '{state}'")] for state in ("FAILED", "CANCELLED"))
        retry = "select change_many_jobs('retry', null, '{{{}}}', null, 'test')".format
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with transaction(self.stack) as one:
                one(retry(failed[0]))
                other = pool.submit(self.stack.sql, f"begin; {retry(cancelled[0])}; {retry(failed[1])}; commit")
                wait_for(lambda: self.stack.value("select count(*) from pg_locks where not granted"), what="the other to wait")
                one(retry(cancelled[1]))
            other.result()
        self.assertEqual(4, self.stack.value(f"select count(*) from jobs where tenant_id = '{self.tenant}' and state in ('QUEUED', 'RUNNING')"))

    def row_locked(self, job_id):
        return not self.stack.sql(f"select id from jobs where id = '{job_id}' for update skip locked")

    def test_viewer(self):
        _, key = self.stack.make_key(role="viewer")
        for verb in ("cancel", "retry"):
            self.assert_problem(self.stack.admin("POST", f"/admin/jobs/{verb}", {"status": "FAILED"}, key=key),
                                403, "read_only")

    def test_body(self):
        one = str(uuid.uuid4())
        for verb, body in (("cancel", None), ("cancel", []), ("cancel", {}), ("cancel", {"ids": []}),
                           ("cancel", {"ids": one}), ("cancel", {"ids": [1]}), ("cancel", {"ids": ["x"]}),
                           ("cancel", {"ids": [one], "status": "QUEUED"}), ("cancel", {"ids": [one] * 501}),
                           ("cancel", {"tenant_id": self.tenant}), ("cancel", {"status": "FAILED"}),
                           ("cancel", {"status": "SUCCEEDED"}), ("retry", {"status": "QUEUED"}),
                           ("retry", {"status": "SUCCEEDED"}), ("retry", {"status": None}),
                           ("retry", {"status": "FAILED", "more": 1})):
            with self.subTest(verb=verb, body=body):
                self.assert_problem(self.stack.admin("POST", f"/admin/jobs/{verb}", body), 400, "invalid_job_selection")
        self.assert_problem(self.stack.admin("POST", "/admin/jobs/retry", {"tenant_id": "No", "status": "FAILED"}),
                            400, "invalid_tenant_id")


if __name__ == "__main__":
    unittest.main()
