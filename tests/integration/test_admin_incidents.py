"""Incidents for operators: list, detail, status (SPEC §6)."""
import json
import re
import unittest

from harness import fresh_tenant
from operators import NOBODYS, OperatorCase

LIST_MEMBERS = set("""id tenant_id job_id severity category status primary_flag secondary_flags action_class
    occurrence_count created_at last_seen_at seller_name seller_tax_id invoice_number issue_date currency stated
    computed delta ratio filename has_feedback revision""".split())
DETAIL_MEMBERS = LIST_MEMBERS | set("""resolution_note resolved_by resolved_at changed_by changed_at document
    extraction audit quality feedback occurrences history""".split())
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class List(OperatorCase):
    def test_members(self):
        document = self.named("fatura.pdf", name="Ada Enerji")
        job = self.upload_done(document)
        (item,) = self.list()["incidents"]
        self.assertEqual(LIST_MEMBERS, set(item))
        self.assertEqual(
            (job["incident"]["id"], self.tenant, job["job_id"], "S1", "TOTALS", "OPEN", "INVOICE_TOTAL_MISMATCH", [], 1,
             "Ada Enerji", "fatura.pdf", False, 1),
            tuple(item[k] for k in ("id", "tenant_id", "job_id", "severity", "category", "status", "primary_flag",
                                    "secondary_flags", "occurrence_count", "seller_name", "filename", "has_feedback",
                                    "revision")))
        for name in ("stated", "computed", "delta", "ratio"):
            self.assertEqual(job["audit"][name], item[name])
        self.assertEqual(job["extraction"]["invoice_number"]["value"], item["invoice_number"])
        self.assertEqual(job["extraction"]["issue_date"]["value"], item["issue_date"])
        self.assertRegex(item["created_at"], TIME)

    def test_empty(self):
        self.assertEqual({"incidents": [], "next_cursor": None}, self.list())

    def test_filters(self):
        s1, s2 = self.incident("mismatch-s1"), self.incident("mismatch-s2")

        def no_date(answer):
            answer["issue_date"]["value"] = None
        missing = self.incident("electricity-exact", change=no_date)
        both = self.incident("mismatch-s2", change=no_date)
        self.patched(s2, "ACK")
        self.patched(missing, "RESOLVED")
        cases = (({}, [both, missing, s2, s1]),
                 ({"status": "OPEN"}, [both, s1]), ({"status": "ACK"}, [s2]), ({"status": "RESOLVED"}, [missing]),
                 ({"severity": "S1"}, [s1]), ({"severity": "S2"}, [both, missing, s2]),
                 ({"category": "COMPLETENESS"}, [missing]), ({"category": "TAX"}, []),
                 ({"flag": "INVOICE_TOTAL_MISMATCH"}, [both, s2, s1]), ({"flag": "MISSING_FIELDS"}, [both, missing]),
                 ({"status": "ACK", "severity": "S2", "category": "TOTALS", "flag": "INVOICE_TOTAL_MISMATCH"}, [s2]),
                 ({"status": "ACK", "severity": "S1"}, []))
        for query, expected in cases:
            with self.subTest(query):
                self.assertEqual(expected, self.ids(**query))

    def test_text(self):
        job = self.upload_done(self.named("100%_tam.pdf", name="Iğdır ÇİÇEKÇİLİK A.Ş.", tax_id="1234567890"))
        found = job["incident"]["id"]
        self.upload_done(self.named("scan.pdf", name="Beta Gıda", tax_id="9876543210"))
        number = job["extraction"]["invoice_number"]["value"]
        for q in ("Iğdır", "ığdır", "IGDIR", "çiçekçi", "CICEK", "ir çiç", "67890", number.upper(), number[3:9], "tam.PDF",
                  "0%_t", "iğ", "a.", found, found[:8], found[:13].upper(), found.replace("-", "")):
            with self.subTest(q):
                self.assertEqual([found], self.ids(q=q))
        for q in ("00%tam", "0__tam", "%", "_", "\\", "ğd", "nowhere", found[:8] + "-0000", "10%%"):
            with self.subTest(q):
                self.assertEqual([], [i for i in self.ids(q=q) if i == found] if q != found[:8] + "-0000" else self.ids(q=q))
        for seller in ("çiçek", "34567890", "iğ", "a.ş. 1234"):
            self.assertEqual([found], self.ids(seller=seller))
        self.assertEqual([], self.ids(seller="tam.pdf"), "the file is no seller")
        self.assertEqual(2, len(self.ids(q="", seller="", status="", severity="", category="", flag="")))
        self.assertEqual([], self.ids(q="çiçek", seller="beta"))

    def test_text_among_thousands(self):
        """However rare and old; the newest 2,000 are looked at first."""
        rare = [self.upload_done(self.named(f"{n}.pdf", name="Iğdır Çiçekçilik"))["incident"]["id"] for n in "abc"][::-1]
        self.stack.sql("insert into incidents (tenant_id, job_id, category, severity, status, primary_flag, fingerprint, seller_name,"
                       " seller_tax_id, search, created_at) select tenant_id, job_id, category, severity, status, primary_flag,"
                       " fingerprint || n, 'Beta', '1', incident_search('Beta', '1', 'B' || n, 'beta.pdf'),"
                       f" created_at + n * interval '1 ms' from incidents, generate_series(1, 2099) n where id = '{rare[0]}'")
        betas = [row[0] for row in self.stack.sql(
            f"select id from incidents where tenant_id = '{self.tenant}' and seller_name = 'Beta' order by created_at desc")]
        seventeens = [betas[2099 - n] for n in range(2099, 0, -1) if str(n).startswith("17")]
        for query, expected in (({"q": "çiçek"}, rare), ({"seller": "çiçek"}, rare), ({"q": rare[1]}, rare[1:2]),
                                ({"q": "çiçek", "status": "ACK"}, []), ({"q": "b.pdf", "flag": "INVOICE_TOTAL_MISMATCH"}, rare[1:2]),
                                ({"q": "B17"}, seventeens[:50]), ({"q": "beta", "limit": 3}, betas[:3]), ({"q": "nowhere"}, [])):
            with self.subTest(query):
                self.assertEqual(expected, self.ids(**query))
        for expected, query in ((betas, {"q": "beta", "limit": 200}), (rare, {"q": "çiçek", "limit": 1})):
            self.assertEqual(expected, self.paged(**query))

    def paged(self, **query):
        """The ids of all pages."""
        seen, cursor = [], {}
        while cursor is not None:
            answer = self.list(**query, **cursor)
            seen += [i["id"] for i in answer["incidents"]]
            cursor = answer["next_cursor"] and {"cursor": answer["next_cursor"]}
        return seen

    def test_bad_queries(self):
        cases = [({name: value}, "invalid_query") for name, value in (
            ("status", "open"), ("status", "OPEN,ACK"), ("severity", "S3"), ("category", "NONE"),
            ("flag", "LOW_CONFIDENCE"), ("limit", "0"), ("limit", "201"), ("limit", "x"), ("q", "x" * 201),
            ("seller", "ş" * 201), ("q", "a\nb"), ("q", "a\0b"))]
        cases += [({"cursor": value}, "invalid_cursor") for value in ("", "1", "x", f"1.{NOBODYS}x", "-1." + NOBODYS)]
        cases += [({"tenant_id": "NO"}, "invalid_tenant_id")]
        for query, code in cases:
            with self.subTest(query):
                self.assert_problem(self.get("/admin/incidents", query=query), 400, code)
        self.assertEqual(200, self.get("/admin/incidents", query={"q": "ş" * 200, "tenant_id": self.tenant}).status)

    def test_pages_while_new_ones_arrive(self):
        expected = [self.incident() for _ in range(7)][::-1]
        # Two of one moment, where a page ends: the id decides.
        self.stack.sql(f"update incidents set created_at = (select created_at from incidents where id = '{expected[4]}')"
                       f" where id = '{expected[3]}'")
        expected[3:5] = sorted(expected[3:5], reverse=True)
        seen, cursor = [], {}
        while cursor is not None:
            answer = self.list(limit=2, **cursor)
            seen += [i["id"] for i in answer["incidents"]]
            self.assertLessEqual(len(answer["incidents"]), 2)
            cursor = answer["next_cursor"] and {"cursor": answer["next_cursor"]}
            self.incident()
        self.assertEqual(expected, seen)

    def test_a_full_last_page_is_the_last(self):
        for _ in range(2):
            self.incident()
        self.assertIsNone(self.list(limit=2)["next_cursor"])

    def test_tenants(self):
        other = fresh_tenant("other")
        mine, theirs = self.incident(), self.incident(tenant=other)
        _, key = self.operator(tenant=self.tenant)
        self.assertEqual([mine], [i["id"] for i in self.get("/admin/incidents", key=key).json["incidents"]])
        self.assert_problem(self.get("/admin/incidents", key=key, query={"tenant_id": other}), 403, "wrong_tenant")
        self.assert_problem(self.get("/admin/incidents", key=key, query={"tenant_id": "!"}), 403, "wrong_tenant")
        everyones = [i["id"] for i in self.get("/admin/incidents", query={"limit": 2}).json["incidents"]]
        self.assertEqual([theirs, mine], everyones)
        for method, path, body in (("GET", "", None), ("GET", "/document", None), ("PATCH", "", {"status": "ACK"}),
                                   ("PATCH", "/feedback", {"action_taken": "ESCALATED", "was_hint_correct": True,
                                                           "resolution_time_seconds": 1})):
            with self.subTest(method + path):
                answer = self.stack.admin(method, f"/admin/incidents/{theirs}{path}", body, key=key)
                self.assert_problem(answer, 404, "incident_not_found")
        self.assertEqual(([], 1), (self.history(theirs), self.detail(theirs)["revision"]))

    def test_guards(self):
        self.assert_problem(self.get("/admin/incidents", key=False), 401, "missing_api_key")
        self.assert_problem(self.get("/admin/incidents", key=self.stack.api_key), 401, "invalid_api_key")


