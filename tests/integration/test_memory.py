"""Data races and lost memory: the endpoints under a load of all that clients do, for the thread sanitizer
to watch (scripts/test integration-threads), and the worker under valgrind.

MIZAN_TORTURE_SEED gives the load the choices of an earlier run.
"""
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import ssl
import threading
import time
import unittest

from failpoints import open_files, settled
from failures import accept, gone, stopped
from harness import DATA, PILOT, TORTURE, Document, Stack, StackCase, fresh_tenant, multipart, wait_for
from history import History, judge
from load import Load
from programs import WrappedStack, sanitized

SEED = os.environ.get("MIZAN_TORTURE_SEED") or str(random.randrange(10**6))
SECONDS = 60 if TORTURE else 6
UPLOADERS, VISITORS = 16, 16
POOL = 4  # connections to the database, of each endpoint


class Visitor:
    """A client that looks around, makes mistakes and goes away in the middle, again and again."""

    def __init__(self, load, number):
        self.load = load
        self.stack = load.stack
        self.random = random.Random(f"{SEED}/visitor/{number}")
        self.unexpected = []

    def run(self):
        acts = (self.health, self.ready, self.job, self.no_job, self.bad_key, self.bad_file, self.bad_form,
                self.gone_waiting, self.gone_sending, self.several)
        while not self.load.over.is_set():
            act = self.random.choice(acts)
            with contextlib.suppress(OSError):  # of an endpoint that is being started again
                act()

    def expect(self, answer, *statuses):
        """Or what nginx says while an endpoint is away, and what an endpoint says that stops."""
        if answer.status not in (*statuses, 502, 503, 504):
            self.unexpected.append(str(answer))

    def health(self):
        self.expect(self.stack.request("GET", "/health"), 200)

    def ready(self):
        self.expect(self.stack.ready(), 200, 503)

    def job(self):
        known = [told.job_id for told in list(self.load.history.told) if told.accepted]
        if known:
            self.expect(self.stack.job(self.random.choice(known[-50:])), 200)

    def no_job(self):
        self.expect(self.stack.get("/jobs/00000000-0000-4000-8000-000000000000"), 404)

    def bad_key(self):
        self.expect(self.stack.get("/jobs/x", key=f"wrong-{self.random.random()}"), 401, 429)

    def bad_file(self):
        self.expect(self.stack.upload(b"no document", self.load.tenant), 415)

    def bad_form(self):
        self.expect(self.stack.request("POST", f"/full-process?tenant_id={self.load.tenant}", b"--x\r\n",
                                       {"Content-Type": "multipart/form-data; boundary=x"} | self.stack.key_header()), 400)

    def gone_waiting(self):
        """Sends all of it and does not stay for the answer."""
        with self.sent(1.0) as connection:
            self.load.over.wait(self.random.choice((0, 0.01, 0.1)))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def gone_sending(self):
        with self.sent(self.random.random()):
            pass

    @contextlib.contextmanager
    def sent(self, part):
        """A connection on which so much of an upload was sent."""
        body, kind = multipart(self.random.choice(self.load.documents).content + os.urandom(8))
        head = (f"POST /full-process?tenant_id={self.load.other} HTTP/1.1\r\nHost: localhost\r\n"
                f"X-API-Key: {self.stack.api_key}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n")
        raw = socket.create_connection((self.stack.address.hostname, self.stack.address.port), 10)
        with self.stack.tls.wrap_socket(raw, server_hostname="localhost") as connection:
            connection.sendall(head.encode() + body[:int(len(body) * part)])
            yield connection

    def several(self):
        """On one connection, each before the answer to the last is read."""
        raw = socket.create_connection((self.stack.address.hostname, self.stack.address.port), 10)
        with self.stack.tls.wrap_socket(raw, server_hostname="localhost") as connection:
            for _ in range(5):
                connection.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(1 << 16)


