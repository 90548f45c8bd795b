"""The alerts' pages in a browser: what fires and what to do, silences, the decisions behind an alert."""
import json

from operator_browser import BrowserCase
from test_alerts import INPUTS, AlertCase, quoted


class AlertPages(BrowserCase, AlertCase):
    def decide(self, alert, decision, carried_out="advised"):
        self.stack.sql("insert into decisions (alert_id, at, rule, decision, carried_out, inputs, build_id) select id, clock_timestamp(),"
                       f" rule, {quoted(decision)}, {quoted(carried_out)}, inputs, build_id from alerts where id = '{alert}'")

    def unwatched(self):
        """As if the leading watchdog had not been at work for long."""
        self.stack.sql("update watch_leader set seen_at = clock_timestamp() - interval '1 hour'")


class Alerts(AlertPages):
    def test_what_fires_and_what_to_do(self):
        alert = self.alert("feedback_drop", "firing", value=0.04, threshold=0.1, resolved_with_feedback=1, resolved=25,
                           window_seconds=604800, to=None)
        self.sign_in("/admin/alerts")
        text = self.browser.wait_text("Feedback coverage drop")
        self.assertIn("1 of 25 resolved incidents have feedback: 4% in 7 days, at least 10% are wanted.", text)
        self.assertIn("/admin/feedback-stats?tenant_id=pilot", self.browser.text("main .mz-command"))
        self.assertIn("docs/runbook.md#feedback-drop", text)
        self.assertEqual("1", self.browser.text("#firing").strip()[:1])
        self.browser.click(f"#now-{alert} a")
        self.browser.wait_text("Alert: Feedback coverage drop", "h1")

    def test_nothing_fires(self):
        self.sign_in("/admin/alerts")
        text = self.browser.wait_text("Nothing fires.")
        self.assertIn("Nothing has fired yet.", text)
        self.assertEqual([], self.browser.all("#firing"))
        for words in ("over 30%", "over 2 times the baseline", "under 10%", "over 5 min"):
            self.assertIn(words, text)

    def test_nobody_watches(self):
        with self.stack.paused("watchdog"):
            self.unwatched()
            self.sign_in("/admin/alerts")
            self.browser.wait_text("Nobody watches")

    def test_silenced_by_the_keyboard_and_again_not(self):
        self.alert("feedback_drop", "firing")
        self.sign_in("/admin/alerts")
        self.browser.find("#silence-now-feedback_drop").send_keys("\n")
        self.browser.find("dialog select").send_keys("30")
        reason = 'Holiday <b>"& </b>'
        self.browser.find("dialog textarea").send_keys(reason)
        self.browser.click("dialog [type=submit]")
        text = self.browser.wait_text("Silences")
        self.assertIn(reason, text)
        self.assertIn("Held back until", text)
        silence, = self.stack.sql("select id, rule, reason, round(extract(epoch from ends_at - created_at)) from alert_silences")
        self.assertEqual(["feedback_drop", reason, "1800"], silence[1:])
        self.browser.click(f"#end-{silence[0]}")
        self.browser.wait(lambda: "Holiday" not in self.browser.text(), "the silence to go")

    def test_a_viewer_looks(self):
        self.alert("feedback_drop", "firing")
        _, key = self.make_operator("viewer")
        self.sign_in("/admin/alerts", key)
        self.browser.wait_text("Feedback coverage drop")
        self.assertEqual([], self.browser.all("main button[id^=silence]"))

    def test_history(self):
        ids = [self.alert(minutes_ago=100 + n) for n in range(22)]
        other = self.alert("error_5xx", minutes_ago=10, errors=15, requests=200)
        self.sign_in("/admin/alerts")
        self.browser.wait_text("15 of 200 requests")
        self.assertEqual(20, len(self.browser.all(f"main table a[href^='/admin/alerts/']")))
        self.browser.click("main a[rel=next]")
        self.browser.wait(lambda: self.browser.all(f"a[href='/admin/alerts/{ids[-1]}']"), "the oldest")
        self.browser.open("/admin/alerts?rule=error_5xx")
        self.browser.wait(lambda: [a.get_attribute("href").rsplit("/", 1)[1] for a in
                                   self.browser.all("main table a[href^='/admin/alerts/']")] == [other], "one alone")

    def test_the_decisions_and_messages_behind_one(self):
        alert = self.alert()
        self.decide(alert, "INVESTIGATE")
        self.decide(alert, "STOP", "done")
        self.stack.sql(
            "insert into alert_deliveries (alert_id, channel, event, snapshot, due_at, last_error, attempts, delivered_at, given_up_at) values"
            f" ('{alert}', 'slack_alerts', 'firing', '{{}}', now() + interval '1 hour', 'HTTP 500', 3, null, null),"
            f" ('{alert}', 'pagerduty', 'firing', '{{}}', now(), null, 1, now(), null),"
            f" ('{alert}', 'pagerduty', 'resolved', '{{}}', now(), 'HTTP 400', 1, null, now())")
        self.sign_in(f"/admin/alerts/{alert}")
        text = self.browser.wait_text("Decisions")
        for words in ("Investigate", "Stop the pilot", "the watchdog did it", "Not yet", "HTTP 500", "Delivered", "Given up", "Slack, on-call"):
            self.assertIn(words, text)
        self.browser.click("main details summary")
        self.assertIn(f"threshold: {INPUTS['threshold']}", self.browser.text("main details"))

    def test_a_rollback_that_failed(self):
        """For a person to do, while it fires; and the pilot is off still when it is over."""
        alert = self.alert("feedback_drop", "firing", decision="ROLLBACK")
        self.addCleanup(self.stack.reset_pilot)
        self.stack.sql("update pilot_switch set enabled = false, changed_by = 'watchdog', changed_at = clock_timestamp();"
                       f"update alerts set carried_out = 'failed', stopped_at = (select changed_at from pilot_switch) where id = '{alert}'")
        self.sign_in(f"/admin/alerts/{alert}")
        text = self.browser.wait_text("The pilot is off: this alert stopped it.")
        self.assertIn("the watchdog tried and failed: for a person to do", text)
        self.assertEqual("scripts/rollback", self.browser.text("main .mz-command"))
        self.stack.sql(f"update alerts set state = 'resolved', resolved_at = now(), resolved_reason = 'clear' where id = '{alert}'")
        self.browser.open(f"/admin/alerts/{alert}")
        self.browser.wait_text("To switch it on, once the cause is gone")
        self.assertIn('"enabled": true', self.browser.text("main .mz-command"))
        self.stack.sql("update pilot_switch set enabled = true, changed_at = clock_timestamp()")
        self.browser.open(f"/admin/alerts/{alert}")
        self.browser.wait_text("Over since")
        self.assertEqual([], self.browser.all("main .mz-command"))

    def test_nobody_counts(self):
        with self.stack.paused("watchdog"):
            self.stack.sql("update access_log_positions set caught_up_at = clock_timestamp() - interval '2 minutes'")
            self.sign_in("/admin/alerts")
            self.browser.wait_text("The access log is not counted")

    def test_no_such_alert(self):
        self.browser.expected.append("status of 404")
        self.sign_in("/admin/alerts/00000000-0000-4000-8000-000000000000")
        self.assertTrue(self.browser.find("main a[href='/admin/system-health']"))

    def test_a_banner_elsewhere(self):
        alert = self.alert("feedback_drop", "firing")
        self.sign_in("/admin/system-health")
        self.browser.wait(lambda: self.browser.all(f".mz-notice a[href='/admin/alerts/{alert}']"), "the banner")
        self.browser.find("#firing")
        self.assertIn("An alert fires, see what to do: Feedback coverage drop", self.browser.text(".mz-verdict"))

    def test_hostile_text(self):
        """Names of failing checks are what some proxy sent."""
        hostile = "<img src=x onerror=alert(1)>\u202e"
        alert = self.alert("ready_503", value=310, threshold=300, failing_checks=[hostile] * 3)
        self.sign_in(f"/admin/alerts/{alert}")
        self.assertIn("<img src=x onerror=alert(1)>", self.browser.wait_text("Failing"))
        self.assertEqual([], self.browser.all("main img"))

    def test_of_another_tenant(self):
        """The page says so; the menu asks for nothing."""
        self.browser.expected.append("status of 403")
        _, key = self.make_operator("operator", self.tenant)
        self.sign_in("/admin/jobs", key)
        self.assertEqual([], self.browser.all("#firing"))
        self.browser.expected.pop()
        self.assertEqual([], self.browser.complaints())


class TurkishAlerts(AlertPages):
    language = "tr"

    def test_in_turkish(self):
        alert = self.alert("feedback_drop", "firing", value=0.04, threshold=0.1, resolved_with_feedback=1, resolved=25,
                           window_seconds=604800, to=None)
        self.decide(alert, "INVESTIGATE")
        self.sign_in("/admin/alerts")
        text = self.browser.wait_text("Geri bildirim oranı düştü")
        self.assertIn("Çözülen 25 olayın 1 tanesinde geri bildirim var", text)
        self.browser.open(f"/admin/alerts/{alert}")
        self.browser.wait_text("İnceleyin")
        self.assertNotIn("alerts.", self.browser.text())
