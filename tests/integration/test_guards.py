"""Who is refused, in which order, and how (SPEC §1, §3): the application's problems and nginx's."""
import contextlib
import json
import pathlib
import re
import socket
import ssl
import unittest

from harness import PILOT, Answer, Document, StackCase, multipart, wait_for

MAX_UPLOAD = 10485760
PDF = b"%PDF-1.4\n"


def pdf_of(size):
    """A document of exactly that many bytes."""
    return Document(PDF + b" " * (size - len(PDF)))


class Order(StackCase):
    """SPEC §3: the first guard that fails answers, whatever else is wrong."""

    def refused(self, status, code, body=None, tenant="-", key=None, kind=None):
        headers = self.stack.key_header(key) | ({"Content-Type": kind} if kind else {})
        answer = self.stack.request("POST", "/full-process", body, headers, {"tenant_id": tenant})
        self.assert_problem(answer, status, code)
        return answer

    def test_key_before_all(self):
        self.refused(401, "missing_api_key", key=False)
        answer = self.refused(401, "invalid_api_key", key="mz_nobody")
        self.assertIn("ApiKey", answer.headers["WWW-Authenticate"])

    def test_tenant_of_the_key_before_its_form(self):
        _, key = self.stack.make_key(self.tenant)
        self.refused(403, "wrong_tenant", key=key, tenant="-")
        self.refused(403, "wrong_tenant", key=key, tenant="another")

    def test_tenant_before_the_body(self):
        for bad in ("-", "_x", "A", "a b", "a.b", "a/b", "ş", "a" * 64, "", "a\x00b", "a;drop"):
            with self.subTest(tenant=bad):
                self.refused(400, "invalid_tenant_id", tenant=bad)

    def test_longest_tenant_is_fine(self):
        self.refused(400, "no_file", tenant="a" * 63)

    def test_default_tenant(self):
        done = self.upload_done(self.stack.unique_pdf(), tenant=None)
        self.assertEqual("default", done["tenant_id"])

    def test_pilot_switch_before_the_body(self):
        self.stack.reset_pilot()
        self.stack.sql("update pilot_switch set enabled = false")
        self.refused(403, "pilot_disabled", tenant=PILOT)
        body, kind = multipart(pdf_of(MAX_UPLOAD + 1).content)
        self.refused(403, "pilot_disabled", body, PILOT, kind=kind)

    def test_body_before_the_pilots_limit(self):
        self.fill_pilot_hour()
        for content, status, code in ((b"", 400, "empty_file"), (b"MZ text", 415, "unsupported_file_type")):
            body, kind = multipart(content)
            self.refused(status, code, body, PILOT, kind=kind)
        body, kind = multipart(self.stack.unique_pdf().content)
        answer = self.refused(429, "pilot_rate_limited", body, PILOT, kind=kind)
        # The oldest of the fifty leaves the hour a minute from now.
        self.assertIn(int(answer.headers["Retry-After"]), range(30, 61))

    def test_refused_by_the_limit_leaves_nothing(self):
        self.fill_pilot_hour()
        document = self.stack.unique_pdf()
        self.assert_problem(self.upload(document, tenant=PILOT), 429, "pilot_rate_limited")
        self.assertEqual(0, self.stack.value(
            f"select count(*) from documents where sha256 = '\\x{document.sha256}'"))

    def fill_pilot_hour(self):
        """Fifty pilot jobs of 59 minutes ago."""
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        self.stack.sql(
            "with d as (insert into documents (tenant_id, sha256, media_type, bytes, filename, content)"
            " values ('pilot', sha256('x'), 'application/pdf', 1, 'x', 'x') returning id)"
            " insert into jobs (tenant_id, document_id, state, trace_id, created_at, finished_at)"
            " select 'pilot', d.id, 'SUCCEEDED', 'x', now() - interval '59 minutes', now()"
            " from d, generate_series(1, 50)")


