"""GET /admin/audit-log."""
import unittest

from harness import fresh_tenant
from operators import OperatorCase

PATH = "/admin/audit-log"


class AuditLog(OperatorCase):
    def entries(self, **options):
        return self.list(PATH, **options)["entries"]

    def test_members(self):
        incident = self.incident()
        name, key = self.operator()
        self.patched(incident, "ACK", key=key)
        newest, opened = self.entries()
        self.assertEqual({"id", "at", "tenant_id", "actor", "action", "object", "detail"}, set(newest))
        self.assertEqual((self.tenant, name, "incident.acknowledged", f"incident {incident}",
                          {"old_status": "OPEN", "status": "ACK"}),
                         tuple(newest[k] for k in ("tenant_id", "actor", "action", "object", "detail")))
        self.assertEqual(("worker", "incident.opened"), (opened["actor"], opened["action"]))
        self.assertGreater(newest["id"], opened["id"])
        self.assertRegex(newest["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_filters(self):
        first, second = self.incident(), self.incident()
        (anna, anna_key), (bora, bora_key) = self.operator(), self.operator()
        self.patched(first, "ACK", key=anna_key)
        self.patched(second, "RESOLVED", key=bora_key)
        self.give(second, key=anna_key)
        cases = (({}, ["feedback.given", "incident.resolved", "incident.acknowledged", "incident.opened", "incident.opened"]),
                 ({"actor": anna}, ["feedback.given", "incident.acknowledged"]),
                 ({"actor": "worker"}, ["incident.opened"] * 2),
                 ({"action": "incident.resolved"}, ["incident.resolved"]),
                 ({"object": f"incident {first}"}, ["incident.acknowledged", "incident.opened"]),
                 ({"actor": anna, "action": "feedback.given", "object": f"incident {second}"}, ["feedback.given"]),
                 ({"actor": anna, "action": "incident.resolved"}, []), ({"actor": "nobody"}, []),
                 ({"actor": "", "action": "", "object": ""}, ["feedback.given", "incident.resolved", "incident.acknowledged",
                                                              "incident.opened", "incident.opened"]))
        for query, actions in cases:
            with self.subTest(query):
                self.assertEqual(actions, [e["action"] for e in self.entries(**query)])

    def test_pages(self):
        """Also where the ids get another digit."""
        last = self.stack.value("select coalesce(max(id), 0) from audit_log")
        if last < 9995:
            self.stack.sql("alter table audit_log alter id restart with 9995")
        expected = [f"incident {self.incident()}" for _ in range(5)][::-1]
        seen, cursor = [], {}
        while cursor is not None:
            answer = self.list(PATH, limit=2, **cursor)
            seen += [e["object"] for e in answer["entries"]]
            cursor = answer["next_cursor"] and {"cursor": answer["next_cursor"]}
            self.incident()
        self.assertEqual(expected, seen)

    def test_bad_queries(self):
        for query, code in (({"limit": "0"}, "invalid_query"), ({"actor": "x" * 201}, "invalid_query"),
                            ({"object": "a\nb"}, "invalid_query"), ({"cursor": "x"}, "invalid_cursor"),
                            ({"cursor": "9" * 19}, "invalid_cursor"), ({"tenant_id": "NO"}, "invalid_tenant_id")):
            with self.subTest(query):
                self.assert_problem(self.get(PATH, query=query), 400, code)

    def test_tenants(self):
        other = fresh_tenant("other")
        self.incident(tenant=other)
        mine = self.incident()
        self.stack.sql("insert into audit_log (actor, action, object) values ('nobody', 'pilot.set', 'pilot')")
        _, key = self.operator("viewer", self.tenant)
        answer = self.get(PATH, key=key)
        self.assertEqual([f"incident {mine}"], [e["object"] for e in answer.json["entries"]])
        self.assert_problem(self.get(PATH, key=key, query={"tenant_id": other}), 403, "wrong_tenant")
        everything = self.get(PATH, query={"limit": 3}).json["entries"]
        self.assertEqual([None, self.tenant, other], [e["tenant_id"] for e in everything])
        self.assert_problem(self.get(PATH, key=False), 401, "missing_api_key")


if __name__ == "__main__":
    unittest.main()
