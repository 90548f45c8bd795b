"""The pilot's guard: limits, kill switch, incident budget (SPEC §11)."""
import concurrent.futures
import contextlib
import json
import os
import subprocess
import unittest

from harness import PILOT, StackCase, fresh_tenant, wait_for

INVOICES_PER_HOUR = 50
INCIDENTS_PER_HOUR = 20
ASYNC = {"Prefer": "respond-async"}


class PilotCase(StackCase):
    def setUp(self):
        super().setUp()
        self.stack.wait_ready()
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)

    def documents(self, n, name="electricity-exact"):
        return [self.stack.unique_pdf(name) for _ in range(n)]

    def upload_all(self, documents, tenant=PILOT, **options):
        """All at once; the answers in order."""
        with concurrent.futures.ThreadPoolExecutor(len(documents)) as pool:
            return list(pool.map(lambda d: self.upload(d, tenant=tenant, **options), documents))

    def flip(self, enabled, reason="a test", **options):
        answer = self.stack.admin("PUT", "/admin/pilot", {"enabled": enabled, "reason": reason}, **options)
        self.assertEqual(200, answer.status, answer)
        return answer.json

    def ready_pilot(self, enabled):
        """The pilot's part of /health/ready, once its checks, a second old at the most, say so."""
        def seen():
            answer = self.stack.ready()
            self.assertEqual(200, answer.status, answer)
            return answer.json["pilot"]["enabled"] == enabled and answer.json["pilot"]
        return wait_for(seen, 5, f"pilot.enabled {enabled}")


