"""The documentation against what runs: its commands give the answers it shows, and its tables are whole."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

from harness import PILOT, ROOT, StackCase, environment, wait_for

API = (ROOT / "docs" / "api.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
README = (ROOT / "README.md").read_text()
# Codes that a caller above renames, that only the worker sees, or that end a start: none reaches a client.
NEVER_ANSWERED = {"limited", "lease_lost", "no_socket",
                  "no_rollback", "not_started", "log_moved", "log_missing", "log_unreadable", "invalid_line",  # the watchdog's
                  "not_leading", "no_thread", "invalid_snapshot", "web_request", "web_timed_out", "web_not_connected",
                  "web_not_trusted", "web_cut", "web_too_large", "web_given_up"}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n", re.M | re.S)
# What differs from run to run, and what stands for it.
VOLATILE = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", "TRACE"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"(?m)^date: .*$", "DATE"),
    (r"git:[0-9a-f]+", "BUILD"),
    (r"(?m)(?<=sha256:)[0-9a-f]{16}|^[0-9a-f]{16}$", "HASH"),
    (r'(_ms"|"ms"|"depth"|"workers"|"schema_version"): ?\d+', r"\1: N"),
    (r'("current"|"remaining"): ?\d+', r"\1: N"),  # readiness may be a second old
    (r'("changed_at": "TIME",\n  "revision"): \d+', r"\1: N"),  # of the pilot's switch
    (r'("last_incident_at"): ?(null|"TIME")', r"\1: T"),
    (r"(?m)^retry-after: \d+$", "retry-after: N"),
    (r"(?m)[ \t\r]+$", ""),
)


def source(*patterns):
    """(path, text) of the files of the programs that answer HTTP."""
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            if not path.name.startswith("work"):
                yield path, path.read_text()


def steady(text):
    for pattern, instead in VOLATILE:
        text = re.sub(pattern, instead, text)
    return text.strip("\n")


def as_pattern(shown):
    """An answer as a page shows it: … stands for whatever was left out."""
    return re.compile(r"(?s:.*?)".join(re.escape(part) for part in steady(shown).split("…")))


def answers_of(page):
    """[(command, answer shown or None)]: each block of commands and the block right after it."""
    blocks = list(FENCE.finditer(page))
    for block, following in zip(blocks, blocks[1:] + [None]):
        if block[1] == "sh":
            shown = (following and following[1] != "sh" and not page[block.end():following.start()].strip()
                     and following[2])
            yield block[2], shown or None


def table_names(page, heading):
    """The names in the first column of the tables of a section, those of its subsections included."""
    level = re.match("#+", heading)[0]
    section = re.split(rf"(?m)^{re.escape(heading)}\n", page)[1]
    section = re.split(rf"(?m)^#{{1,{len(level)}}} ", section)[0]
    cells = re.findall(r"(?m)^\| (`[^|]*) \|", section)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def answered_codes():
    """Every `code` that a problem can have, from where the code says so."""
    codes = {"internal_error"}
    for _, text in source("fcgi/*.c", "lib/core/err.c", "lib/http/*.c", "lib/pg/*.c", "lib/store/*.c",
                          "lib/ops/*.c"):
        codes.update(re.findall(r'(?:\b(?!RC_INTERNAL)RC_\w+|\brc),\s*"([a-z0-9_]+)"', text))
        codes.update(re.findall(r'\bunauthorized\(cx, "([a-z_]+)"', text))
        codes.update(re.findall(r'^\t\{ "([a-z_]+)", \d{3} \},$', text, re.M))
    return codes - NEVER_ANSWERED


def nginx_codes():
    text = (ROOT / "nginx" / "mizan.conf.in").read_text()
    maps = re.findall(r"map [^{]*\$mizan_(?:problem|too_large) \{(.*?)\n\}", text, re.S)
    return {code for body in maps for code in re.findall(r"\s([a-z_]+);", body)} - {"volatile"}


class Tables(unittest.TestCase):
    """Whatever the code can say is on the page, and nothing else."""

    def test_every_flag_and_category(self):
        text = (ROOT / "lib" / "invoice" / "quality.c").read_text()
        flags = set(re.findall(r'\{ "([A-Z_]+)", SEVERITY_', text))
        self.assertEqual(flags, table_names(API, "### Flags and incident categories"))
        for category in re.findall(r'\[CATEGORY_\w+\] = "(\w+)"', text):
            self.assertIn(f"| `{category}` |", API)

    def test_every_reason(self):
        text = "".join(t for _, t in source("lib/openai/*.c"))
        reasons = set(re.findall(r'OPENAI_(?!OK)[A-Z_]+,\s*"([a-z0-9_]+)"', text))
        self.assertGreater(len(reasons), 12)
        self.assertLessEqual(reasons, table_names(API, "### Reasons: `error.code`"))

    def test_every_event(self):
        text = "".join(p.read_text() for p in sorted((ROOT / "fcgi").glob("*.c")))
        events = set(re.findall(r'log_(?:info|warn|error)\(\s*"([a-z.]+)"', text))
        events |= set(re.findall(r'(?:log_event|work_log|log_silence)\([^;]*?"([a-z]+\.[a-z_]+|stop|database)"', text))
        events |= set(re.findall(r'LOG_\w+_LEVEL,\s*"([a-z]+\.[a-z_]+)"', text))
        events |= {"ready.no", "upload.accepted", "upload.duplicate", "job.failed", "job.retried", "access", "supervisor"}
        self.assertGreater(len(events), 25)
        self.assertEqual(events, table_names(OPERATIONS, "### Events"))

    def test_every_setting(self):
        text = (ROOT / "lib" / "core" / "config.c").read_text()
        keys = set(re.findall(r'^\s*[A-Z]+\("([A-Z_]+)"', text, re.M)) | {"BUILD_ID"}
        self.assertGreater(len(keys), 30)
        self.assertEqual(keys, table_names(CONFIGURATION, "# Configuration"))

    def test_links(self):
        for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))):
            for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", page.read_text()):
                with self.subTest(page=page.name, target=target):
                    self.assertTrue((page.parent / target).exists())


class Manifests(unittest.TestCase):
    """docs/deploy/: what it names is there, and nothing in a container is without limits and probes."""
    DEPLOY = ROOT / "docs" / "deploy"
    PROGRAMS = {"full_process.fcgi", "health.fcgi", "admin.fcgi", "worker", "watchdog"}

    def settings(self):
        return set(re.findall(r'^\s*[A-Z]+\("([A-Z_]+)"', (ROOT / "lib" / "core" / "config.c").read_text(), re.M))

    def assert_command(self, command):
        """Its program is in a release, or in the image, and its options are ones that it knows."""
        folder, _, program = command[0].rpartition("/")
        if folder == "bin":
            self.assertIn(program, self.PROGRAMS)
            self.assertIn(command[1:2], ([], ["--listen"], ["--check-config"]))
        elif folder == "scripts":
            self.assertTrue((ROOT / command[0]).exists(), command)
        else:
            self.assertIn(program, ("nginx", "sh", "mkdir", "sleep"))

    def objects(self):
        for path in sorted((self.DEPLOY / "kubernetes").glob("*.yaml")):
            yield from yaml.safe_load_all(path.read_text())

    def test_kubernetes(self):
        pods = {o["metadata"]["name"]: o["spec"]["template"]["spec"] for o in self.objects() if o["kind"] in ("Deployment", "Job")}
        self.assertEqual({"mizan", "mizan-worker", "mizan-migrate"}, set(pods))
        programs = set()
        for pod in pods.values():
            volumes = {v["name"] for v in pod["volumes"]}
            for container in pod.get("initContainers", []) + pod["containers"]:
                with self.subTest(container=container["name"]):
                    self.assert_command(container["command"])
                    programs.add(container["command"][0].removeprefix("bin/"))
                    self.assertLessEqual({"requests", "limits"}, set(container["resources"]))
                    self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
                    self.assertLessEqual({m["name"] for m in container["volumeMounts"]}, volumes)
                    self.assertLessEqual({e["name"] for e in container.get("env", [])}, self.settings())
                    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                        get = container.get(probe, {}).get("httpGet")
                        if get:
                            self.assertIn(get["path"], ("/health", "/health/ready"))
        self.assertLessEqual(self.PROGRAMS, programs)
        for deployment in (o for o in self.objects() if o["kind"] == "Deployment"):
            self.assertEqual(0, deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"])
        config = next(o for o in self.objects() if o["kind"] == "ConfigMap")
        self.assertLessEqual(set(config["data"]), self.settings())

    def test_compose(self):
        services = yaml.safe_load((self.DEPLOY / "compose.yaml").read_text())["services"]
        for name, service in services.items():
            with self.subTest(service=name):
                self.assert_command(service["command"])
                self.assertIn("limits", service["deploy"]["resources"])
                for file in service.get("env_file", []):
                    self.assertTrue((ROOT / "scripts" / "systemd" / f"{file}.example").exists(), file)
                self.assertLessEqual(set(service.get("environment", {})), self.settings())
                self.assertLessEqual(set(service.get("depends_on", {})), set(services))
        self.assertEqual(self.PROGRAMS, {s["command"][0][4:] for s in services.values() if s["command"][0].startswith("bin/")})
        self.assertIn("healthcheck", services["nginx"])

    def test_nginx(self):
        """As in the image, but for where it listens, writes and has its certificate."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([self.DEPLOY / "nginx-conf", folder], check=True)
            for name in ("nginx", "log", "tls"):
                (pathlib.Path(folder) / name).mkdir()
            tls = f"{folder}/tls/tls"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-subj", "/CN=x", "-keyout", f"{tls}.key", "-out", f"{tls}.crt"], check=True, capture_output=True)
            for conf in pathlib.Path(folder).glob("*.conf"):
                text = conf.read_text().replace("/var/lib/mizan", folder).replace("/etc/mizan/tls", f"{folder}/tls")
                conf.write_text(text)
            done = subprocess.run(["nginx", "-t", "-e", "stderr", "-p", folder, "-c", f"{folder}/nginx.conf"], text=True,
                                  capture_output=True, check=False, env={"PATH": os.environ["PATH"] + ":/usr/sbin"})
            self.assertEqual(0, done.returncode, done.stderr)

    def test_settings_of_the_image(self):
        """What nginx's part is rendered with are the settings' defaults."""
        text = (self.DEPLOY / "nginx-conf").read_text()
        rows = dict(re.findall(r"^\| `(MAX_UPLOAD_BYTES|SYNC_WAIT_MS)` \| `(\d+)` \|", CONFIGURATION, re.M))
        upload, wait = int(rows["MAX_UPLOAD_BYTES"]), int(rows["SYNC_WAIT_MS"])
        self.assertIn(f"MAX_UPLOAD_BYTES={upload} CLIENT_MAX_BODY={upload + 65536} ", text)
        self.assertIn(f"READ_TIMEOUT={wait // 1000 + 15} ", text)


