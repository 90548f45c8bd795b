"""The n-th allocation, libpq call and libcurl call fails, for each n: nobody dies of it, clients get an
answer that they can act upon, and each job ends once (SPEC §3, §4).

MIZAN_TORTURE_SEED gives the sample the choices of an earlier run.
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import threading
import unittest

from failpoints import FOR_EVER, FailingStack, open_files, settled
from failures import accept
from harness import TORTURE, StackCase, environment, wait_for

SEED = os.environ.get("MIZAN_TORTURE_SEED") or str(random.randrange(10**6))
SAMPLE = 4  # of each path and kind of call, in make test
LIMIT = 5000  # more calls than any operation makes
PASSES = ("out_of_memory", "database_unavailable", "database_busy")  # codes that say: try again
STACK = None


def setUpModule():
    global STACK
    STACK = FailingStack("failpoints", JOB_LEASE_SECONDS=1, RETRY_BASE_MS=20, RETRY_MAX_MS=100,
                         SYNC_WAIT_MS=4000, DB_POOL_SIZE=2, FCGI_THREADS=8, DB_TIMEOUT_MS=3000)
    unittest.addModuleCleanup(STACK.remove)
    STACK.up()
    print(f"MIZAN_TORTURE_SEED={SEED}", flush=True)


class FailPointCase(StackCase):
    """program: whose calls fail, process: its name in the stack."""
    program = process = None

    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    @property
    def points(self):
        return self.stack.points[self.program]

    def each(self, kind, operation, sample=SAMPLE):
        """operation() with each call of that kind failing, until it comes through without one."""
        pid = self.stack.pid(self.process)
        for kind_once in ("libpq", kind):  # pays what is paid once, for a failure and for a new connection
            with self.stack.failing(self.program, kind_once, 2):
                operation()
        before = self.resources(operation)
        done = 0
        for n in range(1, LIMIT) if TORTURE else self.sample(kind, operation, sample):
            with self.subTest(kind=kind, n=n), self.stack.failing(self.program, kind, n) as points:
                operation()
                self.assertEqual(pid, self.stack.pid(self.process), points.what(kind))
            done += 1
            if TORTURE and not self.points.fired(kind):
                break
        self.assertLess(done, LIMIT - 1, "it never came through")
        self.assert_nothing_left(before, self.resources(operation), done)

    def sample(self, kind, operation, n):
        with self.stack.failing(self.program, kind, FOR_EVER - 1) as points:
            operation()
            calls = points.count(kind)
        self.assertGreater(calls, 3)
        choice = random.Random(f"{SEED}/{self.id()}/{kind}")
        return sorted(choice.sample(range(1, calls + 1), min(n, calls)))

    def resources(self, operation):
        """Open files, connections to the database and blocks of memory after operation(), at rest."""
        operation()
        pid = self.stack.pid(self.process)
        connections = f"select count(*) from pg_stat_activity where application_name like '{self.program}%'"
        return settled(lambda: (open_files(pid), self.stack.value(connections), self.points.live), "open files and blocks")

    def assert_nothing_left(self, before, after, done):
        """A connection to the database more is a file and some 15 blocks; nginx's come and go meanwhile."""
        files, connections, blocks = (a - b for a, b in zip(after, before))
        self.assertLessEqual(files, 3)
        self.assertLessEqual(blocks, 20 * max(files, connections, 0) + done // 4, (before, after))

    # --- What a client does that comes again when it is told to

    def upload_until_done(self, document):
        def done():
            answer = self.upload(document)
            if answer.status == 200:
                return answer.json
            self.assert_comes_again(answer)
            return None
        result = wait_for(done, 20, "the result", every=0.01)
        self.assertEqual(("SUCCEEDED", "exact"), (result["status"], result["audit"]["outcome"]))
        self.assert_once(result["job_id"])
        return result

    def assert_comes_again(self, answer, statuses=(503,)):
        if answer.status == 202:
            self.assertTrue(answer.headers["Location"])
        else:
            self.assertIn(answer.status, statuses, answer)
            self.assertEqual("application/problem+json", answer.headers.get_content_type())
            if answer.status == 503:
                self.assertIn(answer.json["code"], PASSES)
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)

    def assert_once(self, job_id):
        """The job's document has that one job, which has one invoice and no incident."""
        self.assertEqual([["1", "1", "0"]], self.stack.sql(
            "select (select count(*) from jobs o where o.tenant_id = j.tenant_id and o.document_id = j.document_id),"
            " (select count(*) from invoices v where v.tenant_id = j.tenant_id and v.job_id = j.id),"
            " (select count(*) from incidents i where i.tenant_id = j.tenant_id and i.job_id = j.id)"
            f" from jobs j where j.id = '{job_id}'"))

    def process_one(self):
        self.upload_until_done(self.stack.unique_pdf())


