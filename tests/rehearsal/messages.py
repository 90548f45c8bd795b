"""What the receivers in the place of Slack and PagerDuty got, held against what was to be said."""
import json

from harness import wait_for
from receiver import Receiver

WORDS = {"firing": "*FIRING: ", "escalated": "*ESCALATED: ", "repeated": "*STILL FIRING: ", "resolved": "*RESOLVED: "}


class Messages:
    def __init__(self, week):
        self.week = week
        self.receiver = Receiver().__enter__()
        self.known = 0

    def close(self):
        self.receiver.__exit__()

    def settings(self):
        return self.receiver.settings()

    def new(self):
        """Since the last that was expected."""
        return self.receiver.received[self.known:]

    def expect(self, alert, event, channels):
        """One message about it on each of the channels, delivered, and no other message."""
        check, stack = self.week.check, self.week.stack
        rows = (f"from alert_deliveries where alert_id = '{alert['id']}' and event = '{event}'")
        check.assertEqual(sorted(channels), sorted(row[0] for row in stack.sql(f"select channel {rows}")))
        wait_for(lambda: stack.value(f"select count(*) {rows} and delivered_at is null") == 0, 15, f"{event} to be delivered")
        got = {r.channel: r for r in self.new()}
        check.assertEqual((sorted(channels), len(channels)), (sorted(got), len(self.new())), self.new())
        check.assertEqual([], self.receiver.faults)
        for message in got.values():
            self.check_text(message, alert, event)
        self.known = len(self.receiver.received)

    def check_text(self, message, alert, event):
        """What it is, the page of it, the section of the runbook, the next command."""
        check = self.week.check
        page, section = f"/admin/alerts/{alert['id']}", "docs/runbook.md#" + alert["rule"].replace("_", "-")
        if message.channel == "pagerduty":
            check.assertEqual("resolve" if event == "resolved" else "trigger", message.body["event_action"])
            check.assertEqual(f"mizan-{alert['rule']}-{alert['id']}", message.body["dedup_key"])
            text = json.dumps(message.body)
            wanted = [] if event == "resolved" else [page, section, alert["build_id"], '"next": ']
        else:
            text = message.body["blocks"][0]["text"]["text"]
            check.assertTrue(text.startswith(WORDS[event]), text)
            wanted = [page, section, alert["build_id"]] + ([] if event == "resolved" else ["```"])
        for part in wanted:
            check.assertIn(part, text)
