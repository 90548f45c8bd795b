"""POST /admin/upload: an invoice from an operator, taken in as a client's (SPEC §3)."""
import os
import unittest

from harness import PILOT, Document, StackCase, fresh_tenant, multipart, wait_for

MAX_UPLOAD = 10485760
ASYNC = {"Prefer": "respond-async"}


class AdminUpload(StackCase):
    def post(self, source, tenant=None, key=None, headers=None, **query):
        body, kind = multipart(source.content, source.filename)
        query |= {"tenant_id": tenant} if tenant else {}
        sent = {} if key is False else {"X-Admin-Key": key or self.stack.admin_key}
        return self.stack.request("POST", "/admin/upload", body, {"Content-Type": kind} | sent | (headers or {}), query)

    def test_result_at_once(self):
        name, key = self.stack.make_key(role="operator")
        answer = self.post(self.stack.unique_pdf("mismatch-s1"), self.tenant, key)
        self.assertEqual((200, "SUCCEEDED", self.tenant, False),
                         (answer.status, *(answer.json[k] for k in ("status", "tenant_id", "duplicate"))), answer)
        self.assertEqual(f"/admin/jobs/{answer.json['job_id']}", answer.headers["Location"])
        detail = self.stack.admin("GET", answer.headers["Location"], key=key)
        self.assertEqual(answer.json, {k: detail.json[k] for k in answer.json})
        self.assertEqual(answer.json, self.stack.job(answer.json["job_id"]).json)
        event, = [e for e in self.stack.log("full_process", "upload.accepted") if e["job_id"] == answer.json["job_id"]]
        self.assertEqual(name, event["principal"])

    def test_not_waiting_and_again(self):
        document = self.stack.unique_pdf()
        answer = self.post(document, self.tenant, headers=ASYNC)
        self.assertEqual((202, "respond-async"), (answer.status, answer.headers["Preference-Applied"]))
        self.assertEqual(f"/admin/jobs/{answer.json['job_id']}", answer.headers["Location"])
        again = self.post(document, self.tenant)
        self.assertEqual((200, True, answer.json["job_id"]),
                         (again.status, again.json["duplicate"], again.json["job_id"]))
        self.assertNotEqual(answer.json["job_id"], self.post(document, self.tenant, force="true").json["job_id"])

    def test_tenant(self):
        """The one that is named; else the operator's own, or the default."""
        _, key = self.stack.make_key(self.tenant, "operator")
        self.assertEqual(self.tenant, self.post(self.stack.unique_pdf(), key=key).json["tenant_id"])
        self.assertEqual("default", self.post(self.stack.unique_pdf()).json["tenant_id"])

    def test_guards_in_their_order(self):
        """Each refusal with everything that comes later wrong as well."""
        _, viewer = self.stack.make_key(role="viewer")
        _, bound = self.stack.make_key(self.tenant, "operator")
        nothing = Document(b"", "x.txt")
        self.assert_problem(self.post(nothing, "No", key=False), 401, "missing_api_key")
        self.assert_problem(self.post(nothing, "No", key=self.stack.api_key), 401, "invalid_api_key")
        self.assert_problem(self.post(nothing, "No", key=False, headers=self.stack.key_header()), 401, "missing_api_key")
        self.assert_problem(self.post(nothing, "No", key=viewer), 403, "read_only")
        self.assert_problem(self.post(nothing, fresh_tenant("other"), key=bound), 403, "wrong_tenant")
        self.assert_problem(self.post(nothing, "No"), 400, "invalid_tenant_id")
        self.stack.sql("update pilot_switch set enabled = false")
        self.assert_problem(self.post(nothing, PILOT), 403, "pilot_disabled")
        self.stack.tidy()
        self.assert_problem(self.post(nothing, self.tenant), 400, "empty_file")
        self.assert_problem(self.post(Document(b"plain text"), self.tenant), 415, "unsupported_file_type")
        self.assert_problem(self.stack.admin("POST", "/admin/upload", query={"tenant_id": self.tenant}),
                            400, "no_file")
        self.assertEqual(0, self.stack.value("select count(*) from jobs", "app", self.tenant))

    def test_pilots_hour(self):
        """An operator's uploads use the pilot's places like a client's."""
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        with self.stack.settings("full_process", PILOT_MAX_INVOICES_PER_HOUR=1):
            self.assertEqual(200, self.post(self.stack.unique_pdf(), PILOT).status)
            self.assert_problem(self.upload(self.stack.unique_pdf(), tenant=PILOT), 429, "pilot_rate_limited")
            answer = self.post(self.stack.unique_pdf(), PILOT)
            self.assert_problem(answer, 429, "pilot_rate_limited")
            self.assertIn(int(answer.headers["Retry-After"]), range(3500, 3601))

    def test_size(self):
        """The same limits as a client's: the largest file, one byte more, and what nginx refuses."""
        def pdf(size):
            return Document(b"%PDF-1.4\n" + os.urandom(size - 9))
        self.assertEqual(202, self.post(pdf(MAX_UPLOAD), self.tenant, headers=ASYNC).status)
        for size in (MAX_UPLOAD + 1, MAX_UPLOAD + 200000):
            self.assert_problem(self.post(pdf(size), self.tenant, headers=ASYNC), 413, "file_too_large")

    def test_leaves_no_file(self):
        folder = self.stack.dir / "nginx" / "uploads"
        self.assertTrue(folder.is_dir())
        self.post(self.stack.unique_pdf(), self.tenant)
        wait_for(lambda: not [p for p in folder.rglob("*") if p.is_file()], what="nginx's file to be gone")

    def test_method(self):
        answer = self.stack.admin("GET", "/admin/upload")
        self.assert_problem(answer, 405, "method_not_allowed")
        self.assertEqual("POST", answer.headers["Allow"])


if __name__ == "__main__":
    unittest.main()
