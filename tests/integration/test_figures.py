"""System health and feedback statistics: every figure from rows of a known past (SPEC §7, §8)."""
import json

from harness import SqlError, StackCase
from ledger import Ledger

DAY = "2026-01-17"
PERIOD_KEYS = [
    "start_date", "end_date", "total_invoices", "incident_count", "mismatch_count", "s1_count", "s2_count",
    "ocr_suspect_count", "accept_rounding_count", "mismatch_rate", "s1_rate", "s2_rate", "ocr_suspect_rate",
    "accept_rounding_rate", "feedback_coverage", "p95_pipeline_total_ms"]
METRICS = ["s1_rate", "s2_rate", "ocr_suspect_rate", "accept_rounding_rate", "feedback_coverage",
           "p95_pipeline_total_ms", "queue_max_depth", "error_5xx_rate"]
CLASSES = ["VERIFY_OCR", "VERIFY_INVOICE_LOGIC", "ACCEPT_ROUNDING_TOLERANCE"]


class MetricsCase(StackCase):
    def setUp(self):
        super().setUp()
        self.ledger = Ledger(self.stack, self.tenant)
        self.addCleanup(self.ledger.erase)

    def health(self, day=DAY, days=1, **options):
        """The answer, once what was asked of the ledger is written."""
        self.ledger.write()
        answer = self.stack.admin("GET", "/admin/system-health", query={
            "tenant_id": self.tenant, "period_days": days, "reference_date": day}, **options)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def metric(self, name, **options):
        return next(m for m in self.health(**options)["metrics"] if m["name"] == name)

    def feedback(self, **query):
        self.ledger.write()
        answer = self.stack.admin("GET", "/admin/feedback-stats", query={"tenant_id": self.tenant} | query)
        self.assertEqual(200, answer.status, answer)
        return answer.json


def example(ledger, day=DAY):
    """The seed's §5.1: 150, 23, 3, 20, 5, 12; 13 of 20 with feedback; p95 2800; at most 3 in the queue; five 4xx."""
    mismatch = {"outcome": "mismatch", "incident": "opened", "ratio": 0.1}
    ledger.invoices(3, f"{day}T08:00:00Z", severity="S1", ms=9000, **mismatch)
    ledger.invoices(5, f"{day}T08:10:00Z", severity="S2", ocr_suspect=True, **mismatch)
    ledger.invoices(14, f"{day}T08:20:00Z", severity="S2", **mismatch)
    ledger.invoices(1, f"{day}T08:30:00Z", severity="S2", outcome="mismatch", incident="incident_budget", ratio=0.1)
    ledger.invoices(12, f"{day}T08:40:00Z", "rounding")
    ledger.invoices(110, f"{day}T09:00:00Z")
    ledger.invoices(1, f"{day}T10:00:00Z", ms=2800)
    ledger.invoices(4, f"{day}T10:10:00Z", ms=9000)
    ledger.jobs(3, f"{day}T11:00:00Z", state="FAILED", waited="1 minute")
    ledger.resolved(13, f"{day}T12:00:00Z", feedback=True)
    ledger.resolved(7, f"{day}T12:00:00Z")
    ledger.requests(150, f"{day}T08:00:00Z", 2)
    ledger.requests(4, f"{day}T08:00:00Z", 4)
    ledger.requests(1, f"{day}T08:01:00Z", 4, route="/jobs/{id}")
    ledger.requests(9, f"{day}T08:01:00Z", 5, route="/health")
    return ledger