class InvoiceLimit(PilotCase):
    def assert_fifty(self, answers):
        statuses = [a.status for a in answers]
        self.assertEqual(INVOICES_PER_HOUR, sum(s in (200, 202) for s in statuses), statuses)
        for answer in answers:
            if answer.status not in (200, 202):
                self.assert_problem(answer, 429, "pilot_rate_limited")
                self.assertIn(int(answer.headers["Retry-After"]), range(3500, 3601))
        self.assertEqual(INVOICES_PER_HOUR, self.stack.value("select count(*) from jobs", "app", PILOT))

    def test_sixty_at_once(self):
        documents = self.documents(60)
        self.assert_fifty(self.upload_all(documents))
        refused = self.stack.unique_pdf()
        self.assert_problem(self.upload(refused, tenant=PILOT), 429, "pilot_rate_limited")
        self.assertEqual(0, self.sim.calls(refused.sha256))
        self.assert_the_rest_goes_on(documents)

    def assert_the_rest_goes_on(self, documents):
        """With the pilot's hour full: what is known is answered, other tenants notice nothing."""
        known = self.upload(next(d for d in documents if self.sim.calls(d.sha256)), tenant=PILOT)
        self.assertEqual((200, True), (known.status, known.json["duplicate"]))
        self.assertEqual("SUCCEEDED", self.upload_done(self.stack.unique_pdf())["status"])
        limit = wait_for(lambda: (p := self.ready_pilot(True)["rate_limit"])["remaining"] == 0 and p)
        self.assertEqual({"current": 50, "limit": 50, "remaining": 0, "window_seconds": 3600}, limit)

    def test_over_two_processes(self):
        with self.second_process():
            answers = self.upload_all(self.documents(60), headers=ASYNC)
        self.assert_fifty(answers)

    @contextlib.contextmanager
    def second_process(self):
        """Another full_process behind the same nginx, which spreads requests over both."""
        conf = self.stack.dir / "nginx.conf.d" / "mizan.conf"
        before = conf.read_text()
        first, second = (self.stack.env["MIZAN_STACK_DIR"] + f"/sock/full_process{n}.sock" for n in ("", "-2"))
        process = self.like_full_process(second)
        try:
            wait_for(lambda: second in open("/proc/net/unix").read(), what="the second process")
            conf.write_text(before.replace(f"server unix:{first};", f"server unix:{first}; server unix:{second};"))
            self.reload_nginx()
            yield
            taken = [e for e in self.stack.log("full_process", "upload.accepted") if e["tenant_id"] == PILOT]
            self.assertNotEqual(0, len(taken), "the first process got nothing to do")
        finally:
            conf.write_text(before)
            self.reload_nginx()
            process.terminate()
            said = process.communicate(timeout=30)[0]
        self.assertIn('"upload.accepted"', said, "the second process got nothing to do")

    def like_full_process(self, sock):
        """The running one's program, environment and user, on another socket."""
        pid = self.stack.pid("full_process")
        raw = open(f"/proc/{pid}/environ", "rb").read().decode()
        variables = dict(pair.split("=", 1) for pair in raw.split("\0") if pair)
        owner = os.stat(f"/proc/{pid}")
        same = {} if owner.st_uid == os.getuid() else {"user": owner.st_uid, "group": owner.st_gid,
                                                      "extra_groups": []}
        return subprocess.Popen([str(self.stack.dir / "bin" / "full_process.fcgi"), "--listen", sock],
                                env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                start_new_session=True, **same)

    def reload_nginx(self):
        """New workers only, so that no request meets the old configuration."""
        def children():
            pid = self.stack.pid("nginx")
            return set(open(f"/proc/{pid}/task/{pid}/children").read().split())
        before = children()
        self.stack.kill("nginx", 1)
        wait_for(lambda: children() and not children() & before, 20, "nginx's new workers")

    def test_duplicates_do_not_count(self):
        document = self.stack.unique_pdf()
        for _ in range(3):
            self.assertEqual(200, self.upload(document, tenant=PILOT).status)
        self.assertEqual(1, wait_for(lambda: self.ready_pilot(True)["rate_limit"]["current"]))

    def test_force_counts(self):
        with self.stack.settings("full_process", PILOT_MAX_INVOICES_PER_HOUR=2):
            document = self.stack.unique_pdf()
            statuses = [self.upload(document, tenant=PILOT, query={"force": "true"}).status for _ in range(3)]
        self.assertEqual([200, 200, 429], statuses)

    def test_window_slides(self):
        with self.stack.settings("full_process", PILOT_MAX_INVOICES_PER_HOUR=2):
            for _ in range(2):
                self.assertEqual(200, self.upload(self.stack.unique_pdf(), tenant=PILOT).status)
            self.assert_problem(self.upload(self.stack.unique_pdf(), tenant=PILOT), 429, "pilot_rate_limited")
            self.stack.sql("update jobs set created_at = created_at - interval '1 hour' where id ="
                           f" (select id from jobs where tenant_id = '{PILOT}' order by created_at limit 1)")
            self.assertEqual(200, self.upload(self.stack.unique_pdf(), tenant=PILOT).status)
            self.assert_problem(self.upload(self.stack.unique_pdf(), tenant=PILOT), 429, "pilot_rate_limited")

    def test_other_tenants_are_not_counted(self):
        other = fresh_tenant("other")
        answers = self.upload_all(self.documents(55), tenant=other, headers=ASYNC)
        self.assertEqual({202}, {a.status for a in answers})


