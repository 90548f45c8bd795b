"""Time passes at once: all that has happened lies further back.

    timelapse.pass_by(self.stack, "15 minutes")

Every process keeps the real time, and everything that is decided is decided by the database's clock:
so the rows of the past are moved, all in one transaction, and whoever looks at them sees what it
would see that much later.  What is under way stays under way: leases, logins, heartbeats, the
provider's state.  What is counted by the minute or by the day moves when a whole one has passed
since the first call.  Times inside of JSON (an alert's inputs, a written run summary) stay as they
were written.

    timelapse.evaluated(self.stack)     the watchdog has judged what is there now

"""
import subprocess

from harness import wait_for

# Every column of the schema that is a time or a day: in one of these two tables, or test_timelapse fails.
MOVES = {
    "access_log_positions": ["changed_at"],
    "alert_deliveries": ["created_at", "due_at", "delivered_at", "given_up_at"],
    "alert_silences": ["created_at", "ends_at", "ended_at"],
    "alerts": ["pending_at", "fired_at", "escalated_at", "clear_since", "notified_at", "resolved_at", "stopped_at"],
    "audit_log": ["at"],
    "days_done": ["summaries", "figures"],
    "decisions": ["at"],
    "documents": ["created_at", "content_at"],
    "front_door_daily": ["day"],
    "front_door_minutes": ["minute"],
    "idempotency_keys": ["created_at"],
    "incident_feedback": ["created_at", "changed_at"],
    "incidents": ["created_at", "last_seen_at", "changed_at", "resolved_at"],
    "invoices": ["created_at"],
    "jobs": ["created_at", "run_at", "started_at", "finished_at", "retried_at"],
    "latency_baselines": ["measured_at"],
    "login_failures": ["minute"],
    "metric_totals_end": ["until"],
    "pilot_switch": ["changed_at"],
    "provider_calls": ["created_at"],
    "ready_samples": ["at"],
    "rollbacks": ["created_at", "started_at", "finished_at"],
    "run_summaries": ["day", "created_at"],
    "worker_heartbeats": ["claimed_at"],
}
STAYS = {
    "access_log_positions": ["caught_up_at"],
    "alert_deliveries": ["lease_until"],
    "api_keys": ["created_at", "revoked_at"],
    "daily_figures": ["day"],  # made anew, as its invoices move
    "invoices": ["issue_date"],
    "jobs": ["lease_until"],
    "provider_state": ["blocked_until", "changed_at"],
    "resolved_changes": ["day"],  # likewise: its incidents
    "schema_migrations": ["applied_at"],
    "sessions": ["created_at", "expires_at", "ended_at"],
    "watch_leader": ["since", "seen_at", "evaluated_at"],
    "weekly_sellers": ["week"],  # likewise
    "worker_heartbeats": ["started_at", "seen_at", "stopped_at"],
}
WHOLE = {"minute": 60, "day": 86400}  # columns that move by whole ones of so many seconds
# Of a job that runs, when it was due is part of its claim.
MOVES_WHEN = {("jobs", "run_at"): "state <> 'RUNNING'"}
# A row must not be taken for the one that it passes by on its way: all go far away, and come back.
UNIQUE = {"front_door_daily", "front_door_minutes", "login_failures", "ready_samples", "run_summaries"}
FAR = 700000 * 86400


def assignment(table, column, seconds):
    """`column = ...` that moves it."""
    name = f'"{column}"'
    moved = f"{name} - {seconds // 86400}" if column == "day" else f"{name} - interval '{seconds} seconds'"
    when = MOVES_WHEN.get((table, column))
    return f"{name} = case when {when} then {moved} else {name} end" if when else f"{name} = {moved}"


def updates(table, passed, seconds):
    """The statements that move the table's rows `seconds` back, when `passed` of them are over already."""
    def whole(unit):
        return ((passed + seconds) // unit - passed // unit) * unit
    shift = {column: whole(WHOLE.get(column, 1)) for column in MOVES[table]}
    shifts = [shift]
    if table in UNIQUE:
        shifts = [{column: by + FAR for column, by in shift.items()}, dict.fromkeys(shift, -FAR)]
    return [f"update {table} set {', '.join(assignment(table, column, by) for column, by in s.items())}" for s in shifts]


def pass_by(stack, interval):
    """What a PostgreSQL interval as "15 minutes" or "36 hours" does to the stack's rows."""
    seconds = int(stack.value(f"select extract(epoch from interval '{interval}')::bigint"))
    record = stack.dir / "passed"
    passed = int(record.read_text()) if record.exists() else 0
    statements = [s for table in MOVES for s in updates(table, passed, seconds)]
    as_superuser(stack, "begin; set local session_replication_role = replica; set local timezone = 'UTC';"
                        f" lock table {', '.join(MOVES)} in exclusive mode;" + ";".join(statements) + "; commit")
    record.write_text(str(passed + seconds))


def evaluated(stack, timeout=90):
    """Waits for an evaluation of the rules that begins now or later, and returns its time."""
    asked = stack.sql("select clock_timestamp()")[0][0]
    return wait_for(lambda: stack.sql(
        f"select evaluated_at from watch_leader where evaluated_at > '{asked}'"), timeout, "an evaluation")[0][0]


def as_superuser(stack, sql):
    """Past append-only tables and triggers.  Again where a lock or a deadlock was in the way."""
    secrets = dict(line.split(" ", 1) for line in (stack.dir / "conf" / "secrets").read_text().splitlines())
    environment = stack.psql_environment("owner") | {"PGUSER": "postgres", "PGPASSWORD": secrets["postgres"]}
    for _ in range(10):
        done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"], input=sql, text=True, env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, check=False)
        if "deadlock detected" not in done.stdout:
            break
    if done.returncode != 0:
        raise RuntimeError(done.stdout)