class Figures(MetricsCase):
    def test_the_seeds_example(self):
        example(self.ledger)
        answer = self.health()
        current = answer["current_period"]
        self.assertEqual(PERIOD_KEYS, list(current))
        self.assertEqual({
            "start_date": DAY, "end_date": DAY, "total_invoices": 150, "incident_count": 23, "mismatch_count": 23,
            "s1_count": 3, "s2_count": 20, "ocr_suspect_count": 5, "accept_rounding_count": 12,
            "mismatch_rate": 0.1533, "s1_rate": 0.1304, "s2_rate": 0.1333, "ocr_suspect_rate": 0.2174,
            "accept_rounding_rate": 0.08, "feedback_coverage": 0.65, "p95_pipeline_total_ms": 2800}, current)
        self.assertEqual({"requests": 155, "4xx": 5, "5xx": 0, "error_rate_5xx": 0}, answer["front_door"])
        self.assertEqual([(m, s) for m, s in zip(METRICS, ("warn", "ok", "warn", "ok", "ok", "ok", "ok", "ok"))],
                         [(m["name"], m["state"]) for m in answer["metrics"]])
        self.assertEqual([23, 150, 23, 150, 20, 150, 153, 155], [m["n"] for m in answer["metrics"]])
        self.assertEqual([{"date": DAY, "total_invoices": 150, "incident_count": 23, "s1_rate": 0.1304,
                           "p95_pipeline_total_ms": 2800, "feedback_coverage": 0.65}], answer["trend"])

    def test_an_empty_tenant(self):
        answer = self.health(days=7)
        self.assertEqual(["tenant_id", "generated_at", "current_period", "previous_period", "drift_alerts",
                          "top_offenders_by_rate", "top_offenders_by_count", "histogram",
                          "action_class_distribution", "metrics", "trend", "front_door", "queue", "front_door_routes"], list(answer))
        self.assertEqual([], answer["front_door_routes"])
        for period, (start, end) in (("current_period", ("2026-01-11", "2026-01-17")),
                                     ("previous_period", ("2026-01-04", "2026-01-10"))):
            self.assertEqual([start, end] + [0] * 14, list(answer[period].values()))
        self.assertEqual([("insufficient_data", 0, 0)] * 8,
                         [(m["state"], m["value"], m["n"]) for m in answer["metrics"]])
        self.assertEqual([0] * 5, [b["count"] for b in answer["histogram"]])
        self.assertEqual(dict.fromkeys(CLASSES, 0) | {"total": 0, "rates": dict.fromkeys(CLASSES, 0)},
                         answer["action_class_distribution"])
        self.assertEqual(([], [], 7), (answer["top_offenders_by_rate"], answer["top_offenders_by_count"], len(answer["trend"])))
        self.assertFalse(any(a["triggered"] for a in answer["drift_alerts"]))
        self.assertEqual({"depth": 0, "stuck_count": 0}, answer["queue"])

    def test_one_row(self):
        self.ledger.invoices(1, f"{DAY}T00:00:00Z", "mismatch", severity="S1", incident="opened", ratio=0.2, ms=7,
                             action_class="VERIFY_OCR", ocr_suspect=True, seller_name="S")
        answer = self.health()
        self.assertEqual([1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 7], list(answer["current_period"].values())[2:])
        self.assertEqual(7, answer["trend"][0]["p95_pipeline_total_ms"])
        self.assertEqual([0, 0, 0, 0, 1], [b["count"] for b in answer["histogram"]])
        self.assertEqual([{"seller": "S", "total_count": 1, "mismatch_count": 1, "mismatch_rate": 1}],
                         answer["top_offenders_by_count"])
        self.assertEqual([], answer["top_offenders_by_rate"])
        self.assertEqual({"VERIFY_OCR": 1, "VERIFY_INVOICE_LOGIC": 0, "ACCEPT_ROUNDING_TOLERANCE": 0},
                         answer["action_class_distribution"]["rates"])

    def test_smoke_runs_never_count(self):
        self.ledger.invoices(30, f"{DAY}T01:00:00Z", "mismatch", severity="S1", incident="opened", ratio=0.2, ms=9999,
                             ocr_suspect=True, action_class="VERIFY_OCR", seller_name="S", smoke=True)
        self.ledger.jobs(9, f"{DAY}T02:00:00Z", state="FAILED", waited="1 minute", smoke=True)
        answer = self.health()
        self.assertEqual([0] * 14, list(answer["current_period"].values())[2:])
        self.assertEqual([(0, 0)] * 8, [(m["value"], m["n"]) for m in answer["metrics"]])
        self.assertEqual([0] * 5, [b["count"] for b in answer["histogram"]])
        self.assertEqual(0, answer["action_class_distribution"]["total"])
        self.assertEqual([], answer["top_offenders_by_count"])

    def test_p95(self):
        """The least time within which 95 of 100 were done: the 1st, 19th, 19th, 20th and 95th of so many."""
        for day, (n, want) in enumerate(((1, 1), (19, 19), (20, 19), (21, 20), (100, 95)), 1):
            for ms in range(n, 0, -1):
                self.ledger.invoices(1, f"2026-01-{day:02}T00:{ms % 60:02}:00Z", ms=ms)
            with self.subTest(n=n):
                self.assertEqual(want, self.metric("p95_pipeline_total_ms", day=f"2026-01-{day:02}")["value"])

    def test_bounds_of_the_periods(self):
        """Two days and two before, over a month's end: the first moment in, the moment after the last out."""
        for at in ("2026-01-27T23:59:59.999999Z", "2026-01-28T00:00:00Z", "2026-01-29T23:59:59.999999Z",
                   "2026-01-30T00:00:00Z", "2026-01-31T12:00:00Z", "2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z"):
            self.ledger.invoices(1, at)
        answer = self.health("2026-01-31", 2)
        self.assertEqual((3, 2), (answer["current_period"]["total_invoices"], answer["previous_period"]["total_invoices"]))
        self.assertEqual([("2026-01-30", 1), ("2026-01-31", 2)],
                         [(d["date"], d["total_invoices"]) for d in answer["trend"]])
        answer = self.health("2026-02-01", 2)
        self.assertEqual(("2026-01-31", "2026-02-01", "2026-01-29", "2026-01-30"), tuple(
            answer[p][k] for p in ("current_period", "previous_period") for k in ("start_date", "end_date")))
        self.assertEqual((3, 2), (answer["current_period"]["total_invoices"], answer["previous_period"]["total_invoices"]))

    def test_the_servers_time_zone_changes_nothing(self):
        """Around clock changes: New York's of 8 March 2026, Istanbul's of 27 March 2016."""
        self.ledger.write()
        for day, before in (("2026-03-08", "2026-03-07"), ("2016-03-27", "2016-03-26")):
            for at in (f"{before}T23:59:59.9Z", f"{day}T00:00:00Z", f"{day}T01:30:00Z", f"{day}T06:59:59Z", f"{day}T07:00:00Z",
                       f"{day}T21:30:00Z", f"{day}T23:59:59.9Z"):
                self.ledger.invoices(1, at).requests(1, at, 4)
            self.ledger.resolved(2, f"{day}T23:30:00Z", feedback=True).write()
            seen = set()
            for zone in ("UTC", "Europe/Istanbul", "America/New_York", "Pacific/Kiritimati"):
                health, line, stats = self.stack.sql(
                    f"set timezone = '{zone}'; select system_health('{self.tenant}', '{day}', 2, 10)::jsonb - 'generated_at',"
                    f" (select string_agg(line, ' ' order by day) from run_summary('{self.tenant}', '{before}', '{day}')),"
                    f" feedback_stats('{self.tenant}', '{day}', '{day}')")[0]
                seen.add((health, line, stats))
            self.assertEqual(1, len(seen), seen)
            health = json.loads(health)
            self.assertEqual([1, 6], [d["total_invoices"] for d in health["trend"]])
            self.assertEqual((7, 7), (health["front_door"]["4xx"], health["current_period"]["total_invoices"]))
            self.assertEqual(2, json.loads(stats)["resolved_total"])


