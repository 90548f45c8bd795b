"""ROLLBACK_COMMAND: once for each build, whoever is killed meanwhile; its end and output kept."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import uuid

from harness import StackCase, wait_for
from receiver import Receiver


class Rollback(StackCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mizan-rollback-", dir="/var/tmp"))
        self.folder.chmod(0o1777)  # the watchdog writes here, as whoever the stack runs as
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(self.stack.sql, "delete from rollbacks")

    def command(self, text, **settings):
        """The watchdog with that ROLLBACK_COMMAND, within the block."""
        return self.stack.settings("watchdog", ROLLBACK_COMMAND=f"cd {self.folder}; {text}", **settings)

    def decide(self):
        """A rollback is decided on: the build's name."""
        build = f"git:{uuid.uuid4().hex[:8]}"
        self.stack.sql(f"insert into rollbacks (build_id) values ('{build}')")
        return build

    def row(self, build):
        columns = "started_at is not null, finished_at is not null, exit_status, output"
        return self.stack.sql(f"select {columns} from rollbacks where build_id = '{build}'")[0]

    def ended(self, build):
        """(exit status, output but for its last newline)"""
        wait_for(lambda: self.row(build)[1] == "t", 20, f"the end of the rollback of {build}")
        status, output = self.row(build)[2:]
        return status and int(status), output

    def exists(self, name):
        return (self.folder / name).exists()

    def test_end_and_output(self):
        with self.command(r"echo left $ROLLBACK_BUILD_ID; env >&2; printf 'a\377\000b\n'; exit 7",
                          SLACK_ALERTS_WEBHOOK="https://hooks.invalid/T0SECRET", PAGERDUTY_ROUTING_KEY="P0SECRET"):
            build = self.decide()
            status, output = self.ended(build)
        self.assertEqual(7, status)
        self.assertTrue(output.startswith(f"left {build}\n"), output)
        self.assertTrue(output.endswith("a??b"), output)
        self.assertIn("ROLLBACK_COMMAND=", output)
        for secret in ("T0SECRET", "P0SECRET", self.stack.api_key, self.stack.admin_key, "postgresql://"):
            self.assertNotIn(secret, output)
        said = [(e["event"], e["level"]) for e in self.stack.log("watchdog") if build in e.get("message", "")]
        self.assertEqual([("rollback.start", "warning"), ("rollback.end", "error")], said)

    def test_outlives_the_watchdog(self):
        """Which a rollback restarts; and neither it nor the next one runs it once more."""
        with self.command("echo began >>began; until [ -e go ]; do sleep 0.1; done; echo done"):
            build = self.decide()
            wait_for(lambda: self.exists("began"), 10, "the command")
            self.stack.kill("watchdog")
            self.stack.restart("watchdog")
            began = self.stack.log_text("watchdog").count("start.watchdog")
            self.assertEqual("f", self.row(build)[1])
            (self.folder / "go").touch()
            self.assertEqual((0, "done"), self.ended(build))
            self.assertGreater(began, 1)
        self.assertEqual("began\n", (self.folder / "began").read_text())

    def test_time_is_up(self):
        with self.command("echo waits; exec sleep 60", ROLLBACK_TIMEOUT_SECONDS=1):
            self.assertEqual((128 + signal.SIGTERM, "waits"), self.ended(self.decide()))

    def test_once_of_many(self):
        """Several runners at a time, and one killed before it could claim."""
        with self.stack.stopped("watchdog"):
            pass
        builds = []
        with self.command("echo $ROLLBACK_BUILD_ID >>builds"):
            environ = self.environment_of(self.stack.pid("watchdog"))
            program = self.stack.dir / "bin" / "watchdog"
            for _ in range(3):
                build = self.decide()
                builds.append(build)
                runners = [subprocess.Popen([program, "--run-rollback", build], env=environ,
                                            stdout=subprocess.DEVNULL) for _ in range(4)]
                runners[0].kill()
                for runner in runners:
                    runner.wait(30)
                self.assertEqual(0, self.ended(build)[0])
        self.assertEqual(builds, (self.folder / "builds").read_text().split())

    def test_not_after_ten_minutes(self):
        """What was decided of the build that ran then says nothing of the one that runs now."""
        build = self.decide()
        self.stack.sql("update rollbacks set created_at = now() - interval '11 minutes'")
        since = len(self.stack.log_text("watchdog"))
        with self.command("touch ran"):
            status, output = self.ended(build)
        self.assertEqual((None, "nobody ran it in time: it is not carried out any more"), (status, output))
        self.assertFalse(self.exists("ran"))
        [said] = self.stack.log("watchdog", "rollback.lost", since)
        self.assertEqual(f"build {build} was to be left: {output}", said["message"])

    def test_whoever_was_told_hears_of_the_end(self):
        """Of a command that failed, and of one that ended well; the pager's incident is the same."""
        with Receiver() as receiver, self.command("exit $(cat status)", **receiver.settings()):
            self.addCleanup(self.stack.sql, "delete from alerts")
            # Rules that what other tests do to the stack does not touch.
            for rule, status, words, n in (("latency_spike", 6, "tried by the watchdog and FAILED: for a person to do", 2),
                                           ("feedback_drop", 0, "done by the watchdog", 4)):
                (self.folder / "status").write_text(str(status))
                alert = self.order(rule)
                event = receiver.wait_for_accepted("pagerduty", n, 20)[-1]
                self.assertEqual(("trigger", f"mizan-{rule}-{alert}"), (event["event_action"], event["dedup_key"]))
                self.assertIn(words, event["payload"]["custom_details"]["decision"])
                self.assertIn(f"exit status {status}", event["payload"]["custom_details"]["decision"])
            self.assertEqual([], receiver.faults)

    def order(self, rule):
        """The watchdog has ordered a rollback, and said so to the pager: the alert's id."""
        build = f"git:{uuid.uuid4().hex[:8]}"
        inputs = json.dumps({"value": 310, "threshold": 300, "n": 31})
        snapshot = {"rule": rule, "event": "firing", "decision": "ROLLBACK", "carried_out": "ordered",
                    "config_hash": "sha256:0123456789abcdef", "inputs": {}}
        return self.stack.value(
            "with a as (insert into alerts (rule, state, owner, decision, carried_out, inputs, build_id, pending_at, fired_at)"
            f" values ('{rule}', 'firing', 'on_call', 'ROLLBACK', 'ordered', '{inputs}', '{build}', now(), now()) returning *),"
            " d as (insert into decisions (alert_id, at, rule, decision, carried_out, inputs, build_id)"
            "  select id, now(), rule, decision, carried_out, inputs, build_id from a returning *),"
            f" m as (insert into alert_deliveries (alert_id, channel, event, snapshot) select id, 'pagerduty', 'firing',"
            f"  (jsonb '{json.dumps(snapshot)}' || jsonb_build_object('alert_id', id))::json from a),"
            " r as (insert into rollbacks (build_id, decision_id) select build_id, id from d)"
            " select id from a")

    def test_lost_runner(self):
        build = self.decide()
        self.stack.sql("update rollbacks set started_at = now() - interval '1 hour', runner = 'gone'")
        with self.command("touch ran"):
            status, output = self.ended(build)
        self.assertIsNone(status)
        self.assertIn("not known", output)
        self.assertFalse(self.exists("ran"))

    @staticmethod
    def environment_of(pid):
        text = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        return dict(os.fsdecode(pair).split("=", 1) for pair in text.split(b"\0") if b"=" in pair)


if __name__ == "__main__":
    unittest.main()
