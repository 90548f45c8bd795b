"""What the provider may answer, each by its name, and the recovery from it (SPEC §2, §4, §5)."""
import datetime
import json
import pathlib
import time
import unittest

from failures import accept, calls_of, gaps_ms, job_row, stopped
from harness import UNSET, Document, StackCase, sample, wait_for

BUDGET = 16384  # OPENAI_MAX_COMPLETION_TOKENS
ATTEMPTS = 3  # JOB_MAX_ATTEMPTS


class ProviderCase(StackCase):
    """Two workers, so that what must hold among them is seen."""
    SETTINGS = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(cls.stack.settings("worker", WORKERS=2, **cls.SETTINGS))

    def setUp(self):
        super().setUp()
        self.stack.wait_ready()
        # What a failed test left in the queue must not meet the next one's trouble.
        self.addCleanup(self.stack.sql, "update jobs set state = 'CANCELLED', finished_at = now(),"
                        " lease_token = null, lease_until = null"
                        f" where state in ('QUEUED', 'RUNNING') and tenant_id = '{self.tenant}'")

    def accept(self, document=None):
        return accept(self.stack, document or self.stack.unique_pdf("mismatch-s2"), self.tenant)

    def assert_succeeds(self, job_id, retries=None):
        """SUCCEEDED, with no attempt used on the way; an ended job never goes on, so that it
        was never FAILED either."""
        job = self.stack.ended_job(job_id, 30)
        self.assertEqual(("SUCCEEDED", None), (job["status"], job["error"]), job)
        self.assertEqual("0", job_row(self.stack, job_id, "attempts"))
        if retries is not None:
            self.assertEqual(str(retries), job_row(self.stack, job_id, "retries"))

    def not_ready(self, reason):
        """Waits until the provider alone makes the service not ready, for that reason."""
        def refused():
            answer = self.stack.ready()
            return answer.json["checks"]["openai_api"].get("reason") == reason and answer
        answer = wait_for(refused, what=f"not ready: {reason}")
        check = answer.json["checks"]["openai_api"]
        self.assertEqual((503, "not_ready", ["openai_api"], "error"),
                         (answer.status, answer.json["status"], answer.json["failing_checks"], check["status"]))
        return datetime.datetime.fromisoformat(check["until"])

    def wait_ready(self):
        def ready():
            answer = self.stack.ready()
            return answer.status == 200 and answer.json
        answer = wait_for(ready, what="ready again")
        self.assertEqual({"status": "ok", "key_configured": True}, answer["checks"]["openai_api"])
        self.assertNotIn("failing_checks", answer)