class Rights(MetricsCase):
    def test_who_may(self):
        """Operators and the watchdog see it all, a worker its job's tenant; only the watchdog keeps a day, and nobody changes one."""
        example(self.ledger).write()
        health = f"select system_health('{self.tenant}', '{DAY}', 1, 10)::jsonb - 'generated_at'"
        whole = self.stack.sql(health)
        self.assertEqual(150, json.loads(whole[0][0])["current_period"]["total_invoices"])
        for role in ("admin", "watchdog"):
            self.assertEqual(whole, self.stack.sql(health, role))
        for role in ("admin", "app", "worker"):
            with self.subTest(role=role), self.assertRaises(SqlError) as refused:
                self.stack.sql(f"select run_summary_write('{DAY}', '{self.tenant}')", role)
            self.assertEqual("42501", refused.exception.state)
        with self.assertRaises(SqlError) as refused:
            self.stack.sql(f"update run_summaries set summary = '{{}}' where tenant_id = '{self.tenant}'", "watchdog")
        self.assertEqual("42501", refused.exception.state)
        total = f"select (figures('{self.tenant}', '{DAY}', '2026-01-18')).total_invoices"
        self.assertEqual([[["150"]], [["0"]]], [self.stack.sql(total, "worker", tenant=t) for t in (self.tenant, "default")])


