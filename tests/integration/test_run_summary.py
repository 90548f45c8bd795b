"""Run summaries: the seed's line (§5.1), its commands (§5.2), the script that writes them, and what is kept (SPEC §9)."""
import concurrent.futures
import csv
import datetime
import io
import json
import pathlib
import subprocess
import tempfile
import uuid

from harness import ROOT, environment, run, wait_for
from ledger import Ledger
from test_figures import DAY, MetricsCase, example

# The seed's §5.1, but for the time: a day that is over ends with its last second.
SEED = {
    "event": "run_summary", "timestamp": "2026-01-17T23:59:59Z", "build_id": "git:abc1234", "config_hash": "sha256:7f3a2b1c00112233",
    "tenant_id": "pilot",
    "counts": {"total_invoices": 150, "incident_count": 23, "s1_count": 3, "s2_count": 20, "ocr_suspect_count": 5,
               "accept_rounding_count": 12},
    "rates": {"mismatch_rate": 0.1533, "s1_rate": 0.1304, "ocr_suspect_rate": 0.2174, "feedback_coverage": 0.65},
    "latency": {"p95_pipeline_total_ms": 2800}, "queue": {"depth": 0, "max_depth": 3}, "errors": {"4xx": 5, "5xx": 0}}
# The seed's §5.2, to the letter.
COMMANDS = (
    """cat app.log | grep '"event": "run_summary"' | jq -r '[.timestamp, .rates.s1_rate] | @tsv'""",
    """cat app.log | grep '"event": "run_summary"' | jq -s 'map(.latency.p95_pipeline_total_ms) | add / length'""",
    """cat app.log | grep '"event": "run_summary"' | jq -r '[.timestamp, .rates.feedback_coverage] | @tsv'""")


def commands(log):
    """What each of them prints in the folder of app.log."""
    return [subprocess.run(["bash", "-c", c], cwd=log.parent, text=True, stdout=subprocess.PIPE, check=True).stdout
            for c in COMMANDS]


def utc_day(back=0):
    return (datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=back)).isoformat()