class KillSwitch(PilotCase):
    def assert_none_started(self, documents, jobs):
        """They became SKIPPED within a second of the flip, unread."""
        for job in jobs:
            done = self.stack.ended_job(job)
            self.assertEqual(("SKIPPED", "pilot_disabled"), (done["status"], done["error"]["code"]))
        self.assertEqual([0] * len(documents), [self.sim.calls(d.sha256) for d in documents])
        late = self.stack.value("select count(*) from jobs, pilot_switch p"
                                f" where tenant_id = '{PILOT}' and (started_at > p.changed_at"
                                " or finished_at > p.changed_at + interval '1 second')")
        self.assertEqual(0, late, "jobs that started, or were skipped late")

    def queue(self, documents, tenant=PILOT):
        answers = [self.upload(d, tenant=tenant, headers=ASYNC) for d in documents]
        self.assertEqual({202}, {a.status for a in answers})
        return [a.json["job_id"] for a in answers]

    def block_provider(self):
        """Nothing is claimed, as while the provider rate-limits us."""
        self.stack.sql("update provider_state set state = 'rate_limited', consecutive = 1,"
                       " blocked_until = clock_timestamp() + interval '1 hour'")

    def release_provider(self):
        self.stack.sql("update provider_state set state = 'ok', blocked_until = null, consecutive = 0")

    def test_flip(self):
        pilots, others = self.documents(5), self.documents(3)
        self.block_provider()
        jobs, other_jobs = self.queue(pilots), self.queue(others, self.tenant)
        self.flip(False, "too many mismatches")
        self.assert_problem(self.upload(self.stack.unique_pdf(), tenant=PILOT), 403, "pilot_disabled")
        self.assert_none_started(pilots, jobs)
        self.release_provider()
        for job in other_jobs:
            self.assertEqual("SUCCEEDED", self.stack.ended_job(job)["status"])
        self.assertFalse(self.ready_pilot(False)["enabled"])
        self.assertEqual("SUCCEEDED", self.upload_done(self.stack.unique_pdf())["status"])
        self.assert_none_started(pilots, jobs)

    def test_waiting_client_is_told(self):
        self.block_provider()
        document = self.stack.unique_pdf()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.upload, document, tenant=PILOT)
            wait_for(lambda: self.stack.value("select count(*) from jobs", "app", PILOT), what="the job")
            self.flip(False)
            answer = waiting.result()
        self.assertEqual((200, "SKIPPED"), (answer.status, answer.json["status"]))
        self.assertEqual(document.sha256, answer.json["document"]["sha256"])

    def test_under_load(self):
        """Flipped amid a stream of uploads: from a second later on nothing starts."""
        self.sim.delay(20)
        documents = self.documents(45)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            uploads = [pool.submit(self.upload, d, tenant=PILOT, headers=ASYNC) for d in documents]
            wait_for(lambda: sum(u.done() for u in uploads) >= 15, what="some uploads")
            self.flip(False)
            statuses = {u.result().status for u in uploads}
        self.assertLessEqual(statuses, {202, 403})
        self.assertIn(403, statuses)
        wait_for(lambda: self.stack.value("select count(*) from jobs where state in ('QUEUED', 'RUNNING')",
                                          "app", PILOT) == 0, what="an empty queue")
        self.assertEqual(0, self.stack.value(
            "select count(*) from jobs, pilot_switch p"
            f" where tenant_id = '{PILOT}' and started_at > p.changed_at + interval '1 second'"))

    def test_long_queue(self):
        """More than one statement takes out of the queue: none of the rest starts meanwhile."""
        self.block_provider()
        document = self.stack.unique_pdf()
        self.queue([document])
        self.stack.sql("insert into jobs (tenant_id, document_id, trace_id) select tenant_id, document_id, 'many'"
                       f" from jobs, generate_series(1, 1200) where tenant_id = '{PILOT}'")
        self.flip(False)
        self.release_provider()
        counts = f"select count(*) filter (where state = 'SKIPPED'), count(started_at) from jobs where tenant_id = '{PILOT}'"
        wait_for(lambda: self.stack.sql(counts) == [["1201", "0"]], what="1201 skipped, 0 started")
        self.assertEqual(0, self.sim.calls(document.sha256))

    def test_on_again(self):
        self.flip(False)
        self.flip(True, "mended")
        self.assertEqual(200, self.upload(self.stack.unique_pdf(), tenant=PILOT).status)
        self.assertTrue(self.ready_pilot(True)["enabled"])

    def test_skipped_document_stays(self):
        document = self.stack.unique_pdf()
        self.block_provider()
        job, = self.queue([document])
        self.flip(False)
        self.stack.ended_job(job)
        self.assertEqual(1, self.stack.value("select count(*) from documents", "app", PILOT))
        self.release_provider()
        self.flip(True)
        again = self.upload(document, tenant=PILOT, query={"force": "true"})
        self.assertEqual((200, "SUCCEEDED"), (again.status, again.json["status"]))

    def test_environment(self):
        with self.stack.settings("full_process", "worker", "health", "admin", PILOT_ENABLED=False):
            self.assert_problem(self.upload(self.stack.unique_pdf(), tenant=PILOT), 403, "pilot_disabled")
            self.assertFalse(self.ready_pilot(False)["enabled"])
            self.assertEqual("SUCCEEDED", self.upload_done(self.stack.unique_pdf())["status"])
            state = self.stack.admin("GET", "/admin/pilot").json
            self.assertEqual((False, False, True),
                             tuple(state[k] for k in ("enabled", "environment_enabled", "switch_enabled")))
            self.assertFalse(self.flip(True)["enabled"], "the run-time switch cannot overrule the environment")
        self.assertEqual(200, self.upload(self.stack.unique_pdf(), tenant=PILOT).status)

    def test_environment_of_the_worker_alone(self):
        """What another process let in is skipped, not read."""
        with self.stack.settings("worker", PILOT_ENABLED=False):
            document = self.stack.unique_pdf()
            answer = self.upload(document, tenant=PILOT)
            self.assertEqual((200, "SKIPPED"), (answer.status, answer.json["status"]))
            self.assertEqual(0, self.sim.calls(document.sha256))