class Commands(StackCase):
    """Commands as they are written, in one shell from top to bottom."""

    def setUp(self):
        super().setUp()
        self.clean()
        self.addCleanup(self.clean)

    def clean(self):
        """As on a new stack, for the tenants and keys that the pages use."""
        unfinished = "select count(*) from jobs where state in ('QUEUED', 'RUNNING')"
        wait_for(lambda: not self.stack.value(unfinished), 60, "an empty queue")
        self.stack.reset_pilot()
        tables = ("idempotency_keys", "provider_calls", "invoices", "incidents", "jobs", "documents")
        self.stack.sql("".join(f"delete from {t} where tenant_id = 'acme';" for t in tables)
                       + "delete from api_keys where name in ('acme', 'acme-erp', 'ayse', 'dashboard');"
                       "update pilot_switch set reason = '', changed_by = 'migration'")

    def outputs(self, blocks):
        """What each block printed on standard output."""
        script = "set -u\n"
        for block in blocks:
            self.assertNotRegex(block, r"(?m)^\s*(make|sudo|systemctl|scripts/stack)\b")  # not from a test
            script += "printf '\\036'\n" + block.replace(". build/run/env", f". {self.stack.dir}/env")
        done = subprocess.run(["bash", "-c", script + "\n"], cwd=ROOT, env=environment({}), text=True,
                              capture_output=True, check=False, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertNotRegex(done.stderr, r"command not found|unbound|syntax error|No such file")
        return done.stdout.split("\x1e")[1:]

    def test_api(self):
        pairs = list(answers_of(API))
        self.assertGreater(len(pairs), 10)
        for (command, shown), came in zip(pairs, self.outputs([command for command, _ in pairs])):
            if shown is not None:
                with self.subTest(command=command.partition("\n")[0]):
                    if not as_pattern(shown).fullmatch(steady(came)):
                        self.assertEqual(steady(shown), steady(came))

    def test_readme(self):
        section = re.search(r"(?m)^## Try it\n(?:[^ \n].*\n|\n)+((?:    .*\n|\n)+)", README)
        self.assertIsNotNone(section)
        block = section[1].replace("\\\n    ", "")
        commands = [line[4:] for line in block.splitlines() if line.strip() and not line.startswith("    #")]
        self.assertGreaterEqual(len(commands), 6)
        for command in commands:
            self.assertRegex(command, r"^(\. build/run/env$|curl |scripts/api_key )")
        came = self.outputs([command + "\n" for command in commands])
        for command, output in zip(commands, came):
            with self.subTest(command=command):
                self.assertNotIn('"title":', output)
                if "curl" in command or "api_key" in command:
                    self.assertTrue(output.strip())
        self.assertEqual(PILOT, json.loads(came[1])["tenant_id"])


if __name__ == "__main__":
    unittest.main()
