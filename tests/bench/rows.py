"""The rows of the table: each measures one path, and its yardstick in the same run."""
import contextlib
import statistics
import subprocess
import time

from reading import operators
from tools import (Failed, Probe, drained_rate, harness, nothing_claimed, pgbench, progress, queue_up,
                   reset_peak, status_kib, upload, wait_drained, wrk)


class Bench:
    """A stack, how long and how often to measure, and the table."""

    def __init__(self, stack, seconds, rounds, open_seconds):
        self.stack, self.seconds, self.rounds, self.open_seconds = stack, seconds, rounds, open_seconds

    @staticmethod
    def heading():
        print(f"{'path':58} {'yardstick':>10} {'ours':>10} {'ratio':>6}  {'reach':14} also", flush=True)

    def row(self, path, yardstick, ours, reach, ok, also="", unit="/s"):
        """One line; a row that does not reach what it should is marked."""
        progress("")
        ratio = f"{ours / yardstick:.2f}" if yardstick else "-"
        shown = f"{yardstick:.0f}{unit}" if yardstick else "-"
        print(f"{path:58} {shown:>10} {f'{ours:.0f}{unit}':>10} {ratio:>6}  {reach:14} {also}"
              f"{'' if ok else '  MISSED'}", flush=True)

    def alternate(self, what, yardstick, ours):
        """Rounds of both in turn, so that the machine's moods meet both; their results."""
        first, second = [], []
        for n in range(self.rounds):
            progress(f"{what}: round {n + 1} of {self.rounds}")
            if yardstick:
                first.append(yardstick())
            second.append(ours())
        return first, second


def median(results, what=None):
    return statistics.median(r[what] if what else r for r in results)


def prepare(bench):
    """A first load for every table, so that plans and caches are those of a system in use."""
    progress("warming up")
    stack = bench.stack
    stack.sql("create table bench_content as select string_agg(sha256((g || random()::text)::bytea), ''::bytea)"
              " as content from generate_series(1, 102400 / 32) g")
    upload(stack, 8, 3, 12288)
    wait_drained(stack)
    stack.sql("""
        create table bench_result as
        select c.reply, v.extraction, to_json(v)::jsonb - '{tenant_id,job_id,document_id,smoke,incident_id,extraction,
               queue_ms,pipeline_total_ms,created_at,score,grade,quality,identity}'::text[] as invoice,
               json_build_object('score', v.score, 'grade', v.grade, 'quality', v.quality, 'incident', null) as verdict
          from invoices v join provider_calls c using (tenant_id, job_id) limit 1;
        alter table bench_result alter invoice type json using invoice::json;
        grant select on bench_result to mizan_worker; analyze""")


def ready(bench):
    for connections in (8, 32, 256):
        what = f"/health/ready, {connections} connections, against bare libfcgi"
        hello, ours = bench.alternate(
            what,
            lambda n=connections: wrk(bench.stack, "/admin/hello", n, bench.seconds),
            lambda n=connections: wrk(bench.stack, "/health/ready", n, bench.seconds))
        slowest, theirs = median(ours, "max"), median(hello, "max")
        ratio = median(ours, "rate") / median(hello, "rate")
        bench.row(what, median(hello, "rate"), median(ours, "rate"),
                  ">= 0.8" + (", < 100 ms" if connections == 256 else ""),
                  ratio >= 0.8 and (connections < 256 or slowest < 100),
                  f"slowest {slowest:.0f} ms, libfcgi's {theirs:.0f} ms")


def accept(bench):
    """The worker rests meanwhile, as it has no part in the yardstick."""
    def ours():
        with nothing_claimed(bench.stack):
            return upload(bench.stack, 16, bench.seconds, 102400, "respond-async")
    what = "upload 100 KiB, async, 16 clients, against pgbench"
    insert, accepted = bench.alternate(
        what, lambda: pgbench(bench.stack, "owner", "insert.sql", 16, "-T", bench.seconds), ours)
    bench.row(what, median(insert), median(accepted, "rate"), ">= 0.6",
              median(accepted, "rate") >= 0.6 * median(insert), f"p99 {median(accepted, 'p99'):.0f} ms")


