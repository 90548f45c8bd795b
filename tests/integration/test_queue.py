"""Nothing accepted is lost, and nothing is done twice, whatever dies (SPEC §3, §4); more in test_torture."""
import concurrent.futures
import contextlib
import os
import signal
import time
import unittest

from failures import accept, calls_of, gone, job_row, worker_of
from harness import Stack, StackCase, wait_for
from history import History, judge
from load import Load

LEASE = 2  # seconds


# Of their own, since everything in it gets killed.
STACK = Stack("queue", WORKERS=2, JOB_LEASE_SECONDS=LEASE)


def setUpModule():
    unittest.addModuleCleanup(STACK.down)
    STACK.up()


class QueueCase(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    def accept(self, document):
        return accept(self.stack, document, self.tenant)

    def under_way(self, document):
        """Its job, once the provider has its call, and the name of the worker that holds it."""
        job_id = self.accept(document)
        wait_for(lambda: self.sim.calls(document.sha256), what="the call")
        return job_id, worker_of(self.stack, job_id)

    def assert_one_result(self, job_id):
        """SUCCEEDED with one invoice, one incident seen once, one recorded call."""
        job = self.stack.ended_job(job_id)
        self.assertEqual("SUCCEEDED", job["status"], job)
        self.assertEqual(1, job["incident"]["occurrence_count"])
        self.assertEqual([["1", "1"]], self.stack.sql(
            f"select (select count(*) from invoices where job_id = '{job_id}'),"
            f" (select count(*) from incidents where tenant_id = '{self.tenant}')"))
        self.assertEqual(["ok"], calls_of(self.stack, job_id))

    def running_again(self, name, before):
        """The supervisor has started another process of that name."""
        wait_for(lambda: self.stack.pid(name) not in (None, before), what=f"{name} again")


class Workers(QueueCase):
    def test_stalled_past_its_lease(self):
        """A worker that wakes up after another took its job writes nothing."""
        self.sim.delay(1500)
        document = self.stack.unique_pdf("mismatch-s2")
        job_id, worker = self.under_way(document)
        logged = len(self.stack.log_text(worker))
        with self.stack.paused(worker):
            self.assert_one_result(job_id)
            self.assertEqual("1", job_row(self.stack, job_id, "lost_leases"))
        (lost,) = wait_for(lambda: self.stack.log(worker, "job.lease", logged), what="the lost lease")
        self.assertEqual(("warning", job_id), (lost["level"], lost["job_id"]))
        self.assertEqual(2, self.sim.completions(document.sha256))
        self.assert_one_result(job_id)

    def test_lease_is_renewed(self):
        """A call that takes longer than the lease is made once."""
        self.sim.delay(LEASE * 1000 + 1500)
        document = self.stack.unique_pdf("mismatch-s2")
        job_id = self.accept(document)
        self.assert_one_result(job_id)
        self.assertEqual("0", job_row(self.stack, job_id, "lost_leases"))
        self.assertEqual(1, self.sim.calls(document.sha256))

    def test_told_to_stop(self):
        """SIGTERM: calls are given up, jobs handed back as if they had never been claimed."""
        self.sim.delay(20000)
        documents = [self.stack.unique_pdf("mismatch-s2") for _ in range(4)]
        jobs = [self.accept(d) for d in documents]
        wait_for(lambda: all(self.sim.calls(d.sha256) for d in documents), what="the calls")
        self.sim.delay(0)
        worker = worker_of(self.stack, jobs[0])
        pid, held = self.stack.pid(worker), [j for j in jobs if worker_of(self.stack, j) == worker]
        logged, began = len(self.stack.log_text(worker)), time.monotonic()
        self.stack.kill(worker, signal.SIGTERM)
        wait_for(lambda: gone(pid), 10, "its end")
        for job_id in held:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
            self.assertEqual(["0", "0", "0"],
                             job_row(self.stack, job_id, "attempts", "retries", "lost_leases"))
        self.assertLess(time.monotonic() - began, 10)
        stopped = self.stack.log(worker, "stop", logged)
        self.assertIn(f"stopped, {len(held)} jobs handed back", [e["message"] for e in stopped])
        self.running_again(worker, pid)
        self.give_up(set(jobs) - set(held))

    def give_up(self, jobs):
        """Those of the other worker wait for their slow answers: no need to."""
        for worker in {worker_of(self.stack, job_id) for job_id in jobs} - {None}:
            self.stack.kill(worker)
        for job_id in jobs:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])

    def test_document_that_kills_every_worker(self):
        """JOB_MAX_LOST_LEASES: it fails rather than go round for ever."""
        document = self.stack.unique_pdf("mismatch-s2")
        self.sim.fault("hang", count=-1, sha256=document.sha256)
        job_id = self.accept(document)
        wait_for(lambda: self.sim.calls(document.sha256), what="the call")
        self.stack.sql(f"update jobs set lost_leases = 9 where id = '{job_id}'")
        self.stack.kill(worker_of(self.stack, job_id))
        job = self.stack.ended_job(job_id)
        self.assertEqual(("FAILED", "worker_lost"), (job["status"], job["error"]["code"]))
        self.assertEqual("EXTRACTION_FAILED", job["incident"]["primary_flag"])


