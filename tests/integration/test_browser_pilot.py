"""The pilot and its health in a browser: stopped with a reason, seen by all, started again."""
import unittest

from harness import PILOT, wait_for
from operator_browser import BrowserCase


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


if __name__ == "__main__":
    unittest.main()