def claim(bench):
    jobs = 400 * bench.seconds

    def yardstick():
        with nothing_claimed(bench.stack):
            queue_up(bench.stack, jobs, 12288)
            with bench.stack.paused("worker-1"):
                bench.stack.sql("update provider_state set state = 'ok', blocked_until = null")
                return pgbench(bench.stack, "worker", "claim_finish.sql", 1, "-t", jobs)
    what = "claim + finish, one worker, against pgbench, one client"
    sql, ours = bench.alternate(what, yardstick, lambda: drained_rate(bench.stack, jobs))
    bench.row(what, median(sql), median(ours), ">= 0.5", median(ours) >= 0.5 * median(sql))


def whole(bench):
    def ours():
        result = upload(bench.stack, 8, bench.seconds, 12288)
        wait_drained(bench.stack)
        return result
    what = "whole invoice 12 KiB, sync, 8 clients, no delay"
    _, done = bench.alternate(what, None, ours)
    rate, p99 = median(done, "rate"), median(done, "p99")
    bench.row(what, None, rate, "1150/s, 40 ms", rate >= 1150 and p99 < 40, f"p99 {p99:.0f} ms")


def in_flight(bench):
    """One worker with 256 calls of two seconds: a window of ten seconds after the first wave."""
    stack, window = bench.stack, 10
    what = "one worker, provider 2 s, 256 calls in flight"
    with stack.settings("worker", WORKER_CONCURRENCY=256):
        stack.sim.delay(2000)
        progress(what)
        with contextlib.ExitStack() as after:
            after.callback(stack.sim.delay, 0)
            with nothing_claimed(stack):
                queue_up(stack, 128 * (window + 6), 12288, "flight")
                stack.sql("update provider_state set state = 'ok', blocked_until = null")
                harness.wait_for(lambda: stack.sim.stats()["in_flight"] >= 250, 60, "256 calls")
                ended = "select count(*) from jobs where tenant_id = 'flight' and state = 'SUCCEEDED'"
                harness.wait_for(lambda: stack.value(ended), 60, "the first wave")
                before, began = stack.value(ended), time.monotonic()
                time.sleep(window)
                rate = (stack.value(ended) - before) / (time.monotonic() - began)
                peak = status_kib(stack.pid("worker-1"), "VmHWM") / 1024
                stack.sim.delay(0)
    bench.row(what, 128, rate, "115/s, 64 MiB", rate >= 115 and peak < 64, f"peak RSS {peak:.0f} MiB")


def waiting(bench):
    stack = bench.stack
    what = "64 sync clients, provider 200 ms"
    stack.sim.delay(200)
    try:
        probes = []

        def ours():
            probe = Probe(stack, "/health")
            probe.start()
            result = upload(stack, 64, bench.seconds, 12288)
            probes.append(probe.stop())
            wait_drained(stack)
            return result
        _, done = bench.alternate(what, None, ours)
    finally:
        stack.sim.delay(0)
    rate, health = median(done, "rate"), median(probes)
    bench.row(what, 320, rate, "280/s, 5 ms", rate >= 280 and health < 5, f"/health p99 {health:.1f} ms")


def large(bench):
    """The endpoint's peak over uploads of 10 MiB, one after the other, above what it held before."""
    stack = bench.stack
    what = "10 MiB upload: growth of the endpoint's memory"
    progress(what)
    pid = stack.pid("full_process")
    grown = []
    for _ in range(bench.rounds):
        document = stack.unique_pdf()
        document.content += b"\0" * (10 * 1024 * 1024 - len(document.content))
        before = status_kib(pid, "VmRSS")
        reset_peak(pid)
        answer = stack.upload(document.content, "bench", headers={"Prefer": "respond-async"})
        if answer.status != 202:
            raise Failed(f"{what}: {answer}")
        grown.append((status_kib(pid, "VmHWM") - before) / 1024)
    wait_drained(stack)
    bench.row(what, None, max(grown), "25 MiB", max(grown) <= 25, unit=" MiB")


def own_time(bench):
    stack = bench.stack
    what = "own time per invoice, idle: pipeline less provider, p50"
    own = []
    for n in range(100):
        progress(f"{what}: {n + 1} of 100")
        timings = stack.upload(stack.unique_pdf(), "bench").json["timings"]
        own.append(timings["pipeline_total_ms"] - timings["extraction_ms"])
    bench.row(what, None, statistics.median(own), "10 ms", statistics.median(own) < 10,
              f"p99 {statistics.quantiles(own, n=100)[98]:.0f} ms", unit=" ms")


