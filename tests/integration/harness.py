"""What the integration tests stand on: a whole stack of their own, and clients for each side of it.

A test file holds classes derived from StackCase.  self.stack is the stack that all of them share
(brought up once, with QUICK settings), self.tenant a tenant that no other test uses:

    class Sync(StackCase):
        def test_exact(self):
            answer = self.upload(self.stack.unique_pdf("electricity-exact"))
            self.assertEqual((200, "exact"), (answer.status, answer.json["audit"]["outcome"]))

A test that needs other settings restarts one process with them (`with self.stack.settings("worker",
JOB_LEASE_SECONDS=1):` puts the old ones back), or brings up a Stack of its own in setUpClass.
Nothing sleeps: wait_for() polls for what is awaited.
"""
import collections
import contextlib
import copy
import hashlib
import http.client
import json
import os
import pathlib
import re
import shlex
import signal
import ssl
import subprocess
import threading
import time
import unittest
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "invoices"
EXPECTED = ROOT / "tests" / "data" / "expected.json"
TEST_DIR = pathlib.Path(os.environ.get("MIZAN_TEST_DIR") or ROOT / "build" / "test").resolve()

# Short enough that a test may wait for them, long enough for a busy machine.
QUICK = {
    "JOB_LEASE_SECONDS": 5,
    "QUOTA_PROBE_SECONDS": 1,
    "RETRY_BASE_MS": 50,
    "RETRY_MAX_MS": 1000,
    "SYNC_WAIT_MS": 15000,
    "WORKER_POLL_MS": 200,
}
PROCESSES = ("full_process", "health", "admin", "worker-1", "watchdog")
PILOT = "pilot"
# Of the caller's environment only this reaches a stack: settings come from the tests alone.
KEPT_VARIABLES = re.compile(
    r"PATH|HOME|USER|LANG|LC_ALL|TMPDIR|MIZAN_BIN|MIZAN_USER|[AUTL]+SAN_OPTIONS|GCOV_PREFIX.*")
UNSET = ""  # as a setting: back to its default
# `make torture`: everything that is a sample in `make test` is done in full.
TORTURE = bool(os.environ.get("MIZAN_TORTURE"))


def wait_for(condition, timeout=10, what=None, every=0.02):
    """The first true value that condition() gives; AssertionError when it gives none in time.

    every: seconds until the second look; later ones come more slowly, a tenth of a second apart at the most,
    as many a condition costs a process of psql."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what or condition}; last: {value!r}")
        time.sleep(every)
        every = max(every, min(every * 1.5, 0.1))


class Answer(collections.namedtuple("Answer", "status headers json")):
    """An HTTP answer; json is None where the body is none; .body has the bytes."""
    body = b""

    def __str__(self):
        return f"{self.status} {self.body[:600]!r}"


class Document:
    """A file to upload, known to the simulator by its SHA-256."""

    def __init__(self, content, filename="invoice.pdf"):
        self.content = content
        self.filename = filename
        self.sha256 = hashlib.sha256(content).hexdigest()


class SqlError(Exception):
    """psql refused; .state is the SQLSTATE."""

    def __init__(self, message):
        super().__init__(message)
        found = re.search(r"(?:ERROR|FATAL): +([0-9A-Z]{5})\b", message)
        self.state = found.group(1) if found else None


def multipart(content, filename="invoice.pdf", field="file", boundary="----mizan-test-boundary"):
    """(body, Content-Type) of a form with one file; filename may be bytes, sent as they are."""
    name = filename if isinstance(filename, bytes) else filename.encode()
    head = b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n' % (
        boundary.encode(), field.encode(), name)
    head += b"Content-Type: application/octet-stream\r\n\r\n"
    body = head + content + b"\r\n--%s--\r\n" % boundary.encode()
    return body, f"multipart/form-data; boundary={boundary}"


def sample(name):
    """The sample document NAME (without its suffix) of tests/data/invoices."""
    for suffix in ("pdf", "png", "jpg", "webp"):
        path = DATA / f"{name}.{suffix}"
        if path.exists():
            return path
    raise FileNotFoundError(DATA / name)


def extraction(name):
    """What a reader finds in the sample NAME: the extraction of SPEC §5."""
    return json.loads((DATA / f"{name}.json").read_text())


def environment(settings):
    """The environment that scripts/stack is called with."""
    kept = {k: v for k, v in os.environ.items() if KEPT_VARIABLES.fullmatch(k)}
    if "MIZAN_BIN" in kept:  # a stack may run elsewhere
        kept["MIZAN_BIN"] = os.path.abspath(kept["MIZAN_BIN"])
    return kept | {k: as_setting(v) for k, v in settings.items()}


def as_setting(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def run(command, **options):
    """Out of the terminal's process group: ^C is for the tests, which then tidy up."""
    return subprocess.run(command, text=True, stdin=options.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True, check=False, **options)


