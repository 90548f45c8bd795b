"""A stack whose programs fail on demand, by tests/torture/fail_nth.so; for tests on top of harness.py."""
import contextlib
import mmap
import os
import pathlib
import shutil
import stat
import struct
import tempfile

from harness import ROOT, Stack, wait_for

CLASSES = ("memory", "libpq", "libcurl", "fcgi memory")  # of fail_nth.h
POINT = struct.Struct("IIII64s")
LIVE = struct.Struct("q")
FOR_EVER = 2**32 - 1
ENDPOINTS = ("full_process.fcgi", "health.fcgi", "admin.fcgi")
STEERED = ("full_process.fcgi", "health.fcgi", "worker")


class FailPoints:
    """The calls of one program: see tests/torture/fail_nth.h."""

    def __init__(self, path):
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

    def close(self):
        self.map.close()

    def arm(self, kind, nth, count=1):
        """From now on the nth call fails, and so do those after it, count of them in all."""
        at = CLASSES.index(kind) * POINT.size
        self.map[at:at + 4] = bytes(4)
        POINT.pack_into(self.map, at, 0, min(nth + count, FOR_EVER), 0, 0, b"")
        struct.pack_into("I", self.map, at, nth)

    def disarm(self):
        for i in range(len(CLASSES)):
            struct.pack_into("I", self.map, i * POINT.size, 0)

    def count(self, kind):
        """How many calls were made since arm()."""
        return self.read(kind)[2]

    def fired(self, kind):
        """How many of them failed."""
        return self.read(kind)[3]

    def what(self, kind):
        """The last that failed, and whence it was called."""
        return self.read(kind)[4].split(b"\0")[0].decode()

    def read(self, kind):
        return POINT.unpack_from(self.map, CLASSES.index(kind) * POINT.size)

    @property
    def live(self):
        """Blocks of memory that the program has allocated and not freed."""
        return LIVE.unpack_from(self.map, len(CLASSES) * POINT.size)[0]


class FailingStack(Stack):
    """Its folder of programs holds, in the place of each, a script that preloads fail_nth.so."""

    def __init__(self, name, **settings):
        super().__init__(name, **settings)
        self.bin = pathlib.Path(tempfile.mkdtemp(prefix="mizan-fail-", dir="/var/tmp"))
        self.bin.chmod(0o755)  # whoever the stack runs as
        self.points = {}

    def script(self, *arguments, settings=None):
        return super().script(*arguments, settings=(settings or {}) | {"MIZAN_BIN": self.bin})

    def up(self, *arguments):
        built = pathlib.Path(os.environ.get("MIZAN_BIN") or ROOT / "build" / "plain" / "bin")
        real = self.bin / "real"
        real.mkdir()
        for name in (*ENDPOINTS, "worker", "openai_sim", "fail_nth.so"):
            shutil.copy(built / name, real / name)
        for name in (*ENDPOINTS, "worker", "openai_sim"):
            self.write_program(name, real / name)
        return super().up(*arguments)

    def write_program(self, name, real):
        """Two workers would share the steering: there is one."""
        prefix = ""
        if name in STEERED:
            steering = self.bin / f"{name}.steering"
            steering.write_bytes(bytes(len(CLASSES) * POINT.size + LIVE.size))
            steering.chmod(0o666)
            self.points[name.removesuffix(".fcgi")] = FailPoints(steering)
            # A sanitizer's library wants to be the first, and does as well as the second.
            prefix = (f"export LD_PRELOAD={real.parent}/fail_nth.so FAIL_NTH={steering}"
                      " ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0\n")
        script = self.bin / name
        script.write_text(f"#!/bin/sh\n{prefix}exec {real} \"$@\"\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def remove(self):
        """Down, and its programs gone."""
        self.down()
        for points in self.points.values():
            points.close()
        shutil.rmtree(self.bin, ignore_errors=True)

    @contextlib.contextmanager
    def failing(self, program, kind, nth, count=1):
        """Within the block the program's nth call of that kind fails."""
        points = self.points[program]
        points.arm(kind, nth, count)
        try:
            yield points
        finally:
            points.disarm()


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settled(value, what, timeout=10):
    """What value() comes to rest at: the same five times in a row."""
    last = []

    def resting():
        last.append(value())
        return len(last) >= 5 and len(set(last[-5:])) == 1
    wait_for(resting, timeout, what, every=0.1)
    return last[-1]
