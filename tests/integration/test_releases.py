"""Releases: exchanged under load without a request that fails, gone back from, and refused when they should be."""
import collections
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import threading
import unittest

import releases
from harness import Stack, StackCase, TORTURE, fresh_tenant, wait_for

CLIENTS = 8
ROUNDS = 10 if TORTURE else 1


class Uploads:
    """Clients that upload new documents, one after the other, within the block."""

    def __init__(self, stack, tenant):
        self.stack, self.tenant = stack, tenant
        self.stopping = threading.Event()
        self.told = collections.Counter()
        self.jobs = set()
        self.lock = threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(CLIENTS)

    def run(self, number):
        headers = {"Prefer": "respond-async"} if number % 4 == 3 else {}
        while not self.stopping.is_set():
            answer = self.stack.upload(self.stack.unique_pdf(), tenant=self.tenant, headers=headers)
            with self.lock:
                self.told[answer.status] += 1
                if answer.status in (200, 202):
                    self.jobs.add(answer.json["job_id"])
            look = self.stack.get(f"/jobs/{answer.json['job_id']}") if answer.status == 202 else None
            if look and look.status != 200:
                self.told[f"GET {look.status}"] += 1

    def accepted(self):
        return len(self.jobs)

    def more(self, n):
        before = self.accepted()
        wait_for(lambda: self.accepted() >= before + n, 30, f"{n} more uploads")

    def __enter__(self):
        self.running = [self.pool.submit(self.run, n) for n in range(CLIENTS)]
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.pool.shutdown()
        for client in self.running:
            client.result()


def unpacked(tarball, directory):
    """The release as a folder that a test may change."""
    with tarfile.open(tarball) as tar:
        tar.extractall(directory)
    return next(pathlib.Path(directory).iterdir())


def with_file(folder, name, text, build_id):
    """The release with one more file, or text added to one, and another build id; its manifest as it should be."""
    with (folder / name).open("a") as file:
        file.write(text)
    manifest = json.loads((folder / "manifest.json").read_text())
    sha256 = subprocess.run(["sha256sum", folder / name], check=True, capture_output=True, text=True).stdout.split()[0]
    manifest["files"][name] = sha256
    manifest["build_id"] = build_id
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


