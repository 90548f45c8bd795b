"""What the measurements stand on: load generators, memory, latencies, and a queue to drain."""
import contextlib
import glob
import http.client
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DIR = ROOT / "build" / "bench"
os.environ["MIZAN_TEST_DIR"] = str(DIR)
sys.path.insert(0, str(ROOT / "tests" / "integration"))
sys.dont_write_bytecode = True
import harness  # noqa: E402


class Failed(Exception):
    """A measurement that means nothing: something answered with an error."""


def progress(text):
    """One line that the next one overwrites."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K  {text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(f"  {text}", file=sys.stderr, flush=True)


def programs(admin="hello"):
    """The stack's programs, with libfcgi's hello in admin.fcgi's place: same nginx, same limits."""
    folder = DIR / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("full_process.fcgi", "health.fcgi", "worker", "watchdog", "openai_sim", "admin.fcgi"):
        target = folder / name
        target.unlink(missing_ok=True)
        target.symlink_to(ROOT / "build" / "plain" / "bin" / (admin if name == "admin.fcgi" else name))
    return folder


def bench_stack():
    """A stack with production's settings, every document an invoice of its own."""
    stack = harness.Stack("stack", **{name: harness.UNSET for name in harness.QUICK})
    stack.initial |= {"SYNC_WAIT_MS": 20000, "WORKER_CONCURRENCY": 64}
    return fresh(stack)


def fresh(stack, admin="hello"):
    """The stack up, with nothing in its database."""
    stack.up("--bin", str(programs(admin)))
    answer = harness.extraction("services-en-exact")
    answer["invoice_number"]["value"] = "@SHA256@"
    stack.sim.default(answer)
    return stack


# --- Load

def milliseconds(text):
    found = re.fullmatch(r"([0-9.]+)(us|ms|s|m)", text)
    if not found:
        raise Failed(f"wrk gives a time as {text!r}")
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[found[2]]


def run(command, env):
    done = subprocess.run(command, text=True, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode != 0:
        raise Failed(f"{command[0]}: {done.stdout}")
    return done.stdout


def wrk(stack, path, connections, seconds, script=None, **variables):
    """One run: requests a second, p99 and maximum latency in ms.  An error is a failed run."""
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "20s"]
    if script:
        command += ["-s", str(HERE / script)]
    out = run([*command, stack.url + path], os.environ | stack.env | variables)
    if "Non-2xx" in out or "Socket errors" in out:
        raise Failed(f"{path}: {out}")
    return {
        "rate": float(re.search(r"Requests/sec:\s+([0-9.]+)", out).group(1)),
        "p99": milliseconds(re.search(r"^ +99% +(\S+)", out, re.M).group(1)),
        "max": milliseconds(re.search(r"Latency\s+\S+\s+\S+\s+([0-9.]+[a-z]+)", out).group(1)),
    }


def upload(stack, connections, seconds, size, prefer=""):
    """wrk with uploads of `size` bytes, each a document of its own."""
    return wrk(stack, "", connections, seconds, "upload.lua", BENCH_BYTES=str(size), BENCH_PREFER=prefer)


def pgbench(stack, role, script, clients, *limit):
    """Transactions a second of a file of SQL, as that role; limit: ("-T", seconds) or ("-t", n)."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/pgbench"))
    out = run([found[-1] if found else "pgbench", "-n", "-M", "prepared", "-f", str(HERE / script),
               "-c", str(clients), "-j", str(min(2, clients)), *map(str, limit)],
              stack.psql_environment(role))
    return float(re.search(r"tps = ([0-9.]+)", out).group(1))


# --- The queue

def queue_up(stack, jobs, size, tenant="bench"):
    """So many jobs of documents of `size` bytes, each of its own, as if uploaded just now."""
    stack.sql(f"""
        with content as (
            select gen_random_uuid() as id, convert_to('%PDF-1.4' || chr(10), 'UTF8')
                   || (select content from bench_content) || uuid_send(gen_random_uuid()) as content
              from generate_series(1, {jobs}) n),
        cut as (select id, substr(content, 1, 9) || substr(content, length(content) - {size} + 10) as content
                  from content),
        d as (
            insert into documents (tenant_id, id, sha256, media_type, bytes, filename, content)
            select '{tenant}', id, sha256(content), 'application/pdf', length(content), 'bench.pdf', content from cut
            returning id)
        insert into jobs (tenant_id, document_id, trace_id) select '{tenant}', id, 'bench' from d""")


def unfinished(stack):
    """By the queue's own indexes: a look must not cost what is being measured."""
    return stack.value("set enable_seqscan = off; select (select count(*) from jobs where state = 'QUEUED')"
                       " + (select count(*) from jobs where state = 'RUNNING')")


def wait_drained(stack, timeout=300):
    """Until no job of the last run is under way: it would be measured with the next one."""
    harness.wait_for(lambda: unfinished(stack) == 0, timeout, "the queue to drain", every=0.5)


@contextlib.contextmanager
def nothing_claimed(stack):
    """Within the block the workers leave the queue alone, as when the provider refuses us."""
    stack.sql("update provider_state set state = 'quota_exhausted', blocked_until = now() + interval '1 hour'")
    try:
        yield
    finally:
        stack.sql("update provider_state set state = 'ok', blocked_until = null, consecutive = 0")
        wait_drained(stack)


def drained_rate(stack, jobs, size=12288):
    """Jobs a second of one worker that finds so many of them waiting, from the first claim to the last end."""
    with contextlib.ExitStack() as block:
        block.enter_context(nothing_claimed(stack))
        queue_up(stack, jobs, size, "drain")
    ends = "set enable_seqscan = off; select extract(epoch from max(finished_at) - min(started_at)) from" \
           f" (select * from jobs where tenant_id = 'drain' order by created_at desc limit {jobs}) j"
    return jobs / float(stack.value(ends))


# --- Memory and latency

def status_kib(pid, field):
    """A figure of /proc/PID/status: VmRSS now, VmHWM its peak."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+) kB", text).group(1))


def reset_peak(pid):
    """From now on VmHWM counts anew."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


class Probe(threading.Thread):
    """GET path on one connection, again and again with a pause, until stop(): latencies in ms."""

    def __init__(self, stack, path, pause=0.01):
        super().__init__(daemon=True)
        self.stack, self.path, self.pause = stack, path, pause
        self.stopping = threading.Event()
        self.latencies = []

    def run(self):
        connection = http.client.HTTPSConnection(
            self.stack.address.hostname, self.stack.address.port, timeout=20, context=self.stack.tls)
        with contextlib.closing(connection):
            while not self.stopping.wait(self.pause):
                began = time.perf_counter()
                connection.request("GET", self.path)
                connection.getresponse().read()
                self.latencies.append(1000 * (time.perf_counter() - began))

    def stop(self):
        """The 99th percentile."""
        self.stopping.set()
        self.join()
        return statistics.quantiles(self.latencies, n=100)[98]
