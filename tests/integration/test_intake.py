"""POST /full-process and GET /jobs/{id}: what an upload becomes (SPEC §3, §5, §6)."""
import concurrent.futures
import json
import re
import shutil
import subprocess
import tempfile
import unittest
import uuid

import cii
from harness import (DATA, EXPECTED, PILOT, ROOT, Document, StackCase, extraction, fresh_tenant,
                     multipart, wait_for)

SHARED_INVOICES = ROOT.parent / "shared" / "invoices"

# SPEC §3, "these names exactly".
RESULT = {"job_id", "tenant_id", "status", "trace_id", "duplicate", "document", "extraction", "audit", "quality",
          "incident", "incident_skipped", "timings", "model", "error"}
DOCUMENT = {"sha256", "media_type", "bytes", "filename"}
AUDIT = {"outcome", "stated", "computed", "delta", "ratio", "severity", "suspect_reason", "action_hint"}
HINT = {"action_class", "primary_suspect", "recommended_checks", "confidence_note"}
QUALITY = {"score", "grade", "flags", "flag_details"}
FLAG = {"code", "severity", "message", "deduction"}
INCIDENT = {"id", "severity", "category", "status", "primary_flag", "secondary_flags", "occurrence_count"}
TIMINGS = {"queue_ms", "extraction_ms", "pipeline_total_ms"}
ASYNC = {"Prefer": "respond-async"}


def together(n, function):
    """function(0) … function(n-1) at once; their results in order."""
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(function, range(n)))


class Result(StackCase):
    """200 with the whole result, under the specification's names."""

    def assert_names(self, names, value):
        self.assertEqual(sorted(names), sorted(value))

    def test_exact(self):
        document = self.stack.unique_pdf("electricity-exact")
        answer = self.upload(document)
        self.assertEqual(200, answer.status, answer)
        self.assertEqual(f"/jobs/{answer.json['job_id']}", answer.headers["Location"])
        done = answer.json
        self.assert_names(RESULT, done)
        self.assert_names(DOCUMENT, done["document"])
        self.assert_names(AUDIT, done["audit"])
        self.assert_names(QUALITY, done["quality"])
        self.assert_names(TIMINGS, done["timings"])
        self.assertEqual((self.tenant, "SUCCEEDED", False, answer.headers["X-Trace-Id"]),
                         (done["tenant_id"], done["status"], done["duplicate"], done["trace_id"]))
        self.assertEqual({"sha256": document.sha256, "media_type": "application/pdf",
                          "bytes": len(document.content), "filename": "electricity-exact.pdf"}, done["document"])
        self.assertEqual((None, None, None), (done["incident"], done["incident_skipped"], done["error"]))
        self.assertEqual((100, "OK", [], []), tuple(done["quality"][k] for k in ("score", "grade", "flags", "flag_details")))
        self.assertEqual("gpt-4.1", done["model"])
        for name, ms in done["timings"].items():
            self.assertTrue(isinstance(ms, int) and 0 <= ms < 60000, name)

    def test_mismatch(self):
        done = self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        self.assert_names(HINT, done["audit"]["action_hint"])
        self.assert_names(INCIDENT, done["incident"])
        self.assertEqual(("S1", "TOTALS", "OPEN", "INVOICE_TOTAL_MISMATCH", [], 1),
                         tuple(done["incident"][k] for k in ("severity", "category", "status", "primary_flag",
                                                             "secondary_flags", "occurrence_count")))
        self.assertEqual(["INVOICE_TOTAL_MISMATCH"], done["quality"]["flags"])
        self.assert_names(FLAG, done["quality"]["flag_details"][0])
        self.assertEqual((75, 25), (done["quality"]["score"], done["quality"]["flag_details"][0]["deduction"]))
        self.assertIn(len(done["audit"]["action_hint"]["recommended_checks"]), range(1, 6))

    def test_extraction_has_the_form(self):
        """SPEC §5: every name, also of values that the document does not have."""
        document = self.stack.unique_pdf("services-en-exact", same_invoice=True)
        self.assertEqual(extraction("services-en-exact"), self.upload_done(document)["extraction"])

    def test_money_has_two_decimals(self):
        """SPEC §1: never the product of binary floating point."""
        answer = self.upload(self.stack.unique_pdf("rounding"))
        audit = re.search(rb'"audit":\s*(\{.*?\})', answer.body).group(1)
        for name in (b"stated", b"computed", b"delta"):
            self.assertRegex(audit, rb'"%s":\s*-?\d+(\.\d{1,2})?[,}]' % name)
        self.assertRegex(audit, rb'"ratio":\s*\d+(\.\d{1,4})?[,}]')

    def test_get_job_is_the_same(self):
        done = self.upload_done(self.stack.unique_pdf("mismatch-s2"))
        answer = self.stack.job(done["job_id"])
        self.assertEqual((200, done), (answer.status, answer.json))

    def test_image_types(self):
        """By their own magic, whatever the client claims."""
        for name, kind in (("scan-exact.png", "image/png"), ("photo-exact.jpg", "image/jpeg"),
                           ("photo-en-exact.webp", "image/webp"), ("minor.pdf", "application/pdf")):
            with self.subTest(name=name):
                done = self.upload_done(DATA / name, filename="file.bin")
                self.assertEqual((kind, "SUCCEEDED"), (done["document"]["media_type"], done["status"]))

    def test_failed_document(self):
        """A document that cannot be read fails its job and opens an incident (SPEC §4)."""
        document = self.stack.unique_pdf("unreadable")
        done = self.upload_done(document)
        self.assertEqual(("FAILED", "failed", None), (done["status"], done["audit"]["outcome"], done["extraction"]))
        self.assertEqual({"code", "detail"}, set(done["error"]))
        self.assertEqual(("S1", "EXTRACTION", "EXTRACTION_FAILED"),
                         tuple(done["incident"][k] for k in ("severity", "category", "primary_flag")))
        self.assertEqual((50, "CHECK"), (done["quality"]["score"], done["quality"]["grade"]))
        self.assertEqual(3, self.sim.calls(document.sha256))  # JOB_MAX_ATTEMPTS


