#!/usr/bin/env python3
"""Whether a build that was just deployed does its work; and if not, whether to go back.

usage: scripts/post_deploy_check.py [--url URL] [--tenant TENANT] [--wait SECONDS] [--json]
                                    [--cacert FILE] [--expect-build ID] [--expect-config HASH]

  --url            the installation's address (API_BASE_URL, else MIZAN_URL)
  --tenant         whose smoke run, figures and feedback are looked at (the pilot's)
  --wait           wait up to that many seconds for it to become ready (0)
  --json           one JSON object instead of lines
  --cacert         the authority that signed its certificate (MIZAN_CACERT, else the system's)
  --expect-build   the build_id that must be serving
  --expect-config  the config_hash that must be in effect

The operator's key comes from the environment alone: ADMIN_API_KEY, else API_KEY.  It must be one
that may change things, for a smoke run is paid for.

Each step prints OK:, WARN: or FAIL:, and what to do:

  ready      GET /health/ready, until it is ready; the build expected serves
  config     GET /admin/config, whose SHA-256 is the config_hash; the one expected is in effect
  smoke      uploads are answered; POST /admin/smoke/run sends the built-in invoice through it all
  health     GET /admin/system-health; a metric past its alarm threshold is a warning
  feedback   its statistics are read, and feedback for an incident that nobody has is refused by
             the database: the whole way of a write, with nothing written

Exit status, the first that applies:

  0   all passed, perhaps with warnings          done
  1   ready failed; nothing else was tried       roll back
  2   smoke failed                               roll back
  3   feedback failed                            investigate
  4   partial success                            investigate

4 is all that says nothing against the build's work: config or health failed, the key is refused or
may change nothing, too many smoke runs or requests at once.  64 is wrong usage, 130 an interruption.
"""
import argparse
import datetime
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse

READY, SMOKE, FEEDBACK, PARTIAL, USAGE, INTERRUPTED = 1, 2, 3, 4, 64, 130
RESULTS = {0: ("passed", "none"), READY: ("ready_failed", "roll back"), SMOKE: ("smoke_failed", "roll back"),
           FEEDBACK: ("feedback_failed", "investigate"), PARTIAL: ("partial", "investigate")}
MAX_ANSWER = 1 << 20
QUICK, PATIENT = 15, 90  # seconds for an answer; a smoke run takes 60 at the most
EVERY = 1.0  # seconds between two looks at a service that is coming up
TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
NOBODY = "00000000-0000-4000-8000-000000000000"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
NOT_UP = (502, 503, 504)
PAGE = "docs/operations.md"

# What to do about a check of /health/ready, by its reason.
ADVICE = {
    "unreachable": "is Postgres up, and DATABASE_URL right? health's log has ready.database",
    "schema_outdated": "run mizan-migrate: the schema is older than this build",
    "read_only": "the database takes nothing in: a standby, or default_transaction_read_only",
    "slow": "look for load and locks in pg_stat_activity",
    "rate_limited": "the provider's doing, which an older build cannot mend: wait, or lower WORKER_CONCURRENCY",
    "quota_exhausted": "the provider's doing, which an older build cannot mend: pay",
    "unauthorized": "the provider refuses OPENAI_API_KEY: put a new one into worker.env, restart the workers",
    "no_key": "put OPENAI_API_KEY into worker.env, restart the workers",
    "no_worker": "systemctl status 'mizan-worker@*', and its log: it did not start, or ended",
    "stuck": "read the worker's log; restarting the workers loses no job",
    "deep": "start more workers, if the provider allows it",
}


class Trouble(Exception):
    """No answer of HTTP.  hopeless: waiting will not mend it."""

    def __init__(self, message, advice, hopeless=False):
        super().__init__(message)
        self.advice = advice
        self.hopeless = hopeless