class Switch(PilotCase):
    """GET and PUT /admin/pilot: who may, what is kept."""

    def test_audited(self):
        reason = f"reason of {self.tenant} ığş"
        name, key = self.stack.make_key(role="operator")
        state = self.flip(False, reason, key=key)
        self.assertEqual((False, reason, name), tuple(state[k] for k in ("enabled", "reason", "changed_by")))
        self.assertRegex(state["changed_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertEqual(state, self.stack.admin("GET", "/admin/pilot").json)
        actor, recent, detail = self.audit_rows()[-1]
        self.assertEqual((name, "t"), (actor, recent))
        self.assertEqual((False, True, reason), tuple(detail[k] for k in ("enabled", "old_enabled", "reason")))
        logged = self.stack.log("admin", "pilot.switch")[-1]
        self.assertEqual((name, reason), (logged["principal"], logged["reason"]))

    def test_of_two_the_second_is_told(self):
        def put(enabled, **headers):
            return self.stack.admin("PUT", "/admin/pilot", {"enabled": enabled, "reason": self.tenant}, headers=headers)
        seen = self.stack.admin("GET", "/admin/pilot")
        tag = seen.headers["ETag"]
        self.assertEqual(f'"{seen.json["revision"]}"', tag)
        first = put(False, **{"If-Match": tag})
        self.assertEqual((200, seen.json["revision"] + 1), (first.status, first.json["revision"]))
        for stale in (tag, f'W/{first.headers["ETag"]}', '"x"'):
            second = put(True, **{"If-Match": stale})
            self.assert_problem(second, 412, "precondition_failed")
            self.assertIn("admin changed it last", second.json["detail"])
        self.assert_problem(put(True, **{"If-Match": "1"}), 400, "invalid_precondition")
        self.assertFalse(self.stack.admin("GET", "/admin/pilot").json["switch_enabled"])
        for good in (f'"0", {first.headers["ETag"]}', "*"):
            self.assertEqual(200, put(True, **{"If-Match": good}).status)

    def test_the_pilots_operators_find_it(self):
        """In their audit log, which has nothing of others."""
        reason = f"reason of {self.tenant}"
        self.flip(False, reason)
        for tenant, reasons in ((PILOT, [reason]), (self.tenant, [])):
            _, key = self.stack.make_key(tenant, "operator")
            entries = self.stack.admin("GET", "/admin/audit-log", query={"action": "pilot.set", "limit": 1}, key=key).json["entries"]
            self.assertEqual(reasons, [e["detail"]["reason"] for e in entries])

    def test_reason_is_counted_in_characters(self):
        for letter in ("x", "ş", "\U0001F9FE"):
            with self.subTest(letter):
                self.assertEqual(letter * 500, self.flip(False, letter * 500)["reason"])
                answer = self.stack.admin("PUT", "/admin/pilot", {"enabled": True, "reason": letter * 501})
                self.assert_problem(answer, 400, "invalid_pilot_switch")

    def audit_rows(self):
        """(who, whether just now, what) of every flip, in order."""
        rows = self.stack.sql("select actor, clock_timestamp() - at < interval '1 minute', detail from audit_log"
                              " where action like 'pilot.%' order by id")
        return [(who, recent, json.loads(what)) for who, recent, what in rows]

    def test_flips_at_once(self):
        """Each is audited, with what it really replaced."""
        before = len(self.audit_rows())
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: self.flip(i % 2 == 0, f"flip {i}"), range(8)))
        details = [what for _, _, what in self.audit_rows()[before:]]
        self.assertEqual(8, len(details))
        for earlier, later in zip(details, details[1:]):
            self.assertEqual((earlier["enabled"], earlier["reason"]), (later["old_enabled"], later["old_reason"]))

    def test_viewer(self):
        _, key = self.stack.make_key(role="viewer")
        self.assertEqual(200, self.stack.admin("GET", "/admin/pilot", key=key).status)
        answer = self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "x"}, key=key)
        self.assert_problem(answer, 403, "read_only")
        self.assertTrue(self.stack.admin("GET", "/admin/pilot").json["enabled"])

    def test_client_has_no_way_in(self):
        _, key = self.stack.make_key(self.tenant)
        for path in ("/admin/pilot", "/admin/config"):
            for wrong in (key, self.stack.api_key, "nonsense"):
                with self.subTest(path=path):
                    self.assert_problem(self.stack.admin("GET", path, key=wrong), 401, "invalid_api_key")
            self.assert_problem(self.stack.admin("GET", path, key=False), 401, "missing_api_key")
            self.assert_problem(self.stack.get(path, key), 401, "missing_api_key")

    def test_body(self):
        for body in (None, [], {}, "x", {"enabled": False}, {"reason": "x"}, {"enabled": "false", "reason": "x"},
                     {"enabled": 0, "reason": "x"}, {"enabled": False, "reason": ""}, {"enabled": False, "reason": None},
                     {"enabled": False, "reason": "x" * 501}, {"enabled": False, "reason": "x", "more": 1},
                     {"enabled": False, "reason": "a\x00b"}, {"enabled": False, "reason": "a\x07b"},
                     {"enabled": False, "reason": " \n\t"}):
            with self.subTest(body=body):
                self.assert_problem(self.stack.admin("PUT", "/admin/pilot", body), 400, "invalid_pilot_switch")
        for raw in (b"{", b'{"enabled":false,"reason":"\xff"}', b"x" * 9000, b'{"enabled":false,"reason":"x"} x'):
            with self.subTest(raw=raw[:40]):
                answer = self.stack.request("PUT", "/admin/pilot", raw, {"X-Admin-Key": self.stack.admin_key})
                self.assert_problem(answer, 400, "invalid_pilot_switch")
        self.assertTrue(self.stack.admin("GET", "/admin/pilot").json["enabled"])


