"""Releases for tests: builds that differ in their build id, and bad ones.

    tarball = releases.make_release("git:two")
    bad = releases.make_release("git:bad", bad="5xx")
    place = releases.Root(stack, directory)      # ROOT of scripts/deploy, for that stack
    place.deploy(tarball, "--no-check")
    place.rollback()

A release is the programs under test, linked once more with another lib/core/build_id.o.
"""
import contextlib
import functools
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

from harness import ROOT, TEST_DIR, environment, run
from programs import built

PROGRAMS = ("full_process.fcgi", "health.fcgi", "admin.fcgi", "worker", "watchdog")


def name_of(build_id):
    return build_id.replace(":", "-")


@functools.cache
def make(*variables):
    """Values of the Makefile's variables, for the build that the programs under test are of."""
    folder = built().parent
    sanitizer = [] if folder.name == "plain" else [f"SAN={folder.name.replace('-', ',')}"]
    done = run(["make", "-s", "--no-print-directory", *sanitizer, *(f"print-{v}" for v in variables)], cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stdout)
    return [shlex.split(line) for line in done.stdout.splitlines()]


def command(*words):
    done = run([str(w) for w in words], cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stdout}")
    return done.stdout


@functools.cache
def make_release(build_id, bad=None, to=None):
    """The tarball of a release git:NAME, in TEST_DIR/tarballs or the folder `to`; made once.

    bad: "5xx" answers uploads with 500, and is fine otherwise; "not_ready" wants a schema that is not
    there yet, and so never gets ready.
    """
    assert bad in (None, "5xx", "not_ready") and re.fullmatch(r"git:[A-Za-z0-9._-]+", build_id)
    compiler, link, libs, objects, schema, folder = make(
        "COMPILE", "LINK", "LIBS", "FCGI_OBJ", "SCHEMA_VERSION", "B")
    folder = pathlib.Path(folder[0])
    version = 9999 if bad == "not_ready" else int(schema[0])
    with tempfile.TemporaryDirectory(prefix="mizan-release-") as scratch:
        scratch = pathlib.Path(scratch)
        own = scratch / "build_id.o"
        command(*compiler, f'-DMIZAN_BUILD_SHA="{build_id.removeprefix("git:")}"',
                f"-DMIZAN_SCHEMA_VERSION={version}", "-c", "-o", own, "lib/core/build_id.c")
        (scratch / "bin").mkdir()
        for name in PROGRAMS:
            main = folder / "fcgi" / (name.removesuffix(".fcgi") + ".o")
            if bad == "5xx" and name == "full_process.fcgi":
                main = scratch / "broken.o"
                command(*compiler, "-c", "-o", main, "tests/integration/broken_full_process.c")
            command(compiler[0], *link, "-o", scratch / "bin" / name, main, *objects, own, folder / "libmizan.a", *libs)
        to = pathlib.Path(to or TEST_DIR / "tarballs")
        said = command(ROOT / "scripts" / "release", scratch / "bin", "--dirty", "--to", to)
    return pathlib.Path(said.split(": build ")[0])


@contextlib.contextmanager
def scratch():
    """A folder that every user can read."""
    with tempfile.TemporaryDirectory(prefix="mizan-release-", dir="/var/tmp") as path:
        path = pathlib.Path(path)
        path.chmod(0o755)
        yield path


class Root:
    """ROOT of scripts/deploy: releases of one stack."""

    def __init__(self, stack, directory=None):
        self.stack = stack
        self.dir = pathlib.Path(directory or TEST_DIR / "releases")
        shutil.rmtree(self.dir, ignore_errors=True)

    def arguments(self):
        """stack None: what systemd keeps running."""
        manager = f"stack:{self.stack.dir}" if self.stack else "systemd"
        return ["--root", str(self.dir), "--manager", manager]

    def deploy(self, build, *arguments, **variables):
        """scripts/deploy: (exit status, output)."""
        return self.run("deploy", str(build), *arguments, **variables)

    def rollback(self, *arguments, **variables):
        return self.run("rollback", *arguments, **variables)

    def run(self, script, *arguments, **variables):
        done = run([str(ROOT / "scripts" / script), *arguments, *self.arguments()], cwd=ROOT,
                   env=environment({}) | variables)
        return done.returncode, done.stdout

    def started(self, script, build, *arguments, **variables):
        """The script, under way: a process group of its own, its output to be read."""
        return subprocess.Popen([str(ROOT / "scripts" / script), str(build), *arguments, *self.arguments()], cwd=ROOT,
                                env=environment({}) | variables, start_new_session=True, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def killed_deploy(self, build, seconds, *arguments):
        """scripts/deploy, killed after so long, what it had started included."""
        with self.started("deploy", build, *arguments) as deploy:
            with contextlib.suppress(subprocess.TimeoutExpired):
                deploy.communicate(timeout=seconds)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(deploy.pid, signal.SIGKILL)

    def place(self, tarball):
        """The release as if it had been deployed once."""
        place = self.dir / "releases" / tarball.name.removeprefix("mizan-").removesuffix(".tar.gz")
        place.mkdir()
        command("tar", "xzf", tarball, "--force-local", "-C", place, "--strip-components=1")

    def link_to(self, link, name):
        (self.dir / link).unlink(missing_ok=True)
        (self.dir / link).symlink_to(f"releases/{name}")

    def current(self):
        return self.link("current")

    def previous(self):
        return self.link("previous")

    def link(self, name):
        path = self.dir / name
        return os.path.basename(os.readlink(path)) if path.is_symlink() else None

    def installed(self):
        return sorted(p.name for p in (self.dir / "releases").iterdir())

    def history(self):
        """Its lines without when and who."""
        return [line.split(" ", 2)[2] for line in (self.dir / "history").read_text().splitlines()]