class Drift(StackCase):
    """Counts of two periods and what is made of them; every condition at its boundary."""

    def drift(self, old, new, kind="S1_RATE_DRIFT"):
        """old, new: (invoices, incidents, S1 and OCR suspects)."""
        row = "jsonb_populate_record(null::figures, '{}')"
        rows = [row.format(json.dumps({"total_invoices": t, "incident_count": i, "s1_count": s, "ocr_suspect_count": s}))
                for t, i, s in (new, old)]
        answer = self.stack.sql(f"select to_json(d) from drift({rows[0]}, {rows[1]}) d where alert_type = '{kind}'")
        return json.loads(answer[0][0])

    def test_boundaries(self):
        for old, new, fires in (
                ((100, 50, 5), (20, 20, 10), True),
                ((100, 50, 5), (19, 19, 10), False),   # 19 invoices
                ((100, 50, 4), (100, 50, 9), True),
                ((100, 50, 4), (100, 40, 8), False),   # a change of 4, though the rate is 2.5 times
                ((100, 50, 5), (100, 50, 10), True),   # exactly twice
                ((1000, 500, 50), (1000, 501, 100), False),  # just under twice
                ((1000, 500, 50), (1000, 499, 100), True),
                ((100, 50, 0), (100, 50, 5), True),    # none before
                ((100, 50, 0), (100, 50, 4), False),
                ((0, 0, 0), (20, 5, 5), True),         # nothing before
                ((0, 0, 0), (0, 0, 0), False),
                ((100, 15, 6), (100, 0, 0), False),    # no incident any more
                ((100, 15, 6), (100, 15, 0), False),   # no such any more
                ((100, 15, 0), (100, 0, 0), False),
                ((0, 0, 0), (100, 0, 0), False),
                ((100, 0, 0), (100, 0, 0), False),
                ((100, 0, 0), (100, 5, 5), True),      # no incident before
                ((100, 0, 0), (100, 4, 4), False),
                ((1000, 1000, 100), (20, 20, 20), True),   # fewer of them, but of far fewer
                ((100, 50, 10), (100, 50, 5), False)):     # for the better
            for kind in ("S1_RATE_DRIFT", "OCR_SUSPECT_DRIFT"):
                with self.subTest(old=old, new=new, kind=kind):
                    got = self.drift(old, new, kind)
                    self.assertEqual((fires, old[2], new[2]), (got["triggered"], got["old_count"], got["new_count"]))
                    self.assertTrue(got["message"].startswith("no drift") != fires, got)

    def test_mismatch_rate(self):
        """Incidents of invoices."""
        for old, new, fires in (((100, 10, 0), (100, 20, 0), True), ((100, 10, 0), (101, 20, 0), False),
                                ((100, 0, 0), (20, 5, 0), True), ((100, 0, 0), (19, 5, 0), False),
                                ((100, 15, 6), (100, 0, 0), False), ((100, 15, 6), (0, 0, 0), False), ((0, 0, 0), (20, 5, 0), True),
                                ((0, 0, 0), (20, 4, 0), False), ((0, 0, 0), (20, 0, 0), False)):
            with self.subTest(old=old, new=new):
                got = self.drift(old, new, "MISMATCH_RATE_DRIFT")
                self.assertEqual((fires, old[1], new[1]), (got["triggered"], got["old_count"], got["new_count"]))

    def test_what_it_says(self):
        self.assertEqual({
            "alert_type": "S1_RATE_DRIFT", "old_rate": 0.0667, "new_rate": 0.25, "old_count": 1, "new_count": 10,
            "triggered": True, "message": "S1 rate rose from 0.0667 (1) to 0.25 (10)"}, self.drift((100, 15, 1), (200, 40, 10)))


class States(MetricsCase):
    """Each metric of the seed's §5.3 at its thresholds."""
    TABLE = {  # name: (target, alarm, {value: state})
        "s1_rate": ("< 0.10", "> 0.30", {0: "ok", 0.0999: "ok", 0.10: "warn", 0.30: "warn", 0.3001: "alarm"}),
        "s2_rate": ("< 0.20", "> 0.40", {0.1999: "ok", 0.20: "warn", 0.40: "warn", 0.4001: "alarm"}),
        "ocr_suspect_rate": ("< 0.15", "> 0.30", {0.1499: "ok", 0.15: "warn", 0.30: "warn", 0.3001: "alarm"}),
        "accept_rounding_rate": ("0.05-0.15", "< 0.02 or > 0.25", {
            0.0199: "alarm", 0.02: "warn", 0.0499: "warn", 0.05: "ok", 0.15: "ok", 0.1501: "warn", 0.25: "warn", 0.2501: "alarm"}),
        "feedback_coverage": ("> 0.50", "< 0.10", {0.0999: "alarm", 0.10: "warn", 0.50: "warn", 0.5001: "ok"}),
        "p95_pipeline_total_ms": ("< 3000", "> 6000", {2999: "ok", 3000: "warn", 6000: "warn", 6001: "alarm"}),
        "queue_max_depth": ("< 10", "> 50", {9: "ok", 10: "warn", 50: "warn", 51: "alarm"}),
        "error_5xx_rate": ("0", "> 0.05", {0: "ok", 1: "warn", 500: "warn", 501: "alarm"}),  # of 10,000 requests
    }

    def rows(self, name, value, n=10000):
        figures = dict.fromkeys(METRICS[:6], 0) | dict.fromkeys(("total_invoices", "incident_count", "resolved_total"), n)
        traffic = {"requests": n, "errors_5xx": 0, "jobs_accepted": n, "max_depth": 0}
        key = {"queue_max_depth": "max_depth", "error_5xx_rate": "errors_5xx"}.get(name, name)
        (traffic if key in traffic else figures)[key] = value
        rows = self.stack.sql(
            f"select to_json(m) from metrics(jsonb_populate_record(null::figures, '{json.dumps(figures)}'),"
            f" jsonb_populate_record(null::traffic, '{json.dumps(traffic)}')) m")
        return {row["name"]: row for row in (json.loads(r[0]) for r in rows)}

    def test_thresholds(self):
        self.assertEqual(METRICS, list(self.TABLE))
        for name, (target, alarm, states) in self.TABLE.items():
            for value, state in states.items():
                with self.subTest(name=name, value=value):
                    got = self.rows(name, value)[name]
                    self.assertEqual((target, alarm, state), (got["target"], got["alarm"], got["state"]))

    def test_too_few_samples(self):
        for n, state in ((19, "insufficient_data"), (20, "alarm")):
            got = self.rows("s1_rate", 0.9, n)
            self.assertEqual(state, got["s1_rate"]["state"])
            self.assertEqual({n}, {m["n"] for m in got.values()})

    def test_from_rows(self):
        """2 of 20 is the boundary, also when it comes from rows."""
        self.ledger.invoices(2, f"{DAY}T01:00:00Z", "mismatch", severity="S1", incident="opened", ratio=0.3)
        self.ledger.invoices(17, f"{DAY}T02:00:00Z", "mismatch", severity="S2", incident="opened", ratio=0.1)
        self.assertEqual((19, "insufficient_data"), tuple(self.metric("s1_rate")[k] for k in ("n", "state")))
        self.ledger.invoices(1, f"{DAY}T03:00:00Z", "mismatch", severity="S2", incident="pilot_disabled", ratio=0.1)
        self.assertEqual((0.1, 20, "warn"), tuple(self.metric("s1_rate")[k] for k in ("value", "n", "state")))