class Hour(PilotCase):
    """GET /admin/pilot: what was used of the hour, and what was skipped in it."""

    def state(self):
        return self.stack.admin("GET", "/admin/pilot").json

    def budget(self, used, limit):
        return {"used": used, "limit": limit, "remaining": limit - used, "window_seconds": 3600}

    def test_nothing_yet(self):
        state = self.state()
        self.assertEqual(self.budget(0, INVOICES_PER_HOUR), state["invoices"])
        self.assertEqual(self.budget(0, INCIDENTS_PER_HOUR), state["incidents"])
        self.assertEqual({"jobs": 0, "incident_budget": 0, "pilot_disabled": 0}, state["skipped"])

    def test_counted_as_the_guards_count(self):
        with self.stack.settings("worker", "admin", PILOT_MAX_INCIDENTS_PER_HOUR=1):
            for _ in range(3):
                self.assertEqual(200, self.upload(self.stack.unique_pdf("mismatch-s2"), tenant=PILOT).status)
            state = self.state()
            self.assertEqual(self.budget(3, INVOICES_PER_HOUR), state["invoices"])
            self.assertEqual(self.budget(1, 1), state["incidents"])
            self.assertEqual({"jobs": 0, "incident_budget": 2, "pilot_disabled": 0}, state["skipped"])
            wait_for(lambda: self.ready_pilot(True)["rate_limit"]["current"] == 3, 5, "readiness to count them")
            self.stack.sql(f"update jobs set created_at = created_at - interval '1 hour' where tenant_id = '{PILOT}'")
            self.assertEqual(self.budget(0, INVOICES_PER_HOUR), self.state()["invoices"])

    def test_smoke_runs_are_not_counted(self):
        self.assertEqual(200, self.upload(self.stack.unique_pdf("mismatch-s2"), tenant=PILOT).status)
        self.stack.sql(f"update jobs set smoke = true where tenant_id = '{PILOT}'")
        self.assertEqual(self.budget(0, INVOICES_PER_HOUR), self.state()["invoices"])

    def test_skipped_jobs(self):
        with self.stack.settings("worker", PILOT_ENABLED=False):
            self.assertEqual("SKIPPED", self.upload(self.stack.unique_pdf(), tenant=PILOT).json["status"])
        state = self.state()
        self.assertEqual((1, 1), (state["skipped"]["jobs"], state["invoices"]["used"]))

    def test_lowered_limit(self):
        """More was used than there is now: nothing remains, and not less than nothing."""
        for _ in range(2):
            self.assertEqual(200, self.upload(self.stack.unique_pdf(), tenant=PILOT).status)
        with self.stack.settings("admin", PILOT_MAX_INVOICES_PER_HOUR=1):
            invoices = self.state()["invoices"]
        self.assertEqual((2, 1, 0), (invoices["used"], invoices["limit"], invoices["remaining"]))


