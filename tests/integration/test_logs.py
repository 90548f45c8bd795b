"""What the processes log: one JSON object a line, nothing secret, nothing of an invoice (SPEC §2)."""
import json
import re
import unittest
import uuid

from failures import accept
from harness import StackCase, wait_for

OURS = re.compile(r"full_process|health|admin|worker-\d+|watchdog|access")
SECRET_NAMES = ("api", "admin_api", "sim", "postgres", "owner", "app", "admin", "worker", "watchdog")


class LogCase(StackCase):
    def logs(self):
        """Name and text of every log of the stack, of this test and of all before it."""
        return {path.stem: path.read_text(errors="replace") for path in (self.stack.dir / "log").glob("*.log")}

    def assert_in_no_log(self, *texts):
        for name, log in self.logs().items():
            for text in texts:
                at = log.find(text)
                self.assertEqual(-1, at, f"{name}.log: {log[max(0, at - 200):at + 100]!r}")


class Form(LogCase):
    def test_every_line_is_an_object(self):
        for filename in ("a\t\x01\x7fü\\.pdf", 'a"\n{.pdf', b"\xff\xfe.pdf"):
            self.upload(self.stack.unique_pdf("mismatch-s1"), filename=filename)
        self.upload(b"no invoice")
        self.stack.get('/jobs/"\\x?\n'.encode("unicode_escape").decode())
        logs = {name: text for name, text in self.logs().items() if OURS.fullmatch(name)}
        self.assertLessEqual({"full_process", "health", "admin", "worker-1", "watchdog", "access"}, set(logs))
        for name, text in logs.items():
            self.assertTrue(text.endswith("\n"), name)
            for line in text.splitlines():
                self.assert_event(name, line)

    def assert_event(self, name, line):
        try:
            event = json.loads(line)
        except ValueError:
            self.fail(f"{name}.log: {line!r}")
        self.assertIsInstance(event, dict)
        self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$")
        self.assertTrue(event["event"])
        if name != "access" and event["event"] != "supervisor":
            self.assertIn(event["level"], ("debug", "info", "warning", "error"))
            self.assertTrue(event["message"] and event["process"] and event["pid"])


class Secrets(LogCase):
    def secrets(self):
        lines = (self.stack.dir / "conf" / "secrets").read_text().splitlines()
        found = dict(line.split(" ", 1) for line in lines)
        self.assertLessEqual(set(SECRET_NAMES), set(found))
        return [found[name] for name in SECRET_NAMES] + [self.stack.api_key, self.stack.admin_key]

    def test_no_key_in_a_log(self):
        client = self.stack.make_key(self.tenant)[1]
        self.upload_done(self.stack.unique_pdf("mismatch-s1"), key=client)
        wrong = f"wrong-{uuid.uuid4().hex}"
        for header in ({"X-API-Key": wrong}, {"X-Admin-Key": wrong}, {"Authorization": f"Bearer {wrong}"}):
            self.stack.request("GET", "/admin/config", headers=header)
            self.stack.request("POST", "/full-process", headers=header)
        self.stack.request("GET", "/admin/config", query={"X-Admin-Key": wrong})
        # The provider refuses the key, and nothing answers where it should be.
        self.sim.fault("unauthorized")
        job_id = accept(self.stack, self.stack.unique_pdf(), self.tenant)
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.assert_in_no_log(client, wrong, *self.secrets())

    def test_no_key_in_an_answer(self):
        self.sim.fault("unauthorized", count=-1)
        job_id = accept(self.stack, self.stack.unique_pdf(), self.tenant)
        refused = wait_for(lambda: (a := self.stack.job(job_id)).json["error"] and a, what="unauthorized")
        self.assertEqual("unauthorized", refused.json["error"]["code"])
        not_ready = wait_for(lambda: (a := self.stack.ready()).status == 503 and a, what="not ready")
        self.sim.clear_faults()
        answers = [refused, not_ready, self.stack.admin("GET", "/admin/config"),
                   self.upload(self.stack.unique_pdf("mismatch-s1")), self.stack.request("GET", "/health")]
        answers.append(self.stack.get("/jobs/" + answers[3].json["job_id"]))
        self.stack.ended_job(job_id)
        for answer in answers:
            text = answer.body.decode() + str(answer.headers)
            for secret in self.secrets():
                self.assertNotIn(secret, text)