class Visitors:
    """They come within the block."""

    def __init__(self, stack, history, tenant):
        self.stack, self.history, self.tenant = stack, history, tenant
        self.other = fresh_tenant("gone")
        self.documents = [Document(path.read_bytes()) for path in sorted(DATA.glob("*.p[dn][fg]"))[:8]]
        self.over = threading.Event()
        self.visitors = [Visitor(self, n) for n in range(VISITORS)]
        self.threads = [threading.Thread(target=v.run) for v in self.visitors]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def unexpected(self):
        return [said for visitor in self.visitors for said in visitor.unexpected]


class Endpoints(StackCase):
    """What goes wrong between threads is the sanitizer's to say; the rest is judged here."""
    NAMES = ("full_process", "health")

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack("memory", JOB_LEASE_SECONDS=10, SYNC_WAIT_MS=2000, DB_POOL_SIZE=POOL, FCGI_THREADS=48)
        cls.addClassCleanup(cls.stack.down)
        cls.stack.up()
        print(f"MIZAN_TORTURE_SEED={SEED}", flush=True)

    def test_under_load(self):
        """Twice they are told to stop amid it all, and end in good order; the third pair serves to the end."""
        history = History(self.stack)
        self.addCleanup(history.end)
        files = self.files()
        self.stack.sim.delay(20, 200)
        with Load(history, [self.tenant], SEED, clients=UPLOADERS, pause=0.02) as load, \
                Visitors(self.stack, history, self.tenant) as visitors:
            for _ in range(2):
                self.go_on(SECONDS / 3)
                self.stop_endpoints()
            self.go_on(SECONDS / 3)
        self.assertEqual([], visitors.unexpected()[:5])
        self.assertGreater(load.accepted(), 2 * SECONDS)
        history.quiet()
        self.assertEqual([], judge(history.facts())[:5])
        self.stack.restart("nginx")  # which keeps connections
        self.assertLessEqual(settled(self.files, "open files"), files + 2 * POOL)

    def go_on(self, seconds):
        time.sleep(seconds)  # the load itself is what is waited for

    def stop_endpoints(self):
        for name in self.NAMES:
            pid, said = self.stack.pid(name), len(self.stack.log(name, "stop"))
            began = time.monotonic()
            self.stack.kill(name, signal.SIGTERM)
            wait_for(lambda: gone(pid), 30, f"the end of {name}")
            self.assertLess(time.monotonic() - began, 10 if not sanitized() else 30)
            self.assertEqual(["stopped"], [e["message"] for e in self.stack.log(name, "stop")[said:]][-1:])
            wait_for(lambda: self.stack.pid(name) not in (None, pid), 20, f"{name} again")
        wait_for(lambda: self.stack.get("/jobs/none").status == 404, 20, "full_process")
        wait_for(lambda: self.stack.request("GET", "/health").status == 200, 20, "health")

    def files(self):
        return sum(open_files(self.stack.pid(name)) for name in self.NAMES)