class Answer:
    """status, body (bytes), and json: the object it holds, else {}."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
        self.json = parsed if isinstance(parsed, dict) else {}

    def what(self):
        """Status and reason, as far as it gives one."""
        said = [str(self.status)]
        said += [str(self.json[name]) for name in ("code", "detail") if self.json.get(name)]
        said += [f"trace_id {self.json['trace_id']}"] if self.status >= 400 and self.json.get("trace_id") else []
        return ", ".join(said)


class Client:
    """Speaks with one installation: no proxy, no redirect, all within a time and a size."""

    def __init__(self, url, key, cacert):
        self.url = url
        self.address = urllib.parse.urlsplit(url)
        self.key = key
        self.tls = ssl.create_default_context(cafile=cacert) if self.address.scheme == "https" else None

    def connection(self, seconds):
        host, port = self.address.hostname, self.address.port
        if self.tls:
            return http.client.HTTPSConnection(host, port, timeout=seconds, context=self.tls)
        return http.client.HTTPConnection(host, port, timeout=seconds)

    def ask(self, method, path, query=None, body=None, keyed=True, seconds=QUICK):
        """An Answer, of whatever status but a redirect; else Trouble.

        In a thread, since neither the resolver nor a server that sends a byte now and then minds a time-out.
        """
        got = []
        thread = threading.Thread(target=lambda: got.append(self.exchange(method, path, query, body, keyed, seconds)),
                                  daemon=True)
        thread.start()
        thread.join(seconds)
        if not got:
            raise Trouble(f"no answer within {seconds} s", "is it overloaded, or a firewall in between?")
        if isinstance(got[0], Trouble):
            raise got[0]
        return got[0]

    def exchange(self, method, path, query, body, keyed, seconds):
        headers = {"Accept": "application/json", "User-Agent": "mizan-post-deploy-check"}
        if keyed:
            headers["X-Admin-Key"] = self.key
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        target = self.address.path + path + ("?" + urllib.parse.urlencode(query) if query else "")
        connection = self.connection(seconds)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            content = response.read(MAX_ANSWER + 1)
        except (OSError, UnicodeError, http.client.HTTPException) as e:
            return self.trouble(e)
        finally:
            connection.close()
        if 300 <= response.status < 400:
            return Trouble(f"redirected to {response.headers.get('Location')}", "give the address itself with --url", True)
        if len(content) > MAX_ANSWER:
            return Trouble("the answer is over 1 MiB", "is this Mizan's address?", True)
        return Answer(response.status, response.headers, content)

    def trouble(self, e):
        host = self.address.netloc
        if isinstance(e, ssl.SSLCertVerificationError):
            return Trouble(f"the certificate is not trusted: {e.verify_message}",
                           "--cacert FILE names the authority that signed it", True)
        if isinstance(e, ssl.SSLError):
            return Trouble(f"no TLS with {host}: {e.reason or e}", "does that port speak HTTPS?")
        if isinstance(e, (socket.gaierror, UnicodeError)):
            return Trouble(f"the name {self.address.hostname} is not known", "check --url, and the resolver")
        if isinstance(e, ConnectionRefusedError):
            return Trouble(f"{host} refuses connections", "is nginx running? systemctl status nginx")
        if isinstance(e, socket.timeout):
            return Trouble(f"{host} does not answer in time", "is it overloaded, or a firewall in between?")
        if isinstance(e, OSError):
            return Trouble(f"the connection to {host} failed: {e.strerror or e}", "look at nginx's error log")
        return Trouble(f"{host} does not speak HTTP: {type(e).__name__}", "does that port speak HTTPS, and not HTTP?")


class Step:
    """What one step found: (level, message, advice, exit code)."""

    def __init__(self, report, name, code):
        self.report = report
        self.name = name
        self.code = code
        self.findings = []
        self.seconds = 0.0

    def found(self, level, message, advice=None, code=0):
        finding = (level, self.report.clean(message), advice and self.report.clean(advice), code)
        self.findings.append(finding)
        self.report.show(self.name, finding)

    def ok(self, message):
        self.found("ok", message)

    def warn(self, message, advice):
        self.found("warn", message, advice)

    def fail(self, message, advice, code=None):
        self.found("fail", message, advice, code or self.code)

    def fail_answer(self, what, answer):
        """An answer that is not the one wanted; one that says nothing of the build counts as PARTIAL."""
        if answer.status in (401, 403):
            self.fail(f"{what}: {answer.what()}", "take an operator's key that reaches the tenant: ADMIN_API_KEY", PARTIAL)
        elif answer.status in (409, 429):
            self.fail(f"{what}: {answer.what()}", "wait a minute, and check again", PARTIAL)
        elif answer.status == 502:
            self.fail(f"{what}: {answer.what()}", "the process behind it does not run, or ends at once: read its log")
        elif answer.status == 200:
            self.fail(f"{what}: not the answer of this route", "is this Mizan's address?")
        else:
            self.fail(f"{what}: {answer.what()}", "find the trace_id in the logs")

    def status(self):
        levels = [level for level, *_ in self.findings]
        return next((level for level in ("fail", "warn", "ok") if level in levels), "not_run")


class Report:
    """All steps, printed as they come or at the end as JSON."""

    def __init__(self, options, secret):
        self.options = options
        self.secret = secret
        self.steps = []
        self.build_id = self.config_hash = None
        self.progressing = False
        self.started_at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def clean(self, text):
        """A stranger's text: no key, nothing that steers a terminal, not endless."""
        text = re.sub(r"[\x00-\x1f\x7f-\x9f]", "?", text.replace(self.secret, "***"))
        return text if len(text) <= 500 else text[:500] + "..."

    def say(self, line):
        """A reader that goes away does not end the check: its exit status is still wanted."""
        try:
            print(line, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def show(self, name, finding):
        level, message, advice, _ = finding
        self.end_progress()
        if not self.options.json:
            self.say(f"{level.upper()}: {name}: {message}" + (f"\n      {advice}" if advice else ""))

    def progress(self, waited, why):
        if sys.stderr.isatty():
            text = f"waiting, {waited:.0f} of {self.options.wait:.0f} s: {self.clean(why)}"
            sys.stderr.write("\r\x1b[K" + text[:max(20, terminal_columns() - 1)])
            sys.stderr.flush()
            self.progressing = True

    def end_progress(self):
        if self.progressing:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self.progressing = False

    def run(self, name, code, check, *arguments):
        step = Step(self, name, code)
        self.steps.append(step)
        began = time.monotonic()
        try:
            check(step, *arguments)
        except Trouble as e:
            step.fail(str(e), e.advice)
        step.seconds = time.monotonic() - began
        return step.status() != "fail"

    def exit_code(self):
        return min((code for step in self.steps for *_, code in step.findings if code), default=0)

    def finish(self):
        code = self.exit_code()
        result, action = RESULTS[code]
        if self.options.json:
            self.say(json.dumps({
                "url": self.options.url, "tenant_id": self.options.tenant, "started_at": self.started_at,
                "build_id": self.build_id, "config_hash": self.config_hash,
                "exit_code": code, "result": result, "action": action,
                "steps": [{"name": s.name, "status": s.status(), "ms": round(s.seconds * 1000), "findings": [
                    {"level": level, "message": message, "advice": advice} for level, message, advice, _ in s.findings]}
                    for s in self.steps]}))
        elif code:
            self.say(f"{result}: {action} (exit status {code})")
        else:
            warnings = sum(level == "warn" for s in self.steps for level, *_ in s.findings)
            self.say("all checks passed" + (f", with {warnings} warning(s)" if warnings else ""))
        return code


def terminal_columns():
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


# --- ready

def why_not_ready(answer, options):
    """(why, what to do about it) while it is not ready, else None."""
    checks = answer.json.get("checks")
    if answer.status == 503 and isinstance(checks, dict):
        failing = [(name, str(checks[name].get("reason"))) for name in checks
                   if isinstance(checks[name], dict) and checks[name].get("status") == "error"]
        why = "not ready: " + ", ".join(f"{name} ({reason})" for name, reason in failing)
        return why, "; ".join(ADVICE.get(reason, f"see {PAGE}, Readiness") for _, reason in failing)
    if answer.status == 502:
        return answer.what(), "health.fcgi does not run, or ends at once: read its log"
    if answer.status != 200 or answer.json.get("status") != "ready" or not isinstance(checks, dict):
        return f"{answer.what()}: not the answer of a ready Mizan", "is this Mizan's address?"
    if options.expect_build not in (None, answer.json.get("build_id")):
        return (f"ready, but the build is {answer.json.get('build_id')}, not {options.expect_build}",
                "the switch did not happen: was the new build installed, and everything restarted?")
    return None


def check_ready(step, client, options):
    began = time.monotonic()
    while True:
        hopeless = False
        try:
            answer = client.ask("GET", "/health/ready", keyed=False)
            not_ready = why_not_ready(answer, options)
        except Trouble as e:
            not_ready, hopeless = (str(e), e.advice), e.hopeless
        waited = time.monotonic() - began
        if not_ready is None:
            break
        if hopeless or waited >= options.wait:
            step.fail(not_ready[0] + (f" (waited {waited:.0f} s)" if options.wait else ""), not_ready[1])
            return
        step.report.progress(waited, not_ready[0])
        time.sleep(min(EVERY, max(0.0, options.wait - waited)))
    show_ready(step, answer.json)
    options.tenant = options.tenant or pilot_tenant(answer.json)


def pilot_tenant(ready):
    named = ready["pilot"].get("tenant_id") if isinstance(ready.get("pilot"), dict) else None
    return named if isinstance(named, str) and TENANT.fullmatch(named) else "pilot"


def show_ready(step, ready):
    report, checks = step.report, ready["checks"]
    report.build_id, report.config_hash = ready.get("build_id"), ready.get("config_hash")
    step.ok(f"build_id={report.build_id} config_hash={report.config_hash}")
    for name, check in checks.items():
        if isinstance(check, dict) and check.get("status") != "ok":
            reason = str(check.get("reason"))
            step.warn(f"{name} ({reason})", ADVICE.get(reason, f"see {PAGE}, Readiness"))
    pilot = ready.get("pilot")
    if isinstance(pilot, dict) and pilot.get("enabled") is False:
        step.warn("the pilot is switched off", "PUT /admin/pilot, or /admin/pilot in a browser, turns it on; who turned"
                  " it off, and why, is shown there")


# --- config

def ask_until_up(client, deadline, method, path, keyed=True):
    """Ready says nothing of admin.fcgi and full_process.fcgi, which may come up a moment later."""
    while True:
        answer = client.ask(method, path, keyed=keyed)
        if answer.status not in NOT_UP or time.monotonic() >= deadline:
            return answer
        time.sleep(EVERY)


def check_config(step, client, options, deadline):
    answer = ask_until_up(client, deadline, "GET", "/admin/config")
    if answer.status != 200 or not answer.json:
        step.fail_answer("GET /admin/config", answer)
        return
    shown = "sha256:" + hashlib.sha256(answer.body).hexdigest()[:16]
    ready = step.report.config_hash
    if shown != ready:
        step.fail(f"admin.fcgi's configuration is {shown}, health.fcgi's {ready}",
                  "give all processes the same mizan.env, and restart them")
    if options.expect_config not in (None, ready):
        step.fail(f"config_hash is {ready}, not {options.expect_config}",
                  "compare GET /admin/config with the snapshot of the configuration that was meant")
    if step.status() == "not_run":
        step.ok(f"{shown} is the hash of what GET /admin/config answers")


# --- smoke

def check_uploads(step, client, deadline):
    """full_process.fcgi, of which neither ready nor the smoke run knows: it asks for a key."""
    answer = ask_until_up(client, deadline, "POST", "/full-process", keyed=False)
    if answer.status == 401:
        step.ok("uploads are answered")
    else:
        step.fail_answer("POST /full-process", answer)


def check_smoke(step, client, options, deadline):
    check_uploads(step, client, deadline)
    answer = client.ask("POST", "/admin/smoke/run", {"tenant_id": options.tenant}, seconds=PATIENT)
    run, stages = answer.json, answer.json.get("stages")
    if answer.status != 200 or not isinstance(stages, list):
        step.fail_answer("POST /admin/smoke/run", answer)
    elif run.get("status") == "passed":
        step.ok(f"smoke run passed in {run.get('total_ms')} ms, job {run.get('job_id')}")
    else:
        at = next((s for s in stages if isinstance(s, dict) and s.get("status") == "failed"), {})
        error = run.get("error") if isinstance(run.get("error"), dict) else {}
        advice = ADVICE.get(str(error.get("code")), f"GET /admin/jobs/{run.get('job_id')} and the worker's log have the rest")
        step.fail(f"smoke run failed at {at.get('name')}: {error.get('code')}: {at.get('detail')}", advice)


# --- health and feedback

def check_health(step, client, options):
    answer = client.ask("GET", "/admin/system-health", {"tenant_id": options.tenant}, seconds=2 * QUICK)
    period, metrics = answer.json.get("current_period"), answer.json.get("metrics")
    if answer.status != 200 or not isinstance(period, dict) or not isinstance(metrics, list):
        step.fail_answer("GET /admin/system-health", answer)
        return
    step.ok(f"{period.get('total_invoices')} invoices and {period.get('incident_count')} incidents since {period.get('start_date')}")
    for metric in metrics:
        if isinstance(metric, dict) and metric.get("state") == "alarm":
            step.warn(f"{metric.get('name')} is {metric.get('value')} (n={metric.get('n')}, alarm {metric.get('alarm')})",
                      "most of these days were the build's before: compare /admin/system-health later")


def check_feedback(step, client, options):
    tenant = {"tenant_id": options.tenant}
    answer = client.ask("GET", "/admin/feedback-stats", tenant)
    stats = [answer.json.get(name) for name in ("feedback_coverage", "resolved_with_feedback", "resolved_total")]
    if answer.status != 200 or not all(isinstance(n, (int, float)) for n in stats):
        step.fail_answer("GET /admin/feedback-stats", answer)
    else:
        coverage, given, resolved = stats
        step.ok(f"coverage {coverage}, {given} of {resolved} resolved" if resolved else "no incident is resolved yet")
        if resolved >= 20 and coverage < 0.1:
            step.warn(f"coverage {coverage} is under 0.10", "the product owner's: remind the operators")
    answer = client.ask("PATCH", f"/admin/incidents/{NOBODY}/feedback", tenant, {
        "action_taken": "NO_ACTION_REQUIRED", "was_hint_correct": True, "actual_root_cause": None,
        "resolution_time_seconds": 0})
    if answer.status == 404 and answer.json.get("code") == "incident_not_found":
        step.ok("a write reaches the database")
    else:
        step.fail_answer("PATCH /admin/incidents/{id}/feedback", answer)


# --- main

class Parser(argparse.ArgumentParser):
    def error(self, message):
        usage(message)

    def format_help(self):
        return __doc__


def usage(message):
    print(f"post_deploy_check: {message} (--help explains)", file=sys.stderr)
    sys.exit(USAGE)


def arguments():
    parser = Parser(allow_abbrev=False)
    parser.add_argument("--url", default=os.environ.get("API_BASE_URL") or os.environ.get("MIZAN_URL"))
    parser.add_argument("--tenant")
    parser.add_argument("--wait", type=float, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cacert", default=os.environ.get("MIZAN_CACERT") or None)
    parser.add_argument("--expect-build")
    parser.add_argument("--expect-config")
    options = parser.parse_args()
    if not options.url:
        usage("no address: --url, API_BASE_URL or MIZAN_URL")
    options.url = options.url.rstrip("/")
    try:
        address = urllib.parse.urlsplit(options.url)
        host, _ = address.hostname, address.port
    except ValueError:
        host = None
    if not host or address.scheme not in ("https", "http") or address.username is not None or address.query:
        usage("the address must be https://HOST or https://HOST:PORT")
    if address.scheme == "http" and host not in LOOPBACK:
        usage("the key goes over HTTPS only: the address must begin with https://")
    if options.tenant is not None and not TENANT.fullmatch(options.tenant):
        usage("--tenant is 1 to 63 of a-z 0-9 _ -, the first a letter or digit")
    if not 0 <= options.wait <= 86400:
        usage("--wait is a number of seconds, a day at the most")
    return options


def admin_key():
    key = os.environ.get("ADMIN_API_KEY") or os.environ.get("API_KEY")
    if not key:
        usage("no operator's key in the environment: ADMIN_API_KEY")
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        usage("the key in the environment is no key: white space or other signs in it")
    return key


def make_client(options, key):
    try:
        return Client(options.url, key, options.cacert)
    except (OSError, ssl.SSLError) as e:
        return usage(f"--cacert {options.cacert}: {e.strerror or e}")


def main():
    options = arguments()
    key = admin_key()
    client = make_client(options, key)
    report = Report(options, key)
    deadline = time.monotonic() + options.wait
    if report.run("ready", READY, check_ready, client, options):
        report.run("config", PARTIAL, check_config, client, options, deadline)
        report.run("smoke", SMOKE, check_smoke, client, options, deadline)
        report.run("health", PARTIAL, check_health, client, options)
        report.run("feedback", FEEDBACK, check_feedback, client, options)
    return report.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\npost_deploy_check: interrupted; nothing is decided", file=sys.stderr)
        sys.exit(INTERRUPTED)