class Documents(StackCase):
    """Every sample of tests/data/invoices has the outcome that expected.json names (SPEC §6)."""

    def judged(self, done):
        audit = done["audit"]
        hint = audit["action_hint"] or {"action_class": None}
        return {"outcome": audit["outcome"], "severity": audit["severity"], "delta": audit["delta"],
                "suspect_reason": audit["suspect_reason"], "action_class": hint["action_class"]}

    def test_expected(self):
        for name, expected in json.loads(EXPECTED.read_text()).items():
            with self.subTest(name=name):
                self.assertEqual(expected, self.judged(self.upload_done(DATA / name)))


@unittest.skipUnless(SHARED_INVOICES.is_dir(), "no ../shared/invoices")
@unittest.skipUnless(cii.available(), "no pdfdetach (poppler-utils)")
class RealInvoices(StackCase):
    """Invoices as issuers send them: what their own XML says adds up exactly."""

    def read(self, path, **options):
        """The upload's result, the embedded XML standing for a perfect reader."""
        xml = cii.embedded_xml(path)
        self.assertIsNotNone(xml, "no embedded XML")
        document = Document(path.read_bytes(), path.name)
        self.sim.answer(document.sha256, cii.Cii(xml, **options).extraction())
        return self.upload_done(document)

    def assert_exact(self, done):
        self.assertEqual(("exact", 0), (done["audit"]["outcome"], done["audit"]["delta"]), done["audit"])
        for flag in ("TAX_MISMATCH", "MISSING_FIELDS", "TOTAL_MISSING"):
            self.assertNotIn(flag, done["quality"]["flags"])

    def paths(self):
        paths = sorted(SHARED_INVOICES.glob("*.pdf"))
        self.assertTrue(paths)
        return paths

    def test_every_one_is_exact(self):
        for path in self.paths():
            with self.subTest(name=path.name):
                self.assert_exact(self.read(path))

    def test_as_a_credit_note(self):
        """The same with every amount negative (SPEC §6), as a credit note for the whole of it."""
        for path in self.paths():
            with self.subTest(name=path.name):
                done = self.read(path, credit_note=True)
                self.assert_exact(done)
                self.assertLess(done["audit"]["stated"], 0)


class Async(StackCase):
    """202 at once, or after SYNC_WAIT_MS; the result is fetched later."""

    def assert_accepted(self, answer):
        self.assertEqual(202, answer.status, answer)
        self.assertEqual(RESULT, set(answer.json))
        self.assertEqual(f"/jobs/{answer.json['job_id']}", answer.headers["Location"])
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertIn(answer.json["status"], ("QUEUED", "RUNNING"))
        for name in ("extraction", "audit", "quality", "incident", "model", "error"):
            self.assertIsNone(answer.json[name], name)

    def test_prefer_respond_async(self):
        for prefer in ("respond-async", "Respond-Async", "wait=10, respond-async"):
            with self.subTest(prefer=prefer):
                answer = self.upload(self.stack.unique_pdf(), headers={"Prefer": prefer})
                self.assert_accepted(answer)
                done = self.stack.ended_job(answer.json["job_id"])
                self.assertEqual(("SUCCEEDED", "exact"), (done["status"], done["audit"]["outcome"]))
                self.assertEqual(answer.json["document"], done["document"])

    def test_unfinished_job_says_when_to_ask_again(self):
        self.sim.delay(1000)
        answer = self.upload(self.stack.unique_pdf(), headers=ASYNC)
        seen = self.stack.job(answer.json["job_id"])
        self.assertEqual(200, seen.status)
        self.assertIn(seen.json["status"], ("QUEUED", "RUNNING"))
        self.assertGreaterEqual(int(seen.headers["Retry-After"]), 1)
        self.stack.ended_job(answer.json["job_id"])

    def test_wait_that_passes(self):
        self.sim.delay(1500)
        with self.stack.settings("full_process", SYNC_WAIT_MS=300):
            answer = self.upload(self.stack.unique_pdf())
            self.assert_accepted(answer)
            self.assertEqual("SUCCEEDED", self.stack.ended_job(answer.json["job_id"])["status"])

    def test_client_may_wait_less(self):
        self.sim.delay(1500)
        self.assert_accepted(self.upload(self.stack.unique_pdf(), headers={"Prefer": "wait=0"}))

    def test_waiting_holds_no_connection(self):
        """More waiting clients than the pool has connections (8), and the rest is served."""
        self.sim.delay(1500)
        documents = [self.stack.unique_pdf() for _ in range(40)]
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            waiting = [pool.submit(self.upload, d) for d in documents]
            wait_for(lambda: self.sim.stats()["in_flight"] >= 20, what="calls in flight")
            self.assertEqual(404, self.stack.get("/jobs/00000000-0000-4000-8000-000000000000").status)
            self.assertEqual({200}, {f.result().status for f in waiting})


class Duplicates(StackCase):
    """The same bytes are one document and one job (SPEC §3)."""

    def test_again(self):
        document = self.stack.unique_pdf()
        first = self.upload_done(document)
        again = self.upload_done(document, filename="another-name.pdf")
        self.assertEqual((False, True), (first["duplicate"], again["duplicate"]))
        self.assertEqual(first | {"duplicate": True}, again)
        self.assertEqual(1, self.sim.calls(document.sha256))

    def test_while_the_first_is_in_work(self):
        self.sim.delay(800)
        document = self.stack.unique_pdf()
        first = self.upload(document, headers=ASYNC)
        again = self.upload_done(document)
        self.assertEqual((first.json["job_id"], True), (again["job_id"], again["duplicate"]))
        self.assertEqual(1, self.sim.calls(document.sha256))

    def test_at_once(self):
        document = self.stack.unique_pdf()
        done = together(20, lambda _: self.upload_done(document))
        self.assertEqual(1, len({d["job_id"] for d in done}))
        self.assertEqual(1, sum(not d["duplicate"] for d in done))
        self.assertEqual(1, self.sim.calls(document.sha256))
        self.assertEqual(1, self.stack.value("select count(*) from jobs", "app", self.tenant))

    def test_force(self):
        document = self.stack.unique_pdf()
        first = self.upload_done(document)
        forced = self.upload_done(document, query={"force": "true"})
        self.assertNotEqual(first["job_id"], forced["job_id"])
        self.assertFalse(forced["duplicate"])
        self.assertEqual(2, self.sim.calls(document.sha256))
        self.assertEqual(forced["job_id"], self.upload_done(document)["job_id"])
        self.assertEqual(1, self.stack.value("select count(*) from documents", "app", self.tenant))

    def test_force_must_be_a_truth(self):
        answer = self.upload(self.stack.unique_pdf(), query={"force": "perhaps"})
        self.assert_problem(answer, 400, answer.json["code"])

    def test_in_another_tenant(self):
        """Whether somebody else sent the same bytes must not show."""
        document = self.stack.unique_pdf()
        first = self.upload_done(document)
        other = self.upload_done(document, tenant=fresh_tenant("other"))
        self.assertNotEqual(first["job_id"], other["job_id"])
        self.assertFalse(other["duplicate"])


