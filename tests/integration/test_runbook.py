"""The runbook: both languages say the same, every figure in them is the code's, and every command that can be run
on a stack runs and answers what the page shows.  A block that cannot says why: <!-- not run: REASON -->."""
import collections
import os
import re
import subprocess
import tempfile
import unittest

import releases
from harness import ROOT, TEST_DIR, TORTURE, Stack, StackCase, environment, wait_for
from test_docs import as_pattern, steady

DOCS = ROOT / "docs"
ENGLISH, TURKISH = (DOCS / "runbook.md").read_text(), (DOCS / "runbook.tr.md").read_text()
PAGES = {"en": ENGLISH, "tr": TURKISH}
CONFIG = (ROOT / "lib" / "core" / "config.c").read_text()

BLOCK = re.compile(r"(?:^<!-- not run: (?P<why>[^\n]+) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```\n", re.M | re.S)
# What a block that is not run has in it: without any of these it could be.
OUT_OF_REACH = re.compile(r"systemctl|kubectl|docker|sudo|/etc/mizan|/opt/mizan|scripts/(deploy|rollback)|sleep 60")
SECONDS = {"s": 1, "min": 60, "dk": 60, "days": 86400, "gün": 86400}
OWNERS = {"on_call": ("on-call engineer", "nöbetçi mühendis"), "product": ("product owner",)}
CHANNELS = {"slack_alerts": "Slack #alerts", "slack_product": "Slack #product", "pagerduty": "PagerDuty"}


def prose(page):
    return BLOCK.sub("", page)


def anchors(page):
    return re.findall(r'<a id="([^"]+)"></a>', page)


def section(page, anchor):
    """From an anchor to the next one."""
    return re.split(r'<a id="', page.partition(f'<a id="{anchor}"></a>')[2])[0]


def rows(text):
    """The cells of all rows of tables, headings left out."""
    lines = [line for table in re.findall(r"(?m)(?:^\|.*\n)+", text) for line in table.splitlines()[2:]]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def durations(text):
    """Of "15 min, then": [900]."""
    units = "|".join(SECONDS)
    return [int(n) * SECONDS[unit] for n, unit in re.findall(rf"\b(\d+) ({units})\b", text)]


def percentages(text):
    return [float(a or b) for a, b in re.findall(r"(\d+(?:\.\d+)?) %|%(\d+(?:\.\d+)?)", text)]


def heading_anchors(page):
    """As GitHub makes them of headings, and those that are written out."""
    headings = re.findall(r"(?m)^#+ (.*)$", prose(page))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings} | set(anchors(page))


