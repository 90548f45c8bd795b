"""Passing time by moving rows (timelapse.py): exactly that much, nothing else, nothing forgotten."""
import json

import timelapse
from failures import accept
from harness import PILOT, StackCase, wait_for

TIMES = """
select c.relname, a.attname
  from pg_attribute a join pg_class c on c.oid = a.attrelid
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
   and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
"""


class Timelapse(StackCase):
    def rows(self, table, where):
        return [json.loads(row) for row, in self.stack.sql(f"select to_jsonb(t) from {table} t where {where} order by 1")]

    def ages(self, table, where):
        """Of each moving column of the one row, in microseconds since 1970."""
        return self.stack.sql("select " + ", ".join(
            f"(extract(epoch from \"{column}\"::timestamptz) * 1000000)::bigint" for column in timelapse.MOVES[table])
            + f" from {table} where {where}")[0]

    def test_every_time_of_the_schema_is_considered(self):
        """A new column goes into MOVES (it tells of the past) or into STAYS (it is a fact, or under way)."""
        listed = [(table, column) for kind in (timelapse.MOVES, timelapse.STAYS)
                  for table, columns in kind.items() for column in columns]
        self.assertCountEqual(map(tuple, self.stack.sql(TIMES)), listed)

    def test_older_by_exactly_that(self):
        self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        mine = f"tenant_id = '{self.tenant}'"
        wait_for(lambda: self.rows("front_door_minutes", mine), what="the request to be counted")
        tables = ("jobs", "documents", "invoices", "incidents", "provider_calls", "front_door_minutes")
        before = {table: (self.rows(table, mine), self.ages(table, mine)) for table in tables}
        timelapse.pass_by(self.stack, "2 days 1 hour")
        for table, (rows, ages) in before.items():
            moved = [age and str(int(age) - 49 * 3600 * 1000000) for age in ages]
            self.assertEqual(moved, self.ages(table, mine), table)
            for row in rows:
                row.update({column: None for column in timelapse.MOVES[table]})
            after = [row | dict.fromkeys(timelapse.MOVES[table]) for row in self.rows(table, mine)]
            self.assertEqual(rows, after, table)

    def test_neighbours_do_not_meet(self):
        """Rows whose time is their name, as far apart as they are moved; minutes and days by whole ones only."""
        self.addCleanup(self.stack.sql, "delete from ready_samples where build_id = 'timelapse'")
        self.addCleanup(self.stack.sql, f"delete from run_summaries where tenant_id = '{self.tenant}'")
        self.stack.sql("insert into ready_samples (at, http_status, ready, build_id, latency_ms)"
                       " select now() - i * interval '10 seconds', 200, true, 'timelapse', 1 from generate_series(1, 20) i;"
                       " insert into run_summaries (tenant_id, day, summary, requests, jobs_accepted)"
                       f" select '{self.tenant}', '2026-01-17'::date - i, '{{}}', 0, 0 from generate_series(0, 3) i")
        (self.stack.dir / "passed").unlink(missing_ok=True)
        newest = f"select max(day) from run_summaries where tenant_id = '{self.tenant}'"
        for _ in range(3):
            timelapse.pass_by(self.stack, "8 hours 10 seconds")
        self.assertEqual("2026-01-16", self.stack.value(newest))
        self.assertEqual("20", self.stack.sql("select count(*) from ready_samples where build_id = 'timelapse'"
                                              " and at < now() - interval '24 hours 30 seconds'")[0][0])

    def test_a_running_job_goes_on(self):
        """Its lease is not over: it is finished by who holds it, once."""
        document = self.stack.unique_pdf()
        self.sim.delay(1500)
        job_id = accept(self.stack, document, self.tenant)
        job = f"id = '{job_id}'"
        wait_for(lambda: self.stack.value(f"select count(*) from jobs where {job} and state = 'RUNNING'"))
        timelapse.pass_by(self.stack, "1 hour")
        self.sim.delay(0)
        self.assertEqual("SUCCEEDED", self.stack.ended_job(job_id)["status"])
        self.assertEqual((1, 0), (self.sim.calls(document.sha256),
                                  self.stack.value(f"select lost_leases from jobs where {job}")))

    def test_a_full_hour_is_over(self):
        """The pilot's guard counts the last hour; the history that it forgets is still there."""
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)
        self.upload_done(self.stack.unique_pdf(), tenant=PILOT)
        def used():
            return self.stack.admin("GET", "/admin/pilot").json["invoices"]["used"]
        before = used()
        timelapse.pass_by(self.stack, "61 minutes")
        self.assertEqual((1, 0), (before, used()))
        self.assertEqual(1, self.stack.value(f"select count(*) from jobs where tenant_id = '{PILOT}'"))
