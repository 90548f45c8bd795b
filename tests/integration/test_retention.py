"""Documents lose their content after DOCUMENT_RETENTION_DAYS; what was read from them stays."""
import concurrent.futures
import unittest

from failures import ASYNC, holding, transaction
from harness import StackCase, wait_for
from operators import OperatorCase

DAYS = 30
ROW = ("id, tenant_id, encode(sha256, 'hex'), media_type, bytes, filename, created_at")


class Retention(OperatorCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(cls.stack.settings("watchdog", DOCUMENT_RETENTION_DAYS=DAYS))

    def expire(self, days=DAYS):
        """As the watchdog asks for it; (documents, answers, more), of all tenants."""
        return self.stack.sql(f"select documents, replies, more from expire_content(clock_timestamp(), {days})", "watchdog")[0]

    def age(self, days, tenant=None):
        """This test's documents and answers are that much older."""
        of = f"where tenant_id = '{tenant or self.tenant}'"
        self.stack.sql(f"update documents set created_at = created_at - interval '{days} days',"
                       f" content_at = content_at - interval '{days} days' {of};"
                       f"update provider_calls set created_at = created_at - interval '{days} days' {of}")

    def contents(self):
        return [row[0] for row in self.stack.sql(
            f"select content is not null from documents where tenant_id = '{self.tenant}' order by created_at")]

    def processed(self):
        """(document, its job)"""
        document = self.named("fatura.pdf")
        return document, self.upload_done(document)

    def document_paths(self, job):
        return (f"/admin/jobs/{job['job_id']}/document", f"/admin/incidents/{job['incident']['id']}/document")

    def test_by_the_watchdog(self):
        """With no order but the setting; it says so in its log."""
        self.processed()
        self.age(DAYS + 1)
        mark = len(self.stack.log_text("watchdog"))
        self.stack.restart("watchdog", DOCUMENT_RETENTION_DAYS=DAYS)
        wait_for(lambda: self.contents() == ["f"], what="the watchdog")
        wait_for(lambda: self.stack.log("watchdog", "content.expired", mark), what="its log")

    def test_what_stays(self):
        document, job = self.processed()
        query = f"select {ROW} from documents where tenant_id = '{self.tenant}'"
        self.age(DAYS + 1)
        rows = self.stack.sql(query)
        before = [self.get(path.removesuffix("/document")).json for path in self.document_paths(job)]
        self.expire()
        self.assertEqual(["f"], self.contents())
        self.assertEqual(0, self.stack.value(
            f"select count(*) from provider_calls where tenant_id = '{self.tenant}' and reply is not null"))
        self.assertEqual(1, self.stack.value(f"select count(*) from provider_calls where tenant_id = '{self.tenant}'"))
        self.assertEqual(rows, self.stack.sql(query))
        self.assertEqual(before, [self.get(path.removesuffix("/document")).json for path in self.document_paths(job)])
        self.assertEqual(document.sha256, self.stack.job(job["job_id"]).json["document"]["sha256"])

    def test_not_before_its_time(self):
        self.processed()
        self.age(DAYS - 1)
        self.expire()
        self.assertEqual(["t"], self.contents())
        self.age(10 * DAYS)
        self.assertEqual(["0", "0", "f"], self.expire(days=0), "0 keeps them for good")

    def test_the_file_is_gone(self):
        document, job = self.processed()
        self.age(DAYS + 1)
        self.expire()
        for path in self.document_paths(job):
            self.assert_problem(self.get(path), 410, "document_expired")
            self.assert_problem(self.get(path, headers={"If-None-Match": f'"{document.sha256}"'}), 410, "document_expired")

    def test_the_same_bytes_bring_it_back(self):
        """However they come: as a duplicate, by force, or with the key they came with before."""
        document, job = self.processed()
        for options in ({}, {"query": {"force": "true"}}, {"headers": {"Idempotency-Key": self.tenant}}):
            for again in range(2 if "headers" in options else 1):
                with self.subTest(str(options), again=again):
                    self.age(DAYS + 1)
                    self.expire()
                    self.assertEqual(["f"], self.contents())
                    self.upload_done(document, **options)
                    self.assertEqual(["t"], self.contents())
                    self.expire()
                    self.assertEqual(["t"], self.contents(), "its time begins anew")
        self.assertEqual(document.content, self.get(self.document_paths(job)[0]).body)

    def test_other_bytes_do_not(self):
        """Not even for whoever has the password of full_process's role."""
        document, _ = self.processed()
        self.age(DAYS + 1)
        self.expire()
        self.stack.sql(f"select give_content_back('{self.tenant}', '\\x{document.sha256}', 'other')", "app", self.tenant)
        self.assertEqual(["f"], self.contents())
        with self.assertRaisesRegex(Exception, "permission denied"):
            self.stack.sql("update documents set content = 'other'", "app", self.tenant)

    def test_a_smoke_run_brings_its_own_back(self):
        self.assertEqual(200, self.stack.admin("POST", "/admin/smoke/run", query={"tenant_id": self.tenant}).status)
        self.age(DAYS + 1)
        self.expire()
        self.assertEqual(["f"], self.contents())
        answer = self.stack.admin("POST", "/admin/smoke/run", query={"tenant_id": self.tenant})
        self.assertEqual((200, "passed"), (answer.status, answer.json["status"]), answer)

    def failed(self):
        document = self.named("fatura.pdf")
        self.sim.fault("content_filter", count=-1, sha256=document.sha256)
        job_id = self.upload_done(document)["job_id"]
        self.sim.clear_faults()
        return document, job_id

    def test_what_cannot_be_read_is_not_retried(self):
        document, job_id = self.failed()
        self.age(DAYS + 1)
        self.expire()
        answer = self.stack.admin("POST", f"/admin/jobs/{job_id}/retry")
        self.assert_problem(answer, 410, "document_expired")
        many = self.stack.admin("POST", "/admin/jobs/retry", {"ids": [job_id]}).json
        self.assertEqual(([], [{"id": job_id, "code": "document_expired"}]), (many["done"], many["refused"]))
        fresh = self.failed()[1]
        many = self.stack.admin("POST", "/admin/jobs/retry", {"tenant_id": self.tenant, "status": "FAILED"}).json
        self.assertEqual(([fresh], [], 0), (many["done"], many["refused"], many["remaining"]))
        self.upload_done(document)
        self.assertEqual(200, self.stack.admin("POST", f"/admin/jobs/{job_id}/retry").status)
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])

    def test_a_job_in_the_queue_keeps_its_document(self):
        with holding(self.stack, "table provider_state in access exclusive mode"):  # nothing is claimed
            job_id = self.upload(self.named("fatura.pdf"), headers=ASYNC).json["job_id"]
            self.age(DAYS + 1)
            self.expire()
            self.assertEqual(["t"], self.contents())
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.expire()
        self.assertEqual(["f"], self.contents())

    def test_an_upload_at_the_same_moment(self):
        """Whichever comes first: a job that was accepted has its document."""
        document, _ = self.processed()
        self.age(DAYS + 1)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with transaction(self.stack) as expiring:
                expiring(f"select expire_content(clock_timestamp(), {DAYS})")
                upload = pool.submit(self.upload_done, document, query={"force": "true"})
                wait_for(lambda: self.stack.value("select count(*) from pg_locks where not granted"), what="the upload that waits")
            self.assertEqual("SUCCEEDED", upload.result()["status"])
        self.assertEqual(["t"], self.contents())
        self.age(DAYS + 1)
        with transaction(self.stack) as accepting:
            accepting("insert into jobs (tenant_id, document_id, trace_id) select tenant_id, id, 'at-the-same-moment'"
                      f" from documents where tenant_id = '{self.tenant}'")
            self.expire()
            self.assertEqual(["t"], self.contents())
        self.stack.sql(f"update jobs set state = 'CANCELLED', finished_at = now() where tenant_id = '{self.tenant}' and state = 'QUEUED'")

    def test_some_at_a_time(self):
        with self.stack.stopped("watchdog"):
            wait_for(lambda: self.expire() == ["0", "0", "f"], what="the end of what other tests left")
            self.stack.sql("insert into documents (tenant_id, sha256, media_type, bytes, filename, content, created_at)"
                           f" select '{self.tenant}', sha256(i::text::bytea), 'application/pdf', 1, 'a.pdf', 'x',"
                           f" now() - interval '{DAYS + 1} days' - i * interval '1 second' from generate_series(1, 60) i")
            found = [self.expire() for _ in range(3)]
        self.assertEqual([["25", "0", "t"], ["25", "0", "t"], ["10", "0", "f"]], found)
        self.assertEqual({"f"}, set(self.contents()))


if __name__ == "__main__":
    unittest.main()