class Content(LogCase):
    """An invoice whose every value can be told from all others."""
    SELLER, BUYER, NUMBER = "Zırhlı Özgün Üretim", "Eşsiz Alıcı", "YGN2031000000777"
    AMOUNTS = {"tax_exclusive_amount": "74193.86", "tax_total": "14838.77", "tax_inclusive_amount": "91032.63",
               "payable_amount": "91032.63"}

    def mark(self, answer):
        """stated 91032.63, computed 89032.63 (delta 2000)"""
        salt = self.tenant[-8:]
        answer["seller"]["name"]["value"] = f"{self.SELLER} {salt}"
        answer["seller"]["tax_id"]["value"] = "not a tax id"
        answer["buyer"]["name"]["value"] = f"{self.BUYER} {salt}"
        answer["invoice_number"]["value"] = self.NUMBER
        for name, amount in self.AMOUNTS.items():
            answer[name]["value"] = amount
            answer[name]["evidence"] = f"EVIDENCE {salt} {amount}"

    def marks(self, job):
        ours = [self.SELLER, self.BUYER, self.NUMBER, "EVIDENCE", *self.AMOUNTS.values()]
        judged = [str(job["audit"][name]) for name in ("stated", "computed", "delta") if job["audit"][name]]
        return [m for m in ours + judged if len(m) > 5]

    def test_read_well(self):
        job = self.upload_done(self.stack.unique_pdf("mismatch-s1", change=self.mark))
        self.assertEqual("mismatch", job["audit"]["outcome"], job)
        self.assertGreaterEqual(len(self.marks(job)), 8)
        again = self.upload_done(self.stack.unique_pdf("mismatch-s1", change=self.mark))
        self.assertIn("DUPLICATE_INVOICE", again["quality"]["flags"])
        self.assert_in_no_log(*self.marks(job))

    def test_broken_answers(self):
        """What breaks the form is named by its place, not by its content."""
        for kind in ("broken_json", "schema_violation", "confidence_out_of_range", "length", "refusal"):
            document = self.stack.unique_pdf("mismatch-s1", change=self.mark)
            self.sim.fault(kind, count=-1, sha256=document.sha256)
            job = self.upload_done(document)
            self.assertEqual("FAILED", job["status"])
            for mark in (self.SELLER, self.NUMBER, *self.AMOUNTS.values()):
                self.assertNotIn(mark, json.dumps(job, ensure_ascii=False))
        document = self.stack.unique_pdf("mismatch-s1", change=self.mark)
        self.sim.answer(document.sha256, {"content": f'{{"{self.SELLER}": {self.AMOUNTS["tax_total"]}}}'})
        self.assertNotIn(self.SELLER, json.dumps(self.upload_done(document), ensure_ascii=False))
        self.assert_in_no_log(self.SELLER, self.BUYER, self.NUMBER, "EVIDENCE", *self.AMOUNTS.values())

    def test_refused_by_the_database(self):
        """Postgres quotes values in its errors; the application's log does not."""
        def impossible(answer):
            self.mark(answer)
            answer["seller"]["name"]["value"] = self.SELLER + "\x00"
        job = self.upload_done(self.stack.unique_pdf("mismatch-s1", change=impossible))
        self.assertIn(job["status"], ("SUCCEEDED", "FAILED"))
        self.assert_in_no_log(self.SELLER, self.NUMBER)


class Traces(LogCase):
    def test_one_id_through_all_of_it(self):
        answer = self.upload(self.stack.unique_pdf("mismatch-s1"))
        self.assert_trace(answer, answer.json["trace_id"])

    def test_the_clients_own_id(self):
        trace_id = f"client-{uuid.uuid4()}"
        answer = self.upload(self.stack.unique_pdf("mismatch-s1"), headers={"X-Trace-Id": trace_id})
        self.assert_trace(answer, trace_id)

    def assert_trace(self, answer, trace_id):
        self.assertEqual((200, trace_id, trace_id),
                         (answer.status, answer.json["trace_id"], answer.headers["X-Trace-Id"]))
        job_id = answer.json["job_id"]
        for name, event in (("access", "access"), ("full_process", "upload.accepted"), ("worker-1", "job.succeeded")):
            found = wait_for(lambda n=name, e=event: [
                line for line in self.stack.log(n, e) if line["trace_id"] == trace_id], what=f"{name} {event}")
            self.assertEqual(1, len(found))
            if name != "access":
                self.assertEqual((job_id, self.tenant), (found[0]["job_id"], found[0]["tenant_id"]))

    def test_a_forged_id_is_not_taken(self):
        answer = self.upload(self.stack.unique_pdf(), headers={"X-Trace-Id": '"},{"event":"forged'})
        self.assertRegex(answer.headers["X-Trace-Id"], "^[0-9a-f]{32}$")
        self.assert_trace(answer, answer.headers["X-Trace-Id"])


if __name__ == "__main__":
    unittest.main()
