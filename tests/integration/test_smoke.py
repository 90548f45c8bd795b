"""The smoke run: the built-in invoice through every stage, counted nowhere (issue 4)."""
import re
import threading
import uuid

from failures import accept
from harness import DATA, PILOT, Document, StackCase, extraction, wait_for

SMOKE = Document((DATA / "smoke.pdf").read_bytes(), "smoke.pdf")
STAGES = ["accept", "queue", "extract", "audit", "store"]


class SmokeCase(StackCase):
    def run_smoke(self, tenant=None, **options):
        return self.stack.admin("POST", "/admin/smoke/run", query={"tenant_id": tenant or self.tenant}, **options)

    def report(self, **options):
        """A report, whose form is checked."""
        answer = self.run_smoke(**options)
        self.assertEqual(200, answer.status, answer)
        report = answer.json
        self.assertEqual({"status", "tenant_id", "job_id", "trace_id", "stages", "total_ms", "outcome", "error"},
                         set(report))
        self.assertEqual(STAGES, [stage["name"] for stage in report["stages"]])
        self.assertEqual(answer.headers["X-Trace-Id"], report["trace_id"])
        for stage in report["stages"]:
            self.assertEqual({"name", "status", "ms", "detail"}, set(stage))
            self.assertEqual(stage["status"] == "failed", stage["detail"] is not None, stage)
            self.assertEqual(stage["status"] == "not_reached", stage["ms"] is None, stage)
        return report

    def failed(self, stage, **options):
        """A report that failed at this stage: (its detail, the report)."""
        report = self.report(**options)
        at = STAGES.index(stage)
        self.assertEqual(["ok"] * at + ["failed"] + ["not_reached"] * (4 - at),
                         [s["status"] for s in report["stages"]], report)
        self.assertEqual("failed", report["status"])
        self.assertEqual(report["stages"][at]["detail"], report["error"]["detail"])
        return report["stages"][at]["detail"], report

    def passed(self, **options):
        report = self.report(**options)
        self.assertEqual(("passed", "exact", None), tuple(report[k] for k in ("status", "outcome", "error")), report)
        self.assertEqual(["ok"] * 5, [s["status"] for s in report["stages"]])
        return report

    def state_of(self, report):
        return self.stack.sql(f"select state, smoke, error_code from jobs where id = '{report['job_id']}'")[0]