class Distribution(MetricsCase):
    def test_histogram(self):
        """The lower bound is in, the upper out; only mismatches are in it."""
        for i, ratio in enumerate((0, 0.0199, 0.02, 0.0499, 0.05, 0.0999, 0.10, 0.1999, 0.20, 0.2001, 7)):
            self.ledger.invoices(i + 1, f"{DAY}T00:{i:02}:00Z", "mismatch", severity="S2", ratio=ratio)
        self.ledger.invoices(5, f"{DAY}T01:00:00Z", "minor", ratio=0.03)
        self.assertEqual([("0-2%", 1 + 2), ("2-5%", 3 + 4), ("5-10%", 5 + 6), ("10-20%", 7 + 8), ("20%+", 9 + 10 + 11)],
                         [(b["label"], b["count"]) for b in self.health()["histogram"]])

    def test_histogram_of_what_is_rounded(self):
        """By the ratio itself: 199.98 of 1000.00 is stored as 0.2000."""
        for i, (stated, delta, ratio) in enumerate((
                ("1000.00", "199.98", 0.2), ("-1000.00", "199.98", 0.2), ("1000.00", "200.00", 0.2), ("1000.00", "200.02", 0.2),
                ("1000.00", "99.96", 0.1), ("1000.00", "100.04", 0.1), ("1000.00", "19.97", 0.02), ("1000.00", "49.97", 0.05))):
            self.ledger.invoices(1, f"{DAY}T00:{i:02}:00Z", "mismatch", severity="S2", stated=stated, delta=delta, ratio=ratio)
        self.assertEqual([1, 1, 1, 3, 2], [b["count"] for b in self.health()["histogram"]])

    def test_action_classes(self):
        for i, (n, name) in enumerate(zip((4, 1, 1), CLASSES)):
            self.ledger.invoices(n, f"{DAY}T00:{i:02}:00Z", "mismatch", severity="S2", action_class=name)
        self.ledger.invoices(3, f"{DAY}T01:00:00Z")
        self.assertEqual({"VERIFY_OCR": 4, "VERIFY_INVOICE_LOGIC": 1, "ACCEPT_ROUNDING_TOLERANCE": 1, "total": 6, "rates": {
            "VERIFY_OCR": 0.6667, "VERIFY_INVOICE_LOGIC": 0.1667, "ACCEPT_ROUNDING_TOLERANCE": 0.1667}},
            self.health()["action_class_distribution"])

    def seller(self, total, mismatches, name, tax_id=None, hour=0):
        columns = {"seller_name": name, "seller_tax_id": tax_id}
        self.ledger.invoices(mismatches, f"{DAY}T{hour:02}:00:00Z", "mismatch", severity="S2", **columns)
        self.ledger.invoices(total - mismatches, f"{DAY}T{hour:02}:30:00Z", **columns)

    def test_offenders(self):
        self.seller(20, 10, "Enough")
        self.seller(19, 19, "Too few")
        self.seller(100, 11, "Many")
        self.seller(50, 0, "None")
        self.ledger.invoices(40, f"{DAY}T05:00:00Z", "mismatch", severity="S2")  # nobody knows whose
        answer = self.health()
        self.assertEqual([("Enough", 20, 10, 0.5), ("Many", 100, 11, 0.11)],
                         [tuple(o.values()) for o in answer["top_offenders_by_rate"]])
        self.assertEqual([("Too few", 19, 19, 1), ("Many", 100, 11, 0.11), ("Enough", 20, 10, 0.5)],
                         [tuple(o.values()) for o in answer["top_offenders_by_count"]])

    def test_sellers_are_told_apart_by_tax_id(self):
        """One tax id is one seller whatever it is called, shown by its latest name; one name may be two sellers."""
        self.seller(10, 5, "Old name", "1234567890", hour=1)
        self.seller(10, 5, "New name", "1234567890", hour=2)
        self.seller(3, 3, "Same", "1111111111")
        self.seller(2, 2, "Same", "2222222222")
        self.seller(1, 1, None, "3333333333")
        self.seller(1, 1, "x" * 500, "ÿ😀" * 250)  # as long as a name and a tax id can be
        got = [tuple(o.values())[:3] for o in self.health()["top_offenders_by_count"]]
        self.assertEqual([("New name", 20, 10), ("Same", 3, 3), ("Same", 2, 2)], got[:3])
        self.assertEqual({("3333333333", 1, 1), ("x" * 500, 1, 1)}, set(got[3:]))

    def test_ten_of_each(self):
        for i in range(12):
            self.seller(30, i + 1, f"Seller {i}")
        answer = self.health()
        want = [f"Seller {i}" for i in range(11, 1, -1)]
        for list_ in ("top_offenders_by_count", "top_offenders_by_rate"):
            self.assertEqual(want, [o["seller"] for o in answer[list_]])


