"""The database or the provider is away, or worse, half there: nobody hangs, nothing is lost (SPEC §3, §4)."""
import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

from disks import Disks, DiskStack
from failures import ASYNC, accept, calls_of, holding, job_row
from harness import PILOT, TORTURE, Stack, StackCase, fresh_tenant, run, wait_for
from history import History, judge
from proxy import ANSWERS, CUT, PASS, REFUSE, REQUESTS, RESET, SILENT, Proxy

DB_TIMEOUT = 0.5  # seconds
# How long a client may wait for its 503: for a place in the pool, a connection (libpq takes no
# less than 2 s) and a statement, which has a second more than the server's own time-out.
PATIENCE = DB_TIMEOUT + 2 + DB_TIMEOUT + 1 + 1
SETTINGS = {"WORKERS": 2, "DB_TIMEOUT_MS": int(DB_TIMEOUT * 1000), "JOB_LEASE_SECONDS": 2,
            "WORKER_ALIVE_SECONDS": 3, "SYNC_WAIT_MS": 1000}
CLIENTS = 4
CHANNELS = ("full_process", "worker-1", "worker-2", "health")  # whose logs are looked at


class Watched:
    """Notes each upload's answer with the time that it took."""

    def upload(self, *arguments, **options):
        began = time.monotonic()
        answer = super().upload(*arguments, **options)
        self.uploads.append((time.monotonic() - began, answer))
        return answer


class WatchedStack(Watched, Stack):
    uploads = []


class WatchedDiskStack(Watched, DiskStack):
    uploads = []


STACK = None
DISKS, NO_DISKS = None, None  # or why there are none


def setUpModule():
    global STACK, DISKS, NO_DISKS
    try:
        DISKS = Disks("wal", "data", mib=192)
        unittest.addModuleCleanup(DISKS.close)
        STACK = WatchedDiskStack("outages", DISKS, **SETTINGS)
    except unittest.SkipTest as why:
        NO_DISKS = why
        STACK = WatchedStack("outages", **SETTINGS)
    unittest.addModuleCleanup(STACK.down)
    STACK.up()


