"""Configuration, start-up lines, version and secrets (SPEC §2)."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import (PROCESSES, ROOT, Stack, StackCase, environment, extraction, wait_for)

BIN = pathlib.Path(os.environ.get("MIZAN_BIN") or ROOT / "build" / "plain" / "bin").resolve()
PROGRAMS = ("full_process.fcgi", "health.fcgi", "admin.fcgi", "worker", "watchdog")
STRONG, OTHER_STRONG = "a" * 32, "b" * 32
INVALID = 2  # exit status of a configuration that is not valid

# Invariant: settings that break it and no other.
BROKEN = {
    "I1": [{"SEVERE_RATIO": "0.0499"}],
    "I2": [{"SEVERE_ABSOLUTE": "49.99"}],
    "I3": [{"ROUNDING_RATIO": "0.05"}],
    "I4": [{"ROUNDING_DELTA": "50"}],
    "I5": [{"ROUNDING_DELTA": "0"}, {"LINE_TOLERANCE": "-0.01"}, {"ROUNDING_RATIO": "0"}],
    "I6": [{"LOW_CONFIDENCE": "1"}, {"OCR_SUSPECT_CONFIDENCE": "1.5"}],
    "I7": [{"PILOT_MAX_INVOICES_PER_HOUR": "0"}, {"PILOT_MAX_INCIDENTS_PER_HOUR": "-1"}, {"STUCK_MINUTES": "0"}],
    "I8": [{"ENV": "test"}, {"ENV": "Production"}],
    "I9": [{"ENV": "production"}, {"ENV": "production", "API_KEY": STRONG},
           {"ENV": "production", "API_KEY": STRONG, "ADMIN_API_KEY": STRONG},
           {"ENV": "production", "API_KEY": STRONG, "ADMIN_API_KEY": "short"}],
}
MALFORMED = {"SYNC_WAIT_MS": "soon", "PILOT_ENABLED": "perhaps", "MISMATCH_RATIO": "0.05001", "FCGI_THREADS": "0",
             "STUCK_MINUTES": "1.5", "OPENAI_MODEL": "a\tb"}


def named(message):
    """The invariants that a message names, in order."""
    return re.findall(r"\b(I[1-9]):", message)


class Invariants(unittest.TestCase):
    """A broken invariant stops each process before it serves, with its name in the message."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="mizan-")
        self.addCleanup(scratch.cleanup)
        self.socket = pathlib.Path(scratch.name) / "s.sock"

    def start(self, program, settings, *arguments):
        # A database that is not there: who went on to it would not end with a message of ours.
        nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
        return subprocess.run([str(BIN / program), *arguments], env=environment(nowhere | settings),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)

    def assert_refused(self, program, settings, invariants):
        """By the check, and by the real start, which logs it as well."""
        checked = self.start(program, settings, "--check-config")
        started = self.start(program, settings, *([] if program == "worker" else ["--listen", str(self.socket)]))
        for done in (checked, started):
            self.assertEqual(INVALID, done.returncode, done)
            self.assertEqual(invariants, named(done.stderr), done)
        self.assertFalse(self.socket.exists())
        self.assertNotIn("Config validation passed", started.stdout)
        self.assertIn("Config validation failed", started.stdout)
        self.assertEqual(invariants, named(started.stdout), started)

    def test_one_by_one(self):
        for program in PROGRAMS:
            for invariant, ways in BROKEN.items():
                for settings in ways:
                    with self.subTest(program=program, invariant=invariant, settings=settings):
                        self.assert_refused(program, settings, [invariant])

    def test_all_at_once(self):
        """Every broken invariant in one message."""
        settings = {"SEVERE_RATIO": "0.01", "SEVERE_ABSOLUTE": "1", "ROUNDING_RATIO": "0.5", "ROUNDING_DELTA": "60",
                    "LINE_TOLERANCE": "0", "LOW_CONFIDENCE": "2", "STUCK_MINUTES": "-5", "ENV": "live"}
        for program in PROGRAMS:
            with self.subTest(program=program):
                self.assert_refused(program, settings, [f"I{n}" for n in range(1, 9)])
                line, = [x for x in self.start(program, settings).stderr.splitlines() if "I1:" in x]
                self.assertIn("I8:", line)

    def test_malformed_values(self):
        for name, value in MALFORMED.items():
            with self.subTest(name=name):
                done = self.start("worker", {name: value}, "--check-config")
                self.assertEqual(INVALID, done.returncode, done)
                self.assertIn(name, done.stderr)

    def test_at_the_edge(self):
        """Just within every invariant."""
        settings = {"SEVERE_RATIO": "0.05", "SEVERE_ABSOLUTE": "50", "ROUNDING_RATIO": "0.0499", "ROUNDING_DELTA": "49.99",
                    "LOW_CONFIDENCE": "0.9999", "OCR_SUSPECT_CONFIDENCE": "0.0001", "STUCK_MINUTES": "1",
                    "PILOT_MAX_INVOICES_PER_HOUR": "1", "PILOT_MAX_INCIDENTS_PER_HOUR": "1", "ENV": "production",
                    "API_KEY": STRONG, "ADMIN_API_KEY": OTHER_STRONG}
        for program in PROGRAMS:
            with self.subTest(program=program):
                done = self.start(program, settings, "--check-config")
                self.assertEqual(0, done.returncode, done)
                self.assertRegex(done.stdout, "config_hash=sha256:[0-9a-f]{16}\n")

    def test_what_the_watchdog_alone_needs(self):
        """Settings as systemd's units read them, each file's own for its process: of the examples, every line.
        Programs of older builds want AUTO_ROLLBACK and ROLLBACK_COMMAND together: these are in one file."""
        def example(name):
            text = (ROOT / "scripts" / "systemd" / f"{name}.env.example").read_text()
            return dict(re.findall(r"(?m)^#?([A-Z_]+)=(.*)$", text))
        common = example("mizan") | {"API_KEY": STRONG, "ADMIN_API_KEY": OTHER_STRONG}
        self.assertEqual("true", common["AUTO_ROLLBACK"])
        without = {name: value for name, value in common.items() if name != "ROLLBACK_COMMAND"}
        self.assertNotEqual(without, common)
        for program in PROGRAMS:
            own = example(program.removesuffix(".fcgi"))
            for settings in (common, without)[:1 if program == "watchdog" else 2]:
                with self.subTest(program=program, settings=settings):
                    done = self.start(program, settings | own, "--check-config")
                    self.assertEqual(0, done.returncode, done)
        for arguments in ([], ["--check-config"]):
            for more, said in ({}, ""), ({"SEVERE_RATIO": "0.01", "STUCK_MINUTES": "soon"},
                                         "STUCK_MINUTES must be a whole number; I1: SEVERE_RATIO must be at least MISMATCH_RATIO; "):
                with self.subTest(arguments=arguments, more=more):
                    done = self.start("watchdog", without | more, *arguments)
                    self.assertEqual((INVALID, f"watchdog: invalid configuration: {said}AUTO_ROLLBACK needs ROLLBACK_COMMAND\n"),
                                     (done.returncode, done.stderr), done)

    def test_a_refused_secret_is_not_repeated(self):
        done = self.start("worker", {"API_KEY": "hush\x01hush", "ENV": "production"})
        self.assertEqual(INVALID, done.returncode)
        self.assertNotIn("hush", done.stdout + done.stderr)

    def test_stack_does_not_come_up(self):
        stack = Stack("refused")
        self.addCleanup(stack.down)
        done = stack.try_script("up", "--no-sample", settings={"SEVERE_RATIO": "0.01", "ENV": "nowhere"})
        self.assertNotEqual(0, done.returncode)
        self.assertEqual(["I1", "I8"], named(done.stdout), done.stdout)
        self.assertFalse((stack.dir / "env").exists())