class RateLimit(ProviderCase):
    def test_not_ready_until_it_is_over(self):
        began = datetime.datetime.now(datetime.timezone.utc)
        self.sim.fault("rate_limit", count=-1, retry_after=1)
        job_id = self.accept()
        until = self.not_ready("rate_limited")
        self.assertLess(abs((until - began).total_seconds()), 10)
        wait_for(lambda: job_row(self.stack, job_id, "retries") != "0", what="the job handed back")
        job = self.stack.job(job_id).json
        self.assertIn(job["status"], ("QUEUED", "RUNNING"))
        self.assertEqual("rate_limited", job["error"]["code"])
        self.sim.clear_faults()
        self.assert_succeeds(job_id)
        self.wait_ready()

    def test_waits_are_honoured(self):
        cases = (
            ("Retry-After", "rate_limit", {"retry_after": 1}, 1000, 2500),
            ("retry-after-ms", "rate_limit", {"retry_after": None, "retry_after_ms": 450}, 450, 1450),
            ("retry-after-ms before Retry-After", "rate_limit", {"retry_after": 30, "retry_after_ms": 450}, 450, 1450),
            ("neither", "rate_limit", {"retry_after": None}, 37, 1000),
            ("slow_down", "slow_down", {"retry_after": None, "retry_after_ms": 300}, 300, 1300),
        )
        for name, kind, options, least, most in cases:
            with self.subTest(name):
                self.stack.tidy()
                self.sim.fault(kind, **options)
                job_id = self.accept()
                self.assert_succeeds(job_id, retries=1)
                self.assertEqual(["rate_limited", "ok"], calls_of(self.stack, job_id))
                (gap,) = gaps_ms(self.stack, job_id)
                self.assertTrue(least <= gap <= most, gap)

    def test_backoff_grows(self):
        self.sim.fault("rate_limit", count=5, retry_after=None)
        job_id = self.accept()
        self.assert_succeeds(job_id, retries=5)
        # 50 ms doubling, less a quarter of jitter at the most
        for gap, wait in zip(gaps_ms(self.stack, job_id), (50, 100, 200, 400, 800)):
            self.assertGreaterEqual(gap, 0.75 * wait - 1)

    def test_one_probe_at_a_time(self):
        self.sim.fault("rate_limit", count=-1, retry_after=None, retry_after_ms=250)
        jobs = [self.accept()]
        self.not_ready("rate_limited")
        jobs += [self.accept() for _ in range(20)]
        self.sim.delay(100)  # long enough for two probes to meet
        before, began = self.calls_begun(), time.monotonic()
        wait_for(lambda: self.calls_begun() >= before + 3, what="three probes")
        # Between their answers lie 250 ms each; the first may have been under way.
        self.assertGreaterEqual(time.monotonic() - began, 0.45)
        self.assertEqual(1, self.sim.stats()["max_in_flight"])
        self.assertEqual("0", self.stack.sql(f"select max(attempts) from jobs where tenant_id = '{self.tenant}'")[0][0])
        self.sim.delay(0)
        self.sim.clear_faults()
        for job_id in jobs:
            self.assert_succeeds(job_id)
        self.wait_ready()

    def calls_begun(self):
        return self.sim.stats()["calls"]

    def test_ready_again_when_nothing_is_left_to_probe_with(self):
        """The killed pilot leaves the service ready (SPEC §2) also when its job met the limit."""
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        self.sim.fault("rate_limit", count=-1, retry_after=1)
        job_id = accept(self.stack, self.stack.unique_pdf(), "pilot")
        self.not_ready("rate_limited")
        self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "test"})
        self.assertEqual("SKIPPED", self.stack.ended_job(job_id)["status"])
        self.wait_ready()


class Refused(ProviderCase):
    """No quota, no valid key: calls stop, but for a probe every QUOTA_PROBE_SECONDS (here 1)."""

    def test_probed_until_it_is_over(self):
        cases = (("insufficient_quota", "quota_exhausted"), ("unauthorized", "unauthorized"))
        for kind, reason in cases:
            with self.subTest(kind):
                self.stack.tidy()
                self.sim.fault(kind, count=-1)
                first = self.accept()
                self.not_ready(reason)
                jobs = [first] + [self.accept() for _ in range(5)]
                before = self.sim.stats()["calls"]
                wait_for(lambda b=before: self.sim.stats()["calls"] > b, what="a probe")
                self.sim.clear_faults()
                for job_id in jobs:
                    self.assert_succeeds(job_id)
                self.assert_one_call_a_second(reason)
                self.wait_ready()

    def assert_one_call_a_second(self, reason):
        """By when it was written down, which is now and then a little later."""
        rows = self.stack.sql("select extract(epoch from created_at) from provider_calls where"
                              f" tenant_id = '{self.tenant}' and outcome = '{reason}' order by id")
        times = [float(at) for (at,) in rows]
        self.assertGreaterEqual(len(times), 2)
        for earlier, later in zip(times, times[1:]):
            self.assertGreaterEqual(later - earlier, 0.9)

    def test_other_names(self):
        cases = (("rate_limit", {"code": "project_spend_limit_exceeded"}, "quota_exhausted"),
                 ("forbidden", {}, "unauthorized"))
        for kind, options, reason in cases:
            with self.subTest(kind, **options):
                self.stack.tidy()
                self.sim.fault(kind, **options)
                job_id = self.accept()
                self.assert_succeeds(job_id, retries=1)
                self.assertEqual([reason, "ok"], calls_of(self.stack, job_id))
                self.assertGreaterEqual(gaps_ms(self.stack, job_id)[0], 1000)