class Releases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack("releases-stack", WORKERS=2)
        cls.addClassCleanup(cls.stack.down)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            one, two, bad = (pool.submit(releases.make_release, f"git:{name}", **options) for name, options in (
                ("one", {}), ("two", {}), ("bad", {"bad": "not_ready"})))
            cls.stack.up()
            cls.one, cls.tarball, cls.bad = one.result(), two.result(), bad.result()
        cls.two = with_file(unpacked(cls.tarball, cls.enterClassContext(releases.scratch())),
                            "nginx/mizan-problems.conf", "\n# another\n", "git:two")
        cls.root = releases.Root(cls.stack)
        cls.addClassCleanup(shutil.rmtree, cls.root.dir, ignore_errors=True)
        cls.done(cls.root.deploy(cls.one))

    @staticmethod
    def done(result):
        status, said = result
        if status != 0:
            raise AssertionError(f"exit status {status}: {said}")
        return said

    def setUp(self):
        self.stack.tidy()
        self.tenant = fresh_tenant(self._testMethodName)
        if self.root.current() != "git-one":
            self.done(self.root.deploy(self.one, "--no-check"))
        self.scratch = self.enterContext(releases.scratch())

    def tearDown(self):
        self.assertFalse([name for name in self.root.installed() if name.startswith(".")])

    def serving(self):
        return self.stack.ready().json["build_id"]

    def assert_refused(self, said, build, *arguments):
        """Nothing is changed by it."""
        before = self.state()
        status, output = self.root.deploy(build, *arguments)
        self.assertEqual(1, status, output)
        self.assertIn(said, output)
        self.assertEqual(before, self.state())
        self.assertEqual("git:one", self.serving())

    def state(self):
        return (self.root.current(), self.root.previous(), self.root.installed(), self.root.history(),
                self.stack.pid("worker-1"), self.stack.pid("full_process"),
                self.stack.value("select count(*) from schema_migrations"),
                self.stack.value("select count(*) from audit_log"))

    def test_exchange_under_load(self):
        for turn in range(ROUNDS):
            with self.subTest(turn=turn), Uploads(self.stack, self.tenant) as uploads:
                uploads.more(8)
                pids = {name: self.stack.pid(name) for name in ("full_process", "health", "admin", "worker-1", "worker-2", "watchdog")}
                said = self.done(self.root.deploy(self.two, "--no-check"))
                self.assertRegex(said, "nginx +reloaded")
                self.assertEqual("git:two", self.serving())
                for name, pid in pids.items():
                    self.assertNotEqual(pid, self.stack.pid(name), said)
                uploads.more(8)
                self.assertRegex(self.done(self.root.rollback()), "nginx +reloaded")
                self.assertEqual(("git-one", "git:one"), (self.root.current(), self.serving()))
                uploads.more(8)
            self.assertLessEqual(set(uploads.told), {200, 202}, uploads.told)
            counts = f"select count(*) from jobs where tenant_id = '{self.tenant}'"
            self.assertEqual(uploads.accepted(), self.stack.value(counts))
            wait_for(lambda: not self.stack.value(counts + " and state in ('QUEUED', 'RUNNING')"), 30, "the end of the jobs")
            self.assertEqual(uploads.accepted(), self.stack.value(counts + " and state = 'SUCCEEDED' and lost_leases = 0"))
            self.tenant = fresh_tenant("again")
        self.assertIn(["release.deploy", "release:git-two", "git-one", "ok"], self.audit_log())
        self.assertIn(["release.rollback", "release:git-one", "git-two", "ok"], self.audit_log())

    def audit_log(self):
        return self.stack.sql("select action, object, detail->>'from', detail->>'outcome' from audit_log where action like 'release.%'")

    def test_build_that_does_not_work_goes_back(self):
        status, said = self.root.deploy(self.bad, "--wait", "2")
        self.assertEqual(1, status, said)
        self.assertIn("does not do its work", said)
        self.assertEqual(("git-one", "git:one"), (self.root.current(), self.serving()))
        self.assertIn("git-bad", self.root.installed())
        self.assertEqual(200, self.stack.ready().status)
        self.assertEqual(["deploy git-one git-bad failed", "rollback git-bad git-one ok"], self.root.history()[-2:])

    @unittest.skipUnless(TORTURE, "make torture does")
    def test_rollback_to_and_leave(self):
        self.done(self.root.deploy(self.two, "--no-check"))
        before = self.state()
        self.assertIn("from git:two to git:one", self.done(self.root.rollback("--dry-run")))
        self.assertEqual(6, self.root.rollback("--leave", "git:one")[0])
        self.assertEqual(before, self.state())
        self.done(self.root.rollback("--leave", "git:two"))
        self.assertEqual("git-one", self.root.current())
        status, said = self.root.rollback("--to", "git:three")
        self.assertEqual(1, status)
        self.assertIn("git-two", said)  # one of those that there are
        self.done(self.root.rollback("--to", "git:two"))
        self.assertEqual(("git-two", "git-one"), (self.root.current(), self.root.previous()))

    @unittest.skipUnless(TORTURE, "make torture does")
    def test_a_killed_deploy(self):
        """At any moment: the same command again finishes it, and nothing half is ever to be seen."""
        for seconds in (0.3, 0.6, 0.9, 1.2, 1.5, 2, 2.5, 3, 4, 5):
            with self.subTest(killed_after=seconds):
                self.root.killed_deploy(self.two, seconds, "--no-check")
                self.assertIn(self.root.current(), ("git-one", "git-two"))
                self.assertEqual(200, self.stack.ready().status)
                self.done(self.root.deploy(self.two, "--no-check", "--keep", "0"))
                self.assertEqual(["git-one", "git-two"], self.root.installed())
                self.assertEqual("git:two", self.serving())
                self.done(self.root.rollback())
                shutil.rmtree(self.root.dir / "releases" / "git-two")

    def test_rollback_to_a_build_that_the_settings_do_not_fit(self):
        """Its programs would not start: nothing is changed, and the dry run says the same."""
        picky = unpacked(self.tarball, self.scratch)
        (picky / "bin/health.fcgi").write_text("")
        with_file(picky, "bin/health.fcgi", "#!/bin/sh\necho wants another setting >&2\nexit 2\n", "git:picky")
        place = shutil.copytree(picky, self.root.dir / "releases" / "git-picky")
        self.addCleanup(shutil.rmtree, place)
        before = self.state()
        for arguments in (["--dry-run"], []):
            status, said = self.root.rollback("--to", "git:picky", *arguments)
            self.assertEqual(1, status, said)
            self.assertIn("wants another setting", said)
            self.assertIn("the settings do not fit build git:picky; nothing was changed", said)
            self.assertNotIn("ACT NOW", said)
        self.assertEqual((before, "git:one"), (self.state(), self.serving()))

    def test_refused(self):
        with self.subTest("a dry run is none, and changes nothing"):
            before = self.state()
            self.assertIn("from git:one to git:two", self.done(self.root.deploy(self.two, "--dry-run")))
            self.assertEqual(before, self.state())
        with self.subTest("cut"):
            cut = self.scratch / "cut.tar.gz"
            cut.write_bytes(self.tarball.read_bytes()[:-1000])
            self.assert_refused("cannot be unpacked", cut)
        folder = shutil.copytree(self.two, self.scratch / "changed")
        with self.subTest("damaged"):
            worker = folder / "bin" / "worker"
            whole = worker.read_bytes()
            worker.write_bytes(whole + b"x")
            self.assert_refused("bin/worker", folder)
            worker.write_bytes(whole)
        with self.subTest("more than it should hold"):
            (folder / "bin" / "more").write_text("")
            self.assert_refused("other files", folder)
            (folder / "bin" / "more").unlink()
        with self.subTest("another build of that id"):
            self.assert_refused("another build of the same id", with_file(folder, "docs/new.md", "", "git:one"))
        with self.subTest("a migration that the old build could not bear"):
            with_file(folder, "sql/9000_less.sql", "alter table jobs drop column state;\n", "git:less")
            self.assert_refused("sql/9000_less.sql:1", folder)
        with self.subTest("its settings"):
            (folder / "sql/9000_less.sql").write_text("")
            with_file(folder, "sql/9000_less.sql", "-- nothing\n", "git:elsewhere")
            self.assert_refused("BUILD_ID", folder)


