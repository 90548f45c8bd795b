"""GET /admin/tenants and GET /admin/config/keys: what the pages choose from and explain."""
import unittest

from harness import PILOT, StackCase


class Tenants(StackCase):
    def tenants(self, key=None):
        answer = self.stack.admin("GET", "/admin/tenants", key=key)
        self.assertEqual(200, answer.status, answer)
        self.assertEqual({"tenants"}, set(answer.json))
        return answer.json["tenants"]

    def test_those_with_documents_and_the_pilots(self):
        before = self.tenants()
        self.assertIn(PILOT, before)
        self.assertNotIn(self.tenant, before)
        self.upload_done(self.stack.unique_pdf())
        after = self.tenants()
        self.assertEqual(sorted({*before, self.tenant}), after)
        self.assertEqual([[t] for t in after if t != PILOT], self.stack.sql(
            f"select distinct tenant_id from documents where tenant_id <> '{PILOT}' order by 1"))

    def test_a_bound_operator_sees_its_own(self):
        _, key = self.stack.make_key(self.tenant, "viewer")
        self.assertEqual([self.tenant], self.tenants(key))

    def test_needs_an_operator(self):
        for path in ("/admin/tenants", "/admin/config/keys"):
            self.assert_problem(self.stack.admin("GET", path, key=False), 401, "missing_api_key")
            self.assert_problem(self.stack.admin("GET", path, key=self.stack.api_key), 401, "invalid_api_key")


class ConfigKeys(StackCase):
    def keys(self):
        answer = self.stack.admin("GET", "/admin/config/keys")
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def test_same_values_as_the_hashed_configuration(self):
        shown = self.keys()
        config = self.stack.admin("GET", "/admin/config").json
        self.assertEqual(config, {k["name"]: k["value"] for k in shown["keys"]})
        self.assertEqual({"config_hash", "build_id", "keys"}, set(shown))
        ready = self.stack.ready().json
        self.assertEqual((ready["config_hash"], ready["build_id"]), (shown["config_hash"], shown["build_id"]))

    def test_which_are_defaults(self):
        with self.stack.settings("admin", STUCK_MINUTES=7, MISMATCH_RATIO="0.06", OPENAI_MODEL="other"):
            keys = {k.pop("name"): k for k in self.keys()["keys"]}
        self.assertEqual({"value": 7, "default": 10, "is_default": False, "type": "integer"}, keys["STUCK_MINUTES"])
        self.assertEqual({"value": 0.06, "default": 0.05, "is_default": False, "type": "decimal"},
                         keys["MISMATCH_RATIO"])
        self.assertEqual({"value": "other", "default": "gpt-4.1", "is_default": False, "type": "string"},
                         keys["OPENAI_MODEL"])
        self.assertEqual({"value": True, "default": True, "is_default": True, "type": "boolean"},
                         keys["PILOT_ENABLED"])

    def test_no_secrets(self):
        names = {k["name"] for k in self.keys()["keys"]}
        self.assertEqual(set(), names & {"ADMIN_API_KEY", "API_KEY", "OPENAI_API_KEY", "DATABASE_URL"})
        self.assertNotIn(self.stack.admin_key.encode(), self.stack.admin("GET", "/admin/config/keys").body)


if __name__ == "__main__":
    unittest.main()
