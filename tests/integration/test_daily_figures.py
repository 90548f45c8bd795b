"""Days that are kept (daily_figures): system health says what the rows say, whatever becomes of them."""
import datetime
import random
import re

from failures import transaction
from harness import ROOT
from test_figures import MetricsCase

FIRST, LAST = datetime.date(2026, 1, 1), datetime.date(2026, 2, 14)
CLASSES = (None, "VERIFY_OCR", "VERIFY_INVOICE_LOGIC", "ACCEPT_ROUNDING_TOLERANCE")
PERIODS = (("2026-02-14", 1), ("2026-02-14", 7), ("2026-02-14", 30), ("2026-02-10", 14), ("2026-01-31", 1), ("2026-03-10", 30),
           ("2026-02-14", 90))


def old_definitions():
    """Of sql/0010_metrics.sql what has been replaced since, each read from the rows alone."""
    text = (ROOT / "sql" / "0010_metrics.sql").read_text()
    return "".join(re.search(rf"create function {name}\(.*?\nend \$\$;\n", text, re.DOTALL).group(0)
                   for name in ("figures", "mismatch_distribution", "top_offenders", "system_health"))


class KeptCase(MetricsCase):
    @classmethod
    def setUpClass(cls):
        """Without the watchdog, which would make what is stale."""
        super().setUpClass()
        cls.enterClassContext(cls.stack.stopped("watchdog"))
        cls.addClassCleanup(cls.stack.sql, "drop schema before cascade")
        cls.stack.sql("drop schema if exists before cascade; create schema before;"
                      f" set search_path = before, public; {old_definitions()}")

    def keep(self):
        """What the watchdog does."""
        while self.stack.value("select daily_figures_keep()", "watchdog") == "t":
            pass

    def stale(self):
        """(days kept, days marked)"""
        return tuple(map(int, self.stack.sql(
            "select count(*) filter (where not stale), count(*) filter (where stale) from daily_figures"
            f" where tenant_id = '{self.tenant}'")[0]))

    def weeks(self):
        """(weeks kept, weeks marked)"""
        return tuple(map(int, self.stack.sql(
            "select count(*) filter (where not stale), count(*) filter (where stale) from weekly_sellers"
            f" where tenant_id = '{self.tenant}'")[0]))

    def marked(self):
        """The days whose resolved incidents have changed."""
        return [row[0] for row in self.stack.sql(
            f"select distinct day from resolved_changes where tenant_id = '{self.tenant}' order by 1")]

    def assert_as_before(self, what):
        answers = ", ".join(f"system_health('{self.tenant}', '{day}', {days}, 10)::jsonb - '{{generated_at,front_door_routes}}'::text[]"
                            for day, days in PERIODS)
        before, now = (self.stack.sql(f"set search_path = {path}; select {answers}")[0] for path in ("before, public", "public"))
        for period, *both in zip(PERIODS, before, now):
            with self.subTest(what=what, period=period):
                self.assertIn('"total_invoices"', both[1])
                self.assertEqual(*both)


