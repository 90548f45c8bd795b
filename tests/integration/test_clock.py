"""A host whose clock is an hour off changes nothing: all decisions use the database's time (SPEC §4).

The stack's processes run with tests/torture/host_clock.c before libc, each with a clock of its own
that can be set; Postgres, the simulator and the tests have the real time.
"""
import contextlib
import datetime
import email.utils
import os
import re
import signal
import subprocess
import threading
import time
import unittest

from failures import ASYNC, accept, calls_of, end, gaps_ms, job_row
from harness import PILOT, ROOT, StackCase, run, shared_stack, wait_for

SOURCE = ROOT / "tests" / "torture" / "host_clock.c"
HOUR = 3600
# Short, so that a test may wait for the end of each.
SETTINGS = {"JOB_LEASE_SECONDS": "2", "WORKER_ALIVE_SECONDS": "2", "PILOT_MAX_INVOICES_PER_HOUR": "3"}
ENDPOINTS = ("full_process", "health", "admin")
STOPPED = (*ENDPOINTS, "worker-1")  # of the stack
STARTED = (*STOPPED, "worker-2")

HOSTS = None


def setUpModule():
    global HOSTS
    HOSTS = Hosts(shared_stack())
    unittest.addModuleCleanup(HOSTS.end)
    HOSTS.begin()


class Hosts:
    """The stack's processes, each with a clock that can be set."""

    def __init__(self, stack):
        self.stack = stack
        self.clocks = stack.dir.resolve() / "clocks"
        self.library = self.clocks / "host_clock.so"
        self.like = {}  # what there is to know of each process to start one like it
        self.running = {}

    def begin(self):
        self.clocks.mkdir(mode=0o755, exist_ok=True)
        built = run(["cc", "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC",
                     "-o", str(self.library), str(SOURCE)])
        if built.returncode != 0:
            raise RuntimeError(built.stdout)
        for name in STOPPED:
            self.like[name] = self.description(self.stack.pid(name))
        self.like["worker-2"] = self.like["worker-1"]
        for name in STOPPED:
            end(self.stack, name)
        for name in STARTED:
            self.set(name, 0)
            self.start(name)

    def end(self):
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(20)
        for name in STOPPED:
            self.stack.restart(name)

    def description(self, pid):
        """Popen()'s arguments for a process as that one."""
        def words(name):
            with open(f"/proc/{pid}/{name}", encoding="utf-8") as file:
                return file.read().split("\0")[:-1]
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
            sanitizer = re.search(r"\S*/lib[at]san\.so\S*", maps.read())
        libraries = ([sanitizer[0]] if sanitizer else []) + [str(self.library)]
        owner = os.stat(f"/proc/{pid}")
        user = {} if owner.st_uid == os.getuid() else {
            "user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        env = dict(pair.split("=", 1) for pair in words("environ")) | SETTINGS | {
            "LD_PRELOAD": ":".join(libraries)}
        return {"args": words("cmdline"), "env": env, "cwd": os.readlink(f"/proc/{pid}/cwd"), **user}

    def set(self, name, seconds):
        """The host's clock goes that much before the real time, from now on."""
        new = self.clocks / f"{name}.new"
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        new.rename(self.clocks / name)

    def start(self, name):
        like = dict(self.like[name])
        if name in ENDPOINTS:  # the stack's own is handed a socket
            path = str(self.stack.dir / "sock" / f"{name}.sock")
            like["args"] = [*like["args"], "--listen", path]
        like["env"] = like["env"] | {"HOST_CLOCK": str(self.clocks / name)}
        with (self.stack.dir / "log" / f"{name}.log").open("ab") as log:
            if "user" in like:  # who else will write to it
                os.chown(log.fileno(), like["user"], like["group"])
            self.running[name] = subprocess.Popen(**like, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                  start_new_session=True)
        if name in ENDPOINTS:
            wait_for(lambda: f" {path}\n" in open("/proc/net/unix").read(), 20, f"{name} to listen")

    def kill(self, name):
        self.running[name].send_signal(signal.SIGKILL)
        self.running[name].wait(10)

    def worker_of(self, job_id):
        """Name of the one that claimed the job last."""
        pid = self.stack.value("select pid from worker_heartbeats where worker_id ="
                               f" (select worker_id from jobs where id = '{job_id}')")
        return next((name for name, process in self.running.items() if process.pid == pid), None)


