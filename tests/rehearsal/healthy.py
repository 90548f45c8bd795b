"""Days 0 to 3: deploy, the first ten invoices, fifty an hour; nothing is wrong, and nobody is called."""
import json

from week import HOUR, PROVIDER
from harness import PILOT, ROOT

FEEDBACK = {"action_taken": "VERIFIED_LOGIC", "was_hint_correct": True, "actual_root_cause": "a line is missing",
            "resolution_time_seconds": 240}


def day0(week):
    """Deploy to staging: check, and watch readiness for an hour."""
    week.title("Day 0: deploy")
    week.bring_up()
    week.say(f"build {week.build()} runs: scripts/deploy checked it")
    check_after_deploy(week)
    for _ in range(6):
        week.pass_by(600)
        week.evaluated()
    samples = week.stack.value("select count(*) from ready_samples")
    week.check.assertGreater(samples, 6)
    week.check.assertEqual(0, week.stack.value("select count(*) from ready_samples where not ready"))
    week.say(f"an hour of readiness: {samples} samples, all ready")
    nobody_was_called(week)


def check_after_deploy(week):
    said = week.command(ROOT / "scripts" / "post_deploy_check.py", "--expect-build", week.build()).stdout
    week.check.assertNotIn("FAIL", said)
    week.say(f"scripts/post_deploy_check.py: {said.count('OK:')} checks OK, exit 0")


def day1(week):
    """The pilot's first ten invoices, and their summary."""
    week.title("Day 1: the first ten invoices")
    week.go_to(1, "09:00")
    week.stack.sim.delay(**PROVIDER)
    table = pilot_run(week, "day1", ["electricity-exact"] * 6 + ["rounding", "minor", "mismatch-s2", "mismatch-s1"])
    week.say(f"scripts/pilot_run: {table['accepted']} accepted, S1 {table['s1']}, p95 {table['p95_pipeline_total_ms']} ms")
    days = week.operator("GET", "/admin/run-summary", query={"tenant_id": PILOT})["run_summaries"]
    week.check.assertEqual((10, 2, 1), tuple(days[-1]["counts"][k] for k in ("total_invoices", "incident_count", "s1_count")))
    week.say("GET /admin/run-summary has them")
    week.evaluated()
    nobody_was_called(week)


def pilot_run(week, name, kinds):
    folder = week.folder(name, kinds)
    done = week.command(ROOT / "scripts" / "pilot_run", "--json", "--jobs", 10, "--state", week.dir / f"{name}.state", folder)
    table = json.loads(done.stdout[done.stdout.index("{"):])
    week.check.assertEqual((len(kinds), 0), (table["accepted"], table["waiting"]), table)
    return table


def day2(week):
    """Twenty-four hours of fifty invoices."""
    week.title("Day 2: fifty invoices an hour, around the clock")
    pilot_day(week, 2, minute=0)


def day3(week):
    """And another day of it."""
    week.title("Day 3: the same, and operators' feedback")
    pilot_day(week, 3, minute=30)
    measured = week.stack.sql("select baseline_ms, hours, n from latency_baselines")
    week.check.assertEqual(1, len(measured))
    week.say("latency baseline: {} ms, from {} hours with {} invoices".format(*measured[0]))


def pilot_day(week, day, minute):
    for hour in range(24):
        # A little more than an hour apart: the pilot takes fifty in any sixty minutes.
        week.go_to(day, f"{hour:02}:{hour + minute:02}")
        kinds = [kind for kind, n in HOUR.items() for _ in range(n)]
        if hour % 2:
            kinds[-1] = "mismatch-s1"
        if hour == 10:
            pilot_run(week, f"day{day}", kinds)
        else:
            week.processed(kinds)
        week.evaluated()
        week.tick("." if hour < 23 else ".\n")
        if hour == 16:
            feedback(week, resolve=12, give=9)
    week.check.assertEqual(1200, week.stack.value(
        f"select count(*) from invoices where tenant_id = '{PILOT}' and not smoke and created_at > now() - interval '24 hours'"))
    week.say(f"{1200} invoices")
    nobody_was_called(week)


def feedback(week, resolve, give):
    """What operators do with the newest incidents, over HTTPS."""
    incidents = week.operator("GET", "/admin/incidents", query={
        "tenant_id": PILOT, "status": "OPEN", "limit": resolve})["incidents"]
    week.check.assertEqual(resolve, len(incidents))
    for n, incident in enumerate(incidents):
        week.resolve(incident["id"], FEEDBACK if n < give else None)


def nobody_was_called(week):
    """No rule spoke up, not even for a moment, and nothing was sent."""
    week.check.assertEqual([], week.stack.sql("select rule, state, inputs from alerts"))
    week.check.assertEqual([], week.messages.new())
    week.say("no alert, no message")