class Queue(MetricsCase):
    def depth(self, **options):
        return self.metric("queue_max_depth", **options)["value"]

    def test_running_maximum(self):
        self.ledger.jobs(2, f"{DAY}T01:00:00Z", waited="1 hour")
        self.ledger.jobs(3, f"{DAY}T01:30:00Z", waited="1 minute")
        self.ledger.jobs(4, f"{DAY}T03:00:00Z", every="1 minute", waited="30 seconds")
        self.ledger.jobs(4, f"{DAY}T05:00:00Z", state="SKIPPED", waited=None, finished="at + interval '1 minute'")
        self.assertEqual((5, 13), tuple(self.metric("queue_max_depth")[k] for k in ("value", "n")))

    def test_over_midnight(self):
        """What waits at midnight counts for both days, and not for the day after it has left."""
        self.ledger.jobs(4, f"{DAY}T23:00:00Z", waited="2 hours")
        self.ledger.jobs(1, "2026-01-18T00:30:00Z", waited="1 minute")
        self.assertEqual([0, 4, 5, 0], [self.depth(day=f"2026-01-{d}") for d in (16, 17, 18, 19)])
        self.assertEqual((5, 5), tuple(self.metric("queue_max_depth", day="2026-01-19", days=3)[k] for k in ("value", "n")))

    def test_still_waiting(self):
        """However long, and whether claimed before or not."""
        self.ledger.jobs(2, "2025-12-01T00:00:00Z", state="QUEUED", waited=None, finished="null")
        self.ledger.jobs(1, f"{DAY}T10:00:00Z", state="QUEUED", waited="1 second", finished="null")
        self.assertEqual(3, self.depth())
        self.assertEqual({"depth": 3, "stuck_count": 0}, self.health()["queue"])

    def test_after_a_day_that_is_summed_up(self):
        """Whether it says that jobs waited at its end or that none did; one that was retried since counts from then."""
        self.ledger.jobs(1, "2026-01-15T10:00:00Z", waited="2 days", finished="started_at + interval '1 hour'")
        self.ledger.jobs(1, "2026-01-16T10:00:00Z")
        self.ledger.jobs(5, "2026-01-17T23:00:00Z", waited="2 hours")
        self.ledger.jobs(3, "2025-12-01T00:00:00Z", state="FAILED", waited="48 days 9 hours", finished="started_at").write()
        self.stack.sql("update jobs set retried_at = started_at - interval '1 minute'"
                       f" where tenant_id = '{self.tenant}' and created_at < '2026-01-16'")
        days = [f"2026-01-{d}" for d in range(15, 20)]
        want = [0, 1, 5, 5, 0]
        self.assertEqual(want, [self.depth(day=day) for day in days])
        for day in days:
            self.stack.sql(f"select run_summary_write('{day}', '{self.tenant}')")
            self.assertEqual(want, [self.depth(day=day) for day in days])

    def test_handed_back_after_midnight(self):
        """At work when the day was summed up: nothing waited.  Then its call failed, and it counts as if it had."""
        self.ledger.jobs(3, f"{DAY}T23:59:30Z", waited="1 second").write()
        self.stack.sql(f"select run_summary_write('{DAY}', '{self.tenant}')")
        self.stack.sql("update jobs set started_at = '2026-01-18T00:03:00Z', finished_at = '2026-01-18T00:03:01Z'"
                       f" where tenant_id = '{self.tenant}'")
        self.assertEqual(3, self.depth(day="2026-01-18"))