class Upload(FailPointCase):
    program = process = "full_process"

    def test_memory(self):
        self.each("memory", self.process_one)

    def test_libpq(self):
        self.each("libpq", self.process_one)

    def test_everything_for_a_while(self):
        for kind in ("memory", "libpq"):
            with self.subTest(kind=kind):
                document, pid = self.stack.unique_pdf(), self.stack.pid("full_process")
                with self.stack.failing("full_process", kind, 1, FOR_EVER) as points:
                    for _ in range(5):
                        self.assert_comes_again(self.upload(document))
                    self.assertTrue(points.fired(kind))
                self.upload_until_done(document)
                self.assertEqual(pid, self.stack.pid("full_process"))


class Show(FailPointCase):
    program = process = "full_process"

    def setUp(self):
        super().setUp()
        self.job = self.upload_until_done(self.stack.unique_pdf())

    def show(self):
        def shown():
            answer = self.stack.job(self.job["job_id"])
            if answer.status != 200:
                self.assert_comes_again(answer)
            return answer.status == 200 and answer.json
        self.assertEqual(self.job, wait_for(shown, 10, "the job") | {"duplicate": self.job["duplicate"]})

    def test_memory(self):
        self.each("memory", self.show)

    def test_libpq(self):
        self.each("libpq", self.show)


class Ready(FailPointCase):
    program = process = "health"
    was = ""  # when it looked last

    def ready(self):
        """It looks anew, be it that it finds the database away, and after that finds it well."""
        def ready():
            answer = self.stack.ready()
            if "checks" not in answer.json:
                self.assert_comes_again(answer)
                return False
            self.assertEqual({"ready": 200, "not_ready": 503}[answer.json["status"]], answer.status)
            return answer.status == 200 and answer.json["timestamp"] > self.was and answer.json["timestamp"]
        self.was = wait_for(ready, 10, "readiness", every=0.1)

    def test_memory(self):
        self.each("memory", self.ready, sample=1)

    def test_libpq(self):
        self.each("libpq", self.ready, sample=1)

    def test_alive(self):
        with self.stack.failing("health", "memory", 1, FOR_EVER):
            for _ in range(5):
                answer = self.stack.get("/health")
                self.assertIn(answer.status, (200, 503))


class Work(FailPointCase):
    program, process = "worker", "worker-1"

    def process_one(self):
        """Accepted, and waited for without the endpoint's help, as its own calls are not the point."""
        job_id = accept(self.stack, self.stack.unique_pdf(), self.tenant)
        job = self.stack.ended_job(job_id)
        self.assertEqual(("SUCCEEDED", "exact"), (job["status"], job["audit"]["outcome"]))
        self.assert_once(job_id)

    def test_memory(self):
        self.each("memory", self.process_one)

    def test_libpq(self):
        self.each("libpq", self.process_one)

    def test_libcurl(self):
        self.each("libcurl", self.process_one)

    def test_everything_for_a_while(self):
        for kind in ("memory", "libpq", "libcurl"):
            with self.subTest(kind=kind):
                pid = self.stack.pid("worker-1")
                with self.stack.failing("worker", kind, 1, FOR_EVER) as points:
                    job_id = accept(self.stack, self.stack.unique_pdf(), self.tenant)
                    wait_for(lambda: points.fired(kind) > 4, 10, f"failures of {kind}")
                self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
                self.assert_once(job_id)
                self.assertEqual(pid, self.stack.pid("worker-1"))


