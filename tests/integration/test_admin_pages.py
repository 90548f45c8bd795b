"""One path, two forms: what nginx gives a browser under /admin, what it gives curl, and with which headers."""
import re
import unittest
import uuid

from harness import ROOT, StackCase, wait_for

HTML = ROOT / "nginx" / "html"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGES = ("system-health", "feedback-stats", "alerts", "incidents", "jobs", "pilot", "upload", "smoke", "run-summary", "audit-log",
         "config")
NO_PAGES = ("session", "tenants", "config/keys", "jobs/counts", "jobs/cancel", "jobs/retry", "smoke/run")
NOWHERE = ("nothing", "system-health/", "incidents/", "pilot/x", "system-healthx", "x/system-health", "a%20b", "%3Cb%3E")
LIBRARIES = ("bootstrap5/css/bootstrap.min.css", "bootstrap5/js/bootstrap.bundle.min.js", "chart.js/chart.min.js")


class PageCase(StackCase):
    def browse(self, path, method="GET", accept=BROWSER, **headers):
        """As a browser that is not signed in."""
        return self.stack.request(method, path, None, {"Accept": accept} | headers)

    def assert_page(self, answer, status=200):
        self.assertEqual(status, answer.status, answer)
        self.assertEqual("text/html; charset=utf-8", answer.headers["Content-Type"])
        self.assertEqual((HTML / "admin.html").read_bytes(), answer.body)

    def paths(self):
        """Every page, an incident's and a job's among them; whether there are such is the data's to say."""
        return [*(f"/admin/{name}" for name in PAGES), f"/admin/incidents/{uuid.uuid4()}", f"/admin/jobs/{uuid.uuid4()}"]