class Detail(OperatorCase):
    def test_members(self):
        job = self.upload_done(self.named("şu fatura.pdf", name="Ada Enerji"))
        detail = self.detail(job["incident"]["id"])
        self.assertEqual(DETAIL_MEMBERS, set(detail))
        for name in ("extraction", "audit", "quality"):
            self.assertEqual(job[name], detail[name])
        self.assertEqual(job["document"], {k: v for k, v in detail["document"].items() if k != "id"})
        self.assertEqual([{"job_id": job["job_id"], "filename": "şu fatura.pdf"}],
                         [{k: o[k] for k in ("job_id", "filename")} for o in detail["occurrences"]])
        self.assertEqual([("worker", "incident.opened")], [(h["actor"], h["action"]) for h in detail["history"]])
        self.assertEqual([None] * 6, [detail[k] for k in ("resolution_note", "resolved_by", "resolved_at", "changed_by",
                                                          "changed_at", "feedback")])
        answer = self.get(f"/admin/incidents/{detail['id']}")
        self.assertEqual('"1"', answer.headers["ETag"])

    def test_occurrences(self):
        jobs = [self.upload_done(self.stack.unique_pdf("mismatch-s1", same_invoice=True)) for _ in range(3)]
        detail = self.detail(jobs[0]["incident"]["id"])
        self.assertEqual(3, detail["occurrence_count"])
        self.assertEqual([j["job_id"] for j in jobs][::-1], [o["job_id"] for o in detail["occurrences"]])
        self.assertEqual(["incident.opened", "incident.repeated", "incident.repeated"],
                         [h["action"] for h in detail["history"]])

    def test_missing(self):
        for name in (NOBODYS, "x", "00000000-0000-4000-8000-00000000000g"):
            with self.subTest(name):
                self.assert_problem(self.get(f"/admin/incidents/{name}"), 404, "incident_not_found")

    def test_the_job_is_tried_again(self):
        """Its invoice is gone until it is read anew; the incident stays, and can be worked on."""
        incident = self.upload_done(self.named("again.pdf", name="Ada Enerji"))["incident"]["id"]
        self.stack.sql(f"delete from invoices where tenant_id = '{self.tenant}'")
        detail = self.detail(incident)
        self.assertEqual(DETAIL_MEMBERS, set(detail))
        self.assertEqual([None] * 5, [detail[k] for k in ("extraction", "audit", "quality", "stated", "invoice_number")])
        self.assertEqual(("Ada Enerji", "again.pdf", []),
                         (detail["seller_name"], detail["document"]["filename"], detail["occurrences"]))
        self.assertEqual([incident], self.ids(q="ada ener"))
        self.assertEqual("ACK", self.patched(incident, "ACK")["status"])

    def test_hostile_content(self):
        names = ("<script>alert(1)</script>", "\"'`;--\\", "\u202egpj.exe\u200f", "=HYPERLINK(\"http://x\")",
                 "a\u2028b</title>{{7*7}}", "${jndi:ldap://x}", "\U0001f9fe" * 300)
        for name in names:
            with self.subTest(name[:40]):
                job = self.upload_done(self.named("<img src=x onerror=alert(1)>.pdf", name=name))
                detail = self.detail(job["incident"]["id"])
                self.assertEqual(name, detail["seller_name"])
                self.assertEqual(name, detail["extraction"]["seller"]["name"]["value"])
                self.assertEqual("<img src=x onerror=alert(1)>.pdf", detail["filename"])
                noted = self.patched(detail["id"], "RESOLVED", name[:2000])
                self.assertEqual((name[:2000], "RESOLVED"), (noted["resolution_note"], noted["status"]))
                self.assertEqual([detail["id"]], self.ids(seller=name[:200]))

    def test_long_content(self):
        """Longer than the values of a reader get today."""
        incident = self.incident()
        self.stack.sql(f"update incidents set seller_name = repeat('<b>\"ş\u202e', 2000) where id = '{incident}'")
        self.assertEqual('<b>"ş\u202e' * 2000, self.detail(incident)["seller_name"])
        self.assertEqual('<b>"ş\u202e' * 2000, self.list()["incidents"][0]["seller_name"])