class Idempotency(StackCase):
    """The Idempotency-Key header (SPEC §3)."""

    def setUp(self):
        super().setUp()
        self.key = {"Idempotency-Key": f"key-{uuid.uuid4()}"}

    def test_same_file(self):
        document = self.stack.unique_pdf()
        first = self.upload_done(document, headers=self.key)
        again = self.upload_done(document, headers=self.key)
        self.assertEqual((first["job_id"], True), (again["job_id"], again["duplicate"]))

    def test_other_file(self):
        self.upload_done(self.stack.unique_pdf(), headers=self.key)
        other = self.stack.unique_pdf()
        self.assert_problem(self.upload(other, headers=self.key), 422, "idempotency_key_reused")
        self.assertEqual(0, self.sim.calls(other.sha256))

    def test_other_tenant(self):
        first = self.upload_done(self.stack.unique_pdf(), headers=self.key)
        other = self.upload_done(self.stack.unique_pdf(), headers=self.key, tenant=fresh_tenant("other"))
        self.assertNotEqual(first["job_id"], other["job_id"])

    def test_force_happens_once(self):
        document = self.stack.unique_pdf()
        first = self.upload_done(document)
        forced = self.upload_done(document, headers=self.key, query={"force": "true"})
        again = self.upload_done(document, headers=self.key, query={"force": "true"})
        self.assertNotEqual(first["job_id"], forced["job_id"])
        self.assertEqual((forced["job_id"], True), (again["job_id"], again["duplicate"]))
        self.assertEqual(2, self.sim.calls(document.sha256))

    def test_forced_at_once(self):
        document = self.stack.unique_pdf()
        done = together(10, lambda _: self.upload_done(document, headers=self.key, query={"force": "true"}))
        self.assertEqual(1, len({d["job_id"] for d in done}))
        self.assertEqual(1, self.sim.calls(document.sha256))

    def test_different_files_at_once(self):
        documents = [self.stack.unique_pdf() for _ in range(10)]
        answers = together(10, lambda i: self.upload(documents[i], headers=self.key))
        self.assertEqual([200] + 9 * [422], sorted(a.status for a in answers))
        self.assertEqual(1, self.stack.value("select count(*) from documents", "app", self.tenant))

    def test_quoted_is_the_same_key(self):
        document = self.stack.unique_pdf()
        quoted = {"Idempotency-Key": f'"{self.key["Idempotency-Key"]}"'}
        self.upload_done(document, headers=self.key)
        self.assert_problem(self.upload(self.stack.unique_pdf(), headers=quoted), 422, "idempotency_key_reused")

    def test_invalid(self):
        for key in ("", "a b", "x" * 256, '"', '""', 'a"b', "ş".encode(), "a\tb"):
            with self.subTest(key=key):
                answer = self.upload(self.stack.unique_pdf(), headers={"Idempotency-Key": key})
                self.assert_problem(answer, 400, "invalid_idempotency_key")

    def test_longest(self):
        self.upload_done(self.stack.unique_pdf(), headers={"Idempotency-Key": "k" * 255})


