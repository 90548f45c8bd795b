"""What the tests of the operators' incidents share."""
import concurrent.futures
import json
import pathlib
import threading
import uuid

from harness import Document, StackCase, extraction, fresh_tenant, sample

NOBODYS = "00000000-0000-4000-8000-000000000000"


class OperatorCase(StackCase):
    """A tenant of its own with incidents made by uploads, and operators of every kind."""

    def incident(self, name="mismatch-s1", tenant=None, **options):
        """The id of a new incident."""
        tenant = tenant or self.tenant
        return self.upload_done(self.stack.unique_pdf(name, **options), tenant=tenant)["incident"]["id"]

    def named(self, filename, content=None, **seller):
        """A new document with that file name, read as an S1 mismatch of the seller."""
        content = content or sample("mismatch-s1").read_bytes() + uuid.uuid4().hex.encode()
        answer = extraction("mismatch-s1")
        answer["invoice_number"]["value"] = uuid.uuid4().hex[:16]
        for field, value in seller.items():
            answer["seller"][field]["value"] = value
        document = Document(content, filename)
        self.sim.answer(document.sha256, answer)
        return document

    def operator(self, role="operator", tenant=None):
        """(name, key)"""
        return self.stack.make_key(tenant, role)

    def get(self, path, **options):
        return self.stack.admin("GET", path, **options)

    def detail(self, incident, **options):
        answer = self.get(f"/admin/incidents/{incident}", **options)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def patch(self, incident, status, note=None, **options):
        body = {"status": status} | ({} if note is None else {"resolution_note": note})
        return self.stack.admin("PATCH", f"/admin/incidents/{incident}", body, **options)

    def patched(self, *arguments, **options):
        answer = self.patch(*arguments, **options)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def give(self, incident, change=None, drop=(), **options):
        """PATCH …/feedback with a good body, changed by `change`."""
        body = {"action_taken": "VERIFIED_LOGIC", "was_hint_correct": True, "actual_root_cause": "two pages",
                "resolution_time_seconds": 90} | (change or {})
        body = {k: v for k, v in body.items() if k not in drop}
        return self.stack.admin("PATCH", f"/admin/incidents/{incident}/feedback", body, **options)

    def raw(self, method, path, body, **headers):
        """A body as it stands."""
        return self.stack.request(method, path, body, {"X-Admin-Key": self.stack.admin_key} | headers)

    def list(self, path="/admin/incidents", key=None, **query):
        answer = self.get(path, query={"tenant_id": self.tenant} | query, key=key)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def ids(self, **query):
        return [i["id"] for i in self.list(**query)["incidents"]]

    def history(self, incident):
        """(actor, action, detail) of the changes, as the database has them."""
        rows = self.stack.sql(f"select actor, action, detail from audit_log where object = 'incident {incident}'"
                              " and actor <> 'worker' order by id")
        return [(actor, action, json.loads(detail)) for actor, action, detail in rows]

    def at_once(self, calls):
        """Their results, the calls let go together."""
        gate = threading.Barrier(len(calls))

        def run(call):
            gate.wait()
            return call()
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))