class SameFigures(KeptCase):
    def write_a_past(self, seed=5):
        """Forty-five days: some empty, some slow, many sellers, of whom some are rare; smoke runs between."""
        draw = random.Random(seed)
        for n in range((LAST - FIRST).days + 1):
            day = FIRST + datetime.timedelta(days=n)
            for _ in range(0 if n % 9 == 4 else draw.randrange(1, 7)):
                outcome = draw.choice(("exact", "minor", "rounding", "mismatch", "mismatch", "failed"))
                mismatch = outcome == "mismatch"
                severity = draw.choice(("S1", "S2")) if mismatch else None
                seller = int(draw.random() ** 2 * 12)
                self.ledger.invoices(
                    draw.randrange(1, 12), f"{day}T{draw.randrange(24):02}:{draw.randrange(60):02}:00Z", outcome, every="0.3 seconds",
                    severity=severity, incident=draw.choice(("opened", "incident_budget")) if mismatch else None,
                    ocr_suspect=mismatch and draw.random() < 0.3, action_class=draw.choice(CLASSES) if mismatch else None,
                    ratio=draw.choice((0, 0.0199, 0.02, 0.05, 0.0999, 0.1, 0.2, 3)) if mismatch else None,
                    seller_name=f"Seller {seller}" if seller else None, seller_tax_id="1234567890" if seller == 3 else None,
                    ms=draw.randrange(1, 5) * (10000 if n in (20, 43, 44) else 500) + draw.randrange(500),
                    smoke=draw.random() < 0.05)
            self.ledger.resolved(draw.randrange(1, 3), f"{day}T23:59:59.999Z", feedback=draw.choice((None, True)))
        self.ledger.write()

    def test_whatever_becomes_of_the_rows(self):
        self.write_a_past()
        days = self.stale()[1]
        self.assertGreater(days, 35)
        self.assert_as_before("nothing is kept")
        self.keep()
        self.assertEqual((days, 0), self.stale())
        self.assertEqual((7, 0), self.weeks())
        self.assert_as_before("all is kept")
        mine = f"tenant_id = '{self.tenant}' and not smoke and created_at"
        for what, statement, marked in (
                ("a day that is gone", f"delete from invoices where {mine} between '2026-02-09' and '2026-02-10'", 1),
                ("rows that are gone", "delete from invoices where (tenant_id, job_id) in (select tenant_id, job_id from invoices"
                                       f" where {mine} >= '2026-02-13' order by job_id limit 9)", None),
                ("slower", f"update invoices set pipeline_total_ms = 90000 where {mine} between '2026-01-20' and '2026-01-21'", 1),
                ("at another time", f"update invoices set created_at = created_at - interval '25 days' where {mine}"
                                    " between '2026-02-12' and '2026-02-13'", 2)):
            self.stack.sql(statement)
            self.assertGreater(self.stale()[1], 0)
            self.assertGreater(self.weeks()[1], 0)
            if marked:
                self.assertEqual(marked, self.stale()[1], what)
            self.assert_as_before(what)
            self.keep()
            self.assertEqual((0, 0), (self.stale()[1], self.weeks()[1]))
            self.assert_as_before(f"{what}, kept")
        self.ledger.invoices(7, "2026-02-14T01:00:00Z", "mismatch", severity="S1", incident="opened", ms=70000).write()
        self.assertEqual(1, self.stale()[1])
        self.assert_as_before("late rows")
        self.resolved_incidents_change()
        self.stack.sql(f"delete from invoices where tenant_id = '{self.tenant}'")
        self.keep()
        self.assertEqual(((0, 0), (0, 0)), (self.stale(), self.weeks()))
        self.assert_as_before("only incidents are left")
        self.stack.sql(f"delete from incidents where tenant_id = '{self.tenant}'")
        self.assert_as_before("nothing is left")

    def resolved_incidents_change(self):
        """Their days are marked, and nothing else of them is made anew."""
        self.keep()
        resolved = f"tenant_id = '{self.tenant}' and resolved_at"
        for what, statement, marked in (
                ("reopened", f"update incidents set status = 'OPEN', resolved_at = null where {resolved} between '2026-02-03' and '2026-02-04'",
                 ["2026-02-03"]),
                ("feedback later or none", "update incidents set feedback_correct = case when feedback_correct is null then false end"
                                           f" where {resolved} between '2026-02-05' and '2026-02-07'", ["2026-02-05", "2026-02-06"]),
                ("another feedback", f"update incidents set feedback_correct = not feedback_correct where {resolved} > '2026-01-01'", []),
                ("acknowledged", f"update incidents set status = 'ACK' where tenant_id = '{self.tenant}' and status = 'OPEN'", []),
                ("on another day", f"update incidents set resolved_at = resolved_at - interval '10 days' where {resolved}"
                                   " between '2026-02-11' and '2026-02-12'", ["2026-02-01", "2026-02-11"]),
                ("gone", f"delete from incidents where {resolved} between '2026-02-08' and '2026-02-10'", ["2026-02-08", "2026-02-09"])):
            self.stack.sql(statement)
            self.assertEqual((marked, 0), (self.marked(), self.stale()[1]), what)
            self.assert_as_before(what)
            self.keep()
            self.assertEqual([], self.marked())
            self.assert_as_before(f"{what}, kept")
        self.ledger.resolved(3, "2026-02-07T12:00:00Z", feedback=True).write()
        self.assertEqual((["2026-02-07"], 0), (self.marked(), self.stale()[1]))
        self.assert_as_before("resolved late")

    def test_kept_days_are_what_is_read(self):
        """Or this would test nothing."""
        self.ledger.invoices(3, "2026-02-14T01:00:00Z", "mismatch", severity="S1", ratio=0.3, seller_name="S", ms=5).write()
        self.keep()
        self.stack.sql("update daily_figures set figures.total_invoices = 77, figures.resolved_total = 81, mismatch.over_20 = 78, seller_totals = '{79}',"
                       f" pipeline_ms = array_fill(80, array[77]) where tenant_id = '{self.tenant}'")
        answer = self.health("2026-02-14", 1)
        self.assertEqual((77, 80), tuple(answer["current_period"][k] for k in ("total_invoices", "p95_pipeline_total_ms")))
        self.assertEqual([81], [m["n"] for m in answer["metrics"] if m["name"] == "feedback_coverage"])
        self.assertEqual((78, 79), (answer["histogram"][4]["count"], answer["top_offenders_by_count"][0]["total_count"]))

    def test_whole_weeks_are_read_as_such(self):
        """Of a period that has all of it; else its days. 9 February 2026 is a Monday."""
        for day in range(8, 17):
            self.ledger.invoices(day, f"2026-02-{day:02}T01:00:00Z", "mismatch", severity="S1", ratio=0.3, seller_name="S")
        self.ledger.write()
        self.keep()
        self.assertEqual((3, 0), self.weeks())
        self.stack.sql(f"update weekly_sellers set seller_totals = '{{1000}}' where tenant_id = '{self.tenant}'")
        for last, days, want in (("2026-02-15", 7, 1000), ("2026-02-15", 8, 1008), ("2026-02-16", 8, 1016), ("2026-02-14", 7, 77),
                                 ("2026-02-15", 6, 75), ("2026-02-10", 3, 27)):
            with self.subTest(last=last, days=days):
                self.assertEqual(want, self.health(last, days)["top_offenders_by_count"][0]["total_count"])

    def test_nobody_makes_a_week_from_rows_that_are_about_to_go(self):
        self.ledger.invoices(4, "2026-02-11T01:00:00Z", "mismatch", severity="S1", ratio=0.3, seller_name="S").write()
        self.keep()
        mine = f"where tenant_id = '{self.tenant}'"
        for n, before in ((3, "select"), (2, f"update weekly_sellers set stale = true {mine}")):
            self.stack.sql(before)
            with self.subTest(left=n):
                with transaction(self.stack) as other:
                    other(f"delete from invoices where (tenant_id, job_id) in (select tenant_id, job_id from invoices {mine} limit 1)")
                    self.keep()
                self.assertEqual((0, 1), self.weeks())
                self.keep()
                self.assertEqual((1, 0), self.weeks())
                self.assertEqual(n, self.health("2026-02-15", 7)["top_offenders_by_count"][0]["total_count"])

    def test_p95_of_few_and_of_one_slow_day(self):
        """At each size around a step of the rank; the slow day has more than its share."""
        for n in (1, 2, 19, 20, 21, 39, 40, 41):
            self.ledger.invoices(n, f"2026-01-{n % 28 + 1:02}T00:00:00Z", ms=n).invoices(n, f"2026-01-{n % 28 + 1:02}T01:00:00Z", ms=n + 50)
        self.ledger.invoices(60, "2026-02-01T00:00:00Z", ms=900).invoices(60, "2026-02-01T01:00:00Z", ms=901).write()
        self.keep()
        rows = self.stack.sql(
            f"select f, l, (figures('{self.tenant}', utc_day(f), utc_day(l + 1))).p95_pipeline_total_ms,"
            f" (figures_of_days('{self.tenant}', f, l)).p95_pipeline_total_ms from (select '2026-01-01'::date + i, '2026-01-01'::date + j"
            " from generate_series(0, 31) i, generate_series(i, 31) j) periods (f, l)")
        self.assertEqual((32 * 33 // 2, []), (len(rows), [row for row in rows if row[2] != row[3]]))


class Making(KeptCase):
    def test_the_watchdogs_steps(self):
        """Day by day, an hour after its end; today is never kept."""
        yesterday, today = self.stack.sql("select utc_today() - 1, utc_today()")[0]
        self.stack.sql("alter table invoices disable trigger daily_figures_insert")
        self.addCleanup(self.stack.sql, "alter table invoices enable always trigger daily_figures_insert")
        self.ledger.invoices(2, f"{yesterday}T12:00:00Z").invoices(1, f"{today}T00:00:00Z").write()
        self.assertEqual((0, 0), self.stale())
        self.stack.sql(f"update days_done set figures = utc_day('{yesterday}')")
        self.keep()
        over = self.stack.value(f"select clock_timestamp() > utc_day('{today}') + interval '1 hour'") == "t"
        self.assertEqual((int(over), 0), self.stale())
        self.assertEqual(3, self.health(today, 2)["current_period"]["total_invoices"])

    def test_a_day_that_is_marked_too_soon_waits(self):
        """What its last transactions write is not there yet."""
        today = self.stack.value("select utc_today()")
        self.ledger.invoices(2, f"{today}T00:00:00Z").write()
        self.stack.sql(f"insert into daily_figures (tenant_id, day) values ('{self.tenant}', '{today}')")
        self.keep()
        self.assertEqual((0, 1), self.stale())

    def test_nobody_makes_a_day_from_rows_that_are_about_to_go(self):
        """Whether it is kept then, marked, or neither."""
        self.ledger.invoices(4, "2026-02-14T01:00:00Z").write()
        self.keep()
        mine = f"where tenant_id = '{self.tenant}'"
        for n, before in ((3, "select"), (2, f"update daily_figures set stale = true {mine}"), (1, f"delete from daily_figures {mine}")):
            self.stack.sql(before)
            with self.subTest(left=n):
                with transaction(self.stack) as other:
                    other("delete from invoices where (tenant_id, job_id) in"
                          f" (select tenant_id, job_id from invoices {mine} limit 1)")
                    self.keep()
                self.assertEqual((0, 1), self.stale())
                self.keep()
                self.assertEqual((1, 0), self.stale())
                self.assertEqual(n, self.health("2026-02-14")["current_period"]["total_invoices"])

    def test_nobody_counts_an_incident_that_is_about_to_change(self):
        """Nor waits for it, nor is waited for: marks are everybody's own."""
        self.ledger.invoices(1, "2026-02-14T00:00:00Z").resolved(4, "2026-02-14T01:00:00Z", feedback=True).write()
        self.keep()
        mine = f"where tenant_id = '{self.tenant}'"
        with transaction(self.stack) as one, transaction(self.stack) as other:
            one(f"update incidents set feedback_correct = null where id = (select min(id::text)::uuid from incidents {mine})")
            other(f"delete from incidents where id = (select max(id::text)::uuid from incidents {mine})")
            self.keep()
            self.assertEqual([], self.marked())
        self.assertEqual(["2026-02-14"], self.marked())
        for _ in range(2):
            metric = self.metric("feedback_coverage", day="2026-02-14")
            self.assertEqual((3, 0.6667), (metric["n"], metric["value"]))
            self.keep()
        self.assertEqual([], self.marked())
