"""Backups and what they are for: scripts/backup and scripts/restore (the seed's §9, SPEC §12)."""
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import unittest

from databases import Database
from disks import Disks
from failures import accept, holding
from harness import PILOT, ROOT, TORTURE, Stack, StackCase, UNSET, environment, shared_stack, wait_for
from ledger import Ledger

SOURCE = None  # a database with rows of several tenants
CLIENTS = 8
UPLOADS = 400 if TORTURE else 60


def setUpModule():
    global SOURCE
    SOURCE = Database(shared_stack(), "mizan_source").make().migrate()
    unittest.addModuleCleanup(SOURCE.drop)
    for tenant in (PILOT, "acme", "globex"):
        ledger = Ledger(SOURCE, tenant)
        ledger.invoices(5, "2026-01-17T10:00:00Z", "mismatch", severity="S2", incident="opened")
        ledger.jobs(2, "2026-01-17T11:00:00Z", state="QUEUED", waited=None, finished="null")
        ledger.resolved(3, "2026-01-17T12:00:00Z", feedback=True)
        ledger.write()
    # More than a small disk holds, and not to be compressed.
    SOURCE.sql("insert into documents (tenant_id, sha256, media_type, bytes, filename, content)"
               " select 'acme', sha256('large'), 'image/png', length(content), 'tab\t\\.\n.png', content"
               " from (select string_agg(sha256(i::text::bytea), '') as content from generate_series(1, 65536) i) large;"
               "insert into audit_log (tenant_id, actor, action, object) values ('acme', 'test', 'test.done', 'test')")