class SummaryCase(MetricsCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = pathlib.Path(folder.name, "app.log")

    def script(self, *arguments, role="WATCHDOG", **variables):
        return run([str(ROOT / "scripts" / "run_summary"), *arguments],
                   env=environment({}) | {f"DATABASE_{role}_URL": self.stack.env[f"DATABASE_{role}_URL"]} | variables)

    def lines(self, *arguments, **options):
        """The script's lines of this test's tenant, as texts."""
        self.ledger.write()
        done = self.script("--tenant", self.tenant, *arguments, **options)
        self.assertEqual(0, done.returncode, done.stdout)
        return [line for line in done.stdout.splitlines() if line.startswith("{")]

    def ask(self, **query):
        self.ledger.write()
        answer = self.stack.admin("GET", "/admin/run-summary", query={"tenant_id": self.tenant} | query)
        self.assertEqual(200, answer.status, answer)
        return answer

    def summaries(self, **query):
        return self.ask(**query).json["run_summaries"]

    def was_at_work(self, day, worker, build="git:abc1234", config="sha256:7f3a2b1c00112233", hour=16):
        self.stack.sql("insert into worker_heartbeats (worker_id, host, pid, build_id, config_hash, key_configured, in_flight,"
                       f" started_at, seen_at, stopped_at) values ('{worker}', 'ledger', 1, '{build}', '{config}', true, 0,"
                       f" '{day}T01:00:00Z', '{day}T{hour}:00:00Z', '{day}T{hour}:00:00Z')")
        self.addCleanup(self.stack.sql, f"delete from worker_heartbeats where worker_id = '{worker}'")


class Line(SummaryCase):
    def test_the_seeds_example(self):
        """Every key and value, the order of both, on one line with a space after each colon."""
        example(self.ledger)
        self.was_at_work(DAY, f"{self.tenant}-1")
        self.was_at_work(DAY, f"{self.tenant}-0", "git:older", hour=15)
        want = json.dumps(SEED | {"tenant_id": self.tenant})
        self.assertEqual([want], self.lines("--day", DAY))
        self.assertEqual([want], [json.dumps(s) for s in self.summaries(**{"from": DAY, "to": DAY})])

    def test_the_seeds_commands(self):
        for day in ("2026-01-16", DAY):
            example(self.ledger, day)
            self.lines("--day", day, "--log", str(self.log))
        self.log.write_text('{"event":"ready.no"}\n' + self.log.read_text() + "Config validation passed\n")
        self.assertEqual([
            "2026-01-16T23:59:59Z\t0.1304\n2026-01-17T23:59:59Z\t0.1304\n", "2800\n",
            "2026-01-16T23:59:59Z\t0.65\n2026-01-17T23:59:59Z\t0.65\n"], commands(self.log))

    def test_today(self):
        """So far, with the build and the configuration that are at work now; not kept."""
        self.ledger.invoices(1, utc_day() + "T00:00:00Z", ms=5)
        self.ledger.jobs(2, utc_day() + "T00:00:00Z", state="QUEUED", waited=None, finished="null")
        line, = self.lines("--today")
        answer, = self.summaries()
        (build_id, config_hash), = self.stack.sql(
            "select build_id, config_hash from worker_heartbeats where stopped_at is null order by started_at desc limit 1")
        for summary in (json.loads(line), answer):
            self.assertEqual((build_id, config_hash, 1, 5, {"depth": 2, "max_depth": 3}), (
                summary["build_id"], summary["config_hash"], summary["counts"]["total_invoices"],
                summary["latency"]["p95_pipeline_total_ms"], summary["queue"]))
            self.assertRegex(summary["timestamp"], rf"^{utc_day()}T\d\d:\d\d:\d\dZ$")
        self.assertEqual(0, self.stack.value(f"select count(*) from run_summaries where tenant_id = '{self.tenant}'"))

    def test_nobody_at_work(self):
        self.ledger.invoices(1, "2001-02-03T00:00:00Z")
        summary, = self.summaries(**{"from": "2001-02-03", "to": "2001-02-03"})
        self.assertEqual((None, None), (summary["build_id"], summary["config_hash"]))

    def test_an_empty_day(self):
        """Shown when asked for, but no line of the log."""
        self.assertEqual([], self.lines("--day", DAY))
        summary, = self.summaries(**{"from": DAY, "to": DAY})
        self.assertEqual({0}, {v for part in ("counts", "rates", "latency", "queue", "errors") for v in summary[part].values()})

    def test_smoke_runs_are_no_activity(self):
        self.ledger.invoices(3, f"{DAY}T01:00:00Z", smoke=True)
        self.assertEqual([], self.lines("--day", DAY))


class Kept(SummaryCase):
    def test_the_same_again_whatever_became_of_the_rows(self):
        example(self.ledger)
        before = self.lines("--day", DAY)
        health = self.health(days=2)
        self.stack.sql("".join(f"delete from {t} where tenant_id = '{self.tenant}';" for t in (
            "incident_feedback", "invoices", "incidents", "jobs", "front_door_minutes")))
        self.assertEqual(before, self.lines("--day", DAY))
        self.assertEqual(before, [json.dumps(s) for s in self.summaries(**{"from": DAY, "to": DAY})])
        after = self.health(days=2)
        self.assertEqual(0, after["current_period"]["total_invoices"])
        self.assertEqual(health["trend"], after["trend"])
        self.assertEqual(health["front_door"], after["front_door"])
        for name in ("queue_max_depth", "error_5xx_rate"):
            self.assertEqual(*[next(m for m in h["metrics"] if m["name"] == name) for h in (health, after)])

    def test_computed_the_same_before_it_is_kept(self):
        example(self.ledger)
        computed = self.summaries(**{"from": DAY, "to": DAY})
        self.assertEqual(computed, [json.loads(line) for line in self.lines("--day", DAY)])

    def test_kept_and_computed_side_by_side(self):
        for day, n in (("2026-01-15", 1), ("2026-01-16", 2), (DAY, 3)):
            self.ledger.invoices(n, f"{day}T23:00:00Z").requests(n, f"{day}T23:00:00Z", 4)
        self.lines("--day", "2026-01-16")
        got = self.summaries(**{"from": "2026-01-14", "to": DAY})
        self.assertEqual([("2026-01-14", 0, 0), ("2026-01-15", 1, 1), ("2026-01-16", 2, 2), (DAY, 3, 3)],
                         [(s["timestamp"][:10], s["counts"]["total_invoices"], s["errors"]["4xx"]) for s in got])

    def test_a_day_is_over_before_it_is_kept(self):
        for day in (utc_day(), utc_day(-1)):
            done = self.script("--day", day)
            self.assertEqual(2, done.returncode, done.stdout)
            with self.assertRaisesRegex(Exception, "is not over"):
                self.stack.sql(f"select run_summary_write('{day}', null)")

    def test_none_of_the_future(self):
        self.assertEqual([utc_day()], [s["timestamp"][:10] for s in self.summaries(**{"from": utc_day(), "to": utc_day(-5)})])
        self.assertEqual([], self.summaries(**{"from": utc_day(-2), "to": utc_day(-5)}))


class Script(SummaryCase):
    def test_missed_days(self):
        """Yesterday and the 30 days before it, each once."""
        for back in (1, 3, 31, 32):
            self.ledger.invoices(1, utc_day(back) + "T12:00:00Z")
        days = lambda lines: [json.loads(line)["timestamp"][:10] for line in lines]
        log = ("--log", str(self.log))
        self.assertEqual([utc_day(31), utc_day(3), utc_day(1)], days(self.lines(*log)))
        first = self.log.read_text()
        self.assertEqual([utc_day(1)], days(self.lines(*log)))
        self.ledger.invoices(1, utc_day(2) + "T12:00:00Z")
        self.assertEqual([utc_day(2), utc_day(1)], days(self.lines("--yesterday", *log)))
        text = self.log.read_text()
        self.assertTrue(text.startswith(first))
        self.assertEqual([utc_day(b) for b in (31, 3, 1, 2)], days(text.splitlines()))

    def test_every_kind_of_activity(self):
        at = f"{DAY}T23:59:59Z"
        for what in (lambda led: led.invoices(1, at), lambda led: led.jobs(1, at), lambda led: led.resolved(1, at),
                     lambda led: led.jobs(1, at).requests(1, f"{DAY}T23:59:00Z", 2)):
            self.ledger.erase()
            self.ledger = Ledger(self.stack, self.tenant)
            what(self.ledger)
            self.assertEqual(1, len(self.lines("--day", DAY)))

    def test_several_at_once_write_each_line_once(self):
        for back in range(1, 9):
            self.ledger.invoices(1, utc_day(back) + "T12:00:00Z")
        self.ledger.write()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda _: self.script("--tenant", self.tenant, "--log", str(self.log)), range(4)))
        self.assertEqual([0] * 4, [d.returncode for d in done], done)
        lines = self.log.read_text().splitlines()
        self.assertEqual((8, 8), (len(lines), len(set(lines))))
        self.assertEqual(8, self.stack.value(f"select count(*) from run_summaries where tenant_id = '{self.tenant}'"))

    def test_a_line_that_was_kept_but_not_written_is_written(self):
        self.ledger.invoices(1, utc_day(1) + "T12:00:00Z")
        line, = self.lines()
        self.assertEqual([line], self.lines("--log", str(self.log)))
        self.assertEqual(line + "\n", self.log.read_text())

    def test_either_role_and_any_time_zone(self):
        self.ledger.invoices(1, f"{DAY}T00:00:00Z").invoices(1, f"{DAY}T23:59:59Z")
        first = self.lines("--day", DAY, PGTZ="America/New_York", TZ="America/New_York")
        self.assertEqual(2, json.loads(first[0])["counts"]["total_invoices"])
        self.assertEqual(first, self.lines("--day", DAY, role="OWNER", PGTZ="Asia/Tokyo", TZ="Asia/Tokyo"))

    def test_all_tenants(self):
        self.ledger.invoices(1, f"{DAY}T00:00:00Z").write()
        other = Ledger(self.stack, self.tenant + "-2").invoices(1, f"{DAY}T00:00:00Z").write()
        self.addCleanup(other.erase)
        done = self.script("--day", DAY)
        self.assertEqual([self.tenant, self.tenant + "-2"],
                         [t for t in (json.loads(line)["tenant_id"] for line in done.stdout.splitlines()) if t.startswith(self.tenant)])

    def test_wrong_usage(self):
        for arguments in (["--day", "2026-02-29"], ["--day", "17.01.2026"], ["--today", "--yesterday"], ["--tenant", "A B"], ["now"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(2, self.script(*arguments).returncode)
        self.assertEqual(2, run([str(ROOT / "scripts" / "run_summary")], env=environment({})).returncode)
        nowhere = "postgresql://mizan_watchdog:x@/mizan?host=/nonexistent"
        self.assertEqual(2, self.script(DATABASE_WATCHDOG_URL=nowhere).returncode)
        done = self.script("--help")
        self.assertEqual((0, True), (done.returncode, done.stdout.startswith("Usage: scripts/run_summary")))


class Download(SummaryCase):
    def test_json_lines(self):
        example(self.ledger)
        answer = self.ask(**{"from": "2026-01-16", "to": DAY, "format": "jsonl"})
        self.assertEqual("application/jsonl", answer.headers["Content-Type"])
        self.assertEqual(f'attachment; filename="run-summary-{self.tenant}-2026-01-16-{DAY}.jsonl"',
                         answer.headers["Content-Disposition"])
        lines = answer.body.decode().split("\n")
        self.assertEqual("", lines.pop())
        self.assertEqual(self.summaries(**{"from": "2026-01-16", "to": DAY}), [json.loads(line) for line in lines])

    def test_csv(self):
        example(self.ledger)
        self.was_at_work(DAY, f"{self.tenant}-1", '=HYPERLINK("http://evil")', "@SUM(1)\r\n-1,2")
        answer = self.ask(**{"from": DAY, "to": DAY, "format": "csv"})
        self.assertEqual("text/csv; charset=utf-8; header=present", answer.headers["Content-Type"])
        self.assertIn("attachment; filename=", answer.headers["Content-Disposition"])
        text = answer.body.decode()
        self.assertTrue(text.endswith("\r\n"))
        row, = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        self.assertEqual(["timestamp", "build_id", "config_hash", "tenant_id", *SEED["counts"], *SEED["rates"],
                          "p95_pipeline_total_ms", "queue_depth", "queue_max_depth", "errors_4xx", "errors_5xx"], list(row))
        self.assertEqual(["2026-01-17T23:59:59Z", "'=HYPERLINK(\"http://evil\")", "'@SUM(1)\r\n-1,2", self.tenant,
                          "150", "23", "3", "20", "5", "12", "0.1533", "0.1304", "0.2174", "0.65", "2800", "0", "3", "5", "0"],
                         list(row.values()))

    def test_cells(self):
        """RFC 4180, and nothing that a spreadsheet would run."""
        for cell, want in (("a", "a"), ("", ""), ("a b", "a b"), ('a"b', '"a""b"'), ("a,b", '"a,b"'), ("a\nb", '"a\nb"'),
                           ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx"), ("\rx", "\"'\rx\""),
                           ('="a"', "\"'=\"\"a\"\"\""), ("a=1", "a=1")):
            with self.subTest(cell=cell):
                row = self.stack.sql(f"select encode(csv_row(array['{cell}', null, 'end'])::bytea, 'hex')")[0][0]
                self.assertEqual(f"{want},,end\r\n", bytes.fromhex(row).decode())


class Watchdog(SummaryCase):
    def test_each_line_stands_in_its_log_once(self):
        """Days that were missed and yesterday, in order, as the seed's commands read them."""
        for back in (3, 1):
            example(self.ledger, utc_day(back))
        self.ledger.write()
        began = len(self.stack.log_text("watchdog"))
        self.stack.sql(f"update days_done set summaries = '{utc_day(3)}T00:00:00Z'")
        kept = f"select summary from run_summaries where tenant_id = '{self.tenant}' order by day"
        mine = lambda: [line for line in self.stack.log_text("watchdog")[began:].splitlines() if f'"tenant_id": "{self.tenant}"' in line]
        self.stack.restart("watchdog")
        wait_for(lambda: len(mine()) >= 2, 20, "the lines")
        wait_for(lambda: self.stack.value(f"select summaries = '{utc_day()}T00:00:00Z' from days_done") == "t", 20, "all days")
        self.assertEqual([row[0] for row in self.stack.sql(kept)], mine())
        others = [line for line in self.stack.log_text("watchdog").splitlines() if '"event": "run_summary"' not in line]
        self.log.write_text("\n".join([*others, *mine(), *others, ""]))
        self.assertEqual(
            [f"{utc_day(3)}T23:59:59Z\t0.1304\n{utc_day(1)}T23:59:59Z\t0.1304\n", "2800\n",
             f"{utc_day(3)}T23:59:59Z\t0.65\n{utc_day(1)}T23:59:59Z\t0.65\n"], commands(self.log))


class Due(SummaryCase):
    """When the lines of yesterday are written, and who gets them; without the watchdog, which would be first."""
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(cls.stack.stopped("watchdog"))

    def setUp(self):
        super().setUp()
        self.ledger.invoices(1, utc_day(1) + "T12:00:00Z").write()
        self.begin(1)
        self.addCleanup(self.begin, 0)
        self.addCleanup(self.stack.sql, "delete from access_log_positions where host = 'ledger'")

    def begin(self, back):
        self.stack.sql(f"update days_done set call = null, summaries = '{utc_day(back)}T00:00:00Z'")

    def log_of(self, changed, caught_up):
        self.stack.sql("insert into access_log_positions (host, path, inode, position, changed_at, caught_up_at)"
                       f" values ('ledger', '/access.log', 1, 1, '{changed}', '{caught_up}')"
                       " on conflict (host, path) do update set changed_at = excluded.changed_at, caught_up_at = excluded.caught_up_at")

    def next(self, at, call=None):
        """(moved, days of this tenant's new lines, logs not waited for) at the time `at` of today."""
        (moved, lines, uncounted), = self.stack.sql(
            f"select * from run_summaries_next('{utc_day()}T{at}Z', '{call or uuid.uuid4()}')", "watchdog")
        mine = [s for s in map(json.loads, (lines or "").splitlines()) if s["tenant_id"] == self.tenant]
        return moved == "t", [s["timestamp"][:10] for s in mine], uncounted

    def test_a_minute_after_midnight(self):
        self.assertFalse(self.next("00:00:59")[0])
        self.assertEqual((True, [utc_day(1)], None), self.next("00:01:00"))
        self.assertEqual((False, [], None), self.next("23:59:59"))

    def test_the_access_logs_are_counted_first(self):
        self.log_of(utc_day(1) + "T00:00:00Z", utc_day() + "T00:00:59Z")
        self.assertFalse(self.next("00:59:59")[0])
        self.log_of(utc_day(1) + "T00:00:00Z", utc_day() + "T00:01:00Z")
        self.assertEqual((True, [utc_day(1)], None), self.next("00:01:00"))

    def test_but_not_waited_for_longer_than_an_hour(self):
        self.log_of(utc_day(1) + "T23:00:00Z", "-infinity")
        self.assertFalse(self.next("00:59:59")[0])
        self.assertEqual((True, [utc_day(1)], "ledger:/access.log"), self.next("01:00:00"))

    def test_nor_one_that_was_not_counted_on_that_day(self):
        self.log_of(utc_day(2) + "T23:59:59Z", utc_day(2) + "T23:59:59Z")
        self.assertEqual((True, [utc_day(1)], None), self.next("00:01:00"))

    def test_an_answer_that_was_lost_is_given_again(self):
        call = uuid.uuid4()
        first = self.next("02:00:00", call)
        self.assertEqual((True, [utc_day(1)], None), first)
        self.assertEqual(first, self.next("02:00:01", call))
        self.assertFalse(self.next("02:00:02")[0])

    def test_what_was_kept_by_hand_is_not_new(self):
        self.lines()
        self.assertEqual((True, [], None), self.next("02:00:00"))

    def test_missed_days_one_by_one(self):
        self.ledger.invoices(1, utc_day(3) + "T12:00:00Z").write()
        self.begin(3)
        self.assertEqual([(True, [utc_day(3)], None), (True, [], None), (True, [utc_day(1)], None), (False, [], None)],
                         [self.next("02:00:00") for _ in range(4)])

    def test_of_several_one_gets_each_line(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: self.next("02:00:00"), range(8)))
        self.assertEqual([utc_day(1)], [day for _, days, _ in answers for day in days])
