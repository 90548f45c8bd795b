"""Alerts on their way to people, and as operators see and silence them (SPEC §10).

The rows are written here as the watchdog's evaluation writes them; that it does is
test_watchdog.py's to see.
"""
import contextlib
import json
import pathlib
import signal
import subprocess
import time
import unittest
import uuid

from harness import PILOT, PROCESSES, TORTURE, StackCase, wait_for
from receiver import CUT, GARBAGE, SILENCE, Receiver

NOBODYS = "00000000-0000-4000-8000-000000000000"
RULES = ["ready_503", "queue_stuck", "error_5xx", "s1_spike", "latency_spike", "feedback_drop"]
INPUTS = {"value": 0.4091, "threshold": 0.3, "n": 22, "min_samples": 20, "window_seconds": 3600, "s1": 9, "incidents": 22,
          "from": "2026-01-17T14:00:00.000Z", "to": "2026-01-17T15:00:00.000Z"}


def quoted(value):
    return "'" + str(value).replace("'", "''") + "'"


class AlertCase(StackCase):
    def setUp(self):
        super().setUp()
        self.forget()
        self.addCleanup(self.forget)

    def forget(self):
        self.stack.sql("delete from alerts; delete from alert_silences")

    def alert(self, rule="s1_spike", state="resolved", minutes_ago=5, decision="INVESTIGATE", **inputs):
        """The id of an alert.  One that is resolved no evaluation touches."""
        known = {"pending": "null, null, null, null, null", "firing": f"{quoted(decision)}, 'advised', clock_timestamp(), null, null",
                 "resolved": f"{quoted(decision)}, 'advised', clock_timestamp(), clock_timestamp(), 'clear'"}[state]
        return self.stack.value(
            "insert into alerts (rule, state, owner, inputs, build_id, pending_at, decision, carried_out, fired_at, resolved_at,"
            f" resolved_reason) values ({quoted(rule)}, {quoted(state)}, 'on_call', {quoted(json.dumps(INPUTS | inputs))},"
            f" 'git:abc1234', clock_timestamp() - interval '{minutes_ago} minutes', {known}) returning id")

    def message(self, alert, event="firing", channel="slack_alerts", rule="s1_spike", **changes):
        """The id of a message that is due."""
        snapshot = {"alert_id": alert, "rule": rule, "state": "firing", "event": event, "decision": "INVESTIGATE",
                    "carried_out": "advised", "owner": "on_call", "pending_at": "2026-01-17T15:00:00.000Z",
                    "fired_at": "2026-01-17T15:00:00.000Z", "escalated_at": None, "resolved_at": "2026-01-17T16:00:00.000Z",
                    "resolved_reason": "clear", "at": "2026-01-17T15:00:00.000Z", "build_id": "git:abc1234",
                    "config_hash": "sha256:0123456789abcdef", "inputs": INPUTS, "rollback": None} | changes
        return self.stack.value("insert into alert_deliveries (alert_id, channel, event, snapshot) values"
                                f" ('{alert}', '{channel}', '{event}', {quoted(json.dumps(snapshot))}) returning id")

    def row(self, delivery):
        """Of a message: attempts, state, last_error, seconds until it is due."""
        attempts, state, error, due = self.stack.sql(
            "select attempts, case when delivered_at is not null then 'delivered' when given_up_at is not null then 'given_up'"
            " else 'pending' end, last_error, extract(epoch from due_at - clock_timestamp())"
            f" from alert_deliveries where id = {delivery}")[0]
        return int(attempts), state, error, float(due)

    def wait_for_state(self, delivery, state):
        return wait_for(lambda: (row := self.row(delivery))[1] == state and row, 15, f"message {delivery} to be {state}")


