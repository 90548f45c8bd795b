"""The front door's counts: each line of nginx's access log counted once, whatever happens meanwhile."""
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import unittest

from harness import PILOT, ROOT, Stack, StackCase, wait_for

# Of its own: its log is rotated, and nobody else is to write into it, the watchdog's probes neither.
STACK = Stack("front_door", READY_URL="http://127.0.0.1:9/")
LOG = STACK.dir / "log" / "access.log"
EACH = 20000  # lines that are added at a go


def setUpModule():
    unittest.addModuleCleanup(STACK.down)
    STACK.up()


def line(route="/full-process", tenant=PILOT, status=200, took=0.004, time="2026-01-17T15:00:00Z"):
    """As nginx writes it."""
    return json.dumps({
        "time": time, "event": "access", "trace_id": "0" * 32, "remote_addr": "192.0.2.1", "method": "POST",
        "route": route, "path": route, "tenant_id": tenant, "status": status, "bytes_in": 100, "bytes_out": 100,
        "request_time": 0.5}, separators=(",", ":")).replace('0.5}', f"{took:.3f}}}") + "\n"


def add(text):
    with LOG.open("a") as log:
        log.write(text)


class FrontDoorCase(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    def setUp(self):
        super().setUp()
        self.wait_ready()
        self.forget()

    def wait_ready(self):
        """Everything that the log has is counted."""
        wait_for(lambda: self.place() == (LOG.stat().st_ino, LOG.stat().st_size), 20, "all of the log to be counted")

    def place(self):
        [[inode, position]] = self.stack.sql("select inode, position from access_log_positions") or [[0, 0]]
        return int(inode), int(position)

    def forget(self):
        self.stack.sql("delete from front_door_minutes; delete from front_door_daily")

    def counted(self, tenant=None, **where):
        """{(route, status class): requests}"""
        mine = "true" if tenant is None else f"tenant_id = '{tenant}'"
        rows = self.stack.sql(f"select route, status_class, sum(requests) from front_door_minutes where {mine} group by 1, 2")
        return {(route, int(status)): int(n) for route, status, n in rows}

    def total(self):
        return self.stack.value("select coalesce(sum(requests), 0) from front_door_minutes")

    def wait_counted(self, counts, **options):
        """Exactly that, and it stays that."""
        self.wait_ready()
        self.assertEqual(counts, self.counted(**options))
        self.assert_days_agree()

    def assert_days_agree(self):
        """The days are the sums of their minutes."""
        minutes, days = (self.stack.sql(
            f"select tenant_id, {day}, route, status_class, place, sum(n) from {table},"
            " unnest(requests || buckets) with ordinality b (n, place) group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5")
            for table, day in (("front_door_minutes", "utc_date(minute)"), ("front_door_daily", "day")))
        self.assertEqual(minutes, days)

    def wait_total(self, n, timeout=30):
        wait_for(lambda: self.total() >= n, timeout, f"{n} counted")
        self.wait_ready()
        self.assertEqual(n, self.total())
        self.assert_days_agree()


class Requests(FrontDoorCase):
    """Real ones, through nginx."""

    def send(self, n, method, path, status, **options):
        for _ in range(n):
            self.assertEqual(status, self.stack.request(method, path, **options).status)

    def test_answers_of_the_application(self):
        self.upload_done(self.stack.unique_pdf())
        self.send(2, "POST", f"/full-process?tenant_id={self.tenant}", 401)
        self.send(3, "GET", "/health", 200)
        self.send(1, "GET", "/jobs/x", 404, headers=self.stack.key_header())
        self.wait_counted({("/full-process", 2): 1, ("/full-process", 4): 2, ("/health", 2): 3, ("/jobs/{id}", 4): 1})

    def test_nginxs_own_answers(self):
        self.send(2, "GET", "/nowhere", 404)
        self.send(1, "DELETE", "/health", 405)
        self.send(3, "POST", "/full-process", 413, headers={"Content-Length": str(1 << 30)})
        self.wait_counted({("other", 4): 2, ("/health", 4): 1, ("/full-process", 4): 3})

    def test_limited(self):
        with self.stack.settings("nginx", RATE_LIMIT_RPS=1, RATE_LIMIT_BURST=1):
            self.wait_ready()
            self.forget()
            self.assertIn(429, {self.stack.get("/jobs/x").status for _ in range(6)})
            self.wait_counted({("/jobs/{id}", 4): 6})

    def test_an_endpoint_that_is_away(self):
        with self.stack.stopped("admin"):
            self.send(4, "GET", "/admin/pilot", 502)
            self.wait_counted({("/admin/pilot", 5): 4})

    def test_whose(self):
        """The tenant of the job or of the key where the application knows it, else the one named; of those that have jobs."""
        job = self.upload_done(self.stack.unique_pdf())["job_id"]
        answer = self.stack.job(job)
        self.assertEqual((200, None), (answer.status, answer.headers["X-Mizan-Tenant"]))
        self.send(2, "POST", f"/full-process?force=maybe&tenant_id={self.tenant}", 400, headers=self.stack.key_header())
        self.send(3, "POST", f"/full-process?x=1&tenant_id={self.tenant}", 413, headers={"Content-Length": str(1 << 30)})
        name, key = self.stack.make_key(self.tenant)
        self.addCleanup(self.stack.revoke_key, name)
        self.send(1, "GET", "/jobs/00000000-0000-4000-8000-000000000000", 404, headers=self.stack.key_header(key))
        self.wait_counted({("/full-process", 2): 1, ("/jobs/{id}", 2): 1, ("/full-process", 4): 5, ("/jobs/{id}", 4): 1}, tenant=self.tenant)
        self.wait_counted({}, tenant="")
        for name in ("nobody", "nobody-either", "..", "x" * 64):
            self.send(1, "GET", f"/nowhere?tenant_id={name}", 404)
        self.wait_counted({("other", 4): 4}, tenant="")

    def test_who_left_without_an_answer(self):
        self.sim.delay(3000)
        with self.assertRaises(TimeoutError):
            self.upload(self.stack.unique_pdf(), timeout=0.5)
        wait_for(lambda: self.counted() == {("/full-process", 0): 1}, what="class 0")

    def test_time_and_minute(self):
        add(line(took=0.005) + line(took=0.006) + line(took=31) + line(took=0.25, time="2026-01-17T18:01:59+03:00"))
        self.wait_total(4)
        rows = self.stack.sql("select rfc3339(minute), requests, seconds, buckets from front_door_minutes order by minute")
        self.assertEqual([["2026-01-17T15:00:00.000Z", "3", "31.011", "{1,1,0,0,0,0,0,0,0,0,0,0,1}"],
                          ["2026-01-17T15:01:00.000Z", "1", "0.250", "{0,0,0,0,0,1,0,0,0,0,0,0,0}"]], rows)

    def test_strangers_cannot_fill_the_table(self):
        add("".join(line(route=f"/invented/{i}", tenant=f"t{i}", status=404) for i in range(2000)))
        self.wait_total(2000)
        self.assertEqual([["", "other", "2000"]],
                         self.stack.sql("select tenant_id, route, requests from front_door_minutes"))

    def test_every_route_of_nginx_has_its_name(self):
        names = set(routes_of_nginx())
        self.assertGreater(len(names), 25)
        add("".join(line(route=name) for name in names))
        self.wait_total(len(names))
        self.assertEqual(names, {route for route, _ in self.counted()})


def routes_of_nginx():
    """All that its map can say: a variable stands for each of its pattern's alternatives."""
    table = re.search(r"map \$mizan_path \$mizan_route \{(.*?)\n\}", (ROOT / "nginx" / "mizan.conf.in").read_text(), re.S)[1]
    for pattern, name in re.findall(r'^\s*("~.*?"|default)\s+"?([^";]+)"?;', table, re.M):
        variable = re.search(r"\$(\w+)", name)
        choices = re.search(rf"\(\?<{variable[1]}>([^)]*)\)", pattern)[1].split("|") if variable else [None]
        yield from (name.replace(variable[0], choice) if choice else name for choice in choices)


class Exactly(FrontDoorCase):
    """Once each, whatever happens to the watchdog."""

    def busy(self, disturb, n=10):
        """n parts are added to the log while disturb() is called again and again: how many lines there were."""
        done = threading.Event()

        def write():
            for i in range(n):
                add("".join(line(status=200 + 100 * (i % 4)) for _ in range(EACH)))
            done.set()
        writer = threading.Thread(target=write)
        writer.start()
        times = 0
        while not done.is_set() or times < 5:
            disturb()
            times += 1
        writer.join()
        return n * EACH

    def test_killed(self):
        def kill():
            before = self.place()
            pid = self.stack.pid("watchdog")
            wait_for(lambda: self.place() != before or before[1] == LOG.stat().st_size, what="counting")
            self.stack.kill("watchdog")
            wait_for(lambda: self.stack.pid("watchdog") not in (None, pid), what="another watchdog")
        self.wait_total(self.busy(kill), 60)

    def test_cut_off(self):
        """The connection is lost amid a transaction, or its commit with nobody told."""
        def cut():
            self.stack.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'watchdog'",
                           role="watchdog")
        self.wait_total(self.busy(cut), 60)
        self.assertIn("count.again", {e["event"] for e in self.stack.log("watchdog")})

    def test_two(self):
        environ = dict(v.split("=", 1) for v in wait_for(self.environ, what="the first").split("\0") if "=" in v)
        with subprocess.Popen([self.stack.dir / "bin" / "watchdog"], env=environ, stdout=subprocess.PIPE, text=True) as other:
            try:
                self.wait_total(self.busy(lambda: None), 60)
            finally:
                other.send_signal(signal.SIGTERM)
            said = other.communicate(timeout=10)[0]
        self.assertEqual(0, other.returncode)
        self.assertNotIn("count.trouble", said)

    def environ(self):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return pathlib.Path(f"/proc/{self.stack.pid('watchdog')}/environ").read_text()

    def test_database_away(self):
        since = len(self.stack.log_text("watchdog"))
        with self.stack.stopped("postgres"):
            for _ in range(3):
                self.assertEqual(200, self.stack.request("GET", "/health").status)
            wait_for(lambda: self.stack.log("watchdog", "count.trouble", since), what="trouble")
        wait_for(lambda: self.stack.log("watchdog", "count.again", since), 20, what="again")
        wait_for(lambda: self.counted().get(("/health", 2)) == 3, what="what came meanwhile")

    def test_stop_counts_what_is_there(self):
        with self.stack.paused("watchdog"):
            add(line() * EACH)
            os.kill(self.stack.pid("watchdog.supervisor"), signal.SIGTERM)
        wait_for(lambda: self.stack.pid("watchdog.supervisor") is None, 20)
        try:
            self.assertEqual(EACH, self.total())
        finally:
            self.stack.restart("watchdog")

    def test_stops_in_time_while_the_database_hangs(self):
        pid = self.stack.pid("watchdog")
        backends = [int(p) for (p,) in self.stack.sql("select pid from pg_stat_activity where application_name = 'watchdog'")]
        self.assertTrue(backends)
        for backend in backends:
            os.kill(backend, signal.SIGSTOP)
        try:
            add(line())
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 10, "its end")
        finally:
            for backend in backends:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(backend, signal.SIGCONT)
        self.wait_total(1)


