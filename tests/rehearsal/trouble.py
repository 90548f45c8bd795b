"""Days 4 to 6: what goes wrong, who is told, at which moment, and what is decided.

Of each fault: nothing before the rule allows it, then the right alert and no other, and its end.
"""
from healthy import FEEDBACK, check_after_deploy
from week import BAD, GOOD, PROVIDER, count
from harness import PILOT, ROOT, wait_for

ASYNC = {"Prefer": "respond-async"}
# Seconds from the moment that a rule may fire: its next evaluation may take a while on a busy machine.
JUST_BEFORE, JUST_AFTER = -10, 1


def lasts(week, since, seconds):
    """Passes time until that time in SQL lies so far back, and readiness is asked for all the while."""
    while week.age(since) < seconds - 1:
        week.pass_by(min(50, seconds - week.age(since)))
        week.sampled()


def rate_limited(week):
    """The provider refuses for minutes: an older build could not mend it."""
    week.title("Day 4: the provider's rate limit")
    week.go_to(4, "10:00")
    week.stack.sim.fault("rate_limit", count=-1, retry_after=1)
    answers = week.upload(["electricity-exact"] * 6, headers=ASYNC)
    week.check.assertEqual({202: 6}, count(a.status for a in answers))
    wait_for(lambda: week.stack.ready().status == 503, 10, "not ready")
    pending = wait_for(lambda: week.current().get("ready_503"), 10, "ready_503")
    week.check.assertEqual("pending", pending["state"])
    week.say("429 from the provider: not ready, ready_503 is pending")
    since = "select min(at) from ready_samples where at > (select max(at) from ready_samples where ready)"
    lasts(week, since, 300 + JUST_BEFORE)
    week.quiet(pending={"ready_503", "queue_stuck"})  # nothing is processed either
    week.until_age(since, 300 + JUST_AFTER)
    week.sampled()
    alert = week.fires("ready_503", "INVESTIGATE", "advised")
    week.check.assertEqual((["openai_api"], True), (alert["inputs"]["failing_checks"], alert["inputs"]["provider_alone"]))
    week.stack.sim.clear_faults()
    for answer in answers:
        week.check.assertEqual("SUCCEEDED", week.stack.ended_job(answer.json["job_id"], 30)["status"])
    wait_for(lambda: week.stack.ready().status == 200, 10, "ready again")
    week.ends("ready_503", "clear")


def s1_wave(week):
    """Three S1 in ten: investigate, and when nobody mends it the pilot is stopped."""
    week.title("Day 4: an S1 wave")
    week.go_to(4, "14:00")
    week.processed(["mismatch-s2"] * 14 + ["mismatch-s1"] * 5)
    week.quiet("5 S1 of 19 incidents: too few to say anything")
    week.processed(["mismatch-s1"])
    week.quiet("6 of 20: 30 %, not over it")
    week.processed(["mismatch-s1"])
    alert = week.fires("s1_spike", "INVESTIGATE", "advised", s1=7, incidents=21, value=0.3333)
    since = f"select fired_at from alerts where id = '{alert['id']}'"
    week.until_age(since, 900 + JUST_BEFORE)
    week.evaluated()
    week.check.assertTrue(week.operator("GET", "/admin/pilot")["enabled"])
    week.until_age(since, 900 + JUST_AFTER)
    week.escalates("s1_spike", "STOP", "done")
    pilot = week.operator("GET", "/admin/pilot")
    week.check.assertEqual((False, "watchdog"), (pilot["enabled"], pilot["changed_by"]))
    week.check.assertRegex(pilot["reason"], r"^s1_spike: S1 7 of 21 incidents \(0\.3333 > 0\.3\) in 60 min")
    refused = week.upload(["electricity-exact"])[0]
    week.check.assertEqual((403, "pilot_disabled"), (refused.status, refused.json["code"]))
    week.command(ROOT / "scripts" / "pilot_run", "--state", week.dir / "stopped.state",
                 week.folder("stopped", ["electricity-exact"]), expect=3)
    week.note(refused=2)
    week.say(f"the pilot is off: {pilot['reason']}; scripts/pilot_run ends with 3")
    week.pass_by(3600)
    week.ends("s1_spike", "too_few_samples")
    week.switch_pilot_on("the supplier's invoices were wrong indeed")


