"""Tenants are walled off, in the API and in the database itself (SPEC §11), and every role may do
only what its process needs (SPEC §12)."""
import unittest

from harness import SqlError, StackCase, fresh_tenant

DENIED = "42501"  # insufficient_privilege, also of row-level security
RAISED = "P0001"
TENANTS_TABLES = ("documents", "jobs", "invoices", "incidents", "idempotency_keys")


class Keys(StackCase):
    """scripts/api_key gives a client one tenant only."""

    def setUp(self):
        super().setUp()
        self.other = fresh_tenant("other")
        self.name, self.key = self.stack.make_key(self.tenant)

    def test_own_tenant(self):
        done = self.upload_done(self.stack.unique_pdf(), key=self.key)
        self.assertEqual(self.tenant, done["tenant_id"])
        self.assertEqual(done, self.stack.job(done["job_id"], self.key).json)

    def test_upload_to_another(self):
        document = self.stack.unique_pdf()
        answer = self.upload(document, tenant=self.other, key=self.key)
        self.assert_problem(answer, 403, "wrong_tenant")
        self.assert_problem(self.upload(document, tenant=None, key=self.key), 403, "wrong_tenant")
        self.assertEqual(0, self.sim.calls(document.sha256))

    def test_job_of_another(self):
        """Just as a job that does not exist."""
        job = self.upload_done(self.stack.unique_pdf(), tenant=self.other)["job_id"]
        theirs = self.stack.job(job, self.key)
        nobodys = self.stack.job("00000000-0000-4000-8000-000000000000", self.key)
        self.assert_problem(theirs, 404, "job_not_found")
        self.assertEqual(nobodys.json["detail"], theirs.json["detail"])
        with_name = self.stack.get(f"/jobs/{job}", self.key, query={"tenant_id": self.other})
        self.assertIn(with_name.status, (403, 404))

    def test_key_of_the_environment_sees_all(self):
        job = self.upload_done(self.stack.unique_pdf(), key=self.key)["job_id"]
        self.assertEqual(200, self.stack.job(job).status)

    def test_key_for_all_tenants(self):
        _, key = self.stack.make_key()
        for tenant in (self.tenant, self.other):
            self.assertEqual(tenant, self.upload_done(self.stack.unique_pdf(), tenant=tenant, key=key)["tenant_id"])

    def test_revoked(self):
        job = self.upload_done(self.stack.unique_pdf(), key=self.key)["job_id"]
        self.stack.revoke_key(self.name)
        self.assert_problem(self.stack.job(job, self.key), 401, "invalid_api_key")
        self.assert_problem(self.upload(self.stack.unique_pdf(), key=self.key), 401, "invalid_api_key")

    def test_operators_key_is_no_clients(self):
        for role in ("viewer", "operator", "admin"):
            with self.subTest(role=role):
                _, key = self.stack.make_key(role=role)
                self.assert_problem(self.upload(self.stack.unique_pdf(), key=key), 401, "invalid_api_key")

    def test_only_the_digest_is_kept(self):
        rows = self.stack.sql(f"select k::text from api_keys k where name = '{self.name}'")
        self.assertEqual(1, len(rows))
        self.assertNotIn(self.key, rows[0][0])

    def test_list_shows_no_key(self):
        listed = self.stack.api_key_script("list").stdout
        self.assertIn(self.name, listed)
        self.assertNotIn(self.key, listed)

    def test_the_reach_of_others_keys_is_said(self):
        for role in ("client", "viewer"):
            done = self.stack.api_key_script("create", "--name", f"{self.name}-2", "--role", role)
            self.assertEqual(2, done.returncode, done.stdout)
            self.assertIn("--tenant TENANT, or --all-tenants", done.stdout)

    def test_name_is_used_once(self):
        done = self.stack.api_key_script("create", "--name", self.name, "--tenant", self.other)
        self.assertEqual(1, done.returncode, done.stdout)


