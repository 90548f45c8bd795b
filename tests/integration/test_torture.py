"""Whatever is killed, and whenever: each accepted document ends once, with one result (SPEC §3, §4).

MIZAN_TORTURE_SEED gives the random part the choices of an earlier run.
"""
import collections
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest

from failures import accept, calls_of, gone, holding, job_row, worker_of
from harness import PILOT, ROOT, TEST_DIR, TORTURE, Simulator, Stack, StackCase, fresh_tenant, wait_for
from history import History, judge
from load import Load

LEASE = 2  # seconds
DB_TIMEOUT_MS = 3000
PILOT_LIMITS = (40, 5)  # invoices and incidents an hour
WORKERS = tuple(f"worker-{n}" for n in range(1, 5))
ENDPOINTS = ("full_process", "health", "admin")
KILLS = 200 if TORTURE else 20

# Everything in it gets killed but the simulator, which counts on.
SIMULATOR_PORT = TEST_DIR / "torture-simulator.port"
LOGS = TEST_DIR / "logs" / "torture"
STACK = None


def setUpModule():
    global STACK
    simulator = start_simulator()
    unittest.addModuleCleanup(end, simulator)
    url = f"http://127.0.0.1:{wait_for(port, what='the simulator')}"
    STACK = Stack("torture", WORKERS=len(WORKERS), JOB_LEASE_SECONDS=LEASE, JOB_MAX_LOST_LEASES=1000,
                  DB_TIMEOUT_MS=DB_TIMEOUT_MS, SYNC_WAIT_MS=1000, OPENAI_BASE_URL=f"{url}/v1",
                  OPENAI_API_KEY="sk-torture", PILOT_MAX_INVOICES_PER_HOUR=PILOT_LIMITS[0],
                  PILOT_MAX_INCIDENTS_PER_HOUR=PILOT_LIMITS[1])
    unittest.addModuleCleanup(STACK.down)
    unittest.addModuleCleanup(keep_logs)
    STACK.up()
    STACK.sim = Simulator(url)


def start_simulator():
    TEST_DIR.mkdir(parents=True, exist_ok=True)
    SIMULATOR_PORT.unlink(missing_ok=True)
    program = pathlib.Path(os.environ.get("MIZAN_BIN") or ROOT / "build/plain/bin") / "openai_sim"
    return subprocess.Popen([str(program), "--port", "0", "--port-file", str(SIMULATOR_PORT),
                             "--data", str(ROOT / "tests/data/invoices")],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            start_new_session=True)


def keep_logs():
    """Where the runner keeps those of the stacks that are still there when it ends."""
    shutil.copytree(STACK.dir / "log", LOGS, dirs_exist_ok=True)


def port():
    return SIMULATOR_PORT.exists() and SIMULATOR_PORT.read_text().strip()


def end(process):
    process.terminate()
    process.wait(10)
    SIMULATOR_PORT.unlink(missing_ok=True)