class StartLines(StackCase):
    """Config validation passed, then build_id and config_hash, then the pilot's state."""

    def last_start(self, process):
        events = self.stack.log(process)
        begin = max(i for i, e in enumerate(events) if e["event"] == "start.config")
        return events[begin:begin + 3]

    def test_order(self):
        for process in PROCESSES:
            with self.subTest(process=process):
                config, build, pilot = [e["message"] for e in self.last_start(process)]
                self.assertEqual("Config validation passed", config)
                self.assertRegex(build, r"^build_id=(git:[0-9a-f]{7,40}|unknown) config_hash=sha256:[0-9a-f]{16}$")
                self.assertRegex(pilot, r"^pilot (enabled|disabled)")

    def test_pilots_state(self):
        with self.stack.settings("health", PILOT_ENABLED=False, PILOT_MAX_INVOICES_PER_HOUR=7):
            self.assertRegex(self.last_start("health")[2]["message"], r"^pilot disabled: PILOT_ENABLED=false.*\b7 invoices")
        self.stack.sql("update pilot_switch set enabled = false")
        self.stack.restart("health")
        self.assertRegex(self.last_start("health")[2]["message"], r"^pilot disabled: .*run-time switch off")
        self.stack.sql("update pilot_switch set enabled = true")
        self.stack.restart("health")
        self.assertRegex(self.last_start("health")[2]["message"], r"^pilot enabled: .*run-time switch on")

    def test_lines_are_json(self):
        """One object a line, with time and event; a run summary's time is its timestamp (the seed's §5.1)."""
        for process in PROCESSES:
            for line in self.stack.log_text(process).splitlines():
                self.assertTrue(line.startswith("{") and line.endswith("}"), line)
            for event in self.stack.log(process):
                time = event["timestamp" if event["event"] == "run_summary" else "time"]
                self.assertRegex(time, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
                self.assertTrue(event["event"])


class Version(StackCase):
    def ready(self):
        answer = wait_for(lambda: (a := self.stack.ready()).status == 200 and a, what="ready")
        return answer.json

    def logged(self, process):
        """(build_id, config_hash) of the process's latest start."""
        message = self.stack.log(process, "start.build")[-1]["message"]
        return tuple(re.fullmatch(r"build_id=(\S+) config_hash=(\S+)", message).groups())

    def test_hash_is_of_the_config(self):
        answer = self.stack.admin("GET", "/admin/config")
        self.assertEqual("application/json", answer.headers.get_content_type())
        digest = hashlib.sha256(answer.body).hexdigest()
        self.assertEqual(f"sha256:{digest[:16]}", self.ready()["config_hash"])

    @unittest.skipUnless(shutil.which("jq") and shutil.which("curl"), "no jq, or no curl")
    def test_hash_can_be_proved_with_jq(self):
        """The command of SPEC §2, as it stands there."""
        command = ('curl -sS "$MIZAN_URL/admin/config" -H "X-Admin-Key: $ADMIN_API_KEY"'
                   " | jq -cjS . | sha256sum | cut -c1-16")
        done = subprocess.run(["sh", "-c", command], env=environment({}) | self.stack.env,
                              capture_output=True, text=True, check=True)
        self.assertEqual(self.ready()["config_hash"], "sha256:" + done.stdout.strip(), done.stderr)

    def test_every_process_says_the_same(self):
        ready = self.ready()
        for process in PROCESSES:
            self.assertEqual((ready["build_id"], ready["config_hash"]), self.logged(process), process)
        rows = self.stack.sql("select build_id, config_hash from worker_heartbeats order by seen_at desc limit 1")
        self.assertEqual([[ready["build_id"], ready["config_hash"]]], rows)

    def test_hash_follows_the_settings(self):
        before = self.ready()["config_hash"]
        with self.stack.settings("health", MISMATCH_RATIO="0.06"):
            self.assertNotEqual(before, self.ready()["config_hash"])
        self.assertEqual(before, self.ready()["config_hash"])

    def test_settings_stay_with_their_process(self):
        """Whichever is restarted meanwhile, whatever for."""
        def hashes():
            return {process: self.logged(process)[1] for process in ("full_process", "health", "admin")}
        before = hashes()
        self.assertEqual(1, len(set(before.values())))
        with self.stack.settings("health", MISMATCH_RATIO="0.06"):
            with self.stack.settings("admin", ENV="staging"):
                self.stack.restart("full_process")
            self.stack.restart("health")  # which keeps its own
            self.assertNotEqual(before["health"], self.ready()["config_hash"])
            self.assertEqual(before | {"health": self.ready()["config_hash"]}, hashes())
        self.assertEqual(before, hashes())

    def test_hash_does_not_follow_the_secrets(self):
        before = self.ready()["config_hash"]
        with self.stack.settings("health", API_KEY="another" * 6):
            self.assertEqual(before, self.ready()["config_hash"])

    def test_build_id_of_the_environment_wins(self):
        with self.stack.settings("health", "worker", BUILD_ID="rc-8.9+42"):
            self.assertEqual("rc-8.9+42", self.ready()["build_id"])
            for process in ("health", "worker-1"):
                self.assertEqual("rc-8.9+42", self.logged(process)[0])
        self.assertNotEqual("rc-8.9+42", self.ready()["build_id"])

    def test_ready_has_the_runbooks_shape(self):
        """All keys of the seed's §2.4."""
        ready = self.ready()
        self.assertLessEqual({"status", "timestamp", "build_id", "config_hash", "checks", "pilot", "last_activity"}, set(ready))
        self.assertEqual({"config", "database", "openai_api", "queue"}, set(ready["checks"]))
        self.assertEqual({"ok"}, {c["status"] for c in ready["checks"].values()}, ready)
        self.assertIs(True, ready["checks"]["config"]["validated"])
        self.assertIsInstance(ready["checks"]["database"]["latency_ms"], int)
        self.assertIs(True, ready["checks"]["openai_api"]["key_configured"])
        self.assertIsInstance(ready["checks"]["queue"]["depth"], int)
        self.assertEqual({"enabled", "tenant_id", "rate_limit"}, set(ready["pilot"]))
        self.assertEqual({"current", "limit", "remaining", "window_seconds"}, set(ready["pilot"]["rate_limit"]))
        self.assertIn("last_incident_at", ready["last_activity"])


class Secrets(StackCase):
    """No secret where somebody could read it, and no invoice's content in a log."""

    def secrets(self):
        """Name and value of every secret of this stack."""
        kept = (self.stack.dir / "conf" / "secrets").read_text().split("\n")
        found = dict(line.split(" ", 1) for line in kept if line)
        self.assertGreaterEqual(len(found), 8)
        return found

    def use_everything(self):
        """Requests that bring keys and documents near the logs; the key that they made up."""
        wrong = "mz_wrong_" + "k" * 30
        self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        self.sim.fault("unauthorized")
        self.upload(self.stack.unique_pdf())
        self.stack.tidy()
        self.upload(self.stack.unique_pdf(), key=wrong)
        self.stack.get("/jobs/1", key=wrong)
        self.stack.get(f"/{wrong}", query={"key": wrong})
        self.stack.admin("GET", "/admin/config", key=wrong)
        self.stack.admin("GET", "/admin/pilot", key=self.stack.api_key)
        return wrong

    def logs(self):
        paths = sorted((self.stack.dir / "log").glob("*.log"))
        self.assertGreaterEqual(len(paths), 8)
        return {path.name: path.read_text(errors="replace") for path in paths}

    def test_config_has_none(self):
        body = self.stack.admin("GET", "/admin/config").body.decode()
        for name, value in self.secrets().items():
            self.assertNotIn(value, body, name)
        self.assertFalse({"API_KEY", "ADMIN_API_KEY", "OPENAI_API_KEY", "DATABASE_URL"}
                         & set(self.stack.admin("GET", "/admin/config").json))

    def test_logs_have_none(self):
        secrets = self.secrets() | {"a wrong key": self.use_everything()}
        _, secrets["a client's key"] = self.stack.make_key(self.tenant)
        self.upload_done(self.stack.unique_pdf(), key=secrets["a client's key"])
        # nginx writes what was asked for; a key in a path is the client's own doing.
        for file, text in self.logs().items():
            for name, value in secrets.items():
                if (file, name) != ("access.log", "a wrong key"):
                    self.assertFalse(value in text, f"{name} is in {file}")

    def test_query_never_reaches_the_log(self):
        self.stack.get("/jobs/1", query={"token": f"secret-{self.tenant}"})
        for file, text in self.logs().items():
            self.assertFalse(f"secret-{self.tenant}" in text, file)

    def test_logs_have_no_invoice(self):
        self.use_everything()
        known = extraction("mismatch-s1")
        phrases = [known["seller"]["name"]["value"], known["buyer"]["name"]["value"],
                   known["seller"]["tax_id"]["value"], known["lines"][0]["description"]]
        for file, text in self.logs().items():
            for phrase in phrases:
                self.assertFalse(phrase in text, f"{phrase!r} is in {file}")

    def test_command_lines_have_none(self):
        pids = [self.stack.pid(path.name) for path in (self.stack.dir / "pid").iterdir()]
        lines = [pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace") for pid in pids]
        self.assertGreaterEqual(len(lines), 2 * len(PROCESSES))
        for line in lines:
            for name, value in self.secrets().items():
                self.assertNotIn(value, line, name)

    def test_only_the_worker_holds_the_providers_key(self):
        """SPEC §12."""
        for process in PROCESSES:
            variables = pathlib.Path(f"/proc/{self.stack.pid(process)}/environ").read_bytes()
            self.assertEqual(process == "worker-1", b"OPENAI_API_KEY=" in variables, process)

    def test_files_with_secrets_are_closed(self):
        for path in (self.stack.dir / "env", self.stack.dir / "conf" / "secrets",
                     self.stack.dir / "tls" / "server.key"):
            self.assertEqual(0, path.stat().st_mode & 0o077, path)


if __name__ == "__main__":
    unittest.main()
