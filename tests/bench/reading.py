"""The row `operators`: every page's data with half a year's work in the database, and uploads beside."""
import concurrent.futures
import contextlib
import http.client
import itertools
import json
import multiprocessing
import os
import random
import statistics
import threading
import time
import urllib.parse

from tools import HERE, Failed, fresh, harness, progress, run

READS = 60  # of each page, after WARM that are not counted
WARM = 5
UPLOADS = 40  # a second
OPERATORS = 10  # who read meanwhile
PACES = (10, 2)  # seconds that each looks at a page on average: as one who reads it, and who hurries
LEAST_SECONDS = 25  # of a round: its 99th percentile has ten uploads above it
A_SCAN = 0.1  # of a table
LARGE = ("audit_log", "documents", "front_door_minutes", "incidents", "invoices", "jobs", "provider_calls")


class Client:
    """One connection that is kept; requests that must be answered with 2xx."""

    def __init__(self, stack, headers):
        self.headers = headers
        self.connection = http.client.HTTPSConnection(
            stack.address.hostname, stack.address.port, timeout=60, context=stack.tls)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.connection.close()

    def request(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, self.headers | (headers or {}))
        response = self.connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise Failed(f"{method} {path}: {response.status} {content[:300]!r}")
        return content

    def json(self, path):
        return json.loads(self.request("GET", path))


def filled(stack):
    """The database as operators have it: fill_operators.sql says what is in it."""
    progress("filling the tables: a million jobs, 200,000 incidents (minutes)")
    run(["psql", "-X", "-q", "-f", str(HERE / "fill_operators.sql")], stack.psql_environment("owner"))


def pages(client):
    """What the pages ask for, and on-call engineers: a list of paths."""
    first = client.json("/admin/incidents")
    incident = first["incidents"][0]["id"]
    job = client.json("/admin/jobs")["jobs"][0]["id"]
    alert = client.json("/admin/alerts")["alerts"][0]["id"]
    return [
        "/admin/session",
        "/admin/tenants",
        "/admin/system-health?period_days=7",
        "/admin/system-health?period_days=30",
        "/admin/system-health?period_days=90",
        "/admin/system-health?period_days=90&tenant_id=pilot",
        "/admin/incidents",
        "/admin/incidents?tenant_id=pilot",
        "/admin/incidents?tenant_id=umbrella&status=OPEN",
        "/admin/incidents?status=OPEN",
        "/admin/incidents?severity=S1&category=TAX",
        "/admin/incidents?flag=TAX_MISMATCH",
        "/admin/incidents?flag=DUPLICATE_INVOICE",
        "/admin/incidents?flag=TOTAL_MISSING",  # no incident has it
        "/admin/incidents?flag=TOTAL_MISSING&tenant_id=default",
        "/admin/incidents?seller=" + urllib.parse.quote("Satıcı 1234"),
        "/admin/incidents?q=ftr123455",
        "/admin/incidents?q=elektrik",
        "/admin/incidents?cursor=" + urllib.parse.quote(first["next_cursor"]),
        f"/admin/incidents/{incident}",
        "/admin/jobs",
        "/admin/jobs?tenant_id=umbrella",
        "/admin/jobs?status=FAILED",
        "/admin/jobs?status=FAILED&tenant_id=pilot",
        "/admin/jobs?stuck=true",
        "/admin/jobs?q=nowhere-to-be-found",
        f"/admin/jobs/{job}",
        "/admin/jobs/counts",
        "/admin/jobs/counts?tenant_id=default",
        "/admin/alerts",
        "/admin/alerts?state=current",
        f"/admin/alerts/{alert}",
        "/admin/pilot",
        f"/admin/run-summary?from={days_ago(6)}",
        "/admin/feedback-stats",
        "/admin/audit-log",
        "/admin/audit-log?actor=operator-3",
        "/admin/audit-log?tenant_id=pilot",
        "/metrics",
    ]


def days_ago(n):
    return time.strftime("%F", time.gmtime(time.time() - 86400 * n))


def latencies(client, path):
    taken = []
    for _ in range(WARM + READS):
        began = time.perf_counter()
        client.request("GET", path)
        taken.append(1000 * (time.perf_counter() - began))
    return taken[WARM:]


def percentile(values, n):
    return statistics.quantiles(values, n=100)[n - 1]


def scans(stack):
    """How much was read of each large table by sequential scans so far, 1 being all of it; what admin.fcgi did counts
    when it has ended.  Not the scans as such: Postgres counts one for each range that it summarises in a BRIN index."""
    stack.restart("admin")
    names = ", ".join(f"'{name}'" for name in LARGE)
    return {name: float(part) for name, part in stack.sql(
        f"select relname, seq_tup_read / greatest(n_live_tup, 1)::numeric from pg_stat_user_tables where relname in ({names})")}


