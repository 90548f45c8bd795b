"""The watchdog on the real stack: it decides what it sees, one of several does, and nothing is lost with it."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import unittest

from failures import holding
from harness import PILOT, TORTURE, StackCase, wait_for
from ledger import Ledger
from receiver import Receiver
import timelapse

FAST = {"WATCH_INTERVAL_SECONDS": 1}
NOWHERE = "http://127.0.0.1:9/"  # nothing listens: messages stay in the outbox


class WatchdogCase(StackCase):
    def setUp(self):
        super().setUp()
        self.forget()
        self.addCleanup(self.forget)

    def forget(self):
        """No alert, no samples, no requests but those to come; the pilot empty and on."""
        self.stack.reset_pilot()
        self.stack.sql("delete from alerts; delete from ready_samples; delete from front_door_minutes; delete from rollbacks")

    def watchdog(self, **settings):
        """Within the block it runs with these."""
        return self.stack.settings("watchdog", **(FAST | settings))

    def ledger(self, tenant=PILOT):
        return Ledger(self.stack, tenant)

    def s1_wave(self, incidents=22, s1=9):
        """Within the last minute."""
        at = self.stack.value("select clock_timestamp() - interval '1 minute'")
        ledger = self.ledger()
        ledger.invoices(s1, at, "mismatch", severity="S1", incident="opened")
        ledger.invoices(incidents - s1, at, "mismatch", severity="S2", incident="incident_budget")
        ledger.write()

    def alerts(self):
        return [" ".join(filter(None, row)) for row in self.stack.sql(
            "select rule, state, decision, carried_out from alerts order by pending_at, rule")]

    def wait_alerts(self, *expected):
        wait_for(lambda: self.alerts() == list(expected), 20, f"{expected}, there is {self.alerts()}")

    def pilot(self):
        return self.stack.sql("select enabled, reason, changed_by from pilot_switch")[0]

    def environ(self):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, TypeError):
            text = pathlib.Path(f"/proc/{self.stack.pid('watchdog')}/environ").read_text()
            return dict(v.split("=", 1) for v in text.split("\0") if "=" in v)

    def explain(self, *time):
        done = subprocess.run([self.stack.dir / "bin" / "watchdog", "--explain", *time],
                              env=wait_for(self.environ, what="the watchdog"), capture_output=True, text=True, check=False)
        return done


class Decides(WatchdogCase):
    def test_investigate_then_stop(self):
        with self.watchdog(AUTO_STOP=True, SLACK_ALERTS_WEBHOOK=NOWHERE):
            self.s1_wave()
            self.wait_alerts("s1_spike firing INVESTIGATE advised")
            self.assertEqual(200, self.upload(self.stack.unique_pdf(), tenant=PILOT).status)
            timelapse.pass_by(self.stack, "14 minutes 50 seconds")
            timelapse.evaluated(self.stack)
            self.wait_alerts("s1_spike firing INVESTIGATE advised")
            timelapse.pass_by(self.stack, "11 seconds")
            self.wait_alerts("s1_spike firing STOP done")
            self.assertEqual(["f", "s1_spike: S1 9 of 22 incidents (0.4091 > 0.3) in 60 min", "watchdog"], self.pilot())
            self.assert_problem(self.upload(self.stack.unique_pdf(), tenant=PILOT), 403, "pilot_disabled")
            self.assert_recomputable()
            self.assertEqual([["slack_alerts", "firing"], ["slack_alerts", "escalated"]],
                             self.stack.sql("select channel, event from alert_deliveries order by id"))
            entry = self.stack.admin("GET", "/admin/audit-log", query={"actor": "watchdog"}).json["entries"][0]
            self.assertEqual(["pilot.set", False, True],
                             [entry["action"], entry["detail"]["enabled"], entry["detail"]["old_enabled"]])
            # Who switches it on again is not overruled by the same alert.
            self.stack.admin("PUT", "/admin/pilot", {"enabled": True, "reason": "looked at"})
            timelapse.evaluated(self.stack)
            self.assertEqual("t", self.pilot()[0])
            # The hour passes, and two minutes on end.
            timelapse.pass_by(self.stack, "1 hour")
            timelapse.evaluated(self.stack)
            self.wait_alerts("s1_spike firing STOP done")
            timelapse.pass_by(self.stack, "2 minutes")
            self.wait_alerts("s1_spike resolved STOP done")

    def assert_recomputable(self):
        """Whoever has the rows comes to the same.  (They have moved since, and the decisions with them.)"""
        for at, text in self.stack.sql("select at, inputs from decisions order by id"):
            inputs = json.loads(text)
            self.assertEqual((0.3, 20, 3600), (inputs["threshold"], inputs["min_samples"], inputs["window_seconds"]))
            [[s1, n]] = self.stack.sql(
                f"select count(*) filter (where severity = 'S1'), count(*) from invoices where tenant_id = '{PILOT}'"
                " and (incident_id is not null or incident_skipped is not null)"
                f" and created_at >= timestamptz '{at}' - interval '1 hour' and created_at < '{at}'")
            self.assertEqual((int(s1), int(n), int(n)), (inputs["s1"], inputs["incidents"], inputs["n"]))
            self.assertEqual(round(int(s1) / int(n), 4), inputs["value"])

    @unittest.skipUnless(TORTURE, "make torture")
    def test_not_ready(self):
        """The earliest moment, the right decision, and its end."""
        with self.watchdog(), self.stack.stopped("worker-1"):
            wait_for(lambda: self.alerts() == ["ready_503 pending"], 30, "a first sign")
            self.stack.sql("insert into ready_samples (at, http_status, ready, failing_checks, latency_ms)"
                           " select (select min(at) from ready_samples where not ready) - i * interval '10 seconds',"
                           " 503, false, '{queue}', 1 from generate_series(1, 30) i")
            self.wait_alerts("ready_503 firing ROLLBACK advised")
            inputs = json.loads(self.stack.value("select inputs from decisions"))
            self.assertEqual((["queue"], False, 503), (inputs["failing_checks"], inputs["provider_alone"], inputs["http_status"]))
            self.assertGreater(inputs["value"], 300)
            self.assertEqual("t", self.pilot()[0])  # AUTO_STOP is off
        with self.watchdog():
            wait_for(lambda: self.stack.value("select clear_since is not null from alerts") == "t", 20, "ready again")
            timelapse.pass_by(self.stack, "2 minutes")
            self.wait_alerts("ready_503 resolved ROLLBACK advised")

    def test_explain(self):
        self.s1_wave()
        seen = {r["rule"]: r for r in json.loads(self.explain().stdout)}
        self.assertEqual(["ready_503", "queue_stuck", "error_5xx", "s1_spike", "latency_spike", "feedback_drop"], list(seen))
        self.assertEqual(("INVESTIGATE", 9), (seen["s1_spike"]["would"]["decide"], seen["s1_spike"]["inputs"]["s1"]))
        then = {r["rule"]: r for r in json.loads(self.explain("2026-01-17T15:00:00Z").stdout)}
        self.assertEqual((0, None), (then["s1_spike"]["inputs"]["n"], then["s1_spike"]["would"]["decide"]))
        self.assertEqual("2026-01-17T15:00:00.000Z", then["s1_spike"]["inputs"]["to"])
        refused = self.explain("half past nine")
        self.assertEqual((2, ""), (refused.returncode, refused.stdout))


class Blind(WatchdogCase):
    """Memory has no time to be lapsed: these minutes are real ones."""

    def test_restarted_while_the_database_is_away(self):
        """What the one before may have told the pager is taken back; who starts into a good day says nothing."""
        with Receiver() as receiver, self.watchdog(**receiver.settings()):
            timelapse.evaluated(self.stack)
            with self.stack.stopped("postgres"):
                since = len(self.stack.log_text("watchdog"))
                self.stack.kill("watchdog")
                wait_for(lambda: self.stack.log("watchdog", "start.watchdog", since), 20, "another watchdog")
                wait_for(lambda: self.stack.log("watchdog", "watch.trouble", since), 20, "its trouble")
            [event] = receiver.wait_for_accepted("pagerduty", 1, 30)
            self.assertEqual(("resolve", f"mizan-ready_503-blind-{self.stack.url}"), (event["event_action"], event["dedup_key"]))
            timelapse.evaluated(self.stack)
            self.assertEqual((1, []), (len(receiver.received), receiver.faults))

    @unittest.skipUnless(TORTURE, "make torture")
    def test_database_away(self):
        with Receiver() as receiver, self.watchdog(WATCH_INTERVAL_SECONDS=6, **receiver.settings()):
            since = len(self.stack.log_text("watchdog"))
            timelapse.evaluated(self.stack)
            with self.stack.stopped("postgres"):
                [event] = receiver.wait_for_accepted("pagerduty", 1, 330)
                self.assertEqual("trigger", event["event_action"])
                self.assertEqual(f"mizan-ready_503-blind-{self.stack.url}", event["dedup_key"])
                [slack] = receiver.wait_for_accepted("slack_alerts", 1)
                self.assertIn("from memory", json.dumps(slack))
            resolved = receiver.wait_for_accepted("pagerduty", 2, 60)[1]
            self.assertEqual(("resolve", event["dedup_key"]), (resolved["event_action"], resolved["dedup_key"]))
            self.assertEqual([], receiver.faults)
            self.assertEqual(1, len(self.stack.log("watchdog", "alert.firing", since)))
            # What was seen meanwhile is there now, without a gap.
            wait_for(lambda: self.stack.value("select count(*) from ready_samples where not ready") > 140, 20, "the samples")
            self.assertEqual("f", self.stack.value(
                "select bool_or(gap > interval '60 seconds') from (select at - lag(at) over (order by at) as gap from ready_samples) s"))


    @unittest.skipUnless(TORTURE, "make torture")
    def test_rules_that_take_too_long(self):
        """A lock holds up the evaluation and nothing else: samples are kept, and who is not ready is told from memory."""
        with Receiver() as receiver, self.stack.stopped("worker-1"), \
                self.watchdog(WATCH_INTERVAL_SECONDS=6, DB_TIMEOUT_MS=500, **receiver.settings()):
            timelapse.evaluated(self.stack)
            with holding(self.stack, "table invoices in access exclusive mode"):
                [event] = receiver.wait_for_accepted("pagerduty", 1, 330)
                self.assertEqual(("trigger", f"mizan-ready_503-blind-{self.stack.url}"), (event["event_action"], event["dedup_key"]))
                self.assertFalse(self.stack.admin("GET", "/admin/alerts").json["watchdog"]["alive"])
            resolved = receiver.wait_for_accepted("pagerduty", 2, 60)[1]
            self.assertEqual(("resolve", event["dedup_key"]), (resolved["event_action"], resolved["dedup_key"]))


class Leads(WatchdogCase):
    def leader(self):
        return self.stack.value("select holder from watch_leader")

    @contextlib.contextmanager
    def another(self):
        """A second watchdog, its process; killed at the end at the latest."""
        environ = wait_for(self.environ, what="the first")
        with subprocess.Popen([self.stack.dir / "bin" / "watchdog"], env=environ, stdout=subprocess.PIPE, text=True) as other:
            try:
                yield other
            finally:
                other.kill()

    def test_takeover(self):
        """The first is gone without a word; the second evaluates within half a minute, and says nothing twice."""
        with self.watchdog(SLACK_ALERTS_WEBHOOK=NOWHERE):
            self.s1_wave()
            self.wait_alerts("s1_spike firing INVESTIGATE advised")
            with self.another() as other:
                first = self.leader()
                timelapse.evaluated(self.stack)
                self.assertEqual(first, self.leader())
                supervisor = self.stack.pid("watchdog.supervisor")
                os.kill(supervisor, signal.SIGSTOP)  # it would put another in its place
                try:
                    self.stack.kill("watchdog")
                    self.stack.sql("update watch_leader set seen_at = seen_at - interval '18 seconds'")
                    wait_for(lambda: self.leader().endswith(f":{other.pid}"), 10, "the second to lead")
                    timelapse.evaluated(self.stack)
                finally:
                    os.kill(supervisor, signal.SIGCONT)
                wait_for(self.environ, what="the first, anew")
                timelapse.evaluated(self.stack)
                self.assertTrue(self.leader().endswith(f":{other.pid}"))
                # One that ends in good order is followed at once.
                other.terminate()
                wait_for(lambda: self.leader().endswith(f":{self.stack.pid('watchdog')}"), 5, "the first to lead again")
            self.assertEqual(["s1_spike firing INVESTIGATE advised"], self.alerts())
            self.assertEqual(1, self.stack.value("select count(*) from decisions"))
            self.assertEqual(1, self.stack.value("select count(*) from alert_deliveries"))

    def test_killed_between_decision_and_delivery(self):
        with self.watchdog(SLACK_ALERTS_WEBHOOK=NOWHERE):
            self.s1_wave()
            wait_for(lambda: self.stack.value("select count(*) from alert_deliveries") == 1, 20, "a message on its way")
            self.stack.kill("watchdog")
            self.stack.sql("update watch_leader set seen_at = seen_at - interval '18 seconds'")
            timelapse.evaluated(self.stack)
            self.assertEqual(["s1_spike firing INVESTIGATE advised"], self.alerts())
            self.assertEqual([["firing", None]], self.stack.sql("select event, delivered_at from alert_deliveries"))

    def test_a_probe_that_hangs(self):
        """Who accepts and says nothing is not ready, and the log is counted all the same."""
        with socket.create_server(("127.0.0.1", 0)) as silent, \
                self.watchdog(READY_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/"):
            self.assertEqual(200, self.stack.request("GET", "/health").status)
            wait_for(lambda: self.stack.value("select count(*) from front_door_minutes where route = '/health'") > 0, 15, "counted")
            wait_for(lambda: self.stack.value("select count(*) from ready_samples where http_status = 0 and not ready") > 0, 15, "a sample")
            took = self.stack.value("select max(latency_ms) from ready_samples")
            self.assertTrue(3900 < took < 4900, took)

    @unittest.skipUnless(TORTURE, "make torture")
    def test_what_cannot_be_asked(self):
        since = len(self.stack.log_text("watchdog"))
        with self.watchdog(READY_URL="ftp://localhost/"):
            wait_for(lambda: self.stack.log("watchdog", "probe.invalid", since), 10, "a complaint")
            timelapse.evaluated(self.stack)
            self.assertEqual(1, len(self.stack.log("watchdog", "probe.invalid", since)))
            self.assertEqual(0, self.stack.value("select count(*) from ready_samples"))


if __name__ == "__main__":
    unittest.main()
