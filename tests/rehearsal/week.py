"""The rehearsed week: its stack, its clock, and what clients, operators and engineers do with it.

Times are the week's.  Day 0 begins when the rehearsal does; what lies between two steps is passed by
moving the rows of the past (tests/integration/timelapse.py).  Every process keeps the real time, and
the watchdog evaluates every second, so that nobody waits.
"""
import concurrent.futures
import datetime
import json
import shutil
import socket
import subprocess
import unittest

import timelapse
from messages import Messages
from releases import Root, make_release
from harness import PILOT, ROOT, Stack, environment, wait_for

CLIENTS = 25
# The provider as it is on a good day; the latency rule compares with this.
PROVIDER = {"ms": 450, "jitter_ms": 150}
SETTINGS = {
    "WATCH_INTERVAL_SECONDS": 1,
    "WORKERS": 2,  # one works on while the other is replaced
    "RETRY_MAX_MS": 2000,
    "SYNC_WAIT_MS": 30000,
}
# Fifty invoices by the seed's target rates: S2 under 20 % of invoices, rounding 5-15 %, and in
# every other hour one S1 in place of an S2 (under 10 % of incidents).
HOUR = {"electricity-exact": 30, "services-en-exact": 7, "minor": 1, "rounding": 4, "mismatch-s2": 8}

GOOD, BAD = "git:rehearsal-good", "git:rehearsal-bad"
CHANNELS = {  # seed 8.1
    "ready_503": {"slack_alerts", "pagerduty"},
    "queue_stuck": {"slack_alerts", "pagerduty"},
    "error_5xx": {"slack_alerts", "pagerduty"},
    "s1_spike": {"slack_alerts"},
    "latency_spike": {"slack_alerts"},
    "feedback_drop": {"slack_product"},
}