class Body(StackCase):
    """The file itself: 400, 413, 415."""

    def post(self, body, kind):
        headers = self.stack.key_header() | ({"Content-Type": kind} if kind else {})
        return self.stack.request("POST", "/full-process", body, headers, {"tenant_id": self.tenant})

    def test_not_a_form(self):
        content = self.stack.unique_pdf().content
        cases = (
            (b"", None, 400, "no_file"),
            (b"", "multipart/form-data; boundary=x", 400, "no_file"),
            (content, "application/pdf", 415, "invalid_content_type"),
            (b"{}", "application/json", 415, "invalid_content_type"),
            (b"file=x", "application/x-www-form-urlencoded", 415, "invalid_content_type"),
            (content, "multipart/form-data", 400, "invalid_multipart"),
            (multipart(content)[0][:-8], multipart(b"")[1], 400, "invalid_multipart"),
            (b"no delimiter", multipart(b"")[1], 400, "invalid_multipart"),
        )
        for body, kind, status, code in cases:
            with self.subTest(kind=kind, code=code):
                self.assert_problem(self.post(body, kind), status, code)

    def test_field_of_another_name(self):
        self.assert_problem(self.post(*multipart(PDF, field="invoice")), 400, "no_file")

    def test_two_files(self):
        one, kind = multipart(PDF)
        self.assert_problem(self.post(one[:one.rindex(b"--")] [:-len(b"\r\n----mizan-test-boundary")]
                                      + b"\r\n" + one, kind), 400, "duplicate_file")

    def test_empty(self):
        self.assert_problem(self.upload(b""), 400, "empty_file")

    def test_by_content_not_by_claim(self):
        for content in (b"hello", b"GIF89a....", b"PK\x03\x04", b"<html>", b"%PD", b"RIFF\0\0\0\0WAVE"):
            with self.subTest(content=content):
                answer = self.upload(content, filename="invoice.pdf")
                self.assert_problem(answer, 415, "unsupported_file_type")

    def test_exactly_the_limit(self):
        document = pdf_of(MAX_UPLOAD)
        done = self.upload_done(document)
        self.assertEqual((MAX_UPLOAD, document.sha256),
                         (done["document"]["bytes"], done["document"]["sha256"]))

    def test_one_byte_more(self):
        answer = self.upload(pdf_of(MAX_UPLOAD + 1))
        self.assert_problem(answer, 413, "file_too_large")
        self.assertEqual(413, self.access(answer)["upstream_status"])

    def test_far_more(self):
        answer = self.upload(pdf_of(3 * MAX_UPLOAD))
        self.assert_problem(answer, 413, "file_too_large")
        self.assertIsNone(self.access(answer)["upstream_status"])
        self.assertIn(str(MAX_UPLOAD), answer.json["detail"])

    def access(self, answer):
        """nginx's log line of that request."""
        trace = answer.headers["X-Trace-Id"]
        return wait_for(lambda: next((e for e in self.stack.log("access", "access")
                                      if e["trace_id"] == trace), None), what="the access log")


class Routes(StackCase):
    """404 and 405 with Allow (SPEC §1)."""

    def test_unknown_path(self):
        for path in ("/", "/nothing", "/full-process/", "/full-processx", "/jobs", "/health/x", "/health/ready/x",
                     "/HEALTH", "//health", "/.git/config", "/_problem", "/_admin_page"):
            with self.subTest(path=path):
                self.assert_problem(self.stack.get(path), 404, "not_found")

    def test_unknown_to_the_application(self):
        job = "00000000-0000-4000-8000-000000000000"
        for path, code in (("/jobs/", "not_found"), (f"/jobs/{job}/x", "not_found"), (f"/jobs/{job}", "job_not_found"),
                           ("/jobs/1", "job_not_found"), ("/jobs/%27%20or%201=1", "job_not_found")):
            with self.subTest(path=path):
                self.assert_problem(self.stack.get(path), 404, code)
        self.assert_problem(self.stack.admin("GET", "/admin/nothing"), 404, "not_found")

    def test_method(self):
        job = "/jobs/00000000-0000-4000-8000-000000000000"
        cases = (("GET", "/full-process", {"POST"}), ("PUT", "/full-process", {"POST"}),
                 ("DELETE", job, {"GET"}), ("POST", job, {"GET"}),
                 ("PUT", "/admin/config", {"GET"}), ("DELETE", "/admin/pilot", {"GET", "PUT"}),
                 ("POST", "/health", {"GET", "HEAD"}), ("DELETE", "/health/ready", {"GET", "HEAD"}))
        for method, path, allowed in cases:
            with self.subTest(method=method, path=path):
                headers = self.stack.key_header() | {"X-Admin-Key": self.stack.admin_key}
                answer = self.stack.request(method, path, None, headers)
                self.assert_problem(answer, 405, "method_not_allowed")
                self.assertEqual(allowed - {"HEAD"}, set(re.split(", *", answer.headers["Allow"])) - {"HEAD"})

    def test_keys_of_jobs(self):
        job = self.upload_done(self.stack.unique_pdf())["job_id"]
        self.assert_problem(self.stack.job(job, key=False), 401, "missing_api_key")
        self.assert_problem(self.stack.job(job, key="wrong"), 401, "invalid_api_key")
        self.assert_problem(self.stack.job(job, key=self.stack.admin_key), 401, "invalid_api_key")


class TraceId(StackCase):
    """Every answer carries X-Trace-Id; a client's own is kept where it is harmless."""

    def trace_of(self, sent):
        answer = self.stack.get("/jobs/1", headers={"X-Trace-Id": sent})
        self.assert_problem(answer, 404, "job_not_found")
        return answer.json["trace_id"]

    def test_kept(self):
        for sent in ("abcd1234", "4bf92f3577b34da6a3ce929d0e0e4736", "a-b_C-9" * 9, "Z" * 64):
            with self.subTest(sent=sent):
                self.assertEqual(sent, self.trace_of(sent))

    def test_replaced(self):
        for sent in ("short", "x" * 65, "abcd 1234", 'abcd"1234', "abcd1234\\n", "<b>abcd1234", "abcd;1234", "",
                     "abcdéfgh".encode()):
            with self.subTest(sent=sent):
                self.assertRegex(self.trace_of(sent), "^[0-9a-f]{32}$")

    def test_given_where_none_came(self):
        traces = [self.stack.request("GET", path).headers["X-Trace-Id"]
                  for path in ("/health", "/health", "/health/ready", "/nothing")]
        self.assertEqual(4, len(set(traces)))
        for trace in traces:
            self.assertRegex(trace, "^[0-9a-f]{32}$")

    def test_follows_the_job(self):
        done = self.upload_done(self.stack.unique_pdf(), headers={"X-Trace-Id": f"trace-{self.tenant}"})
        self.assertEqual(f"trace-{self.tenant}", done["trace_id"])
        worked = wait_for(lambda: [  # the client is told before the log is
            e for e in self.stack.log("worker-1", "job.succeeded") if e["job_id"] == done["job_id"]])
        self.assertEqual([f"trace-{self.tenant}"], [e["trace_id"] for e in worked])


class Nginx(StackCase):
    """nginx's own answers are problems like the application's."""

    def raw(self, request, tls=True):
        """Bytes as they are, and the answer to them."""
        with contextlib.ExitStack() as closing:
            s = closing.enter_context(socket.create_connection(
                (self.stack.address.hostname, self.stack.address.port), timeout=20))
            if tls:
                s = closing.enter_context(self.stack.tls.wrap_socket(
                    s, server_hostname=self.stack.address.hostname))
            s.sendall(request)
            text = b""
            while chunk := s.recv(65536):
                text += chunk
        return self.parsed(text)

    @staticmethod
    def parsed(text):
        import email
        head, _, body = text.partition(b"\r\n\r\n")
        status, _, headers = head.partition(b"\r\n")
        answer = Answer(int(status.split()[1]), email.message_from_bytes(headers + b"\r\n\r\n"), json.loads(body))
        answer.body = body
        return answer

    def test_body_where_none_belongs(self):
        answer = self.stack.request("GET", "/jobs/1", b"x" * 2000, self.stack.key_header())
        self.assert_problem(answer, 413, "body_too_large")

    def test_malformed(self):
        for request in (b"nonsense\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
                        b"POST /full-process HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"):
            with self.subTest(request=request):
                self.assert_problem(self.raw(request), 400, "bad_request")

    def test_trace_method(self):
        self.assert_problem(self.raw(b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 405, "method_not_allowed")

    def test_long_line_and_headers(self):
        """Over nginx's buffers of 8k, but in one TLS record, so that all is sent before the answer."""
        line = b"GET /jobs/%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 9000)
        self.assert_problem(self.raw(line), 414, "uri_too_long")
        headers = b"GET /jobs/1 HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n" % (b"a" * 9000)
        self.assert_problem(self.raw(headers), 431, "headers_too_large")

    def test_plain_http(self):
        request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.assert_problem(self.raw(request, tls=False), 400, "https_required")

    def test_old_tls_is_refused(self):
        context = ssl.create_default_context(cafile=self.stack.env["MIZAN_CACERT"])
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertWarns(DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        address = (self.stack.address.hostname, self.stack.address.port)
        with socket.create_connection(address, timeout=10) as s, self.assertRaises((ssl.SSLError, OSError)):
            context.wrap_socket(s, server_hostname=address[0])

    def test_security_headers(self):
        for path in ("/health", "/nothing"):
            with self.subTest(path=path):
                headers = self.stack.request("GET", path).headers
                self.assertEqual(["nosniff"], headers.get_all("X-Content-Type-Options"))
                self.assertEqual(["no-store"], headers.get_all("Cache-Control"))
                self.assertIn("max-age", headers["Strict-Transport-Security"])
                self.assertIn("default-src", headers["Content-Security-Policy"])
                self.assertNotRegex(headers["Server"], r"\d")

    def test_rate_limit(self):
        with self.stack.settings("nginx", RATE_LIMIT_RPS=1, RATE_LIMIT_BURST=2):
            answers = [self.stack.get("/jobs/1") for _ in range(8)]
            refused = [a for a in answers if a.status == 429]
            self.assertGreaterEqual(len(refused), 4)
            self.assert_problem(refused[0], 429, "rate_limited")
            self.assertGreaterEqual(int(refused[0].headers["Retry-After"]), 1)
            for _ in range(8):  # probes are never limited
                self.assertEqual(200, self.stack.request("GET", "/health").status)
        self.assertEqual({404}, {self.stack.get("/jobs/1").status for _ in range(8)})

    def test_endpoint_stopped(self):
        document = self.stack.unique_pdf()
        with self.stack.stopped("full_process"):
            answer = self.upload(document)
            self.assert_problem(answer, 502, "bad_gateway")
            self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
            self.assert_problem(self.stack.get("/jobs/1"), 502, "bad_gateway")
            self.assertEqual(200, self.stack.request("GET", "/health").status)
        self.assertFalse(self.upload_done(document)["duplicate"])

    def test_endpoint_hangs(self):
        with self.stack.paused("health"):
            self.assert_problem(self.stack.request("GET", "/health"), 504, "gateway_timeout")
        self.assertEqual(200, self.stack.request("GET", "/health").status)

    def test_database_stopped(self):
        document = self.stack.unique_pdf()
        with self.stack.stopped("postgres"):
            answer = self.upload(document)
            self.assertEqual(503, answer.status, answer)
            self.assert_problem(answer, 503, answer.json["code"])
            self.assertNotIn("sock", answer.json["detail"])  # nothing of our insides
            self.assertEqual(200, self.stack.request("GET", "/health").status)
            ready = wait_for(lambda: (a := self.stack.ready()).status == 503 and a, what="not ready")
            self.assertIn("database", ready.json["failing_checks"])
            self.assertEqual([], [e for e in self.stack.log("health", "request.refused") if not e["message"]])
        wait_for(lambda: self.stack.ready().status == 200, 20, "ready again")
        self.assertFalse(self.upload_done(document)["duplicate"])

    def test_uploads_leave_no_file(self):
        """nginx's copy of a body goes with its request, also where it is refused."""
        self.upload_done(self.stack.unique_pdf())
        self.assert_problem(self.upload(b"not a document"), 415, "unsupported_file_type")
        folder = pathlib.Path(self.stack.dir) / "nginx" / "uploads"
        wait_for(lambda: not [f for f in folder.rglob("*") if f.is_file()], what="an empty folder of uploads")


if __name__ == "__main__":
    unittest.main()