class Unavailable(ProviderCase):
    """Trouble that is nobody's fault uses no attempt, so JOB_MAX_ATTEMPTS of it are borne."""
    SETTINGS = {"OPENAI_TIMEOUT_MS": 400}

    def test_retried(self):
        cases = (
            ("server_error", {}, "provider_http_5xx"),
            ("server_error", {"status": 503, "code": "server_overloaded"}, "provider_http_5xx"),
            ("cut", {}, "provider_connection_cut"),
            ("cut", {"bytes": 10}, "provider_connection_cut"),
            ("not_json", {}, "provider_not_api"),
        )
        for kind, options, reason in cases:
            with self.subTest(kind, **options):
                self.stack.tidy()
                self.sim.fault(kind, count=ATTEMPTS, **options)
                job_id = self.accept()
                self.assert_succeeds(job_id, retries=ATTEMPTS)
                self.assertEqual([reason] * ATTEMPTS + ["ok"], calls_of(self.stack, job_id))
                for gap, wait in zip(gaps_ms(self.stack, job_id), (50, 100, 200)):
                    self.assertGreaterEqual(gap, 0.75 * wait - 1)
                self.assertEqual(200, self.stack.ready().status)

    def test_silence(self):
        for kind in ("hang", "drip"):
            with self.subTest(kind):
                self.stack.tidy()
                self.sim.fault(kind, count=2)
                job_id = self.accept()
                self.assert_succeeds(job_id, retries=2)
                self.assertEqual(["provider_timeout"] * 2 + ["ok"], calls_of(self.stack, job_id))

    def test_retry_after_of_503(self):
        self.sim.fault("server_error", status=503, retry_after=1)
        job_id = self.accept()
        self.assert_succeeds(job_id, retries=1)
        self.assertGreaterEqual(gaps_ms(self.stack, job_id)[0], 1000)

    def test_nobody_there(self):
        with stopped(self.stack, "openai_sim"):
            # Any answer will do: a set one would be lost with the simulator.
            job_id = self.accept(Document(sample("mismatch-s2").read_bytes() + self.tenant.encode()))
            wait_for(lambda: int(job_row(self.stack, job_id, "retries")) >= ATTEMPTS,
                     what="more tries than attempts")
            self.assertEqual(200, self.stack.ready().status)
        self.assert_succeeds(job_id)
        calls = calls_of(self.stack, job_id)
        self.assertEqual({"provider_connection"}, set(calls[:-1]))
        self.assertEqual("ok", calls[-1])


