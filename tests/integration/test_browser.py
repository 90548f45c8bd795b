"""The operators' pages in a browser: getting in and out, two languages, a phone, and who cannot see."""
import json
import subprocess
import unittest
import uuid

from harness import TEST_DIR, TORTURE, sample
from operator_browser import PAGES, BrowserCase

from browser import PHONE  # on operator_browser's path
from selenium.webdriver.common.by import By

AXE = "4.10.3"
SERIOUS = ("serious", "critical")


class GettingIn(BrowserCase):
    def test_wrong_key(self):
        self.browser.expected.append("status of 401")
        self.browser.open("/admin/incidents")
        self.browser.sign_in("mz_nobody")
        error = self.browser.wait(lambda: self.browser.text("#login-error"), "what is wrong")
        self.assertNotIn("mz_nobody", error)
        self.assertEqual("login-key", self.browser.script("return document.activeElement.id"))
        self.assertEqual([], self.browser.all(".mz-header"))

    def test_in_and_out(self):
        name, key = self.make_operator()
        self.sign_in("/admin/pilot", key)
        self.assertTrue(self.browser.driver.current_url.endswith("/admin/pilot"))
        self.assertIn(name, self.browser.text(".mz-who"))
        self.assertNothingHolds(key)
        self.browser.click(".mz-header button", "Sign out")
        self.browser.find("#login-key")
        self.browser.open("/admin/jobs")
        self.browser.find("#login-key")

    def assertNothingHolds(self, key):
        """No script can read the key nor the session."""
        seen = self.browser.script(
            "return [document.documentElement.outerHTML, document.cookie, location.href,"
            " JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage})].join('\\n')")
        self.assertNotIn(key, seen)
        self.assertNotIn("__Host-mizan_session", seen)
        cookie, = self.browser.driver.get_cookies()
        self.assertEqual((True, True, "Strict", "/"),
                         (cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"]))

    def test_a_session_that_is_over(self):
        self.browser.expected.append("status of 401")
        name, key = self.stack.make_key(None, "operator")
        self.sign_in("/admin/config", key)
        self.stack.revoke_key(name)
        self.browser.click("#nav a[href='/admin/jobs']")
        self.browser.find("#login-key")
        self.assertTrue(self.browser.text(".mz-notice"))
        self.browser.sign_in(self.stack.admin_key)
        self.browser.find(".mz-header")
        self.assertTrue(self.browser.driver.current_url.endswith("/admin/jobs"))

    def test_a_viewer_is_told(self):
        _, key = self.make_operator("viewer")
        self.sign_in("/admin/pilot", key)
        self.assertIn("read only", self.browser.text(".mz-who").lower())


class Language(BrowserCase):
    def lang(self):
        return self.browser.script("return document.documentElement.lang")

    def test_of_the_browser(self):
        self.browser.open("/admin")
        self.assertEqual("en", self.lang())

    def test_switched_and_remembered(self):
        self.sign_in("/admin/jobs")
        english = self.browser.text("h1")
        self.browser.click(".mz-language button[lang=tr]")
        self.browser.wait(lambda: self.lang() == "tr", "Turkish")
        turkish = self.browser.text("h1")
        self.assertNotEqual(english, turkish)
        self.browser.open("/admin/jobs")
        self.assertEqual(("tr", turkish), (self.lang(), self.browser.text("h1")))


class Turkish(BrowserCase):
    language = "tr"

    def test_of_the_browser(self):
        self.browser.open("/admin")
        self.assertEqual("tr", self.browser.script("return document.documentElement.lang"))
        self.assertIn("Giriş", self.browser.text("main"))


class AxeCase(BrowserCase):
    @staticmethod
    def axe():
        """The text of axe-core, which is fetched for this alone."""
        home = TEST_DIR / "npm"
        script = home / "node_modules" / "axe-core" / "axe.min.js"
        package = script.with_name("package.json")
        if not package.exists() or json.loads(package.read_text())["version"] != AXE:
            try:
                done = subprocess.run(
                    ["npm", "install", "--prefix", str(home), "--no-save", "--no-audit", "--no-fund",
                     "--ignore-scripts", f"axe-core@{AXE}"], text=True, capture_output=True, check=False, timeout=120)
            except (FileNotFoundError, subprocess.TimeoutExpired) as error:
                raise unittest.SkipTest(f"axe-core is not there: {error}") from error
            if done.returncode != 0:
                raise unittest.SkipTest(f"axe-core cannot be fetched: {done.stderr[-300:]}")
        return script.read_text()

    def findings(self, axe):
        """What it calls serious or critical, each in one line."""
        self.browser.script(axe)
        report = self.browser.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations), (e) => done(String(e)))")
        self.assertIsInstance(report, list, report)
        return [f"{found['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
                for found in report if found["impact"] in SERIOUS for node in found["nodes"]]