class Negotiation(PageCase):
    def test_a_browser_gets_the_page(self):
        for path in self.paths():
            with self.subTest(path=path):
                self.assert_page(self.browse(path))
                self.assert_page(self.browse(path + "?tenant_id=pilot&period_days=7"))

    def test_all_others_get_data(self):
        for path in self.paths():
            for accept in ("*/*", "application/json", "application/json, */*;q=0.1", "text/plain", ""):
                with self.subTest(path=path, accept=accept):
                    answer = self.browse(path, accept=accept)
                    self.assertIn(answer.headers["Content-Type"], ("application/json", "application/problem+json"))
                    self.assertIn(answer.status, (401, 404, 405))

    def test_curl_with_a_key(self):
        for name in ("system-health", "feedback-stats", "jobs", "pilot", "run-summary", "config"):
            with self.subTest(page=name):
                answer = self.stack.admin("GET", f"/admin/{name}", headers={"Accept": "*/*"})
                self.assertEqual((200, "application/json"), (answer.status, answer.headers["Content-Type"]))

    def test_routes_that_are_no_pages(self):
        for path in NO_PAGES:
            with self.subTest(path=path):
                answer = self.browse(f"/admin/{path}")
                self.assertIn(answer.status, (401, 404, 405), answer)
                self.assertEqual("application/problem+json", answer.headers["Content-Type"])

    def test_where_nothing_is(self):
        """A browser gets the page, which says so; all else the problem."""
        for path in NOWHERE:
            with self.subTest(path=path):
                self.assert_page(self.browse(f"/admin/{path}"), 404)
                for method, accept in (("POST", BROWSER), ("GET", "*/*")):
                    answer = self.browse(f"/admin/{path}", method, accept)
                    self.assertIn(answer.status, (401, 404), answer)
                    self.assertEqual("application/problem+json", answer.headers["Content-Type"])

    def test_what_is_refused_where_nothing_is(self):
        """Is a problem, though it is the page that was asked for."""
        answer = self.stack.request("GET", "/admin/nothing", b"x" * 2000, {"Accept": BROWSER})
        self.assertEqual((413, "application/problem+json"), (answer.status, answer.headers["Content-Type"]))
        with self.stack.settings("nginx", RATE_LIMIT_RPS=1, RATE_LIMIT_BURST=1):
            answers = [self.browse("/admin/nothing") for _ in range(6)]
        self.assertEqual({(404, "text/html; charset=utf-8"), (429, "application/problem+json")},
                         {(a.status, a.headers["Content-Type"]) for a in answers})

    def test_documents_are_no_pages(self):
        for kind in ("incidents", "jobs"):
            answer = self.browse(f"/admin/{kind}/{uuid.uuid4()}/document")
            self.assertEqual("application/problem+json", answer.headers["Content-Type"])

    def test_downloads_are_data(self):
        answer = self.stack.admin("GET", "/admin/run-summary", headers={"Accept": BROWSER}, query={"format": "csv"})
        self.assertEqual(200, answer.status, answer)
        self.assertIn("csv", answer.headers["Content-Type"])

    def test_only_reading_gives_a_page(self):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with self.subTest(method=method):
                self.assertEqual("application/problem+json",
                                 self.browse("/admin/pilot", method).headers["Content-Type"])

    def test_head(self):
        page = self.browse("/admin/pilot", "HEAD")
        self.assertEqual((200, b"", "text/html; charset=utf-8"), (page.status, page.body, page.headers["Content-Type"]))
        self.assertEqual(str((HTML / "admin.html").stat().st_size), page.headers["Content-Length"])
        self.assertEqual(401, self.browse("/admin/config", "HEAD", "*/*").status)

    def test_the_beginning(self):
        for path in ("/admin", "/admin/"):
            for accept in (BROWSER, "*/*"):
                answer = self.browse(path, accept=accept)
                self.assertEqual((302, "/admin/system-health"), (answer.status, answer.headers["Location"]))

    def test_what_is_nginx_own_stays_so(self):
        for path in ("/_admin_page", "/_problem"):
            answer = self.browse(path)
            self.assertEqual((404, "not_found"), (answer.status, answer.json["code"]))

    def test_one_route_in_the_log(self):
        path = f"/admin/jobs/{uuid.uuid4()}"
        self.browse(path)
        self.browse(path, accept="*/*")
        seen = wait_for(lambda: (lines := [e for e in self.stack.log("access", "access") if e["path"] == path])[1:] and lines)
        self.assertEqual([("/admin/jobs/{id}", 200), ("/admin/jobs/{id}", 401)], [(e["route"], e["status"]) for e in seen])


class Headers(PageCase):
    def policy(self, answer):
        """{directive: values} of its one Content-Security-Policy."""
        text, = answer.headers.get_all("Content-Security-Policy")
        return {name: values for name, *values in (part.split() for part in text.split(";") if part.strip())}

    def assert_common(self, answer):
        self.assertTrue(answer.headers["X-Trace-Id"])
        self.assertEqual(["nosniff"], answer.headers.get_all("X-Content-Type-Options"))
        self.assertEqual(["no-referrer"], answer.headers.get_all("Referrer-Policy"))
        self.assertTrue(answer.headers["Strict-Transport-Security"])

    def test_of_the_page(self):
        answer = self.browse("/admin/system-health")
        self.assert_common(answer)
        self.assertEqual(["no-store"], answer.headers.get_all("Cache-Control"))
        self.assertEqual(["Accept"], answer.headers.get_all("Vary"))
        policy = self.policy(answer)
        for name in ("default-src", "base-uri", "frame-ancestors"):
            self.assertEqual(["'none'"], policy[name], name)
        for name in ("script-src", "style-src", "connect-src", "form-action", "frame-src"):
            self.assertEqual(["'self'"], policy[name], name)
        self.assertEqual(["'script'"], policy["require-trusted-types-for"])
        self.assertNotRegex(answer.headers["Content-Security-Policy"], "unsafe|https?:|\\*")

    def test_of_data(self):
        for path in ("/admin/system-health", "/admin/config/keys", "/admin/nothing"):
            answer = self.stack.admin("GET", path)
            self.assert_common(answer)
            self.assertEqual(["no-store"], answer.headers.get_all("Cache-Control"))
            self.assertEqual(["Accept"], answer.headers.get_all("Vary"))
            self.assertEqual({"default-src": ["'none'"], "frame-ancestors": ["'none'"]}, self.policy(answer))

    def test_only_a_document_may_be_framed_and_by_us_alone(self):
        job = self.stack.upload(self.stack.unique_pdf(), self.tenant).json["job_id"]
        answer = self.stack.admin("GET", f"/admin/jobs/{job}/document", headers={"Accept": BROWSER})
        self.assert_common(answer)
        policy = self.policy(answer)
        self.assertEqual((["'none'"], ["'self'"]), (policy["default-src"], policy["frame-ancestors"]))
        self.assertNotIn("script-src", policy)


