"""A stack whose programs fail on demand, by tests/torture/fail_nth.so; for tests on top of harness.py."""
import contextlib
import mmap
import os
import struct

from harness import wait_for
from programs import WrappedStack

CLASSES = ("memory", "libpq", "libcurl", "fcgi memory")  # of fail_nth.h
POINT = struct.Struct("IIII64s")
LIVE = struct.Struct("q")
FOR_EVER = 2**32 - 1
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


class FailingStack(WrappedStack):
    """Its endpoints and its one worker (two would share the steering) fail on demand."""

    def __init__(self, name, **settings):
        super().__init__(name, **settings)
        self.points = {}

    def start(self, name, real):
        if name not in STEERED:
            return super().start(name, real)
        steering = self.bin / f"{name}.steering"
        steering.write_bytes(bytes(len(CLASSES) * POINT.size + LIVE.size))
        steering.chmod(0o666)
        self.points[name.removesuffix(".fcgi")] = FailPoints(steering)
        # A sanitizer's library wants to be the first to be loaded, and does as well as the second.
        return (f"export LD_PRELOAD={real.parent}/fail_nth.so FAIL_NTH={steering}"
                f" ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0\n{super().start(name, real)}")

    def remove(self):
        for points in self.points.values():
            points.close()
        super().remove()

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