class BackupCase(StackCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mizan-backups-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def backup(self, *arguments, database=None, **variables):
        """The backup's folder."""
        done = (database or SOURCE).run("backup", "--to", self.folder, *arguments, **variables)
        self.assertEqual(0, done.returncode, done.stdout)
        (path,) = [line for line in done.stdout.splitlines() if line.startswith("/")]
        return pathlib.Path(path)

    def made(self):
        """Names of the backups that look whole."""
        return sorted(path.name for path in self.folder.glob("mizan-*"))

    def empty(self, name="mizan_target"):
        database = Database(self.stack, name).make()
        self.addCleanup(database.drop)
        return database

    def assert_refused(self, done, status, *words):
        self.assertEqual(status, done.returncode, done.stdout)
        for word in words:
            self.assertIn(word, done.stdout)

    def change_manifest(self, backup, change):
        manifest = json.loads((backup / "manifest.json").read_text())
        change(manifest)
        (backup / "manifest.json").write_text(json.dumps(manifest))


class Backup(BackupCase):
    def test_what_is_in_it(self):
        backup = self.backup()
        self.assertRegex(backup.name, r"^mizan-\d{8}T\d{6}Z$")
        self.assertEqual([backup.name], self.made())
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (backup, *backup.iterdir())}
        self.assertEqual({backup.name: 0o700, "database.dump": 0o600, "manifest.json": 0o600}, modes)
        manifest = json.loads((backup / "manifest.json").read_text())
        self.assertEqual(SOURCE.value("select max(version) from schema_migrations"), manifest["schema_version"])
        self.assertEqual("mizan_source", manifest["database"])
        self.assertEqual({t: n for t, (n, _) in SOURCE.rows().items()},
                         {t: facts["rows"] for t, facts in manifest["tables"].items()})
        dump = (backup / "database.dump").read_bytes()
        self.assertEqual({"database.dump": {"bytes": len(dump), "sha256": hashlib.sha256(dump).hexdigest()}},
                         manifest["files"])
        self.assertEqual((None, None), (manifest["build_id"], manifest["config_hash"]))

    def test_the_configuration(self):
        """As the service has it; without it a backup is one still, and says what it lacks."""
        reach = {"MIZAN_URL": self.stack.url, "MIZAN_CACERT": self.stack.env["MIZAN_CACERT"]}
        backup = self.backup(ADMIN_API_KEY=self.stack.admin_key, **reach)
        config = self.stack.admin("GET", "/admin/config").body
        self.assertEqual(config, (backup / "config.json").read_bytes())
        manifest = json.loads((backup / "manifest.json").read_text())
        ready = self.stack.ready().json
        self.assertEqual((ready["build_id"], ready["config_hash"]), (manifest["build_id"], manifest["config_hash"]))
        self.assertEqual(hashlib.sha256(config).hexdigest(), manifest["files"]["config.json"]["sha256"])
        wait_for(lambda: f"{self.clock()}Z" != backup.name[-7:], what="the next second")
        done = SOURCE.run("backup", "--to", self.folder, ADMIN_API_KEY="wrong", **reach)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn("without the configuration", done.stdout)
        self.assertFalse((self.folder / self.made()[-1] / "config.json").exists())

    @staticmethod
    def clock():
        return subprocess.run(["date", "-u", "+%H%M%S"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def test_one_moment(self):
        """What comes while it dumps is not in it, and not counted either."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with holding(SOURCE, "table access_log_positions in access exclusive mode"):
                running = pool.submit(self.backup)
                wait_for(self.waiting, what="a backup that waits for a lock")
                SOURCE.sql("insert into audit_log (actor, action, object) values ('test', 'test.later', 'test')")
            backup = running.result()
        manifest = json.loads((backup / "manifest.json").read_text())
        self.assertEqual(SOURCE.value("select count(*) from audit_log") - 1, manifest["tables"]["audit_log"]["rows"])

    def waiting(self):
        return SOURCE.value("select count(*) from pg_stat_activity where datname = 'mizan_source'"
                            " and application_name in ('pg_dump', 'psql') and wait_event_type = 'Lock'")

    def test_one_that_was_stopped(self):
        """Whatever it is stopped by, nothing is left that looks like a backup, and the next one clears up."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number), holding(SOURCE, "table access_log_positions in access exclusive mode"):
                process = subprocess.Popen(
                    [str(ROOT / "scripts" / "backup"), "--to", str(self.folder)], start_new_session=True,
                    env=environment({}) | {"DATABASE_OWNER_URL": SOURCE.env["DATABASE_OWNER_URL"]},
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                wait_for(self.waiting, what="a backup that waits for a lock")
                self.assert_refused(SOURCE.run("backup", "--to", self.folder), 1, "another backup is at work")
                os.kill(process.pid, number)
                self.assertNotEqual(0, process.wait(10))
                self.assertEqual([], self.made())
                if number == signal.SIGTERM:
                    self.assertEqual([], list(self.folder.glob(".mizan-*")))
                else:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)  # what it left
        self.backup()
        self.assertEqual([], list(self.folder.glob(".mizan-*")))

    def test_a_full_disk(self):
        disks = Disks("backups", mib=1)
        self.addCleanup(disks.close)
        done = subprocess.run([*disks.enter, str(ROOT / "scripts" / "backup"), "--to", str(disks.path("backups"))],
                              env=environment({}) | {"DATABASE_OWNER_URL": SOURCE.env["DATABASE_OWNER_URL"]}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assert_refused(done, 1, "No space left on device", "nothing was kept")
        self.assertEqual("", disks.shell(f"ls -A {disks.path('backups')} | grep -v lock || true"))

    def test_keep(self):
        old = [f"mizan-2026010{day}T000000Z" for day in (1, 2, 3)]
        for name in (*old, "mizan-20250101T000000Z-mine", "other"):
            (self.folder / name).mkdir()
            (self.folder / name / "manifest.json").write_text("{}")
        (self.folder / "mizan-20250101T000000Z").mkdir()  # no backup: it has no manifest
        backup = self.backup("--keep", 2)
        self.assertEqual(["mizan-20250101T000000Z", "mizan-20250101T000000Z-mine", old[2], backup.name], self.made())
        self.assertTrue((self.folder / "other").exists())

    def test_usage(self):
        for arguments in (["--keep", "0"], ["--keep", "x"], ["--what"]):
            self.assert_refused(SOURCE.run("backup", "--to", self.folder, *arguments), 2)
        self.assertEqual(2, Database(self.stack, "mizan_nowhere").run("backup", "--to", self.folder).returncode)
        self.assert_refused(self.empty().run("backup", "--to", self.folder), 1, "schema_migrations")
        self.assertEqual([], self.made())

    def test_a_role_that_does_not_see_all(self):
        """It must not back up what row-level security leaves of it."""
        limited = Database(self.stack, SOURCE.name)
        limited.env["DATABASE_OWNER_URL"] = limited.env["DATABASE_WATCHDOG_URL"]
        self.assert_refused(limited.run("backup", "--to", self.folder), 1, "nothing was kept")
        self.assertEqual([], self.made())


class Restore(BackupCase):
    def test_into_an_empty_database(self):
        backup = self.backup()
        target = self.empty()
        done = target.run("restore", backup, "--dry-run")
        self.assert_refused(done, 0, "would restore mizan_source")
        self.assertTrue(target.is_empty())
        self.assert_refused(target.run("restore", backup), 0, "restored mizan_source")
        self.assertEqual(SOURCE.rows(), target.rows())
        self.assert_walls(target)
        # New rows get new numbers, and there is nothing to migrate.
        last = target.value("select max(id) from audit_log")
        target.sql("insert into audit_log (actor, action, object) values ('test', 'test.done', 'test')")
        self.assertEqual(last + 1, target.value("select max(id) from audit_log"))
        self.assert_refused(target.run("migrate"), 0, "nothing to do")

    def assert_walls(self, target):
        self.assertEqual(0, target.value("select count(*) from jobs", "app"))
        self.assertEqual([["acme"]], target.sql("select distinct tenant_id from jobs", "app", "acme"))
        for role, query in (("admin", "delete from documents"), ("app", "delete from jobs"),
                            ("worker", "select * from api_keys"), ("watchdog", "select purge_pilot('pilot', true, '{}')")):
            with self.subTest(role), self.assertRaisesRegex(Exception, "permission denied"):
                target.sql(query, role)
        with self.assertRaisesRegex(Exception, "append-only"):
            target.sql("delete from audit_log")

    def test_of_an_older_schema(self):
        """It is restored as it was, and brought up afterwards; with what it held."""
        older = self.folder / "sql"
        older.mkdir()
        files = sorted((ROOT / "sql").glob("*.sql"))
        for file in files[:15]:
            shutil.copy(file, older)
        source = self.empty("mizan_older")
        source.done(source.run("migrate", "--sql", older))
        Ledger(source, "acme").jobs(3, "2026-01-17T10:00:00Z", state="FAILED").write()
        backup = self.backup(database=source)
        target = self.empty()
        self.assert_refused(target.run("restore", backup), 0, f"then scripts/migrate (schema 15 -> {len(files)})",
                            "the pilot's switch is on")
        self.assert_refused(target.run("migrate"), 0, f"schema is at version {len(files)}")
        self.assertEqual([["acme", "3"]], target.sql("select tenant_id, count(*) from jobs group by 1"))

    def test_into_one_that_is_not_empty(self):
        backup = self.backup()
        target = self.empty().migrate()
        target.sql("insert into audit_log (actor, action, object) values ('test', 'test.lost', 'test')")
        before = target.rows()
        self.assert_refused(target.run("restore", backup), 1, "is not empty")
        self.assert_refused(target.run("restore", backup, "--into-nonempty"), 1, "--yes-really mizan_target", "audit_log")
        self.assert_refused(target.run("restore", backup, "--into-nonempty", "--yes-really", "mizan"), 1, "not the name")
        with holding(target, "table jobs in access share mode"):
            done = target.run("restore", backup, "--into-nonempty", "--yes-really", "mizan_target")
            self.assert_refused(done, 1, "stop all of Mizan first", "mizan_owner")
        self.assertEqual(before, target.rows())
        done = target.run("restore", backup, "--into-nonempty", "--yes-really", "mizan_target")
        self.assert_refused(done, 0, "restored")
        self.assertEqual(SOURCE.rows(), target.rows())
        self.assert_walls(target)

    def test_a_damaged_backup(self):
        """Nothing of it gets into the database, wherever it is damaged."""
        whole = self.backup()
        target = self.empty()

        def bent(change):
            backup = self.folder / f"bent-{bent.n}"
            bent.n += 1
            shutil.copytree(whole, backup)
            change(backup)
            return target.run("restore", backup)
        bent.n = 0

        def flip(backup):
            with (backup / "database.dump").open("r+b") as dump:
                dump.seek(-1000, os.SEEK_END)
                byte = dump.read(1)
                dump.seek(-1000, os.SEEK_END)
                dump.write(bytes([byte[0] ^ 1]))
        self.assert_refused(bent(flip), 1, "is damaged")
        self.assert_refused(bent(lambda b: (b / "database.dump").unlink()), 1, "lacks database.dump")
        self.assert_refused(bent(lambda b: (b / "manifest.json").write_text("{")), 1, "is damaged")
        self.assert_refused(bent(lambda b: self.change_manifest(b, lambda m: m.update(schema_version=9999))), 1, "9999")

        def cut(backup):
            dump = (backup / "database.dump").read_bytes()[:-20000]
            (backup / "database.dump").write_bytes(dump)
            self.change_manifest(backup, lambda m: m["files"]["database.dump"].update(
                sha256=hashlib.sha256(dump).hexdigest()))
        changes = (
            ("nothing was changed", cut),
            ("jobs", lambda b: self.change_manifest(b, lambda m: m["tables"]["jobs"].update(rows=1))),
            ("rights", lambda b: self.change_manifest(b, lambda m: m.update(access="0"))),
            ("invoices", lambda b: self.change_manifest(b, lambda m: m["tables"]["invoices"].update(checksum="1"))),
            ("extra", lambda b: self.change_manifest(b, lambda m: m["tables"].update(extra={"rows": 0, "checksum": "0"}))))
        for what, change in changes if TORTURE else changes[:3]:
            with self.subTest(what):
                self.assert_refused(bent(change), 1, what, "nothing was changed")
                self.assertTrue(target.is_empty())

    def test_usage(self):
        target = Database(self.stack, "mizan_nowhere")
        for arguments in ([], ["--what"], [self.folder], [self.folder, self.folder]):
            self.assertEqual(2, target.run("restore", *arguments).returncode)
        self.assertEqual(2, target.run("restore", self.backup()).returncode)


class UnderLoad(BackupCase):
    """Eight clients upload while it is made; on an empty database the work goes on from there."""

    def test_every_accepted_job(self):
        self.stack.sim.delay(150)
        accepted, backup = self.backup_under_load()
        target = self.empty()
        self.assert_refused(target.run("restore", backup), 0, "restored")
        of_tenant = f"where tenant_id = '{self.tenant}'"
        restored = {job for (job,) in target.sql(f"select id from jobs {of_tenant}")}
        self.assertLessEqual(set(accepted), restored)
        unfinished = target.value(f"select count(*) from jobs {of_tenant} and state in ('QUEUED', 'RUNNING')")
        self.assertGreater(unfinished, 0)
        self.assertGreater(target.value(f"select count(*) from jobs {of_tenant} and state = 'RUNNING'"), 0)
        self.assertEqual(0, target.value(f"select count(*) from documents {of_tenant} and sha256 <> sha256(content)"))
        second = self.second_stack(target)
        wait_for(lambda: not target.value(f"select count(*) from jobs {of_tenant} and state <> 'SUCCEEDED'"), 30,
                 "the end of all jobs on the restored database")
        self.assertEqual(len(restored), target.value(f"select count(*) from invoices {of_tenant}"))
        self.assertEqual(("SUCCEEDED", accepted[-1]), (second.job(accepted[-1]).json["status"], second.job(accepted[-1]).json["job_id"]))
        new = second.upload(self.stack.unique_pdf(), self.tenant)
        self.assertEqual(200, new.status, new)

    def backup_under_load(self):
        """(jobs accepted before it began, its folder); the clients go on until it is made."""
        accepted, refused, stop = [], [], threading.Event()

        def client():
            while not stop.is_set():
                try:
                    accepted.append(accept(self.stack, self.stack.unique_pdf(), self.tenant))
                except AssertionError as e:
                    refused.append(e)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(client) for _ in range(CLIENTS)]
            try:
                wait_for(lambda: len(accepted) >= UPLOADS // 2, 60, "uploads")
                before = list(accepted)
                backup = self.backup(database=Database(self.stack, "mizan"))
                during = len(accepted) - len(before)
            finally:
                stop.set()
            for running in clients:
                running.result()
        self.assertEqual([], refused)
        self.assertGreater(during, 0)
        return before, backup

    def second_stack(self, target):
        simulator = self.stack.env["OPENAI_SIM_URL"]
        second = Stack("restored", OPENAI_BASE_URL=f"{simulator}/v1", OPENAI_API_KEY="sk-restored",
                       **{name: url for name, url in target.env.items()})
        self.addCleanup(second.down)
        return second.up()


if __name__ == "__main__":
    unittest.main()
