"""scripts/purge_pilot: the pilot's data goes, all or nothing, and nobody else's (the seed's §9.3, SPEC §12)."""
import concurrent.futures
import json
import pathlib
import re
import shutil
import tempfile
import unittest

from databases import Database
from failures import transaction
from harness import PILOT, StackCase, shared_stack, wait_for
from ledger import Ledger

DATABASE = None
OTHER = "acme"
PURGED = ("idempotency_keys", "provider_calls", "invoices", "incident_feedback", "incidents", "jobs", "documents",
          "latency_baselines", "daily_figures", "weekly_sellers", "resolved_changes")
REPORT = ("front_door_minutes", "front_door_daily", "run_summaries")
KEPT = ("audit_log", "api_keys")


def setUpModule():
    global DATABASE
    DATABASE = Database(shared_stack(), "mizan_purged").make().migrate()
    unittest.addModuleCleanup(DATABASE.drop)


class Purge(StackCase):
    def setUp(self):
        super().setUp()
        for tenant in (PILOT, OTHER):
            self.fill(tenant)
        DATABASE.sql("update pilot_switch set enabled = false")

    def fill(self, tenant):
        """Rows in every table that has a tenant's."""
        Ledger(DATABASE, tenant).erase()
        ledger = Ledger(DATABASE, tenant)
        ledger.invoices(5, "2026-01-17T10:00:00Z", "mismatch", severity="S2", incident="opened")
        ledger.invoices(2, "2026-01-17T10:30:00Z", smoke=True)
        ledger.jobs(3, "2026-01-17T11:00:00Z", state="FAILED")
        ledger.jobs(2, "2026-01-17T11:00:00Z", state="QUEUED", waited=None, finished="null")
        ledger.resolved(3, "2026-01-17T12:00:00Z", feedback=True)
        ledger.requests(4, "2026-01-17T12:00:00Z", 2)
        ledger.write()
        DATABASE.sql(
            f"insert into idempotency_keys select tenant_id, id::text, sha256('x'), id from jobs where tenant_id = '{tenant}';"
            "insert into provider_calls (tenant_id, job_id, lease_token, outcome, duration_ms, reply)"
            f" select tenant_id, id, gen_random_uuid(), 'ok', 1, 'x' from jobs where tenant_id = '{tenant}';"
            f"insert into latency_baselines values ('{tenant}', 3000, 24, 100) on conflict do nothing;"
            f"select run_summary_write('2026-01-17', '{tenant}');"
            f"insert into api_keys (name, role, tenant_id, key_sha256) values ('of {tenant}', 'client', '{tenant}', sha256('{tenant}'))"
            " on conflict do nothing;"
            f"insert into audit_log (tenant_id, actor, action, object) values ('{tenant}', 'test', 'test.done', 'test')")

    def purge(self, *arguments, status=0, **variables):
        done = DATABASE.run("purge_pilot", *arguments, **variables)
        self.assertEqual(status, done.returncode, done.stdout)
        return done.stdout

    def counts(self, tenant=PILOT):
        return {t: int(n) for t, n in DATABASE.sql(" union all ".join(
            f"select '{t}', count(*) from {t} where tenant_id = '{tenant}'" for t in (*PURGED, *REPORT, *KEPT)))}

    def counters(self):
        """GET /metrics's, smoke runs and gauges left out."""
        return dict(row[:1] + [row[1:]] for row in DATABASE.sql(
            "select name || '/' || label || '/' || sublabel, value from metric_samples('pilot')"
            " where name not in ('queue_oldest_due_seconds', 'jobs_running', 'pilot_incidents_used')"))

    def test_every_table_is_considered(self):
        """A table with rows of tenants that is new has to be added to tenant_tables()."""
        with_tenants = DATABASE.sql("select relname from pg_class c join pg_attribute a on attrelid = c.oid"
                                    " where relnamespace = 'public'::regnamespace and relkind = 'r' and attname = 'tenant_id' order by 1")
        considered = DATABASE.sql("select name from tenant_tables() order by 1")
        self.assertEqual(with_tenants, considered)
        self.assertEqual(sorted([*PURGED, *REPORT, *KEPT]), [name for (name,) in considered])
        self.assertEqual([], [t for t, n in self.counts().items() if n == 0])

    def test_a_dry_run_changes_nothing(self):
        before, counts = DATABASE.rows(), self.counts()
        said = self.purge()
        for table, n in counts.items():
            fate = "goes" if table in PURGED else "stays"
            self.assertRegex(said, rf"(?m)^  {table} +{n}  {fate}")
        self.assertIn("nothing was removed", said)
        self.assertRegex(self.purge("--with-report"), r"(?m)^  run_summaries +1  goes$")
        self.assertEqual(before, DATABASE.rows())

    def test_only_the_pilot(self):
        before, counts, counters = DATABASE.rows(but=PILOT), self.counts(), self.counters()
        said = self.purge("--yes", "--no-backup")
        counts["resolved_changes"] = int(re.search(r"resolved_changes +(\d+)", said)[1])  # the incidents that go mark their days
        after = DATABASE.rows(but=PILOT)
        self.assertEqual({t for t in before if before[t] != after[t]} - {"metric_totals"}, set())
        self.assertEqual(counters, self.counters())
        kept = {t: n if t in (*REPORT, *KEPT) else 0 for t, n in counts.items()}
        self.assertEqual(kept | {"audit_log": counts["audit_log"] + 1}, self.counts())
        for table in PURGED:
            self.assertRegex(said, rf"(?m)^  {table} +{counts[table]}  gone$")
        ((actor, detail),) = DATABASE.sql(f"select actor, detail from audit_log where action = 'pilot.purged'"
                                          f" and object = 'tenant {PILOT}' order by id desc limit 1")
        detail = json.loads(detail)
        self.assertEqual(("purge_pilot", {t: counts[t] for t in PURGED}, None), (actor, detail["rows"], detail["backup"]))
        self.assertTrue(detail["user"])
        # Once more: nothing is left, and that is fine.
        self.assertRegex(self.purge("--yes", "--no-backup"), r"(?m)^  jobs +0  gone$")

    def test_with_the_report(self):
        self.purge("--yes", "--no-backup", "--with-report")
        self.assertEqual(set(KEPT), {t for t, n in self.counts().items() if n})

    def test_another_tenant_is_the_pilot(self):
        before = self.counts()
        self.purge("--yes", "--no-backup", PILOT_TENANT_ID=OTHER)
        self.assertEqual((0, before), (self.counts(OTHER)["jobs"], self.counts()))

    def test_a_backup_first(self):
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        before = self.counts()
        self.purge("--yes", "--backup", folder)
        (backup,) = folder.glob("mizan-*")
        detail = DATABASE.sql("select detail->>'backup' from audit_log where action = 'pilot.purged' order by id desc limit 1")
        self.assertEqual([[str(backup)]], detail)
        self.assertEqual(0, self.counts()["documents"])
        restored = Database(self.stack, "mizan_unpurged").make()
        self.addCleanup(restored.drop)
        restored.done(restored.run("restore", backup))
        self.assertEqual(before["documents"], restored.value(f"select count(*) from documents where tenant_id = '{PILOT}'"))

    def test_no_backup_no_purge(self):
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        (folder / "file").touch()
        before = DATABASE.rows()
        self.assertIn("nothing was removed", self.purge("--yes", "--backup", folder / "file", status=1))
        self.assertIn("--backup DIR", self.purge("--yes", status=2))
        self.purge("--yes", "--backup", folder, "--no-backup", status=2)
        self.purge("--what", status=2)
        self.purge("--yes", "--no-backup", status=2, PILOT_TENANT_ID="no'tenant")
        self.assertEqual(before, DATABASE.rows())

    def test_refused_while_the_pilot_is_on(self):
        DATABASE.sql("update pilot_switch set enabled = true")
        before = DATABASE.rows()
        self.assertIn("the pilot is on", self.purge("--yes", "--no-backup", status=1))
        with self.assertRaisesRegex(Exception, "the pilot is on"):
            DATABASE.sql(f"select purge_pilot('{PILOT}', false, '{{}}')")
        self.assertEqual(before, DATABASE.rows())

    def running(self, lease):
        """A worker holds one of the pilot's jobs; (job, token)."""
        return DATABASE.sql(
            "update jobs set state = 'RUNNING', lease_token = gen_random_uuid(), started_at = clock_timestamp(),"
            f" lease_until = clock_timestamp() + interval '{lease}' where id = (select id from jobs"
            f" where tenant_id = '{PILOT}' and state = 'QUEUED' limit 1) returning id, lease_token")[0]

    def test_a_job_that_is_being_read(self):
        """It is waited for; one whose worker is gone is not, and that worker writes nothing when it comes back."""
        job, token = self.running("1 minute")
        before = DATABASE.rows()
        self.assertIn("1 of its jobs are being read", self.purge("--yes", "--no-backup", status=1))
        self.assertEqual(before, DATABASE.rows())
        DATABASE.sql(f"update jobs set lease_until = clock_timestamp() - interval '1 second' where id = '{job}'")
        self.purge("--yes", "--no-backup")
        for late in (f"record_call('{PILOT}', '{job}', '{token}', 'ok', 200, 'r', 'm', 1, 1, 1, 'x')",
                     f"release_job('{PILOT}', '{job}', '{token}', 0, 1, 1, 'e', 'd', 0)",
                     f"abandon_job('{PILOT}', '{job}', '{token}', 'e', 'd')"):
            self.assertEqual([["f"]], DATABASE.sql(f"select {late}", "worker", PILOT), late)
        self.assertEqual({t: 0 for t in PURGED}, {t: n for t, n in self.counts().items() if t in PURGED})

    def test_in_the_order_of_workers(self):
        """Whoever has written a job, and then opens its incident, finishes; the purge comes after him."""
        job = DATABASE.sql(f"select id from jobs where tenant_id = '{PILOT}' and state = 'QUEUED' limit 1")[0][0]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with transaction(DATABASE) as worker:
                worker(f"update jobs set retries = 1 where id = '{job}'")
                running = pool.submit(self.purge, "--yes", "--no-backup")
                wait_for(lambda: DATABASE.value("select count(*) from pg_stat_activity where datname = 'mizan_purged'"
                                                " and wait_event_type = 'Lock'"), what="the purge that waits")
                worker("select pilot_lock()")
            running.result()
        self.assertEqual(0, self.counts()["jobs"])


if __name__ == "__main__":
    unittest.main()