class Health(threading.Thread):
    """Asks for /health all the time."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack = stack
        self.stopping = threading.Event()
        self.answers = []  # (seconds, status)

    def run(self):
        while not self.stopping.wait(0.1):
            began = time.monotonic()
            status = None
            with contextlib.suppress(OSError):
                status = self.stack.request("GET", "/health", timeout=20).status
            self.answers.append((time.monotonic() - began, status))

    def end(self):
        self.stopping.set()
        self.join()
        return self.answers


class Load:
    """Clients that upload one document after the other, and each again until it is taken."""

    def __init__(self, stack, tenant):
        self.stack = stack
        self.tenant = tenant
        self.history = History(stack)
        self.stopping = threading.Event()
        self.threads = []

    def start(self, clients):
        for _ in range(clients):
            self.threads.append(threading.Thread(target=self.client, daemon=True))
            self.threads[-1].start()

    def client(self):
        while not self.stopping.is_set():
            document = self.stack.unique_pdf("mismatch-s2")
            while not self.history.upload(document, self.tenant, expected="mismatch").accepted:
                if self.stopping.wait(0.05):
                    return

    def accepted(self):
        return sum(told.accepted for told in list(self.history.told))

    def refused(self):
        return sum(told.status == 503 for told in list(self.history.told))

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class OutageCase(StackCase):
    WORKERS = SETTINGS["WORKERS"]

    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    def setUp(self):
        super().setUp()
        self.stack.uploads.clear()
        wait_for(self.well, 20, "a stack that is well")

    def well(self):
        answer = self.stack.ready()
        return answer.status == 200 and answer.json["checks"]["queue"]["workers"] == self.WORKERS

    @contextlib.contextmanager
    def load(self, clients=CLIENTS, crashed=False):
        """Clients at work, and someone who asks for /health; after the block, which leaves all as
        it was, everything goes on by itself, and the books are right, as far as judge() has it of
        a server that crashed."""
        load = Load(self.stack, fresh_tenant("load"))
        health = Health(self.stack)
        health.start()
        load.start(clients)
        try:
            wait_for(lambda: load.accepted() >= 2 * CLIENTS, 20, "the first answers")
            yield load
            before = load.accepted()
            wait_for(lambda: load.accepted() >= before + 2 * CLIENTS, 20, "answers afterwards")
            wait_for(self.well, 20, "ready")
        finally:
            load.end()
            answers = health.end()
        for seconds, answer in self.stack.uploads:
            self.assertIn(answer.status, (200, 202, 503), answer)
            if answer.status == 503:
                self.assert_turned_away(answer)
                self.assertLess(seconds, PATIENCE)
        self.assertEqual({200}, {status for _, status in answers})
        self.assertLess(max(seconds for seconds, _ in answers), 1)
        load.history.quiet()
        self.assertEqual([], judge(load.history.facts(), crashed))

    def assert_turned_away(self, answer):
        self.assert_problem(answer, 503, answer.json["code"])
        self.assertIn(answer.json["code"], ("database_unavailable", "database_busy"))
        self.assertRegex(answer.headers["Retry-After"], r"^[1-9][0-9]*$")

    def turned_away(self, load, n=CLIENTS):
        before = load.refused()
        wait_for(lambda: load.refused() >= before + n, 20, "clients that are turned away")

    def not_ready(self, check, *reasons, failing=None):
        """Waits for readiness to say so."""
        def so():
            answer = self.stack.ready()
            found = answer.json["checks"][check]
            return found["status"] == "error" and found.get("reason") in reasons and answer
        answer = wait_for(so, 15, f"{check} {reasons}")
        self.assertEqual((503, "not_ready"), (answer.status, answer.json["status"]))
        self.assertIn(check, answer.json["failing_checks"])
        return answer

    @contextlib.contextmanager
    def few_lines(self, seconds, *names, outages=1):
        """Within the block, which lasts so long at least, the processes do not fill their logs:
        apart from what was answered to clients, two lines a second and a few for each outage."""
        marks = {name: len(self.stack.log_text(name)) for name in names or CHANNELS}
        began = time.monotonic()
        yield
        wait_for(lambda: time.monotonic() - began >= seconds, seconds + 1)
        lasted = time.monotonic() - began
        for name, mark in marks.items():
            lines = [e for e in self.stack.log(name, since=mark)
                     if e["event"] not in ("request.refused", "upload.accepted", "upload.duplicate", "job.succeeded")]
            self.assertLessEqual(len(lines), 6 + 4 * outages + 2 * lasted, (name, lines[-12:]))

    @classmethod
    def superuser(cls, query):
        stack = cls.stack
        secrets = dict(line.split(" ", 1) for line in (stack.dir / "conf" / "secrets").read_text().splitlines())
        environment = stack.psql_environment("owner") | {"PGUSER": "postgres", "PGPASSWORD": secrets["postgres"]}
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"], input=query, text=True,
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              start_new_session=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stdout)
        return done.stdout.split()

    def cut_connections(self):
        """Of everything but the superuser's."""
        return self.superuser("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                              " where backend_type = 'client backend' and pid <> pg_backend_pid()")

    @contextlib.contextmanager
    def slots_taken(self):
        """Strangers hold all of the server's connections: they never say who they are."""
        packet = b"\0\x03\0\0user\0postgres\0database\0mizan\0\0"
        packet = (len(packet) + 4).to_bytes(4, "big") + packet
        with contextlib.ExitStack() as strangers:
            def take():
                s = strangers.enter_context(socket.socket(socket.AF_UNIX))
                s.settimeout(10)
                s.connect(str(self.stack.dir / "sock" / ".s.PGSQL.5432"))
                s.sendall(packet)
                return s.recv(1) == b"R"  # asked for its password; else "E"
            while take():
                pass
            yield take

    @contextlib.contextmanager
    def read_only(self):
        try:
            self.superuser("alter system set default_transaction_read_only = on; select pg_reload_conf()")
            yield
        finally:
            self.superuser("set default_transaction_read_only = off;"
                           "alter system reset default_transaction_read_only; select pg_reload_conf()")

    @contextlib.contextmanager
    def commits_wait(self):
        try:
            self.superuser("alter system set synchronous_standby_names = 'nobody'; select pg_reload_conf()")
            yield
        finally:
            self.superuser("alter system reset synchronous_standby_names; select pg_reload_conf()")

    @contextlib.contextmanager
    def still(self):
        server = self.stack.pid("postgres")
        os.kill(server, signal.SIGSTOP)  # first, so that it has no more children
        pids = [server] + [int(pid) for pid in run(["pgrep", "-P", str(server)]).stdout.split()]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in reversed(pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


class Connections(OutageCase):
    def test_cut_again_and_again(self):
        cuts = 100 if TORTURE else 5
        with self.load() as load, self.few_lines(1, outages=cuts):
            for _ in range(cuts):
                before = load.accepted()
                self.cut_connections()
                wait_for(lambda b=before: load.accepted() > b, 20, "an answer after the cut")

    def test_all_taken(self):
        """Nobody comes in, and nobody waits for it."""
        with self.load() as load, self.slots_taken() as take, self.few_lines(2):
            def taken():
                """The last of ours leaves, and a stranger takes its place before one of ours is back."""
                self.cut_ours()
                return not take() and not self.ours()
            wait_for(taken, 20, "strangers in all places")
            self.turned_away(load)
            self.not_ready("database", "unreachable")

    def cut_ours(self):
        for pid in self.ours():
            with contextlib.suppress(ProcessLookupError):  # it left by itself
                os.kill(pid, signal.SIGTERM)

    def ours(self):
        """Backends of the application, by their titles: nobody can ask the server."""
        children = run(["pgrep", "-P", str(self.stack.pid("postgres")), "-a"]).stdout.splitlines()
        return [int(line.split()[0]) for line in children if re.search(r"mizan_(app|worker|admin)", line)]

    def test_connections_in_hand_serve(self):
        """A process that got one of its connections before the others were taken works with it."""
        self.stack.restart("full_process")
        self.upload_done(self.stack.unique_pdf())
        with self.load(1) as load, self.slots_taken():
            load.start(CLIENTS)
            before = load.accepted()
            wait_for(lambda: load.accepted() >= before + 5 * CLIENTS, 20, "answers meanwhile")
            self.assertEqual(0, load.refused())


class ReadOnly(OutageCase):
    def test_by_its_setting(self):
        job_id = self.upload_done(self.stack.unique_pdf())["job_id"]
        with self.load() as load, self.read_only(), self.few_lines(2), self.few_sessions():
            self.turned_away(load, 10 * CLIENTS)
            self.not_ready("database", "read_only")
            self.assertEqual(200, self.stack.job(job_id).status)

    @contextlib.contextmanager
    def few_sessions(self):
        """Each of the pool's eight connections, the listener's and the workers' is given up every 2 s at the most."""
        def sessions():
            return int(self.superuser("select sessions from pg_stat_database where datname = 'mizan'")[0])
        before, began = sessions(), time.monotonic()
        yield
        lasted = time.monotonic() - began
        self.assertLessEqual(sessions() - before, (8 + 1 + self.WORKERS) * (1 + lasted / 2))

    def test_standby(self):
        """As after a failover that went wrong: the server that they reach follows another."""
        job_id = self.upload_done(self.stack.unique_pdf())["job_id"]
        with self.load() as load:
            with self.stack.stopped("postgres"):
                (self.stack.dir / "pg" / "standby.signal").touch()
            with self.few_lines(2):
                self.turned_away(load, 3 * CLIENTS)
                self.not_ready("database", "read_only")
                wait_for(lambda: self.stack.job(job_id).status == 200, what="a job that can be read")
            self.superuser("select pg_promote()")


class Hanging(OutageCase):
    def test_lock(self):
        """Someone holds a table and does not go.  The server itself gives up, the connections stay."""
        logged = len(self.stack.log_text("full_process"))
        with self.load() as load, holding(self.stack, "table jobs in access exclusive mode"), self.few_lines(2):
            self.turned_away(load, 2 * CLIENTS)
            self.not_ready("database", "unreachable")
        why = {e["message"].partition(":")[0] for e in self.stack.log("full_process", "request.refused", logged)}
        self.assertLessEqual(why, {"sqlstate 55P03", "sqlstate 57014"})

    def test_commit(self):
        """It waits for a standby that never comes.  Who was sent away finds what was written all the same."""
        self.sim.delay(300)  # some are in hand
        with self.load() as load:
            with self.commits_wait(), self.few_lines(2):
                self.turned_away(load)
                self.assertEqual(200, self.stack.request("GET", "/health").status)

    @staticmethod
    def pass_leases(n):
        """As long as that many leases last."""
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > n * SETTINGS["JOB_LEASE_SECONDS"])

    def test_results_cannot_be_written(self):
        """The worker keeps what it has, its lease too, for longer than that: nothing is paid for twice."""
        self.sim.delay(300)
        logged = {name: len(self.stack.log_text(name)) for name in ("worker-1", "worker-2")}
        document = self.stack.unique_pdf("mismatch-s2")
        with holding(self.stack, "table invoices in exclusive mode"):
            job_id = accept(self.stack, document, self.tenant)
            wait_for(lambda: self.sim.completions(document.sha256), what="the provider's answer")
            self.pass_leases(1.5)
            self.assertEqual(["RUNNING", "0"], job_row(self.stack, job_id, "state", "lost_leases"))
        said = [e for name, since in logged.items() for e in self.stack.log(name, "job.finish", since)]
        self.assertEqual(1, len(said), said)
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.assertEqual(1, self.sim.calls(document.sha256))
        self.assertEqual(["ok"], calls_of(self.stack, job_id))

    def test_releases_cannot_be_written(self):
        """What the provider turned down goes back once that can be written, and for what it was."""
        document = self.stack.unique_pdf()
        self.sim.fault("server_error", sha256=document.sha256)
        with holding(self.stack, "table provider_calls in exclusive mode"):
            job_id = accept(self.stack, document, self.tenant)
            wait_for(lambda: self.sim.calls(document.sha256), what="the provider's answer")
            self.pass_leases(1.5)
            self.assertEqual(["RUNNING", "0", "0"], job_row(self.stack, job_id, "state", "lost_leases", "retries"))
            self.assertEqual(1, self.sim.calls(document.sha256))
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.assertEqual(["0", "1"], job_row(self.stack, job_id, "lost_leases", "retries"))
        self.assertEqual(["provider_http_5xx", "ok"], calls_of(self.stack, job_id))

    def test_documents_cannot_be_fetched(self):
        """Whatever was claimed goes back at once: no lease runs out, no worker seems lost."""
        with contextlib.ExitStack() as locked:
            with self.stack.paused("worker-1", "worker-2"):
                jobs = [accept(self.stack, self.stack.unique_pdf(), self.tenant) for _ in range(12)]
                locked.enter_context(holding(self.stack, "table documents in access exclusive mode"))
            self.pass_leases(2.5)
        for job_id in jobs:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.assertEqual([["0", "0"]], self.stack.sql(
            f"select max(lost_leases), max(retries) from jobs where tenant_id = '{self.tenant}'"))

    def test_admission_to_the_pilot(self):
        """Whoever holds that lock is in the pilot's way only."""
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        with holding(self.stack, "table pilot_switch in access share mode; do 'begin perform pilot_lock(); end'"):
            began = time.monotonic()
            self.assert_turned_away(self.upload(self.stack.unique_pdf(), tenant=PILOT))
            self.assertLess(time.monotonic() - began, PATIENCE)
            self.upload_done(self.stack.unique_pdf())
        self.upload_done(self.stack.unique_pdf(), tenant=PILOT)

    def test_server_stands_still(self):
        with self.load() as load, self.still(), self.few_lines(2):
            self.turned_away(load)
            self.not_ready("database", "unreachable")


class Proxied(OutageCase):
    """Between the database and the endpoints stands one proxy, between it and the workers another."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.app, app_url = cls.in_front("DATABASE_URL")
        cls.worker, worker_url = cls.in_front("DATABASE_WORKER_URL")
        cls.enterClassContext(cls.stack.settings(
            "full_process", "health", "worker", DATABASE_URL=app_url, DATABASE_WORKER_URL=worker_url))

    @classmethod
    def in_front(cls, variable):
        """A proxy, and the address of the database through it."""
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="mizan-", dir="/var/tmp")))
        folder.chmod(0o755)
        proxy = cls.enterClassContext(
            Proxy(cls.stack.dir / "sock" / ".s.PGSQL.5432", folder / ".s.PGSQL.5432"))
        return proxy, re.sub(r"host=.*", f"host={folder}", cls.stack.env[variable])

    def setUp(self):
        self.app.set(PASS)
        self.worker.set(PASS)
        super().setUp()

    @contextlib.contextmanager
    def few_attempts(self, proxy, sources):
        """Within the block each source of connections backs off to about one a second."""
        before, began = proxy.accepted, time.monotonic()
        yield
        lasted = time.monotonic() - began
        self.assertLessEqual(proxy.accepted - before, sources * (3 + 1.2 * lasted))


    def test_silent_to_the_endpoints(self):
        with self.load() as load, self.few_lines(2), self.few_attempts(self.app, 3):
            self.app.set(SILENT)
            self.turned_away(load)
            self.not_ready("database", "unreachable")
            known = len(self.stack.uploads)
            self.turned_away(load, 10 * CLIENTS)
            seconds = sorted(took for took, answer in self.stack.uploads[known:] if answer.status == 503)
            self.assertLess(seconds[len(seconds) // 2], DB_TIMEOUT / 2)  # once that is known, at once
            self.app.set(PASS)

    def test_silent_to_the_workers(self):
        """What they have in hand is finished by whoever is heard again first, and paid for once more at the most."""
        self.sim.delay(300)
        with self.load() as load, self.few_lines(2), self.few_attempts(self.worker, self.WORKERS):
            self.worker.set(SILENT)
            self.not_ready("queue", "no_worker")
            self.assertEqual(0, load.refused())
            self.worker.set(PASS)

    def test_listener_falls_silent(self):
        """Those who wait look by themselves; the next upload finds out, and another connection listens."""
        self.enterContext(self.stack.settings("full_process", SYNC_WAIT_MS=10000))
        listener = b"full_process listener"
        wait_for(lambda: len(self.app.heads(listener)) == 1, what="the listening connection")
        self.app.set(SILENT, only=listener)
        self.sim.delay(300)
        began = time.monotonic()
        self.upload_done(self.stack.unique_pdf())
        self.assertLess(time.monotonic() - began, 0.3 + 1.5 + 1)  # LOOK_MS, and its half
        wait_for(lambda: len(self.app.heads(listener)) == 2, 5, "another that listens")
        wait_for(self.answered_at_once, 5, "answers at once")

    def answered_at_once(self):
        """Within less time than who looks by himself would wait."""
        began = time.monotonic()
        self.upload_done(self.stack.unique_pdf())
        return time.monotonic() - began < 0.3 + 0.4

    def test_server_is_to_notice_too(self):
        """The server, too, is to notice a host that vanished, before the two hours of its default."""
        self.upload_done(self.stack.unique_pdf())
        for proxy in (self.app, self.worker):
            for head in proxy.heads():
                self.assertIn(b"tcp_keepalives_idle=10", head)

    def test_refused_reset_closed(self):
        with self.load() as load, self.few_lines(2), self.few_attempts(self.app, 3), \
                self.few_attempts(self.worker, self.WORKERS):
            for mode in (REFUSE, RESET, CUT):
                for proxy in (self.app, self.worker):
                    proxy.set(mode)
                    proxy.set(CUT, only=b"")  # none that came in before
                self.turned_away(load, 5 * CLIENTS)
                self.not_ready("database", "unreachable")
            self.app.set(PASS)
            self.worker.set(PASS)

    def test_one_after_the_other(self):
        """Outages as they come, each for as long as it takes, with little time between."""
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        outages = {
            "cut": self.cut_at_once, "endpoints silent": lambda: self.set(SILENT, self.app),
            "workers silent": lambda: self.set(SILENT, self.worker), "refused": lambda: self.set(REFUSE, self.app, self.worker),
            "reset": lambda: self.set(RESET, self.app, self.worker), "read-only": self.read_only, "lock": self.lock,
            "still": self.still, "commits wait": self.commits_wait, "slots": self.slots_taken, "restart": self.restarted,
        }
        said = []
        with self.subTest(seed=seed, outages=said), self.load():
            for _ in range(100 if TORTURE else 3):
                name = chance.choice(list(outages))
                seconds = chance.choice((0, 0.1, 0.5, 2))
                said.append((name, seconds))
                with outages[name]():
                    self.pause.wait(seconds)
                self.pause.wait(chance.uniform(0, 0.5))

    pause = threading.Event()  # that nobody sets

    @contextlib.contextmanager
    def cut_at_once(self):
        self.cut_connections()
        yield

    @contextlib.contextmanager
    def restarted(self):
        self.stack.restart("postgres")
        yield

    @contextlib.contextmanager
    def set(self, mode, *proxies):
        for proxy in proxies:
            proxy.set(mode)
        yield
        for proxy in proxies:
            proxy.set(PASS)

    def lock(self):
        table = random.choice(("documents", "jobs", "invoices", "provider_calls", "provider_state", "worker_heartbeats"))
        return holding(self.stack, f"table {table} in access exclusive mode")

    def test_cut_at_every_byte(self):
        """The endpoints' connections end in the middle of what they say, and of what they hear."""
        self.cut_along(self.app, {REQUESTS: 55000, ANSWERS: 2000}, 6)

    def test_worker_cut_at_every_byte(self):
        self.cut_along(self.worker, {REQUESTS: 14000, ANSWERS: 20000}, 2)

    def cut_along(self, proxy, lengths, points):
        history = History(self.stack)
        for way, length in lengths.items():
            for after in range(0, length, length // (200 if TORTURE else points)):
                proxy.set(CUT, only=b"")
                proxy.set(CUT, after=after, way=way)
                document = self.stack.unique_pdf("mismatch-s2")
                for _ in range(3):
                    told = history.upload(document, self.tenant, expected="mismatch", headers=ASYNC)
                    self.assertIn(told.status, (200, 202, 503))
                proxy.set(PASS)
                wait_for(lambda d=document: history.upload(d, self.tenant, expected="mismatch").accepted, what="acceptance")
        history.quiet()
        self.assertEqual([], judge(history.facts()))


class Provider(OutageCase):
    """Between the one worker and the provider stands a proxy."""
    CONNECT, WHOLE = 0.3, 0.6  # seconds
    WORKERS = 1
    SETTINGS = {"WORKERS": WORKERS, "OPENAI_API_KEY": "through-the-proxy",
                "OPENAI_CONNECT_TIMEOUT_MS": int(CONNECT * 1000), "OPENAI_TIMEOUT_MS": int(WHOLE * 1000)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        target = urllib.parse.urlsplit(cls.stack.env["OPENAI_SIM_URL"])
        cls.proxy = cls.enterClassContext(Proxy((target.hostname, target.port)))
        cls.enterClassContext(cls.stack.settings("worker", OPENAI_BASE_URL=cls.url(), **cls.SETTINGS))

    def setUp(self):
        self.proxy.set(PASS)
        super().setUp()

    @classmethod
    def url(cls, scheme="http"):
        return f"{scheme}://127.0.0.1:{cls.proxy.port}/v1"

    def failing_calls(self, job_id, n):
        """Outcomes of the job's first n calls, and the milliseconds that they took."""
        wait_for(lambda: len(calls_of(self.stack, job_id)) >= n, 15, "calls")
        rows = self.stack.sql("select outcome, duration_ms from provider_calls"
                              f" where job_id = '{job_id}' order by id limit {n}")
        return {outcome for outcome, _ in rows}, [int(ms) for _, ms in rows]

    def assert_well_again(self, job_id):
        """Provider trouble used no attempt (SPEC §4, §5)."""
        job = self.stack.ended_job(job_id, 20)
        self.assertEqual("SUCCEEDED", job["status"], job)
        attempts, retries, lost = job_row(self.stack, job_id, "attempts", "retries", "lost_leases")
        self.assertEqual(("0", "0"), (attempts, lost))
        calls = calls_of(self.stack, job_id)
        self.assertEqual((int(retries), "ok"), (len(calls) - 1, calls[-1]))

    def assert_takes(self, milliseconds, seconds):
        for ms in milliseconds:
            self.assertGreaterEqual(ms, 1000 * seconds - 1)
            self.assertLess(ms, 1000 * seconds + 1500)

    def test_silent(self):
        cases = (("from the start", 2, {}), ("amid the request", 1, {"after": 3000, "way": REQUESTS}),
                 ("amid the answer's head", 1, {"after": 60, "way": ANSWERS}),
                 ("amid the answer", 1, {"after": 1500, "way": ANSWERS}))
        for name, n, options in cases:
            with self.subTest(name):
                self.proxy.set(CUT, only=b"")
                self.proxy.set(SILENT, **options)
                job_id = accept(self.stack, self.stack.unique_pdf("mismatch-s2"), self.tenant)
                outcomes, took = self.failing_calls(job_id, n)
                self.assertEqual({"provider_timeout"}, outcomes)
                self.assert_takes(took, self.WHOLE)
                self.proxy.set(PASS)
                self.assert_well_again(job_id)
                self.assertEqual(200, self.stack.ready().status)

    def test_kept_connection_falls_silent(self):
        """It is used again, found out, and not used a third time."""
        self.proxy.set(CUT, only=b"")
        self.upload_done(self.stack.unique_pdf())
        self.assertEqual(1, len(self.proxy.heads()))
        self.proxy.set(SILENT, only=b"")
        job_id = accept(self.stack, self.stack.unique_pdf("mismatch-s2"), self.tenant)
        self.assert_well_again(job_id)
        self.assertEqual(["provider_timeout", "ok"], calls_of(self.stack, job_id))

    def test_ended(self):
        cases = (("reset at once", RESET, {}), ("closed at once", CUT, {}),
                 ("reset amid the request", RESET, {"after": 3000, "way": REQUESTS}),
                 ("closed amid the answer", CUT, {"after": 1500, "way": ANSWERS}))
        for name, mode, options in cases:
            with self.subTest(name):
                self.proxy.set(CUT, only=b"")
                self.proxy.set(mode, **options)
                job_id = accept(self.stack, self.stack.unique_pdf("mismatch-s2"), self.tenant)
                outcomes, took = self.failing_calls(job_id, 2)
                # A reset may be there before libcurl has looked at the new connection.
                early = {"provider_connection"} if mode == RESET and not options else set()
                self.assertLessEqual(outcomes, {"provider_connection_cut"} | early)
                self.assertLess(max(took), 1000 * self.WHOLE)
                self.proxy.set(PASS)
                self.assert_well_again(job_id)

    def test_no_handshake(self):
        """TLS that never begins counts as connecting."""
        self.proxy.set(SILENT)
        self.assert_not_connected(self.url("https"))

    def test_no_connection(self):
        """Packets that nobody answers: a queue of connections that is full drops them."""
        with contextlib.ExitStack() as closing:
            listener = closing.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(3):
                s = closing.enter_context(socket.socket())
                s.setblocking(False)
                s.connect_ex(listener.getsockname())
            self.assert_not_connected(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")

    def assert_not_connected(self, url):
        self.stack.restart("worker", OPENAI_BASE_URL=url, OPENAI_TIMEOUT_MS=20000)
        job_id = accept(self.stack, self.stack.unique_pdf("mismatch-s2"), self.tenant)
        outcomes, took = self.failing_calls(job_id, 1)
        self.assertEqual({"provider_timeout"}, outcomes)
        self.assert_takes(took, self.CONNECT)
        self.proxy.set(PASS)
        self.stack.restart("worker", OPENAI_BASE_URL=self.url(), OPENAI_TIMEOUT_MS=self.SETTINGS["OPENAI_TIMEOUT_MS"])
        self.assert_well_again(job_id)

class FullDisk(OutageCase):
    """The server's log of changes is on one small disk, its tables are on another."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if DISKS is None:
            raise NO_DISKS
        wal, pg = DISKS.path("wal"), cls.stack.dir / "pg"
        cls.superuser(f"create tablespace small location '{DISKS.path('data')}'")
        cls.move_tables("pg_default", "small")
        cls.addClassCleanup(cls.move_tables, "small", "pg_default")
        cls.move_log(f"cp -a {pg}/pg_wal/. {wal}/; mv {pg}/pg_wal {pg}/old; ln -s {wal} {pg}/pg_wal")
        cls.addClassCleanup(cls.move_log, f"rm {pg}/pg_wal; mv {pg}/old {pg}/pg_wal; rm {pg}/pg_wal/0*; cp -a {wal}/. {pg}/pg_wal/")

    @classmethod
    def move_tables(cls, source, target):
        for kind in ("table", "index"):
            cls.superuser(f"alter {kind} all in tablespace {source} set tablespace {target}")

    @classmethod
    def move_log(cls, script):
        with cls.stack.stopped("postgres"):
            DISKS.shell(script)

    def test_tables(self):
        """Nothing more can be stored; what is stored can be read."""
        job_id = self.upload_done(self.stack.unique_pdf())["job_id"]
        with self.load() as load, self.few_lines(2):
            DISKS.fill("data")
            self.turned_away(load, 5 * CLIENTS)
            self.assertEqual(200, self.stack.job(job_id).status)
            self.assertIn("sqlstate 53100", self.stack.log_text("full_process"))
            DISKS.free("data")

    def test_log_of_changes(self):
        """The server stops in the middle of what it does, and cannot start before there is room."""
        with self.load(crashed=True) as load, self.few_lines(2):
            DISKS.fill("wal")
            with contextlib.suppress(RuntimeError):
                while True:  # as long as there are files that can be used again
                    self.superuser("select pg_switch_wal()")
            self.turned_away(load, 5 * CLIENTS)
            self.not_ready("database", "unreachable")
            self.assertIn("PANIC", self.stack.log_text("postgres"))
            DISKS.free("wal")


if __name__ == "__main__":
    unittest.main()