class ClockCase(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = HOSTS.stack

    def set_clocks(self, seconds):
        """worker-2's host is off in the other direction."""
        for name in STARTED:
            HOSTS.set(name, -seconds if name == "worker-2" else seconds)

    def database_time(self):
        return self.stack.value("select clock_timestamp()")

    def assert_took(self, timings, seconds):
        """Nothing negative, and not longer than it was for the client."""
        self.assertGreaterEqual(timings["queue_ms"], 0)
        self.assertGreaterEqual(timings["extraction_ms"], 0)
        self.assertLessEqual(timings["queue_ms"] + timings["extraction_ms"], timings["pipeline_total_ms"] + 50)
        self.assertLessEqual(timings["pipeline_total_ms"], seconds * 1000)


class OffByAnHour:
    """The tests of both classes below."""
    SECONDS = 0

    def setUp(self):
        super().setUp()
        self.set_clocks(self.SECONDS)

    def test_clocks_are_off(self):
        """What the other tests stand on, by what the processes log."""
        self.upload_done(self.stack.unique_pdf())
        self.assert_problem(self.stack.admin("GET", "/admin/pilot", key="wrong-wrong-wrong"), 401, "invalid_api_key")
        for name in ("full_process", "admin"):
            said = datetime.datetime.fromisoformat(self.stack.log(name)[-1]["time"])
            off = said.timestamp() - time.time()
            self.assertLess(abs(off - self.SECONDS), 60, f"{name} is {off:.0f} s off")

    def test_times_of_a_result(self):
        document, began, since = self.stack.unique_pdf("mismatch-s2"), time.monotonic(), self.database_time()
        self.sim.delay(200)
        job = self.upload_done(document)
        self.assert_took(job["timings"], time.monotonic() - began)
        self.assertGreaterEqual(job["timings"]["extraction_ms"], 200)
        columns = ("jobs.created_at", "jobs.run_at", "jobs.started_at", "jobs.finished_at", "documents.created_at",
                   "invoices.created_at", "incidents.created_at", "incidents.last_seen_at", "provider_calls.created_at",
                   "(select at from audit_log where object = 'incident ' || incidents.id)")
        (inside,) = self.stack.sql(
            f"select {', '.join(f'''{c} between '{since}' and clock_timestamp()''' for c in columns)} from jobs"
            " join documents on documents.id = document_id join invoices on invoices.job_id = jobs.id"
            " join incidents on incidents.id = incident_id join provider_calls on provider_calls.job_id = jobs.id"
            f" where jobs.id = '{job['job_id']}'")
        self.assertEqual({c: "t" for c in columns}, dict(zip(columns, inside)))

    def test_backoff(self):
        document = self.stack.unique_pdf()
        self.sim.fault("server_error", count=3, sha256=document.sha256)
        began = time.monotonic()
        job = self.upload_done(document)
        self.assert_took(job["timings"], time.monotonic() - began)
        self.assertEqual(["provider_http_5xx"] * 3 + ["ok"], calls_of(self.stack, job["job_id"]))
        # RETRY_BASE_MS 50, doubled, less a quarter at the most.
        for gap, least in zip(gaps_ms(self.stack, job["job_id"]), (37, 75, 150)):
            self.assertIn(gap, range(least, least + 5000))

    def test_date_to_retry_after(self):
        """It is one by the provider's clock."""
        document, date = self.stack.unique_pdf(), email.utils.formatdate(time.time() + 2, usegmt=True)
        self.sim.fault("rate_limit", sha256=document.sha256, retry_after=date)
        job = self.upload_done(document)
        self.assertEqual(["rate_limited", "ok"], calls_of(self.stack, job["job_id"]))
        self.assertIn(gaps_ms(self.stack, job["job_id"])[0], range(990, 8000))

    def test_pilots_hour(self):
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        for _ in range(3):
            self.assertEqual(202, self.upload(self.stack.unique_pdf(), tenant=PILOT, headers=ASYNC).status)
        self.assert_hour_is_full(range(HOUR - 20, HOUR + 1))
        self.age_pilot(HOUR - 30)
        self.assert_hour_is_full(range(1, 31))
        self.age_pilot(30)
        self.assertEqual(202, self.upload(self.stack.unique_pdf(), tenant=PILOT, headers=ASYNC).status)

    def assert_hour_is_full(self, waits):
        answer = self.upload(self.stack.unique_pdf(), tenant=PILOT)
        self.assert_problem(answer, 429, "pilot_rate_limited")
        self.assertIn(int(answer.headers["Retry-After"]), waits)

    def age_pilot(self, seconds):
        self.stack.sql(f"update jobs set created_at = created_at - interval '{seconds} seconds'"
                       f" where tenant_id = '{PILOT}'")


class Ahead(OffByAnHour, ClockCase):
    SECONDS = HOUR


class Behind(OffByAnHour, ClockCase):
    SECONDS = -HOUR


class Workers(ClockCase):
    """Two of them, on hosts whose clocks are two hours apart."""

    def setUp(self):
        super().setUp()
        self.set_clocks(HOUR)

    def test_lease_is_kept(self):
        """A call that takes longer than the lease, with two workers who do not agree on the time."""
        self.sim.delay(2500)
        documents = [self.stack.unique_pdf() for _ in range(4)]
        jobs = [accept(self.stack, d, self.tenant) for d in documents]
        for document, job_id in zip(documents, jobs):
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
            self.assertEqual("0", job_row(self.stack, job_id, "lost_leases"))
            self.assertEqual(1, self.sim.calls(document.sha256))

    def test_dead_worker(self):
        """Its job is taken over when its lease ends: not before, not an hour later."""
        self.sim.delay(60000)
        document = self.stack.unique_pdf()
        job_id = accept(self.stack, document, self.tenant)
        wait_for(lambda: self.sim.calls(document.sha256), what="the call")
        self.sim.delay(0)
        name, until = HOSTS.worker_of(job_id), job_row(self.stack, job_id, "lease_until")
        HOSTS.kill(name)
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.assertEqual(["1", "t"], job_row(
            self.stack, job_id, "lost_leases",
            f"started_at between '{until}' and timestamptz '{until}' + interval '10 seconds'"))
        HOSTS.start(name)

    def test_readiness(self):
        """Workers count by their heartbeats' age in the database, and are missed when they are gone."""
        for seconds, answer, change in ((HOUR, (200, 2), HOSTS.kill), (-HOUR, (503, 0), HOSTS.start),
                                        (HOUR, (200, 2), None)):
            HOSTS.set("health", seconds)
            queue, database = wait_for(lambda a=answer: self.ready_as(*a), what=f"ready's {answer}")
            self.assertEqual(0, queue["stuck_count"])
            self.assertIn(database["latency_ms"], range(0, 1000))
            for name in ("worker-1", "worker-2") if change else ():
                change(name)

    def ready_as(self, status, workers):
        answer = self.stack.ready()
        checks = answer.json["checks"]
        return (answer.status, checks["queue"]["workers"]) == (status, workers) and (
            checks["queue"], checks["database"])


class Jumps(ClockCase):
    """A clock that is set while a call is under way and its client waits."""

    def test_forth_and_back(self):
        self.set_clocks(0)
        self.sim.delay(1000)
        for seconds in (HOUR, -HOUR):
            with self.subTest(seconds=seconds):
                document, began = self.stack.unique_pdf("mismatch-s2"), time.monotonic()
                with self.jump(document, seconds):
                    job = self.upload_done(document)
                took = time.monotonic() - began
                self.assertLess(took, 5)
                self.assert_took(job["timings"], took)
                self.assertEqual("0", job_row(self.stack, job["job_id"], "lost_leases"))
                self.assertEqual(1, self.sim.calls(document.sha256))

    @contextlib.contextmanager
    def jump(self, document, seconds):
        """All clocks are set as soon as the provider has its call."""
        def jump():
            wait_for(lambda: self.sim.calls(document.sha256), what="the call")
            self.set_clocks(seconds)
        thread = threading.Thread(target=jump)
        thread.start()
        try:
            yield
        finally:
            thread.join()


if __name__ == "__main__":
    unittest.main()
