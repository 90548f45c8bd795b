"""Flags, incidents, and what opens none (SPEC §6)."""
import concurrent.futures
import json
import unittest

from failures import holding
from harness import SqlError, StackCase, fresh_tenant, wait_for


class IncidentCase(StackCase):
    def incidents(self):
        """The tenant's incidents, oldest first."""
        rows = self.stack.sql("select row_to_json(i) from incidents i where"
                              f" tenant_id = '{self.tenant}' order by created_at")
        return [json.loads(row) for (row,) in rows]

    def same_invoice(self, name="mismatch-s1"):
        """Other bytes, read as the sample's own invoice: seller, number, period and total."""
        return self.stack.unique_pdf(name, same_invoice=True)

    def flagged(self, job):
        return job["quality"]["flags"]


class Opened(IncidentCase):
    def test_mismatch(self):
        for name, severity in (("mismatch-s1", "S1"), ("mismatch-s2", "S2")):
            with self.subTest(name):
                job = self.upload_done(self.stack.unique_pdf(name))
                self.assertEqual(("mismatch", severity), (job["audit"]["outcome"], job["audit"]["severity"]))
                incident = dict(job["incident"])
                stored = self.incidents()[-1]
                self.assertEqual(stored["id"], incident.pop("id"))
                self.assertEqual({"severity": severity, "category": "TOTALS", "status": "OPEN",
                                  "primary_flag": "INVOICE_TOTAL_MISMATCH", "secondary_flags": [],
                                  "occurrence_count": 1}, incident)
                self.assertEqual((job["job_id"], job["audit"]["action_hint"]["action_class"]),
                                 (stored["job_id"], stored["action_class"]))

    def test_nothing_to_look_at(self):
        for name in ("electricity-exact", "rounding", "minor"):
            with self.subTest(name):
                job = self.upload_done(self.stack.unique_pdf(name))
                self.assertEqual((None, None), (job["incident"], job["incident_skipped"]))
        self.assertEqual([], self.incidents())

    def test_one_per_invoice(self):
        """The flag with the lowest priority number is primary, the other S1 and S2 ones secondary."""
        def spoil(answer):
            answer["taxes"][0]["amount"] = "1.00"
            answer["issue_date"]["value"] = None
            answer["due_date"]["value"] = "1999-01-01"
        job = self.upload_done(self.stack.unique_pdf("mismatch-s1", change=spoil))
        self.assertLessEqual({"INVOICE_TOTAL_MISMATCH", "MISSING_FIELDS", "TAX_MISMATCH"}, set(self.flagged(job)))
        self.assertEqual(("INVOICE_TOTAL_MISMATCH", ["MISSING_FIELDS", "TAX_MISMATCH"], "S1", "TOTALS"),
                         (job["incident"]["primary_flag"], job["incident"]["secondary_flags"],
                          job["incident"]["severity"], job["incident"]["category"]))
        self.assertEqual(1, len(self.incidents()))

    def test_categories(self):
        def no_total(answer):
            for name in ("tax_inclusive_amount", "payable_amount"):
                answer[name]["value"] = None

        def no_date(answer):
            answer["issue_date"]["value"] = None

        def wrong_tax(answer):
            tax = answer["taxes"][0]
            tax["taxable_amount"] = str(2 * float(tax["taxable_amount"]))
        cases = ((no_total, "TOTAL_MISSING", "COMPLETENESS", "S1"),
                 (no_date, "MISSING_FIELDS", "COMPLETENESS", "S2"),
                 (wrong_tax, "TAX_MISMATCH", "TAX", "S2"))
        for change, flag, category, severity in cases:
            with self.subTest(flag):
                job = self.upload_done(self.stack.unique_pdf("electricity-exact", change=change))
                self.assertEqual((flag, category, severity),
                                 (job["incident"]["primary_flag"], job["incident"]["category"],
                                  job["incident"]["severity"]), job["quality"])