class Uploads:
    """Whole invoices of 12 KiB at a fixed rate, whatever the answers take; each is due at its own
    time, and its latency counts from then."""

    def __init__(self, stack, seconds, clients=8):
        self.stack, self.left, self.lock = stack, itertools.count(), threading.Lock()
        self.total, self.clients, self.began = UPLOADS * seconds, clients, None
        self.latencies, self.errors = [], []

    def run(self):
        """Their latencies in ms."""
        self.began = time.perf_counter()
        threads = [threading.Thread(target=self.work) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]
        return self.latencies

    def work(self):
        try:
            with Client(self.stack, self.stack.key_header()) as client:
                self.upload_all(client)
        except (Failed, OSError, http.client.HTTPException) as e:
            self.errors.append(e)

    def upload_all(self, client):
        while True:
            with self.lock:
                n = next(self.left)
            if n >= self.total:
                return
            due = self.began + n / UPLOADS
            time.sleep(max(0, due - time.perf_counter()))
            body, kind = harness.multipart(b"%PDF-1.4\n" + os.urandom(12279))
            client.request("POST", "/full-process?tenant_id=bench", body, {"Content-Type": kind})
            self.latencies.append(1000 * (time.perf_counter() - due))


class Readers:
    """Operators who read one page after the other, each in a time of his own, in a process beside the uploads';
    .rate, pages a second, when they have ended."""

    def __init__(self, stack, paths, seconds, pace):
        self.stack, self.paths, self.seconds, self.pace, self.rate = stack, paths, seconds, pace, 0
        fork = multiprocessing.get_context("fork")
        self.read = fork.Value("i", 0)
        self.process = fork.Process(target=self.run)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *error):
        self.process.join()
        if self.process.exitcode != 0:
            raise Failed("readers: the error stands above")
        self.rate = self.read.value / self.seconds

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(OPERATORS) as pool:
            for one in [pool.submit(self.operator, n) for n in range(OPERATORS)]:
                one.result()

    def operator(self, number):
        chance = random.Random(number)
        ends = time.monotonic() + self.seconds
        for path in itertools.islice(itertools.cycle(self.paths), chance.randrange(len(self.paths)), None):
            pause = chance.uniform(0, 2 * self.pace)
            if time.monotonic() + pause > ends:
                return
            time.sleep(pause)
            with Client(self.stack, {"X-Admin-Key": self.stack.admin_key}) as client:
                client.request("GET", path)
            with self.read.get_lock():
                self.read.value += 1


def beside(bench, stack, paths):
    """Uploads alone, and beside operators who read pages."""
    read = {pace: [] for pace in PACES}
    seconds = max(LEAST_SECONDS, bench.seconds)

    def alone():
        return Uploads(stack, seconds).run()

    def read_beside(pace):
        with Readers(stack, paths, seconds, pace) as readers:
            done = Uploads(stack, seconds).run()
        read[pace].append(readers.rate)
        return done
    Uploads(stack, 2).run()  # warms up
    without, beside_them = bench.alternate(f"{UPLOADS} uploads/s beside {OPERATORS} operators", alone,
                                           lambda: {pace: read_beside(pace) for pace in PACES})
    for pace in PACES:
        for n in (50, 99):
            yardstick = statistics.median(percentile(round_, n) for round_ in without)
            ours = statistics.median(percentile(round_[pace], n) for round_ in beside_them)
            bench.row(f"{UPLOADS} uploads/s beside {OPERATORS} operators, {pace} s a page, p{n}", yardstick, ours, "<= 1.25",
                      ours <= 1.25 * yardstick, f"{statistics.median(read[pace]):.1f} pages/s read", unit=" ms")


def operators(bench):
    """On a stack of its own making, with the real admin.fcgi."""
    stack = bench.stack
    fresh(stack, "admin.fcgi")
    filled(stack)
    before = scans(stack)
    with contextlib.ExitStack() as block:
        client = block.enter_context(Client(stack, {"X-Admin-Key": stack.admin_key}))
        paths = pages(client)
        for path in paths:
            progress(path)
            taken = latencies(client, path)
            p95 = percentile(taken, 95)
            shown = urllib.parse.unquote(path)
            bench.row(shown if len(shown) < 59 else shown[:57] + "…", None, p95, "< 100 ms", p95 < 100,
                      f"p50 {percentile(taken, 50):.0f} ms", unit=" ms")
    beside(bench, stack, paths)
    scanned = {name: part - before[name] for name, part in scans(stack).items() if part - before[name] > A_SCAN}
    bench.row("large tables scanned sequentially meanwhile", None, len(scanned), "none", not scanned,
              ", ".join(f"{name} {part:.1f} times" for name, part in scanned.items()), unit="")
