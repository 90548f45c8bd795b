"""The pilot and its health in a browser: stopped with a reason, seen by all, started again."""
import unittest

from harness import PILOT, wait_for
from ledger import Ledger
from operator_browser import BrowserCase
from selenium.webdriver.common.keys import Keys


class Switch(BrowserCase):
    def setUp(self):
        super().setUp()
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)

    def state(self):
        return self.browser.text("#pilot-state")

    def flip(self, reason):
        self.browser.click("#pilot-switch")
        self.browser.find("dialog textarea").send_keys(reason)
        self.browser.click("dialog [type=submit]")
        self.browser.wait(lambda: not self.browser.all("dialog"), "the dialog to close")

    def upload_pilot(self):
        return self.stack.upload(self.stack.unique_pdf(), PILOT)

    def test_stopped_and_started(self):
        name, key = self.make_operator()
        self.sign_in("/admin/pilot", key)
        self.assertIn("is on", self.state())
        self.assertEqual(200, self.upload_pilot().status)
        reason = 'Too many S1 <b>"& </b>\u202e'
        self.flip(reason)
        self.browser.wait(lambda: "is off" in self.state(), "the pilot to be off")
        refused = wait_for(lambda: (answer := self.upload_pilot()).status == 403 and answer, 5, "an upload to be refused")
        self.assertEqual("pilot_disabled", refused.json["code"])
        self.assertIn(name, self.browser.text())
        self.assertIn(reason.rstrip("\u202e"), self.browser.text())
        self.flip("Looked at, goes on")
        self.browser.wait(lambda: "is on" in self.state(), "the pilot to be on")
        wait_for(lambda: self.upload_pilot().status == 200, 5, "an upload to be accepted")

    def test_not_without_a_reason_and_not_after_all(self):
        self.sign_in("/admin/pilot")
        self.browser.click("#pilot-switch")
        self.browser.click("dialog [type=submit]")
        self.assertTrue(self.browser.all("dialog"))
        self.browser.click("dialog .btn-outline-secondary")
        self.browser.wait(lambda: not self.browser.all("dialog"), "the dialog to close")
        self.assertTrue(self.stack.admin("GET", "/admin/pilot").json["switch_enabled"])

    def test_what_failed_stays_until_the_next_try(self):
        """With the reason, though the page below goes on and shows what others do."""
        self.browser.expected.append("ERR_INTERNET_DISCONNECTED")
        self.sign_in("/admin/pilot")
        self.browser.click("#pilot-switch")
        self.browser.find("dialog textarea").send_keys("Too many S1")
        self.network(offline=True)
        self.addCleanup(self.network, offline=False)
        self.browser.click("dialog [type=submit]")
        self.browser.wait_text("cannot be reached", "dialog [role=alert]")
        self.network(offline=False)
        self.stack.admin("PUT", "/admin/pilot", {"enabled": True, "reason": "from elsewhere"})
        self.browser.wait(lambda: "from elsewhere" in self.browser.text(), "the page to be drawn anew")
        self.browser.find("dialog [role=alert]")
        self.assertEqual("Too many S1", self.browser.find("dialog textarea").get_attribute("value"))
        self.browser.click("dialog [type=submit]")
        self.browser.wait(lambda: not self.browser.all("dialog") and "is off" in self.state(), "the pilot to be off")
        self.assertEqual("Too many S1", self.stack.admin("GET", "/admin/pilot").json["reason"])

    def test_a_start_is_of_what_was_seen(self):
        """Somebody stopped it again meanwhile, and why is to be read before."""
        self.browser.expected.append("status of 412")
        self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "too many"})
        self.sign_in("/admin/pilot")
        self.browser.click("#pilot-switch")
        self.browser.find("dialog textarea").send_keys("Looked at")
        self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "the supplier is a fraud"})
        self.browser.click("dialog [type=submit]")
        self.assertIn("Somebody else changed this", self.browser.text("dialog [role=alert]"))
        self.assertFalse(self.stack.admin("GET", "/admin/pilot").json["switch_enabled"])
        self.browser.click("dialog .btn-outline-secondary")
        self.browser.wait_text("the supplier is a fraud")
        self.browser.click("#pilot-switch")
        self.browser.find("dialog textarea").send_keys("Looked at again")
        self.browser.click("dialog [type=submit]")
        self.browser.wait(lambda: "is on" in self.state(), "the pilot to be on")

    def network(self, offline):
        self.browser.command("Network.enable")
        self.browser.command("Network.emulateNetworkConditions", offline=offline, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def test_a_reason_is_counted_in_characters(self):
        self.sign_in("/admin/pilot")
        self.browser.click("#pilot-switch")
        field = self.browser.find("dialog textarea")
        for size, valid in ((500, True), (501, False)):
            self.browser.paste(field, "\U0001f9fe" * size)
            self.assertEqual(valid, self.browser.script("return arguments[0].checkValidity()", field))

    def test_seen_by_others(self):
        """A page that is open shows what somebody else did, without being asked."""
        self.sign_in("/admin/pilot")
        self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "from elsewhere"})
        self.browser.wait(lambda: "is off" in self.state() and "from elsewhere" in self.browser.text(), "the change")

    def test_a_viewer_has_no_switch(self):
        _, key = self.make_operator("viewer")
        self.sign_in("/admin/pilot", key)
        self.assertIn("is on", self.state())
        self.assertEqual([], self.browser.all("#pilot-switch"))

    def test_health_says_so_first(self):
        self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "for the test"})
        wait_for(lambda: self.stack.ready().json["pilot"]["enabled"] is False, 5, "readiness to know")
        self.sign_in("/admin/system-health")
        self.assertIn("The pilot is switched off", self.browser.text("#verdict"))
        self.browser.click(".mz-steps li:first-child a")
        self.browser.wait(lambda: self.browser.driver.current_url.endswith("/admin/pilot"), "the pilot's page")


