"""A stack whose programs are started in another way than as they are; for tests on top of harness.py."""
import os
import pathlib
import re
import shutil
import tempfile

from harness import ROOT, Stack

BUILT = ("full_process.fcgi", "health.fcgi", "admin.fcgi", "worker", "watchdog", "openai_sim", "fail_nth.so")


def built():
    """The folder of the programs under test."""
    return pathlib.Path(os.environ.get("MIZAN_BIN") or ROOT / "build" / "plain" / "bin").resolve()


def sanitized():
    """Whether they were built with a sanitizer."""
    return re.search(rb"__[atl]san_", (built() / "worker").read_bytes()) is not None


class WrappedStack(Stack):
    """Its folder of programs holds, in the place of each, a script that starts it.

    start(name, real) gives the script: shell lines, the last of which ends in {real} "$@".
    """

    def __init__(self, name, **settings):
        super().__init__(name, **settings)
        self.bin = pathlib.Path(tempfile.mkdtemp(prefix="mizan-programs-", dir="/var/tmp"))
        self.bin.chmod(0o1777)  # whoever the stack runs as writes its reports here

    def start(self, name, real):
        return f'exec {real} "$@"'

    def script(self, *arguments, settings=None):
        return super().script(*arguments, settings=(settings or {}) | {"MIZAN_BIN": self.bin})

    def up(self, *arguments):
        real = self.bin / "real"
        real.mkdir()
        for name in BUILT:
            shutil.copy(built() / name, real / name)
            script = self.bin / name
            script.write_text(f"#!/bin/sh\n{self.start(name, real / name)}\n")
            script.chmod(0o755)
        return super().up(*arguments)

    def remove(self):
        """Down, and its programs gone."""
        self.down()
        shutil.rmtree(self.bin, ignore_errors=True)