class Change(OperatorCase):
    def test_all_the_way(self):
        incident = self.incident()
        (anna, anna_key), (bora, bora_key) = self.operator(), self.operator("admin", self.tenant)
        ack = self.patch(incident, "ACK", key=anna_key)
        self.assertEqual((200, '"2"', "ACK", 2, anna),
                         (ack.status, ack.headers["ETag"], ack.json["status"], ack.json["revision"], ack.json["changed_by"]))
        self.assertEqual(DETAIL_MEMBERS, set(ack.json))
        done = self.patched(incident, "RESOLVED", "satır 3 iki kez okunmuş\n\tsonuç: elle düzeltildi", key=bora_key)
        self.assertEqual((bora, "satır 3 iki kez okunmuş\n\tsonuç: elle düzeltildi"), (done["resolved_by"], done["resolution_note"]))
        self.assertRegex(done["resolved_at"], TIME)
        again = self.patched(incident, "OPEN", key=anna_key)
        self.assertEqual((None, None, done["resolution_note"], anna),
                         (again["resolved_by"], again["resolved_at"], again["resolution_note"], again["changed_by"]))
        last = self.patched(incident, "RESOLVED", key=anna_key)
        self.assertEqual((5, anna, done["resolution_note"]), (last["revision"], last["resolved_by"], last["resolution_note"]))
        self.assertEqual(
            [(anna, "incident.acknowledged", {"old_status": "OPEN", "status": "ACK"}),
             (bora, "incident.resolved", {"old_status": "ACK", "status": "RESOLVED", "old_resolution_note": None,
                                          "resolution_note": done["resolution_note"]}),
             (anna, "incident.reopened", {"old_status": "RESOLVED", "status": "OPEN"}),
             (anna, "incident.resolved", {"old_status": "OPEN", "status": "RESOLVED"})], self.history(incident))
        self.assertEqual(self.history(incident), [(h["actor"], h["action"], h["detail"]) for h in last["history"][1:]])
        event = self.stack.log("admin", "incident.changed")[-1]
        self.assertEqual((anna, incident, 5, "an operator set RESOLVED"),
                         (event["principal"], event["incident_id"], event["revision"], event["message"]))

    def test_transitions(self):
        allowed = {("OPEN", "ACK"), ("OPEN", "RESOLVED"), ("ACK", "RESOLVED"), ("ACK", "OPEN"), ("RESOLVED", "OPEN")}
        incident = self.incident()
        for old in ("OPEN", "ACK", "RESOLVED"):
            for new in ("OPEN", "ACK", "RESOLVED"):
                with self.subTest(old=old, new=new):
                    self.stack.sql(f"update incidents set status = '{old}' where id = '{incident}'")
                    before = self.history(incident)
                    answer = self.patch(incident, new)
                    if (old, new) in allowed:
                        self.assertEqual((200, new), (answer.status, answer.json["status"]))
                    else:
                        self.assert_problem(answer, 409, "invalid_transition")
                        self.assertEqual(before, self.history(incident))

    def test_note(self):
        incident = self.incident()
        self.assertEqual("ş" * 2000, self.patched(incident, "RESOLVED", "ş" * 2000)["resolution_note"])
        self.patched(incident, "OPEN")
        answer = self.raw("PATCH", f"/admin/incidents/{incident}", '{"status":"RESOLVED","resolution_note":null}')
        self.assertEqual((200, None), (answer.status, answer.json["resolution_note"]))

    def test_bad_bodies(self):
        incident = self.incident()
        bodies = ("", "[]", "{}", "null", '{"status":"ack"}', '{"status":null}', '{"status":1}', '{"status":"ACK","x":1}',
                  '{"status":"ACK","status":"OPEN"}', '{"resolution_note":"x"}', '{"status":"ACK","resolution_note":1}',
                  '{"status":"ACK\\u0000"}', '{"status":"ACK","resolution_note":"a\\u0000b"}',
                  '{"status":"ACK","resolution_note":"a\\u001bb"}', '{"status":"ACK","resolution_note":"a\\rb"}',
                  '{"status":"ACK","resolution_note":"%s"}' % ("ş" * 2001), '{"status":"ACK","actor":"mallory"}',
                  '{"status":"ACK"', '{"status":"ACK","resolution_note":"%s"}' % ("x" * 33000))
        for body in bodies:
            with self.subTest(body[:60]):
                answer = self.raw("PATCH", f"/admin/incidents/{incident}", body.encode())
                self.assert_problem(answer, 400, "invalid_incident_change")
        self.assertEqual(("OPEN", 1), (self.detail(incident)["status"], self.detail(incident)["revision"]))
        self.assert_problem(self.patch(NOBODYS, "ACK"), 404, "incident_not_found")
        self.assert_problem(self.patch("x", "ACK"), 404, "incident_not_found")

    def test_viewers_may_only_look(self):
        incident = self.incident()
        _, key = self.operator("viewer", self.tenant)
        self.assertEqual("OPEN", self.detail(incident, key=key)["status"])
        self.assert_problem(self.patch(incident, "ACK", key=key), 403, "read_only")
        self.assert_problem(self.give(incident, key=key), 403, "read_only")

    def test_if_match(self):
        incident = self.incident()
        name, key = self.operator()
        for tag in ('"1"', '*', '"9", "1"', '"x" ,, "1"'):
            with self.subTest(tag):
                status = "ACK" if self.detail(incident)["status"] == "OPEN" else "OPEN"
                self.stack.sql(f"update incidents set revision = 1 where id = '{incident}'")
                answer = self.patch(incident, status, key=key, headers={"If-Match": tag})
                self.assertEqual((200, '"2"'), (answer.status, answer.headers["ETag"]), answer)
        for tag in ('"1"', 'W/"2"', '"02x"', '""', '"99999999999999999999"', '"-2"', '"2\'"'):
            with self.subTest(tag):
                answer = self.patch(incident, "RESOLVED", headers={"If-Match": tag})
                self.assert_problem(answer, 412, "precondition_failed")
                self.assertRegex(answer.json["detail"], rf"at revision 2: {name} changed it last, at {TIME.pattern}")
        for tag in ("2", '"2', "", "*, \"2\"", '"2" "3"', "w/\"2\"", ",".join(f'"{n}"' for n in range(17))):
            with self.subTest(tag):
                self.assert_problem(self.patch(incident, "RESOLVED", headers={"If-Match": tag}), 400, "invalid_precondition")
        self.assertEqual(2, self.detail(incident)["revision"])

    def test_nobody_has_changed_it(self):
        answer = self.patch(self.incident(), "ACK", headers={"If-Match": '"7"'})
        self.assert_problem(answer, 412, "precondition_failed")
        self.assertIn("OPEN at revision 1: nobody has changed it yet", answer.json["detail"])

    def test_two_at_once(self):
        """One wins; the others are told who did, and when.  Nothing is overwritten."""
        operators = [self.operator() for _ in range(4)]
        for headers, status, code in (({"If-Match": '"1"'}, 412, "precondition_failed"), ({}, 409, "invalid_transition")):
            with self.subTest(code):
                incident = self.incident()
                answers = self.at_once([lambda n=name, k=key: self.patch(incident, "RESOLVED", f"by {n}", key=k, headers=headers)
                                        for name, key in operators])
                (winner,) = [i for i, a in enumerate(answers) if a.status == 200]
                name = operators[winner][0]
                for answer in answers[:winner] + answers[winner + 1:]:
                    self.assert_problem(answer, status, code)
                    self.assertRegex(answer.json["detail"], rf"RESOLVED.*{name} changed it last, at {TIME.pattern}")
                detail = self.detail(incident)
                self.assertEqual((name, f"by {name}", 2), (detail["resolved_by"], detail["resolution_note"], detail["revision"]))
                self.assertEqual(1, len(self.history(incident)))

    def test_while_it_is_seen_again(self):
        """The worker's count and the operator's change are both kept."""
        first = self.upload_done(self.stack.unique_pdf("mismatch-s1", same_invoice=True))["incident"]["id"]
        again = [self.stack.unique_pdf("mismatch-s1", same_invoice=True) for _ in range(3)]
        answers = self.at_once([lambda d=d: self.upload(d) for d in again] + [lambda: self.patch(first, "ACK")])
        self.assertEqual([200] * 4, [a.status for a in answers])
        detail = self.detail(first)
        self.assertEqual(("ACK", 2, 4), (detail["status"], detail["revision"], detail["occurrence_count"]))

    def test_builds_before(self):
        """Their finish_job() is there, and the incident of it is complete."""
        job = self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        token, new = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-" + job["job_id"][-12:]
        self.stack.sql(f"""
            insert into jobs (tenant_id, id, document_id, state, trace_id, lease_token, lease_until, started_at)
            select tenant_id, '{new}', document_id, 'RUNNING', 'of-an-old-build', '{token}', clock_timestamp() + interval '1 hour',
                   clock_timestamp() from jobs where id = '{job["job_id"]}'""")
        invoice = json.loads(self.stack.value(
            f"select to_jsonb(v) - 'identity' || '{{\"fingerprint\": \"{new}\", \"incident\": {{\"category\": \"TOTALS\","
            f" \"severity\": \"S1\", \"primary_flag\": \"INVOICE_TOTAL_MISMATCH\", \"secondary_flags\": [],"
            f" \"fingerprint\": \"{new}\"}}}}' from invoices v where job_id = '{job['job_id']}'"))
        text = json.dumps(invoice).replace("'", "''")
        done, action, incident = self.stack.sql(
            f"select done, incident_action, incident from finish_job('{self.tenant}', '{new}', '{token}', 'SUCCEEDED', null,"
            f" null, '{new}', '{text}'::json, '{text}'::json, null, true)", "worker", self.tenant)[0]
        self.assertEqual(("t", "opened"), (done, action))
        detail = self.detail(incident)
        self.assertEqual((new, job["extraction"], job["extraction"]["seller"]["name"]["value"]),
                         (detail["job_id"], detail["extraction"], detail["seller_name"]))
        self.assertIn(incident, self.ids(q=detail["filename"]))


if __name__ == "__main__":
    unittest.main()
