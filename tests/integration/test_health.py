"""GET /health and GET /health/ready (SPEC §2, the seed's §2.4)."""
import concurrent.futures
import contextlib
import datetime
import os
import signal
import time
import unittest

from failures import accept, holding, stopped
from harness import TORTURE, UNSET, Stack, StackCase, wait_for

# Of their own, since the others cannot do without a database.
STACK = Stack("health", WORKER_ALIVE_SECONDS=2)


def setUpModule():
    unittest.addModuleCleanup(STACK.down)
    STACK.up()


class HealthCase(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    def wait_for_check(self, name, status, reason):
        """The answer in which that check is so."""
        def so():
            answer = self.stack.ready()
            check = answer.json["checks"][name]
            return check["status"] == status and check.get("reason") == reason and answer
        return wait_for(so, 15, f"{name} {status} {reason}")

    def assert_not_ready(self, answer, *failing):
        self.assertEqual((503, "not_ready", list(failing)),
                         (answer.status, answer.json["status"], answer.json["failing_checks"]))

    def wait_ready(self):
        return wait_for(lambda: self.all_well(self.stack.ready()), 15, "all checks ok")

    @staticmethod
    def all_well(answer):
        checks = answer.json["checks"].values()
        return answer.status == 200 and all(c["status"] == "ok" for c in checks) and answer


def shape(value):
    """Keys of objects, names of types."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return type(value).__name__


class Shape(HealthCase):
    def test_health(self):
        answer = self.stack.request("GET", "/health")
        self.assertEqual((200, {"status": "ok"}), (answer.status, answer.json))

    def test_ready_has_all_of_the_seeds_keys(self):
        self.stack.reset_pilot()
        self.stack.upload(self.stack.unique_pdf("mismatch-s1"), "pilot")
        answer = wait_for(lambda: (a := self.wait_ready()).json["last_activity"]["last_incident_at"] and a)
        seed = {
            "status": "str", "timestamp": "str", "build_id": "str", "config_hash": "str",
            "checks": {
                "config": {"status": "str", "validated": "bool"},
                "database": {"status": "str", "latency_ms": "int"},
                "openai_api": {"status": "str", "key_configured": "bool"},
                "queue": {"status": "str", "depth": "int"}},
            "pilot": {
                "enabled": "bool", "tenant_id": "str",
                "rate_limit": {"current": "int", "limit": "int", "remaining": "int", "window_seconds": "int"}},
            "last_activity": {"last_incident_at": "str"}}
        seed["checks"]["database"]["schema_version"] = "int"
        seed["checks"]["queue"] |= {"stuck_count": "int", "workers": "int"}  # SPEC §2
        self.assertEqual(seed, shape(answer.json))
        self.assertEqual(list(seed), list(answer.json))
        self.assertEqual("ready", answer.json["status"])
        self.assertRegex(answer.json["build_id"], r"^(git:[0-9a-f]{7,}|unknown)$")
        self.assertRegex(answer.json["config_hash"], r"^sha256:[0-9a-f]{16}$")
        self.assertEqual({"enabled": True, "tenant_id": "pilot", "rate_limit": {
            "current": 1, "limit": 50, "remaining": 49, "window_seconds": 3600}}, answer.json["pilot"])
        for at in (answer.json["timestamp"], answer.json["last_activity"]["last_incident_at"]):
            self.assert_now(at)

    def assert_now(self, at):
        self.assertRegex(at, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(at)
        self.assertLess(abs(age.total_seconds()), 10)

    def test_killed_pilot_leaves_it_ready(self):
        self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "test"})
        answer = wait_for(lambda: (a := self.stack.ready()) and not a.json["pilot"]["enabled"] and a)
        self.assertEqual((200, "ready"), (answer.status, answer.json["status"]))


class Database(HealthCase):
    def test_stopped(self):
        with stopped(self.stack, "postgres", number=signal.SIGINT):
            self.assertEqual(200, self.stack.request("GET", "/health").status)
            answer = self.wait_for_check("database", "error", "unreachable")
            self.assert_not_ready(answer, "database")
            self.assertIsNone(answer.json["checks"]["database"]["latency_ms"])
            self.assertFalse(answer.json["pilot"]["enabled"])
            self.assertEqual(set(self.seed_keys()), set(answer.json) - {"failing_checks"})
        self.wait_ready()

    @staticmethod
    def seed_keys():
        return ("status", "timestamp", "build_id", "config_hash", "checks", "pilot", "last_activity")

    def test_standing_still(self):
        """A database that answers nobody is found out in DB_TIMEOUT_MS; /health does not care."""
        with self.stack.settings("health", DB_TIMEOUT_MS=500):
            self.wait_ready()
            sessions = self.stack.sql("select pid from pg_stat_activity where usename = 'mizan_app'")
            with contextlib.ExitStack() as stack:
                stack.enter_context(self.stack.paused("postgres"))
                for (pid,) in sessions:
                    os.kill(int(pid), signal.SIGSTOP)
                    stack.callback(os.kill, int(pid), signal.SIGCONT)
                answer = self.wait_for_check("database", "error", "unreachable")
                self.assert_not_ready(answer, "database")
                began = time.monotonic()
                self.assertEqual(200, self.stack.request("GET", "/health").status)
                self.assertLess(time.monotonic() - began, 1)
            self.wait_ready()

    def test_schema_older_than_the_build(self):
        (row,) = self.stack.sql("delete from schema_migrations where version ="
                                " (select max(version) from schema_migrations) returning row_to_json(schema_migrations)")
        try:
            answer = self.wait_for_check("database", "error", "schema_outdated")
            self.assert_not_ready(answer, "database")
        finally:
            self.stack.sql("insert into schema_migrations select * from json_populate_record("
                           f"null::schema_migrations, $json${row[0]}$json$)")
        self.wait_ready()


class Queue(HealthCase):
    def test_no_worker(self):
        with stopped(self.stack, "worker-1", number=signal.SIGKILL):
            answer = self.wait_for_check("queue", "error", "no_worker")
            self.assert_not_ready(answer, "queue")
            self.assertEqual(0, answer.json["checks"]["queue"]["workers"])
        self.wait_ready()

    def test_deep(self):
        """Over the alarm is a warning; at it, none."""
        with self.stack.settings("health", QUEUE_DEPTH_ALARM=2), self.no_consumption():
            for depth, status in ((2, "ok"), (3, "warning")):
                while self.stack.value("select count(*) from jobs where state = 'QUEUED'") < depth:
                    accept(self.stack, self.stack.unique_pdf(), self.tenant)
                answer = wait_for(lambda d=depth: (a := self.stack.ready()).json["checks"]["queue"]["depth"] == d and a)
                self.assertEqual((200, status), (answer.status, answer.json["checks"]["queue"]["status"]))
            self.assertEqual("deep", answer.json["checks"]["queue"]["reason"])

    def test_stuck(self):
        """Due for over STUCK_MINUTES while nothing is consumed, or RUNNING that long after its lease."""
        with self.no_consumption():
            jobs = [accept(self.stack, self.stack.unique_pdf(), self.tenant) for _ in range(2)]
            self.stack.sql("update worker_heartbeats set claimed_at = null;"
                           f"update jobs set run_at = run_at - interval '601 seconds' where id = '{jobs[0]}'")
            self.assert_stuck(1)
            self.stack.sql("update jobs set state = 'RUNNING', lease_token = gen_random_uuid(),"
                           f" lease_until = now() - interval '601 seconds' where id = '{jobs[1]}'")
            self.assert_stuck(2)
        for job_id in jobs:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.wait_ready()

    def assert_stuck(self, count):
        answer = wait_for(lambda: (a := self.stack.ready()).json["checks"]["queue"]["stuck_count"] == count and a)
        self.assertEqual((200, "warning", "stuck"), (answer.status, answer.json["checks"]["queue"]["status"],
                                                     answer.json["checks"]["queue"]["reason"]))

    @contextlib.contextmanager
    def no_consumption(self):
        """The worker lives, but has no key of the provider and so takes no job."""
        with self.stack.settings("worker", OPENAI_BASE_URL="http://127.0.0.1:1/v1", OPENAI_API_KEY=UNSET):
            yield


class Storm(HealthCase):
    def test_costs_a_check_a_second(self):
        """Each check has its own timestamp, so these count the checks."""
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.stack.ready(), range(200)))
        seconds = time.monotonic() - began
        self.assertEqual({200}, {a.status for a in answers})
        stamps = {a.json["timestamp"] for a in answers}
        self.assertLessEqual(len(stamps), seconds + 2)
        later = wait_for(lambda: (a := self.stack.ready()).json["timestamp"] not in stamps and a, 5)
        self.assertGreater(later.json["timestamp"], max(stamps))

    @unittest.skipUnless(TORTURE, "in make torture: it waits until what is known is too old to be told")
    def test_waiting_for_a_check_leaves_room(self):
        """Many probes wait for a check that hangs; GET /health does not."""
        with self.stack.settings("health", DB_TIMEOUT_MS=20000), concurrent.futures.ThreadPoolExecutor(48) as pool:
            self.wait_ready()
            known = time.monotonic()
            with holding(self.stack, "table pilot_switch in access exclusive mode"):
                wait_for(lambda: time.monotonic() - known > 1, what="the next check's time")
                pool.submit(self.stack.ready)
                wait_for(lambda: time.monotonic() - known > 11, 15, "what is known to be too old")
                probes = [pool.submit(self.stack.ready) for _ in range(47)]
                first = next(concurrent.futures.as_completed(probes)).result()
                self.assertEqual(200, first.status)
                began = time.monotonic()
                self.assertEqual(200, self.stack.request("GET", "/health").status)
                self.assertLess(time.monotonic() - began, 1)
                self.assertFalse(all(p.done() for p in probes), "nobody waits: the check does not hang")


if __name__ == "__main__":
    unittest.main()
