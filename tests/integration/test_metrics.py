"""GET /metrics: Prometheus's text format to the letter, and figures that are the rows'."""
import math
import re
import subprocess
import time
import unittest

from failures import accept
from harness import PILOT, Stack, StackCase, wait_for

# Of its own: nobody else counts there.
STACK = Stack("metrics")
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
SUFFIXES = {"counter": {""}, "gauge": {""}, "histogram": {"_bucket", "_sum", "_count"}}


def setUpModule():
    unittest.addModuleCleanup(STACK.down)
    STACK.up()


def parse(text):
    """{(name, labels as a tuple of pairs): value} of a document in format 0.0.4; AssertionError where it is none."""
    samples, kinds, family, helped = {}, {}, None, set()
    assert text.endswith("\n") and "\n\n" not in text
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert NAME.fullmatch(family) and family not in helped, line
            helped.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and name not in kinds and kind in SUFFIXES, line
            kinds[name] = kind
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name.removeprefix(family) in SUFFIXES[kinds[family]], f"{line}: not of {family}"
            pairs = LABEL.findall(labels or "")
            assert len(pairs) == len(dict(pairs)) and (kinds[family] != "counter" or name.endswith("_total")), line
            key = (name, tuple(sorted(pairs)))
            assert key not in samples, line
            samples[key] = float(value)
    check_histograms(samples, [name for name, kind in kinds.items() if kind == "histogram"])
    return samples


def check_histograms(samples, names):
    """Buckets in order, cumulative, the last +Inf, which is the count."""
    for name in names:
        for labels in {labels for n, labels in samples if n == f"{name}_count"}:
            buckets = [(float(dict(l)["le"]), v) for (n, l), v in samples.items()
                       if n == f"{name}_bucket" and tuple(p for p in l if p[0] != "le") == labels]
            assert buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets), buckets
            assert buckets[-1] == (math.inf, samples[f"{name}_count", labels]), buckets
            assert (f"{name}_sum", labels) in samples


