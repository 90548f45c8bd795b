"""The schema and its migrations: applied once, under a lock, every part of it explained (SPEC §2, §12)."""
import concurrent.futures
import os
import pathlib
import shutil
import tempfile
import unittest

from harness import ROOT, StackCase, environment, run

UNEXPLAINED_COLUMNS = """
select c.relname || '.' || a.attname
  from pg_attribute a join pg_class c on c.oid = a.attrelid
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'c')
   and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null
"""
UNEXPLAINED = """
select relname::text from pg_class
 where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and obj_description(oid, 'pg_class') is null
union all
select proname::text from pg_proc
 where pronamespace = 'public'::regnamespace and obj_description(oid, 'pg_proc') is null
"""
WITHOUT_ROW_SECURITY = """
select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relrowsecurity
   and c.relname <> 'api_keys'
"""


class Schema(StackCase):
    def test_every_column_is_explained(self):
        self.assertEqual([], self.stack.sql(UNEXPLAINED_COLUMNS))

    def test_every_table_and_function_is_explained(self):
        self.assertEqual([], self.stack.sql(UNEXPLAINED))

    def test_every_tenants_table_is_walled_off(self):
        """All with a tenant_id; api_keys is no tenant's data and nobody's to read."""
        self.assertEqual([], self.stack.sql(WITHOUT_ROW_SECURITY))


class Migrate(StackCase):
    def migrate(self, *arguments):
        return run([str(ROOT / "scripts" / "migrate"), *arguments], cwd=ROOT,
                   env=environment({}) | {"DATABASE_OWNER_URL": self.stack.env["DATABASE_OWNER_URL"]})

    def versions(self):
        return self.stack.sql("select version, name, sha256, applied_at from schema_migrations order by version")

    def test_a_second_run_does_nothing(self):
        before = self.versions()
        done = self.migrate()
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertEqual(before, self.versions())

    def test_status(self):
        done = self.migrate("--status")
        self.assertEqual(0, done.returncode)
        self.assertEqual({"applied"}, {line.split()[0] for line in done.stdout.splitlines()})

    def with_files(self, *extra):
        """A folder with our migrations and some more."""
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        for file in sorted((ROOT / "sql").glob("*.sql")):
            shutil.copy(file, folder)
        for name, text in extra:
            (folder / name).write_text(text)
        return folder

    def test_at_once(self):
        """Several at the same time: one applies it, the others find it done."""
        table = f"migrated_{os.getpid()}"
        folder = self.with_files(("9000_at_once.sql", f"create table {table} ();"))
        self.addCleanup(self.stack.sql, f"drop table if exists {table};"
                                        " delete from schema_migrations where version = 9000")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda _: self.migrate("--sql", str(folder)), range(4)))
        self.assertEqual([0] * 4, [d.returncode for d in done], [d.stdout for d in done])
        self.assertEqual(1, sum("applied 9000" in d.stdout for d in done))

    def test_one_that_fails_leaves_nothing(self):
        before = self.versions()
        folder = self.with_files(("9001_broken.sql", "create table half_done ();\nselect 1 / 0;"))
        self.assertEqual(1, self.migrate("--sql", str(folder)).returncode)
        self.assertEqual(before, self.versions())
        self.assertEqual(0, self.stack.value("select count(*) from pg_class where relname = 'half_done'"))

    def test_an_applied_file_does_not_change(self):
        first = sorted((ROOT / "sql").glob("*.sql"))[0]
        folder = self.with_files((first.name, first.read_text() + "-- edited\n"))
        done = self.migrate("--sql", str(folder))
        self.assertEqual(3, done.returncode, done.stdout)
        self.assertIn("changed", done.stdout.lower())


if __name__ == "__main__":
    unittest.main()