class Unreadable(ProviderCase):
    """What the provider cannot make of a document is the document's fault (SPEC §4, §5)."""
    KINDS = (
        ("bad_request", "provider_rejected_document", 400),
        ("refusal", "refusal", 200),
        ("content_filter", "content_filter", 200),
        ("broken_json", "invalid_reply", 200),
        ("schema_violation", "invalid_reply", 200),
        ("confidence_out_of_range", "invalid_reply", 200),
        ("huge", "reply_too_large", 200),
    )

    def test_fails_after_its_attempts(self):
        for kind, reason, status in self.KINDS:
            with self.subTest(kind):
                document = self.stack.unique_pdf("mismatch-s2")
                self.sim.fault(kind, count=ATTEMPTS, sha256=document.sha256)
                self.assert_failed(self.upload_done(document), reason)
                self.assertEqual(ATTEMPTS, self.sim.calls(document.sha256))
                rows = self.stack.sql("select c.outcome, c.http_status from provider_calls c"
                                      f" where c.tenant_id = '{self.tenant}' order by c.id desc limit {ATTEMPTS}")
                self.assertEqual([[reason, str(status)]] * ATTEMPTS, rows)
        self.assertEqual(200, self.stack.ready().status)

    def assert_failed(self, job, reason):
        self.assertEqual(("FAILED", reason), (job["status"], job["error"]["code"]), job)
        self.assertTrue(job["error"]["detail"])
        self.assertEqual("failed", job["audit"]["outcome"])
        self.assertIsNone(job["extraction"])
        self.assertEqual((50, ["EXTRACTION_FAILED"]), (job["quality"]["score"], job["quality"]["flags"]))
        incident = job["incident"]
        self.assertEqual(("S1", "EXTRACTION", "EXTRACTION_FAILED", 1),
                         (incident["severity"], incident["category"], incident["primary_flag"],
                          incident["occurrence_count"]))
        self.assertEqual(str(ATTEMPTS), job_row(self.stack, job["job_id"], "attempts"))

    def test_read_on_the_last_attempt(self):
        document = self.stack.unique_pdf("electricity-exact")
        self.sim.fault("broken_json", count=ATTEMPTS - 1, sha256=document.sha256)
        job = self.upload_done(document)
        self.assertEqual(("SUCCEEDED", None, "exact", None),
                         (job["status"], job["error"], job["audit"]["outcome"], job["incident"]))
        self.assertEqual(str(ATTEMPTS - 1), job_row(self.stack, job["job_id"], "attempts"))

    def test_cut_answer_gets_twice_the_budget(self):
        document = self.stack.unique_pdf("electricity-exact")
        self.sim.fault("length", below=BUDGET + 1, count=-1, sha256=document.sha256)
        job = self.upload_done(document)
        self.assertEqual(("SUCCEEDED", "exact"), (job["status"], job["audit"]["outcome"]))
        self.assertEqual(2 * BUDGET, self.sim.stats()["last_max_completion_tokens"])
        self.assertEqual(["length", "ok"], calls_of(self.stack, job["job_id"]))
        self.assertEqual(["0", "0"], job_row(self.stack, job["job_id"], "attempts", "retries"))

    def test_cut_twice(self):
        document = self.stack.unique_pdf("electricity-exact")
        self.sim.fault("length", count=-1, sha256=document.sha256)
        job = self.upload_done(document)
        self.assert_failed(job, "length")
        self.assertEqual(2 * ATTEMPTS, self.sim.calls(document.sha256))
        self.assertEqual(["length"] * 2 * ATTEMPTS, calls_of(self.stack, job["job_id"]))

    def test_memory_stays_bounded(self):
        """An answer of 50 MB is not taken in."""
        self.upload_done(self.stack.unique_pdf("mismatch-s2"))
        before = self.peak_kb()
        document = self.stack.unique_pdf("mismatch-s2")
        self.sim.fault("huge", sha256=document.sha256)
        self.assertEqual("SUCCEEDED", self.upload_done(document)["status"])
        self.assertLess(self.peak_kb() - before, 40 * 1024)
        self.assertEqual(4 << 20, self.stack.value(
            f"select max(length(reply)) from provider_calls where tenant_id = '{self.tenant}'"))

    def peak_kb(self):
        """Of both workers: the most memory that they ever held."""
        pids = [self.stack.pid(name) for name in ("worker-1", "worker-2")]
        lines = [line for pid in pids for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


class Records(ProviderCase):
    def test_answers_are_kept_as_they_came(self):
        """ARCHITECTURE: a replay after a rule change never pays the provider twice."""
        job = self.upload_done(self.stack.unique_pdf("mismatch-s2"))
        ((outcome, status, request_id, model, prompt, completion, reply),) = self.stack.sql(
            "select outcome, http_status, request_id, model, prompt_tokens, completion_tokens,"
            f" convert_from(reply, 'UTF8') from provider_calls where job_id = '{job['job_id']}'")
        raw = json.loads(reply)
        self.assertEqual(("ok", "200", job["model"]), (outcome, status, model))
        self.assertTrue(request_id.startswith("req_"), request_id)
        self.assertEqual([raw["usage"]["prompt_tokens"], raw["usage"]["completion_tokens"]],
                         [int(prompt), int(completion)])
        self.assertEqual(job["extraction"], json.loads(raw["choices"][0]["message"]["content"]))
        (finished,) = [e for name in ("worker-1", "worker-2") for e in self.stack.log(name, "job.succeeded")
                       if e["job_id"] == job["job_id"]]
        self.assertEqual(request_id, finished["request_id"])


class NoKey(ProviderCase):
    # Another address than the simulator's, for which scripts/stack has no key.
    SETTINGS = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_API_KEY": UNSET}

    def openai_check(self, status):
        """Once the workers without a key were heard of."""
        def seen():
            answer = self.stack.ready()
            return not answer.json["checks"]["openai_api"]["key_configured"] and answer
        answer = wait_for(seen, what="no key")
        self.assertEqual(status, answer.status, answer)
        return answer.json

    def test_development_warns(self):
        answer = self.openai_check(200)
        self.assertEqual({"status": "warning", "key_configured": False, "reason": "no_key"},
                         answer["checks"]["openai_api"])

    def test_staging_is_not_ready(self):
        with self.stack.settings("health", ENV="staging"):
            answer = self.openai_check(503)
        self.assertEqual(["openai_api"], answer["failing_checks"])
        self.assertEqual({"status": "error", "key_configured": False, "reason": "no_key"},
                         answer["checks"]["openai_api"])

    def test_jobs_wait_for_a_key(self):
        job_id = self.accept()
        self.assertEqual("QUEUED", self.stack.job(job_id).json["status"])
        with self.stack.settings("worker", OPENAI_BASE_URL=UNSET):
            self.assert_succeeds(job_id, retries=0)
        self.stack.restart("worker", **self.SETTINGS)


if __name__ == "__main__":
    unittest.main()