class Pages(unittest.TestCase):
    def test_both_languages_have_the_same_blocks(self):
        blocks = {name: [m.groups() for m in BLOCK.finditer(page) if m["kind"] != "markdown"] for name, page in PAGES.items()}
        self.assertGreater(len(blocks["en"]), 50)
        self.assertEqual(blocks["en"], blocks["tr"])

    def test_what_is_not_run_cannot_be(self):
        for block in BLOCK.finditer(ENGLISH):
            if block["kind"] == "sh":
                with self.subTest(block=block["text"]):
                    self.assertEqual(bool(block["why"]), bool(OUT_OF_REACH.search(block["text"])))

    def test_no_key_on_a_command_line(self):
        """Where every user of the machine could read it; an assignment before the command is none."""
        for block in BLOCK.finditer(ENGLISH):
            for line in block["text"].splitlines():
                if re.search(r"\$(ADMIN_)?API_KEY|\$DATABASE_OWNER_URL", re.sub(r"^\w+=\S+ ", "", line)):
                    with self.subTest(line=line):
                        self.assertRegex(line, r"@<\(printf|pg_url ")

    def test_exit_codes(self):
        """Those that the tables explain are those that the scripts can end with."""
        for name, page in PAGES.items():
            for anchor, script in (("release", "deploy"), ("rollback", "rollback"), ("check", "post_deploy_check.py")):
                said = (ROOT / "scripts" / script).read_text().partition("Exit status")[2].partition("\nset -")[0].partition('"""')[0]
                with self.subTest(page=name, script=script):
                    stated = {code for row in rows(section(page, anchor)) for code in re.findall(r"\d+", row[0])}
                    self.assertEqual(set(re.findall(r"(?<![\d-])\b(\d+) +(?:is )?[a-z]", said)), stated)

    def test_both_languages_have_the_same_anchors_and_headings(self):
        for found in (anchors, lambda page: re.findall(r"(?m)^(#+) ", prose(page)),
                      lambda page: collections.Counter(re.findall(r"\]\(([^)]+)\)", page)),
                      lambda page: [len(row) for row in rows(page)]):
            en, tr = found(ENGLISH), found(TURKISH)
            # Each page names the other in its first lines.
            if isinstance(en, collections.Counter):
                self.assertEqual((1, 1), (en.pop("runbook.tr.md"), tr.pop("runbook.md")))
            self.assertEqual(en, tr)
        self.assertEqual(len(anchors(ENGLISH)), len(set(anchors(ENGLISH))))

    def test_links_lead_somewhere(self):
        for name, page in PAGES.items():
            for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page):
                with self.subTest(page=name, target=target, anchor=anchor):
                    self.assertIn(anchor, heading_anchors((DOCS / target).read_text() if target else page))

    def test_settings_and_their_defaults(self):
        defaults = dict(re.findall(r'^\s*[A-Z]+\("([A-Z_]+)", "?([^",]*)"?,', CONFIG, re.M))
        for name, page in PAGES.items():
            stated = re.findall(r"`([A-Z_]+)`(?: \(| \| )([\d.]+)[ )|]", prose(page))
            self.assertGreaterEqual(len(stated), 6)
            for key, value in stated:
                with self.subTest(page=name, key=key):
                    self.assertEqual(defaults[key], value)
            for key in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=\w+)?`", prose(page)):
                with self.subTest(page=name, key=key):
                    self.assertIn(key, set(defaults) | {"MIZAN_URL", "DATABASE_OWNER_URL", "BACKUP_DIR",
                                                        "OCR_SUSPECT_DRIFT", "VERIFIED_OCR"})


class Figures(StackCase):
    """What the running programs say of themselves."""

    def test_metrics(self):
        answer = self.stack.admin("GET", "/admin/system-health", query={"tenant_id": self.tenant})
        expected = [(m["name"], m["target"], m["alarm"]) for m in answer.json["metrics"]]
        for name, page in PAGES.items():
            with self.subTest(page=name):
                words = {" to ": "-", "–": "-", " veya ": " or "}
                stated = [[re.sub("|".join(words), lambda m: words[m[0]], cell) for cell in row]
                          for row in rows(section(page, "metrics"))]
                self.assertEqual(expected, [(row[0].strip("`"), *row[1:]) for row in stated])

    def rules(self):
        return {rule["rule"]: rule for rule in self.stack.admin("GET", "/admin/alerts").json["rules"]}

    def test_each_rule_has_its_row(self):
        for name, page in PAGES.items():
            table = {re.search("`(.*)`", row[0])[1]: row for row in rows(section(page, "conditions"))}
            self.assertEqual(set(self.rules()), set(table))
            for rule in self.rules().values():
                with self.subTest(page=name, rule=rule["rule"]):
                    first, condition, window, minimum, decision, time = table[rule["rule"]]
                    self.assertEqual(f"[`{rule['rule']}`](#{self.anchor(rule)})", first)
                    self.assertEqual([rule["hold_seconds"] or rule["window_seconds"]], durations(window))
                    self.assertEqual(bool(rule["hold_seconds"]), ">" in window)
                    self.assertEqual(str(rule["min_samples"]) if self.counts(rule) else "–", minimum.split()[0])
                    self.assertTrue(decision.startswith(rule["decision"]), decision)
                    self.assertIn("INVESTIGATE", decision)
                    self.assertEqual([rule["after_seconds"]] if rule["after_seconds"] else [], durations(time))
                    self.assertEqual(rule["then"] == "STOP", "STOP" in time)
                    self.assertEqual(self.thresholds(rule), self.stated(condition))
            clear = re.search(r"ALERT_CLEAR_US \((\d+) ", (ROOT / "lib" / "ops" / "rules.h").read_text())
            self.assertIn(int(clear[1]), durations(prose(section(page, "conditions")).rpartition("|")[2]))

    def test_each_rule_has_its_section(self):
        for name, page in PAGES.items():
            for rule in self.rules().values():
                with self.subTest(page=name, rule=rule["rule"]):
                    self.assertIn(self.anchor(rule), anchors(page))
                    text = section(page, self.anchor(rule))
                    self.assertTrue(f"(`{rule['rule']}`)\n" in text, "its name in the heading")
                    first = text.strip().split("\n\n")[1]
                    expected = {rule["hold_seconds"] or rule["window_seconds"], rule["after_seconds"] or 0} - {0}
                    longest = {3600} if rule["rule"] == "error_5xx" else set()  # where requests are few
                    self.assertEqual(expected | longest, set(durations(first)))
                    self.assertEqual(self.thresholds(rule), self.stated(first))
                    if self.counts(rule):
                        self.assertRegex(first, rf"\b{rule['min_samples']} \w")
                    self.assertIn(rule["decision"], first)
                    self.assertIn("INVESTIGATE", first)  # a rollback mends the running build's own doing alone

    @staticmethod
    def anchor(rule):
        return rule["runbook"].rpartition("#")[2]

    @staticmethod
    def counts(rule):
        """Whether it is about a share of samples, not about time."""
        return not rule["hold_seconds"]

    def thresholds(self, rule):
        """The threshold as a percentage, or as so many times the baseline."""
        if not self.counts(rule):
            return []
        return [rule["threshold"] if rule["threshold"] > 1 else rule["threshold"] * 100]

    @staticmethod
    def stated(text):
        return percentages(text) + [float(n) for n in re.findall(r"> (\d+) ×", text)]

    def test_owners_and_channels(self):
        for name, page in PAGES.items():
            table = {row[0].strip("`"): row for row in rows(section(page, "alerts"))}
            self.assertEqual(set(self.rules()), set(table))
            for rule in self.rules().values():
                with self.subTest(page=name, rule=rule["rule"]):
                    _, owner, channels = table[rule["rule"]]
                    self.assertIn(owner, OWNERS[rule["owner"]])
                    self.assertEqual([CHANNELS[c] for c in rule["channels"]], channels.split(", "))