class MetricsCase(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    def scrape(self):
        """What it says now: an answer may be a second old."""
        asked = time.monotonic()
        wait_for(lambda: time.monotonic() - asked > 1.05, every=0.2)
        answer = self.stack.admin("GET", "/metrics")
        self.assertEqual(200, answer.status, answer)
        self.assertEqual("text/plain; version=0.0.4; charset=utf-8", answer.headers["Content-Type"])
        return parse(answer.body.decode())

    @staticmethod
    def only(samples, name):
        """{value of its label: value}"""
        return {labels[0][1] if labels else "": v for (n, labels), v in samples.items() if n == name}


class Document(MetricsCase):
    def test_names(self):
        names = {name for name, _ in self.scrape()}
        self.assertLessEqual({
            "mizan_build_info", "mizan_ready", "mizan_database_up", "mizan_queue_depth", "mizan_queue_stuck",
            "mizan_workers_alive", "mizan_queue_oldest_due_seconds", "mizan_jobs_running", "mizan_jobs_total",
            "mizan_invoices_total", "mizan_incidents_total", "mizan_incidents_skipped_total", "mizan_provider_calls_total",
            "mizan_provider_available", "mizan_login_failures_total", "mizan_pilot_enabled", "mizan_pilot_invoices_used",
            "mizan_pilot_invoices_limit", "mizan_pilot_incidents_used", "mizan_pilot_incidents_limit",
            "mizan_pipeline_duration_seconds_bucket", "mizan_http_requests_total",
            "mizan_http_request_duration_seconds_count", "mizan_alerts_firing"}, names)
        self.assertTrue(all(name.startswith("mizan_") for name in names))

    def test_build(self):
        ready = self.stack.ready().json
        self.assertIn(("mizan_build_info", (("build_id", ready["build_id"]), ("config_hash", ready["config_hash"]))), self.scrape())

    def test_who_may(self):
        """Everybody on this machine; the ladder's unit test has the others."""
        self.assertEqual(200, self.stack.admin("GET", "/metrics", key=False).status)
        self.assert_problem(self.stack.admin("POST", "/metrics"), 405, "method_not_allowed")

    def test_from_elsewhere(self):
        address = next((a for a in own_addresses() if not a.startswith("127.")), None)
        if address is None:
            self.skipTest("this machine has no other address")
        conf = self.stack.dir / "nginx.conf.d" / "mizan.conf"
        port = self.stack.address.port
        text = conf.read_text()
        conf.write_text(text.replace(f"listen 127.0.0.1:{port} ", f"listen {address}:{port} ssl http2; listen 127.0.0.1:{port} ", 1))
        self.addCleanup(self.stack.restart, "nginx")
        self.stack.kill("nginx", 1)
        command = ["curl", "-s", "-k", "-o", "/dev/null", "-w", "%{http_code}", f"https://{address}:{port}/metrics"]

        def status(*headers):
            return subprocess.run([*command, *headers], capture_output=True, text=True, check=False).stdout
        wait_for(lambda: status() != "000", what="nginx at the other address")
        self.assertEqual("401", status())
        self.assertEqual("401", status("-H", f"X-Admin-Key: {self.stack.api_key}"))
        self.assertEqual("200", status("-H", f"X-Admin-Key: {self.stack.admin_key}"))
        for role, tenant, code in (("viewer", None, "200"), ("admin", PILOT, "403")):
            _, key = self.stack.make_key(tenant, role)
            self.assertEqual(code, status("-H", f"X-Admin-Key: {key}"))

    def test_cheap(self):
        """However many ask, the database is asked about once a second."""
        self.scrape()
        self.stack.sql("insert into metric_totals values ('jobs', 'MARK', 1)")
        self.addCleanup(self.stack.sql, "delete from metric_totals where label = 'MARK'")
        answers = {}
        wait_for(lambda: 'MARK' in self.stack.admin("GET", "/metrics").body.decode(), 2, "another answer")
        began = time.monotonic()
        for i in range(1, 100):
            self.stack.sql(f"update metric_totals set value = {i} where label = 'MARK'")
            answers[self.stack.admin("GET", "/metrics").body] = i
        self.assertLessEqual(len(answers), 2 + time.monotonic() - began)

    def test_database_away(self):
        with self.stack.stopped("postgres"):
            samples = wait_for(self.away, 20, "what can be said without")
        self.assertNotIn("mizan_queue_depth", {name for name, _ in samples})
        wait_for(lambda: self.scrape()["mizan_database_up", ()] == 1, 20)

    def away(self):
        samples = self.scrape()
        return samples["mizan_database_up", ()] == 0 and samples["mizan_ready", ()] == 0 and samples


def own_addresses():
    return subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()


class Figures(MetricsCase):
    ROWS = """
        select 'mizan_invoices_total', outcome, count(*) from invoices where not smoke group by 2
        union all select 'mizan_jobs_total', state, count(*) from jobs where finished_at is not null and not smoke group by 2
        union all select 'mizan_incidents_total', severity, count(*) from incidents group by 2
        union all select 'mizan_provider_calls_total', outcome, count(*) from provider_calls
            where job_id not in (select id from jobs where smoke) group by 2
        union all select 'mizan_pipeline_duration_seconds_count', '', count(*) from invoices where not smoke
        union all select 'mizan_http_requests_total', route, sum(requests) from front_door_minutes where route = '/full-process' group by 2
    """

    def rows(self):
        return {(name, label): int(n) for name, label, n in self.stack.sql(self.ROWS)}

    def agree(self, samples, rows):
        for (name, label), n in rows.items():
            self.assertEqual(n, self.only(samples, name)[label], (name, label))

    def test_agree_with_the_rows(self):
        for name in ("electricity-exact", "mismatch-s1", "mismatch-s2", "rounding", "minor", "unreadable"):
            self.upload_done(self.stack.unique_pdf(name))
        wait_for(lambda: self.rows().get(("mizan_http_requests_total", "/full-process"), 0) >= 6, what="the front door's count")
        self.agree(self.scrape(), self.rows())

    def test_summed_up(self):
        """The same figures when what lies back is summed up, whatever part of it."""
        self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        self.stack.sql(f"update invoices set created_at = created_at - interval '3 hours' where tenant_id = '{self.tenant}';"
                       f"update provider_calls set created_at = created_at - interval '3 hours' where tenant_id = '{self.tenant}';"
                       "update metric_totals_end set \"until\" = least(\"until\", now() - interval '4 hours')")
        # Only what was moved back lies before the hour: the rest of the rows came just now.
        self.stack.sql("update metric_totals set value = 0")
        before = self.scrape()
        self.agree(before, self.rows())
        self.stack.restart("watchdog")  # it sums up at once
        wait_for(lambda: self.stack.value("select \"until\" > now() - interval '80 minutes' from metric_totals_end") == "t", what="the sum")
        self.assertLess(0, self.stack.value("select value::bigint from metric_totals where (name, label) = ('invoices', 'mismatch')"))
        after = self.scrape()
        self.agree(after, self.rows())
        self.assertEqual(self.counters(before), self.counters(after))

    @staticmethod
    def counters(samples):
        return {key: v for key, v in samples.items() if key[0].endswith("_total") and "http" not in key[0]}

    def test_never_back(self):
        """A job that is tried again, and a purge, take nothing off a counter."""
        job = self.upload_done(self.stack.unique_pdf("unreadable"))
        self.assertEqual("FAILED", job["status"])
        self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        before = self.counters(self.scrape())
        with self.stack.stopped("worker-1"):
            self.assertEqual(200, self.stack.admin("POST", f"/admin/jobs/{job['job_id']}/retry").status)
            self.assertEqual(before, self.counters(self.scrape()))
        self.stack.ended_job(job["job_id"])
        after = self.counters(self.scrape())
        self.assertEqual(before["mizan_jobs_total", (("state", "FAILED"),)] + 1, after["mizan_jobs_total", (("state", "FAILED"),)])
        tables = ("idempotency_keys", "provider_calls", "invoices", "incidents", "jobs", "documents")
        self.stack.sql("".join(f"delete from {t} where tenant_id = '{self.tenant}';" for t in tables))
        self.assertEqual(after, self.counters(self.scrape()))

    def test_smoke_does_not_count(self):
        before = self.counters(self.scrape())
        self.assertEqual("passed", self.stack.admin("POST", "/admin/smoke/run").json["status"])
        self.assertEqual(before, self.counters(self.scrape()))

    def test_queue(self):
        with self.stack.stopped("worker-1"):
            accept(self.stack, self.stack.unique_pdf(), self.tenant)
            samples = self.scrape()
            self.assertEqual(1, samples["mizan_queue_depth", ()])
            self.assertGreater(samples["mizan_queue_oldest_due_seconds", ()], 1)
        self.assertEqual(0, self.scrape()["mizan_queue_depth", ()])


if __name__ == "__main__":
    unittest.main()