class Health(BrowserCase):
    METRICS = 8

    def test_an_empty_tenant(self):
        self.sign_in(f"/admin/system-health?tenant_id={self.tenant}")
        self.assertEqual(self.METRICS, len(self.browser.all("tr[id^=metric-]")))
        self.assertEqual(3, len(self.browser.all("canvas")))
        self.assertIn("too few", self.browser.text("#verdict"))
        self.assertEqual(self.tenant, self.browser.script("return document.getElementById('filter-tenant_id').value"))

    def test_routes(self):
        """As the answer has them; what took over the last bound says so."""
        ledger = Ledger(self.stack, self.tenant)
        self.addCleanup(ledger.erase)
        ledger.requests(1234, "2026-01-17T00:00:00Z", 2, ms=40).requests(2, "2026-01-17T00:00:00Z", 5, route="/jobs/{id}", ms=40000).write()
        self.sign_in(f"/admin/system-health?tenant_id={self.tenant}&reference_date=2026-01-17")
        rows = self.browser.script(
            "return [...document.querySelectorAll('tr[id^=\"route-\"]')].map((row) => [...row.cells].map((cell) => cell.innerText))")
        self.assertEqual([["/full-process", "1,234", "1,234", "0", "0", "0", "0", "≤ 50 ms", "≤ 50 ms"],
                          ["/jobs/{id}", "2", "0", "0", "0", "2", "0", "> 30 sec", "> 30 sec"]], rows)

    def test_the_choice_is_in_the_address(self):
        self.sign_in("/admin/system-health")
        self.browser.script("const s = document.getElementById('filter-period_days'); s.value = '30';"
                            "s.dispatchEvent(new Event('change', {bubbles: true}))")
        self.browser.wait(lambda: "period_days=30" in self.browser.driver.current_url, "the address")
        self.browser.settle()
        self.browser.driver.back()
        self.browser.wait(lambda: self.browser.script("return document.getElementById('filter-period_days').value") == "7",
                          "the period before")

    def test_not_ready(self):
        with self.stack.stopped("worker-1"):
            wait_for(lambda: self.stack.ready().status == 503, 40, "readiness to say no")
            self.browser.expected.append("status of 503")
            self.sign_in("/admin/system-health")
            self.assertIn("not ready", self.browser.text("#verdict"))
            self.assertIn("no worker is alive", self.browser.text(".mz-steps"))
        wait_for(lambda: self.stack.ready().status == 200, 20, "readiness to say yes")

    def test_nothing_answers_for_readiness(self):
        self.browser.expected.append("status of 502")
        with self.stack.stopped("health"):
            self.sign_in("/admin/system-health")
            self.assertIn("cannot be told", self.browser.text("#verdict"))
            self.assertTrue(self.browser.all(".mz-verdict-alarm"))
            self.browser.click(".mz-steps a", "The readiness check does not answer")
            self.assertIn("mizan-health", self.browser.text("#ready"))
        self.browser.open("/admin/system-health")
        self.assertIn("checked", self.browser.text("#ready"))

    def test_nobody_watches(self):
        with self.stack.paused("watchdog"):
            self.stack.sql("update watch_leader set seen_at = clock_timestamp() - interval '1 hour'")
            self.sign_in()
            for tenant in (PILOT, self.tenant):
                self.browser.open(f"/admin/system-health?tenant_id={tenant}")
                self.assertIn("Nobody watches", self.browser.text(".mz-steps"))
                self.assertTrue(self.browser.all(".mz-verdict-alarm"))
            self.browser.click(".mz-steps a", "Nobody watches")
            self.browser.wait_text("No watchdog evaluates the rules")

    def test_nobody_counts(self):
        """A trouble of its own, while the rules are evaluated."""
        with self.stack.paused("watchdog"):
            self.stack.sql("update access_log_positions set caught_up_at = clock_timestamp() - interval '2 minutes';"
                           "update watch_leader set seen_at = clock_timestamp(), evaluated_at = clock_timestamp()")
            self.sign_in()
            for tenant in (PILOT, self.tenant):
                self.browser.open(f"/admin/system-health?tenant_id={tenant}")
                self.assertIn("The access log is not counted", self.browser.text(".mz-steps"))
                self.assertNotIn("Nobody watches", self.browser.text(".mz-steps"))
            self.browser.click(".mz-steps a", "The access log is not counted")
            self.browser.wait_text("5xx answers are not seen")