class FrontDoor(MetricsCase):
    def test_error_rate(self):
        self.ledger.requests(90, f"{DAY}T00:00:00Z", 2).requests(5, f"{DAY}T23:59:00Z", 5).requests(5, f"{DAY}T23:59:00Z", 4)
        self.ledger.requests(7, "2026-01-18T00:00:00Z", 5).requests(50, f"{DAY}T05:00:00Z", 5, route="/health/ready")
        self.ledger.requests(50, f"{DAY}T05:00:00Z", 5, route="/admin/jobs/{id}")
        answer = self.health()
        self.assertEqual({"requests": 100, "4xx": 5, "5xx": 5, "error_rate_5xx": 0.05}, answer["front_door"])
        self.assertEqual("warn", next(m["state"] for m in answer["metrics"] if m["name"] == "error_5xx_rate"))

    def test_by_route(self):
        """Of the period's days, the busiest first; percentiles are the bound of the bucket that they lie in."""
        self.ledger.requests(50, f"{DAY}T00:00:00Z", 2, ms=40).requests(44, f"{DAY}T23:59:00Z", 2, ms=60)
        self.ledger.requests(1, f"{DAY}T05:00:00Z", 4, ms=1000).requests(5, f"{DAY}T05:00:00Z", 0, ms=1001)
        self.ledger.requests(2, f"{DAY}T00:00:00Z", 3, route="/admin/assets", ms=5)
        self.ledger.requests(2, f"{DAY}T00:00:00Z", 5, route="/admin/alerts", ms=30001)
        self.ledger.requests(9, "2026-01-18T00:00:00Z", 5).requests(7, "2026-01-16T23:59:00Z", 2, ms=1)
        nothing = {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0, "left": 0}
        uploads = {"route": "/full-process", "requests": 100} | nothing | {
            "2xx": 94, "4xx": 1, "left": 5, "p50_ms": 50, "p95_ms": 1000}
        self.assertEqual([
            uploads,
            {"route": "/admin/alerts", "requests": 2} | nothing | {"5xx": 2, "p50_ms": None, "p95_ms": None},
            {"route": "/admin/assets", "requests": 2} | nothing | {"3xx": 2, "p50_ms": 5, "p95_ms": 5}],
            self.health()["front_door_routes"])
        two_days = self.health(days=2)["front_door_routes"][0]
        self.assertEqual(uploads | {"requests": 107, "2xx": 101}, two_days)

    def test_answered_within(self):
        """The least bound within which so many of 100 were answered: at each side of it."""
        for buckets, share, want in (({0: 1}, 0.5, 5), ({0: 50, 1: 50}, 0.5, 5), ({0: 49, 1: 51}, 0.5, 10),
                                     ({3: 95, 7: 5}, 0.95, 50), ({3: 94, 7: 6}, 0.95, 1000), ({11: 19, 12: 1}, 0.95, 30000),
                                     ({11: 18, 12: 2}, 0.95, None), ({12: 1}, 0.5, None), ({}, 0.5, None)):
            with self.subTest(buckets=buckets, share=share):
                counts = ",".join(str(buckets.get(i, 0)) for i in range(13))
                [[got]] = self.stack.sql(f"select coalesce(answered_within('{{{counts}}}', {share})::text, 'null')")
                self.assertEqual(json.dumps(want), got)

    def test_requests_of_no_tenant_are_the_defaults(self):
        day = "2001-02-03"
        for table, column in (("front_door_minutes", "minute"), ("front_door_daily", "day")):
            self.addCleanup(self.stack.sql, f"delete from {table} where {column} = '{day}'")
        self.ledger.requests(3, f"{day}T00:00:00Z", 4, tenant="").requests(2, f"{day}T00:00:00Z", 4, tenant="default").write()
        for tenant, want in (("default", [["5", "5", "0"]]), (self.tenant, [])):
            self.assertEqual(want, self.stack.sql(
                f"select requests, errors_4xx, errors_5xx from front_door_days('{tenant}', '{day}', '{day}')"))
            self.assertEqual([int(row[0]) for row in want], [r["requests"] for r in json.loads(
                self.stack.sql(f"select front_door_routes('{tenant}', '{day}', '{day}')")[0][0])])


