"""Slack's incoming webhooks and PagerDuty's Events API v2, as strict as the real ones, in a thread.

    with Receiver() as receiver:
        settings = receiver.settings()  # of a watchdog that is to speak to it
        receiver.script("pagerduty", 500, 429, SILENCE)  # the next answers; then it is well again
        first, second = receiver.wait_for_accepted("pagerduty", 2)

What breaks a rule of theirs is answered as they do (400) and kept in `faults`: a test ends by looking
there.  The rules: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://developer.pagerduty.com/docs/send-alert-event.
"""
import collections
import datetime
import http.server
import json
import re
import threading
import uuid

from harness import wait_for

SILENCE = "silence"  # takes the request and says nothing until the other side gives up
GARBAGE = "garbage"  # 200, and the page of some proxy
CUT = "cut"  # hangs up
RETRY_AFTER = 2

Received = collections.namedtuple("Received", "channel status body")


class Fault(Exception):
    """What the message breaks, as the service would say it."""


def check(condition, fault):
    if not condition:
        raise Fault(fault)


def text(value, most, fault):
    check(isinstance(value, str) and 1 <= len(value) <= most, fault)


def check_slack(message):
    check(set(message) <= {"text", "blocks"}, "invalid_payload")
    text(message.get("text"), 40000, "no_text")
    blocks = message.get("blocks")
    check(isinstance(blocks, list) and 1 <= len(blocks) <= 50, "invalid_blocks")
    for block in blocks:
        check(block.get("type") == "section" and set(block) == {"type", "text"}, "invalid_blocks")
        check(block["text"].get("type") == "mrkdwn" and set(block["text"]) == {"type", "text"}, "invalid_blocks")
        text(block["text"].get("text"), 3000, "invalid_blocks")
        # Only links of ours may stand in brackets; & only in what stands for a character.
        check(re.fullmatch(r"(?:[^<>&]|&(?:amp|lt|gt);|<https?://[^<>|]+\|[^<>|]+>)*", block["text"]["text"]), "invalid_blocks")


EVENT = {"routing_key", "event_action", "dedup_key", "payload", "links"}
PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


def check_pagerduty(event, key):
    check(set(event) <= EVENT, "unknown member of the event")
    check(event.get("routing_key") == key, "routing_key")
    check(event.get("event_action") in ("trigger", "resolve"), "event_action")
    text(event.get("dedup_key"), 255, "dedup_key")
    if event["event_action"] == "resolve":
        return
    payload = event.get("payload")
    check(isinstance(payload, dict) and set(payload) <= PAYLOAD, "payload")
    text(payload.get("summary"), 1024, "payload.summary")
    text(payload.get("source"), 255, "payload.source")
    check(payload.get("severity") in ("critical", "error", "warning", "info"), "payload.severity")
    if "timestamp" in payload:
        check(datetime.datetime.fromisoformat(payload["timestamp"].replace("Z", "+00:00")).tzinfo, "payload.timestamp")
    check(isinstance(payload.get("custom_details", {}), dict), "payload.custom_details")
    for link in event.get("links", []):
        check(set(link) <= {"href", "text"} and link.get("href", "").startswith("https://"), "links")


class Receiver:
    """received: every request that was whole, in order, with what it was answered."""

    def __init__(self):
        self.key = uuid.uuid4().hex  # 32 characters, as PagerDuty's
        self.paths = {
            "/services/T0/B0/" + uuid.uuid4().hex[:24]: "slack_alerts",
            "/services/T0/B1/" + uuid.uuid4().hex[:24]: "slack_product",
            "/v2/enqueue": "pagerduty",
        }
        self.received, self.faults = [], []
        self.lock = threading.Lock()
        self.scripts = collections.defaultdict(collections.deque)
        self.retry_after = RETRY_AFTER  # what 429 asks for, in seconds
        self.closing = threading.Event()

    def __enter__(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.take(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def settings(self):
        path = {channel: self.url + path for path, channel in self.paths.items()}
        return {"SLACK_ALERTS_WEBHOOK": path["slack_alerts"], "SLACK_PRODUCT_WEBHOOK": path["slack_product"],
                "PAGERDUTY_URL": path["pagerduty"], "PAGERDUTY_ROUTING_KEY": self.key}

    def secrets(self):
        """What must not stand in any log, row or page."""
        return [self.key] + [path.rsplit("/", 1)[1] for path, channel in self.paths.items() if channel != "pagerduty"]

    def script(self, channel, *answers):
        """The next answers on that channel: a status, SILENCE, GARBAGE or CUT."""
        with self.lock:
            self.scripts[channel].extend(answers)

    def reset(self):
        """As if nothing had come."""
        with self.lock:
            self.retry_after = RETRY_AFTER
            self.scripts.clear()
            self.received.clear()
            self.faults.clear()

    def of(self, channel, status=None):
        """What came on it; status: and was answered so."""
        with self.lock:
            return [r for r in self.received if r.channel == channel and status in (None, r.status)]

    def accepted(self, channel):
        return [r.body for r in self.of(channel, 202 if channel == "pagerduty" else 200)]

    def wait_for_accepted(self, channel, n, timeout=10):
        return wait_for(lambda: len(self.accepted(channel)) >= n and self.accepted(channel), timeout,
                        f"{n} messages on {channel}: {self.received}")

    # --- One request

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        channel = self.paths.get(handler.path)
        if channel is None:
            return self.answer(handler, 404, b"no_service")
        try:
            message = json.loads(body)
            check(handler.headers.get("Content-Type", "").startswith("application/json"), "invalid_payload")
            if channel == "pagerduty":
                check_pagerduty(message, self.key)
            else:
                check_slack(message)
        except (Fault, ValueError, AttributeError, TypeError) as fault:
            with self.lock:
                self.faults.append(f"{channel}: {fault}: {body!r}")
            return self.answer(handler, 400, str(fault).encode())
        with self.lock:
            script = self.scripts[channel]
            well = 202 if channel == "pagerduty" else 200
            verdict = script.popleft() if script else well
            self.received.append(Received(channel, verdict, message))
        if verdict == SILENCE:
            self.closing.wait(30)
            handler.close_connection = True
        elif verdict == CUT:
            handler.close_connection = True
        elif verdict == GARBAGE:
            self.answer(handler, 200, b"<html><body>Welcome to nginx!</body></html>")
        elif verdict == well:
            self.answer(handler, well, b"ok" if well == 200 else
                        json.dumps({"status": "success", "message": "Event processed", "dedup_key": message["dedup_key"]}).encode())
        else:
            self.answer(handler, verdict, b"")
        return None

    def answer(self, handler, status, body):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        if status == 429:
            handler.send_header("Retry-After", str(self.retry_after))
        handler.end_headers()
        handler.wfile.write(body)
