"""scripts/post_deploy_check.py: each exit status of the seed's §4.2 against a stack that is broken accordingly (SPEC §12)."""
import ast
import contextlib
import datetime
import hashlib
import http.server
import importlib.util
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import unittest

from harness import DATA, ROOT, StackCase, environment, extraction, run, wait_for
from ledger import Ledger

SCRIPT = ROOT / "scripts" / "post_deploy_check.py"
SMOKE_SHA256 = hashlib.sha256((DATA / "smoke.pdf").read_bytes()).hexdigest()
STEPS = ["ready", "config", "smoke", "health", "feedback"]
KEY = "an-operators-key-that-nobody-else-has"


def module():
    """The script as a module, for what a whole run would take too long to show."""
    spec = importlib.util.spec_from_file_location("post_deploy_check", SCRIPT)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def command(*arguments):
    """Without site packages and PYTHON variables: the standard library is all there is."""
    return [sys.executable, "-I", "-S", str(SCRIPT), *arguments]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def interruptible():
    """In a child: ^C is not ignored, whoever started the tests in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class CheckCase(StackCase):
    def setUp(self):
        super().setUp()
        self.not_ready(None)  # as another test may have left it, for a second

    def not_ready(self, failing):
        """Readiness, which is a second old at the most, sees just this check fail; None: it is ready."""
        wait_for(lambda: self.stack.ready().json.get("failing_checks") == (failing and [failing]), what=f"{failing} to fail")

    def variables(self, **variables):
        known = {"MIZAN_URL": self.stack.url, "MIZAN_CACERT": self.stack.env["MIZAN_CACERT"],
                 "ADMIN_API_KEY": self.stack.admin_key}
        return environment({}) | {k: v for k, v in (known | variables).items() if v is not None}

    def check(self, status, *arguments, **variables):
        """Its output, after it ended with that status; never a key in it, nor a traceback."""
        done = run(command("--tenant", self.tenant, *arguments), env=self.variables(**variables))
        self.assertEqual(status, done.returncode, done.stdout)
        self.assertNotIn(self.stack.admin_key, done.stdout)
        self.assertNotIn("Traceback", done.stdout)
        return done.stdout

    def report(self, status, *arguments, **variables):
        """What --json says, and the statuses of the steps."""
        report = json.loads(self.check(status, "--json", *arguments, **variables))
        self.assertEqual(status, report["exit_code"])
        self.assertEqual(STEPS[:len(report["steps"])], [s["name"] for s in report["steps"]])
        return report, {s["name"]: s["status"] for s in report["steps"]}

    def failure(self, status, step, *arguments, **variables):
        """(message, advice) of the one failure, which is this step's."""
        report, _ = self.report(status, *arguments, **variables)
        failures = [(s["name"], f["message"], f["advice"]) for s in report["steps"] for f in s["findings"] if f["level"] == "fail"]
        self.assertEqual([step], [name for name, *_ in failures], failures)
        self.assertTrue(failures[0][2], failures)
        return failures[0][1:]

    @contextlib.contextmanager
    def refused(self, function):
        """The database lets nobody call it: as if a migration had gone wrong."""
        signatures = self.stack.value(f"select string_agg(oid::regprocedure::text, ', ') from pg_proc where proname = '{function}'"
                                      " and pronamespace = 'public'::regnamespace")
        self.stack.sql(f"revoke execute on function {signatures} from public, mizan_admin")
        try:
            yield
        finally:
            self.stack.sql(f"grant execute on function {signatures} to mizan_admin")