class Feedback(BrowserCase):
    """How often hints were right: on system health for its period, on a page of its own for any days."""

    def setUp(self):
        super().setUp()
        self.ledger = Ledger(self.stack, self.tenant)
        self.addCleanup(self.ledger.erase)

    def test_none(self):
        self.sign_in(f"/admin/system-health?tenant_id={self.tenant}")
        self.assertIn("No incident was resolved in this period.", self.browser.text("#feedback"))
        self.ledger.resolved(2, "2026-01-17T10:00:00Z").write()
        self.browser.open(f"/admin/feedback-stats?tenant_id={self.tenant}")
        self.assertIn("No feedback was given on the 2 incidents", self.browser.text("#feedback"))

    def test_figures(self):
        self.ledger.resolved(3, "2026-01-17T10:00:00Z", feedback=True, action_class="VERIFY_OCR", seconds=90)
        self.ledger.resolved(1, "2026-01-18T10:00:00Z", feedback=False, action_class="VERIFY_OCR", seconds=30)
        self.ledger.resolved(1, "2026-01-18T10:00:00Z").write()
        self.sign_in(f"/admin/system-health?tenant_id={self.tenant}&reference_date=2026-01-18")
        for text in ("80%", "4 of 5 resolved incidents", "75%", "of 4 answers", "1 min 15 sec"):
            self.assertIn(text, self.browser.text("#feedback"))
        self.browser.click("#feedback a", "Feedback of other days")
        self.browser.wait_text("Feedback statistics", "h1")
        self.browser.settle()
        self.assertIn("4 of 5", self.browser.text("#feedback"))
        self.browser.open(f"/admin/feedback-stats?tenant_id={self.tenant}&end_date=2026-01-17")
        self.assertIn("3 of 3", self.browser.text("#feedback"))

    def test_it_cannot_be_had(self):
        """The rest of system health is there all the same."""
        self.browser.expected.append("status of 500")
        self.stack.sql("revoke execute on function feedback_stats(text, date, date) from public, mizan_admin")
        self.addCleanup(self.stack.sql, "grant execute on function feedback_stats(text, date, date) to mizan_admin")
        self.sign_in(f"/admin/system-health?tenant_id={self.tenant}")
        self.browser.find("#feedback [role=alert]")
        self.assertTrue(self.browser.all("#metric-s1_rate"))