class Feedback(MetricsCase):
    def test_nothing(self):
        zero = dict.fromkeys(CLASSES, 0)
        self.assertEqual({
            "feedback_coverage": 0, "hint_accuracy_rate": 0, "total_feedback_count": 0, "action_class_accuracy": zero,
            "avg_resolution_time_by_class": zero, "resolved_with_feedback": 0, "resolved_total": 0}, self.feedback())

    def test_statistics(self):
        at = f"{DAY}T10:00:00Z"
        self.ledger.resolved(2, at, True, "VERIFY_OCR", 100).resolved(1, at, False, "VERIFY_OCR", 101)
        self.ledger.resolved(1, at, True, "VERIFY_INVOICE_LOGIC", 30).resolved(1, at, False, None, 999)
        self.ledger.resolved(3, at, None, "VERIFY_OCR").resolved(1, at, True, "VERIFY_OCR", 5, status="OPEN")
        self.assertEqual({
            "feedback_coverage": 0.625, "hint_accuracy_rate": 0.6, "total_feedback_count": 5,
            "action_class_accuracy": {"VERIFY_OCR": 0.6667, "VERIFY_INVOICE_LOGIC": 1, "ACCEPT_ROUNDING_TOLERANCE": 0},
            "avg_resolution_time_by_class": {"VERIFY_OCR": 100.3, "VERIFY_INVOICE_LOGIC": 30, "ACCEPT_ROUNDING_TOLERANCE": 0},
            "resolved_with_feedback": 5, "resolved_total": 8}, self.feedback())

    def test_changed_and_withdrawn(self):
        """The figures follow the feedback that stands."""
        self.ledger.resolved(2, f"{DAY}T10:00:00Z", True, "VERIFY_OCR", 100)
        self.assertEqual((1, 1, 100), self.told())
        one = f"(tenant_id, incident_id) = (select tenant_id, incident_id from incident_feedback where tenant_id = '{self.tenant}' limit 1)"
        self.stack.sql(f"update incident_feedback set was_hint_correct = false, resolution_time_seconds = 300 where {one}")
        self.assertEqual((1, 0.5, 200), self.told())
        self.stack.sql(f"delete from incident_feedback where {one}")
        coverage, _, _ = self.told()
        self.assertEqual((0.5, 0.5), (coverage, self.health()["current_period"]["feedback_coverage"]))
        self.stack.sql(f"update incidents set status = 'OPEN', resolved_at = null where tenant_id = '{self.tenant}'")
        self.assertEqual((0, 0, 0), self.told())

    def told(self):
        answer = self.feedback()
        return (answer["feedback_coverage"], answer["action_class_accuracy"]["VERIFY_OCR"],
                answer["avg_resolution_time_by_class"]["VERIFY_OCR"])

    def test_days(self):
        for at in ("2026-01-31T23:59:59.999Z", "2026-02-01T00:00:00Z", "2026-02-02T23:59:59.999Z", "2026-02-03T00:00:00Z"):
            self.ledger.resolved(1, at)
        for query, want in (({}, 4), ({"start_date": "2026-02-01", "end_date": "2026-02-02"}, 2),
                            ({"start_date": "2026-02-01"}, 3), ({"end_date": "2026-02-01"}, 2)):
            with self.subTest(query=query):
                self.assertEqual(want, self.feedback(**query)["resolved_total"])


class Queries(MetricsCase):
    def test_refused(self):
        for path, query in (
                ("system-health", {"period_days": 0}), ("system-health", {"period_days": 91}),
                ("system-health", {"period_days": "x"}), ("system-health", {"reference_date": "2026-02-29"}),
                ("system-health", {"reference_date": ""}), ("system-health", {"reference_date": "17.01.2026"}),
                ("feedback-stats", {"start_date": "2026-13-01"}), ("feedback-stats", {"end_date": "yesterday"}),
                ("feedback-stats", {"start_date": "2026-01-02", "end_date": "2026-01-01"}),
                ("run-summary", {"from": "2026-01-32"}), ("run-summary", {"from": "2026-01-02", "to": "2026-01-01"}),
                ("run-summary", {"from": "2026-01-01", "to": "2026-04-03"}), ("run-summary", {"format": "xlsx"}), ("run-summary", {"format": "json"}),
                ("run-summary", {"from": "9999-12-31"})):
            with self.subTest(path=path, query=query):
                self.assert_problem(self.stack.admin("GET", f"/admin/{path}", query=query), 400, "invalid_query")

    def test_at_the_limits(self):
        for path, query in (("system-health", {"period_days": 90}), ("system-health", {"reference_date": "1900-01-01"}),
                            ("system-health", {"reference_date": "9999-12-31"}),
                            ("feedback-stats", {"start_date": "9999-12-31", "end_date": "9999-12-31"}),
                            ("run-summary", {"from": "2026-01-01", "to": "2026-04-02"}),
                            ("run-summary", {"from": "9999-12-31", "to": "9999-12-31"})):
            with self.subTest(path=path, query=query):
                answer = self.stack.admin("GET", f"/admin/{path}", query={"tenant_id": self.tenant} | query)
                self.assertEqual(200, answer.status, answer)

    def test_whose(self):
        name, bound = self.stack.make_key(self.tenant, "viewer")
        self.addCleanup(self.stack.revoke_key, name)
        for path in ("system-health", "feedback-stats", "run-summary"):
            with self.subTest(path=path):
                self.assertEqual(200, self.stack.admin("GET", f"/admin/{path}", key=bound).status)
                self.assert_problem(self.stack.admin("GET", f"/admin/{path}", key=bound, query={"tenant_id": "default"}),
                                    403, "wrong_tenant")
                self.assert_problem(self.stack.admin("GET", f"/admin/{path}", key=False), 401, "missing_api_key")
        self.assertEqual(self.tenant, self.stack.admin("GET", "/admin/system-health", key=bound).json["tenant_id"])
        self.assertEqual("default", self.stack.admin("GET", "/admin/system-health").json["tenant_id"])
