"""scripts/pilot_run: a folder of invoices, sent once each, whatever comes in between (issue 5)."""
import collections
import contextlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

from harness import PILOT, ROOT, StackCase, environment, wait_for

SCRIPT = ROOT / "scripts" / "pilot_run"
# Names as people, scanners and attackers give them.
NAMES = ("plain.pdf", "two words.pdf", "it's.pdf", 'say "hi".pdf', "new\nline.pdf", "-rf.pdf", "--json.pdf", "back\\slash.pdf",
         "semi;type=text.pdf", "comma,a.pdf", "$(reboot).pdf", "`id`.pdf", "tab\there.pdf", "Fatura İŞÇĞÜ.PDF", "%00%0a.pdf",
         "*.pdf", "[a].Pdf", "bell\x07.pdf", "@file.pdf", "a=b&c.pdf", " lead.pdf", "trail .pdf", "{x,y}.pdf", "~.pdf", "#.pdf")

# As the server keeps them: without folders, and what a terminal or a page would mind.
STORED = {re.sub(r"[\n\t\x07]", "_", name).rpartition("\\")[2].strip().replace("%0a", "") for name in NAMES}


def interruptible():
    """In a child: ^C is not ignored, whoever started the tests in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class RunCase(StackCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="pilot_run-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name, "invoices")
        self.folder.mkdir()
        self.state = pathlib.Path(folder.name, "state")

    def variables(self, **variables):
        known = {"MIZAN_URL": self.stack.url, "MIZAN_CACERT": self.stack.env["MIZAN_CACERT"], "API_KEY": self.stack.api_key}
        return environment({}) | {k: v for k, v in (known | variables).items() if v is not None}

    def command(self, *arguments, tenant=None):
        return [str(SCRIPT), "--tenant", tenant or self.tenant, "--state", str(self.state), *arguments]

    def run_all(self, status, *arguments, tenant=None, **variables):
        """(its table as an object, what it said meanwhile), after it ended with that status."""
        done = subprocess.run(self.command("--json", *(arguments or [str(self.folder)]), tenant=tenant), text=True,
                              env=self.variables(**variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, start_new_session=True, check=False)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertNotIn(self.stack.api_key, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else None, done.stderr

    def started(self, *arguments, tenant=None, **options):
        process = subprocess.Popen(self.command(*arguments, str(self.folder), tenant=tenant), env=self.variables(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
                                   preexec_fn=interruptible, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def write(self, name, sample="electricity-exact"):
        document = self.stack.unique_pdf(sample)
        (self.folder / name).write_bytes(document.content)
        return document

    def jobs(self, condition="true", tenant=None):
        return self.stack.value(f"select count(*) from jobs where tenant_id = '{tenant or self.tenant}' and {condition}")

    def in_state(self):
        return len(re.findall(r"(?m)^\S{64} \S{36} ", self.state.read_text())) if self.state.exists() else 0


class Whole(RunCase):
    def test_fifty_files(self):
        """Whatever their names; the closing table says what the database says."""
        samples = collections.Counter({"electricity-exact": 15, "rounding": 3, "mismatch-s1": 2, "mismatch-s2": 2,
                                       "slipped-decimal": 1, "minor": 1, "unreadable": 1})
        for name, sample in zip(NAMES, samples.elements()):
            self.write(name, sample)
        deep = self.folder / "deep" / "er\n"
        deep.mkdir(parents=True)
        documents = [self.write(f"deep/er\n/{n}.pdf") for n in range(22)]
        (deep / "copy of 1.pdf").write_bytes(documents[1].content)
        self.upload_done(documents[2])
        self.write("notes.txt")
        self.write(".hidden.pdf")
        table, said = self.run_all(0)
        expected = dict(zip(("files", "accepted", "duplicates", "refused", "not_sent", "skipped", "waiting"), (48, 46, 2, 0, 0, 0, 0)))
        expected |= {"audited": 46, "s1": 3, "s2": 2, "ocr_suspect": 1, "stopped": None, "unfinished": []}
        expected["outcomes"] = {"exact": 37, "minor": 1, "rounding": 3, "mismatch": 5, "failed": 1}
        self.assertEqual(expected, {k: table[k] for k in expected}, said)
        self.assertEqual(47, self.jobs())
        stored = {name for name, in self.stack.sql(f"select filename from documents where tenant_id = '{self.tenant}'")}
        self.assertEqual(STORED, stored - {f"{n}.pdf" for n in range(22)} - {"electricity-exact.pdf"})
        self.assertEqual(table["p95_pipeline_total_ms"], self.stack.value(
            "select percentile_disc(0.95) within group (order by pipeline_total_ms) from invoices"
            f" where tenant_id = '{self.tenant}' and outcome is not null"))
        self.assertEqual(48, len(re.findall(r"(?m)^\d+/48 ", said)) + 1, said)

        # Once more: nothing is sent.
        before = len(self.stack.log_text("access"))
        again, _ = self.run_all(0)
        self.assertEqual(expected, {k: again[k] for k in expected})
        self.assertEqual(47, again["earlier"])
        self.assertEqual([], [e for e in self.stack.log("access", since=before) if e["route"] == "/full-process"])

    def test_table_and_files(self):
        """For people; a file that is named is sent whatever it is called."""
        document = self.stack.unique_pdf("mismatch-s1")
        path = self.folder / "scan"
        path.write_bytes(document.content)
        done = subprocess.run(self.command("--jobs", "1", str(path)), text=True, env=self.variables(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, rf"^{re.escape(self.stack.url)}, tenant {self.tenant}, in 0:\d\d\n  files +1\n  accepted +1\n")
        self.assertRegex(done.stdout, r"\n  audited +1\n  exact +0\n")
        self.assertRegex(done.stdout, r"\n  mismatch +1   S1 1, S2 0, OCR suspect 0\n")
        self.assertEqual(f"1/1 '{path}': mismatch S1\n", done.stderr)

    def test_bar(self):
        """On a terminal, with what goes wrong above it."""
        self.write("good.pdf")
        (self.folder / "bad.pdf").write_text("no invoice")
        ours, its = pty.openpty()
        process = self.started(stderr=its)
        os.close(its)
        said = bytearray()
        with contextlib.suppress(OSError):  # its end
            while select.select([ours], [], [], 20)[0]:
                said += os.read(ours, 4096)
        os.close(ours)
        self.assertEqual(1, process.wait(20))
        self.assertIn(b"] 1/2  1 under way  mismatch 0 (S1 0)  failed 0", said)
        self.assertIn(b"bad.pdf': unsupported_file_type: the file is not a PDF", said)

    def test_what_is_refused(self):
        good = self.write("good.pdf")
        (self.folder / "bad.pdf").write_text("no invoice")
        (self.folder / "empty.pdf").touch()
        table, _ = self.run_all(1)
        self.assertEqual((1, 2), (table["accepted"], table["refused"]))
        self.assertEqual({"bad.pdf": "unsupported_file_type", "empty.pdf": "empty_file"},
                         {pathlib.Path(u["file"]).name: u["why"].partition(":")[0] for u in table["unfinished"]})
        self.assertEqual(1, self.sim.completions(good.sha256))

    def test_no_key_on_a_command_line(self):
        self.write("one.pdf")
        log = self.folder.parent / "commands"
        curl = self.folder.parent / "curl"
        curl.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{log}\nexec {shutil.which("curl")} "$@"\n')
        curl.chmod(0o755)
        self.run_all(0, PATH=f"{curl.parent}:{os.environ['PATH']}")
        self.assertIn("/full-process", log.read_text())
        self.assertNotIn(self.stack.api_key, log.read_text() + self.state.read_text())


class GoesOn(RunCase):
    def test_killed(self):
        """With what was accepted under way; a line that was cut is none."""
        documents = [self.write(f"{n}.pdf") for n in range(6)]
        with self.stack.stopped("worker-1"):
            process = self.started("--jobs", "3", stderr=subprocess.DEVNULL)
            wait_for(lambda: self.in_state() == 3, what="three that are accepted")
            process.kill()
            process.wait()
        with self.state.open("a") as state:
            state.write("0123")
        table, _ = self.run_all(0)
        self.assertEqual((6, 3, 0), (table["accepted"], table["earlier"], table["duplicates"]))
        self.assertEqual(6, self.jobs())
        self.assertEqual([1] * 6, [self.sim.completions(d.sha256) for d in documents])

    def test_killed_before_it_knew(self):
        """Accepted, and its answer lost: no duplicate."""
        document = self.write("one.pdf")
        self.upload_done(document)
        self.state.write_text(f"# pilot_run {self.stack.url} {self.tenant}\n{document.sha256} sending 0\n")
        table, _ = self.run_all(0)
        self.assertEqual((1, 0), (table["accepted"], table["duplicates"]))

    def test_interrupted(self):
        for n in range(3):
            self.write(f"{n}.pdf")
        with self.stack.stopped("worker-1"):
            process = self.started("--jobs", "2", "--json", stderr=subprocess.PIPE)
            self.addCleanup(process.stderr.close)
            wait_for(lambda: self.in_state() == 2, what="two that are accepted")
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=20)
            self.stack.admin("POST", "/admin/jobs/cancel", {"tenant_id": self.tenant, "status": "QUEUED"})
        self.assertEqual(130, process.returncode, said)
        table = json.loads(out)
        self.assertEqual((2, 2, 1), tuple(table[k] for k in ("accepted", "waiting", "not_sent")))
        self.assertIn(b"goes on where it was", said)
        table, _ = self.run_all(1)
        self.assertEqual((3, 2), (table["accepted"], table["cancelled"]))

    def test_stands_still(self):
        """For longer than it waits for a word of its processes, which go on: each word is heard whole."""
        for n in range(8):
            self.write(f"{n}.pdf")
        process = self.started("--jobs", "8", "--json", stderr=subprocess.DEVNULL)
        wait_for(lambda: self.in_state() >= 1, what="the first")
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        wait_for(lambda: self.jobs("state = 'SUCCEEDED'") == self.in_state() and time.monotonic() - began > 1.5, what="the rest")
        process.send_signal(signal.SIGCONT)
        table = json.loads(process.communicate(timeout=30)[0])
        self.assertEqual((0, 8, 8), (process.returncode, table["accepted"], table["outcomes"]["exact"]))

    def test_a_job_that_is_gone(self):
        """Purged: it is sent again."""
        self.write("one.pdf")
        self.run_all(0)
        self.stack.sql(f"delete from invoices where tenant_id = '{self.tenant}'; delete from provider_calls where tenant_id ="
                       f" '{self.tenant}'; delete from jobs where tenant_id = '{self.tenant}'")
        self.run_all(0)
        self.assertEqual(1, self.jobs())
        self.assertEqual(1, self.run_all(0)[0]["earlier"])

    def test_a_server_that_goes_away(self):
        for n in range(3):
            self.write(f"{n}.pdf")
        with self.stack.stopped("full_process"):
            process = self.started(stderr=subprocess.PIPE)
            self.addCleanup(process.stderr.close)
            self.assertRegex(process.stderr.readline(), rb"^waiting 0:0\d, until .*: 502 bad_gateway")
        out, said = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, said)
        self.assertEqual(3, self.jobs())

    def test_no_patience(self):
        self.write("one.pdf")
        with self.stack.stopped("full_process"):
            table, said = self.run_all(1, "--patience", "1", str(self.folder))
        self.assertEqual((0, 1), (table["accepted"], table["not_sent"]))
        self.assertIn("no answer for 1 s: 502 bad_gateway", table["stopped"])

    def test_no_result(self):
        """Accepted, and given up upon: the next run asks for it again."""
        self.write("one.pdf")
        with self.stack.stopped("worker-1"):
            table, _ = self.run_all(1, "--patience", "1", str(self.folder))
        self.assertEqual((1, 1), (table["accepted"], table["waiting"]))
        self.assertRegex(table["unfinished"][0]["why"], "^no result of job .{36} within 1 s: QUEUED$")
        self.assertEqual((1, 1, 0), tuple(self.run_all(0)[0][k] for k in ("accepted", "earlier", "waiting")))

    def test_one_at_a_time(self):
        self.write("one.pdf")
        self.sim.delay(2000)
        process = self.started(stderr=subprocess.DEVNULL)
        wait_for(lambda: self.in_state() == 1, what="one that is accepted")
        self.assertIn("another run", self.run_all(2)[1])
        self.assertEqual(0, process.wait(20))


class Pilot(RunCase):
    def setUp(self):
        super().setUp()
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)

    def test_a_full_hour(self):
        """Waits for the place that becomes free, and not one request earlier."""
        with self.stack.settings("full_process", PILOT_MAX_INVOICES_PER_HOUR=2):
            for _ in range(2):
                self.upload_done(self.stack.unique_pdf(), tenant=PILOT)
            self.stack.sql("update jobs set created_at = clock_timestamp() - interval '3598 seconds' where tenant_id = 'pilot'")
            for n in range(2):
                self.write(f"{n}.pdf")
            since = len(self.stack.log_text("access"))
            table, said = self.run_all(0, tenant=PILOT)
        self.assertEqual(2, table["accepted"])
        self.assertRegex(said, r"waiting 0:0\d, until \d\d:\d\d:\d\dZ: pilot_rate_limited: the pilot takes 2 invoices an hour")
        uploads = [e["status"] for e in self.stack.log("access", since=since) if e["route"] == "/full-process"]
        self.assertEqual([429, 429, 202, 202], uploads)

    def test_switched_off(self):
        """What is under way ends, nothing more is sent; once it is on again the same call goes on."""
        for n in range(3):
            self.write(f"{n}.pdf")
        self.sim.delay(1500)
        process = self.started("--jobs", "1", "--json", tenant=PILOT, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        wait_for(lambda: self.sim.stats()["in_flight"] == 1, what="the first call")
        self.stack.sql("update pilot_switch set enabled = false")
        out, said = process.communicate(timeout=20)
        self.assertEqual(3, process.returncode, said)
        table = json.loads(out)
        self.assertEqual((1, 2, "the pilot is switched off"), (table["accepted"], table["not_sent"], table["stopped"]))
        self.assertIn(b"stopped: the pilot is switched off", said)
        self.stack.sql("update pilot_switch set enabled = true")
        self.sim.delay(0)
        table, _ = self.run_all(0, tenant=PILOT)
        self.assertEqual((3, 1), (table["accepted"], table["earlier"]))

class Refused(RunCase):
    def test_key(self):
        for n in range(3):
            self.write(f"{n}.pdf")
        table, said = self.run_all(2, API_KEY="wrong")
        self.assertEqual(3, table["not_sent"])
        self.assertIn("the key is refused: invalid_api_key", said)
        _, other = self.stack.make_key("another")
        self.assertIn("the key is refused: wrong_tenant", self.run_all(2, API_KEY=other)[1])

    def test_connection(self):
        self.write("one.pdf")
        for variables, complaint in (({"MIZAN_URL": "https://localhost:1"}, "no connection"),
                                     ({"MIZAN_CACERT": None}, "certificate"),
                                     ({"MIZAN_CACERT": "/nowhere.pem"}, "no connection")):
            self.state.unlink(missing_ok=True)
            self.assertIn(complaint, self.run_all(2, **variables)[1])

    def test_usage(self):
        self.write("one.pdf")
        for arguments, variables, complaint in (
                (["--nonsense"], {}, "unknown argument"),
                (["--jobs", "0", "."], {}, "--jobs"),
                (["--tenant", "A", "."], {}, "tenant"),
                (["--patience", "-1", "."], {}, "--patience"),
                (["--jobs", "4"], {}, "which files"),
                (["/nowhere.pdf"], {}, "'/nowhere.pdf' is neither a file nor a folder"),
                (["/dev/zero"], {}, "'/dev/zero' is neither"),
                ([], {"MIZAN_URL": None}, "MIZAN_URL is not set"),
                ([], {"MIZAN_URL": "http://mizan.example.com"}, "https://"),
                ([], {"MIZAN_URL": "https://a:b@mizan.example.com"}, "https://"),
                ([], {"API_KEY": None}, "API_KEY is not set"),
                ([], {"API_KEY": "two\nlines"}, "no key")):
            with self.subTest(arguments=arguments, variables=list(variables)):
                self.assertIn(complaint, self.run_all(2, *arguments, **variables)[1])
        self.state.write_text("# pilot_run https://elsewhere pilot\n")
        self.assertIn("is not of", self.run_all(2)[1])

    def test_help(self):
        done = subprocess.run([str(SCRIPT), "--help"], text=True, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]}, check=True)
        self.assertIn("Exit status: 0 every file has its result", done.stdout)