class ValgrindStack(WrappedStack):
    def start(self, name, real):
        if name != "worker":
            return super().start(name, real)
        return (f"exec valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect,possible"
                f" --errors-for-leak-kinds=definite,indirect,possible --track-fds=yes --vgdb=no"
                f" --num-callers=30 --log-file={self.bin}/valgrind.%p {real} \"$@\"")


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed (scripts/deps --test)")
@unittest.skipIf(sanitized(), "the programs have a sanitizer of their own")
class Worker(StackCase):
    """It does all that it can be made to do, and valgrind has nothing to say."""
    # Answers of the provider, and how the job ends.
    ANSWERS = (
        (None, "SUCCEEDED"),
        ({"refusal": "no"}, "FAILED"),
        ({"content": "no JSON"}, "FAILED"),
        ({"content": "{\"seller\":{\"name\":1}}"}, "FAILED"),
        ({"content": "[" * 1000}, "FAILED"),
        ({"content": "\ud83d\u0000"}, "FAILED"),
        ({"finish_reason": "content_filter"}, "FAILED"),
        ({"finish_reason": "length", "content": "{"}, "FAILED"),
    )
    # Faults of one call, after which the job succeeds.
    FAULTS = ({"kind": "server_error"}, {"kind": "cut"}, {"kind": "not_json"}, {"kind": "hang"},
              {"kind": "drip", "bytes": 500, "ms": 1}, {"kind": "huge"}, {"kind": "schema_violation"},
              {"kind": "broken_json"}, {"kind": "refusal"}, {"kind": "length"}, {"kind": "bad_request"},
              {"kind": "rate_limit", "retry_after": None, "retry_after_ms": 50}, {"kind": "insufficient_quota"},
              {"kind": "unauthorized"})
    SAMPLES = ("electricity-exact", "mismatch-s1", "mismatch-s2", "slipped-decimal", "rounding", "scan-exact")
    ROUNDS = 5 if TORTURE else 1

    @classmethod
    def setUpClass(cls):
        cls.stack = ValgrindStack("valgrind", JOB_LEASE_SECONDS=30, JOB_MAX_ATTEMPTS=2, OPENAI_TIMEOUT_MS=1000,
                                  WORKER_CONCURRENCY=4, RETRY_MAX_MS=200)
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()

    def test_all_kinds_of_jobs(self):
        for _ in range(self.ROUNDS):
            jobs = self.answers() | self.faults() | self.samples()
            for job_id, state in jobs.items():
                self.assertEqual(state, self.stack.ended_job(job_id, 60)["status"])
            self.pilot_is_off()
            self.database_restarts()
        report = self.report(self.in_flight)
        if report:
            self.fail(report)

    def accept(self, document, tenant=None):
        return accept(self.stack, document, tenant or self.tenant)

    def answers(self):
        return {self.accept(self.stack.unique_pdf(answer=answer)): state for answer, state in self.ANSWERS}

    def faults(self):
        jobs = {}
        for fault in self.FAULTS:
            document = self.stack.unique_pdf()
            self.sim.fault(**fault, sha256=document.sha256)
            jobs[self.accept(document)] = "SUCCEEDED"
        return jobs

    def samples(self):
        return {self.accept(self.stack.unique_pdf(name, same_invoice=again)): "SUCCEEDED"
                for name in self.SAMPLES for again in (False, True, True)}

    def pilot_is_off(self):
        with self.stack.paused("worker-1"):
            job_id = self.accept(self.stack.unique_pdf(), PILOT)
            self.stack.sql("update pilot_switch set enabled = false")
        self.assertEqual("SKIPPED", self.stack.ended_job(job_id, 60)["status"])
        self.stack.sql("update pilot_switch set enabled = true")

    def database_restarts(self):
        self.stack.script("restart", "postgres")
        wait_for(lambda: self.stack.ready().status == 200, 60, "readiness")
        job_id = wait_for(lambda: self.upload(self.stack.unique_pdf()).json.get("job_id"), 30, "an upload")
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id, 60)["status"])

    def in_flight(self):
        """Calls under way when it is told to stop."""
        self.sim.fault("hang", count=-1)
        for _ in range(6):
            self.accept(self.stack.unique_pdf())
        wait_for(lambda: self.sim.stats()["in_flight"] == 4, 20, "four calls in flight")

    def report(self, before):
        """What valgrind has said of the worker by its end; all but the descriptors that it was given."""
        pid = self.stack.pid("worker-1")
        before()
        with stopped(self.stack, "worker-1"):
            lines = (self.stack.bin / f"valgrind.{pid}").read_text().splitlines()
            self.sim.clear_faults()
        text = "\n".join(re.sub(r"^==\d+== ?", "", line) for line in lines)
        inherited = r"FILE DESCRIPTORS: .*|Open file descriptor \d+:.*\n {3}<inherited from parent>"
        return re.sub(inherited, "", text).strip()