class IncidentBudget(PilotCase):
    def test_over_the_limit(self):
        mark = len(self.stack.log_text("worker-1"))
        answers = self.upload_all(self.documents(INCIDENTS_PER_HOUR + 5, "mismatch-s2"))
        self.assertEqual({200}, {a.status for a in answers})
        skipped = [a.json for a in answers if a.json["incident_skipped"]]
        self.assertEqual(5, len(skipped))
        for done in skipped:
            self.assertEqual(("SUCCEEDED", None, "incident_budget", "mismatch"),
                             (done["status"], done["incident"], done["incident_skipped"], done["audit"]["outcome"]))
        self.assertEqual(INCIDENTS_PER_HOUR, self.stack.value("select count(*) from incidents", "app", PILOT))
        self.assert_warned({done["job_id"] for done in skipped}, mark)
        self.assert_others_open_theirs()

    def assert_warned(self, jobs, mark):
        def warned():
            events = self.stack.log("worker-1", "incident.skipped", mark)
            return {e["job_id"] for e in events if e["level"] in ("warn", "warning")} >= jobs
        wait_for(warned, what="a warning for each")

    def assert_others_open_theirs(self):
        done = self.upload_done(self.stack.unique_pdf("mismatch-s2"))
        self.assertIsNotNone(done["incident"])
        self.assertIsNone(done["incident_skipped"])

    def test_repeated_incident_costs_nothing(self):
        """The same invoice again is counted on its incident, also with the budget used up."""
        with self.stack.settings("worker", PILOT_MAX_INCIDENTS_PER_HOUR=1):
            document = self.stack.unique_pdf("mismatch-s2")
            first = self.upload(document, tenant=PILOT).json["incident"]
            again = self.upload(document, tenant=PILOT, query={"force": "true"}).json
        self.assertEqual((first["id"], 2), (again["incident"]["id"], again["incident"]["occurrence_count"]))
        self.assertIsNone(again["incident_skipped"])


if __name__ == "__main__":
    unittest.main()