def bad_build(week):
    """A build that passes its check and fails people's uploads: back to the one before."""
    week.title("Day 5: a bad build")
    week.go_to(5, "10:00")
    week.deploy(BAD)
    check_after_deploy(week)
    week.say(f"{BAD} is deployed, and passes its check")
    week.pass_by(3700)
    answers = week.upload(["electricity-exact"] * 19)
    week.check.assertEqual({500: 19}, count(a.status for a in answers))
    week.quiet("19 requests answered with 500: too few to say anything")
    week.upload(["electricity-exact"])
    week.note(refused=week.noted()["refused"] + 20)
    alert = week.fires("error_5xx", "ROLLBACK", "ordered", errors=20, requests=20, value=1)
    week.check.assertEqual(BAD, alert["build_id"])
    finished = wait_for(lambda: week.stack.sql(
        f"select exit_status, output from rollbacks where build_id = '{BAD}' and finished_at is not null"),
        120, "the end of ROLLBACK_COMMAND")
    week.check.assertEqual("0", finished[0][0], finished[0][1])
    week.check.assertEqual(GOOD, week.build())
    week.check.assertEqual("done", week.current()["error_5xx"]["carried_out"])
    week.said(alert, "repeated")
    week.say(f"scripts/rollback went back to {GOOD}, and whoever heard of the order hears of it")
    week.check.assertFalse(week.operator("GET", "/admin/pilot")["enabled"])
    week.switch_pilot_on("rolled back")
    check_after_deploy(week)
    week.pass_by(660)
    week.processed(["electricity-exact"] * 20)
    week.ends("error_5xx", "clear")


CLAIM = "execute on function claim_jobs(text, integer, integer, text, boolean)"


def stuck_queue(week):
    """Workers live, and the database gives them no job: somebody took away the right to ask for one.
    Invoices pile up.  AUTO_ROLLBACK is off from here on: people decide."""
    week.title("Day 6: a stuck queue")
    week.go_to(6, "09:00")
    week.stack.restart("watchdog", AUTO_STOP=False, AUTO_ROLLBACK=False)
    week.evaluated()
    week.stack.sql(f"revoke {CLAIM} from public")
    answers = week.upload(["electricity-exact"], headers=ASYNC)
    since = f"select min(created_at) from jobs where state = 'QUEUED' and tenant_id = '{PILOT}'"
    lasts(week, since, 300)
    week.quiet()  # one job alone is no queue that grows
    answers += week.upload(["electricity-exact"] * 3, headers=ASYNC)
    lasts(week, since, 900 + JUST_BEFORE)
    week.quiet(pending={"queue_stuck"})  # and the workers are alive: ready_503 has nothing to say
    week.until_age(since, 900 + JUST_AFTER)
    week.sampled()
    week.fires("queue_stuck", "ROLLBACK", "advised", depth=4, consumed=0)
    week.check.assertEqual(GOOD, week.build())
    week.stack.sql(f"grant {CLAIM} to public")
    for answer in answers:
        week.check.assertEqual("SUCCEEDED", week.stack.ended_job(answer.json["job_id"], 30)["status"])
    week.ends("queue_stuck", "clear")


def latency_spike(week):
    """The provider is slow: investigate, and after half an hour say it again, louder."""
    week.title("Day 6: a latency spike")
    week.go_to(6, "13:00")
    baseline = week.stack.value("select baseline_ms from latency_baselines")
    week.stack.sim.delay(2 * baseline + 500)
    week.processed(["electricity-exact"] * 19)
    week.quiet(f"19 invoices slower than 2 x {baseline} ms: too few to say anything")
    week.processed(["electricity-exact"])
    alert = week.fires("latency_spike", "INVESTIGATE", "advised", n=20, baseline_ms=baseline)
    since = f"select fired_at from alerts where id = '{alert['id']}'"
    week.until_age(since, 1500)
    week.processed(["electricity-exact"] * 20)
    week.until_age(since, 1800 + JUST_BEFORE)
    week.quiet(firing={"latency_spike"})
    week.until_age(since, 1800 + JUST_AFTER)
    week.escalates("latency_spike", "INVESTIGATE", "advised")
    week.stack.sim.delay(**PROVIDER)
    week.pass_by(1860)
    week.processed(["electricity-exact"] * 20)
    week.ends("latency_spike", "clear")


def coverage_drop(week):
    """Incidents are resolved and nobody says why: the product owner is told."""
    week.title("Day 6: feedback coverage")
    week.go_to(6, "17:00")
    resolved, told = map(int, week.stack.sql(
        "select count(*), count(f.incident_id) from incidents i left join incident_feedback f"
        f" on (f.tenant_id, f.incident_id) = (i.tenant_id, i.id) where i.tenant_id = '{PILOT}' and i.status = 'RESOLVED'")[0])
    incidents = [row[0] for row in week.stack.sql(
        f"select id from incidents where tenant_id = '{PILOT}' and status = 'OPEN' order by created_at desc"
        f" limit {10 * told - resolved + 1}")]
    week.check.assertEqual(10 * told - resolved + 1, len(incidents))
    *most, last = incidents
    week.resolve_all(most)
    week.quiet(f"feedback on {told} of {10 * told} resolved incidents: 10 %, not under it")
    week.resolve(last)
    week.fires("feedback_drop", "INVESTIGATE", "advised", resolved_with_feedback=told, resolved=10 * told + 1)
    for incident in incidents[:20]:
        week.operator("PATCH", f"/admin/incidents/{incident}/feedback", FEEDBACK)
    week.ends("feedback_drop", "clear")