class Delivery(AlertCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.receiver = Receiver()
        cls.enterClassContext(cls.receiver)
        cls.began = {name: len(cls.stack.log_text(name)) for name in ("watchdog", "admin")}
        cls.enterClassContext(cls.stack.settings("watchdog", "admin", PUBLIC_URL="https://mizan.example.com", **cls.receiver.settings()))

    def setUp(self):
        super().setUp()
        self.receiver.reset()

    def tearDown(self):
        self.assertEqual([], self.receiver.faults)
        super().tearDown()

    def events(self, name, **fields):
        return [e for e in self.stack.log("watchdog", name, self.began["watchdog"]) if fields.items() <= e.items()]

    def try_again(self, delivery, attempts):
        """Time passes until the next try, once that many have failed."""
        row = wait_for(lambda: (r := self.row(delivery))[0] == attempts and r[2] is not None and r[3] > 0 and r, 15,
                       f"attempt {attempts} to fail")
        self.stack.sql(f"update alert_deliveries set due_at = clock_timestamp() where id = {delivery}")
        return row

    def test_each_channel(self):
        alert = self.alert("ready_503")
        for channel in ("slack_alerts", "slack_product", "pagerduty"):
            self.message(alert, channel=channel, rule="ready_503")
        [slack] = self.receiver.wait_for_accepted("slack_alerts", 1)
        [event] = self.receiver.wait_for_accepted("pagerduty", 1)
        self.receiver.wait_for_accepted("slack_product", 1)
        self.assertIn("FIRING: Not ready", slack["text"])
        self.assertIn(f"<https://mizan.example.com/admin/alerts/{alert}|Alert>", slack["blocks"][0]["text"]["text"])
        self.assertIn("docs/runbook.md#ready-503", slack["blocks"][0]["text"]["text"])
        self.assertEqual(f"mizan-ready_503-{alert}", event["dedup_key"])
        delivered = wait_for(lambda: len(found := self.events("alert.delivered", alert_id=alert)) == 3 and found)
        self.assertEqual({("firing", 1)}, {(e["alert_event"], e["attempts"]) for e in delivered})

    def test_in_order(self):
        """What failed is not overtaken by what came later; and the same key resolves what it triggered."""
        alert = self.alert()
        self.receiver.script("pagerduty", 500)
        self.receiver.script("slack_alerts", CUT)
        ids = [self.message(alert, event, channel) for event in ("firing", "escalated", "resolved")
               for channel in ("slack_alerts", "pagerduty")]
        events = self.receiver.wait_for_accepted("pagerduty", 3)
        self.assertEqual(["trigger", "trigger", "resolve"], [e["event_action"] for e in events])
        self.assertEqual({f"mizan-s1_spike-{alert}"}, {e["dedup_key"] for e in events})
        texts = [m["text"].split(":")[0] for m in self.receiver.wait_for_accepted("slack_alerts", 3)]
        self.assertEqual(["FIRING", "ESCALATED", "RESOLVED"], texts)
        self.assertEqual([2, 2, 1, 1, 1, 1], [self.wait_for_state(i, "delivered")[0] for i in ids])

    def test_whatever_they_answer(self):
        answers = {500: "HTTP 500", GARBAGE: "HTTP 200, but not as Slack answers: <html><body>Welcome to nginx!</body></html>",
                   CUT: "no whole answer: Server returned nothing (no headers, no data)"}
        self.receiver.script("slack_alerts", *answers)
        delivery = self.message(self.alert())
        for n, why in enumerate(answers.values(), 1):
            self.assertEqual((n, "pending", why), self.try_again(delivery, n)[:3])
        self.assertEqual(len(answers) + 1, self.wait_for_state(delivery, "delivered")[0])
        self.assertEqual(1, len(self.receiver.accepted("slack_alerts")))

    def test_limited(self):
        """429 holds up its channel for as long as it says, what is written meanwhile as well; and no other."""
        first, second = self.alert(), self.alert("error_5xx")
        self.receiver.retry_after = 20
        self.receiver.script("slack_alerts", 429)
        a = self.message(first)
        wait_for(lambda: self.row(a)[2] == "HTTP 429", 15, "the refusal")
        self.assertGreater(self.row(a)[3], 10)
        b, pager = self.message(second), self.message(second, channel="pagerduty")
        self.wait_for_state(pager, "delivered")
        self.assertEqual((0, "pending"), self.row(b)[:2])
        self.stack.sql(f"update alert_deliveries set due_at = clock_timestamp() where id = {a}")
        for delivery in (a, b):
            self.wait_for_state(delivery, "delivered")

    def test_a_pager_s_400_is_final(self):
        alert = self.alert("error_5xx")
        self.receiver.script("pagerduty", 400)
        refused = self.message(alert, channel="pagerduty", rule="error_5xx")
        after = self.message(alert, "resolved", "pagerduty", "error_5xx")
        self.assertEqual((1, "given_up", "HTTP 400"), self.wait_for_state(refused, "given_up")[:3])
        self.wait_for_state(after, "delivered")
        wait_for(lambda: self.events("alert.given_up", alert_id=alert, level="error"), 5, "the log")

    def test_what_nobody_takes_is_given_up_after_a_day(self):
        """Whatever its channel; what comes after it goes out."""
        alert = self.alert()
        old = self.stack.value(
            "insert into alert_deliveries (alert_id, channel, event, snapshot, created_at, due_at) values"
            f" ('{alert}', 'slack_alerts', 'firing', '{{}}', clock_timestamp() - interval '24 hours 1 second',"
            " clock_timestamp() + interval '1 hour') returning id")
        new = self.message(alert, "resolved")
        self.wait_for_state(old, "given_up")
        self.wait_for_state(new, "delivered")

    def test_killed_while_it_delivers(self):
        """What was leased is leased again, and nothing is lost."""
        self.receiver.script("slack_alerts", SILENCE)
        delivery = self.message(self.alert())
        wait_for(lambda: self.receiver.of("slack_alerts"), 10, "the first try")
        before = self.stack.pid("watchdog")
        self.stack.kill("watchdog")
        wait_for(lambda: self.stack.pid("watchdog") not in (None, before), 10, "another watchdog")
        self.assertEqual((1, "pending"), self.row(delivery)[:2])
        self.stack.sql(f"update alert_deliveries set lease_until = clock_timestamp() where id = {delivery}")
        self.assertEqual(2, self.wait_for_state(delivery, "delivered")[0])

    def test_stopped_while_it_delivers(self):
        """In time, and with the message put down as to be tried again."""
        self.receiver.script("slack_alerts", SILENCE)
        delivery = self.message(self.alert())
        wait_for(lambda: self.receiver.of("slack_alerts"), 10, "the first try")
        pid, began = self.stack.pid("watchdog"), time.monotonic()
        self.stack.kill("watchdog", signal.SIGTERM)
        wait_for(lambda: self.stack.pid("watchdog") != pid, 8, "its end")
        self.assertLess(time.monotonic() - began, 8)
        self.assertEqual("given up while waiting", self.row(delivery)[2])
        self.wait_for_state(delivery, "delivered")

    @unittest.skipUnless(TORTURE, "in make torture: another watchdog for ten seconds")
    def test_two_take_each_once(self):
        """Another watchdog beside it: of many messages each is taken by one."""
        alert = self.alert()
        with self.second_watchdog():
            ids = [self.message(self.alert("error_5xx")) for _ in range(12)] + [self.message(alert)]
            for each in ids:
                self.assertEqual(1, self.wait_for_state(each, "delivered")[0])
        self.assertEqual(len(ids), len(self.receiver.accepted("slack_alerts")))

    @contextlib.contextmanager
    def second_watchdog(self):
        environ = dict(v.split("=", 1) for v in
                       pathlib.Path(f"/proc/{self.stack.pid('watchdog')}/environ").read_text().split("\0") if "=" in v)
        with subprocess.Popen([self.stack.dir / "bin" / "watchdog"], env=environ, stdout=subprocess.DEVNULL) as other:
            try:
                yield
            finally:
                other.send_signal(signal.SIGTERM)
            self.assertEqual(0, other.wait(10))

    def test_nothing_of_a_secret(self):
        """In no log, row or answer, and no other process's environment."""
        delivery = self.message(self.alert())
        self.wait_for_state(delivery, "delivered")
        dump = json.dumps(self.stack.sql("select d::text from alert_deliveries d union all select a::text from alerts a"
                                         " union all select l::text from watch_leader l"))
        texts = [path.read_text(errors="replace") for path in (self.stack.dir / "log").iterdir() if path.is_file()]
        texts += [pathlib.Path(f"/proc/{self.stack.pid(name)}/environ").read_text() for name in PROCESSES if name != "watchdog"]
        texts += [dump, self.stack.admin("GET", "/admin/alerts").body.decode(), self.stack.admin("GET", "/admin/config").body.decode()]
        for secret in self.receiver.secrets():
            for text in texts:
                self.assertNotIn(secret, text)


class Api(AlertCase):
    def get(self, **query):
        answer = self.stack.admin("GET", "/admin/alerts", query=query)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def silence(self, rule="s1_spike", minutes=30, reason="provider is slow", **options):
        return self.stack.admin("POST", "/admin/alerts/silences", {"rule": rule, "minutes": minutes, "reason": reason}, **options)

    def test_the_rules_and_who_watches(self):
        page = self.get()
        self.assertEqual(RULES, [r["rule"] for r in page["rules"]])
        spike = page["rules"][3]
        self.assertEqual(
            {"rule": "s1_spike", "title": "S1 spike", "decision": "INVESTIGATE", "then": "STOP", "after_seconds": 900,
             "window_seconds": 3600, "hold_seconds": 0, "min_samples": 20, "threshold": 0.3, "owner": "on_call",
             "channels": ["slack_alerts"], "runbook": "docs/runbook.md#s1-spike", "silenced_until": None},
            {k: v for k, v in spike.items() if k != "commands"})
        self.assertEqual(["INVESTIGATE", "STOP", "ROLLBACK", "VERIFY", "START"], list(spike["commands"]))
        self.assertEqual(["slack_alerts", "pagerduty"], page["rules"][0]["channels"])

    def test_whether_somebody_watches(self):
        """At work is not enough: the rules have to be evaluated, and the access log to be counted."""
        def watching():
            return tuple(self.get()["watchdog"][k] for k in ("alive", "counts"))

        def metrics():
            lines = dict(line.rsplit(" ", 1) for line in self.stack.admin("GET", "/metrics").body.decode().splitlines())
            return [float(lines[name]) for name in ("mizan_watchdog_seen_seconds", "mizan_access_log_counted_seconds")]
        wait_for(lambda: watching() == (True, True), 30, "a watchdog")
        self.assertLess(max(metrics()), 90)
        with self.stack.paused("watchdog"):
            for evaluated, counted, expected in ((1, 100, (True, False)), (100, 1, (False, True)), (1, 1, (True, True))):
                self.stack.sql("update watch_leader set seen_at = clock_timestamp(),"
                               f" evaluated_at = clock_timestamp() - interval '{evaluated} seconds';"
                               f"update access_log_positions set caught_up_at = clock_timestamp() - interval '{counted} seconds'")
                self.assertEqual(expected, watching())
                wait_for(lambda: [age > 90 for age in metrics()] == [evaluated > 90, counted > 90], 5, "the gauges")
            # A log that was never counted is none that is; one of a machine that was taken away is nobody's concern.
            self.stack.sql("insert into access_log_positions (host, path, inode, position, changed_at) values"
                           " ('gone', '/gone.log', 0, 0, clock_timestamp() - interval '25 hours')")
            self.addCleanup(self.stack.sql, "delete from access_log_positions where host = 'gone'")
            self.assertEqual((True, True), watching())
            self.stack.sql("update access_log_positions set changed_at = clock_timestamp() where host = 'gone'")
            self.assertEqual((True, False), watching())
            self.assertIsNone(self.get()["watchdog"]["counted_at"])

    def test_lists(self):
        old, new = self.alert(minutes_ago=50), self.alert("error_5xx", minutes_ago=5)
        pending, firing = self.alert("latency_spike", "pending", 1), self.alert("feedback_drop", "firing", 2)
        ids = lambda **query: [a["id"] for a in self.get(**query)["alerts"] if a["id"] in (old, new, pending, firing)]  # noqa: E731
        self.assertEqual([pending, firing, new, old], ids())
        self.assertEqual([pending, firing], ids(state="current"))
        self.assertEqual([firing], ids(state="firing"))
        self.assertEqual([new, old], ids(state="resolved"))
        self.assertEqual([old], ids(rule="s1_spike"))
        shown = next(a for a in self.get()["alerts"] if a["id"] == firing)
        self.assertEqual(("feedback_drop", "firing", "INVESTIGATE", "advised", INPUTS, 0),
                         tuple(shown[k] for k in ("rule", "state", "decision", "carried_out", "inputs", "undelivered")))

    def test_pages(self):
        ids = [self.alert(minutes_ago=100 + n) for n in range(5)]
        self.stack.sql(f"update alerts set pending_at = (select pending_at from alerts where id = '{ids[0]}') where id = '{ids[1]}'")
        seen, cursor = [], None
        for _ in range(9):
            page = self.get(limit=2, state="resolved", rule="s1_spike", **({"cursor": cursor} if cursor else {}))
            seen += [a["id"] for a in page["alerts"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        self.assertEqual((len(ids), set(ids)), (len(seen), set(seen)))

    def test_bad_queries(self):
        for query in ({"state": "open"}, {"rule": "no_such_rule"}, {"limit": "0"}):
            with self.subTest(query):
                self.assert_problem(self.stack.admin("GET", "/admin/alerts", query=query), 400, "invalid_query")
        self.assert_problem(self.stack.admin("GET", "/admin/alerts", query={"cursor": "12"}), 400, "invalid_cursor")

    def test_detail(self):
        alert = self.alert()
        self.stack.sql(
            f"with d as (insert into decisions (alert_id, at, rule, decision, carried_out, inputs, build_id) values ('{alert}',"
            f" clock_timestamp(), 's1_spike', 'ROLLBACK', 'done', {quoted(json.dumps(INPUTS))}, 'git:{alert[:8]}') returning id)"
            f" insert into rollbacks (build_id, decision_id, exit_status, output) select 'git:{alert[:8]}', id, 0, 'done' from d")
        self.addCleanup(self.stack.sql, f"delete from rollbacks where build_id = 'git:{alert[:8]}'")
        self.stack.sql("insert into alert_deliveries (alert_id, channel, event, snapshot, due_at, last_error, attempts) values"
                       f" ('{alert}', 'slack_alerts', 'firing', '{{}}', clock_timestamp() + interval '1 hour', 'HTTP 500', 3)")
        answer = self.stack.admin("GET", f"/admin/alerts/{alert}")
        self.assertEqual(200, answer.status, answer)
        detail = answer.json
        self.assertEqual(1, detail["undelivered"])
        self.assertEqual([("ROLLBACK", "done", INPUTS)], [(d["decision"], d["carried_out"], d["inputs"]) for d in detail["decisions"]])
        self.assertEqual([("slack_alerts", "firing", "pending", 3, "HTTP 500")],
                         [tuple(d[k] for k in ("channel", "event", "state", "attempts", "last_error")) for d in detail["deliveries"]])
        self.assertEqual((f"git:{alert[:8]}", 0, "done"), tuple(detail["rollback"][k] for k in ("build_id", "exit_status", "output")))
        for nothing in (NOBODYS, "x"):
            self.assert_problem(self.stack.admin("GET", f"/admin/alerts/{nothing}"), 404, "alert_not_found")

    def test_silenced_and_not(self):
        made = self.silence()
        self.assertEqual(201, made.status, made)
        page = self.get()
        self.assertEqual([made.json["id"]], [s["id"] for s in page["silences"]])
        self.assertEqual(made.json["ends_at"], page["rules"][3]["silenced_until"])
        self.assertIsNone(page["rules"][0]["silenced_until"])
        ended = self.stack.admin("POST", f"/admin/alerts/silences/{made.json['id']}/end")
        self.assertEqual((200, "admin"), (ended.status, ended.json["ended_by"]), ended)
        again = self.stack.admin("POST", f"/admin/alerts/silences/{made.json['id']}/end")
        self.assertEqual((200, ended.json), (again.status, again.json))
        page = self.get()
        self.assertEqual(([], None), (page["silences"], page["rules"][3]["silenced_until"]))
        entries = self.stack.admin("GET", "/admin/audit-log", query={"object": "rule s1_spike", "limit": 2}).json["entries"]
        self.assertEqual(["alert.silence_end", "alert.silence"], [e["action"] for e in entries])
        self.assertEqual({"silence": made.json["id"], "reason": "provider is slow", "minutes": 30}, entries[1]["detail"])
        for nothing in (NOBODYS, "x"):
            self.assert_problem(self.stack.admin("POST", f"/admin/alerts/silences/{nothing}/end"), 404, "silence_not_found")

    def test_a_silence_is_over_by_itself(self):
        made = self.silence(minutes=1).json
        self.stack.sql(f"update alert_silences set ends_at = clock_timestamp() where id = '{made['id']}'")
        self.assertEqual([], self.get()["silences"])
        ended = self.stack.admin("POST", f"/admin/alerts/silences/{made['id']}/end")
        self.assertEqual((200, None), (ended.status, ended.json["ended_by"]))

    def test_what_is_no_silence(self):
        good = {"rule": "s1_spike", "minutes": 30, "reason": "why"}
        for body in ([], {}, good | {"more": 1}, good | {"rule": "x"}, good | {"rule": 1}, good | {"minutes": 0}, good | {"minutes": 1441},
                     good | {"minutes": 1.5}, good | {"minutes": "30"}, good | {"reason": ""}, good | {"reason": " \n"},
                     good | {"reason": "x" * 501}, good | {"reason": "\0"}, good | {"reason": None}):
            with self.subTest(body):
                self.assert_problem(self.stack.admin("POST", "/admin/alerts/silences", body), 400, "invalid_silence")
        for letter in ("ş", "\U0001F9FE"):
            self.assertEqual(201, self.silence(reason=letter * 500, minutes=1440).status)

    def test_who_may(self):
        alert = self.alert()
        _, viewer = self.stack.make_key(role="viewer")
        _, stranger = self.stack.make_key(self.tenant, "admin")
        _, pilots = self.stack.make_key(PILOT, "operator")
        self.assertEqual(200, self.stack.admin("GET", "/admin/alerts", key=viewer).status)
        self.assert_problem(self.silence(key=viewer), 403, "read_only")
        self.assertEqual(201, self.silence(key=pilots).status)
        for method, path in (("GET", ""), ("GET", f"/{alert}"), ("POST", "/silences"), ("POST", f"/silences/{uuid.uuid4()}/end")):
            body = {"rule": "s1_spike", "minutes": 1, "reason": "x"} if path == "/silences" else None
            self.assert_problem(self.stack.admin(method, f"/admin/alerts{path}", body, key=stranger), 403, "wrong_tenant")
        self.assert_problem(self.stack.admin("GET", "/admin/alerts", key=False), 401, "missing_api_key")

    def test_for_prometheus(self):
        def gauge():
            lines = self.stack.admin("GET", "/metrics").body.decode().splitlines()
            return {line.split(" ")[0]: line.split(" ")[1] for line in lines if line.startswith("mizan_alerts_firing{")}
        self.alert("feedback_drop", "firing")
        found = wait_for(lambda: (g := gauge()).get('mizan_alerts_firing{rule="feedback_drop"}') == "1" and g, 5, "the gauge")
        self.assertEqual({f'mizan_alerts_firing{{rule="{rule}"}}' for rule in RULES}, set(found))