class Outages(QueueCase):
    def test_database_restart_under_load(self):
        history = History(self.stack)
        self.addCleanup(history.end)
        with Load(history, [self.tenant], "restart of Postgres") as load:
            wait_for(lambda: load.accepted() >= 10, what="the first answers")
            self.stack.restart("postgres")
            before = load.accepted()
            wait_for(lambda: load.accepted() >= before + 20, 20, "answers after the restart")
        self.assertLessEqual(set(load.counts()), {"200", "202", "415", "503"})
        history.quiet()
        self.assertEqual([], judge(history.facts()))
        wait_for(lambda: self.stack.ready().status == 200, what="ready")

    def test_first_request_after_a_database_restart(self):
        """Connections of before the restart are known to be dead; nobody is turned away for it."""
        documents = [self.stack.unique_pdf() for _ in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.upload_done, documents))  # connections for all of them
            self.stack.restart("postgres")
            list(pool.map(self.upload_done, [self.stack.unique_pdf() for _ in range(8)]))

    def test_waiting_client_gets_its_answer_over_a_database_restart(self):
        self.sim.delay(1500)
        document = self.stack.unique_pdf("mismatch-s2")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            client = pool.submit(self.upload, document)
            wait_for(lambda: self.sim.calls(document.sha256), what="the call")
            self.stack.restart("postgres")
            answer = client.result()
        self.assertEqual((200, "SUCCEEDED"), (answer.status, answer.json["status"]), answer)
        self.assert_one_result(answer.json["job_id"])

    def test_endpoint_killed_while_clients_wait(self):
        self.sim.delay(1000)
        documents = [self.stack.unique_pdf("mismatch-s2") for _ in range(3)]
        pid = self.stack.pid("full_process")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            clients = [pool.submit(self.upload, d) for d in documents]
            wait_for(lambda: all(self.sim.calls(d.sha256) for d in documents), what="the calls")
            self.stack.kill("full_process")
            for client in clients:
                # Over a connection that was kept nginx tries once more: it is the same job.
                self.assertIn(client.result().status, (200, 502, 504))
        self.running_again("full_process", pid)
        for document in documents:
            again = wait_for(lambda d=document: self.served(d), what="the answer to the second upload")
            self.assertTrue(again["duplicate"])
            self.assertEqual("SUCCEEDED", self.stack.ended_job(again["job_id"])["status"])
            self.assertEqual(1, self.sim.calls(document.sha256))

    def test_endpoint_told_to_stop_while_clients_wait(self):
        """They are told where their results will be."""
        self.sim.delay(1000)
        documents = [self.stack.unique_pdf("mismatch-s2") for _ in range(3)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            clients = [pool.submit(self.upload, d) for d in documents]
            wait_for(lambda: all(self.sim.calls(d.sha256) for d in documents), what="the calls")
            self.stack.restart("full_process")
            for client in clients:
                answer = client.result()
                self.assertEqual(202, answer.status, answer)
                self.assertEqual(f"/jobs/{answer.json['job_id']}", answer.headers["Location"])
                self.assertEqual("SUCCEEDED", self.stack.ended_job(answer.json["job_id"])["status"])

    def served(self, document):
        """The endpoint may have been started just now, and not listen yet."""
        answer = self.upload(document)
        return answer.status in (200, 202) and answer.json

    def test_everything_killed(self):
        self.sim.delay(60000)
        jobs = [self.accept(self.stack.unique_pdf("mismatch-s2")) for _ in range(10)]
        wait_for(lambda: self.sim.stats()["in_flight"] == 10, what="the calls")
        self.kill_everything()
        self.stack.script("up", "--no-sample", settings=self.stack.initial)
        self.stack.read_env()
        for job_id in jobs:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.assertEqual([["10", "10"]], self.stack.sql(
            "select count(*), count(distinct job_id) from invoices where"
            f" tenant_id = '{self.tenant}'"))

    def kill_everything(self):
        names = [p.name for p in (self.stack.dir / "pid").iterdir()]
        names.sort(key=lambda name: not name.endswith(".supervisor"))  # those first
        pids = [self.stack.pid(name) for name in names]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: all(gone(pid) for pid in pids), what="the end of everything")


if __name__ == "__main__":
    unittest.main()