class Week:
    def __init__(self, directory):
        self.dir = directory
        self.check = unittest.TestCase()
        self.check.maxDiff = None
        self.stack = Stack("stack", **SETTINGS)
        self.notes = directory / "week.json"
        self.messages = None

    # --- What one step leaves for the next, which may be another process

    def note(self, **values):
        self.notes.write_text(json.dumps(self.noted() | values, indent=1))

    def noted(self):
        return json.loads(self.notes.read_text()) if self.notes.exists() else {}

    # --- Up and down

    def open(self):
        """The stack as a step before left it, which now speaks to this process's receivers."""
        self.messages = Messages(self)
        if (self.stack.dir / "env").exists():
            self.stack.read_env()
            self.stack.restart("watchdog", **self.messages.settings())

    def close(self):
        self.messages.close()

    def bring_up(self):
        """A new stack, and the good release deployed on it."""
        self.stack.down()
        for left in (self.dir / "sent", self.notes, *self.dir.glob("*.state")):
            left.unlink(missing_ok=True)
        root = Root(self.stack)
        self.note(began=datetime.datetime.now(datetime.timezone.utc).isoformat(), refused=0)
        port = free_port()
        url = f"https://localhost:{port}"
        self.stack.initial |= self.messages.settings() | {
            "MIZAN_PORT": port,
            "AUTO_STOP": True,
            "AUTO_ROLLBACK": True,
            "ROLLBACK_COMMAND": " ".join([f"{ROOT}/scripts/rollback", "--leave", '"$ROLLBACK_BUILD_ID"', *root.arguments()]),
            "READY_URL": f"{url}/health/ready",
            "READY_CA_FILE": self.stack.dir / "tls" / "ca.pem",
            "PUBLIC_URL": url,
        }
        self.stack.up()
        self.deploy(GOOD)

    def down(self):
        self.stack.down()

    def deploy(self, build_id):
        """scripts/deploy, as an engineer calls it."""
        self.command(ROOT / "scripts" / "deploy", tarball(self.dir, build_id), "--root", self.dir / "releases",
                     "--manager", f"stack:{self.stack.dir}")
        self.check.assertEqual(build_id, self.build())

    def build(self):
        """As GET /health/ready names it."""
        return self.stack.ready().json["build_id"]

    # --- The clock

    def now(self):
        """The week's time."""
        passed = self.stack.dir / "passed"
        seconds = int(passed.read_text()) if passed.exists() else 0
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)

    def day(self):
        began = datetime.datetime.fromisoformat(self.noted()["began"])
        return (self.now().date() - began.date()).days

    def go_to(self, day, clock):
        """Passes the time until then."""
        hours, minutes = map(int, clock.split(":"))
        began = datetime.datetime.fromisoformat(self.noted()["began"]).date()
        midnight = datetime.datetime.combine(began, datetime.time(tzinfo=datetime.timezone.utc))
        then = midnight + datetime.timedelta(days=day, hours=hours, minutes=minutes)
        self.pass_by((then - self.now()).total_seconds())

    def pass_by(self, seconds):
        if seconds < 0:
            raise RuntimeError(f"it is {-seconds:.0f} s past that, on day {self.day()}: steps are played in order")
        if seconds >= 1:
            self.counted()  # or the requests of just now would come after it
            timelapse.pass_by(self.stack, f"{int(seconds)} seconds")

    def age(self, since):
        """Seconds of the database's time since a time in SQL."""
        return float(self.stack.sql(f"select extract(epoch from clock_timestamp() - ({since}))")[0][0])

    def whole_days(self, days):
        """The week's time of day is the real one again, so that its days are the database's."""
        self.pass_by(days * 86400 - int((self.stack.dir / "passed").read_text()))

    def until_age(self, since, seconds):
        """Passes time until that time in SQL lies so far back."""
        self.pass_by(seconds - self.age(since))

    # --- What is told on the terminal

    def title(self, text):
        print(f"\n{text}", flush=True)

    def say(self, text):
        print(f"  day {self.day()} {self.now():%H:%M}  {text}", flush=True)

    def tick(self, text="."):
        print(text, end="", flush=True)

    # --- Clients

    def document(self, name):
        """A new invoice of that kind, that is remembered."""
        document = self.stack.unique_pdf(name)
        with (self.dir / "sent").open("a") as sent:
            sent.write(document.sha256 + "\n")
        return document

    def upload(self, names, **options):
        """Uploads one new invoice of each kind, CLIENTS at a time; the answers."""
        documents = [self.document(name) for name in names]
        options.setdefault("tenant", PILOT)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(lambda d: self.stack.upload(d, **options), documents))

    def processed(self, names):
        """The same, each processed at once."""
        answers = self.upload(names)
        self.check.assertEqual({200: len(names)}, count(a.status for a in answers), next(
            (str(a) for a in answers if a.status != 200), ""))
        return answers

    def folder(self, name, kinds):
        """A folder of new invoices."""
        folder = self.dir / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for i, kind in enumerate(kinds):
            (folder / f"{i:03}-{kind}.pdf").write_bytes(self.document(kind).content)
        return folder

    # --- Commands, as an engineer types them

    def command(self, *words, expect=0, **variables):
        """scripts/… in the stack's environment; its output.  expect: exit status, None: any."""
        keys = ("MIZAN_URL", "MIZAN_CACERT", "API_KEY", "ADMIN_API_KEY", "DATABASE_OWNER_URL")
        done = subprocess.run(
            [str(w) for w in words], cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, check=False,
            env=environment(variables) | {k: self.stack.env[k] for k in keys if k in self.stack.env})
        if expect is not None:
            self.check.assertEqual(expect, done.returncode, f"{' '.join(map(str, words))}: {done.stdout}")
        return done

    def operator(self, method, path, body=None, expect=200, **options):
        """A call with an operator's key; its JSON."""
        answer = self.stack.admin(method, path, body, **options)
        self.check.assertEqual(expect, answer.status, answer)
        return answer.json

    def resolve(self, incident, feedback=None):
        self.operator("PATCH", f"/admin/incidents/{incident}", {"status": "RESOLVED"})
        if feedback:
            self.operator("PATCH", f"/admin/incidents/{incident}/feedback", feedback)

    def resolve_all(self, incidents):
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(self.resolve, incidents))

    def switch_pilot_on(self, reason):
        self.operator("PUT", "/admin/pilot", {"enabled": True, "reason": reason})

    # --- What the watchdog makes of it

    def evaluated(self):
        """The rules have been evaluated on all that is there now, the access log included."""
        self.counted()
        timelapse.evaluated(self.stack)

    def counted(self):
        """Every request that was answered is in front_door_minutes."""
        log = self.stack.dir / "log" / "access.log"
        size = log.stat().st_size
        wait_for(lambda: self.stack.value("select max(position) from access_log_positions") >= size, 10, "the count")

    def current(self):
        """Alerts that are pending or firing, by rule."""
        rows = self.stack.sql("select row_to_json(a) from alerts a where state <> 'resolved'")
        return {a["rule"]: a for a in (json.loads(row) for row, in rows)}

    def quiet(self, why=None, firing=(), pending=()):
        """Only these rules fire, only these may be pending, and nothing was said."""
        self.evaluated()
        current = self.current()
        self.check.assertEqual(set(firing), {r for r, a in current.items() if a["state"] == "firing"}, current)
        self.check.assertLessEqual({r for r, a in current.items() if a["state"] == "pending"}, set(pending), current)
        self.check.assertEqual([], self.messages.new())
        if why:
            self.say(f"{why}: no alert")

    def fires(self, rule, decision, carried_out, **inputs):
        """The rule, and no other, fires now: its decision, the inputs of it, and its messages.  The alert."""
        self.evaluated()
        alert = self.decided(rule, decision, carried_out, inputs)
        self.check.assertEqual([rule], [r for r, a in self.current().items() if a["state"] == "firing"])
        self.said(alert, "firing")
        self.say(f"{rule} fires: {decision}, {carried_out}")
        return alert

    def escalates(self, rule, decision, carried_out):
        self.evaluated()
        self.said(self.decided(rule, decision, carried_out, {}), "escalated")
        self.say(f"{rule} escalates: {decision}, {carried_out}")

    def decided(self, rule, decision, carried_out, inputs):
        """The alert as it stands, with the latest decision."""
        alert = self.current()[rule]
        latest = json.loads(self.stack.value(
            f"select row_to_json(d) from decisions d where alert_id = '{alert['id']}' order by id desc limit 1"))
        self.check.assertEqual(("firing", decision, carried_out), (alert["state"], alert["decision"], alert["carried_out"]))
        self.check.assertEqual((decision, carried_out), (latest["decision"], latest["carried_out"]))
        self.check.assertLessEqual({"value", "threshold", "n", "min_samples", "window_seconds", "from", "to"}, set(latest["inputs"]))
        self.check.assertEqual(inputs, {k: latest["inputs"].get(k) for k in inputs}, latest["inputs"])
        return alert

    def said(self, alert, event):
        """One message on each of the rule's channels, and none elsewhere."""
        self.messages.expect(alert, event, CHANNELS[alert["rule"]])

    def ends(self, rule, reason):
        """Mended: it goes on firing for two minutes more, and is over then."""
        self.evaluated()
        alert = self.current()[rule]
        clear_since = f"select clear_since from alerts where id = '{alert['id']}'"
        self.check.assertEqual("firing", alert["state"])
        self.check.assertIsNotNone(alert["clear_since"], alert)
        self.until_age(clear_since, 110)
        self.quiet(firing={rule})
        self.until_age(clear_since, 121)
        self.evaluated()
        self.check.assertEqual({}, self.current())
        self.check.assertEqual(reason, self.stack.value(f"select resolved_reason from alerts where id = '{alert['id']}'"))
        self.said(alert, "resolved")
        self.say(f"{rule} is over: {reason}")

    def sampled(self):
        """The watchdog has asked for readiness once more."""
        asked = self.stack.sql("select clock_timestamp()")[0][0]
        wait_for(lambda: self.stack.value(f"select count(*) from ready_samples where at > '{asked}'"), 30, "a sample")


def make_releases(directory):
    """Two of this checkout: a good one, and one that answers every upload with 500."""
    make_release(GOOD, to=directory)
    make_release(BAD, bad="5xx", to=directory)


def tarball(directory, build_id):
    return directory / f"mizan-{build_id.replace(':', '-')}.tar.gz"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def count(values):
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts
