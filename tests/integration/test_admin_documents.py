"""Documents as operators get them: the bytes, and headers that let our page show and nothing run."""
import unittest
import urllib.parse

from harness import Document, fresh_tenant, sample
from operators import NOBODYS, OperatorCase

KINDS = {"pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


class Documents(OperatorCase):
    def paths(self, job):
        return (f"/admin/jobs/{job['job_id']}/document", f"/admin/incidents/{job['incident']['id']}/document")

    def test_bytes(self):
        document = self.named("fatura.pdf")
        job = self.upload_done(document)
        for path in self.paths(job):
            with self.subTest(path):
                answer = self.get(path)
                self.assertEqual((200, document.content), (answer.status, answer.body))
                self.assertEqual(("application/pdf", str(len(document.content)), f'"{document.sha256}"',
                                  "inline; filename*=UTF-8''fatura.pdf"),
                                 tuple(answer.headers[n] for n in ("Content-Type", "Content-Length", "ETag",
                                                                   "Content-Disposition")))

    def test_every_kind(self):
        magic = {"pdf": b"%PDF-1.4\n<script>alert(1)</script>", "jpg": b"\xff\xd8\xff\xe0" + b"<html>" * 10}
        for suffix, kind in KINDS.items():
            with self.subTest(suffix):
                if suffix in magic:
                    content = magic[suffix]
                else:
                    content = next(sample("electricity-exact").parent.glob(f"*.{suffix}")).read_bytes()
                job = self.upload_done(self.named("page.html", content))
                answer = self.get(self.paths(job)[0])
                self.assertEqual((kind, content), (answer.headers["Content-Type"], answer.body))

    def test_headers(self):
        """It is what its type says, it runs nothing, and only our own pages frame it."""
        job = self.upload_done(self.named("x.pdf", b"%PDF-1.4\n<html><script>alert(1)</script>"))
        for path in self.paths(job):
            headers = self.get(path).headers
            self.assertEqual(["nosniff"], headers.get_all("X-Content-Type-Options"))
            (policy,) = headers.get_all("Content-Security-Policy")
            rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
            self.assertEqual(("'none'", "'self'"), (rules["default-src"], rules["frame-ancestors"]))
            self.assertNotIn("script-src", rules)
            self.assertEqual(["no-store"], headers.get_all("Cache-Control"))
        for path in (f"/admin/incidents/{job['incident']['id']}", "/admin/incidents"):
            self.assertIn("frame-ancestors 'none'", self.get(path).headers["Content-Security-Policy"])

    def test_names(self):
        for name in ("şu & bu.pdf", "a'b;c=d.pdf", "100%25.pdf", "=x,y*z.pdf", "\U0001f9fe.pdf", "ş" * 127):
            with self.subTest(name):
                job = self.upload_done(self.named(name))
                value = self.get(self.paths(job)[0]).headers["Content-Disposition"]
                kind, _, encoded = value.partition("; filename*=UTF-8''")
                self.assertRegex(encoded, r"^([A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+$")
                self.assertEqual(("inline", job["document"]["filename"]), (kind, urllib.parse.unquote(encoded)))

    def test_if_none_match(self):
        job = self.upload_done(self.named("x.pdf"))
        path, tag = self.paths(job)[1], job["document"]["sha256"]
        for value in (f'"{tag}"', f'W/"{tag}"', f'"other", "{tag}"', "*"):
            with self.subTest(value):
                answer = self.get(path, headers={"If-None-Match": value})
                self.assertEqual((304, b"", f'"{tag}"'), (answer.status, answer.body, answer.headers["ETag"]))
        self.assertEqual(200, self.get(path, headers={"If-None-Match": '"other"'}).status)
        self.assert_problem(self.get(path, headers={"If-None-Match": tag}), 400, "invalid_precondition")

    def test_head(self):
        job = self.upload_done(self.named("x.pdf"))
        answer = self.stack.admin("HEAD", self.paths(job)[0])
        self.assertEqual((200, b"", str(job["document"]["bytes"])), (answer.status, answer.body, answer.headers["Content-Length"]))

    def test_large(self):
        content = b"%PDF-1.4\n" + bytes(range(256)) * 40000
        job = self.upload_done(self.named("large.pdf", content))
        self.assertEqual(content, self.get(self.paths(job)[0]).body)

    def test_missing(self):
        for kind, code in (("jobs", "job_not_found"), ("incidents", "incident_not_found")):
            for name in (NOBODYS, "x"):
                self.assert_problem(self.get(f"/admin/{kind}/{name}/document"), 404, code)

    def test_who(self):
        other = fresh_tenant("other")
        job = self.upload_done(Document(self.named("x.pdf").content), tenant=other)
        _, viewer = self.operator("viewer", other)
        _, stranger = self.operator(tenant=self.tenant)
        path = f"/admin/jobs/{job['job_id']}/document"
        self.assertEqual(200, self.get(path, key=viewer).status)
        self.assert_problem(self.get(path, key=stranger), 404, "job_not_found")
        self.assert_problem(self.get(path, key=False), 401, "missing_api_key")


if __name__ == "__main__":
    unittest.main()