class ShellCase(StackCase):
    def setUp(self):
        super().setUp()
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = home.name

    def outputs(self, blocks):
        """What each block printed; the first that fails, fails the test."""
        script = "set -eu -o pipefail\n"
        for block in blocks:
            script += "printf '\\036'\n" + block.replace(". build/run/env", f". {self.stack.dir}/env")
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=environment({}) | {"HOME": self.home}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)
        came = done.stdout.split("\x1e")[1:]
        self.assertEqual(0, done.returncode, f"{blocks[len(came) - 1]}\n{came[-1]}\n{done.stderr}")
        self.assertNotRegex(done.stderr, r"command not found|unbound|syntax error|No such file|jq: error")
        return came


class Commands(ShellCase):
    """All blocks from top to bottom, in one shell, as somebody works through the page; on a stack where nothing has
    happened yet."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack("runbook")
        cls.addClassCleanup(cls.stack.down)
        cls.stack.up()

    def setUp(self):
        super().setUp()
        wait_for(lambda: self.stack.admin("GET", "/admin/alerts").json["watchdog"]["alive"], 40, "a watchdog that leads")

    def test_every_block(self):
        blocks = list(BLOCK.finditer(ENGLISH))
        run = [m for m in blocks if m["kind"] == "sh" and not m["why"]]
        self.assertGreater(len(run), 30)
        for block, came in zip(run, self.outputs([m["text"] for m in run])):
            following = blocks[blocks.index(block) + 1] if block is not blocks[-1] else None
            if following and following["kind"] == "text" and not ENGLISH[block.end():following.start()].strip():
                with self.subTest(command=block["text"].partition("\n")[0]):
                    if not as_pattern(following["text"]).fullmatch(steady(came)):
                        self.assertEqual(steady(following["text"]), steady(came))
        self.assertEqual([], [name for name in os.listdir(self.home) if not re.match("mizan-(case-|backups$)", name)])

    def test_the_commands_in_alerts_work_in_its_shell(self):
        shell = next(m["text"] for m in BLOCK.finditer(ENGLISH) if "build/run/env" in m["text"])
        rules = self.stack.admin("GET", "/admin/alerts").json["rules"]
        commands = [rule["commands"][todo] + "\n" for rule in rules for todo in ("INVESTIGATE", "STOP")]
        for command, came in zip(commands, self.outputs([shell, *commands])[1:]):
            with self.subTest(command=command):
                self.assertTrue(came.strip())
                self.assertNotIn('"title":', came)
        written = {line for block in BLOCK.finditer(ENGLISH) for line in block["text"].splitlines()}
        for todo in ("ROLLBACK", "VERIFY"):
            self.assertLessEqual({rule["commands"][todo] for rule in rules}, written)


@unittest.skipUnless(TORTURE, "in make torture: two deploys on a stack of its own; test_releases has more")
class Releases(ShellCase):
    """The blocks that change the build that runs."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack("runbook-releases")
        cls.addClassCleanup(cls.stack.down)
        cls.stack.up()

    def build(self):
        return self.stack.ready().json["build_id"]

    def test_deploy_and_rollback(self):
        place = releases.Root(self.stack, TEST_DIR / "runbook-root")
        status, said = place.deploy(releases.make_release("git:old"))
        self.assertEqual(0, status, said)
        releases.make_release("git:abc1234")
        here = f" --root {place.dir} --manager stack:{self.stack.dir}"
        deploy, rollback = [], []
        for block in BLOCK.finditer(ENGLISH):
            text = block["text"].replace("~/mizan-", f"{TEST_DIR}/tarballs/mizan-")
            text = re.sub(r"(?m)^scripts/(deploy|rollback).*", lambda m: m[0] + here, text)
            if text != block["text"]:
                (rollback if "scripts/rollback" in text else deploy).append(text)
        self.assertEqual((1, 2), (len(deploy), len(rollback)))
        shell = [m["text"] for m in BLOCK.finditer(ENGLISH) if ". build/run/env" in m["text"]]
        self.outputs(shell + deploy)
        self.assertEqual("git:abc1234", self.build())
        self.outputs(shell + rollback)
        self.assertEqual("git:old", self.build())


if __name__ == "__main__":
    unittest.main()