class Passes(SmokeCase):
    def test_passes(self):
        report = self.passed()
        self.assertEqual(self.tenant, report["tenant_id"])
        self.assertLessEqual(sum(s["ms"] for s in report["stages"]), report["total_ms"] + 100)
        self.assertEqual(["SUCCEEDED", "t", None], self.state_of(report))
        self.assertEqual(["smoke.pdf", "application/pdf", SMOKE.sha256], self.stack.sql(
            "select filename, media_type, encode(sha256, 'hex') from documents"
            f" where tenant_id = '{self.tenant}'")[0])

    def test_again_and_again(self):
        """One document, a job each time, a call to the provider each time."""
        before = self.sim.completions(SMOKE.sha256)
        self.sim.delay(260)  # a look every 250 ms would find the end late
        reports = [self.passed() for _ in range(3)]
        self.assertEqual(3, len({report["job_id"] for report in reports}))
        self.assertLess(min(report["stages"][-1]["ms"] for report in reports), 100)
        self.assertEqual(before + 3, self.sim.completions(SMOKE.sha256))
        self.assertEqual(1, self.stack.value(f"select count(*) from documents where tenant_id = '{self.tenant}'"))

    def test_at_once(self):
        reports = []
        threads = [threading.Thread(target=lambda: reports.append(self.run_smoke().json)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(["passed"] * 4, [r["status"] for r in reports], reports)

    def test_default_tenant(self):
        answer = self.stack.admin("POST", "/admin/smoke/run")
        self.assertEqual(("default", "passed"), (answer.json["tenant_id"], answer.json["status"]))

    def test_operators_own_tenant(self):
        _, key = self.stack.make_key(self.tenant, "operator")
        answer = self.stack.admin("POST", "/admin/smoke/run", key=key)
        self.assertEqual((self.tenant, "passed"), (answer.json["tenant_id"], answer.json["status"]))
        self.assert_problem(self.run_smoke("another", key=key), 403, "wrong_tenant")

    def test_logged(self):
        since = len(self.stack.log_text("admin"))
        name, key = self.stack.make_key(None, "operator")
        report = self.passed(key=key)
        event = self.stack.log("admin", "smoke.run", since)[0]
        self.assertEqual((name, self.tenant, report["job_id"], report["trace_id"], "passed"),
                         tuple(event[k] for k in ("principal", "tenant_id", "job_id", "trace_id", "message")))
        self.assertEqual([["smoke.run", f"job {report['job_id']}", self.tenant]], self.stack.sql(
            f"select action, object, tenant_id from audit_log where actor = '{name}'"))


class CountsNowhere(SmokeCase):
    def test_killed_pilot(self):
        self.stack.reset_pilot()
        self.stack.sql("update pilot_switch set enabled = false")
        self.passed(tenant=PILOT)
        with self.stack.settings("admin", "worker", PILOT_ENABLED=False):
            self.passed(tenant=PILOT)

    def test_pilots_budget(self):
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        with self.stack.settings("full_process", "admin", "worker", PILOT_MAX_INVOICES_PER_HOUR=1):
            for _ in range(2):
                self.passed(tenant=PILOT)
            self.assertEqual(200, self.upload(self.stack.unique_pdf(), tenant=PILOT).status)
            self.assert_problem(self.upload(self.stack.unique_pdf(), tenant=PILOT), 429, "pilot_rate_limited")
            self.passed(tenant=PILOT)

    def test_gauges(self):
        """Beside another job, so that it is seen when both are; the smoke run's is 20 minutes late."""
        def seen(name):
            return wait_for(lambda: float(re.search(rf"(?m)^mizan_{name} (.*)$", self.stack.admin("GET", "/metrics").body.decode())[1]),
                            what=name)
        both = f"update jobs set state = '{{}}', run_at = now() - interval '20 minutes' * smoke::integer{{}} where tenant_id = '{self.tenant}'"
        with self.stack.stopped("worker-1"):
            self.stack.sql(f"select smoke_accept('{self.tenant}', gen_random_uuid(), sha256('%PDF'), 'smoke.pdf', '%PDF', 'smoke-gauges', 'admin');"
                           + both.format("QUEUED", ""))
            accept(self.stack, self.stack.unique_pdf(), self.tenant)
            self.assertLess(seen("queue_oldest_due_seconds"), 600)
            self.assertEqual(1, seen("queue_depth"))
            self.stack.sql(both.format("RUNNING", ", lease_token = gen_random_uuid(), lease_until = now() + interval '1 hour'"))
            self.assertEqual(1, seen("jobs_running"))
            self.stack.sql(both.format("CANCELLED", ", finished_at = now(), lease_token = null, lease_until = null"))

    def test_no_incident(self):
        answer = extraction("smoke")
        answer["tax_inclusive_amount"]["value"] = "9999.00"
        self.sim.answer(SMOKE.sha256, answer)
        self.failed("extract")
        self.assertEqual(0, self.stack.value(f"select count(*) from incidents where tenant_id = '{self.tenant}'"))
        self.assertEqual([["t", None, None]], self.stack.sql(
            "select smoke, incident_id, incident_skipped from invoices"
            f" where tenant_id = '{self.tenant}'"))

    def test_same_document_as_an_upload(self):
        """A client's upload of the very document is no duplicate of a smoke run, nor the other way round."""
        run = self.passed()
        done = self.upload_done(SMOKE)
        self.assertFalse(done["duplicate"])
        self.assertNotEqual(run["job_id"], done["job_id"])
        self.assertEqual([], done["quality"]["flags"])
        self.passed()
        self.assertEqual(done["job_id"], self.upload_done(SMOKE)["job_id"])


class Fails(SmokeCase):
    def test_viewer_and_nobody(self):
        _, key = self.stack.make_key(self.tenant, "viewer")
        self.assert_problem(self.run_smoke(key=key), 403, "read_only")
        self.assert_problem(self.run_smoke(key=False), 401, "missing_api_key")
        self.assert_problem(self.run_smoke(tenant="-"), 400, "invalid_tenant_id")
        self.assertEqual(0, self.stack.value(f"select count(*) from jobs where tenant_id = '{self.tenant}'"))

    def test_no_worker(self):
        with self.stack.stopped("worker-1"):
            detail, report = self.failed("queue")
            self.assertEqual("no worker is alive", detail)
            self.assertEqual("smoke_timeout", report["error"]["code"])
            self.assertLess(report["total_ms"], 8000)
        # It does not run later.
        self.assertEqual(["CANCELLED", "t", "smoke_timeout"], self.state_of(report))
        self.passed()
        self.assertEqual(["CANCELLED", "t", "smoke_timeout"], self.state_of(report))

    def test_provider_refuses_the_document(self):
        self.sim.answer(SMOKE.sha256, {"refusal": "I will not read this."})
        detail, report = self.failed("extract")
        self.assertIn("refusal", detail)
        self.assertEqual("FAILED", self.state_of(report)[0])

    def test_provider_refuses_the_key(self):
        with self.stack.settings("worker", QUOTA_PROBE_SECONDS=300):
            self.sim.fault("unauthorized", count=-1)
            detail, report = self.failed("extract")
            self.assertEqual("unauthorized", report["error"]["code"])
            self.assertRegex(detail, r"the provider is unauthorized until \d{4}-\d\d-\d\dT[0-9:.]+Z$")
            # The next one is not even tried.
            detail, report = self.failed("queue")
            self.assertRegex(detail, r"^the provider is unauthorized until 20")
            self.assertLess(report["total_ms"], 5000)
        self.assertEqual("CANCELLED", self.state_of(report)[0])

    def test_provider_hangs(self):
        with self.stack.settings("admin", SYNC_WAIT_MS=1000):
            self.sim.fault("hang", count=-1)
            detail, report = self.failed("extract")
            self.assertRegex(detail, r"^the provider had not answered after \d+ ms$")
            self.assertGreaterEqual(report["total_ms"], 10000)
        self.assertEqual(["CANCELLED", "t", "smoke_timeout"], self.state_of(report))

    def test_provider_in_trouble_for_a_moment(self):
        self.sim.fault("server_error", count=2)
        self.passed()

    def test_read_wrongly(self):
        answer = extraction("smoke")
        answer["tax_inclusive_amount"]["value"] = "1.20"
        self.sim.answer(SMOKE.sha256, answer)
        detail, report = self.failed("extract")
        self.assertEqual("the total was read as 1.20; the invoice says 120.00", detail)
        self.assertEqual("smoke_wrong_result", report["error"]["code"])
        answer = extraction("smoke")
        answer["lines"][0]["net_amount"] = "90.00"
        self.sim.answer(SMOKE.sha256, answer)
        detail, report = self.failed("audit")
        self.assertEqual("the outcome is mismatch; the invoice adds up exactly", detail)
        self.assertEqual(("mismatch", "smoke_wrong_result"), (report["outcome"], report["error"]["code"]))

    def test_too_many_at_once(self):
        """The endpoint's threads are for others, too."""
        self.sim.delay(2000)
        reports = []
        threads = [threading.Thread(target=lambda: reports.append(self.run_smoke().json)) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: self.sim.stats()["in_flight"] == 4, what="four runs under way")
        self.assert_problem(self.run_smoke(), 409, "smoke_busy")
        for thread in threads:
            thread.join()
        self.assertEqual(["passed"] * 4, [r["status"] for r in reports], reports)
        self.sim.delay(0)
        self.passed()
        self.assertEqual(5, self.stack.value(f"select count(*) from jobs where tenant_id = '{self.tenant}'"))

    def test_foreign_page(self):
        answer = self.run_smoke(headers={"Origin": "https://evil.example"})
        self.assert_problem(answer, 403, "foreign_origin")

    def test_rights_in_the_database(self):
        call = f"select smoke_accept('{self.tenant}', '{uuid.uuid4()}', sha256('x'), 'x', 'x', 't', null, 'x')"
        for role in ("app", "worker"):
            with self.assertRaisesRegex(Exception, "42501"):
                self.stack.sql(call, role=role)

    def test_gives_up_nothing_but_smoke_runs(self):
        with self.stack.stopped("worker-1"):
            job = self.upload(self.stack.unique_pdf(), headers={"Prefer": "respond-async"}).json["job_id"]
            self.stack.sql(f"select smoke_give_up('{self.tenant}', '{job}', 'x')", role="admin")
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job)["status"])