class Passes(CheckCase):
    def test_lines(self):
        ready = self.stack.ready().json
        lines = self.check(0).splitlines()
        self.assertEqual(f"OK: ready: build_id={ready['build_id']} config_hash={ready['config_hash']}", lines[0])
        self.assertEqual(STEPS, list(dict.fromkeys(line.split(": ")[1] for line in lines[:-1])))
        self.assertEqual({"OK"}, {line.split(": ")[0] for line in lines[:-1]})
        self.assertEqual("all checks passed", lines[-1])
        self.assertEqual([["SUCCEEDED", "t"]], self.stack.sql(f"select state, smoke from jobs where tenant_id = '{self.tenant}'"))
        self.assertEqual(0, self.stack.value(f"select count(*) from incident_feedback where tenant_id = '{self.tenant}'"))

    def test_json_and_what_is_expected(self):
        ready = self.stack.ready().json
        report, steps = self.report(0, "--expect-build", ready["build_id"], "--expect-config", ready["config_hash"])
        self.assertEqual(("passed", "none", self.stack.url, self.tenant, ready["build_id"], ready["config_hash"]),
                         tuple(report[k] for k in ("result", "action", "url", "tenant_id", "build_id", "config_hash")))
        self.assertEqual(dict.fromkeys(STEPS, "ok"), steps)

    def test_the_pilots_tenant(self):
        """As readiness names it, where the caller names none."""
        with self.stack.settings("health", PILOT_TENANT_ID=self.tenant):
            done = run(command("--json"), env=self.variables())
        self.assertEqual(self.tenant, json.loads(done.stdout)["tenant_id"])
        self.assertEqual(1, self.stack.value(f"select count(*) from jobs where tenant_id = '{self.tenant}'"))

    def test_seeds_variables(self):
        self.check(0, API_BASE_URL=self.stack.url + "/", MIZAN_URL="https://nowhere.invalid", ADMIN_API_KEY=None,
                   API_KEY=self.stack.admin_key)

    def test_cacert(self):
        self.check(0, "--cacert", self.stack.env["MIZAN_CACERT"], MIZAN_CACERT=None)

    def test_warnings(self):
        """A pilot that is off, a metric in alarm and operators who say nothing are no reason to go back."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        ledger = Ledger(self.stack, self.tenant)
        self.addCleanup(ledger.erase)
        ledger.invoices(20, now, "mismatch", every="0", severity="S1", incident="opened", ratio=0.3).resolved(20, now).write()
        self.stack.sql("update pilot_switch set enabled = false")
        wait_for(lambda: self.stack.ready().json["pilot"]["enabled"] is False, what="readiness to see it")
        text = self.check(0)
        for line in ("WARN: ready: the pilot is switched off", "WARN: health: s1_rate is 1 (n=20, alarm > 0.30)",
                     "WARN: feedback: coverage 0 is under 0.10"):
            self.assertIn(line, text)
        self.assertRegex(text, r"all checks passed, with \d+ warning")

    def test_reader_that_goes_away(self):
        process = subprocess.Popen(command("--tenant", self.tenant), env=self.variables(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
        process.stdout.close()
        self.assertEqual((0, b""), (process.wait(60), process.stderr.read()))
        process.stderr.close()


class Ready(CheckCase):
    """Exit status 1."""

    def test_provider_limits_us(self):
        self.stack.sql("update provider_state set state = 'rate_limited', blocked_until = now() + interval '1 hour'")
        self.not_ready("openai_api")
        message, advice = self.failure(1, "ready")
        self.assertEqual("not ready: openai_api (rate_limited)", message)
        self.assertIn("an older build cannot mend", advice)
        self.assertIn("ready_failed: roll back (exit status 1)", self.check(1))
        self.assertEqual(0, self.stack.value(f"select count(*) from jobs where tenant_id = '{self.tenant}'"))

    def test_no_worker(self):
        with self.stack.stopped("worker-1"):
            self.not_ready("queue")
            message, advice = self.failure(1, "ready")
        self.assertEqual("not ready: queue (no_worker)", message)
        self.assertIn("mizan-worker@", advice)

    def test_no_health(self):
        with self.stack.stopped("health"):
            message, advice = self.failure(1, "ready")
        self.assertIn("502", message)
        self.assertIn("health.fcgi", advice)

    def test_another_build(self):
        message, _ = self.failure(1, "ready", "--expect-build", "git:0000000")
        self.assertRegex(message, "^ready, but the build is .+, not git:0000000$")

    def test_nobody_there(self):
        message, advice = self.failure(1, "ready", "--url", f"https://localhost:{free_port()}")
        self.assertIn("refuses connections", message)
        self.assertIn("nginx", advice)

    def test_a_name_that_is_none(self):
        self.assertIn("is not known", self.failure(1, "ready", "--url", "https://mizan.invalid")[0])

    def test_a_strangers_certificate(self):
        """No way around it, and no waiting either."""
        message, advice = self.failure(1, "ready", "--wait", "600", MIZAN_CACERT=None)
        self.assertIn("the certificate is not trusted", message)
        self.assertIn("--cacert", advice)

    def test_waits(self):
        """With a line for whoever looks on, who may end it."""
        self.stack.sql("update provider_state set state = 'quota_exhausted', blocked_until = now() + interval '1 hour'")
        self.not_ready("openai_api")
        said, process, shown = self.on_a_terminal("--wait", "60")
        wait_for(lambda: b"not ready: openai_api (quota_exhausted)" in said(), what="its progress")
        self.stack.tidy()
        self.assertEqual(0, process.wait(60), said())
        self.assertIn(b"all checks passed", shown())

    def test_interrupted(self):
        said, process, _ = self.on_a_terminal("--wait", "60", "--url", f"https://localhost:{free_port()}")
        wait_for(lambda: b"refuses connections" in said(), what="its progress")
        process.send_signal(signal.SIGINT)
        self.assertEqual(130, process.wait(10))
        self.assertIn(b"interrupted", said())
        self.assertNotIn(b"Traceback", said())

    def on_a_terminal(self, *arguments):
        """(what it said on standard error so far, the process, its standard output)."""
        ours, its = pty.openpty()
        process = subprocess.Popen(command("--tenant", self.tenant, *arguments), env=self.variables(),
                                   stdout=subprocess.PIPE, stderr=its, start_new_session=True,
                                   preexec_fn=interruptible)
        os.close(its)
        self.addCleanup(os.close, ours)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        text = bytearray()

        def said():
            with contextlib.suppress(OSError):  # its end
                while select.select([ours], [], [], 0)[0]:
                    text.extend(os.read(ours, 4096))
            return bytes(text)
        return said, process, process.stdout.read


class Smoke(CheckCase):
    """Exit status 2."""

    def test_read_wrongly(self):
        answer = extraction("smoke")
        answer["tax_inclusive_amount"]["value"] = "1.20"
        self.sim.answer(SMOKE_SHA256, answer)
        message, _ = self.failure(2, "smoke")
        self.assertEqual("smoke run failed at extract: smoke_wrong_result: the total was read as 1.20; the invoice says 120.00",
                         message)

    def test_no_admin(self):
        """More than one step fails: the first of the table tells what to do."""
        with self.stack.stopped("admin"):
            report, steps = self.report(2)
        self.assertEqual({"ready": "ok", "config": "fail", "smoke": "fail", "health": "fail", "feedback": "fail"}, steps)
        self.assertEqual("roll back", report["action"])

    def test_no_uploads(self):
        """Which neither ready nor a smoke run would show."""
        with self.stack.stopped("full_process"):
            message, _ = self.failure(2, "smoke")
        self.assertIn("POST /full-process: 502", message)

    def test_database_refuses(self):
        with self.refused("smoke_accept"):
            message, advice = self.failure(2, "smoke")
        self.assertRegex(message, "POST /admin/smoke/run: 50.*trace_id")
        self.assertIn("trace_id", advice)


class Feedback(CheckCase):
    """Exit status 3."""

    def test_cannot_be_read(self):
        with self.refused("feedback_stats"):
            self.assertIn("GET /admin/feedback-stats: 50", self.failure(3, "feedback")[0])

    def test_cannot_be_written(self):
        with self.refused("give_feedback"):
            self.assertIn("PATCH /admin/incidents/{id}/feedback: 50", self.failure(3, "feedback")[0])


class Partial(CheckCase):
    """Exit status 4."""

    def test_no_system_health(self):
        with self.refused("system_health"):
            self.assertIn("GET /admin/system-health: 50", self.failure(4, "health")[0])

    def test_another_configuration(self):
        self.assertIn("not sha256:0000", self.failure(4, "config", "--expect-config", "sha256:0000")[0])

    def test_two_configurations(self):
        with self.stack.settings("admin", STUCK_MINUTES=7):
            message, advice = self.failure(4, "config")
        self.assertRegex(message, "admin.fcgi's configuration is sha256:[0-9a-f]{16}, health.fcgi's sha256:")
        self.assertIn("mizan.env", advice)

    def test_keys_that_will_not_do(self):
        """They say nothing of the build."""
        _, viewer = self.stack.make_key(self.tenant, "viewer")
        _, steps = self.report(4, ADMIN_API_KEY=viewer)
        self.assertEqual({"ready": "ok", "config": "ok", "smoke": "fail", "health": "ok", "feedback": "fail"}, steps)
        for wrong in (self.stack.api_key, "wrong"):
            text = self.check(4, ADMIN_API_KEY=wrong)
            self.assertIn("401, invalid_api_key", text)
            self.assertIn("take an operator's key", text)
            self.assertNotIn(f" {wrong}", text)


class Usage(CheckCase):
    """Exit status 64, before anything is asked."""

    def test_wrong(self):
        for arguments, variables, complaint in (
                (["--nonsense"], {}, "unrecognized"),
                (["--ex", "x"], {}, "unrecognized"),
                (["--wait", "soon"], {}, "invalid float"),
                (["--wait", "nan"], {}, "--wait"),
                (["--tenant", "A B"], {}, "--tenant"),
                (["--url", "http://mizan.example.com"], {}, "HTTPS only"),
                (["--url", "https://ayse:secret@mizan.example.com"], {}, "https://HOST"),
                (["--url", "https://localhost:nan"], {}, "https://HOST"),
                (["--url", "ftp://localhost"], {}, "https://HOST"),
                (["--cacert", "/nowhere.pem"], {}, "--cacert"),
                (["--cacert", str(SCRIPT)], {}, "--cacert"),
                ([], {"MIZAN_URL": None}, "no address"),
                ([], {"ADMIN_API_KEY": None}, "no operator's key"),
                ([], {"ADMIN_API_KEY": "two\nlines"}, "no key")):
            with self.subTest(arguments=arguments, variables=list(variables)):
                text = self.check(64, *arguments, **variables)
                self.assertIn(complaint, text)
                self.assertIn("--help", text)

    def test_help(self):
        text = self.check(0, "--help", MIZAN_URL=None, ADMIN_API_KEY=None)
        for status in ("0   all passed", "1   ready", "2   smoke", "3   feedback", "4   partial"):
            self.assertIn(status, text)


class Standing(unittest.TestCase):
    """The script itself, against servers that are no Mizan."""

    @classmethod
    def setUpClass(cls):
        cls.script = module()

    def test_python_3_9(self):
        ast.parse(SCRIPT.read_text(), feature_version=(3, 9))

    def client(self, url, key=KEY):
        return self.script.Client(url, key, None)

    @contextlib.contextmanager
    def server(self, answer):
        """The address of one that does answer(socket) with each connection."""
        listening = socket.create_server(("127.0.0.1", 0))
        held = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    held.append(connection)
                    with contextlib.suppress(OSError):
                        answer(connection)
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            for s in (listening, *held):
                s.close()

    def http(self, text):
        def answer(connection):
            connection.recv(65536)
            connection.sendall(text)
            connection.close()
        return self.server(answer)

    def trouble(self, url, seconds=5.0):
        with self.assertRaises(self.script.Trouble) as raised:
            self.client(url).ask("GET", "/health/ready", seconds=seconds)
        return str(raised.exception)

    def test_no_redirect_is_followed(self):
        with self.http(b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n") as url:
            self.assertEqual("redirected to https://evil.example/", self.trouble(url))

    def test_an_endless_answer(self):
        with self.http(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (2 << 20)) as url:
            self.assertEqual("the answer is over 1 MiB", self.trouble(url))

    def test_silence(self):
        with self.server(lambda connection: None) as url:
            self.assertRegex(self.trouble(url, seconds=0.2), "no answer within|does not answer in time")

    def test_a_byte_now_and_then(self):
        def drip(connection):
            while True:
                connection.sendall(b"H")
                threading.Event().wait(0.02)
        with self.server(drip) as url:
            self.assertEqual("no answer within 0.3 s", self.trouble(url, seconds=0.3))

    def test_no_http(self):
        with self.http(b"220 mail.example.com ESMTP\r\n") as url:
            self.assertIn("does not speak HTTP", self.trouble(url))

    def test_closed_at_once(self):
        with self.server(lambda connection: connection.close()) as url:
            self.assertIn("the connection to 127.0.0.1", self.trouble(url))

    def test_no_tls(self):
        with self.http(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
            self.assertIn("no TLS with", self.trouble(url.replace("http:", "https:")))

    def test_nonsense_in_json(self):
        for body in (b"[" * 100000, b"[]", b"null", b"\xff\xfe", b"{", b""):
            with self.http(b"HTTP/1.1 200 OK\r\n\r\n" + body) as url:
                self.assertEqual({}, self.client(url).ask("GET", "/").json)

    def test_an_echo_of_the_key(self):
        """Nor a sequence that a terminal obeys."""
        report = self.script.Report(None, KEY)
        self.assertEqual("?[2J*** ?", report.clean(f"\x1b[2J{KEY} \x9b"))
        self.assertEqual(503, len(report.clean("x" * 100000)))

    def test_answers_of_another_service(self):
        """Whatever they hold, it is a failure and no traceback."""
        class Handler(http.server.BaseHTTPRequestHandler):
            def reply(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = answers.get(self.path.partition("?")[0], (404, {}))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())
            do_GET = do_POST = do_PATCH = reply

            def log_message(self, *_):
                pass
        ready = {"status": "ready", "build_id": None, "checks": {"queue": {"status": "warning", "reason": ["stuck"]}, "x": 1}}
        nonsense = [{}, {"stages": [None, 3], "error": 5}, {"current_period": {}, "metrics": [None, {"state": "alarm"}]},
                    {"feedback_coverage": 1, "resolved_with_feedback": "2", "resolved_total": []}]
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        for first, rest, status in (({}, {}, 1), ({"checks": []}, {}, 1), *((ready, rest, 2) for rest in nonsense)):
            answers = dict.fromkeys(("/admin/config", "/full-process", "/admin/smoke/run", "/admin/system-health",
                                     "/admin/feedback-stats"), (200, rest)) | {"/health/ready": (200, first)}
            done = run(command("--url", f"http://127.0.0.1:{server.server_port}"),
                       env=environment({}) | {"ADMIN_API_KEY": KEY})
            self.assertEqual(status, done.returncode, done.stdout)
            self.assertNotIn("Traceback", done.stdout)
