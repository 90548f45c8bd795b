"""ROLLBACK_COMMAND: once for each build, whoever is killed meanwhile; its end and output kept."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import uuid

from harness import StackCase, wait_for


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

    def test_not_after_an_hour(self):
        """What was decided of the build that ran then says nothing of the one that runs now."""
        build = self.decide()
        self.stack.sql("update rollbacks set created_at = now() - interval '61 minutes'")
        with self.command("touch ran"):
            later = self.decide()
            self.ended(later)
        self.assertEqual("f", self.row(build)[0])

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