class RowSecurity(StackCase):
    """As the app role: the tenant that the transaction names, and nothing else."""

    def setUp(self):
        super().setUp()
        self.other = fresh_tenant("other")
        for tenant in (self.tenant, self.other):
            self.upload_done(self.stack.unique_pdf("mismatch-s1"), tenant=tenant,
                             headers={"Idempotency-Key": tenant})

    def assert_refused(self, query, role="app", tenant=None, states=(DENIED,)):
        with self.assertRaises(SqlError, msg=query) as refused:
            self.stack.sql(query, role, tenant)
        self.assertIn(refused.exception.state, states, str(refused.exception))

    def test_without_a_tenant_nothing(self):
        for table in TENANTS_TABLES:
            with self.subTest(table=table):
                self.assertEqual(0, self.stack.value(f"select count(*) from {table}", "app"))

    def test_with_a_tenant_its_own(self):
        for table in TENANTS_TABLES:
            with self.subTest(table=table):
                seen = self.stack.sql(f"select tenant_id, count(*) from {table} group by 1", "app", self.tenant)
                self.assertEqual([[self.tenant, "1"]], seen)
                self.assertEqual(0, self.stack.value(
                    f"select count(*) from {table} where tenant_id = '{self.other}'", "app", self.tenant))

    def test_empty_or_odd_names_see_nothing(self):
        for tenant in ("", "%", "*", self.tenant + " ", self.tenant.upper()):
            with self.subTest(tenant=tenant):
                self.assertEqual(0, self.stack.value("select count(*) from jobs", "app", tenant))

    def test_tenant_ends_with_its_transaction(self):
        query = f"begin; set local mizan.tenant_id = '{self.tenant}'; commit; select count(*) from jobs"
        self.assertEqual(0, self.stack.value(query, "app"))

    def test_insert_for_another(self):
        document = (f"insert into documents (tenant_id, sha256, media_type, bytes, filename, content) values"
                    f" ('{self.other}', sha256('{self.other}'), 'application/pdf', 1, 'x', 'x')")
        self.assert_refused(document, tenant=self.tenant)
        self.assert_refused(document)
        job = (f"insert into jobs (tenant_id, document_id, trace_id)"
               f" values ('{self.other}', gen_random_uuid(), 'x')")
        self.assert_refused(job, tenant=self.tenant)

    def test_no_update_or_delete(self):
        for table in TENANTS_TABLES:
            for query in (f"update {table} set tenant_id = tenant_id", f"delete from {table}", f"truncate {table}"):
                with self.subTest(query=query):
                    self.assert_refused(query, tenant=self.tenant)

    def test_no_results_of_its_own(self):
        for table in ("invoices", "incidents"):
            with self.subTest(table=table):
                self.assert_refused(f"insert into {table} select * from {table}", tenant=self.tenant)

    def test_out_of_reach(self):
        for query in ("select from provider_calls", "select from provider_state", "select from worker_heartbeats",
                      "select from audit_log", "insert into audit_log (actor, action, object) values ('x', 'x', 'x')",
                      "update pilot_switch set enabled = false", "delete from pilot_switch",
                      "insert into api_keys (name, role, key_sha256) values ('x', 'admin', sha256('x'))",
                      "update api_keys set role = 'admin'", "create table public.x (y int)",
                      "create function public.x() returns int language sql as 'select 1'",
                      "set role mizan_owner", "alter role mizan_app superuser", "select pg_read_file('/etc/passwd')"):
            with self.subTest(query=query):
                self.assert_refused(query, tenant=self.tenant)

    def test_row_security_cannot_be_switched_off(self):
        self.assert_refused("set row_security = off; select count(*) from jobs", tenant=self.tenant)

    def test_worker(self):
        """Claims across tenants, but sees what belongs to a job only in the job's tenant."""
        self.assertGreaterEqual(self.stack.value("select count(*) from jobs", "worker"), 2)
        for table in ("documents", "invoices", "incidents"):
            self.assertEqual(0, self.stack.value(f"select count(*) from {table}", "worker"), table)
            self.assertEqual([[self.other]], self.stack.sql(f"select tenant_id from {table}", "worker", self.other))
        for query in ("select from api_keys", "select from idempotency_keys", "delete from jobs", "insert into jobs default values",
                      "update documents set content = 'x'", "delete from documents", "update invoices set score = 100",
                      "delete from incidents", "delete from invoices", "update pilot_switch set enabled = true",
                      "select from provider_calls", "update audit_log set actor = 'x'", "set role mizan_owner"):
            with self.subTest(query=query):
                self.assert_refused(query, "worker", self.tenant)

    def test_admin(self):
        for query in ("insert into jobs default values", "delete from jobs", "delete from documents", "update invoices set score = 0",
                      "select from provider_calls", "select from idempotency_keys", "insert into pilot_switch default values",
                      "delete from pilot_switch", "update api_keys set role = 'admin'", "delete from audit_log",
                      "set role mizan_owner", "create table public.x (y int)"):
            with self.subTest(query=query):
                self.assert_refused(query, "admin", self.tenant)

    def test_nobody_is_superuser(self):
        rows = self.stack.sql("select rolname from pg_roles where rolname like 'mizan%'"
                              " and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)")
        self.assertEqual([], rows)

    def test_every_table_with_a_tenant_is_walled(self):
        """Also those that a later migration adds."""
        rows = self.stack.sql(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attname = 'tenant_id'"
            " and not c.relrowsecurity and c.relname <> 'api_keys'")
        self.assertEqual([], rows)


class AuditLog(StackCase):
    """Append-only, for everybody (SPEC §6)."""

    def setUp(self):
        super().setUp()
        self.upload_done(self.stack.unique_pdf("mismatch-s1"))

    def test_not_even_by_the_owner(self):
        for query in ("update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log"):
            with self.subTest(query=query), self.assertRaises(SqlError) as refused:
                self.stack.sql(query)
            self.assertEqual(RAISED, refused.exception.state)
            self.assertIn("append-only", str(refused.exception))

    def test_incident_is_in_it(self):
        rows = self.stack.sql("select actor, action, detail->>'severity' from audit_log"
                              f" where tenant_id = '{self.tenant}'")
        self.assertEqual([["worker", "incident.opened", "S1"]], rows)


if __name__ == "__main__":
    unittest.main()