class TortureCase(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    def setUp(self):
        super().setUp()
        self.history = History(self.stack, pilot_limits=PILOT_LIMITS)
        self.addCleanup(self.history.end)
        # A process that was killed too often is started again after a while.
        wait_for(lambda: all(self.alive(name) for name in (*WORKERS, *ENDPOINTS)), 20, "every process")
        self.listening()
        self.stack.wait_ready()

    def assert_quiet_and_right(self):
        """The verdict: everything has ended, and nothing that was told or written is wrong."""
        self.history.quiet()
        facts = self.history.facts()
        violations = judge(facts)
        if violations:
            LOGS.mkdir(parents=True, exist_ok=True)
            (LOGS / f"{self.tenant}.json").write_text(json.dumps(dataclasses.asdict(facts), indent=1))
            self.fail("\n".join([f"{len(violations)} violations; all of {LOGS / self.tenant}.json", *violations[:20]]))

    def waiting_for_locks(self):
        return self.stack.value("select count(*) from pg_locks where not granted")

    def kill(self, name):
        """kill -9; once its supervisor has started another."""
        pid = self.stack.pid(name)
        self.stack.kill(name)
        wait_for(lambda: gone(pid) and self.stack.pid(name) not in (None, pid), 20, f"{name} again")

    def alive(self, name):
        pid = self.stack.pid(name)
        return pid is not None and not gone(pid)

    def listening(self):
        """full_process takes requests again."""
        wait_for(lambda: self.stack.get("/jobs/none").status == 404, what="full_process")


class Workers(TortureCase):
    """kill -9 of a worker at each step of its work."""

    def accept(self, name="mismatch-s2", expected="mismatch"):
        document = self.stack.unique_pdf(name)
        told = self.history.upload(document, self.tenant, expected=expected, headers={"Prefer": "respond-async"})
        self.assertTrue(told.accepted)
        return document, told.job_id

    def assert_one_result(self, document, job_id, lost, calls):
        """lost leases and calls: sets of how many there may be."""
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.assertEqual("0", job_row(self.stack, job_id, "attempts"))
        self.assertIn(int(job_row(self.stack, job_id, "lost_leases")), lost)
        self.assertIn(self.sim.calls(document.sha256), calls)
        self.assertEqual(["ok"], calls_of(self.stack, job_id))
        self.assert_quiet_and_right()

    def test_before_the_call(self):
        """It has claimed the job and is fetching the document."""
        with self.stack.paused(*WORKERS):
            document, job_id = self.accept()
            lock = contextlib.ExitStack()
            lock.enter_context(holding(self.stack, "table documents in access exclusive mode"))
        with lock:
            wait_for(lambda: job_row(self.stack, job_id, "state") == "RUNNING" and self.waiting_for_locks(),
                     what="a worker that waits for the document")
            self.kill(worker_of(self.stack, job_id))
            self.assertEqual(0, self.sim.calls(document.sha256))
        self.assert_one_result(document, job_id, lost={1}, calls={1})

    def test_during_the_call(self):
        self.sim.delay(60000)
        document, job_id = self.accept()
        wait_for(lambda: self.sim.calls(document.sha256), what="the call")
        self.sim.delay(0)
        self.kill(worker_of(self.stack, job_id))
        self.assert_one_result(document, job_id, lost={1}, calls={2})

    def test_while_its_result_is_written(self):
        """The server has the whole transaction: it ends by itself, without the worker."""
        with holding(self.stack, "table invoices in exclusive mode"):
            document, job_id = self.accept()
            wait_for(self.waiting_for_locks, what="a result that waits")
            self.kill(worker_of(self.stack, job_id))
        self.assert_one_result(document, job_id, lost={0}, calls={1})

    def test_before_its_result_is_written(self):
        """The transaction is undone, and the answer with it: it is paid for once more."""
        with holding(self.stack, "table invoices in exclusive mode"):
            document, job_id = self.accept()
            wait_for(self.waiting_for_locks, what="a result that waits")
            self.kill(worker_of(self.stack, job_id))
            wait_for(lambda: job_row(self.stack, job_id, "lost_leases") == "1", what="another worker")
        self.assert_one_result(document, job_id, lost={1, 2}, calls={2, 3})

class Supervisor(TortureCase):
    def test_process_that_stands_still(self):
        """It waits, rather than asks without end whether the process has gone."""
        stat = pathlib.Path(f"/proc/{self.stack.pid('worker-1.supervisor')}/stat")
        def computed():  # hundredths of a second
            return sum(int(n) for n in stat.read_text().rpartition(")")[2].split()[11:13])
        before = computed()
        with self.stack.paused("worker-1"):
            time.sleep(0.5)
        self.assertLess(computed() - before, 10)


class Endpoint(TortureCase):
    """kill -9 of full_process; the waiting client's case is test_queue's."""

    def test_while_an_upload_is_accepted(self):
        """The transaction is with the server: its document is in, or comes in with the second try."""
        document = self.stack.unique_pdf("mismatch-s2")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            with holding(self.stack, "table documents in exclusive mode"):
                client = pool.submit(self.history.upload, document, self.tenant, expected="mismatch")
                wait_for(self.waiting_for_locks, what="an upload that waits")
                self.kill("full_process")
            # Over a connection that was kept nginx tries once more: it is the same job.
            self.assertIn(client.result().status, (200, 502, 504))
        self.listening()
        told = self.history.upload(document, self.tenant, expected="mismatch")
        self.assertEqual(200, told.status)
        self.assertTrue(told.result["duplicate"])
        self.assert_quiet_and_right()


class Random(TortureCase):
    """Kills and pauses at random, under load."""

    def setUp(self):
        super().setUp()
        self.seed = os.environ.get("MIZAN_TORTURE_SEED") or str(random.randrange(10 ** 6))
        self.random = random.Random(self.seed)
        self.killed = collections.Counter()
        self.paused = collections.Counter()
        self.done = threading.Event()

    def test_kills(self):
        print(f"seed {self.seed}, {KILLS} kills", flush=True)
        began = time.monotonic()
        self.sim.delay(20, 600)
        tenants = [self.tenant, fresh_tenant("torture"), fresh_tenant("torture"), PILOT]
        pauses = concurrent.futures.ThreadPoolExecutor(1)
        with Load(self.history, tenants, self.seed) as load, pauses, self.ends(pauses.submit(self.pause)):
            wait_for(lambda: load.accepted() >= 20, 30, "the first answers")
            for n in range(KILLS):
                self.one_kill()
                if n % 10 == 5:
                    self.flip()
        self.sim.clear_faults()
        self.history.quiet(120)
        self.report(time.monotonic() - began)
        self.assert_quiet_and_right()
        self.assertGreater(self.lost_leases(), 0, "no kill and no pause has met a job")

    @contextlib.contextmanager
    def ends(self, pausing):
        try:
            yield
        finally:
            self.done.set()
            pausing.result()

    def victim(self, *names):
        """One of them that runs."""
        return self.random.choice(wait_for(lambda: [n for n in names if self.alive(n)], 20, f"{names}"))

    def hasten(self):
        """Supervisors take their time with a process that dies too often: their naps end now."""
        for name in (*WORKERS, "full_process"):
            supervisor = self.stack.pid(f"{name}.supervisor")
            for child in pathlib.Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if pathlib.Path(f"/proc/{child}/comm").read_text() == "sleep\n":
                        os.kill(int(child), signal.SIGTERM)

    def one_kill(self):
        """Anywhere in its work, or where results or uploads wait to be written."""
        self.hasten()
        aim = self.random.choices(("anywhere", "finishing", "accepting"), (6, 3, 1))[0]
        if aim == "anywhere":
            time.sleep(self.random.uniform(0.05, 0.8))
            self.kill_one(*WORKERS, "full_process")
        elif aim == "finishing":
            self.kill_at("table invoices in exclusive mode", WORKERS)
        else:
            self.kill_at("table documents in exclusive mode", ("full_process",))

    def kill_at(self, lock, names):
        """While somebody waits for the lock; it is let go right after that, or long after."""
        with holding(self.stack, lock):
            with contextlib.suppress(AssertionError):
                wait_for(self.waiting_for_locks, 2, "somebody")
            self.kill_one(*names)
            time.sleep(self.random.choice((0, 0, 0, 0.3, 0.3, 1.2 * DB_TIMEOUT_MS / 1000)))

    def kill_one(self, *names):
        name = self.victim(*names)
        with contextlib.suppress(ProcessLookupError):
            self.stack.kill(name)
            self.killed[name] += 1

    def flip(self):
        """The pilot off and on again: its queued jobs are skipped."""
        for enabled in (False, True):
            answer = self.stack.admin("PUT", "/admin/pilot", {"enabled": enabled, "reason": "torture"})
            self.assertEqual(200, answer.status, answer)
            time.sleep(0.2)

    def pause(self):
        """Again and again a worker stands still for longer than its lease."""
        own = random.Random(f"{self.seed}/pauses")
        while not self.done.wait(own.uniform(0.2, 1)):
            name = own.choice(WORKERS)
            if not self.alive(name):
                continue
            pid = self.stack.pid(name)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self.paused[name] += 1
                self.done.wait(LEASE + own.uniform(0.3, 2))
                os.kill(pid, signal.SIGCONT)

    def lost_leases(self):
        return self.stack.value("select sum(lost_leases) from jobs")

    def report(self, seconds):
        states = dict(self.stack.sql("select state, count(*) from jobs group by 1 order by 1"))
        refused = sum(len(self.stack.log(name, "job.lease")) for name in WORKERS)
        print(f"{sum(self.killed.values())} kills {dict(sorted(self.killed.items()))},"
              f" {sum(self.paused.values())} pauses, {seconds:.0f} s\n"
              f"uploads {Load.counts(self)}, jobs {states}\n"
              f"{self.lost_leases()} leases lost, {refused} results or releases dropped for it", flush=True)


class Stopping(TortureCase):
    """SIGTERM: what is under way is finished, or handed back, within 10 s."""
    # What the endpoints and the workers wait for in the database.
    EVERYTHING = "table jobs, pilot_switch, schema_migrations in access exclusive mode"

    def setUp(self):
        super().setUp()
        self.pool = concurrent.futures.ThreadPoolExecutor(16)
        self.addCleanup(self.pool.shutdown)

    def terminate(self, *names, within=10):
        """SIGTERM to all of them at once; a function that waits until they are gone."""
        until, pids = time.monotonic() + within, {name: self.stack.pid(name) for name in names}
        for pid in pids.values():
            os.kill(pid, signal.SIGTERM)

        def ended():
            wait_for(lambda: not [name for name, pid in pids.items() if not gone(pid)],
                     until - time.monotonic(), f"the end of {names}")
        return ended

    def hang(self, job_id):
        """Futures of requests to each endpoint, all of which wait for the database."""
        clients = {
            "upload": self.pool.submit(self.history.upload, self.stack.unique_pdf(), self.tenant, expected="exact"),
            "job": self.pool.submit(self.stack.job, job_id),
            "pilot": self.pool.submit(self.stack.admin, "GET", "/admin/pilot"),
            "switch": self.pool.submit(self.stack.admin, "PUT", "/admin/pilot", {"enabled": True, "reason": "a test"}),
            "ready": self.pool.submit(self.stack.ready),
        }

        def all_wait():
            if clients["ready"].done():  # with what was found within the last second
                clients["ready"] = self.pool.submit(self.stack.ready)
            waiting = dict(self.stack.sql("select usename, count(*) from pg_locks join pg_stat_activity using (pid)"
                                          " where not granted group by 1"))
            return int(waiting.get("mizan_app", 0)) >= 3 and int(waiting.get("mizan_admin", 0)) >= 2
        wait_for(all_wait, 5, "requests that wait")
        return clients

    def test_endpoints_finish_what_they_hold(self):
        job_id = accept(self.stack, self.stack.unique_pdf(), fresh_tenant("before"))
        logged = {name: len(self.stack.log_text(name)) for name in ENDPOINTS}
        with holding(self.stack, self.EVERYTHING):
            clients = self.hang(job_id)
            ended = self.terminate(*ENDPOINTS)
            wait_for(lambda: all(self.stack.log(name, "stop", logged[name]) for name in ENDPOINTS),
                     what="the word that they stop")
        self.assertIn(clients.pop("upload").result().status, (200, 202))
        for name, client in clients.items():
            self.assertEqual(200, client.result().status, f"{name}: {client.result()}")
        ended()
        self.listening()
        self.assert_quiet_and_right()

    def test_database_that_hangs_keeps_none(self):
        """Nobody waits for it for longer than for one answer; what cannot be handed back has its lease."""
        # Each answer that has come takes a worker the time of a statement to judge.
        count = 40 if TORTURE else len(WORKERS)
        self.sim.fault("server_error", count=count)
        self.sim.delay(2500)
        asynchronous = {"Prefer": "respond-async"}
        jobs = [self.history.upload(self.stack.unique_pdf(), self.tenant, headers=asynchronous, expected="exact").job_id
                for _ in range(count)]
        wait_for(lambda: self.sim.stats()["in_flight"] == len(jobs), what="the calls")
        with holding(self.stack, self.EVERYTHING):
            clients = self.hang(jobs[0])
            self.terminate(*ENDPOINTS, *WORKERS)()
            self.sim.delay(0)
            self.assertEqual(503, clients.pop("upload").result().status)
            for name, client in clients.items():
                self.assertEqual(503, client.result().status, f"{name}: {client.result()}")
        self.listening()
        for job_id in jobs:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
            self.assertEqual("0", job_row(self.stack, job_id, "attempts"))
        self.assert_quiet_and_right()

    def test_each_process_under_load(self):
        self.sim.delay(20, 300)
        with Load(self.history, [self.tenant, PILOT], "stop", trouble=False) as load, self.probes() as answers:
            for name in (*ENDPOINTS, *WORKERS):
                before, pid = load.accepted(), self.stack.pid(name)
                self.terminate(name)()
                wait_for(lambda: self.stack.pid(name) not in (None, pid), what=f"{name} again")
                wait_for(lambda: load.accepted() >= before + 3, 20, "more answers")
        self.assertEqual([], [answer for status, answer in answers if status not in (200, 502)])
        self.assert_quiet_and_right()
        self.assert_no_lease_lost()

    @contextlib.contextmanager
    def probes(self):
        """(status, text) of requests to health and admin, made all the time within the block."""
        stopping, answers = threading.Event(), []

        def ask(request):
            while not stopping.wait(0.02):
                answer = request()
                answers.append((answer.status, str(answer)))
        running = [self.pool.submit(ask, request) for request in (
            lambda: self.stack.request("GET", "/health"), self.stack.ready,
            lambda: self.stack.admin("GET", "/admin/config"), lambda: self.stack.admin("GET", "/admin/pilot"))]
        try:
            yield answers
        finally:
            stopping.set()
            for probe in running:
                probe.result()

    def assert_no_lease_lost(self):
        """Whoever stopped handed its jobs back."""
        self.assertEqual(0, self.stack.value(f"select sum(lost_leases) from jobs where tenant_id = '{self.tenant}'"))

    def test_restart_of_everything_under_load(self):
        self.sim.delay(1500)
        with Load(self.history, [self.tenant, PILOT], "restart") as load:
            wait_for(lambda: load.accepted() >= 8, 20, "the first answers")
            self.stack.script("down")
            before = load.accepted()
            self.sim.delay(20, 300)
            self.stack.script("up", "--no-sample", settings=self.stack.initial)
            wait_for(lambda: load.accepted() >= before + 8, 20, "answers after the restart")
        self.assert_quiet_and_right()
        self.assert_no_lease_lost()


if __name__ == "__main__":
    unittest.main()