class Simulator:
    """Steers the provider (tests/openai_sim/README.md)."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url)

    def order(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, "/sim" + path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            text = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} /sim{path}: {response.status} {text!r}")
        return json.loads(text) if text.strip() else None

    def answer(self, sha256, answer):
        """What the document with that SHA-256 is answered with from now on."""
        self.order("PUT", f"/answers/{sha256}", answer)

    def default(self, answer):
        self.order("PUT", "/default", answer)

    def fault(self, kind, **options):
        """Trouble for the next valid call, or count=N of them; -1: until clear_faults()."""
        self.order("PUT", "/fault", {"kind": kind} | options)

    def clear_faults(self):
        self.order("DELETE", "/fault")

    def delay(self, ms, jitter_ms=0):
        self.order("PUT", "/delay", {"ms": ms, "jitter_ms": jitter_ms})

    def stats(self):
        return self.order("GET", "/stats")

    def calls(self, sha256):
        """How many valid calls were made for the document."""
        return self.order("GET", f"/calls/{sha256}")["calls"]

    def completions(self, sha256):
        """How many of them were answered: what is paid."""
        return self.order("GET", f"/calls/{sha256}")["completions"]

    def reset(self):
        self.order("POST", "/reset")


class Stack:
    """One stack of scripts/stack in a directory of its own, TEST_DIR/NAME."""
    prefix = ()  # of the command, where it is to run elsewhere
    on_answer = None  # a function of method, target, headers sent and Answer

    def __init__(self, name="stack", **settings):
        self.dir = TEST_DIR / name
        self.initial = QUICK | settings
        self.env = {}
        self.sim = None
        self.tls = None

    # --- Up and down

    def script(self, *arguments, settings=None):
        """scripts/stack ARGUMENTS --dir DIR; RuntimeError with its output when it fails."""
        done = self.try_script(*arguments, settings=settings)
        if done.returncode != 0:
            raise RuntimeError(f"scripts/stack {' '.join(arguments)}: {done.stdout}")
        return done.stdout

    def try_script(self, *arguments, settings=None):
        """The same, but a failure is the caller's to look at."""
        return run([*self.prefix, str(ROOT / "scripts" / "stack"), *arguments, "--dir", str(self.dir)],
                   env=environment(settings or {}), cwd=ROOT)

    def up(self, *arguments):
        self.down()
        self.dir.parent.mkdir(parents=True, exist_ok=True)
        self.script("up", "--no-sample", *arguments, settings=self.initial)
        self.read_env()
        return self

    def down(self):
        """Stops it and deletes what it stored."""
        self.script("down", "--purge")

    def read_env(self):
        for line in (self.dir / "env").read_text().splitlines():
            if line.startswith("export "):
                name, value = shlex.split(line)[1].split("=", 1)
                self.env[name] = value
        self.url = self.env["MIZAN_URL"]
        self.address = urllib.parse.urlsplit(self.url)
        self.api_key = self.env["API_KEY"]
        self.admin_key = self.env["ADMIN_API_KEY"]
        self.tls = ssl.create_default_context(cafile=self.env["MIZAN_CACERT"])
        if "OPENAI_SIM_URL" in self.env:
            self.sim = Simulator(self.env["OPENAI_SIM_URL"])

    def restart(self, name, **settings):
        """One process, or all workers ("worker"), with these settings replaced; UNSET: default."""
        self.script("restart", name, settings=settings)

    @contextlib.contextmanager
    def settings(self, *names, **settings):
        """The named processes with other settings; afterwards as they were."""
        before = {key: self.initial.get(key, UNSET) for key in settings}
        try:
            for name in names:
                self.restart(name, **settings)
            yield self
        finally:
            for name in names:
                self.restart(name, **before)

    def pid(self, name):
        """Process id of "full_process", "worker-1", "nginx", ...; None while it does not run."""
        try:
            return int((self.dir / "pid" / name).read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return None

    def kill(self, name, number=signal.SIGKILL):
        os.kill(self.pid(name), number)

    @contextlib.contextmanager
    def paused(self, *names):
        """The named processes stand still (SIGSTOP) within the block."""
        pids = [self.pid(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def stopped(self, name):
        """The process ended, and not started again before the end of the block; a worker is heard of after it."""
        supervisor = self.pid(f"{name}.supervisor")
        os.kill(supervisor, signal.SIGTERM)
        wait_for(lambda: self.pid(f"{name}.supervisor") is None, 40, f"the end of {name}")
        try:
            yield
        finally:
            self.restart(name)
            if name.startswith("worker-"):
                wait_for(lambda: self.value("select count(*) from worker_heartbeats"
                                            f" where pid = {self.pid(name) or 0} and stopped_at is null"), 20, f"{name} to be heard of")

    # --- Logs

    def log_text(self, name):
        """All that the process has logged ("access" is nginx's log of requests)."""
        path = self.dir / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def log(self, name, event=None, since=0):
        """Its events as objects, from character `since` of log_text() on."""
        lines = [line for line in self.log_text(name)[since:].splitlines() if line.startswith("{") and line.endswith("}")]
        events = [json.loads(line) for line in lines]
        return [e for e in events if event is None or e.get("event") == event]

    # --- HTTP

    def request(self, method, path, body=None, headers=None, query=None, timeout=60):
        """One request over TLS on a connection of its own; its answer goes to on_answer as
        well."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        connection = http.client.HTTPSConnection(
            self.address.hostname, self.address.port, timeout=timeout, context=self.tls)
        with contextlib.closing(connection):
            # An answer may come, and the connection end, before all of the body is sent.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content = response.read()
        answer = self.answer_of(response, content)
        if Stack.on_answer:
            Stack.on_answer(method, path, headers or {}, answer)
        return answer

    @staticmethod
    def answer_of(response, content):
        kind = (response.headers.get("Content-Type") or "").partition(";")[0].strip()
        parsed = None
        if content and kind in ("application/json", "application/problem+json"):
            parsed = json.loads(content)
        answer = Answer(response.status, response.headers, parsed)
        answer.body = content
        return answer

    def upload(self, source, tenant=None, key=None, headers=None, query=None, filename=None,
               timeout=60):
        """POST /full-process of a Document, a path or bytes.  key False: no key at all."""
        if isinstance(source, pathlib.Path):
            source = Document(source.read_bytes(), source.name)
        elif isinstance(source, bytes):
            source = Document(source)
        body, kind = multipart(source.content, source.filename if filename is None else filename)
        query = dict(query or {})
        if tenant is not None:
            query["tenant_id"] = tenant
        return self.request("POST", "/full-process", body,
                            {"Content-Type": kind} | self.key_header(key) | (headers or {}),
                            query, timeout)

    def key_header(self, key=None):
        return {} if key is False else {"X-API-Key": self.api_key if key is None else key}

    def get(self, path, key=None, headers=None, query=None):
        return self.request("GET", path, None, self.key_header(key) | (headers or {}), query)

    def job(self, job_id, key=None):
        return self.get(f"/jobs/{job_id}", key)

    def ended_job(self, job_id, timeout=15):
        """The job's JSON once it is no longer QUEUED or RUNNING."""
        def ended():
            answer = self.job(job_id)
            return answer.json["status"] not in ("QUEUED", "RUNNING") and answer.json
        return wait_for(ended, timeout, f"the end of job {job_id}", every=0.05)

    def admin(self, method, path, body=None, key=None, headers=None, query=None):
        """A call with an operator's key; body is sent as JSON.  key False: no key at all."""
        sent = {} if key is False else {"X-Admin-Key": self.admin_key if key is None else key}
        if body is not None:
            sent["Content-Type"] = "application/json"
        return self.request(method, path, None if body is None else json.dumps(body),
                            sent | (headers or {}), query)

    def ready(self):
        return self.request("GET", "/health/ready")

    def wait_ready(self):
        """What the test before did may be seen still: readiness is a second old at the most."""
        wait_for(lambda: self.ready().status == 200, 40, "readiness")

    # --- Keys

    def api_key_script(self, *arguments):
        return run([str(ROOT / "scripts" / "api_key"), *arguments], cwd=ROOT,
                   env=environment({}) | {"DATABASE_OWNER_URL": self.env["DATABASE_OWNER_URL"]})

    def make_key(self, tenant=None, role="client"):
        """(name, key) of a new key for one tenant, or for all."""
        name = f"key-{uuid.uuid4().hex[:12]}"
        scope = ["--tenant", tenant] if tenant else ["--all-tenants"]
        done = self.api_key_script("create", "--name", name, "--role", role, *scope)
        if done.returncode != 0:
            raise RuntimeError(done.stdout)
        return name, done.stdout.split()[-1]

    def revoke_key(self, name):
        done = self.api_key_script("revoke", name)
        if done.returncode != 0:
            raise RuntimeError(done.stdout)

    # --- SQL

    def sql(self, query, role="owner", tenant=None):
        """Rows of the last statement, each a list of texts (null is None); SqlError when refused.

        role: owner, app, admin, worker or watchdog.  With a tenant it runs in one transaction that names
        it as the application does.
        """
        if tenant is not None:
            query = f"begin; set local mizan.tenant_id = '{tenant}';\n{query};\ncommit;"
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-P", "null=\x02",
             "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"],
            input=query, text=True, env=self.psql_environment(role), start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise SqlError(done.stderr)
        rows = done.stdout.rstrip("\n").split("\x1e") if done.stdout.strip("\n") else []
        return [[None if v == "\x02" else v for v in row.rstrip("\n").split("\x1f")] for row in rows]

    def value(self, query, role="owner", tenant=None):
        """The one value of the one row; a number where it is one."""
        text = self.sql(query, role, tenant)[0][0]
        return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else text

    def psql_environment(self, role):
        name = "DATABASE_URL" if role == "app" else f"DATABASE_{role.upper()}_URL"
        url = urllib.parse.urlsplit(self.env[name])
        return environment({}) | {
            "PGUSER": url.username, "PGPASSWORD": url.password,
            "PGDATABASE": url.path.lstrip("/"), "PGHOST": urllib.parse.parse_qs(url.query)["host"][0],
            "PGTZ": "UTC",
        }

    # --- Documents

    def unique_pdf(self, name="electricity-exact", answer=None, same_invoice=False, change=None):
        """The sample NAME as a document that was never sent before, with its answer set.

        Its invoice number is new as well, unless same_invoice.  answer: another one than the
        sample's; change: a function that edits a copy of the answer.
        """
        salt = uuid.uuid4().hex
        path = sample(name)
        document = Document(path.read_bytes() + f"\n% {salt}\n".encode(), path.name)
        answer = copy.deepcopy(extraction(name) if answer is None else answer)
        if not same_invoice and "invoice_number" in answer:
            answer["invoice_number"]["value"] = salt[:16].upper()
        if change:
            change(answer)
        self.sim.answer(document.sha256, answer)
        return document

    # --- Back to the beginning

    def tidy(self):
        """As after the start: the simulator at peace, the provider well, the pilot on."""
        if self.sim:
            self.sim.reset()
        self.sql("update provider_state set state = 'ok', blocked_until = null, consecutive = 0,"
                 " probe_token = null where state <> 'ok' or probe_token is not null;"
                 "update pilot_switch set enabled = true where not enabled")

    def reset_pilot(self):
        """The pilot's rows gone, so that its hour is empty, and its switch on."""
        tables = ("idempotency_keys", "provider_calls", "invoices", "incidents", "jobs", "documents")
        deletes = "".join(f"delete from {t} where tenant_id = '{PILOT}';" for t in tables)
        self.sql(f"begin; {deletes} update pilot_switch set enabled = true; commit;")


_shared = None
_shared_lock = threading.Lock()


def shared_stack():
    """The stack that all tests share; the first call brings it up."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Stack().up()
        return _shared


def end_shared_stack(keep=False):
    """Takes it down, also one that came up by half."""
    global _shared
    with _shared_lock:
        if keep and _shared is not None:
            print(f"the stack stays up: . {_shared.dir}/env", flush=True)
        else:
            Stack().down()
        _shared = None


def fresh_tenant(stem="t"):
    """A tenant's name that was never used."""
    return f"{re.sub('[^a-z0-9]+', '-', stem.lower()).strip('-')[:40] or 't'}-{uuid.uuid4().hex[:8]}"


class StackCase(unittest.TestCase):
    """A test on the shared stack, in a tenant of its own."""
    PROBLEM_MEMBERS = {"status", "title", "detail", "code", "trace_id"}

    @classmethod
    def setUpClass(cls):
        cls.stack = shared_stack()

    def setUp(self):
        self.stack.tidy()
        self.tenant = fresh_tenant(self._testMethodName.removeprefix("test_"))

    @property
    def sim(self):
        return self.stack.sim

    def upload(self, source, **options):
        """stack.upload() into this test's tenant."""
        options.setdefault("tenant", self.tenant)
        return self.stack.upload(source, **options)

    def upload_done(self, source, **options):
        """The result of an upload that must be answered with 200."""
        answer = self.upload(source, **options)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def assert_problem(self, answer, status, code):
        """RFC 9457 as SPEC §1 has it, with that status and code."""
        self.assertEqual(status, answer.status, answer)
        self.assertEqual("application/problem+json", answer.headers.get_content_type())
        self.assertEqual(code, answer.json["code"], answer)
        self.assertEqual(status, answer.json["status"])
        self.assertLessEqual(self.PROBLEM_MEMBERS, set(answer.json))
        self.assertTrue(answer.json["title"] and answer.json["detail"], answer)
        self.assertEqual([answer.json["trace_id"]], answer.headers.get_all("X-Trace-Id"))