class Systemd(StackCase):
    """With stand-ins for systemctl and nginx, which write down how they were called."""

    def setUp(self):
        super().setUp()
        self.scratch = self.enterContext(releases.scratch())
        self.running = self.stack.ready().json["build_id"]
        tools = self.scratch / "tools"
        tools.mkdir()
        self.calls = self.scratch / "calls"
        for name, act in (("systemctl", '[ "$1" != cat ] || cat "$unitdir/$2"'), ("nginx", "")):
            (tools / name).write_text(self.stand_in(name, act))
            (tools / name).chmod(0o755)
        etc = self.scratch / "etc"
        self.variables = {
            "PATH": f"{tools}:{os.environ['PATH']}", "sysconfdir": str(etc), "unitdir": str(self.scratch / "units"),
            "bindir": str(self.scratch / "bin"), "MIZAN_ROOT": str(self.scratch / "root")}
        self.root = releases.Root(None, self.scratch / "root")
        self.this = releases.make_release(self.running)
        self.other = releases.make_release("git:two")
        unpacked(self.this, self.scratch / "unpacked")
        (etc / "mizan").mkdir(parents=True)
        (etc / "mizan" / "mizan.env").write_text(
            f'ENV=development\n# not this\nAPI_KEY="{self.stack.api_key}"\nADMIN_API_KEY={self.stack.admin_key}\n')
        for name in ("full_process", "health", "admin", "worker", "watchdog"):
            (etc / "mizan" / f"{name}.env").write_text("DATABASE_URL=postgresql://nowhere/mizan\n")
        self.watchdog_env = etc / "mizan" / "watchdog.env"
        self.reached_by(f"PUBLIC_URL=https://mizan.invalid\nREADY_URL={self.stack.url}/health/ready\n"
                        f"READY_CA_FILE={self.stack.env['MIZAN_CACERT']}\n")
        (etc / "mizan" / "migrate.env").write_text(f"DATABASE_OWNER_URL={self.stack.env['DATABASE_OWNER_URL']}\n")

    def stand_in(self, name, act):
        return f'#!/bin/sh\necho {name} "$@" >>{self.calls}\n{act}\n'

    def reached_by(self, settings):
        """The watchdog's settings say where the installation is; nobody else's do."""
        self.watchdog_env.write_text("DATABASE_URL=postgresql://nowhere/mizan\n" + settings)

    def install(self):
        done = releases.run([str(next((self.scratch / "unpacked").iterdir()) / "scripts" / "install"), "--release",
                             str(self.root.dir)], env=self.variables)
        self.assertEqual(0, done.returncode, done.stdout)

    def deploy(self, build, *arguments, **variables):
        self.calls.write_text("")
        return self.root.deploy(build, "--no-check", *arguments, **self.variables | variables)

    def called(self):
        return self.calls.read_text().splitlines()

    def test_deploy(self):
        status, said = self.deploy(self.this)
        self.assertEqual(1, status)
        self.assertIn("scripts/install --release", said)  # the units do not run releases yet
        self.install()
        status, said = self.deploy(self.this)
        self.assertEqual(0, status, said)
        restart = "systemctl restart mizan-admin mizan-health mizan-full-process mizan-worker@* mizan-watchdog"
        expected = ["systemctl cat mizan-health.service", "systemctl daemon-reload", "nginx -t -q", "systemctl reload nginx", restart]
        self.assertEqual(expected, self.called())
        units = self.scratch / "units"
        self.assertIn(f"ExecStart={self.root.dir}/current/bin/worker\n", (units / "mizan-worker@.service").read_text())
        self.assertIn(f"{self.root.dir}/current/scripts/answer_rollback ", (units / "mizan-rollback.service").read_text())
        self.assertIn(f"{self.root.dir}/current/nginx/html/", (self.scratch / "etc/mizan/nginx/mizan.conf").read_text())
        with self.subTest("a build that does not come up: all of it back"):
            status, said = self.deploy(self.other, "--wait", "0")
            self.assertEqual(1, status, said)
            self.assertIn(f"build {self.running} runs again", said)
            self.assertEqual(expected + expected[1:], self.called())
            self.assertEqual(releases.name_of(self.running), self.root.current())
        with self.subTest("settings that hide its build"):
            with (self.scratch / "etc/mizan/mizan.env").open("a") as env:
                env.write("BUILD_ID=mine\n")
            status, said = self.deploy(self.other)
            self.assertEqual((1, expected[:1]), (status, self.called()), said)
            self.assertIn("BUILD_ID", said)

    def test_an_address_without_an_answer(self):
        """No build could be proved there, so that none is switched on."""
        self.install()
        self.assertEqual(0, self.deploy(self.this)[0])
        for settings in ("", "READY_URL=https://localhost:1/health/ready\n",
                         f"READY_URL={self.stack.url}/health/ready\n"):  # whose certificate is not trusted
            with self.subTest(settings=settings):
                self.reached_by(settings)
                status, said = self.deploy(self.other)
                self.assertEqual((1, releases.name_of(self.running)), (status, self.root.current()), said)
                self.assertRegex(said, "no answer from https://localhost.*READY_URL in .*watchdog.env")
        self.reached_by(f"PUBLIC_URL={self.stack.url}/\n")
        status, said = self.deploy(self.other, "--dry-run", MIZAN_CACERT=self.stack.env["MIZAN_CACERT"])
        self.assertEqual(0, status, said)

    def test_nothing_works(self):
        """A build is switched on that nobody has seen at work: not to be taken for one that went back."""
        self.install()
        with self.subTest("the first one there is"):
            status, said = self.deploy(self.other, "--wait", "0")
            self.assert_urgent(5, "git:two", status, said)
            self.assertIn("there is none here", said)
            self.assertEqual(["deploy none git-two failed"], self.root.history())
        with self.subTest("nor the one before"):
            (self.scratch / "tools" / "systemctl").write_text(self.stand_in("systemctl", '[ "$1" != cat ] || cat "$unitdir/$2"; [ "$1" != restart ]'))
            status, said = self.deploy(self.this)
            self.assert_urgent(5, "git:two", status, said)
            self.assertIn(f"--to one of {releases.name_of(self.running)}", said)
        with self.subTest("gone back to"):
            status, said = self.root.rollback("--to", self.running, **self.variables)
            self.assert_urgent(5, self.running, status, said)
        with self.subTest("refused"):
            status, said = self.root.rollback("--to", "git:three", **self.variables)
            self.assertEqual(1, status)
            self.assertNotIn("ACT NOW", said)

    def assert_urgent(self, expected, build, status, said):
        self.assertEqual(expected, status, said)
        self.assertIn(f"*** ACT NOW: build {build} is switched on, and nobody has seen it work.", said)
        self.assertEqual(releases.name_of(build), self.root.current())

    def test_interrupted(self):
        """Before the switch nothing is urgent; after it somebody has to look."""
        self.install()
        self.assertEqual(0, self.deploy(self.this)[0])
        folder = unpacked(self.other, self.scratch / "changed")
        (folder / "scripts/post_deploy_check.py").write_text("")
        with_file(folder, "scripts/post_deploy_check.py", "#!/bin/sh\necho looks\nexec sleep 60\n", "git:two")
        self.assertEqual((130, "git-two"), self.interrupt(folder, "looks", urgent=True))
        self.assertEqual(f"deploy {releases.name_of(self.running)} git-two interrupted", self.root.history()[-1])
        (folder / "scripts/migrate").write_text("")
        with_file(folder, "scripts/migrate", "#!/bin/sh\necho looks >&2\nexec sleep 60\n", "git:three")
        self.assertEqual((130, "git-two"), self.interrupt(folder, "looks", urgent=False))

    def interrupt(self, folder, when, urgent):
        """(exit status, current release) of a deploy that ^C ends when it has said that."""
        with self.root.started("deploy", folder, **self.variables) as deploy:
            said = ""
            while when not in said:
                line = deploy.stdout.readline()
                self.assertTrue(line, said)
                said += line
            os.killpg(deploy.pid, signal.SIGTERM)
            said += deploy.communicate(timeout=30)[0]
        self.assertIn("interrupted", said)
        self.assertEqual((urgent, not urgent), ("*** ACT NOW" in said, "nothing is urgent: " in said), said)
        return deploy.returncode, self.root.current()

    def test_ends_of_the_check(self):
        """1 and 2 mean back; 3 and 4 that somebody has to look; what is no answer, that nobody saw the build at work."""
        self.install()
        self.assertEqual(0, self.deploy(self.this)[0])
        folder = unpacked(self.other, self.scratch / "changed")
        this, other = releases.name_of(self.running), "git-two"
        every = ((2, (1, this)), (4, (3, other)), (0, (0, other)), (1, (1, this)), (3, (3, other)),
                 (70, (5, other)), (127, (5, other)))
        for status, expected in every if TORTURE else every[:2] + every[-1:]:
            with self.subTest(status=status):
                (folder / "scripts/post_deploy_check.py").write_text("")
                with_file(folder, "scripts/post_deploy_check.py", f"#!/bin/sh\nexit {status}\n", "git:two")
                ended, said = self.root.deploy(folder, **self.variables)
                self.assertEqual(expected, (ended, self.root.current()), said)
                self.assertEqual(ended == 5, "*** ACT NOW: " in said, said)
                self.root.link_to("current", this)
                shutil.rmtree(self.root.dir / "releases" / other)

    def test_a_rollback_is_asked_for(self):
        """By the watchdog's command, through the file that a path unit waits for."""
        self.install()
        for build in (self.other, self.this):
            (self.root.dir / "releases").mkdir(parents=True, exist_ok=True)
            self.root.place(build)
        self.root.link_to("current", "git-two")
        self.root.link_to("previous", releases.name_of(self.running))
        asked, answered = self.scratch / "asked", self.scratch / "answered"
        asked.mkdir()
        answered.mkdir()
        status, said = self.ask_to_leave("git:two", asked, answered)
        self.assertEqual(0, status, said)
        self.assertIn(f"is build {self.running}", said)
        self.assertIn("watchdog rollback git-two", (self.root.dir / "history").read_text())
        with self.subTest("another one is current"):
            history = self.root.history()
            status, said = self.ask_to_leave("git:three", asked, answered)
            self.assertEqual(6, status, said)
            self.assertIn(f"nothing was done: the current release is {self.running}, not git-three", said)
            self.assertEqual((releases.name_of(self.running), history), (self.root.current(), self.root.history()))

    def ask_to_leave(self, build, asked, answered):
        """(exit status, output) of ask_rollback, once answer_rollback has ended in the same way."""
        scripts = self.root.dir / "current" / "scripts"
        with subprocess.Popen([scripts / "ask_rollback"], text=True, stdout=subprocess.PIPE,
                              env=self.variables | {"STATE_DIRECTORY": str(asked), "ROLLBACK_ANSWERS": str(answered),
                                                    "ROLLBACK_BUILD_ID": build}) as ask:
            wait_for((asked / "rollback").exists, 10, "the file")
            done = releases.run([str(scripts / "answer_rollback"), str(asked / "rollback")],
                                env=self.variables | {"STATE_DIRECTORY": str(answered)})
            said = ask.communicate(timeout=20)[0]
        self.assertEqual((done.returncode, done.stdout), (ask.returncode, said))
        self.assertFalse((asked / "rollback").exists())
        return ask.returncode, said


if __name__ == "__main__":
    unittest.main()