class Assets(PageCase):
    def names(self):
        ours = [str(path.relative_to(HTML / "assets")) for path in (HTML / "assets").rglob("*") if path.is_file()]
        self.assertGreater(len(ours), 20)
        return [*ours, *LIBRARIES]

    def test_every_file_is_there_with_its_type(self):
        types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
        for name in self.names():
            with self.subTest(name):
                answer = self.browse(f"/admin/assets/{name}", accept="*/*")
                self.assertEqual((200, types[name.rpartition(".")[2]]), (answer.status, answer.headers["Content-Type"]))
                self.assertEqual(["no-cache"], answer.headers.get_all("Cache-Control"))
                self.assertEqual(["nosniff"], answer.headers.get_all("X-Content-Type-Options"))

    def test_what_is_imported_is_there(self):
        for path in (HTML / "assets" / "js").rglob("*.js"):
            for name in re.findall(r"^(?:import|export|\}) ?[^'\n]*'([^'\n]+)';", path.read_text(), re.M):
                with self.subTest(path.name, imports=name):
                    if name.startswith("/admin/assets/"):
                        self.assertIn(name.removeprefix("/admin/assets/"), LIBRARIES)
                    else:
                        self.assertTrue((path.parent / name).is_file())

    def test_what_the_page_refers_to_is_there(self):
        for path in re.findall(r'(?:src|href)="([^"]+)"', (HTML / "admin.html").read_text()):
            self.assertEqual(200, self.browse(path, accept="*/*").status, path)

    def test_no_inline_script_or_style(self):
        page = (HTML / "admin.html").read_text()
        self.assertEqual([], re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page))

    def test_asked_again(self):
        first = self.browse("/admin/assets/js/main.js", accept="*/*")
        again = self.browse("/admin/assets/js/main.js", accept="*/*", **{"If-None-Match": first.headers["ETag"]})
        self.assertEqual((304, b""), (again.status, again.body))

    def test_packed_for_those_who_can(self):
        packed = self.browse(f"/admin/assets/{LIBRARIES[0]}", accept="*/*", **{"Accept-Encoding": "gzip"})
        whole = self.browse(f"/admin/assets/{LIBRARIES[0]}", accept="*/*")
        self.assertEqual("gzip", packed.headers["Content-Encoding"])
        self.assertLess(len(packed.body) * 3, len(whole.body))
        self.assertEqual("Accept-Encoding", packed.headers["Vary"])

    def test_nothing_else(self):
        for path in ("js/", "", "js/nothing.js", "../admin.html", "..%2fadmin.html", "%2e%2e/%2e%2e/conf/secrets",
                     "bootstrap5/../../../../etc/passwd"):
            with self.subTest(path):
                answer = self.browse(f"/admin/assets/{path}", accept="*/*")
                self.assertIn(answer.status, (400, 401, 403, 404), answer)
                self.assertEqual("application/problem+json", answer.headers["Content-Type"])

    def test_only_to_be_read(self):
        answer = self.browse("/admin/assets/js/main.js", "POST", "*/*")
        self.assertEqual((405, "GET, HEAD"), (answer.status, answer.headers["Allow"]))


if __name__ == "__main__":
    unittest.main()