class Days(BrowserCase):
    """A span of days, with the keyboard alone."""

    def value(self, name):
        return self.browser.script("return document.getElementById(arguments[0]).value", f"filter-{name}")

    def here(self):
        return self.browser.driver.current_url

    def enter(self, name, digits):
        """Types the date, part by part, into the field that Tab reaches."""
        self.browser.tab_to(f"#filter-{name}")
        self.browser.press(digits)

    def test_typed_and_asked_for_by_enter(self):
        self.sign_in(f"/admin/run-summary?tenant_id={self.tenant}")
        before = self.here()
        self.enter("from", "11022026")
        self.assertEqual(("2026-11-02", before), (self.value("from"), self.here()))
        self.browser.press(Keys.ENTER)
        self.browser.wait(lambda: "from=2026-11-02" in self.here(), "the address")
        self.browser.settle()
        self.assertEqual("filter-from", self.browser.script("return document.activeElement.id"))

    def test_what_is_refused_can_be_put_right(self):
        self.browser.expected.append("status of 400")
        self.sign_in(f"/admin/run-summary?tenant_id={self.tenant}&from=2026-01-17&to=2026-01-10")
        self.browser.wait_text("The first day is after the last.", "main [role=alert]")
        self.enter("to", "01182026")
        self.browser.tab_to("#filter-apply")
        self.browser.press(Keys.ENTER)
        self.browser.wait_text("Jan 18")
        self.assertEqual([], self.browser.all("main [role=alert]"))
        self.enter("from", "01172025")
        self.browser.press(Keys.ENTER)
        self.browser.wait_text("These are more than 92 days", "main [role=alert]")
        self.assertEqual(("2025-01-17", "2026-01-18"), (self.value("from"), self.value("to")))


class InTurkish(BrowserCase):
    language = "tr"

    def test_the_audit_log(self):
        self.addCleanup(self.stack.reset_pilot)
        self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "S1 çok"})
        done = self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        self.sign_in("/admin/audit-log?action=pilot.set")
        newest = self.browser.text("main tbody tr")
        for words in ("Pilot anahtarını değiştirdi", "açık: hayır", "önceden açık: evet", "gerekçe: S1 çok"):
            self.assertIn(words, newest)
        self.browser.open(f"/admin/audit-log?object=incident {done['incident']['id']}")
        for words in ("Olay açtı", "kategori: Tutarlar", "S1 ağır"):
            self.assertIn(words, self.browser.text("main tbody tr"))

    def test_what_has_no_words_is_marked_as_english(self):
        self.browser.expected.append("status of 400")
        self.sign_in("/admin/incidents?flag=NONSENSE")
        self.assertIn("İstek anlaşılamadı.", self.browser.wait_text("flag", "main [role=alert]"))
        self.assertIn("'flag'", self.browser.text("main [role=alert] [lang=en]"))
        self.browser.open("/admin/audit-log?cursor=x")
        self.browser.wait_text("artık geçerli değil", "main [role=alert]")
        self.assertEqual([], self.browser.all("main [role=alert] [lang=en]"))
        self.browser.find("#filter-action")


if __name__ == "__main__":
    unittest.main()
