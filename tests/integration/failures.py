"""Breaking parts of a stack, and looking at what became of its jobs; for tests on top of harness.py."""
import contextlib
import os
import pathlib
import signal
import subprocess

from harness import wait_for

ASYNC = {"Prefer": "respond-async"}


def gone(pid):
    """Whether the process has ended, be it that nobody has reaped it yet."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def end(stack, name, number=signal.SIGTERM):
    """The process and its supervisor are gone, so that nothing starts it again."""
    pid = stack.pid(name)
    os.kill(stack.pid(f"{name}.supervisor"), signal.SIGKILL)
    os.kill(pid, number)
    wait_for(lambda: gone(pid), 20, f"the end of {name}")


@contextlib.contextmanager
def stopped(stack, *names, number=signal.SIGTERM):
    """The named processes are down within the block."""
    try:
        for name in names:
            end(stack, name, number)
        yield
    finally:
        for name in names:
            stack.restart(name)


@contextlib.contextmanager
def transaction(stack):
    """A transaction of the owner's that is open within the block, then committed: a function that runs
    SQL in it, and returns when that is done."""
    session = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"], text=True, start_new_session=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=stack.psql_environment("owner"))

    def in_it(sql):
        session.stdin.write(f"{sql};\n\\echo done\n")
        session.stdin.flush()
        while (line := session.stdout.readline()) != "done\n":
            if not line:
                raise RuntimeError(f"psql did not do it: {sql}")

    with session:
        in_it("begin")
        yield in_it
        in_it("commit")


@contextlib.contextmanager
def holding(stack, lock):
    """Within the block a transaction of the owner's holds the lock ("table t in exclusive mode")."""
    with transaction(stack) as other:
        other(f"lock {lock}")
        yield


def accept(stack, document, tenant, **options):
    """The id of the job of an upload that was taken in and not waited for."""
    answer = stack.upload(document, tenant, headers=ASYNC, **options)
    if answer.status not in (200, 202):
        raise AssertionError(f"not accepted: {answer}")
    return answer.json["job_id"]


def job_row(stack, job_id, *columns):
    """These columns of the job, as the database has them; the value itself where it is one."""
    row = stack.sql(f"select {', '.join(columns)} from jobs where id = '{job_id}'")[0]
    return row[0] if len(columns) == 1 else row


def calls_of(stack, job_id):
    """Outcomes of the recorded calls to the provider, in order."""
    rows = stack.sql(f"select outcome from provider_calls where job_id = '{job_id}' order by id")
    return [outcome for (outcome,) in rows]


def gaps_ms(stack, job_id):
    """Milliseconds between the recorded calls."""
    rows = stack.sql("select round(1000 * extract(epoch from created_at - lag(created_at) over"
                     f" (order by id))) from provider_calls where job_id = '{job_id}' order by id")
    return [int(gap) for (gap,) in rows[1:]]


def worker_of(stack, job_id):
    """Name of the process ("worker-1") that the job was claimed by last."""
    pid = stack.value("select pid from worker_heartbeats where worker_id ="
                      f" (select worker_id from jobs where id = '{job_id}')")
    for path in (stack.dir / "pid").glob("worker-*[0-9]"):
        if stack.pid(path.name) == pid:
            return path.name
    return None