class Pages(AxeCase):
    """Each page: whole, as wide as its window, and sound to those who hear it."""

    def paths(self):
        """Every page, an incident's, a job's and an alert's among them."""
        done = self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        return [*(f"/admin/{name}" for name in PAGES),
                f"/admin/incidents/{done['incident']['id']}", f"/admin/jobs/{done['job_id']}", f"/admin/alerts/{self.alert()}"]

    def alert(self):
        """One that fires, for as long as the test: with a decision and a message that is not delivered."""
        self.addCleanup(self.stack.sql, "delete from alerts where rule = 'feedback_drop'")
        return self.stack.value(
            "delete from alerts where rule = 'feedback_drop';"
            "with a as (insert into alerts (rule, state, owner, decision, carried_out, inputs, build_id, pending_at, fired_at)"
            "   values ('feedback_drop', 'firing', 'product', 'INVESTIGATE', 'advised',"
            """     '{"value": 0.04, "threshold": 0.1, "n": 25, "window_seconds": 604800, "resolved_with_feedback": 1, "resolved": 25}',"""
            "     'git:abc1234', now(), now()) returning *),"
            " d as (insert into decisions (alert_id, at, rule, decision, carried_out, inputs, build_id)"
            "   select id, fired_at, rule, decision, carried_out, inputs, build_id from a),"
            " m as (insert into alert_deliveries (alert_id, channel, event, snapshot, due_at, attempts, last_error)"
            "   select id, 'slack_product', 'firing', '{}', now() + interval '1 hour', 3, 'HTTP 500' from a)"
            " select id from a")

    def walk(self, check, paths=None):
        """Through all pages, or these, each looked at by check()."""
        self.sign_in()
        for path in paths or self.paths():
            with self.subTest(page=path.removesuffix("/"), language=self.language):
                self.browser.open(path)
                check()
                self.assertEqual([], self.browser.complaints())

    def test_on_a_desk(self):
        def whole():
            self.assertTrue(self.browser.all("#nav a[aria-current=page]"))
            self.assertEqual(1, len(self.browser.all("h1")))
            self.assertIn(self.browser.text("h1"), self.browser.driver.title)
            self.assertEqual([], self.browser.all("main [role=alert]"))
            self.assertLessEqual(self.browser.overflow(), 0)
        self.walk(whole)

    def test_on_a_phone(self):
        self.browser.resize(PHONE)
        self.addCleanup(self.browser.resize, self.width)
        self.walk(lambda: self.assertLessEqual(self.browser.overflow(), 0))

    def test_menu_of_a_phone(self):
        self.browser.resize(PHONE)
        self.addCleanup(self.browser.resize, self.width)
        self.sign_in()
        self.assertEqual([], self.browser.all("#nav a"))
        self.browser.click(".mz-menu")
        self.opened()
        self.browser.click("#nav a[href='/admin/jobs']")
        self.browser.wait(lambda: self.browser.driver.current_url.endswith("/admin/jobs"), "the jobs")
        self.opened()
        self.browser.wait(lambda: not self.browser.all("#nav a"), "the menu to close")

    def opened(self):
        """What slides has arrived: a click would meet what is under way."""
        self.browser.settle()
        self.browser.wait(lambda: not self.browser.all(".collapsing"), "the menu to stand still")

    def test_nothing_there(self):
        self.browser.expected.append("status of 404")
        self.sign_in(f"/admin/jobs/{uuid.uuid4()}")
        self.assertTrue(self.browser.find("main a[href='/admin/system-health']"))
        self.browser.open("/admin/jobs/")
        self.assertTrue(self.browser.find("main a[href='/admin/system-health']"))

    def test_axe(self):
        self.axe_finds_nothing()

    def axe_finds_nothing(self, paths=None):
        axe = self.axe()
        self.browser.open("/admin")
        self.assertEqual([], self.findings(axe))
        self.walk(lambda: self.assertEqual([], self.findings(axe)), paths)

    def test_axe_on_a_phone(self):
        """What only a phone's layout has: cards of rows, folded filters, the menu's button."""
        self.browser.resize(PHONE)
        self.addCleanup(self.browser.resize, self.width)
        health, *_, incident, _, alert = self.paths()
        self.axe_finds_nothing([health, "/admin/jobs", "/admin/incidents", incident, alert])


class States(AxeCase):
    """What a page is seldom: a form or a question open, something refused, a result there, the dark."""

    def setUp(self):
        super().setUp()
        self.script = self.axe()

    def assert_sound(self):
        self.assertEqual([], self.findings(self.script))

    def test_refused_and_nothing_there(self):
        self.browser.expected += ["status of 400", "status of 401", "status of 404"]
        self.browser.open("/admin/incidents")
        self.browser.sign_in("mz_nobody")
        self.browser.wait(lambda: self.browser.text("#login-error"), "what is wrong")
        self.assert_sound()
        self.browser.sign_in(self.stack.admin_key)
        self.browser.find(".mz-header")
        for path in (f"/admin/jobs/{uuid.uuid4()}", "/admin/nothing", "/admin/jobs?status=NONE"):
            self.browser.open(path)
            self.assert_sound()

    def test_forms(self):
        done = self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        self.sign_in(f"/admin/incidents/{done['incident']['id']}")
        self.browser.click("main button", "Resolve…")
        self.browser.find("#resolution-note")
        self.assert_sound()
        self.browser.click("main form button[type=submit]", "Resolve")
        self.browser.find("#feedback-cause")
        self.assert_sound()
        self.browser.open("/admin/pilot")
        self.browser.click("#pilot-switch")
        self.browser.find("dialog")
        self.assert_sound()

    def test_results(self):
        self.sign_in(f"/admin/upload?tenant_id={self.tenant}")
        self.browser.driver.find_element(By.ID, "upload-files").send_keys(str(sample("mismatch-s2")))
        self.browser.wait_text("Does not add up")
        self.assert_sound()
        self.browser.open("/admin/smoke")
        self.browser.click("main button.btn-primary")
        self.browser.wait_text("Passed")
        self.assert_sound()

    def test_dark(self):
        def colours(name):
            self.browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])
        self.addCleanup(colours, "light")
        colours("dark")
        done = self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        self.sign_in()
        for path in ("system-health", "jobs", "alerts", f"incidents/{done['incident']['id']}"):
            self.browser.open(f"/admin/{path}")
            self.assert_sound()


class TurkishPages(Pages):
    language = "tr"

    def test_axe(self):
        """Another language seldom changes what it finds: some pages do, but in make torture."""
        self.axe_finds_nothing(None if TORTURE else ["/admin/system-health", "/admin/incidents", "/admin/run-summary"])


if __name__ == "__main__":
    unittest.main()
