"""Day 7: the week's figures, as an operator gets them, and the seed's done criteria (1.3)."""
import collections
import datetime

from harness import PILOT, wait_for

DAYS = 7
EXPECTED = ["ready_503", "s1_spike", "error_5xx", "queue_stuck", "latency_spike", "feedback_drop"]
COLUMNS = "{:<16} {:>8} {:>9} {:>8} {:>8} {:>9} {:>5}  {}"


def report(week):
    week.title("Day 7: the week's report")
    week.whole_days(DAYS)
    today = datetime.date.fromisoformat(week.stack.sql("select utc_today()")[0][0])
    first = today - datetime.timedelta(DAYS)
    write_summaries_again(week, first)
    days = week.operator("GET", "/admin/run-summary", query={
        "tenant_id": PILOT, "from": first, "to": today - datetime.timedelta(1)})["run_summaries"]
    alerts = all_alerts(week)
    table(first, days, alerts)
    nothing_lost(week)
    done_criteria(week, days)
    week.check.assertEqual(EXPECTED, [a["rule"] for a in alerts if a["fired_at"]])
    week.check.assertEqual([], [a for a in alerts if a["state"] != "resolved" or a["undelivered"]])


def write_summaries_again(week, first):
    """By the watchdog, as at each midnight: those of the week are of hours at which a step was played."""
    since = len(week.stack.log_text("watchdog"))
    week.stack.sql(f"delete from run_summaries where tenant_id = '{PILOT}'; update days_done set summaries = '{first} 00:00Z'")
    wait_for(lambda: week.stack.value("select summaries >= utc_day(utc_today()) from days_done") == "t", 60, "the run summaries")
    lines = [e for e in week.stack.log("watchdog", "run_summary", since) if e["tenant_id"] == PILOT]
    week.check.assertEqual(DAYS - 1, len(lines), "days with invoices, all but day 0")
    week.say(f"the watchdog has logged the run summaries of days 1 to {len(lines)}")


def all_alerts(week):
    """The oldest first, each with its decisions."""
    alerts, cursor = [], None
    while cursor is not None or not alerts:
        page = week.operator("GET", "/admin/alerts", query={"limit": 50} | ({"cursor": cursor} if cursor else {}))
        alerts += [week.operator("GET", f"/admin/alerts/{a['id']}") for a in page["alerts"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    return sorted(alerts, key=lambda a: a["pending_at"])


def table(first, days, alerts):
    print(COLUMNS.format("day", "invoices", "incidents", "S1 rate", "p95 ms", "coverage", "5xx", "alerts and decisions"))
    by_day = collections.defaultdict(list)
    for alert in alerts:
        if alert["fired_at"]:
            steps = ", ".join(f"{d['decision']} ({d['carried_out']})" for d in alert["decisions"])
            by_day[alert["fired_at"][:10]].append(f"{alert['rule']}: {steps}")
    for n, day in enumerate(days):
        date = str(first + datetime.timedelta(n))
        counts, rates = day["counts"], day["rates"]
        print(COLUMNS.format(
            f"{n}  {date}", counts["total_invoices"], counts["incident_count"], f"{rates['s1_rate']:.4f}",
            day["latency"]["p95_pipeline_total_ms"] or "-", f"{rates['feedback_coverage']:.4f}", day["errors"]["5xx"],
            "; ".join(by_day[date]) or "none"))


def nothing_lost(week):
    """Each document that was taken in was processed once, and those that were refused have no job."""
    sent = set((week.dir / "sent").read_text().split())
    jobs = collections.defaultdict(list)
    for sha256, state, invoices in week.stack.sql(
            "select encode(d.sha256, 'hex'), j.state, (select count(*) from invoices v where v.job_id = j.id)"
            " from documents d join jobs j on (j.tenant_id, j.document_id) = (d.tenant_id, d.id)"
            f" where d.tenant_id = '{PILOT}' and not j.smoke"):
        jobs[sha256].append((state, invoices))
    week.check.assertEqual({}, {s: j for s, j in jobs.items() if j != [("SUCCEEDED", "1")]})
    week.check.assertEqual(set(), set(jobs) - sent)
    week.check.assertEqual(week.noted()["refused"], len(sent - set(jobs)))
    week.say(f"{len(jobs)} documents accepted, each processed once; {len(sent - set(jobs))} refused; none lost")


def done_criteria(week, days):
    samples, ready = map(int, week.stack.sql(
        "select count(*), count(*) filter (where ready) from ready_samples where (at at time zone 'UTC')::date"
        " = (now() at time zone 'UTC')::date - 4")[0])
    health = week.operator("GET", "/admin/system-health", query={"tenant_id": PILOT, "period_days": DAYS + 1})
    coverage = health["current_period"]["feedback_coverage"]
    for done, what in (
            (samples == ready > 24, f"/health/ready is 200 for a day: {ready} of {samples} samples of day 3"),
            (all(d["counts"]["total_invoices"] for d in days[1:]), "each day has its run summary"),
            (health["current_period"]["total_invoices"] > 2400, "system health is made of the week's invoices"),
            (coverage > 0, f"operators gave feedback: coverage {coverage:.4f}")):
        print(f"  [{'x' if done else ' '}] {what}")
        week.check.assertTrue(done, what)