class FileNames(StackCase):
    """Names from strangers come back clean: never a path, nothing that tricks the eye."""
    CASES = (
        ("fatura ığüşöçİĞ.pdf", "fatura ığüşöçİĞ.pdf"),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("/var/www/a.pdf", "a.pdf"),
        (r"C:\faturalar\ocak.pdf", "ocak.pdf"),
        (r"a\"b.pdf", 'a"b.pdf'),
        ("a%22b.pdf", 'a"b.pdf'),
        ("a%0D%0AX-Evil: 1.pdf", "aX-Evil: 1.pdf"),
        ("\u202efdp.exe", "fdp.exe"),
        ("a\u2066b\u2069\u200fc.pdf", "abc.pdf"),
        ("  a.pdf  ", "a.pdf"),
        ("", "document"),
        ("..", "document"),
        ("/", "document"),
        ("<script>alert(1)<script>.pdf", "<script>alert(1)<script>.pdf"),
        ("'; drop table jobs; --.pdf", "'; drop table jobs; --.pdf"),
        (b"a\xff\xfeb.pdf", "a\ufffd\ufffdb.pdf"),
    )

    def name_of(self, sent):
        answer = self.upload(self.stack.unique_pdf(), filename=sent, headers=ASYNC)
        self.assertEqual(202, answer.status, answer)
        stored = self.stack.job(answer.json["job_id"]).json["document"]["filename"]
        self.assertEqual(answer.json["document"]["filename"], stored)
        return stored

    def test_clean(self):
        for sent, expected in self.CASES:
            with self.subTest(sent=sent):
                self.assertEqual(expected, self.name_of(sent))

    def test_long(self):
        name = self.name_of("ş" * 400 + ".pdf")
        self.assertIn(len(name.encode()), range(200, 256))
        self.assertTrue(set(name) <= set("ş.pdf"), name)


class Transport(StackCase):
    """Ways that a body may come in."""

    def test_chunked(self):
        document = self.stack.unique_pdf()
        body, kind = multipart(document.content)
        chunks = (body[i:i + 5000] for i in range(0, len(body), 5000))
        answer = self.stack.request("POST", "/full-process", chunks, self.stack.key_header() | {"Content-Type": kind},
                                    {"tenant_id": self.tenant})
        self.assertEqual((200, document.sha256), (answer.status, answer.json["document"]["sha256"]))

    def test_other_fields_beside_the_file(self):
        document = self.stack.unique_pdf()
        body, kind = multipart(document.content)
        note = b'------mizan-test-boundary\r\nContent-Disposition: form-data; name="note"\r\n\r\nx\r\n'
        answer = self.stack.request("POST", "/full-process", note + body,
                                    self.stack.key_header() | {"Content-Type": kind}, {"tenant_id": self.tenant})
        self.assertEqual((200, document.sha256), (answer.status, answer.json["document"]["sha256"]))

    def test_boundary_within_the_content(self):
        """A line that only looks like the delimiter is content."""
        document = Document(b"%PDF-1.4\n------mizan-test-boundar\n--\r\n----mizan-test-boundary\n" + uuid.uuid4().bytes)
        self.sim.answer(document.sha256, extraction("electricity-exact"))
        self.assertEqual(document.sha256, self.upload_done(document)["document"]["sha256"])

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_the_pilots_own_command(self):
        """As the runbook writes it (over HTTP/2)."""
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
            file.write(self.stack.unique_pdf().content)
            file.flush()
            done = subprocess.run(
                ["curl", "-sS", "-X", "POST", f"{self.stack.url}/full-process?tenant_id={PILOT}",
                 "-H", f"X-API-Key: {self.stack.api_key}", "-F", f"file=@{file.name}"],
                capture_output=True, text=True, check=True,
                env={"PATH": "/usr/bin:/bin", "CURL_CA_BUNDLE": self.stack.env["CURL_CA_BUNDLE"]})
        result = json.loads(done.stdout)
        self.assertEqual((PILOT, "exact"), (result["tenant_id"], result["audit"]["outcome"]))


if __name__ == "__main__":
    unittest.main()