class Rotation(FrontDoorCase):
    def tearDown(self):
        for path in LOG.parent.glob("access.log?*"):
            path.unlink()

    def send(self, n):
        for _ in range(n):
            self.assertEqual(200, self.stack.request("GET", "/health").status)

    def rename(self, to):
        """As logrotate does it: nginx goes on with the old file until it is told."""
        LOG.rename(f"{LOG}{to}")

    def reopen(self):
        self.stack.kill("nginx", signal.SIGUSR1)
        wait_for(LOG.exists, what="a new log")

    def rotate(self, to):
        """n requests before, between and after."""
        self.send(2)
        self.rename(to)
        self.send(3)
        self.reopen()
        self.send(4)
        return 9

    def wait_health(self, n):
        wait_for(lambda: self.counted().get(("/health", 2)) == n, 20, f"{n} counted")
        self.wait_ready()
        self.assertEqual({("/health", 2): n}, self.counted())

    def test_renamed(self):
        self.wait_health(self.rotate(".1"))

    def test_renamed_while_away(self):
        n, since = 0, len(self.stack.log_text("watchdog"))
        with self.stack.stopped("watchdog"):
            for name in (".2", ".1"):
                n += self.rotate(name)
        self.wait_health(n)
        self.assertEqual([], self.stack.log("watchdog", "count.lost", since))

    def test_renamed_under_fire(self):
        stop = threading.Event()
        sent = []

        def fire():
            while not stop.is_set():
                self.send(1)
                sent.append(1)
        with contextlib.ExitStack() as threads:
            several = [threading.Thread(target=fire) for _ in range(4)]
            for thread in several:
                thread.start()
            threads.callback(lambda: [thread.join() for thread in several])
            threads.callback(stop.set)
            for i in range(3):
                wait_for(lambda: len(sent) > 30 * (i + 1), 20)
                self.rename(f"-2026011{i}")
                wait_for(lambda: len(sent) > 30 * (i + 1) + 10, 20)
                self.reopen()
                if i == 1:
                    self.stack.kill("watchdog")
        self.wait_health(len(sent))

    def test_copied_and_truncated(self):
        self.send(3)
        self.wait_ready()
        shutil.copy(LOG, f"{LOG}.1")
        os.truncate(LOG, 0)
        self.send(4)
        self.wait_health(7)

    def test_truncated_and_filled_while_away(self):
        """Longer than before: the size tells nothing, its beginning does."""
        self.send(1)
        self.wait_ready()
        with self.stack.stopped("watchdog"):
            os.truncate(LOG, 0)
            add(line("/health") * 1000)
        self.wait_health(1001)

    def test_missing(self):
        since = len(self.stack.log_text("watchdog"))
        LOG.unlink()
        self.stack.restart("watchdog")
        wait_for(lambda: self.stack.log("watchdog", "count.trouble", since), what="trouble")
        self.reopen()
        self.send(2)
        self.wait_health(2)
        self.assertEqual(1, len(self.stack.log("watchdog", "count.lost", since)))

    def test_garbage(self):
        since = len(self.stack.log_text("watchdog"))
        add(line("/health") + "no line of ours\n" + "{}\n" + "\0" * 5000 + "\n" + "x" * (3 << 20) + "\n" + line("/health"))
        self.wait_health(2)
        self.assertIn("3 lines", self.stack.log("watchdog", "count.skipped", since)[0]["message"])


class Keeping(FrontDoorCase):
    def test_a_year_and_a_month(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        for days in (399, 401):
            add(line(time=(now - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")))
        self.wait_total(2)
        self.stack.restart("watchdog")  # it looks at once, and then every hour
        wait_for(lambda: self.total() == 1, what="the older one to go")


if __name__ == "__main__":
    unittest.main()