class Repeated(IncidentCase):
    """The same category and fingerprint within 24 h, not resolved, is counted and not opened again."""

    def test_counted(self):
        first = self.upload_done(self.same_invoice())
        again = self.upload_done(self.same_invoice())
        self.assertIn("DUPLICATE_INVOICE", self.flagged(again))
        self.assertEqual(("TOTALS", 2), (again["incident"]["category"], again["incident"]["occurrence_count"]))
        self.assertEqual(first["incident"]["id"], again["incident"]["id"])
        self.assertEqual(again["incident"], self.stack.job(first["job_id"]).json["incident"])
        self.assertEqual(1, len(self.incidents()))

    def test_acknowledged_is_counted_as_well(self):
        first = self.upload_done(self.same_invoice())
        self.change(first, "status = 'ACK'")
        again = self.upload_done(self.same_invoice())
        self.assertEqual((first["incident"]["id"], "ACK", 2),
                         (again["incident"]["id"], again["incident"]["status"],
                          again["incident"]["occurrence_count"]))

    def test_opened_anew(self):
        cases = (("resolved", "status = 'RESOLVED'"),
                 ("older than 24 h", "created_at = created_at - interval '24 hours'"))
        last = self.upload_done(self.same_invoice())
        for name, change in cases:
            with self.subTest(name):
                self.change(last, change)
                again = self.upload_done(self.same_invoice())
                self.assertNotEqual(last["incident"]["id"], again["incident"]["id"])
                self.assertEqual(1, again["incident"]["occurrence_count"])
                self.assertEqual(("INVOICE_TOTAL_MISMATCH", ["DUPLICATE_INVOICE"]),
                                 (again["incident"]["primary_flag"], again["incident"]["secondary_flags"]))
                last = again

    def test_almost_24_hours_old(self):
        first = self.upload_done(self.same_invoice())
        self.change(first, "created_at = created_at - interval '23 hours 59 minutes'")
        again = self.upload_done(self.same_invoice())
        self.assertEqual((first["incident"]["id"], 2),
                         (again["incident"]["id"], again["incident"]["occurrence_count"]))

    def change(self, job, what):
        self.stack.sql(f"update incidents set {what} where id = '{job['incident']['id']}'")

    def test_of_another_tenant(self):
        self.upload_done(self.same_invoice())
        other = self.upload_done(self.same_invoice(), tenant=self.tenant + "-2")
        self.assertEqual((1, ["INVOICE_TOTAL_MISMATCH"]),
                         (other["incident"]["occurrence_count"], self.flagged(other)))

    def test_processed_again_by_force(self):
        """The same document is no duplicate of itself."""
        document = self.same_invoice()
        first = self.upload_done(document)
        again = self.upload_done(document, query={"force": "true"})
        self.assertNotEqual(first["job_id"], again["job_id"])
        self.assertEqual(["INVOICE_TOTAL_MISMATCH"], self.flagged(again))
        self.assertEqual((first["incident"]["id"], 2),
                         (again["incident"]["id"], again["incident"]["occurrence_count"]))

    def test_unreadable_document(self):
        """What was not read has no invoice's fingerprint; the document's own stands in."""
        document, other = self.stack.unique_pdf("unreadable"), self.stack.unique_pdf("unreadable")
        first = self.upload_done(document)
        again = self.upload_done(document, query={"force": "true"})
        self.assertEqual(("FAILED", "EXTRACTION_FAILED"), (again["status"], again["incident"]["primary_flag"]))
        self.assertEqual((first["incident"]["id"], 2),
                         (again["incident"]["id"], again["incident"]["occurrence_count"]))
        self.assertEqual(1, self.upload_done(other)["incident"]["occurrence_count"])


class Duplicates(IncidentCase):
    def test_same_seller_and_number_in_another_document(self):
        first = self.upload_done(self.same_invoice("electricity-exact"))
        again = self.upload_done(self.same_invoice("electricity-exact"))
        self.assertEqual(([], None), (self.flagged(first), first["incident"]))
        self.assertEqual(["DUPLICATE_INVOICE"], self.flagged(again))
        self.assertEqual(("DUPLICATE", "S2", "DUPLICATE_INVOICE"),
                         (again["incident"]["category"], again["incident"]["severity"],
                          again["incident"]["primary_flag"]))
        self.assertEqual(75, again["quality"]["score"])

    def test_same_number_of_another_seller(self):
        def other_seller(answer):
            answer["seller"]["name"]["value"] = "Başka Bir Satıcı A.Ş."
            answer["seller"]["tax_id"]["value"] = None
        self.upload_done(self.same_invoice("electricity-exact"))
        job = self.upload_done(self.stack.unique_pdf("electricity-exact", same_invoice=True, change=other_seller))
        self.assertNotIn("DUPLICATE_INVOICE", self.flagged(job))

    def test_at_the_same_time(self):
        """Two workers write the same invoice of two documents at once: one of them is the duplicate."""
        cases = (("electricity-exact", [["DUPLICATE_INVOICE"], []], [1]),
                 ("mismatch-s1", [["INVOICE_TOTAL_MISMATCH"],
                                  ["INVOICE_TOTAL_MISMATCH", "DUPLICATE_INVOICE"]], [2]))
        with self.stack.settings("worker", WORKERS=2, WORKER_CONCURRENCY=1):
            for name, flags, counts in cases:
                with self.subTest(name):
                    self.tenant = fresh_tenant(name)
                    jobs = self.written_at_once(self.same_invoice(name), self.same_invoice(name))
                    self.assertCountEqual(flags, [self.flagged(job) for job in jobs])
                    self.assertEqual(counts, [i["occurrence_count"] for i in self.incidents()])

    def written_at_once(self, *documents):
        """Both results, of two workers that were both at work on them before either was written."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            with holding(self.stack, "table invoices in exclusive mode"):
                uploads = [pool.submit(self.upload_done, d) for d in documents]
                wait_for(lambda: self.waiting() == 2, what="both workers at the lock")
            return [upload.result() for upload in uploads]

    def waiting(self):
        return self.stack.value("select count(distinct pid) from pg_locks where not granted")


class AuditLog(IncidentCase):
    def test_every_change_is_in_it(self):
        jobs = [self.upload_done(self.same_invoice()) for _ in range(2)]
        incident = jobs[0]["incident"]
        rows = self.stack.sql("select actor, action, object, detail from audit_log where"
                              f" tenant_id = '{self.tenant}' order by id")
        self.assertEqual([["worker", "incident.opened", f"incident {incident['id']}"],
                          ["worker", "incident.repeated", f"incident {incident['id']}"]],
                         [row[:3] for row in rows])
        self.assertEqual([{"job": job["job_id"], "category": "TOTALS", "severity": "S1"} for job in jobs],
                         [json.loads(row[3]) for row in rows])

    def test_append_only(self):
        self.upload_done(self.same_invoice())
        for statement in ("update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log"):
            with self.subTest(statement):
                with self.assertRaisesRegex(SqlError, "append-only"):
                    self.stack.sql(statement)


if __name__ == "__main__":
    unittest.main()
