"""Small disks for a stack, and full ones: file systems in memory, in a mount namespace of their own.

They need no root where the kernel gives namespaces to everybody, are seen by nobody else, and
are gone with the process that holds them.
"""
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import unittest

from harness import Stack


class Disks:
    """Disks("wal", "data"): each of mib MiB, at .path(name) for whoever runs in the namespace."""

    def __init__(self, *names, mib=64):
        # Where the stack's user can reach it, wherever the checkout is.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="mizan-disks-", dir="/var/tmp"))
        self.root.chmod(0o755)
        for name in names:
            self.path(name).mkdir()
        root = os.geteuid() == 0
        owner = pwd.getpwnam(os.environ.get("MIZAN_USER", "www-data")) if root else pwd.getpwuid(os.getuid())
        options = f"size={mib}m,uid={owner.pw_uid},gid={owner.pw_gid},mode=700"
        mounts = " && ".join(f"mount -t tmpfs -o {options} mizan {self.path(name)}" for name in names)
        user = [] if root else ["--user", "--map-current-user", "--keep-caps"]
        self.holder = subprocess.Popen(
            ["unshare", *user, "--mount", "sh", "-c", f"{mounts} && echo held && exec cat"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        said = self.holder.stdout.readline()
        if said != "held\n":
            self.close()
            raise unittest.SkipTest(f"no file systems of our own here: {said.strip()}")
        self.enter = ["nsenter", f"--target={self.holder.pid}", "--mount",
                      *([] if root else ["--user", "--preserve-credentials"]), "--"]

    def path(self, name):
        return self.root / name

    def shell(self, script):
        """Runs in the namespace; its output."""
        done = subprocess.run([*self.enter, "sh", "-ec", script], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{script}: {done.stdout}")
        return done.stdout

    def fill(self, name, leave_kib=0):
        """Not a byte is free, or leave_kib KiB."""
        path = self.path(name)
        self.shell(f"cat /dev/zero >{path}/filler 2>{path}/../said || true;"
                   f" truncate -s -{leave_kib}K {path}/filler")

    def free(self, name):
        self.shell(f"rm -f {self.path(name)}/filler")

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        shutil.rmtree(self.root)


class DiskStack(Stack):
    """A stack that runs where the disks are."""

    def __init__(self, name, disks, **settings):
        super().__init__(name, **settings)
        self.disks = disks
        self.prefix = disks.enter