SCANS = "select coalesce(sum(seq_scan), 0) from pg_stat_user_tables where relname in" \
        " ('documents', 'jobs', 'invoices', 'incidents', 'provider_calls')"
PAST = """
    with past as materialized (
        select 'past-' || n % 20 as tenant_id, gen_random_uuid() as document_id, gen_random_uuid() as job_id,
               sha256(n::text::bytea) as sha256, now() - random() * interval '90 days' as at
          from generate_series({first}, {last}) n
    ), d as (
        insert into documents (tenant_id, id, sha256, media_type, bytes, filename, content)
        select tenant_id, document_id, sha256, 'application/pdf', 8, 'past.pdf', '%PDF-1.4' from past
    ), j as (
        insert into jobs (tenant_id, id, document_id, trace_id, state, created_at, run_at, started_at, finished_at)
        select tenant_id, job_id, document_id, 'past', 'SUCCEEDED', at, at, at, at from past
    )
    insert into invoices (tenant_id, job_id, document_id, smoke, outcome, ocr_suspect, score, grade, fingerprint,
                          audit, quality, queue_ms, extraction_ms, pipeline_total_ms, created_at)
    select tenant_id, job_id, document_id, false, 'exact', false, 100, 'OK', job_id::text, '{{}}', '{{}}', 1, 1, 2, at
      from past
"""


def past(bench, rows=1000000, step=50000):
    for first in range(0, rows, step):
        progress(f"filling the tables with finished jobs: {first} of {rows}")
        bench.stack.sql(PAST.format(first=first, last=first + step - 1))
    bench.stack.sql("analyze")


BUSY_RATE = 200  # jobs a second while the transaction is open: 360,000 in half an hour


@contextlib.contextmanager
def open_transaction(stack):
    """Another session's, which sees the database as it is now, and keeps it so."""
    session = subprocess.Popen(["psql", "-X", "-q", "-A", "-t"], text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=stack.psql_environment("owner"))
    with session:
        session.stdin.write("begin isolation level repeatable read; select count(*) from jobs where false;\n")
        session.stdin.flush()
        session.stdout.readline()
        yield  # the end of its input ends it


def history(bench):
    """Claim and finish on empty tables, with a million finished jobs, and under an old transaction."""
    stack, jobs = bench.stack, 400 * bench.seconds
    what = "claim + finish"
    stack.sql("truncate documents, jobs, invoices, incidents, provider_calls, idempotency_keys cascade")
    drained_rate(stack, jobs)
    _, empty = bench.alternate(f"{what}, empty tables", None, lambda: drained_rate(stack, jobs))
    past(bench)
    drained_rate(stack, jobs)
    scans = stack.value(SCANS)
    _, full = bench.alternate(f"{what}, a million finished jobs", None, lambda: drained_rate(stack, jobs))
    scanned = stack.value(SCANS) - scans
    bench.row(f"{what}, a million finished jobs, against empty tables", median(empty), median(full), ">= 0.85, no scan",
              median(full) >= 0.85 * median(empty) and scanned == 0, f"{scanned} sequential scans")
    with open_transaction(stack):
        began, done = time.monotonic(), 0
        while time.monotonic() - began < bench.open_seconds:
            progress(f"a transaction stays open: {time.monotonic() - began:.0f} of {bench.open_seconds} s, {done} jobs")
            due = time.monotonic() + 5
            drained_rate(stack, BUSY_RATE * 5, 1024)
            done += BUSY_RATE * 5
            time.sleep(max(0, due - time.monotonic()))
        _, held = bench.alternate(f"{what}, old transaction", None, lambda: drained_rate(stack, jobs))
    bench.row(f"{what}, a transaction open for {bench.open_seconds / 60:g} min", median(empty), median(held), ">= 0.85",
              median(held) >= 0.85 * median(empty), f"{done} jobs meanwhile")


ROWS = {f.__name__.replace("_", "-"): f
        for f in (ready, accept, claim, whole, in_flight, waiting, large, own_time, history, operators)}