class Libfcgi(FailPointCase):
    """libfcgi ends its process where it gets no memory: the next one serves, and nothing is lost."""
    program = process = "full_process"

    def test_upload(self):
        calls = self.sample("fcgi memory", self.process_one, LIMIT)
        for n in calls if TORTURE else calls[:1] + calls[-1:]:
            with self.subTest(n=n):
                document, pid = self.stack.unique_pdf(), self.stack.pid("full_process")
                with self.stack.failing("full_process", "fcgi memory", n) as points:
                    first = self.upload(document)
                    self.assertTrue(points.fired("fcgi memory"))
                if first.status != 200:
                    self.assertEqual((502, "application/problem+json"),
                                     (first.status, first.headers.get_content_type()))
                wait_for(lambda: self.stack.pid("full_process") not in (pid, None), 15, "the next process")
                wait_for(lambda: self.stack.request("GET", "/jobs/x", headers=self.stack.key_header()).status == 404,
                         15, "its first answer")
                self.upload_until_done(document)


class Start(StackCase):
    """A program that is being started: it comes up, or it says why not and ends with a status."""
    PROGRAMS = {"full_process": "full_process.fcgi", "health": "health.fcgi", "worker": "worker"}

    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="mizan-start-")
        self.addCleanup(folder.cleanup)
        self.socket = pathlib.Path(folder.name) / "socket"

    def test_memory(self):
        for program in self.PROGRAMS:
            self.each(program, "memory")

    def test_libpq(self):
        for program in self.PROGRAMS:
            self.each(program, "libpq")

    def test_libcurl(self):
        self.each("worker", "libcurl")

    def each(self, program, kind):
        points = self.stack.points[program]
        self.start(program, points, kind, FOR_EVER - 1)
        calls = range(1, points.count(kind) + 1)
        choice = random.Random(f"{SEED}/{program}/{kind}")
        for n in calls if TORTURE else sorted(choice.sample(calls, min(SAMPLE, len(calls)))):
            with self.subTest(program=program, kind=kind, n=n):
                self.start(program, points, kind, n)

    def start(self, program, points, kind, nth):
        """Beside the stack's own of that kind, which shares its steering and has nothing to do."""
        name = "worker-1" if program == "worker" else program
        self.socket.unlink(missing_ok=True)
        with self.stack.paused(name), self.stack.failing(program, kind, nth):
            with self.popen(program) as process:
                too_long = threading.Timer(20, process.kill)
                too_long.start()
                log = self.read_until_up(process, program)
                process.send_signal(signal.SIGTERM)
                log += process.stdout.readlines()
                process.wait()
                too_long.cancel()
            # By what it says when it was stopped, or by what it could not do: never by a signal.
            events = [json.loads(line) for line in log if line.startswith("{")]
            if process.returncode == 0:
                self.assertEqual("stop", events[-1]["event"], log)
            else:
                self.assertIn(process.returncode, (1, 2), (points.what(kind), log))
                self.assertIn(events[-1]["event"], ("start.failed", "config.invalid", "stop"), log)

    def popen(self, program):
        role = "DATABASE_WORKER_URL" if program == "worker" else "DATABASE_URL"
        env = environment({"DATABASE_URL": self.stack.env[role], "OPENAI_API_KEY": "sk-x",
                           "OPENAI_BASE_URL": self.stack.env["OPENAI_SIM_URL"] + "/v1", "DB_TIMEOUT_MS": 3000})
        file = self.PROGRAMS[program]
        listen = [] if program == "worker" else ["--listen", str(self.socket)]
        return subprocess.Popen([str(self.stack.bin / file), *listen], env=env, text=True, cwd="/",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def read_until_up(self, process, program):
        """Its log so far: until it is ready, or has ended."""
        log = []
        for line in process.stdout:
            log.append(line)
            if '"start.worker"' in line:
                return log
            if '"start.pilot"' in line and program != "worker":
                break
        if program != "worker":
            wait_for(lambda: self.socket.exists() or process.poll() is not None, 10, "its socket or its end")
        return log
